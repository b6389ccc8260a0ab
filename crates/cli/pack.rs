//! `pack`: results as an artifact.

use flowbench_harness::packing::{PackRequest, pack as pack_results};
use flowbench_report::Quantity;

use crate::args::Pack;
use crate::failure::{Failure, OK, eprint, print};
use crate::kept_run::check_results_dir;

/// How flowbench is cited.
const CITATION: &str = include_str!("../../CITATION.cff");

/// Licences whose texts are at hand.
const KNOWN_LICENSES: [(&str, &str); 2] =
    [("MIT", include_str!("../../LICENSE-MIT")), ("Apache-2.0", include_str!("../../LICENSE-APACHE"))];

pub(crate) fn pack(args: &Pack, quiet: bool) -> Result<i32, Failure> {
    check_results_dir(&args.dir)?;
    let request = PackRequest {
        dir: args.dir.clone(),
        out: args.out.clone(),
        note: args.note.clone(),
        lock: args.lock.clone(),
        license: args.license.clone(),
        license_text: args.license_text.clone(),
        known_licenses: &KNOWN_LICENSES,
        citation: CITATION,
        may_be_incomplete: args.incomplete,
        keeps_names: args.keep_names,
    };
    let artifact = pack_results(&request).map_err(Failure::failed)?;
    print(&format!("{}\n", artifact.folder.display()))?;
    if !quiet {
        artifact.remarks.iter().for_each(eprint);
        let size = Quantity::Bytes.human(artifact.packed.bytes as f64);
        eprint(format!("{} files, {size}; begin with README.md", artifact.packed.files));
    }
    Ok(OK)
}
