//! All cases inside the page, compressed, for those who have nothing but the page.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use flowbench_measurement::columns::cases_csv;
use flowbench_measurement::record::CaseRecord;

use crate::Quantity;

/// Name of the file that a browser saves.
const NAME: &str = "cases.csv.gz";
/// Size of the longest link, characters: browsers follow no data above 2 MiB.
const LINK_MAX: usize = 2_000_000;

/// Returns a paragraph with `cases.csv` as a link that holds it; empty without a case, and if that is too much for a link.
pub(super) fn embedded_cases(cases: &[CaseRecord]) -> String {
    let encoded = compressed(&cases_csv(cases)).map(|bytes| STANDARD.encode(bytes)).unwrap_or_default();
    if cases.is_empty() || encoded.is_empty() || encoded.len() > LINK_MAX {
        return String::new();
    }
    let size = Quantity::Bytes.human(encoded.len() as f64);
    format!(
        "<p>All columns of all cases are inside this file, to be saved: <a download=\"{NAME}\" \
         href=\"data:application/gzip;base64,{encoded}\">{NAME}</a> ({size}).</p>\n"
    )
}

/// Returns text as a gzip file without a time, so that equal text gives equal bytes.
fn compressed(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_saved_is_the_text() {
        let text = "part,case\nq,1\n".repeat(1_000);
        let mut saved = String::new();
        GzDecoder::new(&compressed(&text).unwrap()[..]).read_to_string(&mut saved).unwrap();
        assert_eq!(saved, text);
    }

    #[test]
    fn no_cases_are_no_link() {
        assert_eq!(embedded_cases(&[]), "");
    }
}
