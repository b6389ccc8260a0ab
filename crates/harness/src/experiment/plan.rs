//! From questions to cases: every combination of the axes, checked before anything is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flowbench_events::{BadRowLimit, Problem, Problems, mix, parse_duration_ms};
use flowbench_measurement::record::FigureKind;
use flowbench_measurement::what_if::WHAT_IF_COLUMNS;
use flowbench_pipelines::{Pipeline, Registry, RunConfig, SettingError, Strategy};
use toml::Value;

use crate::experiment::axes::{AXES, AxisValue, Combination, WatermarkSources, values_on};
use crate::experiment::case_spec::{CaseSpec, TraceSpec};
use crate::experiment::document::Of;
use crate::experiment::file::{Question, TraceChoice};
use crate::experiment::filter::{CaseFilter, CaseValues};
use crate::experiment::keys::EVENTS_MAX;
use crate::experiment::load::LoadedExperiment;
use crate::experiment::rate::{Arrivals, OfferedLoad};
use crate::experiment::shares::{add_searches, searches_first};
use crate::generate;
use crate::log::{Survey, survey};
use crate::pipeline_file::with_files;
use crate::supported::check_supported;

/// The cases of an experiment in the order in which they are run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Repeats interleaved, in an order that the seed shuffles.
    pub cases: Vec<CaseSpec>,
    /// The reasons why combinations were skipped.
    pub skipped: Vec<String>,
    /// For each part, a description of the searches that were added because shares need them.
    pub added: Vec<String>,
    /// What a user should know about the logs that the cases read and about the filters, a line each.
    pub remarks: Vec<String>,
}

/// Maximum number of combinations of axes, and of cases with their repeats. At 100 ms a case that is an hour, more is a
/// slip.
const CASES_MAX: usize = 50_000;
/// Maximum number of problems that are collected.
const PROBLEMS_MAX: usize = 200;
/// The profile of a trace that names neither a profile nor a log.
const PROFILE: &str = "retail";
/// The number of events of a generated trace that names none.
const EVENTS: u64 = 100_000;

impl Plan {
    /// Makes the cases of an experiment: all combinations of all questions that its filters leave, with every name and
    /// value checked.
    ///
    /// # Errors
    ///
    /// Names the places of all problems, with the likely fixes.
    pub fn new(loaded: &LoadedExperiment, registry: Registry) -> Result<Plan, Problems> {
        let experiment = &loaded.experiment;
        let mut planner = Planner::new(loaded, with_files(registry, &experiment.pipelines)?);
        for (number, question) in experiment.parts.iter().enumerate() {
            planner.question(number, question);
        }
        let (repeats, each) = (experiment.repeats, planner.cases.len());
        let all = each.saturating_mul(repeats);
        if all > CASES_MAX {
            let problem =
                format!("repeats = {repeats} of {each} cases are {all}, at most {CASES_MAX} are run; {FEWER}");
            planner.problems.push(loaded.problem("repeats", &problem));
        }
        Problems::check(planner.problems)?;
        let mut cases = Vec::with_capacity(all);
        for repeat in 1..=repeats {
            let mut round = planner.cases.clone();
            round.iter_mut().for_each(|case| {
                case.repeat = repeat;
                case.keeps_answers &= repeat == 1;
            });
            shuffle(&mut round, experiment.seed.first().copied().unwrap_or(0) ^ repeat as u64);
            cases.append(&mut searches_first(round));
        }
        let mut remarks: Vec<String> = planner.surveys.into_iter().flat_map(|(_, survey)| survey.remarks).collect();
        let filters = planner.only.iter().chain(&planner.skip);
        remarks.extend(filters.flat_map(|filter| filter.unmatched(&planner.seen)));
        remarks.append(&mut planner.remarks);
        Ok(Plan { cases, skipped: planner.skipped, added: planner.added, remarks })
    }
}

/// The hint for a list of settings that was meant as an axis.
const OF_PIPELINE: &str =
    "; parameters of one pipeline among several stand under [part.of_pipeline], as in sessions = [\"gap=10min\"]";
/// What is said about a setting that stands twice.
const ONE_CHOICE: &str =
    ". A list of settings is one choice; an axis is a list of lists: settings = [[\"a=1\"], [\"a=2\"]]";
/// Where a log is looked for.
const FROM_WHERE: &str = ". A relative path begins at the folder of the experiment file; resume a run in the folder in \
                          which it was started";
/// The fix for too many cases.
const FEWER: &str = "shorten the lists, or make several experiments of it";

struct Planner<'a> {
    loaded: &'a LoadedExperiment,
    registry: Registry,
    only: Vec<CaseFilter>,
    skip: Vec<CaseFilter>,
    combinations: usize, // counted so far
    cases: Vec<CaseSpec>,
    skipped: Vec<String>,
    added: Vec<String>,
    remarks: Vec<String>,
    problems: Vec<Problem>,
    surveys: Vec<(LogChoice, Survey)>,
    /// The values that occur on each axis, whether or not a filter takes them out.
    seen: BTreeMap<&'static str, BTreeSet<String>>,
}

/// A log with its mapping, the maximum number of its events, and how many of its rows may be bad.
type LogChoice = (PathBuf, Option<PathBuf>, Option<u64>, Option<BadRowLimit>);

/// The trace of a question, checked.
#[derive(Debug, Clone)]
enum Source {
    /// A profile and the number of events.
    Profile(String, u64),
    /// A log.
    Log(Box<Survey>),
}

impl Source {
    fn events(&self) -> u64 {
        match self {
            Source::Profile(_, events) => *events,
            Source::Log(survey) => survey.spec.record.events,
        }
    }
}

impl<'a> Planner<'a> {
    fn new(loaded: &'a LoadedExperiment, registry: Registry) -> Planner<'a> {
        let mut planner = Planner {
            loaded,
            registry,
            only: Vec::new(),
            skip: Vec::new(),
            combinations: 0,
            cases: Vec::new(),
            skipped: Vec::new(),
            added: Vec::new(),
            remarks: Vec::new(),
            problems: Vec::new(),
            surveys: Vec::new(),
            seen: BTreeMap::new(),
        };
        planner.only = planner.filters("only", &loaded.experiment.only);
        planner.skip = planner.filters("skip", &loaded.experiment.skip);
        planner
    }

    /// Parses the filters of a key.
    fn filters(&mut self, key: &str, texts: &[String]) -> Vec<CaseFilter> {
        let mut filters = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            match CaseFilter::parse(text) {
                Ok(filter) => filters.push(filter),
                Err(error) => {
                    self.problem(self.loaded.problem(&format!("{key}/{number}"), &format!("{key}: {error}")));
                }
            }
        }
        filters
    }

    /// Notes a problem, once.
    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Returns the value, or notes the problem.
    fn noted<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problem(problem)).ok()
    }

    /// Adds the cases of a question. What is wrong in it is noted, and the rest of it is checked all the same.
    fn question(&mut self, part: usize, question: &Question) {
        let source = self.source(part, question);
        let source = self.noted(source);
        self.check_of_pipeline(part, question);
        if question.warmup_ms >= question.duration_ms {
            let (warmup, duration) = (question.warmup_ms, question.duration_ms);
            let problem = format!("warmup = {warmup} ms leaves nothing of duration = {duration} ms to record");
            self.problem(self.loaded.problem(&format!("part/{part}/warmup"), &problem));
        }
        let values: Vec<Vec<AxisValue>> = AXES.iter().map(|axis| self.values_on(question, axis)).collect();
        if !self.combinations_are_few(part, question, &values) {
            return;
        }
        let values: Vec<Vec<AxisValue>> =
            AXES.iter().zip(values).map(|((axis, _), values)| self.usable(part, axis, values)).collect();
        let Some(source) = source else { return };
        let (first, problems) = (self.cases.len(), self.problems.len());
        let mut left_out: Vec<Strategy> = Vec::new();
        for combination in combinations(&values) {
            if self.problems.len() - problems >= PROBLEMS_MAX {
                break;
            }
            let read = Combination { loaded: self.loaded, part, values: &combination };
            match self.case(question, &source, &read) {
                Ok(Some(strategy)) => left_out.push(strategy),
                Ok(None) => {}
                Err(problem) => self.problem(problem),
            }
        }
        self.remark_on_baseline(question, first, &left_out);
        let added = add_searches(&mut self.cases, first);
        if added > 0 {
            let (part, noun) = (&question.name, if added == 1 { "search" } else { "searches" });
            self.added.push(format!("part '{part}': {added} {noun} for the sustainable rate that shares are asked of"));
        }
    }

    /// Remarks on a part whose baseline is filtered out, while other cases are left.
    fn remark_on_baseline(&mut self, question: &Question, first: usize, left_out: &[Strategy]) {
        let is_left = |case: &CaseSpec| case.config.strategy == Strategy::SEQUENTIAL;
        let cases = &self.cases[first..];
        if left_out.contains(&Strategy::SEQUENTIAL) && !cases.is_empty() && !cases.iter().any(is_left) {
            let part = &question.name;
            self.remarks.push(format!(
                "part '{part}': the baseline is filtered out, the cases of `sequential`; there is no speed-up without it"
            ));
        }
    }

    /// Returns the values of a question on an axis. The seeds are those of the experiment if the question has none, and
    /// the first of them for a log, which is the same for each.
    fn values_on(&self, question: &Question, axis: &(&'static str, &str)) -> Vec<AxisValue> {
        let seeds = &self.loaded.experiment.seed[..];
        let seeds = if question.trace.file.is_some() { &seeds[..seeds.len().min(1)] } else { seeds };
        match axis.0 == "seed" && !question.axes.contains_key("seed") {
            true => seeds.iter().map(|seed| ("seed", Value::String(seed.to_string()), None)).collect(),
            false => values_on(question, axis),
        }
    }

    /// Returns the values of an axis that can be used, and notes what is wrong with the others.
    fn usable(&mut self, part: usize, axis: &str, mut values: Vec<AxisValue>) -> Vec<AxisValue> {
        if values.is_empty() {
            let message = format!("{axis}: the list is empty; no case would be left");
            self.problem(self.loaded.problem(&format!("part/{part}/axes/{axis}"), &message));
        }
        values.retain(|value| {
            let read = Combination { loaded: self.loaded, part, values: std::slice::from_ref(value) };
            let checked = read.check(axis, self.registry);
            self.noted(checked).is_some()
        });
        values
    }

    /// Counts the combinations before any is made, and notes if there are too many.
    fn combinations_are_few(&mut self, part: usize, question: &Question, values: &[Vec<AxisValue>]) -> bool {
        let count = values.iter().fold(1, |count: usize, values| count.saturating_mul(values.len()));
        self.combinations = self.combinations.saturating_add(count);
        if self.combinations <= CASES_MAX {
            return true;
        }
        let (name, all) = (&question.name, self.combinations);
        let problem = if all == count { "its axes have" } else { "with those before, its axes have" };
        let problem = format!("part '{name}': {problem} {all} combinations, at most {CASES_MAX} are taken; {FEWER}");
        self.problem(self.loaded.problem(&format!("part/{part}/axes"), &problem));
        false
    }

    /// Checks that settings by pipeline are of pipelines there are.
    fn check_of_pipeline(&mut self, part: usize, question: &Question) {
        for name in question.of_pipeline.keys() {
            if let Err(unknown) = self.registry.find(name) {
                let pointer = format!("part/{part}/of_pipeline/{name}");
                let message = format!("of_pipeline of part '{}': {unknown}", question.name);
                self.problem(self.loaded.document.problem(&pointer, Of::Key, &message));
            }
        }
    }

    /// Returns the trace of a question: a profile that exists, or a log that was read.
    fn source(&mut self, part: usize, question: &Question) -> Result<Source, Problem> {
        let TraceChoice { profile, events, set, counterfactual, file, map, max_bad } = &question.trace;
        let loaded = self.loaded;
        let error = |key: &str, problem: String| {
            loaded
                .problem(&format!("part/{part}/trace/{key}"), &format!("trace of part '{}': {problem}", question.name))
        };
        match (profile, file) {
            (_, None) if map.is_none() && max_bad.is_none() => {
                let profile = profile.as_deref().unwrap_or(PROFILE);
                generate::profile(profile, &[]).map_err(|problem| error("profile", problem.to_string()))?;
                generate::profile(profile, set).map_err(|problem| error("set", problem.to_string()))?;
                generate::profile(profile, counterfactual)
                    .map_err(|problem| error("counterfactual", problem.to_string()))?;
                Ok(Source::Profile(profile.to_owned(), events.unwrap_or(EVENTS)))
            }
            (None, Some(file)) if set.is_empty() && counterfactual.is_empty() => {
                let survey = self.survey(file, map.as_deref(), *events, *max_bad);
                survey.map(|survey| Source::Log(Box::new(survey))).map_err(|problem| error("file", problem))
            }
            _ => {
                let problem = "give it either a profile with events, and set or counterfactual if needed, or a file with \
                               its map and max_bad";
                Err(error("", problem.to_owned()))
            }
        }
    }

    /// Reads a log, unless a question before has.
    fn survey(
        &mut self,
        file: &Path,
        map: Option<&Path>,
        events_max: Option<u64>,
        max_bad: Option<BadRowLimit>,
    ) -> Result<Survey, String> {
        let folder = &self.loaded.folder;
        let log: LogChoice = (folder.join(file), map.map(|map| folder.join(map)), events_max, max_bad);
        if let Some((_, known)) = self.surveys.iter().find(|(other, _)| *other == log) {
            return Ok(known.clone());
        }
        let survey = survey(&log.0, log.1.as_deref(), events_max, max_bad).map_err(|problem| {
            let is_relative = file.is_relative() && !log.0.exists();
            let hint = if is_relative { FROM_WHERE } else { "" };
            format!("{problem}{hint}")
        })?;
        if survey.spec.record.events > EVENTS_MAX {
            return Err(format!("the log has more than {EVENTS_MAX} events; give it a maximum, events = {EVENTS_MAX}"));
        }
        self.surveys.push((log, survey.clone()));
        Ok(survey)
    }

    /// Adds the case of a combination, or the reason why it is skipped. Returns its strategy if a filter leaves it out.
    fn case(
        &mut self,
        question: &Question,
        source: &Source,
        read: &Combination<'_>,
    ) -> Result<Option<Strategy>, Problem> {
        let pipeline = read.parsed("pipeline", |name| self.registry.find(name))?;
        let settings = read.settings()?;
        let settings = match question.of_pipeline.get(pipeline.name()) {
            Some(of_pipeline) => [settings_below(of_pipeline, &settings), settings].concat(),
            None => settings,
        };
        let (config, processes) = (read.config()?, read.processes()?);
        let load = read.load(source.events(), question.duration_ms)?;
        check_settings(pipeline, &settings, read)?;
        if !question.trace.counterfactual.is_empty() && !answers_what_if(pipeline) {
            return Err(read.error("pipeline", &format!("a counterfactual says nothing of its answers; {WHAT_IF}")));
        }
        let trace = trace_spec(question, source, read)?;
        let supported = check_supported(pipeline, &config, processes).map_err(|reason| reason.to_string());
        let supported = supported.and_then(|()| check_search(load, processes));
        let live = read.live()?;
        let supported = supported.and_then(|()| live.map_or(Ok(()), |_| check_live(read, &config, processes, load)));
        let is_selected = self.is_selected(question, read);
        if let Err(reason) = supported {
            if is_selected {
                self.skip(format!("part '{}': {reason}", question.name));
            }
            return Ok(None);
        }
        let experiment = &self.loaded.experiment;
        let spec = CaseSpec {
            part: question.name.clone(),
            case: self.cases.len() + 1,
            repeat: 1,
            pipeline: pipeline.name().to_owned(),
            pipeline_text: experiment.pipelines.get(pipeline.name()).cloned(),
            settings,
            config,
            fault: read.fault(),
            live,
            processes,
            slack_ms: slack_ms(question, source, read)?,
            sources: read.sources()?,
            idle_timeout_ms: read.idle_timeout_ms()?,
            idle: read.idle()?,
            pin: experiment.pin,
            trace,
            load,
            duration_ms: question.duration_ms,
            warmup_ns: question.warmup_ms.saturating_mul(1_000_000),
            profile_operators: question.profile_operators,
            keeps_answers: draws_answers(question) && self.cases.iter().all(|case| case.part != question.name),
            slo_p99_ns: question.slo_p99_ns,
            records_per_epoch: read.records_per_epoch()?,
            deadline_ms: question.deadline_ms.unwrap_or(experiment.deadline_ms),
            memory_cap_bytes: experiment.memory_cap_bytes(),
        };
        let spec = match load {
            OfferedLoad::Closed => spec,
            OfferedLoad::Open { rate_events_per_s, arrivals, share } => spec.at(rate_events_per_s, arrivals, share),
            OfferedLoad::Search { .. } | OfferedLoad::ShareOf { .. } => {
                spec.rates().map_err(|problem| read.error("rate", &problem))?;
                spec
            }
        };
        if !is_selected {
            return Ok(Some(spec.config.strategy));
        }
        self.cases.push(spec);
        Ok(None)
    }

    /// Returns true if the filters leave a combination, and notes its values.
    fn is_selected(&mut self, question: &Question, read: &Combination<'_>) -> bool {
        if self.only.is_empty() && self.skip.is_empty() {
            return true;
        }
        let mut values: CaseValues<'_> = AXES.iter().map(|(axis, _)| (*axis, read.words(axis))).collect();
        values.insert("part", question.name.clone());
        for (axis, value) in &values {
            self.seen.entry(axis).or_default().insert(value.clone());
        }
        let is_wanted = self.only.is_empty() || self.only.iter().any(|filter| filter.matches(&values));
        is_wanted && !self.skip.iter().any(|filter| filter.matches(&values))
    }

    /// Records a reason once, however many combinations it holds for.
    fn skip(&mut self, why: String) {
        if !self.skipped.contains(&why) {
            self.skipped.push(why);
        }
    }
}

/// Returns every combination of one value of each axis.
fn combinations(values: &[Vec<AxisValue>]) -> Vec<Vec<AxisValue>> {
    values.iter().fold(vec![Vec::new()], |combinations, values| {
        let longer = |so_far: &Vec<AxisValue>| -> Vec<Vec<AxisValue>> {
            values.iter().map(|value| so_far.iter().chain([value]).cloned().collect()).collect()
        };
        combinations.iter().flat_map(longer).collect()
    })
}

/// Returns true if a figure of a question shows answers, which are kept for it.
fn draws_answers(question: &Question) -> bool {
    question.figures.iter().any(|figure| figure.kind == FigureKind::Answers)
}

/// What may be asked of a counterfactual world.
const WHAT_IF: &str = "it is the truth about the columns hour, band, views and conversions of load-time-conversion";

/// Returns true if the answers of a pipeline have the columns of which a what-if is made.
fn answers_what_if(pipeline: &dyn Pipeline) -> bool {
    WHAT_IF_COLUMNS.iter().all(|column| pipeline.about().columns.contains(column))
}

/// Checks the parameters of the pipeline.
fn check_settings(pipeline: &dyn Pipeline, settings: &[String], read: &Combination<'_>) -> Result<(), Problem> {
    let prepared = pipeline.prepare(settings, &flowbench_events::Symbols::default());
    prepared.map(drop).map_err(|problem| {
        let hint = match problem {
            SettingError::Twice { .. } => ONE_CHOICE,
            SettingError::Unknown { .. } => OF_PIPELINE,
            _ => "",
        };
        read.error("settings", &format!("pipeline '{}': {problem}{hint}", pipeline.name()))
    })
}

/// Checks that a load that needs a search can have one.
fn check_search(load: OfferedLoad, processes: usize) -> Result<(), String> {
    match processes > 1 && load.needs_search() {
        true => Err("a search for the sustainable rate runs in one process".to_owned()),
        false => Ok(()),
    }
}

/// Checks that a case can be answered by a live session.
fn check_live(read: &Combination<'_>, config: &RunConfig, processes: usize, load: OfferedLoad) -> Result<(), String> {
    let is_merged = read.sources().is_ok_and(|sources| sources == WatermarkSources::Merged);
    let problem = match config.strategy.unsupported_live() {
        _ if !cfg!(feature = "live") => "this program was built without live sessions",
        Some(reason) => reason,
        None if processes > 1 => "a live session is one process",
        None if load.needs_search() => "a live session has no search; ask for rate = \"closed\", or for rates",
        None if matches!(load, OfferedLoad::Open { arrivals: Arrivals::AsRecorded, .. }) => {
            "events of a live session happen when they arrive, and not as recorded"
        }
        None if !is_merged => "the watermark of a live session follows all arrivals",
        None => return Ok(()),
    };
    Err(format!("live: {problem}"))
}

/// Returns the trace of a case. A world may have a name, which stands for it in tables and figures:
/// `one key: customers.whale_share=0.3`.
fn trace_spec(question: &Question, source: &Source, read: &Combination<'_>) -> Result<TraceSpec, Problem> {
    let (world, seed) = (read.text("world"), read.seed()?);
    let (profile, events) = match source {
        Source::Profile(profile, events) => (profile.clone(), *events),
        Source::Log(_) if !world.is_empty() => {
            return Err(read.error("world", &"a log has no parameters to change; leave the axis out"));
        }
        Source::Log(survey) => {
            let (log, record) = (Some(survey.spec.clone()), &survey.spec.record);
            let (profile, events, none) = (record.file.clone(), record.events, Vec::new());
            return Ok(TraceSpec { profile, seed, events, overrides: none.clone(), counterfactual: none, world, log });
        }
    };
    let (world, settings) = world.split_once(": ").unwrap_or((&world, &world));
    let settings: Vec<String> = settings.split_whitespace().map(str::to_owned).collect();
    let overrides = [settings_below(&question.trace.set, &settings), settings].concat();
    generate::profile(&profile, &overrides).map_err(|problem| read.error("world", &problem))?;
    let counterfactual = match &question.trace.counterfactual[..] {
        [] => Vec::new(),
        otherwise => [settings_below(&overrides, otherwise), otherwise.to_vec()].concat(),
    };
    Ok(TraceSpec { profile, seed, events, overrides, counterfactual, world: world.to_owned(), log: None })
}

/// Returns the slack of a case, ms. By default it is 0 for a generated trace, and the smallest that loses nothing for a
/// log.
fn slack_ms(question: &Question, source: &Source, read: &Combination<'_>) -> Result<i64, Problem> {
    match source {
        Source::Log(survey) if !question.axes.contains_key("slack") => Ok(survey.slack_ms),
        _ => read.parsed("slack", parse_duration_ms),
    }
}

/// Returns the settings whose keys are not set by `above` as well.
fn settings_below(settings: &[String], above: &[String]) -> Vec<String> {
    fn key(setting: &str) -> &str {
        setting.split('=').next().unwrap_or_default()
    }
    let is_hidden = |setting: &String| above.iter().any(|other| key(other) == key(setting));
    settings.iter().filter(|setting| !is_hidden(setting)).cloned().collect()
}

/// Fisher-Yates with a fixed generator: the same order on every machine.
fn shuffle<T>(items: &mut [T], seed: u64) {
    for at in (1..items.len()).rev() {
        let other = mix(seed.wrapping_mul(0x9e37).wrapping_add(at as u64)) % (at as u64 + 1);
        items.swap(at, other as usize);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::log::tests::log_of;

    /// An experiment without its axes.
    const TEXT: &str = "name = \"x\"\ntitle = \"x\"\nseed = 1\nrepeats = 2\ndeadline = \"10s\"\nmemory_cap_mib = 512\n\
                        [[part]]\nname = \"only\"\nquestion = \"?\"\ntrace = { profile = \"tiny\", events = 1000 }\n\
                        [part.axes]\n";

    /// Some case.
    pub(crate) fn case() -> CaseSpec {
        plan("pipeline = \"identity\"").unwrap().cases.remove(0)
    }

    fn plan(axes: &str) -> Result<Plan, Problems> {
        Plan::new(&LoadedExperiment::parse("x.toml".to_owned(), &text_of(axes), &[])?, Registry::default())
    }

    fn text_of(axes: &str) -> String {
        format!("{TEXT}{axes}\n")
    }

    #[test]
    fn every_combination_is_a_case_and_repeats_share_its_number() {
        let plan =
            plan("pipeline = [\"identity\", \"lifetime-value\"]\nworkers = [1, 2]\nrate = [1000, \"closed\"]").unwrap();
        assert_eq!(plan.cases.len(), 2 * 8);
        for number in 1..=8 {
            let repeats: Vec<_> = plan.cases.iter().filter(|case| case.case == number).collect();
            assert_eq!((repeats.len(), repeats[0].axes(None)), (2, repeats[1].axes(None)));
        }
        let open = plan.cases.iter().find(|case| case.load != OfferedLoad::Closed).unwrap();
        assert_eq!((open.axes(None).records_per_epoch, open.trace.events), (1, 1000));
    }

    #[test]
    fn a_pipeline_has_settings_of_its_own_which_the_axis_overrides() {
        let axes = "pipeline = [\"sessions\", \"identity\"]\n[part.of_pipeline]\nsessions = [\"gap=2h\", \"on=any\"]";
        let settings: Vec<_> =
            plan(axes).unwrap().cases.into_iter().map(|case| (case.pipeline, case.settings)).collect();
        let of_sessions = vec!["gap=2h".to_owned(), "on=any".to_owned()];
        assert!(settings.contains(&("sessions".to_owned(), of_sessions)), "{settings:?}");
        assert!(settings.contains(&("identity".to_owned(), vec![])), "{settings:?}");
        let axes =
            "pipeline = \"sessions\"\nsettings = [\"gap=3h\"]\n[part.of_pipeline]\nsessions = [\"gap=2h\", \"on=any\"]";
        assert_eq!(plan(axes).unwrap().cases[0].settings, ["on=any", "gap=3h"]);
        let unknown = plan("pipeline = \"sessions\"\n[part.of_pipeline]\nsesions = []").unwrap_err().to_string();
        assert!(unknown.contains("of_pipeline of part") && unknown.contains("did you mean 'sessions'"), "{unknown}");
    }

    #[test]
    fn a_world_may_have_a_name() {
        let settings = "customers.whale_share=0.3 customers.new_customer_share=0";
        let plan =
            plan(&format!("pipeline = \"identity\"\nworld = [\"one key: {settings}\", \"{settings}\"]")).unwrap();
        let worlds: Vec<&str> = plan.cases.iter().map(|case| case.trace.world.as_str()).collect();
        assert!(worlds.contains(&"one key") && worlds.contains(&settings), "{worlds:?}");
        assert!(plan.cases.iter().all(|case| case.trace.overrides == settings.split(' ').collect::<Vec<_>>()));
    }

    #[test]
    fn every_seed_is_a_case_with_a_trace_of_its_own() {
        let seeds = |plan: Plan| {
            let of = |case: &CaseSpec| (case.case, case.axes(None).seed, case.trace.seed);
            let mut seeds: Vec<_> = plan.cases.iter().filter(|case| case.repeat == 1).map(of).collect();
            seeds.sort_unstable();
            seeds
        };
        let of_part = plan("pipeline = \"identity\"\nseed = [7, 8, 9]").unwrap();
        assert_eq!(seeds(of_part), [(1, Some(7), 7), (2, Some(8), 8), (3, Some(9), 9)]);
        assert_eq!(seeds(plan("pipeline = \"identity\"").unwrap()), [(1, Some(1), 1)]);
        let of_experiment = TEXT.replace("seed = 1\n", "seed = [5, 6]\n") + "pipeline = \"identity\"\n";
        let loaded = LoadedExperiment::parse("x.toml".to_owned(), &of_experiment, &[]).unwrap();
        assert_eq!(seeds(Plan::new(&loaded, Registry::default()).unwrap()), [(1, Some(5), 5), (2, Some(6), 6)]);
        for seed in ["[]", "-1", "\"seven\""] {
            let text = TEXT.replace("seed = 1\n", &format!("seed = {seed}\n"));
            let error = LoadedExperiment::parse("x.toml".to_owned(), &text, &[]).unwrap_err().to_string();
            assert!(error.contains("line 3, column 8: seed"), "{error}");
        }
    }

    #[test]
    fn a_share_is_of_a_search_in_its_own_world() {
        let text = TEXT.replace("events = 1000", "events = 4000");
        let text = text + "pipeline = \"identity\"\nrate = \"50%\"\nseed = [7, 8]\n";
        let plan =
            Plan::new(&LoadedExperiment::parse("x.toml".to_owned(), &text, &[]).unwrap(), Registry::default()).unwrap();
        for case in &plan.cases {
            let OfferedLoad::ShareOf { search, .. } = case.load else { continue };
            let searched = plan.cases.iter().find(|other| other.case == search).unwrap();
            assert_eq!(searched.trace.seed, case.trace.seed);
        }
        assert_eq!(plan.cases.len(), 2 * 4);
    }

    #[test]
    fn the_order_is_shuffled_and_fixed() {
        let order = |plan: &Plan| plan.cases.iter().map(|case| case.case).collect::<Vec<_>>();
        let axes = "pipeline = \"identity\"\nrate = [1, 2, 3, 4, 5, 6, 7, 8, 9]";
        let (first, second) = (plan(axes).unwrap(), plan(axes).unwrap());
        assert_eq!(order(&first), order(&second));
        assert_ne!(order(&first)[..9], (1..=9).collect::<Vec<_>>()[..]);
        assert_ne!(order(&first)[..9], order(&first)[9..]);
    }

    #[test]
    fn what_cannot_be_is_skipped_in_words() {
        let plan =
            plan("pipeline = \"identity\"\nstrategy = [\"sequential\", \"exchange\"]\nworkers = [1, 2]").unwrap();
        assert_eq!((plan.cases.len(), plan.skipped.len()), (6, 1));
    }

    #[test]
    fn too_many_cases_are_counted_and_not_made() {
        let list = |axis: &str, count: usize| format!("{axis} = {:?}\n", (1..=count).collect::<Vec<_>>());
        let axes = |counts: [usize; 3]| {
            let lists =
                ["records_per_epoch", "rate", "workers"].iter().zip(counts).map(|(axis, count)| list(axis, count));
            lists.fold("pipeline = \"identity\"\n".to_owned(), |axes, list| axes + &list)
        };
        let error = |counts| plan(&axes(counts)).unwrap_err().to_string();
        let (many, pairs) = (error([1000, 1000, 1000]), error([500, 51, 1]));
        assert!(many.contains("part 'only': its axes have 1000000000 combinations, at most 50000 are taken"), "{many}");
        assert!(
            pairs.contains("line 4, column 11: repeats = 2 of 25500 cases are 51000, at most 50000 are run"),
            "{pairs}"
        );
        assert_eq!(plan(&axes([20, 5, 1])).unwrap().cases.len(), 200);
        let endless = "pipeline = \"identity\"\nstrategy = [\"exchange\"]\n".to_owned()
            + &AXES[3..].iter().map(|(axis, _)| list(axis, 60)).collect::<String>();
        let endless = plan(&endless).unwrap_err().to_string();
        assert!(endless.contains(&format!("{} combinations", usize::MAX)), "{endless}");
    }

    #[test]
    fn a_list_of_settings_is_one_choice_and_a_list_of_lists_an_axis() {
        let settings = |axis: &str| -> Vec<Vec<String>> {
            let plan = plan(&format!("pipeline = \"repeat-high-value\"\nsettings = {axis}")).unwrap();
            let mut seen: Vec<_> = plan.cases.into_iter().map(|case| case.settings).collect();
            seen.sort();
            seen.dedup();
            seen
        };
        assert_eq!(settings("[\"threshold=20\", \"count=2\"]"), [["threshold=20", "count=2"]]);
        assert_eq!(settings("[[\"threshold=20\"], [\"threshold=500\"]]"), [["threshold=20"], ["threshold=500"]]);
    }

    #[test]
    fn what_a_world_sets_takes_the_place_of_what_the_trace_sets() {
        let below = |settings: &[&str], above: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
            settings_below(&owned(settings), &owned(above))
        };
        assert_eq!(below(&["a.b=1", "a.c=2"], &["a.b=3"]), ["a.c=2"]);
        assert_eq!(below(&["a.b=1"], &["a.bb=3"]), ["a.b=1"]);
    }

    /// A plan with a log of five events for a trace, in the folder of the experiment.
    fn plan_of_log(dir: &TempDir, trace: &str, axes: &str) -> Result<Plan, Problems> {
        let experiment = dir.path().join("own.toml");
        let text = text_of(axes).replacen("profile = \"tiny\", events = 1000", trace, 1);
        std::fs::write(&experiment, text.replacen("[part.axes]", "duration = \"2s\"\n[part.axes]", 1)).unwrap();
        std::fs::create_dir_all(dir.path().join("logs")).unwrap();
        std::fs::write(dir.path().join("logs/log.csv"), log_of([0, 10, 10, 7, 60])).unwrap();
        Plan::new(&LoadedExperiment::load(experiment.to_str().unwrap(), &[])?, Registry::default())
    }

    #[test]
    fn a_trace_may_be_a_log_whose_path_begins_at_the_folder_of_the_experiment() {
        let dir = TempDir::new().unwrap();
        let rates = "pipeline = \"identity\"\nrate = [\"closed\", \"as-recorded\", 2, 1000]";
        let plan = plan_of_log(&dir, "file = \"logs/log.csv\"", rates).unwrap();
        let cases: Vec<&CaseSpec> = plan.cases.iter().filter(|case| case.repeat == 1).collect();
        let of = |load: &str, rate: Option<f64>| {
            let case =
                cases.iter().find(|case| (case.load.column().as_str(), case.load.rate_events_per_s()) == (load, rate));
            case.unwrap_or_else(|| panic!("{load} {rate:?}")).trace.events
        };
        // Five events in two seconds; at 2 events/s only four are offered in that time.
        assert_eq!((of("closed", None), of("open-as-recorded", Some(2.5))), (5, 5));
        assert_eq!((of("open", Some(2.0)), of("open", Some(1000.0))), (4, 5));
        let axes = cases[0].axes(None);
        assert_eq!((axes.trace.as_str(), axes.slack_ms), ("log.csv", 3000), "a name, and a slack that loses nothing");
        assert!(plan.remarks[0].starts_with("log.csv: 5 rows: 5 events"), "{:?}", plan.remarks);
        let file = |case: &CaseSpec| case.trace.log.as_ref().unwrap().file.clone();
        assert_eq!(file(cases[0]), dir.path().join("logs/log.csv"));

        let absolute = format!("file = \"{}\", events = 2", dir.path().join("logs/log.csv").display());
        let axes = "pipeline = \"identity\"\nslack = [\"0s\", \"1min\"]";
        let plan = plan_of_log(&dir, &absolute, axes).unwrap();
        let slacks: std::collections::BTreeSet<i64> = plan.cases.iter().map(|case| case.slack_ms).collect();
        assert_eq!((slacks.into_iter().collect::<Vec<_>>(), plan.cases[0].trace.events), (vec![0, 60_000], 2));
    }

    #[test]
    fn a_log_is_one_world_whatever_the_seeds() {
        let dir = TempDir::new().unwrap();
        let trace = "file = \"logs/log.csv\"";
        let seeds = plan_of_log(&dir, trace, "pipeline = \"identity\"").unwrap().cases.len();
        assert_eq!(seeds, 2, "one case, twice");
        for (trace, axes, wanted) in [
            (trace, "world = \"visits.pages_mean=1\"", "world: a log has no parameters"),
            ("file = \"log.csv\"", "", "there is no such file"),
            ("file = \"log.csv\"", "", "begins at the folder of the experiment file"),
            ("file = \"log.csv\", profile = \"tiny\"", "", "either a profile with events"),
            ("profile = \"tiny\", map = \"m.toml\"", "", "either a profile with events"),
            ("file = \"logs/log.csv\", map = \"none.toml\"", "", "none.toml"),
            ("file = \"logs/log.csv\", set = [\"a.b=1\"]", "", "either a profile with events"),
            (trace, "rate = \"search\"", "a search needs 2000 latencies"),
            (trace, "rate = \"recorded\"", "or \"as-recorded\""),
        ] {
            let error = plan_of_log(&dir, trace, &format!("pipeline = \"identity\"\n{axes}")).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn wrong_axes_are_named_with_place_and_fix() {
        for (axes, wanted) in [
            (
                "pipeline = \"identiti\"",
                "line 12, column 12: pipeline: there is no pipeline 'identiti'; did you mean 'identity'",
            ),
            (
                "pipeline = \"identity\"\nworker = 1",
                "line 13, column 1: there is no axis 'worker'; did you mean 'workers'",
            ),
            ("pipeline = \"identity\"\nworkers = 0", "workers: 0 is outside 1 to 64"),
            ("pipeline = \"identity\"\nrate = -5", "rate: -5 is outside 1 to 1000000000"),
            ("pipeline = \"identity\"\nrate = \"fast\"", "rate: 'fast' is not a number"),
            ("pipeline = \"identity\"\nrate = []", "rate: the list is empty"),
            ("pipeline = \"identity\"\nslack = \"soon\"", "slack: 'soon' is not a duration"),
            ("pipeline = \"identity\"\nidle_timeout = \"soon\"", "idle_timeout: 'soon' is not a duration"),
            ("pipeline = \"identity\"\nidle = \"10min\"", "is `idle_timeout = \"10min\"` now"),
            ("pipeline = \"identity\"\nidle = \"nap\"", "there is no idle 'nap'; there are spin, park"),
            ("pipeline = \"identity\"\nsources = \"chanel\"", "did you mean 'channel'"),
            (
                "pipeline = \"identity\"\nworld = \"transport.duplicates.shar=1\"",
                "did you mean 'transport.duplicates.share'",
            ),
            (
                "pipeline = \"identity\"\nseed = [7, \"x\"]",
                "line 13, column 12: seed: 'x' is not a seed; write whole numbers",
            ),
            ("pipeline = \"identity\"\nfault = \"explode\"", "'explode' is not a fault"),
            ("pipeline = \"export-review\"\nsettings = [\"treshold=1\"]", "did you mean 'threshold'"),
            (
                "pipeline = \"export-review\"\nsettings = [\"threshold=banana\", \"threshold=500\"]",
                "settings: pipeline 'export-review': threshold is set twice, to 'banana' and to '500'; leave one of them \
                 out. A list of settings is one choice; an axis is a list of lists",
            ),
            (
                "pipeline = \"export-review\"\nsettings = [\"threshold=20 count=2\", \"threshold=500\"]",
                "threshold is set twice, to '20 count=2' and to '500'",
            ),
            (
                "pipeline = \"identity\"\nworld = \"visits.pages_mean=1 visits.pages_mean=2\"",
                "world: visits.pages_mean is set twice, to '1' and to '2'",
            ),
            ("pipeline = \"identity\"\nstrategy = \"exchang\"", "did you mean 'exchange'"),
        ] {
            let error = plan(axes).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
