//! From the file of an experiment to its values: found, changed by settings, checked key by key, and read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowbench_events::{Problem, Problems, SourceText, did_you_mean_or_list, nearest};
use flowbench_experiments::{SHIPPED, shipped};
use flowbench_pipelines::plan::FilePipeline;

use crate::experiment::check::check_keys;
use crate::experiment::document::{Content, Node, Of};
use crate::experiment::file::{Experiment, operators_figure};
use crate::experiment::settings::Overrides;
use crate::pipeline_file::pipeline_text;

/// An experiment with the text it was read from.
#[derive(Debug, Clone)]
pub struct LoadedExperiment {
    /// The parsed experiment.
    pub experiment: Experiment,
    /// The whole experiment as TOML, settings applied.
    pub text: String,
    /// The path of the file, or what else names the experiment.
    pub origin: String,
    /// The folder at which relative paths of the experiment begin; empty for the current folder.
    pub folder: PathBuf,
    /// The experiment with the place of every value.
    pub(crate) document: Node,
}

impl LoadedExperiment {
    /// Loads a shipped experiment by name or a file by path, and applies `KEY=VALUE` settings to it.
    ///
    /// Keys are `seed`, `repeats`, `deadline`, `memory_cap`, `pin`, `size` for one of its
    /// [profiles](Experiment::sizes), or `<part>.<key>` for what stands in a part, with its axes by their names:
    /// `latency.rate=[100000]`, `memory.trace.events=50000`.
    ///
    /// # Errors
    ///
    /// Names the places of all problems, with the likely fixes.
    pub fn load(name: &str, settings: &[String]) -> Result<LoadedExperiment, Problems> {
        LoadedExperiment::load_with(name, &Overrides::of(settings))
    }

    /// Loads an experiment like [`load`](Self::load), with settings of all kinds.
    ///
    /// # Errors
    ///
    /// Fails as [`load`](Self::load) does.
    pub fn load_with(name: &str, settings: &Overrides) -> Result<LoadedExperiment, Problems> {
        let (loaded, problems) = LoadedExperiment::read(name, settings)?;
        Problems::check(problems).map(|()| loaded)
    }

    /// Parses the text of an experiment and applies settings to it; errors name `origin`. Relative paths in it begin at
    /// the current folder.
    ///
    /// # Errors
    ///
    /// Fails as [`load`](Self::load) does.
    pub fn parse(origin: String, text: &str, settings: &[String]) -> Result<LoadedExperiment, Problems> {
        let source = SourceText::new(origin.clone(), text);
        let settings = Overrides::of(settings);
        let (loaded, problems) = LoadedExperiment::of(&source, &origin, Path::new(""), &settings)?;
        Problems::check(problems).map(|()| loaded)
    }

    /// Loads an experiment without what is wrong in it, and returns the problems as well, so that what is left can be
    /// checked further.
    ///
    /// # Errors
    ///
    /// Fails if there is no such experiment, or if it is no TOML.
    pub(crate) fn read(name: &str, settings: &Overrides) -> Result<(LoadedExperiment, Vec<Problem>), Problems> {
        let (source, path) = find(name)?;
        let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
        LoadedExperiment::of(&source, name, folder, settings)
    }

    /// Loads the text of an experiment as [`read`](Self::read) does; relative paths in it begin at `folder`.
    pub(crate) fn of(
        source: &Arc<SourceText>,
        name: &str,
        folder: &Path,
        settings: &Overrides,
    ) -> Result<(LoadedExperiment, Vec<Problem>), Problems> {
        let (mut document, problems) = Node::parse(source);
        Problems::check(problems)?;
        let mut is_changed = fill_in(&mut document, name);
        is_changed |= !settings.is_empty();
        let mut problems = settings.apply(&mut document);
        problems.extend(check_keys(&mut document));
        problems.extend(twice(&document));
        is_changed |= record_pipelines(&mut document, folder, &mut problems);
        is_changed |= !problems.is_empty();
        let text = if is_changed { document.text_of_all() } else { source.text.clone() };
        let loaded = LoadedExperiment::of_document(document, text, source.name.clone())?;
        Ok((LoadedExperiment { folder: folder.to_owned(), ..loaded }, problems))
    }

    fn of_document(document: Node, text: String, origin: String) -> Result<LoadedExperiment, Problems> {
        let read = document.value().try_into();
        let mut experiment: Experiment =
            read.map_err(|error: toml::de::Error| Problems::of_name(&origin, error.message()))?;
        for part in &mut experiment.parts {
            part.figures.extend(operators_figure(part));
        }
        Ok(LoadedExperiment { experiment, text, origin, folder: PathBuf::new(), document })
    }

    /// Returns the experiment with these parts alone, in their order; with all if none is named.
    ///
    /// # Errors
    ///
    /// Fails if there is no part of a name.
    pub fn only(&self, names: &[String]) -> Result<LoadedExperiment, Problems> {
        if names.is_empty() {
            return Ok(self.clone());
        }
        let parts = || self.experiment.parts.iter().map(|part| part.name.as_str());
        if let Some(unknown) = names.iter().find(|name| !parts().any(|part| part == *name)) {
            let hint = did_you_mean_or_list(unknown, parts().collect::<Vec<_>>());
            return Err(Problems::of_name(&self.origin, &format!("there is no part '{unknown}'{hint}")));
        }
        let is_named = |part: &Node| {
            let name = part.at("name").and_then(Node::text);
            name.is_some_and(|name| names.iter().any(|one| one == name))
        };
        self.changed(|document| {
            document.get_mut("part").and_then(Node::list_mut).into_iter().for_each(|parts| parts.retain(is_named));
            // Settings of profiles are of all parts.
            document.remove("sizes");
        })
    }

    /// Returns the experiment with another document.
    pub(crate) fn changed(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Node>),
    ) -> Result<LoadedExperiment, Problems> {
        let mut document = self.document.clone();
        if let Some(entries) = document.table_mut() {
            change(entries);
        }
        let text = document.text_of_all();
        let changed = LoadedExperiment::of_document(document, text, self.origin.clone())?;
        Ok(LoadedExperiment { folder: self.folder.clone(), ..changed })
    }

    /// Returns a problem at the value of a pointer into this experiment, keys and numbers joined by `/`.
    pub(crate) fn problem(&self, pointer: &str, message: &str) -> Problem {
        self.document.problem(pointer, Of::Value, message)
    }
}

/// Returns the text of an experiment, and the path of its file if it is not a shipped one.
fn find(name: &str) -> Result<(Arc<SourceText>, Option<&Path>), Problems> {
    if let Some(shipped) = shipped(name) {
        return Ok((SourceText::new(format!("experiment {name}"), shipped.text), None));
    }
    let path = Path::new(name);
    let is_path = path.extension().is_some() || name.contains('/');
    if !is_path {
        let names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are {}; a file is named by its path, such as ./mine.toml", names.join(", ")),
        };
        return Err(Problems::of_name(name, &format!("there is no experiment of that name; {hint}")));
    }
    let unreadable = |source| Problems::of_name(name, &unreadable(path, &source));
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok((SourceText::new(name, text), Some(path)))
}

fn unreadable(path: &Path, source: &std::io::Error) -> String {
    let fix = match source.kind() {
        std::io::ErrorKind::NotFound => "; give the path of a TOML file, or the name of a shipped experiment",
        _ if path.is_dir() => "; it is a folder, name the TOML file in it",
        _ => "",
    };
    format!("cannot be read: {source}{fix}")
}

/// Writes what follows from the name of the file, and other values that may be left out and are recorded all the same;
/// returns true if there were any.
fn fill_in(document: &mut Node, name: &str) -> bool {
    let Some(entries) = document.table_mut() else { return false };
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    let stem: String = stem.chars().map(plain).collect();
    let mut is_changed = add(entries, "name", if stem.is_empty() { "experiment" } else { &stem });
    let name = entries.get("name").and_then(Node::text).unwrap_or_default().to_owned();
    is_changed |= add(entries, "title", &name);
    let title = entries.get("title").and_then(Node::text).unwrap_or_default().to_owned();
    let parts = entries.get_mut("part").and_then(Node::list_mut).into_iter().flatten();
    for (number, part) in (1..).zip(parts) {
        let Some(entries) = part.table_mut() else { continue };
        is_changed |= add(entries, "name", &format!("part-{number}"));
        is_changed |= add(entries, "question", &title);
        let question = entries.get("question").and_then(Node::text).unwrap_or_default().to_owned();
        let figures = entries.get_mut("figure").and_then(Node::list_mut).into_iter().flatten();
        for entries in figures.filter_map(Node::table_mut) {
            is_changed |= add(entries, "question", &question);
            is_changed |= add(entries, "reading", "");
        }
    }
    is_changed
}

/// Adds the texts of the pipeline files that parts name to those that are recorded; returns true if there are any.
fn record_pipelines(document: &mut Node, folder: &Path, problems: &mut Vec<Problem>) -> bool {
    let named = document.parts().iter().filter_map(|part| part.at("axes/pipeline"));
    let named = named.flat_map(|axis| axis.list().map_or(vec![axis], |list| list.iter().collect()));
    let mut texts = BTreeMap::new();
    for value in named {
        let Some(name) = value.text().filter(|name| FilePipeline::is_path(name)) else { continue };
        let is_known = document.at("pipelines").and_then(Node::table).is_some_and(|known| known.contains_key(name));
        if is_known || texts.contains_key(name) {
            continue;
        }
        match pipeline_text(&folder.join(name)) {
            Ok(text) => drop(texts.insert(name.to_owned(), Node::default_of(toml::Value::String(text)))),
            Err(problem) => problems.push(value.problem("", Of::Value, &format!("the pipeline '{name}' {problem}"))),
        }
    }
    let is_changed = !texts.is_empty();
    if let (true, Some(entries)) = (is_changed, document.table_mut()) {
        let empty = Node { content: Content::Table(BTreeMap::new()), ..Node::default_of(toml::Value::Boolean(true)) };
        let recorded = entries.entry("pipelines".to_owned()).or_insert(empty);
        recorded.table_mut().into_iter().for_each(|recorded| recorded.append(&mut texts));
    }
    is_changed
}

/// Adds a text that nobody wrote, if there is none.
fn add(entries: &mut BTreeMap<String, Node>, key: &str, text: &str) -> bool {
    let is_absent = !entries.contains_key(key);
    entries.entry(key.to_owned()).or_insert_with(|| Node::default_of(toml::Value::String(text.to_owned())));
    is_absent
}

/// Returns the parts whose name another part has.
fn twice(document: &Node) -> Vec<Problem> {
    let mut names = BTreeSet::new();
    let parts = document.parts().iter().filter_map(|part| part.at("name"));
    parts
        .filter(|name| matches!(&name.content, Content::Plain(_)) && !names.insert(name.text()))
        .map(|name| {
            let text = name.text().unwrap_or_default();
            let message = format!("two parts have the name '{text}'; give each its own, cases are told apart by it");
            name.problem("", Of::Value, &message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::estimate::Estimate;
    use crate::experiment::settings::check_once;
    use crate::experiment::validate::load_and_plan;
    use flowbench_pipelines::Registry;

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
    fn shipped_experiments_have_a_quick_profile_and_one_for_papers_and_each_can_be_planned() {
        for name in SHIPPED.iter().map(|shipped| shipped.name) {
            let loaded = LoadedExperiment::load(name, &[]).unwrap();
            assert_eq!(loaded.experiment.name, name);
            let profiles: Vec<&str> = loaded.experiment.sizes.keys().map(String::as_str).collect();
            assert!(profiles.contains(&"quick") && profiles.contains(&"paper"), "{name}: {profiles:?}");
            for profile in profiles {
                let settings = Overrides { profile: Some(profile.to_owned()), ..Overrides::default() };
                let (sized, plan) = load_and_plan(name, &settings, Registry::default()).unwrap();
                let by_setting = LoadedExperiment::load(name, &[format!("size={profile}")]).unwrap();
                assert_eq!(by_setting.text, sized.text, "{name}: {profile}");
                let runs = sized.experiment.repeats * sized.experiment.seed.len();
                let seconds = Estimate::of_plan(&plan).seconds;
                assert!(profile != "paper" || runs >= 5, "{name}: {runs} runs");
                assert!(profile != "quick" || seconds <= 150.0, "{name}: {seconds:.0} s are not quick");
            }
        }
    }

    #[test]
    fn what_a_file_does_not_say_has_a_default() {
        let said = ["seed = 1\n", "repeats = 1\n", "deadline = \"10s\"\n", "memory_cap_mib = 512\n"];
        let short = said.iter().fold(SMALL.to_owned(), |text, line| text.replace(line, ""));
        let experiment = LoadedExperiment::parse("x".into(), &short, &[]).unwrap().experiment;
        let Experiment { seed, repeats, deadline_ms, .. } = &experiment;
        let cap = experiment.memory_cap_bytes();
        assert_eq!((&seed[..], *repeats, *deadline_ms, cap), (&[42][..], 3, 60_000, 4 << 30));
    }

    #[test]
    fn a_pipeline_is_all_that_a_file_has_to_say() {
        let least = "[[part]]\n[part.axes]\npipeline = \"identity\"\n[[part.figure]]\nname = \"f\"\nkind = \"bars\"\n";
        let loaded = LoadedExperiment::parse("some/own bench.toml".to_owned(), least, &[]).unwrap();
        let Experiment { name, title, parts, .. } = &loaded.experiment;
        assert_eq!((name.as_str(), title.as_str()), ("own-bench", "own-bench"));
        assert_eq!((parts[0].name.as_str(), parts[0].question.as_str()), ("part-1", "own-bench"));
        assert_eq!(parts[0].figures[0].question, "own-bench");
        assert!(loaded.text.contains("name = \"own-bench\""), "a run records it: {}", loaded.text);
        let again = LoadedExperiment::parse("results/run.json".to_owned(), &loaded.text, &[]).unwrap();
        assert_eq!((again.text, again.experiment.name), (loaded.text.clone(), loaded.experiment.name.clone()));
    }

    #[test]
    fn quantities_have_units() {
        let text = SMALL.replace("memory_cap_mib = 512", "memory_cap = \"1.5GiB\"").replace("1000", "\"20k\"");
        let experiment = LoadedExperiment::parse("x".into(), &text, &[]).unwrap().experiment;
        assert_eq!((experiment.memory_cap_bytes(), experiment.parts[0].trace.events), (3 << 29, Some(20_000)));
        let set = ["memory_cap=512MiB".to_owned()];
        let experiment = LoadedExperiment::parse("x".into(), SMALL, &set).unwrap().experiment;
        assert_eq!(experiment.memory_cap_bytes(), 512 << 20, "a setting takes the place of the older key");
        assert!(
            error(&SMALL.replace("memory_cap_mib", "memory_cap = \"1GiB\"\nmemory_cap_mib"), &[]).contains("both set")
        );
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
        let (experiment, workers) = (&loaded.experiment, &loaded.experiment.parts[0].axes["workers"]);
        assert_eq!((experiment.repeats, experiment.seed.as_slice()), (9, [3].as_slice()));
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
        assert_eq!((loaded.experiment.seed.as_slice(), part.trace.events), ([7].as_slice(), Some(50)));
        assert_eq!(part.axes["workers"].as_array().unwrap().len(), 2);
        assert_eq!(part.axes["slack"].as_str(), Some("1h"));
        assert_eq!(part.duration_ms, 2000);
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
        assert!(text.contains("x.toml, line 5, column 1: ") && text.contains("did you mean 'repeats'"), "{text}");
        let wrong = SMALL.replace("events = 1000", "events = \"many\"");
        assert!(error(&wrong, &[]).contains("x.toml, line 12, column 38: "));
        assert!(error(SMALL, &["repaets=2"]).contains("did you mean 'repeats'"));
        assert!(error(SMALL, &["latency.rate=2"]).contains("there are only"));
        assert!(error(SMALL, &["seed"]).contains("KEY=VALUE"));
        assert!(
            LoadedExperiment::load("quikstart", &[]).unwrap_err().to_string().contains("did you mean 'quickstart'")
        );
        assert!(LoadedExperiment::load("./nowhere.toml", &[]).unwrap_err().to_string().contains("./nowhere.toml"));
    }
}
