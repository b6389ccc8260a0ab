//! Names of cases: unique within a run, readable, and the same for every run of an experiment, wherever a case is named
//! outside of the report: in comparisons, by the gate, and in exports.
//!
//! Decision D-312.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Axes, CaseRecord};

/// Maximum length of a file name made of a case name, in bytes; file systems allow 255, and endings follow.
const FILE_NAME_MAX: usize = 200;

/// The name of a case, made of the choices that identify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseName {
    /// Choices by the name of their axis, without white space and `/`.
    choices: Vec<(&'static str, String)>,
    /// Name of the files of the case, unique within the run.
    file: String,
}

impl CaseName {
    /// Returns the name in one line, such as `latency/identity/exchange/x2/watermark/frontier/rate=100000`.
    pub(crate) fn text(&self) -> String {
        let named = |(axis, value): &(&str, String)| match *axis {
            "part" | "pipeline" | "settings" | "strategy" | "order" | "eviction" | "load" | "world" => value.clone(),
            "workers" => format!("x{value}"),
            axis => format!("{axis}={value}"),
        };
        self.choices.iter().map(named).collect::<Vec<_>>().join("/")
    }

    /// Returns the choices by the name of their axis, the part first.
    pub(crate) fn choices(&self) -> &[(&'static str, String)] {
        &self.choices
    }

    /// Returns the name of the files of the case: letters, digits and `._=,+-`.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }
}

/// Names the cases of a run, each given by the record of one repeat.
///
/// Part, pipeline, settings, strategy, workers, order, eviction and load are always part of the name. Any other axis is
/// if it varies within the part. The records per epoch follow from the rate unless they are set, and a rate that a
/// search has found differs from run to run: the former are named only where two cases would have one name, the latter
/// never.
pub(crate) fn case_names(cases: &[&CaseRecord]) -> Vec<CaseName> {
    let mut varying: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for case in cases {
        for (axis, value) in optional(&case.axes) {
            varying.entry((&case.part, axis)).or_default().insert(value);
        }
    }
    let mut names: Vec<Vec<(&'static str, String)>> = Vec::new();
    for case in cases {
        let varies = |axis: &str| varying[&(case.part.as_str(), axis)].len() > 1;
        let more = optional(&case.axes).into_iter().filter(|(axis, _)| varies(axis));
        let choices = std::iter::once(("part", case.part.clone())).chain(always(&case.axes)).chain(more);
        names.push(choices.map(|(axis, value)| (axis, one_word(&value))).collect());
    }
    tell_apart(&mut names, cases, "epoch", |case| case.axes.records_per_epoch.to_string());
    tell_apart(&mut names, cases, "case", |case| case.case.to_string());
    with_files(names, cases)
}

/// Returns the name of each of these cases of a run; repeats have the name of their case.
pub fn names(cases: &[CaseRecord]) -> Vec<String> {
    let names = names_by_identity(cases.iter());
    cases.iter().map(|case| names[&identity(case)].clone()).collect()
}

/// Returns the names of the cases of some runs by their [`identity`]; what varies in any of the runs is told.
pub(crate) fn names_by_identity<'a>(cases: impl Iterator<Item = &'a CaseRecord>) -> BTreeMap<String, String> {
    let mut firsts: BTreeMap<String, &CaseRecord> = BTreeMap::new();
    for case in cases {
        firsts.entry(identity(case)).or_insert(case);
    }
    let names = case_names(&firsts.values().copied().collect::<Vec<_>>());
    firsts.into_keys().zip(names.iter().map(CaseName::text)).collect()
}

/// Returns text that is equal for the repeats of a case in any run: part and axes, without the rate that a search found.
pub(crate) fn identity(case: &CaseRecord) -> String {
    let mut axes = case.axes.clone();
    if follows_search(&axes) {
        (axes.rate_events_per_s, axes.records_per_epoch) = (None, 0);
    }
    format!("{} {}", case.part, serde_json::to_string(&axes).unwrap_or_default())
}

/// Returns true if the rate of the case was found by a search, so that its trace differs from run to run.
pub(crate) fn follows_search(axes: &Axes) -> bool {
    axes.rate_share.is_some() || axes.load.starts_with("search")
}

/// Adds a choice to the names of cases that have the name of another one.
fn tell_apart(
    names: &mut [Vec<(&'static str, String)>],
    cases: &[&CaseRecord],
    axis: &'static str,
    value: fn(&CaseRecord) -> String,
) {
    let mut times: BTreeMap<Vec<(&'static str, String)>, usize> = BTreeMap::new();
    names.iter().for_each(|name| *times.entry(name.clone()).or_default() += 1);
    for (name, case) in names.iter_mut().zip(cases) {
        if times[name] > 1 {
            name.push((axis, value(case)));
        }
    }
}

fn with_files(names: Vec<Vec<(&'static str, String)>>, cases: &[&CaseRecord]) -> Vec<CaseName> {
    let mut taken = BTreeSet::new();
    let named = names.into_iter().zip(cases).map(|(choices, case)| {
        let mut name = CaseName { choices, file: String::new() };
        name.file = file_name(&name.text());
        // Names that differ in case only are one file on some systems.
        if !taken.insert(name.file.to_lowercase()) {
            name.file = format!("{}+{}", name.file, case.case);
            taken.insert(name.file.to_lowercase());
        }
        name
    });
    named.collect()
}

/// Choices that are always named.
fn always(axes: &Axes) -> Vec<(&'static str, String)> {
    let mut choices = vec![("pipeline", axes.pipeline.clone())];
    if !axes.settings.is_empty() {
        choices.push(("settings", axes.settings.join(",")));
    }
    let processes = if axes.processes == 1 { String::new() } else { format!("x{}", axes.processes) };
    choices.extend([
        ("strategy", axes.strategy.clone()),
        ("workers", format!("{}{processes}", axes.workers)),
        ("order", axes.order.clone()),
        ("eviction", axes.eviction.clone()),
    ]);
    if axes.load != "open" {
        choices.push(("load", axes.load.clone()));
    }
    match (axes.rate_share, axes.rate_events_per_s) {
        (Some(share), _) => choices.push(("share", share.to_string())),
        (None, Some(rate)) if !axes.load.starts_with("search") => choices.push(("rate", rate.to_string())),
        _ => {}
    }
    choices
}

/// Choices that are named only where they vary.
fn optional(axes: &Axes) -> [(&'static str, String); 9] {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    [
        ("deduplicate", axes.deduplicate.to_string()),
        ("slack", format!("{}ms", axes.slack_ms)),
        ("sources", axes.sources.clone()),
        ("idle", format!("{},{}", axes.idle, or_none(axes.idle_ms.map(|ms| format!("{ms}ms"))))),
        ("trace", axes.trace.clone()),
        ("seed", or_none(axes.seed.map(|seed| seed.to_string()))),
        ("world", if axes.world.is_empty() { "as-it-is".to_owned() } else { axes.world.clone() }),
        ("live", or_none(axes.live.clone())),
        ("fault", or_none(axes.fault.clone())),
    ]
}

/// Returns the value without white space and `/`, which separate names and their parts.
fn one_word(value: &str) -> String {
    let is_separator = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    value.chars().map(|c| if is_separator(c) { '_' } else { c }).collect()
}

fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._=,-".contains(c) { c } else { '_' };
    let text: String = name.replace('/', "+").chars().map(|c| if c == '+' { c } else { plain(c) }).collect();
    text.trim_start_matches('.').chars().take(FILE_NAME_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::record::example;
    use crate::results_dir::read_cases;

    fn texts(cases: &[CaseRecord]) -> Vec<String> {
        case_names(&cases.iter().collect::<Vec<_>>()).iter().map(CaseName::text).collect()
    }

    #[test]
    fn a_name_has_the_choices_that_identify_a_case() {
        let mut cases = vec![example::case(1, 1), example::case(2, 1)];
        cases[1].axes.processes = 2;
        assert_eq!(
            texts(&cases),
            [
                "delay/sessions/gap=10min,any/exchange/x2/watermark/frontier/rate=50000",
                "delay/sessions/gap=10min,any/exchange/x2x2/watermark/frontier/rate=50000",
            ]
        );
        cases[1].axes.slack_ms = 0;
        cases[1].axes.world = "one key 30 %".into();
        let texts = texts(&cases);
        assert!(texts[0].ends_with("/rate=50000/slack=60000ms/as-it-is"), "{}", texts[0]);
        assert!(texts[1].ends_with("/rate=50000/slack=0ms/one_key_30_%"), "{}", texts[1]);
        let mut live = vec![example::case(1, 1), example::case(2, 1)];
        live[1].axes.live = Some("wall viewers=10".into());
        let texts: Vec<String> = names(&live);
        assert!(texts[1].ends_with("/rate=50000/live=wall_viewers=10"), "{}", texts[1]);
    }

    #[test]
    fn a_rate_that_a_search_found_is_no_part_of_a_name() {
        let found = |rate, records, share, load: &str| {
            let mut case = example::case(1, 1);
            (case.axes.rate_events_per_s, case.axes.records_per_epoch) = (Some(rate), records);
            (case.axes.rate_share, case.axes.load) = (share, load.into());
            texts(&[case]).remove(0)
        };
        assert_eq!(found(1e5, 16, Some(0.8), "open"), found(2e5, 32, Some(0.8), "open"));
        assert!(found(1e5, 16, Some(0.8), "open").ends_with("/share=0.8"));
        assert_eq!(found(1e5, 16, None, "search"), found(2e5, 32, None, "search"));
        assert!(found(1e5, 16, None, "search").ends_with("/search"));
    }

    #[test]
    fn cases_that_would_share_a_name_are_told_apart() {
        let mut cases = vec![example::case(1, 1), example::case(2, 1), example::case(3, 1)];
        cases[1].axes.records_per_epoch = 1;
        let texts = texts(&cases);
        assert!(texts[1].ends_with("/epoch=1"), "{}", texts[1]);
        assert!(texts[2].ends_with("/epoch=4096/case=3"), "{}", texts[2]);
    }

    #[test]
    fn two_runs_name_a_case_alike() {
        let (mut one, mut other) = (vec![example::case(1, 1), example::case(2, 1)], vec![example::case(7, 1)]);
        (one[0].axes.slack_ms, one[1].axes.slack_ms, other[0].axes.slack_ms) = (0, 1000, 0);
        let names = names_by_identity(one.iter().chain(&other));
        assert_eq!(names.len(), 2);
        assert_eq!(names[&identity(&other[0])], texts(&one)[0]);
    }

    #[test]
    fn all_cases_of_the_reference_runs_have_names_and_files_of_their_own() {
        let results = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../results");
        for run in ["quickstart", "parallelism", "eviction", "disorder", "granularity", "latency", "outage"] {
            let mut cases = read_cases(&results.join(run).join("reference")).unwrap().rows;
            cases.sort_by_key(|case| case.case);
            cases.dedup_by_key(|case| case.case);
            assert!(!cases.is_empty(), "{run}");
            let names = case_names(&cases.iter().collect::<Vec<_>>());
            let texts: BTreeSet<String> = names.iter().map(CaseName::text).collect();
            let files: BTreeSet<&str> = names.iter().map(CaseName::file).collect();
            assert_eq!((texts.len(), files.len()), (cases.len(), cases.len()), "{run}");
            assert!(texts.iter().all(|text| !text.contains("/case=") && !text.contains(' ')), "{run}: {texts:#?}");
            assert!(files.iter().all(|file| file.len() < 220 && !file.contains('/')), "{run}");
        }
    }
}
