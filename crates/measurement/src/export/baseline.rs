//! A run as one file that `compare` and `gate` read like its folder.

use super::{ExportSource, ExportedFile};
use crate::baseline::baseline_text;

pub(super) fn baseline(source: &ExportSource) -> Vec<ExportedFile> {
    ExportedFile::only(baseline_text(&source.run, &source.cases))
}
