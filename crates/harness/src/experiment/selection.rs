//! Which cases of an experiment are run: parts and filters that pick them or leave them out.
//!
//! Decision D-431.

use flowbench_events::{Problem, Problems, SourceText};
use flowbench_pipelines::Registry;
use toml::Value;

use crate::experiment::document::{Content, Node};
use crate::experiment::filter::CaseFilter;
use crate::experiment::load::LoadedExperiment;
use crate::experiment::plan::Plan;

/// The cases of an experiment that are run, by names of parts or [filters](CaseFilter).
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Cases that match one of them are run; all cases if there is none.
    pub only: Vec<String>,
    /// Cases that match one of them are not run.
    pub skip: Vec<String>,
}

impl Selection {
    /// Returns the parts of these names, or all of them if none is named.
    pub fn parts(only: &[String]) -> Selection {
        Selection { only: only.to_vec(), skip: Vec::new() }
    }

    /// Returns an experiment and its plan without what is not selected. Filters become keys of the experiment, so that a
    /// run can be resumed and reproduced; parts that have no case left are taken out.
    ///
    /// # Errors
    ///
    /// Fails if a filter cannot be read, or if there is no part of a name.
    pub(crate) fn apply(
        &self,
        loaded: LoadedExperiment,
        plan: Plan,
        registry: Registry,
    ) -> Result<(LoadedExperiment, Plan), Problems> {
        let is_empty = self.only.is_empty() && self.skip.is_empty();
        let (loaded, plan) = if is_empty { (loaded, plan) } else { self.select(&loaded, registry)? };
        without_empty_parts(loaded, plan, registry)
    }

    /// Returns the experiment with these filters among its own; those of `only` take the place of its own.
    fn select(&self, loaded: &LoadedExperiment, registry: Registry) -> Result<(LoadedExperiment, Plan), Problems> {
        let only = parsed("--only", &self.only, loaded)?;
        parsed("--skip", &self.skip, loaded)?;
        let named: Vec<String> = only.iter().filter_map(CaseFilter::part).map(str::to_owned).collect();
        let are_parts = named.len() == only.len();
        let loaded = if are_parts { loaded.only(&named)? } else { loaded.clone() };
        let loaded = loaded.changed(|entries| {
            if !only.is_empty() {
                entries.remove("only");
            }
            for (key, filters) in [("only", &self.only), ("skip", &self.skip)] {
                if filters.is_empty() || (key == "only" && are_parts) {
                    continue;
                }
                let text = |filter: &String| Node::default_of(Value::String(filter.clone()));
                let list = entries.entry(key.to_owned()).or_insert_with(|| Node::default_of(Value::Boolean(false)));
                let before = list.list().unwrap_or_default().to_vec();
                list.content = Content::List(before.into_iter().chain(filters.iter().map(text)).collect());
            }
        })?;
        let plan = Plan::new(&loaded, registry)?;
        Ok((loaded, plan))
    }
}

/// Returns an experiment without the parts of which its filters leave no case.
fn without_empty_parts(
    loaded: LoadedExperiment,
    plan: Plan,
    registry: Registry,
) -> Result<(LoadedExperiment, Plan), Problems> {
    let experiment = &loaded.experiment;
    let parts = experiment.parts.iter().map(|part| part.name.clone());
    let left: Vec<String> = parts.filter(|part| plan.cases.iter().any(|case| case.part == *part)).collect();
    let has_filters = !experiment.only.is_empty() || !experiment.skip.is_empty();
    if !has_filters || left.is_empty() || left.len() == experiment.parts.len() {
        return Ok((loaded, plan));
    }
    let loaded = loaded.only(&left)?;
    let again = Plan::new(&loaded, registry)?;
    Ok((loaded, Plan { remarks: plan.remarks, skipped: plan.skipped, ..again }))
}

/// Parses the filters of an argument, and checks the parts that they name.
fn parsed(argument: &str, filters: &[String], loaded: &LoadedExperiment) -> Result<Vec<CaseFilter>, Problems> {
    let parts: Vec<&str> = loaded.experiment.parts.iter().map(|part| part.name.as_str()).collect();
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for text in filters {
        let filter = CaseFilter::parse(text).and_then(|filter| filter.check_parts(&parts).map(|()| filter));
        let source = SourceText::new(argument, text.clone());
        let problem = |error: &dyn std::fmt::Display| Problem::new(&source, Some(0..text.len()), &error.to_string());
        match filter {
            Ok(filter) => read.push(filter),
            Err(error) => problems.push(problem(&error)),
        }
    }
    Problems::check(problems).map(|()| read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[[part]]\nname = \"small\"\naxes = { pipeline = [\"identity\", \"sessions\"], strategy = \
                        [\"sequential\", \"exchange\"], workers = [1, 2] }\n[[part]]\nname = \"large\"\n\
                        axes = { pipeline = \"funnel\", rate = [1000, \"2k\"], slack = [\"0s\", \"1min\"] }\n";

    fn selected(only: &[&str], skip: &[&str]) -> Result<(LoadedExperiment, Plan), Problems> {
        let loaded = LoadedExperiment::parse("x.toml".to_owned(), TEXT, &["repeats=1".to_owned()])?;
        let plan = Plan::new(&loaded, Registry::default())?;
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Selection { only: owned(only), skip: owned(skip) }.apply(loaded, plan, Registry::default())
    }

    /// The cases of a plan, whatever their numbers and their order.
    fn cases(plan: &Plan) -> Vec<String> {
        let text = |case: &crate::experiment::CaseSpec| format!("{} {:?}", case.part, case.axes(None));
        let mut cases: Vec<String> = plan.cases.iter().map(text).collect();
        cases.sort();
        cases
    }

    #[test]
    fn what_is_left_out_and_what_is_left_are_all_cases() {
        let all = cases(&selected(&[], &[]).unwrap().1);
        assert_eq!(all.len(), 2 * 3 + 4);
        for filter in [
            "small",
            "large",
            "workers>=2",
            "pipeline=sessions|funnel",
            "rate<2k & slack!=0s",
            "strategy=sequential",
            "part=small & workers<2 & pipeline!=identity",
        ] {
            let (picked, left) = (selected(&[filter], &[]).unwrap().1, selected(&[], &[filter]).unwrap().1);
            assert!(!picked.cases.is_empty() && !left.cases.is_empty(), "{filter}");
            let mut both = [cases(&picked), cases(&left)].concat();
            both.sort();
            assert_eq!(both, all, "{filter}");
        }
    }

    #[test]
    fn a_selection_is_recorded_and_parts_without_cases_are_gone() {
        let (loaded, plan) = selected(&["pipeline=sessions & workers=2"], &["strategy=staged"]).unwrap();
        assert_eq!((loaded.experiment.parts.len(), plan.cases.len()), (1, 1));
        let again = LoadedExperiment::parse("run.json".to_owned(), &loaded.text, &[]).unwrap();
        let resumed = Plan::new(&again, Registry::default()).unwrap();
        assert_eq!(resumed.cases, plan.cases, "a run that is resumed has the same cases");
        assert!(plan.remarks.iter().any(|remark| remark.contains("no case has strategy=staged")), "{:?}", plan.remarks);
        assert!(
            plan.remarks.iter().any(|remark| remark.contains("the baseline is filtered out")),
            "{:?}",
            plan.remarks
        );
    }

    #[test]
    fn parts_by_name_are_the_experiment_of_these_parts() {
        let (loaded, plan) = selected(&["large"], &[]).unwrap();
        assert!(plan.cases.iter().all(|case| case.part == "large") && loaded.experiment.only.is_empty());
        let error = |only: &str| selected(&[only], &[]).unwrap_err().to_string();
        assert!(error("lrge").contains("there is no part 'lrge'; did you mean 'large'?"));
        assert!(error("wokers=2").contains("there is no axis 'wokers'; did you mean 'workers'?"));
        assert!(selected(&["workers=7"], &[]).unwrap().1.cases.is_empty());
    }
}
