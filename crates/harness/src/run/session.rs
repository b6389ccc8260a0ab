//! Runs an experiment: one case after another, each in its own process, and each on disk as soon as it ends.
//!
//! Decision D-423.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flowbench_events::{Problem, Problems, rfc3339};
use flowbench_experiments::shipped;
use flowbench_measurement::doubts::mixed_run;
use flowbench_measurement::hlog;
use flowbench_measurement::latency::LatencyHistogram;
use flowbench_measurement::record::{
    Build, CASE_SCHEMA, CaseRecord, EarlierFailure, Machine, QuestionRecord, RUN_SCHEMA, RunRecord, SCHEMA_VERSION,
    Segment, Status, TraceRecord,
};
use flowbench_measurement::results_dir::{CaseData, ResultsDir, ResultsError, answers_file, read_run};
use flowbench_pipelines::Registry;
use flowbench_report::{Drawn, ReportError};
use thiserror::Error;

use crate::cluster::Hosts;
use crate::environment::{self, Counters};
use crate::experiment::case_spec::CaseSpec;
use crate::experiment::estimate::{Resources, check_resources};
use crate::experiment::load::LoadedExperiment;
use crate::experiment::plan::Plan;
use crate::experiment::selection::Selection;
use crate::experiment::settings::Overrides;
use crate::experiment::shares;
use crate::experiment::validate::{load_and_plan, plan_checked};
use crate::log::{self, LogError};
use crate::run::protocol::{CaseResult, failed};
use crate::run::supervisor::{CaseProcesses, Ending};

/// An experiment to run, and where its results go.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// A shipped experiment or the path of a file; the name of `text` if there is one.
    pub experiment: String,
    /// The experiment itself, where it is not in a file. Relative paths in it begin at the current folder.
    pub text: Option<String>,
    /// What is changed in the experiment.
    pub settings: Overrides,
    /// The cases to run.
    pub selection: Selection,
    /// The directory of a run whose experiment is run again, instead of the two above.
    pub again: Option<PathBuf>,
    /// The results directory; by default `results/<experiment>/<utc>_<commit>[-dirty]` under the current folder.
    pub out: Option<PathBuf>,
    /// The directory of an unfinished run to continue, instead of all of the above.
    pub resume: Option<PathBuf>,
    /// True to resume a run of another build or machine, too; the run is then mixed, and says so.
    pub allow_mixed: bool,
    /// The number of processes of every case, overriding the experiment.
    pub processes: Option<usize>,
    /// The time after which no case begins any more, counted from the start of this process.
    pub max_time: Option<Duration>,
    /// True to log the activity of operators in every case, overriding the experiment.
    pub profile_operators: bool,
    /// The rank of this process among those of several machines, each of which then has a process of every case.
    pub host_rank: Option<HostRank>,
    /// The command that asks for the run, as it is recorded ([`recorded_argv`](crate::run::recorded_argv)); `None`
    /// if no command does.
    pub argv: Option<Vec<String>>,
    /// The pipelines that the experiment may name.
    pub registry: Registry,
}

/// The rank of a process among those of a hosts file.
#[derive(Debug, Clone)]
pub struct HostRank {
    /// The addresses of all processes.
    pub hosts: Hosts,
    /// Index of this process, from 0. Process 0 has the results.
    pub process: usize,
    /// How long the processes of a case may take to connect.
    pub join_within: Duration,
}

/// Observes the progress of a run.
pub trait RunObserver {
    /// Called when the plan is made and nothing has been measured yet; `done` cases of a resumed run exist already.
    fn planned(&mut self, plan: &Plan, done: usize, dir: &Path);
    /// Called when a case begins.
    fn begins(&mut self, spec: &CaseSpec);
    /// Called when a case stood still for a while, for the reason in `cause`, and is run again.
    fn begins_again(&mut self, spec: &CaseSpec, cause: &str);
    /// Called when the run was asked to stop; no further case begins.
    fn stops(&mut self);
    /// Called when a case has ended and is on disk.
    fn ended(&mut self, spec: &CaseSpec, case: &CaseRecord);
}

/// The result of a run.
#[derive(Debug)]
pub struct Finished {
    /// The results directory.
    pub dir: PathBuf,
    /// All cases of the run.
    pub cases: Vec<CaseRecord>,
    /// True if the run was stopped before all planned cases were done.
    pub interrupted: bool,
    /// The report.
    pub drawn: Drawn,
}

impl Finished {
    /// Returns the number of cases that failed or are invalid.
    pub fn incomplete(&self) -> usize {
        self.cases.iter().filter(|case| case.status != Status::Ok).count()
    }
}

/// Why an experiment was not run, or not to its end.
#[derive(Debug, Error)]
pub enum RunFailed {
    /// The experiment cannot be run as it is written.
    #[error(transparent)]
    Experiment(#[from] Problems),
    /// The experiment has no case.
    #[error("{origin} selects no case: {}", if .skipped.is_empty() { "give it a part with axes" } else { .skipped })]
    NothingSelected {
        /// The experiment.
        origin: String,
        /// What was skipped, and why.
        skipped: String,
    },
    /// The run to resume was made by another build, or on another machine.
    #[error(
        "{dir}: was measured {difference}; its cases cannot stand beside new ones. Start a new run, or continue this one all \
         the same with --allow-mixed: its new cases then have the doubt mixed-run"
    )]
    Foreign {
        /// The results directory.
        dir: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A log is not the one that the run to resume has read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The results could not be written or read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The report could not be drawn.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A case process could not be supervised.
    #[error("a case process could not be supervised: {0}")]
    Process(#[from] std::io::Error),
    /// The run ended early and can be resumed.
    #[error("{error}\nthe run is not complete; continue with: flowbench run --resume {}", dir.display())]
    BrokenOff {
        /// The results directory.
        dir: PathBuf,
        /// Why it ended.
        error: Box<RunFailed>,
    },
}

/// Takes part in an experiment as a process that is not the first: runs its share of every case, in the same order,
/// and keeps nothing. Returns how many cases succeeded. It stops at the first failed case, because the other processes
/// may then be at another one.
///
/// # Errors
///
/// Fails if the experiment cannot be planned or a process cannot be supervised.
pub fn follow(request: &Request, interrupted: &AtomicBool, observer: &mut dyn RunObserver) -> Result<usize, RunFailed> {
    let (_, plan) = request.plan()?;
    observer.planned(&plan, 0, Path::new("the folder of process 0"));
    for (done, spec) in plan.cases.iter().enumerate() {
        observer.begins(spec);
        let (Ending::Ended(result) | Ending::Suspended(result)) = request.run_case(spec, interrupted)? else {
            observer.stops();
            return Ok(done);
        };
        observer.ended(spec, &record(spec, &result));
        if let Status::Failed { .. } = result.status {
            return Ok(done);
        }
    }
    Ok(plan.cases.len())
}

impl Request {
    /// Loads the experiment and plans the selected cases, after a check of everything that it holds.
    ///
    /// # Errors
    ///
    /// Fails with all problems of the experiment, or if no case is selected.
    pub fn plan(&self) -> Result<(LoadedExperiment, Plan), RunFailed> {
        let (loaded, plan) = self.load()?;
        let (loaded, plan) = self.selection.apply(loaded, plan, self.registry)?;
        if plan.cases.is_empty() {
            let skipped = plan.skipped.iter().chain(&plan.remarks).cloned().collect::<Vec<_>>().join("; ");
            return Err(RunFailed::NothingSelected { origin: loaded.origin, skipped });
        }
        Ok((loaded, plan))
    }

    /// Checks that this machine has the memory and the disk that the plan needs.
    ///
    /// # Errors
    ///
    /// Fails with the cases and keys that need too much.
    pub fn check_resources(&self, loaded: &LoadedExperiment, plan: &Plan) -> Result<(), Problems> {
        let folder = self.resume.as_ref().or(self.out.as_ref()).map_or(Path::new("."), PathBuf::as_path);
        let left = Resources {
            memory_bytes: environment::available_memory_bytes(),
            disk_bytes: environment::available_disk_bytes(folder),
        };
        check_resources(loaded, plan, self.host_rank.as_ref().map(|_| 1), left)
    }

    fn load(&self) -> Result<(LoadedExperiment, Plan), Problems> {
        if let Some(dir) = self.resume.as_ref().or(self.again.as_ref()) {
            let run =
                read_run(dir).map_err(|error| Problems::of_name(dir.display().to_string(), &error.to_string()))?;
            return plan_checked(experiment_of(dir, &run)?, Vec::new(), self.registry);
        }
        if let Some(text) = &self.text {
            let loaded = LoadedExperiment::parse(self.experiment.clone(), text, &self.settings.arguments);
            let planned = loaded.and_then(|loaded| plan_checked(loaded, Vec::new(), self.registry));
            return planned.map_err(without_places);
        }
        let processes = self.host_rank.as_ref().map(|host_rank| host_rank.hosts.addresses().len()).or(self.processes);
        let processes = processes.map(|processes| format!("processes={processes}"));
        let profile = self.profile_operators.then(|| "profile_operators=true".to_owned());
        let everywhere = processes.into_iter().chain(profile).collect();
        load_and_plan(&self.experiment, &Overrides { everywhere, ..self.settings.clone() }, self.registry)
    }

    /// Runs a case in its processes, of which only one may be on this machine. A process that cannot be started fails
    /// this case only.
    fn run_case(&self, spec: &CaseSpec, interrupted: &AtomicBool) -> std::io::Result<Ending> {
        if interrupted.load(Ordering::Acquire) {
            return Ok(Ending::Interrupted);
        }
        let started = match &self.host_rank {
            None => CaseProcesses::start(spec),
            Some(host_rank) => {
                CaseProcesses::start_one_of(spec, &host_rank.hosts, host_rank.process, host_rank.join_within)
            }
        };
        match started {
            Ok(processes) => {
                processes.finish(Duration::from_millis(spec.deadline_ms), spec.memory_cap_bytes, interrupted)
            }
            Err(error) => Ok(Ending::Ended(failed(format!("could not be started: {error}"), String::new()))),
        }
    }
}

/// Runs an experiment, or continues one, and draws its report. Once `interrupted` is true the run stops, and once it has
/// taken its time no case begins; finished cases are kept.
///
/// # Errors
///
/// Fails if the experiment cannot be run as it is written, if its results cannot be written, or if a process cannot be
/// supervised. A failed case is a result.
pub fn run(request: &Request, interrupted: &AtomicBool, observer: &mut dyn RunObserver) -> Result<Finished, RunFailed> {
    let begun = Instant::now();
    let resumed = match &request.resume {
        None => None,
        Some(dir) => Some(resumable(dir, request.allow_mixed)?),
    };
    let (loaded, plan) = request.plan()?;
    if let Some((run, _)) = &resumed {
        check_logs(run, &plan)?;
    }
    let counters = Counters::now();
    let (run, segment) = resumed.unwrap_or_else(|| (manifest(&loaded, &plan, request), 0));
    request.check_resources(&loaded, &plan)?;
    let results = match &request.resume {
        Some(dir) => ResultsDir::resume(dir)?,
        None => new_dir(&request.out.clone().unwrap_or_else(|| default_dir(&run)), &run)?,
    };
    let dir = results.path().to_owned();
    let session = Session { request, plan, run, segment, results, begun, counters, interrupted };
    session.finish(observer).map_err(|error| {
        let can_go_on = request.host_rank.is_none() && read_run(&dir).is_ok();
        if can_go_on { RunFailed::BrokenOff { dir, error: Box::new(error) } } else { error }
    })
}

/// How often a case is run that stands still each time, because its machine or its processes are suspended.
const ATTEMPTS_MAX: usize = 3;

/// A run in progress.
struct Session<'a> {
    request: &'a Request,
    plan: Plan,
    run: RunRecord,
    /// The segment of the run that this session measures ([`CaseRecord::segment`]).
    segment: usize,
    results: ResultsDir,
    begun: Instant,
    /// What the kernel had counted when this session began.
    counters: Counters,
    interrupted: &'a AtomicBool,
}

impl Session<'_> {
    /// Runs the cases that are not done yet, and draws the report.
    fn finish(mut self, observer: &mut dyn RunObserver) -> Result<Finished, RunFailed> {
        self.forget_failures()?;
        let cases = self.results.cases();
        let done: BTreeSet<(usize, usize)> = cases.iter().map(|case| (case.case, case.repeat)).collect();
        observer.planned(&self.plan, done.len(), self.results.path());
        for spec in std::mem::take(&mut self.plan.cases) {
            if !done.contains(&(spec.case, spec.repeat)) && (self.is_out_of_time() || !self.case(&spec, observer)?) {
                break;
            }
        }
        self.results.check()?;
        self.run.interrupted = self.results.cases().len() < self.run.planned_cases;
        self.run.wall_s = Some(self.run.wall_s.unwrap_or(0.0) + self.begun.elapsed().as_secs_f64());
        self.run.after = Some(environment::surroundings_since(&self.counters));
        self.results.write_run(&self.run)?;
        let drawn = flowbench_report::draw(self.results.path())?;
        Ok(Finished {
            dir: self.results.path().to_owned(),
            cases: self.results.cases().to_vec(),
            interrupted: self.run.interrupted,
            drawn,
        })
    }

    /// Removes the cases that failed before the run was resumed, so that they are run again. The causes are kept, so
    /// that a second attempt is not taken for the first.
    fn forget_failures(&mut self) -> Result<(), RunFailed> {
        for case in self.results.cases() {
            note_failure(&mut self.run, case.case, case.repeat, &case.status);
        }
        self.results.write_run(&self.run)?;
        if self.results.cases().iter().any(has_failed) {
            self.results.forget(has_failed)?;
        }
        Ok(())
    }

    /// Runs a case and writes it to disk. Returns false if the run ends here.
    fn case(&mut self, planned: &CaseSpec, observer: &mut dyn RunObserver) -> Result<bool, RunFailed> {
        let resolved = shares::resolve_share(planned, self.results.cases());
        let spec = resolved.as_ref().unwrap_or(planned);
        observer.begins(spec);
        let result = match &resolved {
            Ok(spec) => self.undisturbed(spec, observer)?,
            Err(cause) => Some((self.elapsed_ns(), failed(cause.clone(), String::new()))),
        };
        let Some((start_ns, result)) = result else {
            observer.stops();
            return Ok(false);
        };
        let mut record = doubted_record(planned, spec, &result, self.results.cases());
        self.note_segment(&mut record);
        note_digest(&mut self.run, spec, &record);
        append(&mut self.results, &record, &result, start_ns)?;
        observer.ended(spec, &record);
        // After a failure the other machines may be at another case.
        Ok(self.request.host_rank.is_none() || !has_failed(&record))
    }

    /// Runs a case until it does not stand still in the middle, and returns when it began and its result. It is `None`
    /// if the run is interrupted.
    fn undisturbed(
        &mut self,
        spec: &CaseSpec,
        observer: &mut dyn RunObserver,
    ) -> Result<Option<(u64, CaseResult)>, RunFailed> {
        let mut attempts = 0;
        loop {
            let start_ns = self.elapsed_ns();
            attempts += 1;
            let result = match self.request.run_case(spec, self.interrupted)? {
                Ending::Interrupted => return Ok(None),
                Ending::Ended(result) => return Ok(Some((start_ns, result))),
                Ending::Suspended(result) => result,
            };
            // The other machines know nothing of another attempt.
            if attempts == ATTEMPTS_MAX || self.request.host_rank.is_some() {
                return Ok(Some((start_ns, result)));
            }
            note_failure(&mut self.run, spec.case, spec.repeat, &result.status);
            self.results.write_run(&self.run)?;
            if let Status::Failed { cause, .. } = &result.status {
                observer.begins_again(spec, cause);
            }
        }
    }

    /// Notes who measured a case, and doubts it if that is not who began the run.
    fn note_segment(&self, record: &mut CaseRecord) {
        record.segment = self.segment;
        let segment = self.segment.checked_sub(1).and_then(|at| self.run.segments.get(at));
        let begun = (&self.run.build, &self.run.machine);
        let difference = segment.and_then(|segment| difference(begun, (&segment.build, &segment.machine)));
        let doubt = difference.map(|difference| mixed_run(self.segment, &difference));
        record.doubts.extend(doubt.filter(|_| record.numbers.is_some()));
    }

    fn is_out_of_time(&self) -> bool {
        self.request.max_time.is_some_and(|max| self.begun.elapsed() >= max)
    }

    fn elapsed_ns(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }
}

/// Notes the cause of an attempt at a case that failed, once.
fn note_failure(run: &mut RunRecord, case: usize, repeat: usize, status: &Status) {
    let Status::Failed { cause, .. } = status else { return };
    let failure = EarlierFailure { case, repeat, cause: cause.clone() };
    if !run.earlier_failures.contains(&failure) {
        run.earlier_failures.push(failure);
    }
}

fn has_failed(case: &CaseRecord) -> bool {
    matches!(case.status, Status::Failed { .. })
}

/// Creates the directory of a run, and fails if anything in it would be overwritten.
fn new_dir(dir: &Path, run: &RunRecord) -> Result<ResultsDir, ResultsError> {
    let results = ResultsDir::create(dir)?;
    results.refuse_leftovers(flowbench_report::file_names(run))?;
    Ok(results)
}

fn manifest(loaded: &LoadedExperiment, plan: &Plan, request: &Request) -> RunRecord {
    let mut traces: Vec<TraceRecord> = Vec::new();
    // How long the others are is known when their rate is.
    for case in plan.cases.iter().filter(|case| !case.load.needs_search()) {
        let trace = trace_record(case);
        if !traces.contains(&trace) {
            traces.push(trace);
        }
    }
    sort(&mut traces);
    let experiment = &loaded.experiment;
    let part = |part: &crate::experiment::file::Question| QuestionRecord {
        name: part.name.clone(),
        question: part.question.clone(),
        figures: part.figures.clone(),
    };
    RunRecord {
        schema: RUN_SCHEMA.into(),
        schema_version: SCHEMA_VERSION,
        experiment: experiment.name.clone(),
        title: experiment.title.clone(),
        resolved_experiment: loaded.text.clone(),
        folder: folder(loaded, plan),
        parts: experiment.parts.iter().map(part).collect(),
        claims: experiment.claims.clone(),
        note: note(loaded),
        untimed_parts: experiment.parts.iter().filter(|part| part.untimed).map(|part| part.name.clone()).collect(),
        seed: experiment.seed.first().copied().unwrap_or(0),
        started_at: rfc3339(jiff::Timestamp::now().as_millisecond()),
        wall_s: None,
        planned_cases: plan.cases.len(),
        interrupted: false,
        earlier_failures: Vec::new(),
        segments: Vec::new(),
        traces,
        build: environment::build(),
        machine: environment::machine(),
        argv: request.argv.clone(),
        before: Some(environment::surroundings()),
        after: None,
    }
}

/// Returns the note of the experiment: that of a shipped one, or the Markdown beside a file.
fn note(loaded: &LoadedExperiment) -> Option<String> {
    let file = Path::new(&loaded.origin);
    match file.extension() {
        Some(_) => std::fs::read_to_string(file.with_extension("md")).ok(),
        None => shipped(&loaded.experiment.name).map(|shipped| shipped.note.to_owned()),
    }
}

/// Returns the folder at which relative paths of logs begin, if a resumed run needs to know it. No path of this machine
/// is recorded.
fn folder(loaded: &LoadedExperiment, plan: &Plan) -> Option<String> {
    let has_log = plan.cases.iter().any(|case| case.trace.log.is_some());
    let folder = &loaded.folder;
    (has_log && folder.is_relative() && *folder != Path::new("")).then(|| folder.to_string_lossy().into_owned())
}

fn sort(traces: &mut [TraceRecord]) {
    traces.sort_by(|a, b| (&a.name, a.seed, a.events).cmp(&(&b.name, b.seed, b.events)));
}

fn trace_record(case: &CaseSpec) -> TraceRecord {
    TraceRecord {
        name: [case.trace.profile.as_str(), case.trace.world.as_str()].join(" ").trim_end().to_owned(),
        profile: case.trace.profile.clone(),
        seed: case.trace.seed,
        events: case.trace.events,
        overrides: case.trace.overrides.clone(),
        digest: None,
        log: case.trace.log.as_ref().map(|log| log.record.clone()),
    }
}

/// Returns true if both are the same trace, whether or not their digests are known.
fn is_same(one: &TraceRecord, other: &TraceRecord) -> bool {
    let asked = |trace: &TraceRecord| (trace.seed, trace.events);
    one.name == other.name
        && one.profile == other.profile
        && asked(one) == asked(other)
        && one.overrides == other.overrides
        && one.log == other.log
}

/// Fails if a log is not the one that the run to resume has read.
fn check_logs(run: &RunRecord, plan: &Plan) -> Result<(), LogError> {
    let read = || run.traces.iter().filter_map(|trace| trace.log.as_ref());
    for log in plan.cases.iter().filter_map(|case| case.trace.log.as_ref()) {
        let of_name = || read().filter(|other| other.file == log.record.file);
        let is_known = of_name().any(|other| other.digest == log.record.digest);
        if let Some(other) = of_name().next().filter(|_| !is_known) {
            log::check_same(other, log.record.digest.clone())?;
        }
    }
    Ok(())
}

fn note_digest(run: &mut RunRecord, spec: &CaseSpec, record: &CaseRecord) {
    let Some(numbers) = &record.numbers else { return };
    let wanted = TraceRecord { events: numbers.events, ..trace_record(spec) };
    run.traces.retain(|trace| !is_same(trace, &wanted));
    run.traces.push(TraceRecord { digest: Some(numbers.trace_digest.clone()), ..wanted });
    sort(&mut run.traces);
}

/// Returns the record of a case; that of a search is at the rate it found.
pub(crate) fn record(spec: &CaseSpec, result: &CaseResult) -> CaseRecord {
    let found = result.numbers.as_ref().and_then(|numbers| numbers.sustainable.as_ref());
    CaseRecord {
        schema: CASE_SCHEMA.into(),
        schema_version: SCHEMA_VERSION,
        part: spec.part.clone(),
        case: spec.case,
        repeat: spec.repeat,
        axes: spec.axes(found.map(|found| found.rate_events_per_s)),
        status: result.status.clone(),
        numbers: result.numbers.clone(),
        doubts: result.doubts.clone(),
        segment: 0,
    }
}

/// Returns the record of a case, with the doubt about the search of which its rate is a share. `planned` is the case
/// before that share was resolved.
fn doubted_record(planned: &CaseSpec, spec: &CaseSpec, result: &CaseResult, earlier: &[CaseRecord]) -> CaseRecord {
    let mut record = record(spec, result);
    let doubt = shares::share_of_capped(planned, earlier).filter(|_| record.numbers.is_some());
    record.doubts.extend(doubt);
    record
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
        states: &result.states,
        operators: &result.operators,
        channels: &result.channels,
    };
    if let Some(answers) = &result.answers {
        results.write(&answers_file(&record.part), answers.as_bytes())?;
    }
    results.append_case(record, &data)
}

/// Returns the experiment of a run, which is in its record as a whole.
///
/// # Errors
///
/// Fails if the record is not that of an experiment of this version.
pub fn experiment_of(dir: &Path, run: &RunRecord) -> Result<LoadedExperiment, Problems> {
    let origin = format!("{}/run.json", dir.display());
    let mut loaded = LoadedExperiment::parse(origin, &run.resolved_experiment, &[])?;
    loaded.folder = run.folder.as_deref().map(PathBuf::from).unwrap_or_default();
    Ok(loaded)
}

/// Returns problems without their places, where nobody has seen the text.
fn without_places(problems: Problems) -> Problems {
    let list = problems.list().iter().map(|problem| Problem { place: None, ..problem.clone() });
    Problems::check(list.collect()).err().unwrap_or(problems)
}

/// Reads the run to resume, if this program and machine may do so, and returns it with the segment of it that they
/// measure. A new one is added if the run `may_mix` them.
fn resumable(dir: &Path, may_mix: bool) -> Result<(RunRecord, usize), RunFailed> {
    let mut run = read_run(dir)?;
    let (build, machine) = (environment::build(), environment::machine());
    let Some(difference) = difference((&build, &machine), (&run.build, &run.machine)) else { return Ok((run, 0)) };
    let is_own = |segment: &Segment| segment.build == build && segment.machine.line == machine.line;
    if let Some(known) = run.segments.iter().position(is_own) {
        return Ok((run, known + 1));
    }
    if !may_mix {
        return Err(RunFailed::Foreign { dir: dir.to_owned(), difference });
    }
    let started_at = rfc3339(jiff::Timestamp::now().as_millisecond());
    run.segments.push(Segment { started_at, build, machine });
    let segment = run.segments.len();
    Ok((run, segment))
}

/// Returns in words how a build and a machine differ from others; `None` if they do not.
fn difference(these: (&Build, &Machine), others: (&Build, &Machine)) -> Option<String> {
    let build = (these.0 != others.0).then(|| "with another build".to_owned());
    let machine = (these.1.line != others.1.line).then(|| format!("on another machine ({})", others.1.line));
    let differences: Vec<String> = build.into_iter().chain(machine).collect();
    (!differences.is_empty()).then(|| differences.join(" and "))
}

fn default_dir(run: &RunRecord) -> PathBuf {
    let utc = environment::stamp_of(&run.started_at);
    let commit = run.build.commit.as_deref().unwrap_or("nocommit");
    let dirty = if run.build.dirty { "-dirty" } else { "" };
    let name = format!("{utc}_{commit}{dirty}");
    let folder = Path::new("results").join(&run.experiment);
    // Two runs may begin in the same second.
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    names.map(|name| folder.join(name)).find(|dir| !dir.exists()).unwrap_or(folder)
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::record::{Numbers, Status};
    use flowbench_report::FigureError;
    use tempfile::TempDir;

    use super::*;
    use crate::case::child;
    use crate::experiment::rate::OfferedLoad;
    use crate::experiment::shares::tests::search_result;
    use crate::log::tests::log_of;

    static NEVER: AtomicBool = AtomicBool::new(false);

    /// Records what an observer is called with.
    #[derive(Default)]
    struct Words(Vec<String>);

    impl RunObserver for Words {
        fn planned(&mut self, plan: &Plan, done: usize, _dir: &Path) {
            self.0.push(format!("{} planned, {done} done", plan.cases.len()));
        }
        fn begins(&mut self, spec: &CaseSpec) {
            self.0.push(format!("begins {}", spec.pipeline));
        }
        fn begins_again(&mut self, spec: &CaseSpec, cause: &str) {
            self.0.push(format!("again {}: {cause}", spec.pipeline));
        }
        fn stops(&mut self) {
            self.0.push("stops".to_owned());
        }
        fn ended(&mut self, _spec: &CaseSpec, case: &CaseRecord) {
            let status = if has_failed(case) { "failed" } else { "ok" };
            self.0.push(format!("{} {status}", case.axes.pipeline));
        }
    }

    /// An experiment with a part of these lines and axes.
    fn text(part: &str, axes: &str) -> String {
        format!(
            "name = \"x-1\"\ntitle = \"x\"\nseed = 3\nrepeats = 1\ndeadline = \"60s\"\nmemory_cap_mib = 512\n\
             [[part]]\nname = \"only\"\nquestion = \"?\"\ntrace = {{ profile = \"tiny\", events = 2000 }}\n\
             {part}\n[part.axes]\n{axes}\n"
        )
    }

    fn loaded(part: &str, axes: &str) -> LoadedExperiment {
        LoadedExperiment::parse("x.toml".to_owned(), &text(part, axes), &[]).unwrap()
    }

    /// A run of an experiment with these axes, in a folder.
    fn request(dir: &TempDir, axes: &str) -> Request {
        let experiment = dir.path().join("x.toml");
        std::fs::write(&experiment, text("", axes)).unwrap();
        let out = Some(dir.path().join("out"));
        Request { experiment: format!("{}", experiment.display()), out, ..Request::default() }
    }

    const TWO: &str = "pipeline = [\"identity\", \"sessions\"]";

    #[test]
    fn a_stopped_run_keeps_its_cases_and_can_be_resumed() {
        let dir = TempDir::new().unwrap();
        let request = request(&dir, TWO);
        let mut words = Words::default();
        let finished = run(&request, &AtomicBool::new(true), &mut words).unwrap();
        assert_eq!(words.0[..1], ["2 planned, 0 done"]);
        assert_eq!((words.0.len(), words.0[2].as_str()), (3, "stops"));
        assert!(finished.interrupted && finished.cases.is_empty());
        let written = read_run(&finished.dir).unwrap();
        assert!(written.interrupted && written.planned_cases == 2 && written.earlier_failures.is_empty());

        // A case is this very program, which here knows nothing of cases: each of them fails, and the run goes on.
        let resumed = Request { resume: Some(finished.dir.clone()), ..Request::default() };
        let mut words = Words::default();
        let failed = run(&resumed, &NEVER, &mut words).unwrap();
        assert_eq!((failed.cases.len(), failed.incomplete(), failed.interrupted), (2, 2, false));
        assert_eq!(words.0.iter().filter(|word| word.ends_with(" failed")).count(), 2);
        let cause = |case: &CaseRecord| match &case.status {
            Status::Failed { cause, .. } => cause.clone(),
            other => panic!("{other:?}"),
        };
        assert!(failed.cases.iter().all(|case| cause(case).starts_with("its result cannot be read")), "{failed:?}");

        // Once more: what had failed is run again, and the failures are kept once, whatever the number of attempts.
        for _ in 0..2 {
            let mut words = Words::default();
            let again = run(&resumed, &NEVER, &mut words).unwrap();
            assert_eq!((again.cases.len(), words.0[0].as_str()), (2, "2 planned, 0 done"));
            let earlier = read_run(&again.dir).unwrap().earlier_failures;
            let causes: BTreeSet<(usize, &str)> = earlier.iter().map(|one| (one.case, one.cause.as_str())).collect();
            assert_eq!((earlier.len(), causes.len()), (2, 2), "{earlier:?}");
        }
    }

    #[test]
    fn a_run_is_not_resumed_with_a_log_that_has_changed() {
        let dir = TempDir::new().unwrap();
        let log = dir.path().join("log.csv");
        std::fs::write(&log, log_of(0..50)).unwrap();
        let trace = format!("file = \"{}\"", log.display());
        let text = text("", TWO).replacen("profile = \"tiny\", events = 2000", &trace, 1);
        let out = Some(dir.path().join("out"));
        let request = Request { experiment: "x".to_owned(), text: Some(text), out, ..Request::default() };
        let finished = run(&request, &AtomicBool::new(true), &mut Words::default()).unwrap();
        let traces = read_run(&finished.dir).unwrap().traces;
        let planned = traces[0].log.clone().unwrap();
        assert_eq!((traces.len(), planned.file.as_str(), planned.events), (1, "log.csv", 50));

        let resumed = Request { resume: Some(finished.dir.clone()), ..Request::default() };
        run(&resumed, &AtomicBool::new(true), &mut Words::default()).unwrap();
        std::fs::write(&log, log_of(1..51)).unwrap();
        let error = run(&resumed, &AtomicBool::new(true), &mut Words::default()).unwrap_err();
        let found = crate::log::survey(&log, None, None, None).unwrap().spec.record.digest;
        let words = error.to_string();
        assert!(matches!(error, RunFailed::Log(_)) && words.contains(&planned.digest), "{words}");
        assert!(words.contains(&found), "{words}");
    }

    #[test]
    fn a_run_that_has_taken_its_time_begins_no_case_and_can_be_resumed() {
        let dir = TempDir::new().unwrap();
        let hasty = Request { max_time: Some(Duration::ZERO), ..request(&dir, TWO) };
        let mut words = Words::default();
        let finished = run(&hasty, &NEVER, &mut words).unwrap();
        assert_eq!(words.0, ["2 planned, 0 done"]);
        assert!(finished.interrupted && read_run(&finished.dir).unwrap().interrupted);
        let resumed = Request { resume: Some(finished.dir), max_time: Some(Duration::MAX), ..Request::default() };
        assert_eq!(run(&resumed, &NEVER, &mut Words::default()).unwrap().cases.len(), 2);
    }

    #[test]
    fn a_run_of_another_build_or_machine_is_not_resumed() {
        let dir = TempDir::new().unwrap();
        let finished = run(&request(&dir, TWO), &AtomicBool::new(true), &mut Words::default()).unwrap();
        let run = read_run(&finished.dir).unwrap();
        let resumed = |run: RunRecord| {
            ResultsDir::resume(&finished.dir).unwrap().write_run(&run).unwrap();
            resumable(&finished.dir, false)
        };
        let mut other = run.clone();
        other.build.rustc.push('x');
        let wanted = format!("{}: was measured with another build; its cases", finished.dir.display());
        assert!(resumed(other).unwrap_err().to_string().starts_with(&wanted));
        let mut other = run.clone();
        other.machine.line = "64 cores".to_owned();
        let error = resumed(other).unwrap_err().to_string();
        assert!(error.contains("was measured on another machine (64 cores)"), "{error}");
        assert_eq!(resumed(run.clone()).unwrap(), (run, 0));
    }

    #[test]
    fn a_mixed_run_says_which_cases_another_build_or_machine_has_measured() {
        let dir = TempDir::new().unwrap();
        let finished = run(&request(&dir, TWO), &AtomicBool::new(true), &mut Words::default()).unwrap();
        let mut other = read_run(&finished.dir).unwrap();
        (other.build.rustc, other.machine.line) = ("another".to_owned(), "64 cores".to_owned());
        ResultsDir::resume(&finished.dir).unwrap().write_run(&other).unwrap();

        let mixed = Request { resume: Some(finished.dir.clone()), allow_mixed: true, ..Request::default() };
        let again = run(&mixed, &NEVER, &mut Words::default()).unwrap();
        assert!(again.cases.len() == 2 && again.cases.iter().all(|case| case.segment == 1), "{:?}", again.cases);
        let written = read_run(&finished.dir).unwrap();
        assert_eq!((written.segments.len(), written.segments[0].build == environment::build()), (1, true));
        assert_eq!(written.build, other.build, "that of its beginning stays");
        // A segment is continued by whom it belongs to, with or without the permission.
        assert_eq!(resumable(&finished.dir, false).unwrap().1, 1);
        assert_eq!(resumable(&finished.dir, true).unwrap().0.segments.len(), 1);
        let this = &written.segments[0];
        let words = difference((&this.build, &this.machine), (&written.build, &written.machine)).unwrap();
        assert_eq!(words, "with another build and on another machine (64 cores)");
    }

    #[test]
    fn a_process_that_takes_part_stops_when_interrupted_or_when_a_case_fails() {
        let dir = TempDir::new().unwrap();
        let request = request(&dir, TWO);
        let mut words = Words::default();
        assert_eq!(follow(&request, &AtomicBool::new(true), &mut words).unwrap(), 0);
        assert_eq!((words.0.len(), words.0.last().map(String::as_str)), (3, Some("stops")));
        let mut words = Words::default();
        assert_eq!(follow(&request, &NEVER, &mut words).unwrap(), 0);
        assert!(words.0.len() == 3 && words.0[2].ends_with(" failed"), "{:?}", words.0);
        assert!(!dir.path().join("out").exists(), "process 0 has the results");
    }

    #[test]
    fn among_several_machines_a_run_ends_with_the_first_case_that_fails() {
        let dir = TempDir::new().unwrap();
        let hosts = Hosts::parse("hosts", "127.0.0.1:1\n127.0.0.1:2").unwrap();
        let host_rank = HostRank { hosts, process: 0, join_within: Duration::from_secs(60) };
        let finished =
            run(&Request { host_rank: Some(host_rank), ..request(&dir, TWO) }, &NEVER, &mut Words::default()).unwrap();
        assert_eq!((finished.cases.len(), finished.incomplete(), finished.interrupted), (1, 1, true));
        assert_eq!(finished.cases[0].axes.processes, 2, "as many as there are hosts");
    }

    #[test]
    fn settings_for_all_parts_are_in_every_part() {
        let dir = TempDir::new().unwrap();
        let plain = request(&dir, TWO);
        let cases = |request: &Request| request.plan().unwrap().1.cases;
        assert!(cases(&plain).iter().all(|case| case.processes == 1 && !case.profile_operators));
        let everywhere = Request { processes: Some(3), profile_operators: true, ..plain };
        assert!(cases(&everywhere).iter().all(|case| case.processes == 3));
        assert!(cases(&everywhere).iter().any(|case| case.profile_operators));
    }

    #[test]
    fn a_directory_is_not_written_over_and_a_run_without_cases_is_none() {
        let dir = TempDir::new().unwrap();
        let request = request(&dir, TWO);
        let stopped = AtomicBool::new(true);
        run(&request, &stopped, &mut Words::default()).unwrap();
        let error = run(&request, &stopped, &mut Words::default()).unwrap_err();
        assert!(matches!(error, RunFailed::Results(ResultsError::Taken(_))), "{error}");
        for (axes, wanted) in [
            ("pipeline = \"identity\"\nstrategy = \"staged\"", "selects no case: "),
            ("pipeline = \"identiti\"", "did you mean 'identity'"),
        ] {
            let request = self::request(&TempDir::new().unwrap(), axes);
            assert!(request.load().is_err(), "its folder has gone");
            let dir = TempDir::new().unwrap();
            let error = run(&self::request(&dir, axes), &stopped, &mut Words::default()).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
            assert!(!dir.path().join("out").exists());
        }
    }

    #[test]
    fn the_note_is_that_of_the_shipped_experiment_or_the_markdown_beside_the_file() {
        let shipped = LoadedExperiment::load("ci", &[]).unwrap();
        assert!(note(&shipped).is_some_and(|note| note.starts_with("# ")));
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, &shipped.text).unwrap();
        let mine = LoadedExperiment::load(file.to_str().unwrap(), &[]).unwrap();
        assert_eq!(note(&mine), None);
        std::fs::write(folder.path().join("mine.md"), "# Mine\n").unwrap();
        assert_eq!(note(&mine).as_deref(), Some("# Mine\n"));
    }

    #[test]
    fn names_of_experiments_and_figures_are_checked_before_anything_is_run() {
        let named = |name: &str| {
            let text = text("", TWO).replacen("x-1", name, 1);
            LoadedExperiment::parse("x.toml".to_owned(), &text, &[]).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!((named("x_1-Y"), named("7")), (Ok(()), Ok(())));
        for name in ["", "a/b", "..", "a b", "ä"] {
            let wanted =
                format!("x.toml, line 1, column 8: name = '{name}' cannot name a folder; use letters, digits, - and _");
            assert_eq!(named(name), Err(wanted));
        }
        let figure = |name: &str| {
            format!(
                "[[part.figure]]\nname = \"{name}\"\nkind = \"bars\"\nquestion = \"?\"\nreading = \"?\"\n\
                 y = [\"latency_p50_ns\"]\nby = [\"pipeline\"]\n"
            )
        };
        let checked = |figures: &str| {
            let planned = plan_checked(loaded(figures, TWO), Vec::new(), Registry::default());
            planned.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(checked(&(figure("a") + &figure("b"))), Ok(()));
        let twice = checked(&(figure("a") + &figure("a"))).unwrap_err();
        assert_eq!(twice, format!("x.toml, line 19, column 8: {}", FigureError::Duplicate("a".to_owned())));
        let bad = checked(&figure("a b")).unwrap_err();
        assert_eq!(bad, format!("x.toml, line 12, column 8: {}", FigureError::Name("a b".to_owned())));
    }

    #[test]
    fn the_record_of_a_run_has_each_trace_once_and_its_digest_when_it_is_known() {
        let axes = "pipeline = [\"identity\", \"sessions\"]\nrate = [1000, \"closed\", \"search\"]\n\
                    world = [\"\", \"w: customers.whale_share=0.3\"]";
        let loaded = loaded("duration = \"500ms\"", axes);
        let plan = Plan::new(&loaded, Registry::default()).unwrap();
        let mut run = manifest(&loaded, &plan, &Request::default());
        let events = |run: &RunRecord| {
            let trace = |trace: &TraceRecord| (trace.name.clone(), trace.events, trace.digest.clone());
            run.traces.iter().map(trace).collect::<Vec<_>>()
        };
        let names: Vec<(String, u64, Option<String>)> = events(&run);
        assert_eq!(names.iter().map(|trace| trace.1).collect::<Vec<_>>(), [500, 2000, 500, 2000], "{names:?}");
        assert!(names.is_sorted() && names.iter().all(|trace| trace.2.is_none()));
        assert_eq!((run.planned_cases, run.seed, run.schema_version), (plan.cases.len(), 3, SCHEMA_VERSION));
        assert!(run.traces[3].overrides == ["customers.whale_share=0.3"] && run.traces[0].overrides.is_empty());

        let spec =
            plan.cases.iter().find(|case| case.load == OfferedLoad::Closed && case.trace.world.is_empty()).unwrap();
        let mut record = record(spec, &failed(String::new(), String::new()));
        note_digest(&mut run, spec, &record);
        assert_eq!(events(&run), names, "a case without numbers has no digest");
        let numbers = child::run(spec, Registry::default(), None).unwrap().numbers.unwrap();
        record.numbers = Some(Numbers { trace_digest: "d".to_owned(), ..numbers.clone() });
        for _ in 0..2 {
            note_digest(&mut run, spec, &record);
            let digests: Vec<(u64, Option<String>)> =
                events(&run).into_iter().map(|trace| (trace.1, trace.2)).collect();
            assert_eq!(digests, [(500, None), (2000, Some("d".to_owned())), (500, None), (2000, None)]);
        }
        // What a search ends at is a trace of its own.
        record.numbers = Some(Numbers { events: 777, trace_digest: "e".to_owned(), ..numbers });
        note_digest(&mut run, spec, &record);
        assert_eq!(events(&run)[1].1, 777);
    }

    #[test]
    fn a_share_of_a_capped_search_is_recorded_with_its_rate_its_share_and_a_doubt() {
        let plan =
            Plan::new(&loaded("duration = \"1s\"", "pipeline = \"identity\"\nrate = \"50%\""), Registry::default())
                .unwrap();
        let (searches, planned): (Vec<CaseSpec>, Vec<CaseSpec>) =
            plan.cases.into_iter().partition(|case| matches!(case.load, OfferedLoad::Search { .. }));
        let found = search_result(2_000.0, None);
        let earlier = [record(&searches[0], &found)];
        let spec = shares::resolve_share(&planned[0], &earlier).unwrap();
        let recorded = doubted_record(&planned[0], &spec, &found, &earlier);
        assert_eq!((recorded.axes.rate_events_per_s, recorded.axes.rate_share), (Some(1_000.0), Some(0.5)));
        assert!(recorded.doubts.iter().any(|doubt| doubt.code == "search-capped"), "{:?}", recorded.doubts);
        let failure = doubted_record(&planned[0], &spec, &failed(String::new(), String::new()), &earlier);
        assert!(failure.doubts.is_empty(), "a case without numbers has no doubts");
    }

    #[test]
    fn a_run_has_a_folder_of_its_own_by_time_and_commit() {
        let dir = TempDir::new().unwrap();
        let loaded = loaded("", TWO);
        let mut run = manifest(&loaded, &Plan::new(&loaded, Registry::default()).unwrap(), &Request::default());
        run.started_at = "2026-01-02T03:04:05.678Z".to_owned();
        (run.build.commit, run.build.dirty) = (Some("abc".to_owned()), true);
        assert_eq!(default_dir(&run), Path::new("results/x-1/20260102T030405Z_abc-dirty"));
        (run.build.commit, run.build.dirty) = (None, false);
        run.experiment = dir.path().display().to_string();
        for name in ["20260102T030405Z_nocommit", "20260102T030405Z_nocommit-2", "20260102T030405Z_nocommit-3"] {
            assert_eq!(default_dir(&run), dir.path().join(name));
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
    }
}
