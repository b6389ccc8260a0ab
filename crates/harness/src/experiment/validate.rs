//! Everything that is checked before anything is measured, so that all problems of an experiment are told at once: its
//! keys and values, its figures, claims and filters, and each of its profiles.

use std::path::Path;

use flowbench_events::{Problem, Problems, SourceText, did_you_mean};
use flowbench_measurement::claims::Claim;
use flowbench_measurement::record::FigureSpec;
use flowbench_pipelines::Registry;
use flowbench_report::{FigureError, check_figure};

use crate::experiment::filter::CaseFilter;
use crate::experiment::load::LoadedExperiment;
use crate::experiment::plan::Plan;
use crate::experiment::settings::Overrides;

/// Loads an experiment and plans it, after a check of all that it holds; its profiles are checked as well, chosen or not.
///
/// # Errors
///
/// Fails with every problem there is.
pub(crate) fn load_and_plan(
    name: &str,
    settings: &Overrides,
    registry: Registry,
) -> Result<(LoadedExperiment, Plan), Problems> {
    all_checked(&|settings| LoadedExperiment::read(name, settings), settings, registry)
}

/// Parses the text of an experiment, which problems call `name`, and plans it, after a check of all that it holds.
///
/// # Errors
///
/// Fails with every problem there is.
pub fn parse_and_plan(name: &str, text: &str, registry: Registry) -> Result<(LoadedExperiment, Plan), Problems> {
    let source = SourceText::new(name, text);
    all_checked(
        &|settings| LoadedExperiment::of(&source, name, Path::new(""), settings),
        &Overrides::default(),
        registry,
    )
}

/// An experiment without what is wrong in it, and the problems.
type Read = Result<(LoadedExperiment, Vec<Problem>), Problems>;

/// Plans an experiment that is read by a function, and checks its profiles.
fn all_checked(
    read: &dyn Fn(&Overrides) -> Read,
    settings: &Overrides,
    registry: Registry,
) -> Result<(LoadedExperiment, Plan), Problems> {
    let (loaded, mut problems) = read(settings)?;
    problems.extend(filter_problems(&loaded));
    let result = plan_checked(loaded, problems, registry);
    let mut of_profiles = profile_problems(read, registry)?;
    match result {
        Ok(planned) => Problems::check(of_profiles).map(|()| planned),
        Err(first) => {
            of_profiles.splice(..0, first.list().iter().cloned());
            Err(Problems::check(of_profiles).err().unwrap_or(first))
        }
    }
}

/// Plans an experiment in which these problems have been found already.
///
/// # Errors
///
/// Fails with these and all other problems.
pub(crate) fn plan_checked(
    loaded: LoadedExperiment,
    mut problems: Vec<Problem>,
    registry: Registry,
) -> Result<(LoadedExperiment, Plan), Problems> {
    problems.extend(figure_problems(&loaded));
    problems.extend(claim_problems(&loaded));
    let of_gate = loaded.experiment.gate.chosen().err();
    problems.extend(of_gate.map(|problem| loaded.problem("gate", &problem.to_string())));
    let plan = Plan::new(&loaded, registry);
    match plan {
        Ok(plan) => Problems::check(problems).map(|()| (loaded, plan)),
        Err(more) => {
            problems.extend(more.clone().into_list());
            Err(Problems::check(problems).err().unwrap_or(more))
        }
    }
}

/// Returns the problems of every profile of an experiment.
fn profile_problems(read: &dyn Fn(&Overrides) -> Read, registry: Registry) -> Result<Vec<Problem>, Problems> {
    let (loaded, _) = read(&Overrides::default())?;
    let mut problems = Vec::new();
    for profile in loaded.experiment.sizes.keys() {
        let (loaded, mut found) = read(&Overrides { profile: Some(profile.clone()), ..Overrides::default() })?;
        found.extend(filter_problems(&loaded));
        let result = plan_checked(loaded, found, registry);
        problems.extend(result.err().into_iter().flat_map(Problems::into_list));
    }
    Ok(problems)
}

fn figure_problems(loaded: &LoadedExperiment) -> Vec<Problem> {
    let mut names: Vec<&str> = Vec::new();
    let mut problems = Vec::new();
    for (number, part) in loaded.experiment.parts.iter().enumerate() {
        for (at, figure) in part.figures.iter().enumerate() {
            let is_new = !names.contains(&figure.name.as_str());
            names.push(&figure.name);
            let duplicate = || FigureError::Duplicate(figure.name.clone());
            let checked = check_figure(figure).and_then(|()| if is_new { Ok(()) } else { Err(duplicate()) });
            if let Err(error) = checked {
                let pointer = format!("part/{number}/figure/{at}/{}", place_of(figure, &error));
                problems.push(loaded.problem(&pointer, &error.to_string()));
            }
        }
    }
    problems
}

/// Returns the pointer, within a figure, to what is wrong with it.
fn place_of(figure: &FigureSpec, error: &FigureError) -> String {
    let in_list = |list: &[String], column: &str| list.iter().position(|one| one == column);
    match error {
        FigureError::Name(_) | FigureError::Reserved(_) | FigureError::Duplicate(_) => "name".to_owned(),
        FigureError::EmptyY(..) => "y".to_owned(),
        FigureError::Field { field, .. } => (*field).to_owned(),
        FigureError::UnknownColumn { place: "y", column, .. } => match in_list(&figure.y, column) {
            Some(at) => format!("y/{at}"),
            None => {
                let mut panels = figure.panels.iter().map(|panel| in_list(&panel.y, column)).enumerate();
                let found = panels.find_map(|(panel, at)| Some((panel, at?)));
                found.map_or("panels".to_owned(), |(panel, at)| format!("panels/{panel}/y/{at}"))
            }
        },
        FigureError::UnknownColumn { place: "by", column, .. } => {
            in_list(&figure.by, column).map_or("by".to_owned(), |at| format!("by/{at}"))
        }
        FigureError::UnknownColumn { place: "only", column, .. } => format!("only/{column}"),
        FigureError::UnknownColumn { place, .. } => (*place).to_owned(),
        FigureError::NotNumbers { .. } | FigureError::Answers { .. } => String::new(),
    }
}

/// Checks that every claim can be read and is about columns that there are.
fn claim_problems(loaded: &LoadedExperiment) -> Vec<Problem> {
    let known = flowbench_report::recorded_columns();
    let problem_of = |text: &str| match Claim::parse(text) {
        Err(problem) => Some(problem.to_string()),
        Ok(claim) => claim.columns().into_iter().find(|column| !known.contains(column)).map(|unknown| {
            let near = did_you_mean(unknown, known.iter().copied());
            format!("claim '{text}': there is no column '{unknown}'{near}")
        }),
    };
    let claims = loaded.experiment.claims.iter().enumerate();
    claims.filter_map(|(at, text)| Some(loaded.problem(&format!("claims/{at}"), &problem_of(text)?))).collect()
}

/// Checks that filters name parts that there are; how they are written is checked by the plan.
fn filter_problems(loaded: &LoadedExperiment) -> Vec<Problem> {
    let experiment = &loaded.experiment;
    let parts: Vec<&str> = experiment.parts.iter().map(|part| part.name.as_str()).collect();
    let keys = [("only", &experiment.only), ("skip", &experiment.skip)];
    let filters = keys.into_iter().flat_map(|(key, filters)| filters.iter().enumerate().map(move |one| (key, one)));
    filters
        .filter_map(|(key, (at, text))| {
            let error = CaseFilter::parse(text).ok()?.check_parts(&parts).err()?;
            Some(loaded.problem(&format!("{key}/{at}"), &format!("{key}: {error}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const GOOD: &str = "[[part]]\nname = \"only\"\n[part.axes]\npipeline = \"identity\"\n";

    fn problems(text: &str) -> String {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("x.toml");
        std::fs::write(&file, text).unwrap();
        match load_and_plan(file.to_str().unwrap(), &Overrides::default(), Registry::default()) {
            Ok(_) => String::new(),
            Err(problems) => problems.to_string().replace(&format!("{}/", dir.path().display()), ""),
        }
    }

    #[test]
    fn a_profile_is_checked_before_it_is_chosen() {
        let check = |set: &str| problems(&format!("{GOOD}[sizes.full]\nrepeats = 3\n{set}\n"));
        assert_eq!(check("\"only.trace.events\" = 3"), "");
        for (set, wanted) in [
            ("\"only.trace.eventz\" = 3", "x.toml, line 7, column 1: there is no key 'eventz'; did you mean 'events'?"),
            ("\"only.workers\" = 0", "x.toml, line 7, column 18: workers: 0 is outside 1 to 64"),
            ("\"only.workerz\" = 1", "did you mean 'workers'"),
            ("\"others.workers\" = 1", "x.toml, line 7, column 1: others.workers: there is no part 'others'"),
            ("inherits = \"ful\"", "x.toml, line 7, column 12: there is no profile 'ful'; did you mean 'full'?"),
            ("inherits = \"full\"", "profile 'full' inherits from itself"),
        ] {
            assert!(check(set).contains(wanted), "{}", check(set));
        }
    }

    #[test]
    fn a_profile_inherits_what_it_does_not_set() {
        let text = format!(
            "{GOOD}[sizes.quick]\nrepeats = 1\n\"only.workers\" = 2\n[sizes.ci]\ninherits = \"quick\"\nrepeats = 4\n"
        );
        assert_eq!(problems(&text), "");
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("x.toml");
        std::fs::write(&file, text).unwrap();
        let planned = |settings: Overrides| {
            let (loaded, plan) = load_and_plan(file.to_str().unwrap(), &settings, Registry::default()).unwrap();
            (loaded.experiment.repeats, plan.cases[0].config.workers)
        };
        let profile = |name: &str| Overrides { profile: Some(name.to_owned()), ..Overrides::default() };
        assert_eq!(planned(profile("quick")), (1, 2));
        assert_eq!(planned(profile("ci")), (4, 2));
        assert_eq!(planned(Overrides::of(&["size=ci".to_owned(), "repeats=2".to_owned()])), (2, 2));
        let environment = vec!["repeats=7".to_owned(), "only.workers=1".to_owned()];
        assert_eq!(planned(Overrides { environment: environment.clone(), ..profile("ci") }), (7, 1));
        let arguments = vec!["repeats=9".to_owned()];
        assert_eq!(planned(Overrides { environment, arguments, ..profile("ci") }), (9, 1));
    }
}
