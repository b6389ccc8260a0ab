//! Measures builds in turn: each round is one run of the experiment by each build, in alternating order, so that what
//! changes on the machine meanwhile meets all alike.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flowbench_events::Problems;
use flowbench_measurement::record::{CaseRecord, RunRecord};
use flowbench_measurement::results_dir::{CaseData, ResultsDir, ResultsError, read_cases, read_run};
use flowbench_pipelines::Registry;
use thiserror::Error;

use super::BuildUnderTest;
use crate::experiment::load::LoadedExperiment;
use crate::experiment::plan::Plan;
use crate::run::child_process::ChildProcess;

/// How often a running build is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Time that a run may take beyond the deadlines of its cases.
const SPARE: Duration = Duration::from_secs(60);
/// Time that an interrupted run has to save what is finished.
const GRACE: Duration = Duration::from_secs(20);
/// Exit codes of a run that has results: all well, and some cases failed or invalid.
const HAS_RESULTS: [i32; 2] = [0, 5];

/// What a build has measured in all rounds.
#[derive(Debug, Clone)]
pub struct MeasuredBuild {
    /// The run of the first round.
    pub run: RunRecord,
    /// The cases of all rounds; the round is their repeat.
    pub cases: Vec<CaseRecord>,
}

/// Why builds could not be measured.
#[derive(Debug, Error)]
pub enum GateError {
    /// The experiment cannot be run as it is written.
    #[error(transparent)]
    Experiment(#[from] Problems),
    /// The results could not be read or written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A build could not be started or watched.
    #[error("{build}: {source}")]
    Process {
        /// The build.
        build: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A build has ended without results.
    #[error("{build} could not run the experiment ({how}): {stderr_tail}")]
    NoResults {
        /// The build.
        build: String,
        /// How it ended.
        how: String,
        /// The end of its standard error.
        stderr_tail: String,
    },
    /// The gate was asked to stop.
    #[error("interrupted; what was measured is in {}", .0.display())]
    Interrupted(PathBuf),
}

/// Observes the rounds of a gate.
pub trait RoundObserver {
    /// Called before a build runs a round of a measurement.
    fn begins(&mut self, name: &str, round: usize, rounds: usize, build: &str);
}

/// The builds to be measured in turn, and where their results go.
pub(super) struct Rounds<'a> {
    /// The builds, by name.
    pub(super) builds: Vec<(String, BuildUnderTest)>,
    /// The experiment.
    pub(super) experiment: &'a LoadedExperiment,
    /// The pipelines that the experiment may name.
    pub(super) registry: Registry,
    /// The directory of the results, one per build and measurement.
    pub(super) dir: PathBuf,
    /// True once the gate is asked to stop.
    pub(super) interrupted: &'a AtomicBool,
}

impl Rounds<'_> {
    /// Measures each build in as many rounds. `parts` are those of the experiment to run, all of them if it is empty; `name`
    /// tells this measurement from the others of the gate.
    ///
    /// # Errors
    ///
    /// Fails if a build cannot run the experiment, if the results cannot be written, or when interrupted.
    pub(super) fn measure(
        &self,
        name: &str,
        rounds: usize,
        parts: &BTreeSet<String>,
        observer: &mut dyn RoundObserver,
    ) -> Result<Vec<MeasuredBuild>, GateError> {
        let experiment = once(self.experiment, parts)?;
        let deadline = deadline(&experiment, self.registry)?;
        let folder = self.dir.join(name);
        let file = folder.join("experiment.toml");
        let io = |source| GateError::Process { build: file.display().to_string(), source };
        std::fs::create_dir_all(&folder).map_err(io)?;
        std::fs::write(&file, movable(&experiment)?).map_err(io)?;
        let mut measured: Vec<Option<MeasuredBuild>> = self.builds.iter().map(|_| None).collect();
        for round in 1..=rounds {
            for index in in_turn(round, self.builds.len()) {
                observer.begins(name, round, rounds, &self.builds[index].0);
                let out = folder.join(format!("{}-{round}", self.builds[index].0));
                self.run(index, &file, &out, deadline)?;
                add(&mut measured[index], round, &out, &experiment.text)?;
            }
        }
        let measured: Vec<MeasuredBuild> = measured.into_iter().flatten().collect();
        for ((build, _), measured) in self.builds.iter().zip(&measured) {
            write(&folder.join(build), measured)?;
        }
        Ok(measured)
    }

    /// Runs the experiment once with a build.
    fn run(&self, index: usize, experiment: &Path, out: &Path, deadline: Duration) -> Result<(), GateError> {
        let (name, build) = &self.builds[index];
        let failed = |source| GateError::Process { build: name.clone(), source };
        let mut command = build.command();
        command.arg("run").arg(experiment).arg("--out").arg(out).arg("--quiet").stderr(Stdio::piped());
        let mut process = ChildProcess::start(&mut command, false).map_err(failed)?;
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = process.try_status().map_err(failed)? {
                break Some(status);
            }
            if self.interrupted.load(Ordering::Acquire) {
                end(&mut process).map_err(failed)?;
                return Err(GateError::Interrupted(self.dir.clone()));
            }
            if begun.elapsed() > deadline {
                process.kill();
                break None;
            }
            std::thread::sleep(POLL);
        };
        let (_, stderr) = process.wait_with_output();
        if status.and_then(|status| status.code()).is_some_and(|code| HAS_RESULTS.contains(&code)) {
            return Ok(());
        }
        if self.interrupted.load(Ordering::Acquire) {
            return Err(GateError::Interrupted(self.dir.clone()));
        }
        let how = status.map_or(format!("no end within {} s", deadline.as_secs()), |status| status.to_string());
        let stderr = String::from_utf8_lossy(&stderr);
        let tail: Vec<&str> = stderr.lines().rev().take(5).collect();
        let stderr_tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(GateError::NoResults { build: name.clone(), how, stderr_tail })
    }
}

/// Returns the builds in the order of a round, which is turned round every other time.
fn in_turn(round: usize, builds: usize) -> Vec<usize> {
    if round % 2 == 1 { (0..builds).collect() } else { (0..builds).rev().collect() }
}

/// Returns the experiment with one repeat, and only these parts.
fn once(experiment: &LoadedExperiment, parts: &BTreeSet<String>) -> Result<LoadedExperiment, Problems> {
    let some = experiment.only(&parts.iter().cloned().collect::<Vec<_>>())?;
    let mut once = LoadedExperiment::parse(experiment.origin.clone(), &some.text, &["repeats=1".to_owned()])?;
    once.folder.clone_from(&experiment.folder);
    Ok(once)
}

/// Returns the text of an experiment for a file in any folder: paths of logs begin at the root. How the gate judges is
/// left out, for a build that runs it may be older.
fn movable(experiment: &LoadedExperiment) -> Result<String, Problems> {
    let error = |problem: String| Problems::of_name(&experiment.origin, &problem);
    let mut table: toml::Table =
        experiment.text.parse().map_err(|source: toml::de::Error| error(source.to_string()))?;
    table.remove("gate");
    let parts = table.get_mut("part").and_then(toml::Value::as_array_mut);
    for trace in parts.into_iter().flatten().filter_map(|part| part.get_mut("trace")?.as_table_mut()) {
        for key in ["file", "map"] {
            let Some(path) = trace.get(key).and_then(toml::Value::as_str) else { continue };
            let absolute =
                std::path::absolute(experiment.folder.join(path)).map_err(|source| error(source.to_string()))?;
            trace.insert(key.to_owned(), toml::Value::String(absolute.to_string_lossy().into_owned()));
        }
    }
    Ok(table.to_string())
}

fn deadline(experiment: &LoadedExperiment, registry: Registry) -> Result<Duration, Problems> {
    let plan = Plan::new(experiment, registry)?;
    if plan.cases.is_empty() {
        let problem = format!("selects no case: {}", plan.skipped.join("; "));
        return Err(Problems::of_name(&experiment.origin, &problem));
    }
    Ok(plan.cases.iter().map(|case| Duration::from_millis(case.deadline_ms)).sum::<Duration>() + SPARE)
}

/// Asks a run to stop and waits until it has, at most for a while.
fn end(process: &mut ChildProcess) -> std::io::Result<()> {
    if let Some(pid) = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let asked = Instant::now();
    while process.try_status()?.is_none() && asked.elapsed() < GRACE {
        std::thread::sleep(POLL);
    }
    process.kill();
    Ok(())
}

/// Adds the cases of a round to those before. All builds were given the same experiment, however they write it down.
fn add(measured: &mut Option<MeasuredBuild>, round: usize, dir: &Path, experiment: &str) -> Result<(), ResultsError> {
    let mut cases = read_cases(dir)?.rows;
    cases.iter_mut().for_each(|case| case.repeat = round);
    match measured {
        Some(measured) => measured.cases.extend(cases),
        None => {
            let run = RunRecord { resolved_experiment: experiment.to_owned(), ..read_run(dir)? };
            *measured = Some(MeasuredBuild { run, cases });
        }
    }
    Ok(())
}

/// Writes what a build has measured as a results directory.
fn write(dir: &Path, measured: &MeasuredBuild) -> Result<(), ResultsError> {
    let mut results = ResultsDir::create(dir)?;
    let run = RunRecord { planned_cases: measured.cases.len(), ..measured.run.clone() };
    results.write_run(&run)?;
    measured.cases.iter().try_for_each(|case| results.append_case(case, &CaseData::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_builds_alternates() {
        assert_eq!((1..=4).map(|round| in_turn(round, 2)).collect::<Vec<_>>(), [[0, 1], [1, 0], [0, 1], [1, 0]]);
    }

    #[test]
    fn a_round_is_one_repeat_of_the_parts_in_question() {
        let loaded = LoadedExperiment::load("quickstart", &[]).unwrap();
        let memory = BTreeSet::from(["memory".to_owned()]);
        let some = once(&loaded, &memory).unwrap();
        assert_eq!((some.experiment.parts.len(), some.experiment.repeats), (1, 1));
        let all = once(&loaded, &BTreeSet::new()).unwrap();
        assert_eq!(all.experiment.parts.len(), loaded.experiment.parts.len());
        let plan = Plan::new(&all, Registry::default()).unwrap();
        assert_eq!(
            deadline(&all, Registry::default()).unwrap(),
            Duration::from_secs(60) * plan.cases.len() as u32 + SPARE
        );
        let log = "name = \"x\"\ntitle = \"x\"\n[gate]\nmetrics = [\"latency_p99_ns\"]\n\
                   [[part]]\nname = \"p\"\nquestion = \"?\"\n\
                   trace = { file = \"a.csv\", map = \"/b.toml\" }\n[part.axes]\npipeline = \"identity\"\n";
        let mut log = LoadedExperiment::parse("x".to_owned(), log, &[]).unwrap();
        log.folder = "/logs".into();
        let moved = movable(&log).unwrap();
        assert!(moved.contains("\"/logs/a.csv\"") && moved.contains("\"/b.toml\""), "{moved}");
        assert!(!moved.contains("gate"), "{moved}");
        let unknown = BTreeSet::from(["memry".to_owned()]);
        assert!(once(&loaded, &unknown).unwrap_err().to_string().contains("did you mean 'memory'"));
    }
}
