//! What a plan is likely to take: time, memory and disk, before anything is run.
//!
//! Decision D-432.

use flowbench_events::{Problem, Problems};
use flowbench_pipelines::Strategy;

use crate::experiment::case_spec::CaseSpec;
use crate::experiment::load::LoadedExperiment;
use crate::experiment::plan::Plan;
use crate::experiment::rate::OfferedLoad;

/// Guess of what a strategy answers in a closed loop, events per second.
const THROUGHPUT: f64 = 20e6;
/// Guess of what differential dataflow answers in a closed loop, events per second.
const THROUGHPUT_DIFFERENTIAL: f64 = 1e6;
/// Time to start and end the process of a case, s.
const STARTUP_S: f64 = 0.1;
/// Time to generate an event and to check its answers, s.
const AROUND_S: f64 = 0.4e-6;
/// Number of probes of a search.
const PROBES: f64 = 12.0;
/// A closed loop runs for so long in all once it has run for the first time, s, and so many times at least.
const CLOSED_S: (f64, f64) = (0.2, 2.0);
const CLOSED_RUNS: f64 = 5.0;
/// Bytes of an event of a trace.
const EVENT_BYTES: u64 = 48;
/// Bytes of a process that has nothing to do.
const PROCESS_BYTES: u64 = 16 << 20;
/// Bytes on disk of a case, of an open loop, and of a part with its figures.
const CLOSED_DISK_BYTES: u64 = 16 << 10;
const OPEN_DISK_BYTES: u64 = 64 << 10;
const PART_DISK_BYTES: u64 = 512 << 10;

/// What a case, a part or a plan is likely to take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// Number of cases, repeats included.
    pub cases: usize,
    /// Number of processes, one after another or side by side.
    pub processes: usize,
    /// Time, s.
    pub seconds: f64,
    /// Time after which the deadlines have ended every case, s.
    pub seconds_max: f64,
    /// Peak of the resident set of the largest case, bytes.
    pub memory_bytes: u64,
    /// Size of the results, bytes.
    pub disk_bytes: u64,
}

impl Estimate {
    /// Returns what a case is likely to take.
    pub fn of_case(spec: &CaseSpec) -> Estimate {
        let events = spec.trace.events as f64;
        let seconds_max = spec.deadline_ms as f64 / 1e3;
        let logged = if spec.profile_operators { 2.0 } else { 1.0 };
        // A counterfactual world is generated and answered like the one that is measured.
        let worlds = if spec.trace.counterfactual.is_empty() { 1.0 } else { 2.0 };
        let seconds = STARTUP_S * spec.processes as f64 + worlds * events * AROUND_S + logged * measured_s(spec);
        Estimate {
            cases: 1,
            processes: spec.processes,
            seconds: seconds.min(seconds_max),
            seconds_max,
            // As much as the trace again for answers, their truth and state.
            memory_bytes: 2 * trace_bytes(spec) + PROCESS_BYTES * spec.processes as u64,
            disk_bytes: if spec.load == OfferedLoad::Closed { CLOSED_DISK_BYTES } else { OPEN_DISK_BYTES },
        }
    }

    /// Returns what all cases of a plan are likely to take.
    pub fn of_plan(plan: &Plan) -> Estimate {
        Estimate::by_part(plan).into_iter().fold(Estimate::default(), |all, (_, part)| all.and(part))
    }

    /// Returns what each part of a plan is likely to take, by its name, in the order of the cases.
    pub fn by_part(plan: &Plan) -> Vec<(String, Estimate)> {
        let mut parts: Vec<(String, Estimate)> = Vec::new();
        let mut cases: Vec<&CaseSpec> = plan.cases.iter().collect();
        cases.sort_by_key(|case| (case.case, case.repeat));
        for case in cases {
            let estimate = Estimate::of_case(case);
            match parts.last_mut() {
                Some((part, sum)) if *part == case.part => *sum = sum.and(estimate),
                _ => {
                    let part = Estimate { disk_bytes: PART_DISK_BYTES, ..Estimate::default() };
                    parts.push((case.part.clone(), part.and(estimate)));
                }
            }
        }
        parts
    }

    /// Returns what both take, one after the other.
    fn and(self, other: Estimate) -> Estimate {
        Estimate {
            cases: self.cases + other.cases,
            processes: self.processes + other.processes,
            seconds: self.seconds + other.seconds,
            seconds_max: self.seconds_max + other.seconds_max,
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            disk_bytes: self.disk_bytes + other.disk_bytes,
        }
    }
}

/// Returns the time for which a case is measured, warm-up included, s.
fn measured_s(spec: &CaseSpec) -> f64 {
    let duration_s = spec.duration_ms as f64 / 1e3;
    let throughput = match spec.config.strategy == Strategy::DIFFERENTIAL {
        true => THROUGHPUT_DIFFERENTIAL,
        false => THROUGHPUT,
    };
    match spec.load {
        OfferedLoad::Closed => {
            let once_s = spec.trace.events as f64 / throughput;
            once_s + (CLOSED_RUNS * once_s).max(CLOSED_S.0).min(CLOSED_S.1.max(once_s))
        }
        OfferedLoad::Search { .. } => PROBES * duration_s,
        OfferedLoad::Open { .. } | OfferedLoad::ShareOf { .. } => duration_s,
    }
}

/// Returns the size of the traces that a case holds at least: one in each process, and another one where the trace is
/// split before it is read.
fn trace_bytes(spec: &CaseSpec) -> u64 {
    let copies = if spec.config.strategy == Strategy::CO_PARTITIONED { 2 } else { 1 };
    spec.trace.events.saturating_mul(EVENT_BYTES).saturating_mul(copies * spec.processes as u64)
}

/// What a machine has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resources {
    /// Memory that can be had without swapping, bytes; `None` if it is not known.
    pub memory_bytes: Option<u64>,
    /// Space for files where the results go, bytes; `None` if it is not known.
    pub disk_bytes: Option<u64>,
}

/// Checks that a machine can run a plan: that the traces of each case, which are the least it needs, fit into its
/// memory, and the results on its disk. `here` is the number of processes of a case that run on this machine, all of
/// them if it is `None`.
///
/// # Errors
///
/// Fails with the largest case of each part that does not fit, at the number of its events.
pub fn check_resources(
    loaded: &LoadedExperiment,
    plan: &Plan,
    here: Option<usize>,
    left: Resources,
) -> Result<(), Problems> {
    let mut problems: Vec<Problem> = Vec::new();
    for (number, part) in loaded.experiment.parts.iter().enumerate() {
        let needed = |case: &CaseSpec| match here {
            Some(here) => trace_bytes(case) / case.processes as u64 * here as u64,
            None => trace_bytes(case),
        };
        let cases = plan.cases.iter().filter(|case| case.part == part.name);
        let Some((bytes, case)) = cases.map(|case| (needed(case), case)).max_by_key(|(bytes, _)| *bytes) else {
            continue;
        };
        let (one, cap) = (trace_bytes(case) / case.processes as u64, case.memory_cap_bytes);
        if one > cap {
            let message = format!(
                "memory_cap = {} MiB is less than the trace of case {} of part '{}' takes, {}; give it more, or the trace fewer events",
                cap >> 20,
                case.case,
                part.name,
                size(one)
            );
            problems.push(loaded.problem(cap_key(loaded), &message));
        }
        if let Some(memory) = left.memory_bytes.filter(|memory| bytes > *memory) {
            let message = format!(
                "part '{}', case {}: its trace of {} events takes {}, and {} of memory are available; give it fewer events",
                part.name,
                case.case,
                case.trace.events,
                size(bytes),
                size(memory)
            );
            problems.push(loaded.problem(&format!("part/{number}/trace/events"), &message));
        }
    }
    let disk = Estimate::of_plan(plan).disk_bytes;
    if let Some(left) = left.disk_bytes.filter(|left| disk > *left) {
        let message = format!(
            "the results of {} cases take about {}, and {} are left on the disk; give it fewer repeats, or another folder by --out",
            plan.cases.len(),
            size(disk),
            size(left)
        );
        problems.push(loaded.problem("repeats", &message));
    }
    Problems::check(problems)
}

/// Returns the key by which an experiment sets its memory cap.
fn cap_key(loaded: &LoadedExperiment) -> &'static str {
    if loaded.document.at("memory_cap_mib").is_some() { "memory_cap_mib" } else { "memory_cap" }
}

/// Returns a size in a unit that suits it, such as `1.5 GB`.
pub fn size(bytes: u64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let (factor, unit) = units.into_iter().find(|(factor, _)| bytes as f64 >= *factor).unwrap_or((1.0, "B"));
    let number = bytes as f64 / factor;
    if number < 10.0 && factor > 1.0 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

/// The time that is left of a run: what was estimated for the cases that are to come, corrected by how long those took
/// that are done.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeLeft {
    estimated_done_s: f64,
    took_s: f64,
    estimated_left_s: f64,
}

/// Seconds of measured cases that weigh as much as the estimate.
const PRIOR_S: f64 = 10.0;

impl TimeLeft {
    /// Returns the time for these cases.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a CaseSpec>) -> TimeLeft {
        let seconds = cases.into_iter().map(|case| Estimate::of_case(case).seconds).sum();
        TimeLeft { estimated_left_s: seconds, ..TimeLeft::default() }
    }

    /// Notes that a case has taken so long.
    pub fn ended(&mut self, spec: &CaseSpec, took_s: f64) {
        let estimated_s = Estimate::of_case(spec).seconds;
        self.estimated_left_s = (self.estimated_left_s - estimated_s).max(0.0);
        self.estimated_done_s += estimated_s;
        self.took_s += took_s;
    }

    /// Returns the time that is left, s.
    pub fn seconds(&self) -> f64 {
        self.estimated_left_s * (self.took_s + PRIOR_S) / (self.estimated_done_s + PRIOR_S)
    }
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::results_dir::read_run;
    use flowbench_pipelines::Registry;

    use super::*;
    use crate::experiment::rate::tests::planned;
    use crate::run::experiment_of;
    use flowbench_experiments::SHIPPED;

    #[test]
    fn a_plan_is_the_sum_of_its_parts_and_as_large_as_its_largest_case() {
        for shipped in SHIPPED {
            let loaded = LoadedExperiment::load(shipped.name, &[]).unwrap();
            let plan = Plan::new(&loaded, Registry::default()).unwrap();
            let (all, parts) = (Estimate::of_plan(&plan), Estimate::by_part(&plan));
            assert_eq!(parts.len(), loaded.experiment.parts.len(), "{}", shipped.name);
            assert_eq!(all.cases, plan.cases.len());
            let seconds: f64 = parts.iter().map(|(_, part)| part.seconds).sum();
            assert!((seconds - all.seconds).abs() < 1e-6 && all.seconds <= all.seconds_max);
            assert_eq!(parts.iter().map(|(_, part)| part.memory_bytes).max(), Some(all.memory_bytes));
        }
    }

    #[test]
    fn the_runs_that_were_measured_took_about_what_is_estimated() {
        let results = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
        for shipped in SHIPPED.iter().filter(|shipped| !shipped.note.contains("no reference is kept")) {
            let dir = results.join(shipped.name).join("reference");
            let run = read_run(&dir).unwrap();
            let plan = Plan::new(&experiment_of(&dir, &run).unwrap(), Registry::default()).unwrap();
            let (took_s, estimated_s) = (run.wall_s.unwrap(), Estimate::of_plan(&plan).seconds);
            let ratio = estimated_s / took_s;
            assert!((0.4..2.5).contains(&ratio), "{}: {estimated_s} s estimated, {took_s} s taken", shipped.name);
        }
    }

    #[test]
    fn what_cannot_fit_is_refused_with_its_case_and_key() {
        let text = "memory_cap = \"100GiB\"\n[[part]]\nname = \"big\"\ntrace = { events = \"1G\" }\n[part.axes]\npipeline = \"identity\"\n";
        let loaded = LoadedExperiment::parse("x.toml".to_owned(), text, &[]).unwrap();
        let plan = Plan::new(&loaded, Registry::default()).unwrap();
        let check = |memory: u64, disk: u64, here| {
            let left = Resources { memory_bytes: Some(memory), disk_bytes: Some(disk) };
            check_resources(&loaded, &plan, here, left).map_err(|problems| problems.to_string())
        };
        assert_eq!(check(60 << 30, 1 << 30, None), Ok(()));
        let memory = check(20_000_000_000, 1 << 30, None).unwrap_err();
        let wanted = "x.toml, line 4, column 20: part 'big', case 1: its trace of 1000000000 events takes 48 GB, and 20 GB of memory";
        assert!(memory.starts_with(wanted), "{memory}");
        assert!(check(60 << 30, 1000, None).unwrap_err().contains("and 1.0 kB are left on the disk"));
        assert_eq!(check_resources(&loaded, &plan, None, Resources::default()), Ok(()));
        let text = text.replace("100GiB", "40GiB");
        let capped = LoadedExperiment::parse("x.toml".to_owned(), &text, &[]).unwrap();
        let plan = Plan::new(&capped, Registry::default()).unwrap();
        let cap = check_resources(&capped, &plan, None, Resources::default()).unwrap_err().to_string();
        assert!(
            cap.starts_with("x.toml, line 1, column 14: memory_cap = 40960 MiB is less than the trace of case 1"),
            "{cap}"
        );
    }

    #[test]
    fn the_time_that_is_left_follows_what_was_seen() {
        let plan = planned("duration = \"10s\"", "pipeline = \"identity\"\nrate = 100", 10).unwrap();
        let mut left = TimeLeft::of(&plan.cases);
        let estimated_s = left.seconds();
        assert!((100.0..105.0).contains(&estimated_s), "{estimated_s}");
        for case in &plan.cases[..5] {
            left.ended(case, 20.0);
        }
        assert!((80.0..100.0).contains(&left.seconds()), "five more at nearly twice the time: {}", left.seconds());
        plan.cases[5..].iter().for_each(|case| left.ended(case, 20.0));
        assert!(left.seconds() < 1e-6);
    }
}
