//! Claims of an experiment: ratios and shapes that every run checks.
//!
//! A claim is written as
//!
//! ```text
//! median(throughput_events_per_s, strategy=exchange, workers=2) / median(throughput_events_per_s, strategy=sequential) >= 1.3
//! all(growth_verdict, eviction=never) == growing
//! max(lost_answers_share, eviction=frontier) == 0
//! ```
//!
//! `median`, `min` and `max` take a column and the axes of the cases; `all` is about words and holds if every case has the
//! same. A time, a rate or a size stands only over one of the same column, for a claim has to hold on other machines.

use std::fmt;

use thiserror::Error;

use crate::columns::Cell;
use crate::record::{CaseRecord, Status, Verdict};
use crate::statistics::{Ratio, median};

/// Endings of columns whose values are those of a machine.
const OF_A_MACHINE: [&str; 7] = ["_ns", "_s", "_per_s", "_bytes", "_bytes_peak", "_per_event", "_events"];

/// A claim, as it is written and as it is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The claim as it is written.
    pub text: String,
    over: Selection,
    under: Option<Selection>,
    relation: Relation,
    wanted: Wanted,
}

/// A claim that cannot be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("claim '{claim}': {problem}")]
pub struct ClaimError {
    /// The claim as it is written.
    pub claim: String,
    /// What is wrong with it, with the likely fix.
    pub problem: String,
}

/// What a run says of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The claim as it is written.
    pub claim: String,
    /// Whether it holds.
    pub standing: Standing,
    /// What was found, in words.
    pub found: String,
}

/// Whether a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds, and so does the whole interval where there is one. Every case that it is about has numbers.
    Holds,
    /// It does not, and nor does any of the interval.
    Fails,
    /// The interval, or the range of a few repeats, has both; there is only one value on either side; or it would hold,
    /// but some of the cases have failed or are inconclusive.
    Open,
    /// The run has no case that it is about.
    Unknown,
}

/// The values of a column of some cases, made one.
#[derive(Debug, Clone, PartialEq)]
struct Selection {
    aggregate: Aggregate,
    column: String,
    /// Columns and the values that a case must have there.
    only: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Median,
    Min,
    Max,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    AtLeast,
    AtMost,
    Above,
    Below,
    Equal,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Number(f64),
    Word(String),
}

impl Standing {
    fn of(holds: bool) -> Standing {
        if holds { Standing::Holds } else { Standing::Fails }
    }

    /// Returns the word used in tables.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Holds => "holds",
            Standing::Fails => "fails",
            Standing::Open => "open",
            Standing::Unknown => "no case",
        }
    }
}

impl Claim {
    /// Reads a claim.
    ///
    /// # Errors
    ///
    /// Fails if it is not written as a claim is, or if it is about a time, a rate or a size alone.
    pub fn parse(text: &str) -> Result<Claim, ClaimError> {
        let failed = |problem: String| ClaimError { claim: text.to_owned(), problem };
        let (left, relation, right) = split_relation(text).ok_or_else(|| {
            failed(
                "it has no >=, <=, >, < or ==; write it as in max(lost_answers_share, eviction=frontier) == 0".into(),
            )
        })?;
        let (over, under) = match outside_parentheses(left).find(|(_, letter)| *letter == '/') {
            Some((at, _)) => (&left[..at], Some(&left[at + 1..])),
            None => (left, None),
        };
        let over = Selection::parse(over).map_err(failed)?;
        let under = under.map(Selection::parse).transpose().map_err(failed)?;
        let wanted = match right.parse::<f64>() {
            _ if over.aggregate == Aggregate::All => Wanted::Word(right.to_owned()),
            Ok(number) if number.is_finite() => Wanted::Number(number),
            _ => {
                return Err(failed(format!("'{right}' is not a number; shares are written as 0.05, words need 'all'")));
            }
        };
        let claim = Claim { text: text.to_owned(), over, under, relation, wanted };
        claim.check().map_err(failed)?;
        Ok(claim)
    }

    /// Returns the claim as a sentence: `the median throughput (exchange, 2 workers) is more than 1.3 × that of
    /// (sequential)`. `words` says the name of a column in words, `choice` the value of an axis. What both sides of a ratio
    /// have in common is said once, and the part is not.
    pub fn sentence(&self, words: impl Fn(&str) -> String, choice: impl Fn(&str, &str) -> String) -> String {
        let aggregate = match self.over.aggregate {
            Aggregate::Median => "the median ",
            Aggregate::Min => "the lowest ",
            Aggregate::Max => "the highest ",
            Aggregate::All => "every ",
        };
        let relation = match self.relation {
            Relation::AtLeast => "at least ",
            Relation::AtMost => "at most ",
            Relation::Above => "more than ",
            Relation::Below => "less than ",
            Relation::Equal => "",
        };
        let of = |selection: &Selection, said: &[(String, String)]| {
            let only = selection.only.iter().filter(|one| one.0 != "part" && !said.contains(one));
            let names: Vec<String> = only.map(|(axis, value)| choice(axis, value)).collect();
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
        };
        let over = format!("{aggregate}{}{}", words(&self.over.column), of(&self.over, &[]));
        match (&self.wanted, &self.under) {
            (Wanted::Word(word), _) => format!("{over} is {word}"),
            (Wanted::Number(wanted), None) => format!("{over} is {relation}{wanted}"),
            (Wanted::Number(wanted), Some(under)) => {
                format!("{over} is {relation}{wanted} × that of{}", of(under, &self.over.only))
            }
        }
    }

    /// Returns the names of all columns that the claim is about.
    pub fn columns(&self) -> Vec<&str> {
        let selections = std::iter::once(&self.over).chain(&self.under);
        selections
            .flat_map(|one| std::iter::once(&one.column).chain(one.only.iter().map(|(axis, _)| axis)))
            .map(String::as_str)
            .collect()
    }

    /// Returns the names of the parts that the claim is about, where it names them.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        let settings = std::iter::once(&self.over).chain(&self.under).flat_map(|one| &one.only);
        settings.filter(|(column, _)| column == "part").map(|(_, name)| name.as_str())
    }

    /// Returns the name of the column whose values the claim is about.
    pub fn column(&self) -> &str {
        &self.over.column
    }

    /// Returns the value that all cases of the claim must have in a column; `None` if it does not say, or if the two
    /// sides of a ratio differ in it.
    pub fn value_of(&self, column: &str) -> Option<&str> {
        let of = |selection: &'_ Selection| selection.only.iter().position(|(name, _)| name == column);
        let value = self.over.only.get(of(&self.over)?).map(|(_, value)| value.as_str());
        let under = self.under.as_ref().map(|under| of(under).map(|at| under.only[at].1.as_str()));
        value.filter(|_| under.is_none_or(|under| under == value))
    }

    /// Checks the claim against the cases of a run.
    pub fn check_against(&self, cases: &[CaseRecord]) -> Checked {
        let (standing, mut found) = match &self.wanted {
            Wanted::Word(word) => self.words(word, cases),
            Wanted::Number(wanted) => self.numbers(*wanted, cases),
        };
        let failed = cases.iter().filter(|case| case.status != Status::Ok && self.is_about(case)).count();
        let standing = if failed > 0 && standing == Standing::Holds { Standing::Open } else { standing };
        if failed > 0 {
            let comma = if found.is_empty() { "" } else { ", " };
            let cases = if failed == 1 { "case" } else { "cases" };
            found.push_str(&format!("{comma}{failed} {cases} without numbers"));
        }
        Checked { claim: self.text.clone(), standing, found }
    }

    fn is_about(&self, case: &CaseRecord) -> bool {
        std::iter::once(&self.over).chain(&self.under).any(|selection| selection.is_about(case))
    }

    fn check(&self) -> Result<(), String> {
        let column = &self.over.column;
        let is_of_a_machine = OF_A_MACHINE.iter().any(|ending| column.ends_with(ending));
        match &self.under {
            Some(under) if under.column != *column => Err(format!("'{column}' is set against another column")),
            Some(under) if [self.over.aggregate, under.aggregate].contains(&Aggregate::All) => {
                Err("'all' is about words, which have no ratio".to_owned())
            }
            None if is_of_a_machine && matches!(self.wanted, Wanted::Number(_)) => {
                Err(format!("'{column}' is that of a machine; claim a ratio of two of them, {column} over {column}"))
            }
            _ if matches!(self.wanted, Wanted::Word(_)) && self.relation != Relation::Equal => {
                Err("words are compared by ==".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn words(&self, word: &str, cases: &[CaseRecord]) -> (Standing, String) {
        let found: Vec<String> =
            self.over.cells(cases).map(|cell| cell.to_string()).filter(|cell| !cell.is_empty()).collect();
        let are = |word: &str| found.iter().filter(|found| *found == word).count();
        let (all, same, undecided) = (found.len(), are(word), are(Verdict::Inconclusive.word()));
        let told = format!("{same} of {all} are {word}");
        match all {
            0 => (Standing::Unknown, String::new()),
            // Where memory has no verdict, nothing speaks against the claim yet.
            _ if undecided > 0 && same + undecided == all && word != Verdict::Inconclusive.word() => {
                (Standing::Open, format!("{told}, {undecided} {}", Verdict::Inconclusive.word()))
            }
            _ => (Standing::of(same == all), told),
        }
    }

    fn numbers(&self, wanted: f64, cases: &[CaseRecord]) -> (Standing, String) {
        let over = self.over.values(cases);
        let Some(value) = self.over.aggregated(&over) else { return (Standing::Unknown, String::new()) };
        let Some(under) = &self.under else {
            return (Standing::of(self.relation.holds(value, wanted)), Cell::Number(value).to_string());
        };
        let below = under.values(cases);
        let Some(divisor) = under.aggregated(&below) else { return (Standing::Unknown, String::new()) };
        let medians = [self.over.aggregate, under.aggregate] == [Aggregate::Median; 2];
        match Ratio::of(&below, &over).filter(|_| medians) {
            Some(ratio) => {
                let kind = if ratio.is_interval { "95 % interval" } else { "range of pairs" };
                let found = format!("{:.3} ({kind} {:.3} to {:.3})", ratio.estimate, ratio.low, ratio.high);
                let is_one_pair = over.len() == 1 && below.len() == 1;
                (if is_one_pair { Standing::Open } else { self.relation.standing(&ratio, wanted) }, found)
            }
            None if divisor == 0.0 => (Standing::Open, format!("{value} over 0")),
            None => (Standing::of(self.relation.holds(value / divisor, wanted)), format!("{:.3}", value / divisor)),
        }
    }
}

impl Selection {
    /// Reads `median(column, axis=value, ...)`.
    fn parse(text: &str) -> Result<Selection, String> {
        let text = text.trim();
        let whole = text.strip_suffix(')').and_then(|text| text.split_once('('));
        let (name, inside) =
            whole.ok_or_else(|| format!("'{text}' is not written as median(column, axis=value, ...)"))?;
        let aggregate = match name.trim() {
            "median" => Aggregate::Median,
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "all" => Aggregate::All,
            other => return Err(format!("there is no '{other}'; there are median, min, max and all")),
        };
        let mut arguments = split_arguments(inside).into_iter();
        let column = arguments.next().filter(|column| !column.is_empty()).ok_or("the column is missing")?;
        let only = arguments.map(|argument| match argument.split_once('=') {
            Some((axis, value)) => Ok((axis.trim().to_owned(), value.trim().to_owned())),
            None => Err(format!("'{argument}' is not axis=value")),
        });
        Ok(Selection { aggregate, column, only: only.collect::<Result<_, _>>()? })
    }

    fn cells<'a>(&'a self, cases: &'a [CaseRecord]) -> impl Iterator<Item = Cell> + 'a {
        let measured = cases.iter().filter(|case| case.status == Status::Ok || self.column == "outcome");
        measured.filter(|case| self.is_about(case)).filter_map(|case| case.column(&self.column))
    }

    fn is_about(&self, case: &CaseRecord) -> bool {
        let has = |(axis, value): &(String, String)| case.column(axis).is_some_and(|cell| cell.to_string() == *value);
        self.only.iter().all(has)
    }

    fn values(&self, cases: &[CaseRecord]) -> Vec<f64> {
        self.cells(cases).filter_map(|cell| cell.number()).collect()
    }

    fn aggregated(&self, values: &[f64]) -> Option<f64> {
        match self.aggregate {
            Aggregate::Min => values.iter().copied().reduce(f64::min),
            Aggregate::Max => values.iter().copied().reduce(f64::max),
            Aggregate::Median | Aggregate::All => median(values),
        }
    }
}

impl Relation {
    fn standing(self, ratio: &Ratio, wanted: f64) -> Standing {
        let ends = [ratio.low, ratio.high].map(|end| self.holds(end, wanted));
        match ends {
            [true, true] => Standing::Holds,
            [false, false] if self != Relation::Equal || wanted < ratio.low || wanted > ratio.high => Standing::Fails,
            _ => Standing::Open,
        }
    }

    fn holds(self, value: f64, wanted: f64) -> bool {
        match self {
            Relation::AtLeast => value >= wanted,
            Relation::AtMost => value <= wanted,
            Relation::Above => value > wanted,
            Relation::Below => value < wanted,
            Relation::Equal => value == wanted,
        }
    }
}

/// Checks the claims of a run against its cases; one that cannot be read any more is unknown and says why.
pub fn check_claims(claims: &[String], cases: &[CaseRecord]) -> Vec<Checked> {
    let checked = |text: &String| match Claim::parse(text) {
        Ok(claim) => claim.check_against(cases),
        Err(error) => Checked { claim: text.clone(), standing: Standing::Unknown, found: error.problem },
    };
    claims.iter().map(checked).collect()
}

/// Writes the claim, whether it holds, and what was found.
impl fmt::Display for Checked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:<7}  {}", self.standing.word(), self.claim)?;
        if self.found.is_empty() { Ok(()) } else { write!(formatter, "\n         found: {}", self.found) }
    }
}

/// Splits a claim at its relation, which is not one of the `=` inside parentheses.
fn split_relation(text: &str) -> Option<(&str, Relation, &str)> {
    let relations = [
        (">=", Relation::AtLeast),
        ("<=", Relation::AtMost),
        ("==", Relation::Equal),
        (">", Relation::Above),
        ("<", Relation::Below),
    ];
    let (at, _) = outside_parentheses(text).find(|(_, letter)| matches!(letter, '<' | '>' | '='))?;
    let (sign, relation) = relations.into_iter().find(|(sign, _)| text[at..].starts_with(sign))?;
    let wanted = text[at + sign.len()..].trim();
    (!wanted.is_empty()).then_some((&text[..at], relation, wanted))
}

/// Splits arguments at the commas that are not inside parentheses: `eviction=ttl(6h)` is one.
fn split_arguments(text: &str) -> Vec<String> {
    let commas = outside_parentheses(text).filter(|(_, letter)| *letter == ',').map(|(at, _)| at);
    let starts = std::iter::once(0).chain(commas.clone().map(|at| at + 1));
    let ends = commas.chain(std::iter::once(text.len()));
    starts.zip(ends).map(|(start, end)| text[start..end].trim().to_owned()).collect()
}

/// Returns the characters that are not inside parentheses, with their places.
fn outside_parentheses(text: &str) -> impl Iterator<Item = (usize, char)> + Clone + '_ {
    let depths = text.char_indices().scan(0_usize, |depth, (at, letter)| {
        *depth = if letter == ')' { depth.saturating_sub(1) } else { *depth };
        let outside = *depth == 0;
        *depth += usize::from(letter == '(');
        Some((outside, (at, letter)))
    });
    depths.filter_map(|(outside, found)| outside.then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Growth, example};

    /// Six repeats of `sequential` at these rates, and of `exchange` at twice them.
    fn cases() -> Vec<CaseRecord> {
        let case = |number: usize, strategy: &str, rate: f64| {
            let mut case = example::case(number, 1);
            case.axes.strategy = strategy.to_owned();
            case.numbers.as_mut().unwrap().throughput_events_per_s = rate;
            case
        };
        let rates = [10.0, 10.1, 9.9, 10.2, 9.8, 10.0];
        let slow = rates.iter().map(|rate| case(1, "sequential", *rate));
        let fast = rates.iter().map(|rate| case(2, "exchange", 2.0 * rate));
        slow.chain(fast).collect()
    }

    fn checked(claim: &str) -> Checked {
        Claim::parse(claim).unwrap().check_against(&cases())
    }

    fn speed_up(wanted: &str) -> Standing {
        let of = |strategy: &str| format!("median(throughput_events_per_s, strategy={strategy}, workers=2)");
        checked(&format!("{} / {} {wanted}", of("exchange"), of("sequential"))).standing
    }

    #[test]
    fn a_ratio_holds_if_its_interval_does() {
        assert_eq!(
            [">= 1.8", "< 1.8", ">= 2", "<= 3"].map(speed_up),
            [Standing::Holds, Standing::Fails, Standing::Open, Standing::Holds]
        );
        assert_eq!(["> 1.5", "== 2", "== 3"].map(speed_up), [Standing::Holds, Standing::Open, Standing::Fails]);
        let none =
            checked("median(throughput_events_per_s, strategy=x) / median(throughput_events_per_s, strategy=y) > 1");
        assert_eq!((none.standing, none.found.as_str()), (Standing::Unknown, ""));
    }

    #[test]
    fn shares_counts_and_words_stand_alone() {
        assert_eq!(checked("max(missing_share, strategy=exchange) == 0.1").standing, Standing::Holds);
        assert_eq!(checked("max(missing) < 100").standing, Standing::Fails);
        assert_eq!(checked("max(missing) <= 100").found, "100");
        let words = checked("all(order, strategy=exchange) == watermark");
        assert_eq!((words.standing, words.found.as_str()), (Standing::Holds, "6 of 6 are watermark"));
        assert_eq!(checked("all(strategy) == exchange").found, "6 of 12 are exchange");
        assert_eq!(
            words.to_string(),
            "holds    all(order, strategy=exchange) == watermark\n         found: 6 of 6 are watermark"
        );
    }

    #[test]
    fn a_verdict_that_is_inconclusive_leaves_open_what_no_other_contradicts() {
        let found = |verdicts: [Verdict; 2]| {
            let mut cases = cases().into_iter().take(2).collect::<Vec<_>>();
            for (case, verdict) in cases.iter_mut().zip(verdicts) {
                let (bytes_per_million_events, low, high) = (0.0, -1.0, 1.0);
                let (entries, decided_by, events_needed) = (None, None, None);
                let growth =
                    Growth { bytes_per_million_events, low, high, entries, verdict, decided_by, events_needed };
                case.numbers.as_mut().unwrap().memory.growth = Some(growth);
            }
            Claim::parse("all(growth_verdict) == bounded").unwrap().check_against(&cases)
        };
        use Verdict::{Bounded, Growing, Inconclusive};
        let open = found([Bounded, Inconclusive]);
        assert_eq!((open.standing, open.found.as_str()), (Standing::Open, "1 of 2 are bounded, 1 inconclusive"));
        assert_eq!(found([Inconclusive, Inconclusive]).standing, Standing::Open);
        assert_eq!(found([Bounded, Bounded]).standing, Standing::Holds);
        assert_eq!(found([Growing, Inconclusive]).standing, Standing::Fails);
    }

    #[test]
    fn a_case_without_numbers_leaves_open_what_would_hold() {
        let mut cases = cases();
        cases[11].status = Status::Invalid { cause: "lost answers".to_owned() };
        let standing = |text: &str| {
            let checked = Claim::parse(text).unwrap().check_against(&cases);
            (checked.standing, checked.found)
        };
        assert_eq!(standing("max(missing) <= 100"), (Standing::Open, "100, 1 case without numbers".to_owned()));
        assert_eq!(standing("max(missing) < 100").0, Standing::Fails);
        assert_eq!(standing("max(missing, strategy=sequential) <= 100").0, Standing::Holds);
        assert_eq!(standing("all(outcome) == ok").0, Standing::Fails);
        let none = standing("max(missing, strategy=differential) == 0");
        assert_eq!(none, (Standing::Unknown, String::new()));
    }

    #[test]
    fn one_value_on_either_side_tells_nothing_apart_and_neither_does_zero() {
        let mut cases = [cases()[0].clone(), cases()[6].clone()];
        let claim = "median(throughput_events_per_s, strategy=exchange) / \
                     median(throughput_events_per_s, strategy=sequential) > 1.5";
        assert_eq!(Claim::parse(claim).unwrap().check_against(&cases).standing, Standing::Open);
        cases[0].numbers.as_mut().unwrap().throughput_events_per_s = 0.0;
        let found = Claim::parse(claim).unwrap().check_against(&cases);
        assert_eq!((found.standing, found.found.as_str()), (Standing::Open, "20 over 0"));
    }

    #[test]
    fn words_may_be_digits_or_have_parentheses_and_axes_may_have_slashes() {
        assert_eq!(checked("all(workers) == 2").found, "12 of 12 are 2");
        assert_eq!(Claim::parse("all(eviction) == ttl(1h)").unwrap().wanted, Wanted::Word("ttl(1h)".to_owned()));
        assert_eq!(Claim::parse("max(late, trace=a/b) == 0").unwrap().over.only[0].1, "a/b");
    }

    #[test]
    fn an_argument_may_have_parentheses_of_its_own() {
        let claim = Claim::parse("max(lost_answers_share, eviction=ttl(6h), pipeline=sessions) == 0").unwrap();
        assert_eq!(claim.over.only[0], ("eviction".to_owned(), "ttl(6h)".to_owned()));
    }

    #[test]
    fn both_sides_of_a_ratio_have_to_say_the_same() {
        let of = |text: &str| Claim::parse(text).unwrap().value_of("part").map(str::to_owned);
        assert_eq!(of("max(late, part=a) == 0").as_deref(), Some("a"));
        assert_eq!(of("max(late, part=a) / max(late, part=a, workers=2) > 1").as_deref(), Some("a"));
        assert_eq!(of("max(late, part=a) / max(late, part=b) > 1"), None);
        assert_eq!(of("max(late, part=a) / max(late) > 1"), None);
        assert_eq!(of("max(late) == 0"), None);
    }

    #[test]
    fn what_is_no_claim_is_an_error_that_says_why() {
        for (claim, wanted) in [
            ("faster", "it has no >="),
            ("max(late)", "it has no >="),
            ("mean(late) > 1", "there is no 'mean'"),
            ("max(late, exchange) > 1", "'exchange' is not axis=value"),
            ("max() > 1", "the column is missing"),
            ("median(latency_p99_ns) < 1000000", "'latency_p99_ns' is that of a machine"),
            ("median(latency_p99_ns) / median(latency_p50_ns) < 10", "is set against another column"),
            ("max(growth_verdict) == growing", "'growing' is not a number"),
            ("max(late) <= inf", "'inf' is not a number"),
            ("max(late) >= 5%", "'5%' is not a number; shares are written as 0.05"),
            ("median(late) / all(late) == 1", "'all' is about words, which have no ratio"),
            ("all(growth_verdict) >= growing", "words are compared by =="),
        ] {
            let error = Claim::parse(claim).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
