//! What the gate is asked to do: to compare with another build, with a run that was kept, or a build with itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use flowbench_measurement::comparison::{Calibration, Comparison, calibrate, pair, timed};
use flowbench_measurement::metrics::Metric;
use flowbench_measurement::record::{CaseRecord, RunRecord};
use flowbench_pipelines::Registry;
use jiff::Zoned;

use super::rounds::Rounds;
use super::suspects::{Again, judge, judge_again};
use super::{Accepted, BuildUnderTest, GateError, Judgement, MeasuredBuild, RoundObserver};
use crate::experiment::load::LoadedExperiment;

/// What to measure, and how to judge it.
pub struct GateRequest<'a> {
    /// The experiment.
    pub experiment: LoadedExperiment,
    /// The parts to run; all of them if it is empty.
    pub parts: BTreeSet<String>,
    /// Number of times that each build runs the experiment.
    pub rounds: usize,
    /// The directory of the results, which must not exist yet or be empty.
    pub out: PathBuf,
    /// The pipelines that the experiment may name.
    pub registry: Registry,
    /// The metrics by which times and sizes are judged.
    pub metrics: Vec<Metric>,
    /// The accepted regressions.
    pub accepted: Vec<Accepted>,
    /// True to judge times and sizes even if machine, experiment or measuring code differ.
    pub force: bool,
    /// True once the gate is asked to stop.
    pub interrupted: &'a AtomicBool,
}

/// What the gate has compared, and how it judges it.
#[derive(Debug, Clone, PartialEq)]
pub struct Gated {
    /// The comparison.
    pub comparison: Comparison,
    /// The judgement.
    pub judgement: Judgement,
    /// True if times and sizes were judged.
    pub timed: bool,
}

/// Judges two runs that were measured before, by these metrics; nothing is measured again. Times that the machine disturbed
/// are left open.
pub fn judge_runs(
    metrics: &[Metric],
    before: (&RunRecord, &[CaseRecord]),
    after: (&RunRecord, &[CaseRecord]),
    accepted: &[Accepted],
    force: bool,
) -> Gated {
    let mut comparison = Comparison::by(metrics, before, after);
    comparison.leave_open_what_was_disturbed();
    let timed = force || comparison.obstacles.is_empty();
    let judgement = judge(&comparison, timed, accepted, Zoned::now().date());
    Gated { comparison, judgement, timed }
}

impl GateRequest<'_> {
    /// Compares this program with another build, which is taken as the one before: both run the experiment in turn.
    ///
    /// # Errors
    ///
    /// Fails if a build cannot run the experiment, if the results cannot be written, or when interrupted.
    pub fn against(&self, other: BuildUnderTest, observer: &mut dyn RoundObserver) -> Result<Gated, GateError> {
        let builds = vec![("before".to_owned(), other), ("after".to_owned(), BuildUnderTest::This)];
        let rounds = self.rounds(builds);
        let mut compared = |name: &str, parts: &BTreeSet<String>| {
            let measured = rounds.measure(name, self.rounds, parts, observer)?;
            Ok(self.comparison_of(&measured[0], &measured[1]))
        };
        let first = compared("first", &self.parts)?;
        self.judged(first, &mut |attempt, parts| compared(&format!("again-{attempt}"), parts))
    }

    /// Compares this program with a run that was kept: its experiment is run again. Times that the machine disturbed are left
    /// open, since only builds that are measured in turn suffer alike.
    ///
    /// # Errors
    ///
    /// Fails if the experiment cannot be run, if the results cannot be written, or when interrupted.
    pub fn against_run(
        &self,
        run: &RunRecord,
        cases: &[CaseRecord],
        observer: &mut dyn RoundObserver,
    ) -> Result<Gated, GateError> {
        let rounds = self.rounds(vec![("after".to_owned(), BuildUnderTest::This)]);
        let mut compared = |name: &str, parts: &BTreeSet<String>| {
            let measured = rounds.measure(name, self.rounds, parts, observer)?;
            let is_asked = |case: &&CaseRecord| parts.is_empty() || parts.contains(&case.part);
            let before = MeasuredBuild { run: run.clone(), cases: cases.iter().filter(is_asked).cloned().collect() };
            // The same experiment, but for the number of its repeats.
            let mut after = measured[0].clone();
            after.run.resolved_experiment.clone_from(&run.resolved_experiment);
            let mut comparison = self.comparison_of(&before, &after);
            comparison.leave_open_what_was_disturbed();
            Ok(comparison)
        };
        let first = compared("first", &self.parts)?;
        self.judged(first, &mut |attempt, parts| compared(&format!("again-{attempt}"), parts))
    }

    /// Has this program run the experiment in twice as many rounds, and returns what comparisons of half of them see.
    ///
    /// # Errors
    ///
    /// Fails if the experiment cannot be run, if the results cannot be written, or when interrupted.
    pub fn calibrate(&self, observer: &mut dyn RoundObserver) -> Result<Calibration, GateError> {
        let builds = ["one", "other"].map(|name| (name.to_owned(), BuildUnderTest::This));
        let measured = self.rounds(builds.to_vec()).measure("calibration", self.rounds, &self.parts, observer)?;
        let seed = self.experiment.experiment.seed.first().copied().unwrap_or(0);
        let pairs = timed(pair(&measured[0].cases, &measured[1].cases).pairs, &measured[0].run.untimed_parts);
        Ok(calibrate(&pairs, &self.metrics, seed))
    }

    fn rounds(&self, builds: Vec<(String, BuildUnderTest)>) -> Rounds<'_> {
        Rounds {
            builds,
            experiment: &self.experiment,
            registry: self.registry,
            dir: self.out.clone(),
            interrupted: self.interrupted,
        }
    }

    fn comparison_of(&self, before: &MeasuredBuild, after: &MeasuredBuild) -> Comparison {
        Comparison::by(&self.metrics, (&before.run, &before.cases), (&after.run, &after.cases))
    }

    fn judged(&self, comparison: Comparison, again: Again<'_>) -> Result<Gated, GateError> {
        let timed = self.force || comparison.obstacles.is_empty();
        let judgement = judge_again(&comparison, timed, &self.accepted, Zoned::now().date(), again)?;
        Ok(Gated { comparison, judgement, timed })
    }
}
