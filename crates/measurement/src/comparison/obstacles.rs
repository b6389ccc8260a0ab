//! What keeps two runs from being compared.

use std::fmt;

use super::experiment_difference::experiment_difference;
use crate::record::RunRecord;

/// A field in which two runs differ, so that a difference of their times need not come from the code under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The field, such as `machine.cpu`.
    pub field: &'static str,
    /// Its value before.
    pub before: String,
    /// Its value after.
    pub after: String,
}

/// Writes the field with its values.
impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: '{}' before, '{}' after", self.field, self.before, self.after)
    }
}

/// Returns the fields of two runs that differ and have to be the same for their times to be compared.
pub fn obstacles(before: &RunRecord, after: &RunRecord) -> Vec<Obstacle> {
    let experiments = experiment_difference(&before.resolved_experiment, &after.resolved_experiment);
    let measuring = |run: &RunRecord| run.build.measuring_digest.clone().unwrap_or_else(|| unknown(run));
    let pair = |of: fn(&RunRecord) -> String| (of(before), of(after));
    let fields: [(&'static str, (String, String)); 7] = [
        ("experiment", experiments.unwrap_or_default()),
        ("machine.cpu", pair(|run| run.machine.cpu.clone())),
        ("machine.usable_cores", pair(|run| run.machine.usable_cores.to_string())),
        ("machine.governor", pair(|run| run.machine.governor.clone().unwrap_or_else(|| "unknown".to_owned()))),
        ("build.profile", pair(|run| run.build.profile.clone())),
        ("build.allocator", pair(|run| run.build.allocator.clone())),
        ("build.measuring_digest", (measuring(before), measuring(after))),
    ];
    let segments = |run: &RunRecord| format!("{} builds or machines", run.segments.len() + 1);
    let is_mixed = !before.segments.is_empty() || !after.segments.is_empty();
    let mixed = is_mixed.then(|| Obstacle { field: "segments", before: segments(before), after: segments(after) });
    let differ = fields.into_iter().filter(|(_, (before, after))| before != after);
    differ.map(|(field, (before, after))| Obstacle { field, before, after }).chain(mixed).collect()
}

/// Returns what stands for the code that measures where a run does not say: that of its commit.
fn unknown(run: &RunRecord) -> String {
    format!("unknown, of commit {}", run.build.commit.as_deref().unwrap_or("unknown"))
}
