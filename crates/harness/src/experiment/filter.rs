//! Filters of cases: which of the planned ones are run.
//!
//! A filter is the name of a part, or conditions on the axes that all have to hold, such as
//! `workers>=2 & pipeline=sessions|funnel`. Decision D-431.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use flowbench_events::{did_you_mean_or_list, nearest, parse_duration_ms};
use thiserror::Error;

use crate::experiment::axes::AXES;
use crate::experiment::rate::number;

/// Conditions on a case, all of which have to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseFilter {
    text: String,
    conditions: Vec<Condition>,
}

/// A condition on one axis, or on the part.
#[derive(Debug, Clone, PartialEq)]
struct Condition {
    axis: &'static str,
    relation: Relation,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// How relations are written; those that begin another one come behind it.
const RELATIONS: [(&str, Relation); 6] = [
    ("!=", Relation::Unequal),
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    ("=", Relation::Equal),
    (">", Relation::Above),
    ("<", Relation::Below),
];

/// The name by which a part is asked for.
const PART: &str = "part";
/// Axes whose values have an order.
const ORDERED: [&str; 7] = ["workers", "processes", "slack", "idle_timeout", "records_per_epoch", "rate", "seed"];

/// Why a text is not a filter.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("'{filter}': {problem}")]
pub struct FilterError {
    filter: String,
    problem: String,
}

/// The value of a case on each axis, as the experiment writes it, and the name of its part.
pub(crate) type CaseValues<'a> = BTreeMap<&'static str, String>;

impl CaseFilter {
    /// Parses a filter.
    ///
    /// # Errors
    ///
    /// Fails if it is not written as a filter, or if there is no such axis.
    pub fn parse(text: &str) -> Result<CaseFilter, FilterError> {
        let failed = |problem| FilterError { filter: text.to_owned(), problem };
        let conditions = text.split('&').map(Condition::parse).collect::<Result<_, _>>().map_err(failed)?;
        Ok(CaseFilter { text: text.to_owned(), conditions })
    }

    /// Returns the name of the part, if the filter asks for nothing but one.
    pub fn part(&self) -> Option<&str> {
        match &self.conditions[..] {
            [Condition { axis: PART, relation: Relation::Equal, values }] if values.len() == 1 => Some(&values[0]),
            _ => None,
        }
    }

    /// Fails if it names a part that is none of these.
    ///
    /// # Errors
    ///
    /// Fails if a part is unknown.
    pub(crate) fn check_parts(&self, parts: &[&str]) -> Result<(), FilterError> {
        let mut named = self.conditions.iter().filter(|condition| condition.axis == PART).flat_map(|one| &one.values);
        match named.find(|name| !parts.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let hint = did_you_mean_or_list(name, parts.iter().copied());
                Err(FilterError { filter: self.text.clone(), problem: format!("there is no part '{name}'{hint}") })
            }
        }
    }

    /// Returns true if all conditions hold for a case.
    pub(crate) fn matches(&self, case: &CaseValues<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(case))
    }

    /// Returns a remark for each value that no case has, by all values that occur.
    pub(crate) fn unmatched(&self, seen: &BTreeMap<&'static str, BTreeSet<String>>) -> Vec<String> {
        let mut remarks = Vec::new();
        for Condition { axis, relation, values } in &self.conditions {
            let (Relation::Equal | Relation::Unequal, Some(seen)) = (relation, seen.get(axis)) else { continue };
            for value in values.iter().filter(|value| !seen.iter().any(|one| is_same(axis, one, value))) {
                let near = nearest(value, seen.iter().map(String::as_str));
                let near = near.map(|near| format!("did you mean '{near}'?"));
                let list = || format!("there are {}", seen.iter().cloned().collect::<Vec<_>>().join(", "));
                let hint = near.unwrap_or_else(list);
                remarks.push(format!("filter '{}': no case has {axis}={value}; {hint}", self.text));
            }
        }
        remarks
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Condition, String> {
        let text = text.trim();
        let at = text.find(['=', '!', '<', '>']);
        let Some((at, (sign, relation))) =
            at.and_then(|at| Some((at, *RELATIONS.iter().find(|(sign, _)| text[at..].starts_with(sign))?)))
        else {
            return match text.is_empty() {
                true => Err("a condition is missing; write it as in workers>=2 & pipeline=sessions".to_owned()),
                false => Ok(Condition { axis: PART, relation: Relation::Equal, values: vec![text.to_owned()] }),
            };
        };
        let (name, values) = (text[..at].trim(), &text[at + sign.len()..]);
        let known = || std::iter::once(PART).chain(AXES.iter().map(|(axis, _)| *axis));
        let Some(axis) = known().find(|axis| *axis == name) else {
            let known: Vec<&str> = known().collect();
            return Err(format!("there is no axis '{name}'{}", did_you_mean_or_list(name, known)));
        };
        let values: Vec<String> = values.split('|').map(|value| value.trim().to_owned()).collect();
        let condition = Condition { axis, relation, values };
        condition.check().map(|()| condition)
    }

    fn check(&self) -> Result<(), String> {
        let Condition { axis, relation, values } = self;
        if values.iter().any(String::is_empty) {
            return Err(format!("{axis}: a value is missing"));
        }
        if matches!(relation, Relation::Equal | Relation::Unequal) {
            return Ok(());
        }
        if !ORDERED.contains(axis) {
            return Err(format!("the values of {axis} have no order; write = or !="));
        }
        match values.iter().find(|value| quantity(axis, value).is_none()) {
            _ if values.len() > 1 => Err(format!("{axis}: several values are compared by = and != only")),
            Some(value) => Err(format!("{axis}: '{value}' is neither a number nor a duration")),
            None => Ok(()),
        }
    }

    fn holds(&self, case: &CaseValues<'_>) -> bool {
        let Some(value) = case.get(self.axis) else { return false };
        let is_one = || self.values.iter().any(|wanted| is_same(self.axis, value, wanted));
        let ordering = || quantity(self.axis, value)?.partial_cmp(&quantity(self.axis, &self.values[0])?);
        match self.relation {
            Relation::Equal => is_one(),
            Relation::Unequal => !is_one(),
            Relation::AtLeast => ordering().is_some_and(Ordering::is_ge),
            Relation::AtMost => ordering().is_some_and(Ordering::is_le),
            Relation::Above => ordering().is_some_and(Ordering::is_gt),
            Relation::Below => ordering().is_some_and(Ordering::is_lt),
        }
    }
}

/// Returns true if two texts are the same value of an axis: `100k` is 100000, `1min` is 60s, and a world is its name.
fn is_same(axis: &str, one: &str, other: &str) -> bool {
    let name = |text: &str| text.split_once(": ").filter(|_| axis == "world").map(|(name, _)| name.to_owned());
    let same_quantity = || Some(quantity(axis, one)? == quantity(axis, other)?);
    one == other || name(one).is_some_and(|name| name == other) || same_quantity() == Some(true)
}

/// Returns a value of an ordered axis as a number; shares of a rate, which cannot be compared with rates, have none.
fn quantity(axis: &str, text: &str) -> Option<f64> {
    match axis {
        "slack" | "idle_timeout" => parse_duration_ms(text).ok().map(|ms| ms as f64),
        _ if ORDERED.contains(&axis) => number(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(values: &[(&'static str, &str)]) -> CaseValues<'static> {
        values.iter().map(|(axis, value)| (*axis, (*value).to_owned())).collect()
    }

    #[test]
    fn a_filter_is_a_part_or_conditions_that_all_hold() {
        let case = case(&[
            ("part", "latency"),
            ("workers", "2"),
            ("pipeline", "sessions"),
            ("rate", "100k"),
            ("slack", "1min"),
            ("world", "hot: customers.whale_share=0.3"),
            ("settings", "threshold=20"),
        ]);
        for (filter, holds) in [
            ("latency", true),
            ("memory", false),
            ("workers>=2 & pipeline=sessions", true),
            ("workers>2&pipeline=sessions", false),
            ("pipeline=funnel|sessions", true),
            ("pipeline != funnel | sessions", false),
            ("rate=100000", true),
            ("rate<1M & slack<=60s & slack<1h", true),
            ("world=hot", true),
            ("settings=threshold=20", true),
            ("part=latency & workers<2", false),
        ] {
            assert_eq!(CaseFilter::parse(filter).unwrap().matches(&case), holds, "{filter}");
        }
        assert_eq!(CaseFilter::parse(" latency ").unwrap().part(), Some("latency"));
        assert_eq!(CaseFilter::parse("workers=2").unwrap().part(), None);
    }

    #[test]
    fn what_is_no_filter_is_said_with_the_fix() {
        for (filter, wanted) in [
            ("pipline=x", "'pipline=x': there is no axis 'pipline'; did you mean 'pipeline'?"),
            ("strategy>=exchange", "have no order; write = or !="),
            ("workers>=many", "'many' is neither a number nor a duration"),
            ("workers>=1|2", "several values are compared by = and != only"),
            ("workers=2 &", "write it as in workers>=2"),
            ("workers=", "a value is missing"),
            ("", "a condition is missing"),
        ] {
            let error = CaseFilter::parse(filter).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let parts = CaseFilter::parse("latncy").unwrap().check_parts(&["latency", "memory"]);
        assert!(parts.unwrap_err().to_string().contains("did you mean 'latency'?"));
    }

    #[test]
    fn a_value_that_no_case_has_is_remarked_on() {
        let seen = BTreeMap::from([("strategy", BTreeSet::from(["exchange".to_owned(), "staged".to_owned()]))]);
        let remarks = CaseFilter::parse("strategy=exchange|staget & workers=2").unwrap().unmatched(&seen);
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].ends_with("no case has strategy=staget; did you mean 'staged'?"), "{remarks:?}");
    }
}
