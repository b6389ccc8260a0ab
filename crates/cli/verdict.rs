//! What the gate says: as text or JSON, as annotations, and by its exit code.

use flowbench_harness::gate::{Accepted, Gated, Judged};
use flowbench_report::{ComparisonForm, comparison_json, comparison_text, counted};
use serde_json::{Value, json};

use crate::annotations::{Level, annotate};
use crate::args::{Gate, OnInconclusive};
use crate::failure::{Failure, INCOMPLETE, OK, REGRESSION, eprint, print};
use crate::json_output::print_json;
use crate::terminal::screen;

/// How the gate ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// There is nothing to judge.
    Nothing,
    /// This number of regressions.
    Regressions(usize),
    /// This number of cases has results in neither run.
    Incomplete(usize),
    /// Metrics that cannot be told apart, which was to fail.
    Inconclusive,
    /// No change could have been significant with fewer rounds than this.
    TooFewRounds(usize),
    /// No regression.
    Passed,
}

impl Verdict {
    fn of(gated: &Gated, args: &Gate) -> Verdict {
        let judgement = &gated.judgement;
        let needed = gated.comparison.repeats_needed().filter(|_| gated.timed);
        match (judgement.regressions.len(), needed) {
            (0, _) if gated.comparison.is_empty() => Verdict::Nothing,
            (0, _) if !judgement.not_judged.is_empty() => Verdict::Incomplete(judgement.not_judged.len()),
            (0, _) if judgement.inconclusive > 0 && args.on_inconclusive == OnInconclusive::Fail => {
                Verdict::Inconclusive
            }
            (0, Some(rounds)) => Verdict::TooFewRounds(rounds),
            (0, None) => Verdict::Passed,
            (found, _) => Verdict::Regressions(found),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Verdict::Nothing => "nothing-to-judge",
            Verdict::Regressions(_) => "regression",
            Verdict::Incomplete(_) => "incomplete",
            Verdict::Inconclusive => "inconclusive",
            Verdict::TooFewRounds(_) => "too-few-rounds",
            Verdict::Passed => "pass",
        }
    }
}

/// Prints what was found and returns the exit code.
pub(crate) fn conclude(gated: &Gated, args: &Gate) -> Result<i32, Failure> {
    let verdict = Verdict::of(gated, args);
    let (metrics, inconclusive) = (gated.comparison.cells.len(), gated.judgement.inconclusive);
    let ended = match verdict {
        Verdict::Nothing => {
            Err(Failure::nothing_selected("the runs have no case in common, so there is nothing to judge"))
        }
        Verdict::TooFewRounds(needed) => Err(Failure::usage_error(format!(
            "with so few rounds no change of {metrics} metrics can be significant, however large: use --rounds {needed} or more"
        ))),
        Verdict::Incomplete(cases) => {
            Ok((INCOMPLETE, format!("{} without results in both runs", counted(cases, "case"))))
        }
        Verdict::Inconclusive => Ok((REGRESSION, format!("{} inconclusive", counted(inconclusive, "metric")))),
        Verdict::Passed => Ok((OK, format!("no regression; {} inconclusive", counted(inconclusive, "metric")))),
        Verdict::Regressions(found) => Ok((REGRESSION, counted(found, "regression"))),
    };
    let words = ended.as_ref().map_or("", |(_, words)| words);
    match args.json {
        true => print_json("verdict", as_json(gated, verdict))?,
        // A summary of a workflow has no standard error.
        false if args.markdown && !words.is_empty() => {
            print(&format!("**Gate: {words}**\n\n{}", as_text(gated, args)))?;
        }
        false => print(&as_text(gated, args))?,
    }
    annotate_findings(gated);
    let (code, words) = ended?;
    eprint(format!("gate: {words}"));
    Ok(code)
}

fn annotate_findings(gated: &Gated) {
    let lines = |found: &[Judged]| -> Vec<String> {
        found.iter().map(|one| format!("{}, {}: {}", one.case, one.column, one.finding)).collect()
    };
    annotate(Level::Error, "flowbench gate: regression", lines(&gated.judgement.regressions));
    annotate(Level::Error, "flowbench gate: not judged", lines(&gated.judgement.not_judged));
    annotate(Level::Warning, "flowbench gate: too good to be believed", lines(&gated.judgement.implausible));
    let expired = gated.judgement.expired.iter();
    let expired = expired.map(|one| format!("{}, {}: expired on {}", one.case, one.column, one.expires));
    annotate(Level::Warning, "flowbench gate: acceptance", expired);
}

fn as_text(gated: &Gated, args: &Gate) -> String {
    let judgement = &gated.judgement;
    let form = if args.markdown { ComparisonForm::Markdown } else { ComparisonForm::Terminal(screen()) };
    let mut out = match gated.timed {
        true => comparison_text(&gated.comparison, form, args.all),
        false => untimed(gated),
    };
    let mut list = |heading: &str, found: &[Judged]| {
        if !found.is_empty() {
            out.push_str(&format!("\n{heading}\n"));
        }
        found.iter().for_each(|one| out.push_str(&format!("- {}, {}: {}\n", one.case, one.column, one.finding)));
    };
    list("Regressions:", &judgement.regressions);
    list("Not judged:", &judgement.not_judged);
    list("Accepted regressions:", &judgement.accepted);
    list("Not confirmed when measured again:", &judgement.dismissed);
    list("Too good to be believed; see what is left out:", &judgement.implausible);
    for one in &judgement.expired {
        out.push_str(&format!("the acceptance of {}, {} expired on {}\n", one.case, one.column, one.expires));
    }
    for one in &judgement.unneeded {
        let (case, column) = (&one.case, &one.column);
        out.push_str(&format!("the acceptance of {case}, {column} was not needed: correct its names, or remove it\n"));
    }
    out
}

/// Returns what keeps times and sizes from being judged, and the exact part of the comparison.
fn untimed(gated: &Gated) -> String {
    let comparison = &gated.comparison;
    let mut out = String::new();
    if !comparison.cells.is_empty() {
        out.push_str("Times and sizes are not judged, since the runs differ in more than the code under test:\n");
        comparison.obstacles.iter().for_each(|obstacle| out.push_str(&format!("  {obstacle}\n")));
    }
    out + &format!("{} of {} exact values differ\n", comparison.exact.len(), comparison.exact_compared)
}

fn as_json(gated: &Gated, verdict: Verdict) -> Value {
    let judgement = &gated.judgement;
    let judged = |found: &[Judged]| -> Vec<Value> {
        let finding = |one: &Judged| json!({ "case": one.case, "column": one.column, "finding": one.finding });
        found.iter().map(finding).collect()
    };
    let entries = |entries: &[Accepted]| -> Vec<Value> {
        let entry = |one: &Accepted| {
            json!({
                "case": one.case, "column": one.column, "commit": one.commit, "reason": one.reason,
                "expires": one.expires.to_string(),
            })
        };
        entries.iter().map(entry).collect()
    };
    json!({
        "verdict": verdict.word(),
        "is_timed": gated.timed,
        "regressions": judged(&judgement.regressions),
        "accepted": judged(&judgement.accepted),
        "dismissed": judged(&judgement.dismissed),
        "implausible": judged(&judgement.implausible),
        "expired": entries(&judgement.expired),
        "unneeded": entries(&judgement.unneeded),
        "not_judged": judged(&judgement.not_judged),
        "inconclusive": judgement.inconclusive,
        "comparison": comparison_json(&gated.comparison),
    })
}
