//! Experiments as data: a TOML file describes questions with their axes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flowbench_events::{did_you_mean, nearest, parse_duration_ms};
use flowbench_measurement::record::{FigureKind, FigureSpec};
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

/// The experiments that come with the program: name and text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("quickstart", include_str!("../../../../experiments/quickstart.toml")),
    ("disorder", include_str!("../../../../experiments/disorder.toml")),
    ("outage", include_str!("../../../../experiments/outage.toml")),
    ("duplicates", include_str!("../../../../experiments/duplicates.toml")),
    ("retention", include_str!("../../../../experiments/retention.toml")),
    ("eviction", include_str!("../../../../experiments/eviction.toml")),
    ("soak", include_str!("../../../../experiments/soak.toml")),
    ("late-state", include_str!("../../../../experiments/late-state.toml")),
    ("parallelism", include_str!("../../../../experiments/parallelism.toml")),
    ("latency", include_str!("../../../../experiments/latency.toml")),
    ("granularity", include_str!("../../../../experiments/granularity.toml")),
    ("ci", include_str!("../../../../experiments/ci.toml")),
];

/// An experiment as its file describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Name of letters, digits, `-` and `_`, which also names the folder of the results.
    pub name: String,
    /// The purpose in one line.
    pub title: String,
    /// Seeds of the traces, one or a list; each case is run in the world of every seed. The first seed also shuffles
    /// the cases. By default 42.
    #[serde(default = "seed", deserialize_with = "one_or_more")]
    pub seed: Vec<u64>,
    /// Number of runs of each case, 1 to 1000. By default 3.
    #[serde(default = "three")]
    pub repeats: Spanned<usize>,
    /// Maximum duration of one case, trace and check included; a part may have its own. By default 60 s.
    #[serde(default = "one_minute")]
    pub deadline: Spanned<String>,
    /// Maximum resident set of a case, MiB. By default 4096.
    #[serde(default = "memory_cap_mib")]
    pub memory_cap_mib: u64,
    /// What every run of the experiment checks, each a [`Claim`](flowbench_measurement::claims::Claim).
    #[serde(default)]
    pub claims: Vec<String>,
    /// The questions.
    #[serde(rename = "part", default)]
    pub parts: Vec<Question>,
    /// Other sizes of the experiment, such as one for a larger machine: settings by their keys. `--set size=NAME`
    /// chooses one.
    #[serde(default)]
    pub sizes: BTreeMap<String, toml::Table>,
}

/// One question: a trace, axes, figures.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Short name, unique in the experiment.
    pub name: String,
    /// The question in words.
    pub question: String,
    /// The trace that the cases are fed.
    pub trace: TraceChoice,
    /// Open loop: how long events are offered; the trace is cut to rate × duration.
    #[serde(default = "one_second")]
    pub duration: Spanned<String>,
    /// Open loop: events due before this are offered and not recorded.
    #[serde(default = "nothing")]
    pub warmup: Spanned<String>,
    /// True if every case is run once more with the activity of its operators logged. Its numbers are from the run
    /// without logging.
    #[serde(default)]
    pub profile_operators: bool,
    /// True if only what follows from trace and configuration is compared with other runs: the cases are too short for
    /// their times to mean anything.
    #[serde(default)]
    pub untimed: bool,
    /// Search: the maximum p99 latency at which a rate counts as sustained.
    #[serde(default = "ten_ms")]
    pub slo_p99: Spanned<String>,
    /// Maximum duration of one case of this part. A search is one case and takes as long as a dozen others.
    #[serde(default)]
    pub deadline: Option<Spanned<String>>,
    /// Parameters of a pipeline, `key=value`, by its name: they hold wherever the axis `settings` does not set the same one.
    #[serde(default)]
    pub of_pipeline: BTreeMap<String, Vec<String>>,
    /// One value or a list on each axis; every combination is a case.
    pub axes: BTreeMap<String, Spanned<toml::Value>>,
    /// The figures of the file, and one of the operators if they are logged.
    #[serde(rename = "figure", default)]
    pub figures: Vec<FigureSpec>,
}

/// The trace of a question.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceChoice {
    /// Name of a generator profile.
    pub profile: String,
    /// Maximum number of events.
    pub events: u64,
    /// Parameters of the generator, `key=value`.
    #[serde(default)]
    pub set: Vec<String>,
}

/// What is wrong with an experiment, and where.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{origin}{}: {problem}", .line.map_or(String::new(), |line| format!(", line {line}")))]
pub struct ExperimentError {
    /// The file, or the name of the shipped experiment.
    pub origin: String,
    /// Line of the file, from 1; absent if it is not known.
    pub line: Option<usize>,
    /// What is wrong, with the likely fix.
    pub problem: String,
}

/// An experiment with the text it was read from.
#[derive(Debug, Clone)]
pub struct LoadedExperiment {
    /// The parsed experiment.
    pub experiment: Experiment,
    /// The whole experiment as TOML, settings applied.
    pub text: String,
    /// The origin that errors name.
    pub origin: String,
    lines_are_those_of_the_file: bool,
}

impl LoadedExperiment {
    /// Loads a shipped experiment by name or a file by path, and applies `KEY=VALUE` settings to it.
    ///
    /// Keys are `seed`, `repeats`, `deadline`, `memory_cap_mib`, `size` for one of its [`sizes`](Experiment::sizes), or
    /// `<part>.<key>` for what stands in a part, with its axes by their names: `latency.rate=[100000]`,
    /// `memory.trace.events=50000`.
    ///
    /// # Errors
    ///
    /// Names the place of the first problem and the likely fix.
    pub fn load(name: &str, settings: &[String]) -> Result<LoadedExperiment, ExperimentError> {
        let (origin, text) = find(name)?;
        Self::parse(origin, &text, settings)
    }

    /// Loads an experiment like [`load`](Self::load), with `KEY=VALUE` settings that apply to every part:
    /// `processes=2`.
    ///
    /// # Errors
    ///
    /// Fails as [`load`](Self::load) does.
    pub fn load_with(
        name: &str,
        settings: &[String],
        everywhere: &[String],
    ) -> Result<LoadedExperiment, ExperimentError> {
        let parts = Self::load(name, settings)?.experiment.parts;
        let of_part = |part: &Question| everywhere.iter().map(|setting| format!("{}.{setting}", part.name)).collect();
        let of_parts = parts.iter().flat_map(|part| -> Vec<String> { of_part(part) });
        Self::load(name, &settings.iter().cloned().chain(of_parts).collect::<Vec<_>>())
    }

    /// Parses the text of an experiment and applies settings to it; errors name `origin`.
    ///
    /// # Errors
    ///
    /// Names the place of the first problem and the likely fix.
    pub fn parse(origin: String, text: &str, settings: &[String]) -> Result<LoadedExperiment, ExperimentError> {
        let experiment = parse(&origin, text)?;
        if settings.is_empty() {
            return Ok(LoadedExperiment {
                experiment,
                text: text.to_owned(),
                origin,
                lines_are_those_of_the_file: true,
            });
        }
        check_once(settings).map_err(|problem| ExperimentError { origin: "--set".to_owned(), line: None, problem })?;
        let mut table: toml::Table = text.parse().map_err(|error| located(&origin, text, &error))?;
        for setting in settings {
            apply(&mut table, setting).map_err(|problem| ExperimentError {
                origin: "--set".to_owned(),
                line: None,
                problem: format!("{setting}: {problem}"),
            })?;
        }
        let text = toml::to_string(&table).map_err(|error| ExperimentError {
            origin: origin.clone(),
            line: None,
            problem: error.to_string(),
        })?;
        let origin = format!("{origin} with {}", settings.join(" "));
        let experiment = parse(&origin, &text).map_err(|error| ExperimentError { line: None, ..error })?;
        Ok(LoadedExperiment { experiment, text, origin, lines_are_those_of_the_file: false })
    }

    /// Returns the experiment with these parts alone, in their order; with all if none is named.
    ///
    /// # Errors
    ///
    /// Fails if there is no part of a name.
    pub fn only(&self, names: &[String]) -> Result<LoadedExperiment, ExperimentError> {
        if names.is_empty() {
            return Ok(self.clone());
        }
        let parts = || self.experiment.parts.iter().map(|part| part.name.as_str());
        if let Some(unknown) = names.iter().find(|name| !parts().any(|part| part == *name)) {
            let hint = did_you_mean(unknown, parts());
            let known = parts().collect::<Vec<_>>().join(", ");
            let problem = format!("there is no part '{unknown}'{hint}; there are {known}");
            return Err(ExperimentError { origin: self.origin.clone(), line: None, problem });
        }
        let mut table: toml::Table = self.text.parse().map_err(|error| located(&self.origin, &self.text, &error))?;
        let is_named = |part: &toml::Value| {
            let name = part.get("name").and_then(toml::Value::as_str);
            name.is_some_and(|name| names.iter().any(|one| one == name))
        };
        if let Some(parts) = table.get_mut("part").and_then(toml::Value::as_array_mut) {
            parts.retain(is_named);
        }
        // Settings of sizes are of all parts.
        table.remove("sizes");
        Self::parse(self.origin.clone(), &table.to_string(), &[])
    }

    /// Returns the experiment in another of its sizes.
    pub(crate) fn sized(&self, size: &str) -> Result<LoadedExperiment, ExperimentError> {
        Self::parse(self.origin.clone(), &self.text, &[format!("size={size}")])
    }

    /// Returns an error at a place of this experiment.
    pub(crate) fn error(&self, place: &std::ops::Range<usize>, problem: String) -> ExperimentError {
        let before = self.text.get(..place.start).filter(|_| self.lines_are_those_of_the_file && place.end > 0);
        let line = before.map(|before| before.matches('\n').count() + 1);
        ExperimentError { origin: self.origin.clone(), line, problem }
    }

    /// Parses a duration of this experiment, ms.
    pub(crate) fn duration_ms(&self, name: &str, text: &Spanned<String>) -> Result<i64, ExperimentError> {
        parse_duration_ms(text.get_ref()).map_err(|problem| self.error(&text.span(), format!("{name}: {problem}")))
    }
}

fn find(name: &str) -> Result<(String, String), ExperimentError> {
    if let Some((name, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
        return Ok((format!("experiment {name}"), (*text).to_owned()));
    }
    let error = |problem| ExperimentError { origin: name.to_owned(), line: None, problem };
    let path = Path::new(name);
    let is_path = path.extension().is_some() || name.contains('/');
    if !is_path {
        let names: Vec<&str> = SHIPPED.iter().map(|(shipped, _)| *shipped).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are {}; a file is named by its path, such as ./mine.toml", names.join(", ")),
        };
        return Err(error(format!("there is no experiment of that name; {hint}")));
    }
    let text = std::fs::read_to_string(path).map_err(|source| error(unreadable(path, &source)))?;
    Ok((name.to_owned(), text))
}

fn unreadable(path: &Path, source: &std::io::Error) -> String {
    let fix = match source.kind() {
        std::io::ErrorKind::NotFound => "; give the path of a TOML file, or the name of a shipped experiment",
        _ if path.is_dir() => "; it is a folder, name the TOML file in it",
        _ => "",
    };
    format!("cannot be read: {source}{fix}")
}

fn parse(origin: &str, text: &str) -> Result<Experiment, ExperimentError> {
    let mut experiment: Experiment = toml::from_str(text).map_err(|error| located(origin, text, &error))?;
    let mut names = BTreeSet::new();
    if let Some(twice) = experiment.parts.iter().find(|part| !names.insert(&part.name)) {
        let problem =
            format!("two parts have the name '{}'; give each its own, cases are told apart by it", twice.name);
        return Err(ExperimentError { origin: origin.to_owned(), line: None, problem });
    }
    for part in &mut experiment.parts {
        part.figures.extend(operators_figure(part));
    }
    Ok(experiment)
}

/// Returns the figure of the operators of a part that logs them and does not draw them itself.
fn operators_figure(part: &Question) -> Option<FigureSpec> {
    let is_drawn = part.figures.iter().any(|figure| figure.kind == FigureKind::Operators);
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    (part.profile_operators && !is_drawn).then(|| FigureSpec {
        question: "Where does the time of each worker go?".to_owned(),
        reading: "Brackets mark work outside of operators. Measured in a separate run with every activation logged."
            .to_owned(),
        by: ["pipeline", "strategy", "workers", "world"].map(str::to_owned).to_vec(),
        ..FigureSpec::new(
            format!("time-of-{}", part.name.chars().map(plain).collect::<String>()),
            FigureKind::Operators,
        )
    })
}

/// Returns a TOML error with its line, and with a suggestion if a key is unknown.
fn located(origin: &str, text: &str, error: &toml::de::Error) -> ExperimentError {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let mut problem = error.message().to_owned();
    let quoted: Vec<&str> = problem.split('`').skip(1).step_by(2).collect();
    let unknown = quoted.split_first().filter(|_| problem.starts_with("unknown"));
    let near = unknown.map_or(String::new(), |(unknown, known)| did_you_mean(unknown, known.iter().copied()));
    problem.push_str(&near);
    ExperimentError { origin: origin.to_owned(), line, problem }
}

/// Fails if a key is set twice among `KEY=VALUE` settings, even to the same value.
pub(crate) fn check_once(settings: &[String]) -> Result<(), String> {
    let pairs: Vec<(String, &str)> =
        settings.iter().filter_map(|one| one.split_once('=')).map(|(key, value)| (place(key), value)).collect();
    for (at, (key, second)) in pairs.iter().enumerate() {
        if let Some((_, first)) = pairs[..at].iter().find(|(other, _)| other == key) {
            return Err(format!("{key} is set twice, to '{first}' and to '{second}'; leave one of them out"));
        }
    }
    Ok(())
}

/// Returns the place of a setting: an axis of a part may be named with the table that holds it, or without.
fn place(key: &str) -> String {
    key.replacen(".axes.", ".", 1)
}

/// Keys at the top of an experiment that may be set.
const TOP: [&str; 4] = ["seed", "repeats", "deadline", "memory_cap_mib"];
/// Keys of a part that are not axes.
const OF_PART: [&str; 9] =
    ["trace", "duration", "warmup", "profile_operators", "untimed", "slo_p99", "deadline", "of_pipeline", "axes"];

fn apply(table: &mut toml::Table, setting: &str) -> Result<(), String> {
    let (path, text) = setting.split_once('=').ok_or("write it as KEY=VALUE")?;
    if path != "size" {
        return set(table, path, value(text)?);
    }
    let sizes = table.get("sizes").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let size = sizes.get(text).and_then(toml::Value::as_table).ok_or_else(|| match sizes.is_empty() {
        true => "the experiment has one size only".to_owned(),
        false => format!("there is no such size; there are {}", sizes.keys().cloned().collect::<Vec<_>>().join(", ")),
    })?;
    size.iter().try_for_each(|(path, value)| set(table, path, value.clone()))
}

fn set(table: &mut toml::Table, path: &str, value: toml::Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_once('.') else {
        if !TOP.contains(&path) {
            let near = did_you_mean(path, TOP);
            return Err(format!("there is no such key; there are {}, size and <part>.<key>{near}", TOP.join(", ")));
        }
        table.insert(path.to_owned(), value);
        return Ok(());
    };
    let parts = table.get_mut("part").and_then(toml::Value::as_array_mut).ok_or("the experiment has no parts")?;
    let names: Vec<String> = parts.iter().filter_map(|part| part.get("name")?.as_str().map(str::to_owned)).collect();
    let part = parts.iter_mut().find(|part| part.get("name").and_then(toml::Value::as_str) == Some(first));
    let mut place = part
        .and_then(toml::Value::as_table_mut)
        .ok_or_else(|| format!("there is no part '{first}'; there are {}", names.join(", ")))?;
    let mut keys: Vec<&str> = rest.split('.').collect();
    if !OF_PART.contains(&keys[0]) {
        keys.insert(0, "axes");
    }
    let last = keys.pop().ok_or("the key is empty")?;
    for key in keys {
        let inner = place.entry(key).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = inner.as_table_mut().ok_or_else(|| format!("'{key}' holds no keys"))?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

/// Parses a value as TOML (`3`, `[1, 2]`, `true`), or else as text.
fn value(text: &str) -> Result<toml::Value, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Setting {
        value: Spanned<toml::Value>,
    }
    let toml = format!("value = {}", text.trim_end());
    match toml::from_str::<Setting>(&toml) {
        Ok(Setting { value }) if value.span().end == toml.len() => Ok(value.into_inner()),
        Ok(_) => Err("what stands behind the value is a comment; leave it out, or put all of it in quotes".to_owned()),
        Err(_) => Ok(toml::Value::String(text.to_owned())),
    }
}

/// Deserializes a number or a list of numbers.
fn one_or_more<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(u64),
        More(Vec<u64>),
    }
    let problem = "write a whole number of 0 or more, or a list of such";
    match OneOrMore::deserialize(input).map_err(|_| serde::de::Error::custom(problem))? {
        OneOrMore::One(one) => Ok(vec![one]),
        OneOrMore::More(more) if more.is_empty() => Err(serde::de::Error::custom(problem)),
        OneOrMore::More(more) => Ok(more),
    }
}

fn seed() -> Vec<u64> {
    vec![42]
}

fn three() -> Spanned<usize> {
    Spanned::new(0..0, 3)
}

fn one_minute() -> Spanned<String> {
    Spanned::new(0..0, "60s".to_owned())
}

fn memory_cap_mib() -> u64 {
    4096
}

fn one_second() -> Spanned<String> {
    Spanned::new(0..0, "1s".to_owned())
}

fn ten_ms() -> Spanned<String> {
    Spanned::new(0..0, "10ms".to_owned())
}

fn nothing() -> Spanned<String> {
    Spanned::new(0..0, "0s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
name = "small"
title = "a small one"
seed = 1
repeats = 1
deadline = "10s"
memory_cap_mib = 512

[[part]]
name = "only"
question = "?"
trace = { profile = "tiny", events = 1000 }
[part.axes]
pipeline = "identity"
"#;

    fn error(text: &str, settings: &[&str]) -> String {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        LoadedExperiment::parse("x.toml".to_owned(), text, &settings).unwrap_err().to_string()
    }

    #[test]
    fn shipped_experiments_load_in_every_size() {
        for (name, _) in SHIPPED {
            let loaded = LoadedExperiment::load(name, &[]).unwrap();
            assert_eq!(loaded.experiment.name, *name);
            for size in loaded.experiment.sizes.keys() {
                LoadedExperiment::load(name, &[format!("size={size}")]).unwrap();
            }
        }
    }

    #[test]
    fn what_a_file_does_not_say_has_a_default() {
        let said = ["seed = 1\n", "repeats = 1\n", "deadline = \"10s\"\n", "memory_cap_mib = 512\n"];
        let short = said.iter().fold(SMALL.to_owned(), |text, line| text.replace(line, ""));
        let Experiment { seed, repeats, deadline, memory_cap_mib, .. } =
            LoadedExperiment::parse("x".into(), &short, &[]).unwrap().experiment;
        assert_eq!((seed, *repeats.get_ref(), &**deadline.get_ref(), memory_cap_mib), (vec![42], 3, "60s", 4096));
    }

    #[test]
    fn a_key_is_set_once() {
        for (settings, key) in [
            (["only.workers=1", "only.workers=2"], "only.workers"),
            (["only.axes.workers=1", "only.workers=2"], "only.workers"),
            (["seed=1", "seed=2"], "seed"),
            (["size=1", "size=2"], "size"),
        ] {
            let wanted = format!("--set: {key} is set twice, to '1' and to '2'; leave one of them out");
            assert_eq!(error(SMALL, &settings), wanted);
        }
        check_once(&["only.workers=1", "other.workers=2", "no pair", "no pair"].map(str::to_owned)).unwrap();
    }

    #[test]
    fn a_size_is_settings_that_go_together() {
        let sized = format!("{SMALL}[sizes.full]\nrepeats = 9\n\"only.workers\" = [1, 8]\n");
        let loaded =
            LoadedExperiment::parse("x".to_owned(), &sized, &["size=full".to_owned(), "seed=3".to_owned()]).unwrap();
        let (experiment, workers) = (&loaded.experiment, loaded.experiment.parts[0].axes["workers"].get_ref());
        assert_eq!((*experiment.repeats.get_ref(), experiment.seed.as_slice()), (9, [3].as_slice()));
        assert_eq!(workers.as_array().unwrap().len(), 2);
        assert!(error(&sized, &["size=huge"]).contains("there are full"));
        assert!(error(SMALL, &["size=huge"]).contains("one size only"));
    }

    #[test]
    fn settings_reach_the_top_the_part_and_its_axes() {
        let settings = ["seed=7", "only.workers=[1, 2]", "only.trace.events=50", "only.slack=1h", "only.duration=2s"];
        let settings = settings.map(str::to_owned);
        let loaded = LoadedExperiment::parse("x".to_owned(), SMALL, &settings).unwrap();
        let part = &loaded.experiment.parts[0];
        assert_eq!((loaded.experiment.seed.as_slice(), part.trace.events), ([7].as_slice(), 50));
        assert_eq!(part.axes["workers"].get_ref().as_array().unwrap().len(), 2);
        assert_eq!(part.axes["slack"].get_ref().as_str(), Some("1h"));
        assert_eq!(part.duration.get_ref(), "2s");
        LoadedExperiment::parse("again".to_owned(), &loaded.text, &[]).unwrap();
    }

    #[test]
    fn a_comment_is_no_part_of_a_setting() {
        for (setting, is_taken) in [
            ("only.rate=1#INF", false),
            ("only.rate=[1, 2] # two", false),
            ("only.rate=[1, # one\n2]", true),
            ("only.world='a # b'", true),
            ("only.world=a # b", true),
            ("only.rate=1 ", true),
        ] {
            let loaded = LoadedExperiment::parse("x".to_owned(), SMALL, &[setting.to_owned()]);
            assert_eq!(loaded.is_ok(), is_taken, "{setting}");
        }
        assert!(
            error(SMALL, &["only.rate=1#INF"]).contains("only.rate=1#INF: what stands behind the value is a comment")
        );
    }

    #[test]
    fn each_part_has_a_name_of_its_own() {
        let part = SMALL.split_once("[[part]]").unwrap().1;
        let text = error(&format!("{SMALL}\n[[part]]{part}"), &[]);
        assert!(text.contains("two parts have the name 'only'"), "{text}");
    }

    #[test]
    fn errors_have_a_place_and_a_suggestion() {
        let wrong = SMALL.replace("repeats = 1", "repeat = 1");
        let text = error(&wrong, &[]);
        assert!(text.contains("line 5") && text.contains("did you mean 'repeats'"), "{text}");
        let wrong = SMALL.replace("events = 1000", "events = \"many\"");
        assert!(error(&wrong, &[]).contains("line 12"));
        assert!(error(SMALL, &["repaets=2"]).contains("did you mean 'repeats'"));
        assert!(error(SMALL, &["latency.rate=2"]).contains("there are only"));
        assert!(error(SMALL, &["seed"]).contains("KEY=VALUE"));
        assert!(
            LoadedExperiment::load("quikstart", &[]).unwrap_err().to_string().contains("did you mean 'quickstart'")
        );
        assert!(LoadedExperiment::load("./nowhere.toml", &[]).unwrap_err().to_string().contains("./nowhere.toml"));
    }
}
