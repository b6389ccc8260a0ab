//! A run of an experiment: its cases one by one, each in its own process, each on disk as soon as it ends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flowbench_events::rfc3339;
use flowbench_measurement::hlog;
use flowbench_measurement::latency::LatencyHistogram;
use flowbench_measurement::record::{CaseRecord, EarlierFailure, Part, Run, SCHEMA_VERSION, Status, TraceRecord};
use flowbench_measurement::results_dir::{CaseData, ResultsDir, ResultsError, read_run};
use flowbench_report::{Drawn, FigureError, ReportError, check_figure};
use thiserror::Error;

use crate::case::CaseResult;
use crate::cluster::Hosts;
use crate::environment;
use crate::experiment::{ExperimentError, Loaded};
use crate::plan::{CaseSpec, Plan};
use crate::rate;
use crate::watched::{Watched, failed};

/// What to run and where to put it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// A shipped experiment or the path of a file.
    pub experiment: String,
    /// `KEY=VALUE` settings of the experiment.
    pub settings: Vec<String>,
    /// The results directory; by default `results/<experiment>/<utc>_<commit>[-dirty]` under the current folder.
    pub out: Option<PathBuf>,
    /// A directory of an unfinished run to go on with, instead of all the above.
    pub resume: Option<PathBuf>,
    /// Number of processes of every case, whatever the experiment says.
    pub processes: Option<usize>,
    /// Log the activity of operators in every case, whatever the experiment says.
    pub profile_operators: bool,
    /// The place of this process among those of several machines. Then every case has a process on each.
    pub seat: Option<Seat>,
}

/// Which process of a hosts file this is.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Where all of them listen.
    pub hosts: Hosts,
    /// Which this is, from 0. Process 0 has the results.
    pub process: usize,
    /// How long the processes of a case may take to meet.
    pub join_within: Duration,
}

/// Told of the progress of a run.
pub trait Watcher {
    /// The plan stands; nothing has been measured yet. `done` cases of a resumed run are there already.
    fn planned(&mut self, plan: &Plan, done: usize, dir: &Path);
    /// A case begins.
    fn begins(&mut self, spec: &CaseSpec);
    /// No further case begins, since the run was asked to stop.
    fn stops(&mut self);
    /// A case has ended and is on disk.
    fn ended(&mut self, case: &CaseRecord);
}

/// What a run leaves.
#[derive(Debug)]
pub struct Finished {
    /// The results directory.
    pub dir: PathBuf,
    /// All its cases.
    pub cases: Vec<CaseRecord>,
    /// True if it was stopped before all planned cases were done.
    pub interrupted: bool,
    /// The report.
    pub drawn: Drawn,
}

impl Finished {
    /// Cases that failed or are invalid.
    pub fn incomplete(&self) -> usize {
        self.cases.iter().filter(|case| case.status != Status::Ok).count()
    }
}

/// Why there was no run.
#[derive(Debug, Error)]
pub enum RunFailed {
    /// The experiment cannot be run as it is written.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A figure of the experiment cannot be drawn.
    #[error("part '{part}': {error}")]
    Figure {
        /// Where it stands.
        part: String,
        /// What is wrong with it.
        error: Box<FigureError>,
    },
    /// The experiment has no case.
    #[error("{origin} selects no case: {}", if .skipped.is_empty() { "give it a part with axes" } else { .skipped })]
    NothingSelected {
        /// The experiment.
        origin: String,
        /// What was skipped, and why.
        skipped: String,
    },
    /// A resumed run was made by something else.
    #[error("{dir}: was measured {difference}; its cases cannot stand beside new ones. Start a new run")]
    Foreign {
        /// The results directory.
        dir: PathBuf,
        /// What differs.
        difference: String,
    },
    /// The results could not be written or read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The report could not be drawn.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A case process could not be watched.
    #[error("a case process could not be watched: {0}")]
    Process(#[from] std::io::Error),
    /// It ended in the middle, and can be gone on with.
    #[error("{error}\nthe run is not complete; go on with: flowbench run --resume {}", dir.display())]
    BrokenOff {
        /// The results directory.
        dir: PathBuf,
        /// Why it ended.
        error: Box<RunFailed>,
    },
}

/// Takes part in an experiment as a process that is not the first: runs its share of every case, in the same order, and
/// keeps nothing. Tells how many cases ended well. It stops at the first that does not, since the others may then be at
/// another case.
pub fn follow(request: &Request, interrupted: &AtomicBool, watcher: &mut dyn Watcher) -> Result<usize, RunFailed> {
    let loaded = request.load()?;
    let plan = Plan::new(&loaded)?;
    watcher.planned(&plan, 0, Path::new("the folder of process 0"));
    for (done, spec) in plan.cases.iter().enumerate() {
        watcher.begins(spec);
        let Some(result) = request.measured(spec, plan.memory_cap_bytes, interrupted)? else {
            watcher.stops();
            return Ok(done);
        };
        watcher.ended(&record(spec, &result));
        if let Status::Failed { .. } = result.status {
            return Ok(done);
        }
    }
    Ok(plan.cases.len())
}

impl Request {
    fn load(&self) -> Result<Loaded, ExperimentError> {
        let processes = self.seat.as_ref().map(|seat| seat.hosts.addresses().len()).or(self.processes);
        let processes = processes.map(|processes| format!("processes={processes}"));
        let profile = self.profile_operators.then(|| "profile_operators=true".to_owned());
        let everywhere: Vec<String> = processes.into_iter().chain(profile).collect();
        Plan::check_sizes(&Loaded::load(&self.experiment, &[])?)?;
        Loaded::load_with(&self.experiment, &self.settings, &everywhere)
    }

    /// Runs a case in its processes, of which the one of this seat may be the only one here. One that cannot be started is
    /// a failure of this case alone. `None` if interrupted.
    fn measured(
        &self,
        spec: &CaseSpec,
        memory_cap_bytes: u64,
        interrupted: &AtomicBool,
    ) -> std::io::Result<Option<CaseResult>> {
        if interrupted.load(Ordering::Acquire) {
            return Ok(None);
        }
        let started = match &self.seat {
            None => Watched::start(spec),
            Some(seat) => Watched::start_one_of(spec, &seat.hosts, seat.process, seat.join_within),
        };
        match started {
            Ok(watched) => watched.finish(Duration::from_millis(spec.deadline_ms), memory_cap_bytes, interrupted),
            Err(error) => Ok(Some(failed(format!("could not be started: {error}"), String::new()))),
        }
    }
}

/// Runs an experiment. `interrupted` stops it: what is finished stays.
pub fn run(request: &Request, interrupted: &AtomicBool, watcher: &mut dyn Watcher) -> Result<Finished, RunFailed> {
    let begun = Instant::now();
    let (loaded, resumed) = match &request.resume {
        None => (request.load()?, None),
        Some(dir) => {
            let run = resumable(dir)?;
            (Loaded::parse(format!("{}/run.json", dir.display()), &run.resolved_experiment, &[])?, Some(run))
        }
    };
    check_name(&loaded)?;
    check_figures(&loaded)?;
    let plan = Plan::new(&loaded)?;
    if plan.cases.is_empty() {
        return Err(RunFailed::NothingSelected { origin: loaded.origin, skipped: plan.skipped.join("; ") });
    }
    let run = resumed.unwrap_or_else(|| manifest(&loaded, &plan));
    let results = match &request.resume {
        Some(dir) => ResultsDir::resume(dir)?,
        None => new_dir(&request.out.clone().unwrap_or_else(|| default_dir(&run)), &run)?,
    };
    let dir = results.path().to_owned();
    let session = Session { request, plan, run, results, begun, interrupted };
    session.finish(watcher).map_err(|error| {
        let can_go_on = request.seat.is_none() && read_run(&dir).is_ok();
        if can_go_on { RunFailed::BrokenOff { dir, error: Box::new(error) } } else { error }
    })
}

/// A run under way.
struct Session<'a> {
    request: &'a Request,
    plan: Plan,
    run: Run,
    results: ResultsDir,
    begun: Instant,
    interrupted: &'a AtomicBool,
}

impl Session<'_> {
    /// Runs what is not done yet, and draws the report.
    fn finish(mut self, watcher: &mut dyn Watcher) -> Result<Finished, RunFailed> {
        self.forget_failures()?;
        let cases = self.results.cases();
        let done: BTreeSet<(usize, usize)> = cases.iter().map(|case| (case.case, case.repeat)).collect();
        watcher.planned(&self.plan, done.len(), self.results.path());
        for spec in std::mem::take(&mut self.plan.cases) {
            if !done.contains(&(spec.case, spec.repeat)) && !self.case(spec, watcher)? {
                break;
            }
        }
        self.results.check()?;
        self.run.interrupted = self.results.cases().len() < self.run.planned_cases;
        self.run.wall_s = Some(self.run.wall_s.unwrap_or(0.0) + self.begun.elapsed().as_secs_f64());
        self.results.write_run(&self.run)?;
        let drawn = flowbench_report::draw(self.results.path())?;
        Ok(Finished {
            dir: self.results.path().to_owned(),
            cases: self.results.cases().to_vec(),
            interrupted: self.run.interrupted,
            drawn,
        })
    }

    /// Cases that failed before the run was resumed are run again. Why they had failed is kept, so that nobody takes the
    /// second attempt for the first; the attempt itself would be counted beside it.
    fn forget_failures(&mut self) -> Result<(), RunFailed> {
        for case in self.results.cases() {
            let Status::Failed { cause, .. } = &case.status else { continue };
            let failure = EarlierFailure { case: case.case, repeat: case.repeat, cause: cause.clone() };
            if !self.run.earlier_failures.contains(&failure) {
                self.run.earlier_failures.push(failure);
            }
        }
        self.results.write_run(&self.run)?;
        if self.results.cases().iter().any(has_failed) {
            self.results.forget(has_failed)?;
        }
        Ok(())
    }

    /// Runs a case and puts it on disk. False if the run ends here.
    fn case(&mut self, spec: CaseSpec, watcher: &mut dyn Watcher) -> Result<bool, RunFailed> {
        let start_ns = self.begun.elapsed().as_nanos() as u64;
        let (spec, unsettled) = match rate::settled(&spec, self.results.cases()) {
            Ok(settled) => (settled, None),
            Err(cause) => (spec, Some(cause)),
        };
        watcher.begins(&spec);
        let result = match unsettled {
            None => self.request.measured(&spec, self.plan.memory_cap_bytes, self.interrupted)?,
            Some(cause) => Some(failed(cause, String::new())),
        };
        let Some(result) = result else {
            watcher.stops();
            return Ok(false);
        };
        let mut record = record(&spec, &result);
        record.doubts.extend(rate::share_of_capped(&spec, self.results.cases()).filter(|_| record.numbers.is_some()));
        note_digest(&mut self.run, &spec, &record);
        append(&mut self.results, &record, &result, start_ns)?;
        watcher.ended(&record);
        // After a failure the other machines may be at another case.
        Ok(self.request.seat.is_none() || !has_failed(&record))
    }
}

fn has_failed(case: &CaseRecord) -> bool {
    matches!(case.status, Status::Failed { .. })
}

/// A new directory for a run, in which nothing stands that would be written over.
fn new_dir(dir: &Path, run: &Run) -> Result<ResultsDir, ResultsError> {
    let results = ResultsDir::create(dir)?;
    results.refuse_leftovers(flowbench_report::file_names(run))?;
    Ok(results)
}

fn check_name(loaded: &Loaded) -> Result<(), ExperimentError> {
    let name = &loaded.experiment.name;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(());
    }
    let problem = format!("name = '{name}' cannot name a folder; use letters, digits, - and _");
    Err(ExperimentError { origin: loaded.origin.clone(), line: None, problem })
}

fn check_figures(loaded: &Loaded) -> Result<(), RunFailed> {
    let mut names: Vec<&str> = Vec::new();
    for part in &loaded.experiment.parts {
        for figure in &part.figures {
            let failed = |error| RunFailed::Figure { part: part.name.clone(), error: Box::new(error) };
            check_figure(figure).map_err(failed)?;
            if names.contains(&figure.name.as_str()) {
                return Err(failed(FigureError::Duplicate(figure.name.clone())));
            }
            names.push(&figure.name);
        }
    }
    Ok(())
}

fn manifest(loaded: &Loaded, plan: &Plan) -> Run {
    let mut traces: Vec<TraceRecord> = Vec::new();
    // How long the others are is known when their rate is.
    for case in plan.cases.iter().filter(|case| case.rate_is_known()) {
        let trace = trace_record(case);
        if !traces.contains(&trace) {
            traces.push(trace);
        }
    }
    sort(&mut traces);
    let experiment = &loaded.experiment;
    let part = |part: &crate::experiment::Question| Part {
        name: part.name.clone(),
        question: part.question.clone(),
        figures: part.figures.clone(),
    };
    Run {
        schema_version: SCHEMA_VERSION,
        experiment: experiment.name.clone(),
        title: experiment.title.clone(),
        resolved_experiment: loaded.text.clone(),
        parts: experiment.parts.iter().map(part).collect(),
        seed: experiment.seed.first().copied().unwrap_or(0),
        started_at: rfc3339(jiff::Timestamp::now().as_millisecond()),
        wall_s: None,
        planned_cases: plan.cases.len(),
        interrupted: false,
        earlier_failures: Vec::new(),
        traces,
        build: environment::build(),
        machine: environment::machine(),
    }
}

fn sort(traces: &mut [TraceRecord]) {
    traces.sort_by(|a, b| (&a.name, a.seed, a.events).cmp(&(&b.name, b.seed, b.events)));
}

fn trace_record(case: &CaseSpec) -> TraceRecord {
    TraceRecord {
        name: [case.axes.trace.as_str(), case.axes.world.as_str()].join(" ").trim_end().to_owned(),
        profile: case.trace.profile.clone(),
        seed: case.trace.seed,
        events: case.trace.events,
        overrides: case.trace.overrides.clone(),
        digest: None,
    }
}

/// True for the same trace, whether its digest is known or not.
fn is_same(one: &TraceRecord, other: &TraceRecord) -> bool {
    let asked = |trace: &TraceRecord| (trace.seed, trace.events);
    one.name == other.name
        && one.profile == other.profile
        && asked(one) == asked(other)
        && one.overrides == other.overrides
}

fn note_digest(run: &mut Run, spec: &CaseSpec, record: &CaseRecord) {
    let Some(numbers) = &record.numbers else { return };
    let wanted = TraceRecord { events: numbers.events, ..trace_record(spec) };
    run.traces.retain(|trace| !is_same(trace, &wanted));
    run.traces.push(TraceRecord { digest: Some(numbers.trace_digest.clone()), ..wanted });
    sort(&mut run.traces);
}

/// What is kept of a case; of a search, at the rate that was found.
pub(crate) fn record(spec: &CaseSpec, result: &CaseResult) -> CaseRecord {
    let found = result.numbers.as_ref().and_then(|numbers| numbers.sustainable.as_ref());
    let axes = found.map_or_else(|| spec.axes.clone(), |found| spec.at(found.rate_events_per_s).axes);
    CaseRecord {
        schema_version: SCHEMA_VERSION,
        part: spec.part.clone(),
        case: spec.case,
        repeat: spec.repeat,
        axes,
        status: result.status.clone(),
        numbers: result.numbers.clone(),
        doubts: result.doubts.clone(),
    }
}

fn append(
    results: &mut ResultsDir,
    record: &CaseRecord,
    result: &CaseResult,
    start_ns: u64,
) -> Result<(), ResultsError> {
    let decoded: Vec<(&str, LatencyHistogram)> = result
        .histograms
        .iter()
        .filter_map(|(kind, line)| Some((kind.as_str(), hlog::read(line).ok()?.pop()?.histogram)))
        .collect();
    let histograms: Vec<(&str, &LatencyHistogram)> = decoded.iter().map(|(kind, found)| (*kind, found)).collect();
    let length_ns = record.numbers.as_ref().map_or(0, |numbers| numbers.elapsed_ns);
    let data = CaseData {
        start_ns,
        length_ns,
        histograms: &histograms,
        timeline: &result.timeline,
        operators: &result.operators,
        channels: &result.channels,
    };
    results.append_case(record, &data)
}

/// The run of a directory to go on with, if this program and machine may.
fn resumable(dir: &Path) -> Result<Run, RunFailed> {
    let run = read_run(dir)?;
    let (build, machine) = (environment::build(), environment::machine());
    let difference = if run.build != build {
        "with another build".to_owned()
    } else if run.machine.line != machine.line {
        format!("on another machine ({})", run.machine.line)
    } else {
        return Ok(run);
    };
    Err(RunFailed::Foreign { dir: dir.to_owned(), difference })
}

fn default_dir(run: &Run) -> PathBuf {
    let utc: String = run.started_at.chars().filter(|letter| !"-:".contains(*letter)).take(15).collect();
    let commit = run.build.commit.as_deref().unwrap_or("nocommit");
    let dirty = if run.build.dirty { "-dirty" } else { "" };
    let name = format!("{utc}Z_{commit}{dirty}");
    let folder = Path::new("results").join(&run.experiment);
    // Two runs may begin in the same second.
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    names.map(|name| folder.join(name)).find(|dir| !dir.exists()).unwrap_or(folder)
}
