//! What stands in an artifact about each claim: how it is checked, where it is seen, what that takes.

use flowbench_measurement::claims::{Checked, Claim, check_claims};
use flowbench_measurement::record::{FigureSpec, RunRecord};

use super::part_times::part_s;
use crate::Results;

/// A claim, with what a reviewer needs to check it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClaimRow {
    /// The claim, and what the packed results say of it.
    pub(super) checked: Checked,
    /// The part that the claim is about; absent if it is about several.
    pub(super) part: Option<String>,
    /// Names of the figures that show its column.
    pub(super) figures: Vec<String>,
    /// How long it takes to measure this again, s; absent if it is not known.
    pub(super) wall_s: Option<f64>,
    /// Share (0 to 1) of all measurements that this takes.
    pub(super) share: f64,
}

/// Returns a row for each claim of a run, in their order.
pub(super) fn claim_rows(results: &Results) -> Vec<ClaimRow> {
    check_claims(&results.run.claims, &results.cases).into_iter().map(|checked| row(results, checked)).collect()
}

fn row(results: &Results, checked: Checked) -> ClaimRow {
    let run = &results.run;
    let claim = Claim::parse(&checked.claim).ok();
    let part = claim.as_ref().and_then(|claim| claim.value_of("part")).map(str::to_owned);
    let part = part.filter(|name| run.parts.iter().any(|part| part.name == *name));
    let cases = results.cases.iter().filter(|case| part.as_ref().is_none_or(|part| case.part == *part)).count();
    ClaimRow {
        figures: claim.map_or(Vec::new(), |claim| figures(run, claim.column(), part.as_deref())),
        wall_s: part.as_ref().map_or(run.wall_s, |part| part_s(results, part)),
        share: cases as f64 / results.cases.len().max(1) as f64,
        checked,
        part,
    }
}

/// Returns the names of the figures that show a column, those of one part if it is named.
fn figures(run: &RunRecord, column: &str, part: Option<&str>) -> Vec<String> {
    let parts = run.parts.iter().filter(|one| part.is_none_or(|name| one.name == name));
    let shown = parts.flat_map(|part| &part.figures).filter(|figure| shows(figure, column));
    shown.map(|figure| figure.name.clone()).collect()
}

/// Columns of claims, and columns in whose figures they are seen as well.
const ALSO_SEEN_IN: [(&str, &str); 5] = [
    ("growth_verdict", "entries"),
    ("growth_verdict", "live_bytes"),
    ("throughput_events_per_s", "efficiency"),
    ("throughput_events_per_s", "speed_up"),
    ("spurious", "spurious_share"),
];

fn shows(figure: &FigureSpec, column: &str) -> bool {
    let of_panels = figure.panels.iter().flat_map(|panel| &panel.y);
    let is_one = |shown: &str| shown == column || ALSO_SEEN_IN.contains(&(column, shown));
    let mut shown = figure.y.iter().chain(of_panels).chain([&figure.words, &figure.level_column]);
    shown.any(|shown| is_one(shown))
}
