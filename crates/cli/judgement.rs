//! What `judge` says: as text or JSON, and all differences as CSV.

use std::io::Write;
use std::path::Path;

use flowbench_events::{Output, Reject, duration_text};
use flowbench_harness::judge::{AnswerForm, AnswerRow, Assessment, Deviation, DeviationKind, Findings};
use flowbench_harness::replay::ReplayRequest;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Differences that are printed; `--differences` writes them all.
const SHOWN: usize = 10;

/// The judgement of answers.
pub(crate) struct Judgement<'a> {
    pub(crate) pipeline: &'static str,
    pub(crate) request: &'a ReplayRequest<'a>,
    pub(crate) form: &'a AnswerForm,
    pub(crate) assessment: Assessment,
    /// Rows that are no answers.
    pub(crate) unreadable: Vec<Reject>,
}

impl Judgement<'_> {
    /// Returns true if the answers are those that are due, and every row could be read.
    pub(crate) fn is_exact(&self) -> bool {
        self.assessment.findings.is_exact() && self.unreadable.is_empty()
    }

    pub(crate) fn as_text(&self) -> String {
        let Assessment { findings, against_truth, .. } = &self.assessment;
        let slack = self.request.slack_ms.map_or(String::new(), |ms| format!(" for a slack of {}", duration_text(ms)));
        let mut text = match self.is_exact() {
            true => format!("exact: {} answers of {} due{slack} and given\n", findings.due, self.pipeline),
            false => {
                let Findings { due, given, .. } = findings;
                format!("not exact: {due} answers of {} due{slack}, {given} given\n", self.pipeline)
            }
        };
        for kind in DeviationKind::ALL.into_iter().filter(|kind| findings.count(*kind) > 0) {
            text.push_str(&format!("  {:<18} {:>7}  {}\n", kind.name(), findings.count(kind), kind.meaning()));
        }
        if !self.unreadable.is_empty() {
            text.push_str(&format!("  {:<18} {:>7}  rows that are no answers\n", "unreadable", self.unreadable.len()));
        }
        if let Some(truth) = against_truth {
            let Findings { due, given, .. } = truth;
            let verdict = if truth.is_exact() { "exact" } else { "not exact" };
            text.push_str(&format!("against all events, late ones included: {verdict}, {due} due, {given} given\n"));
        }
        text + &self.first_differences()
    }

    /// Returns the first answers that differ, each below its kind and line, with the answer that was due in its place.
    fn first_differences(&self) -> String {
        let deviations = &self.assessment.findings.deviations;
        if deviations.is_empty() {
            return String::new();
        }
        let key = self.form.key_names().collect::<Vec<_>>().join(", ");
        let (shown, all) = (deviations.len().min(SHOWN), deviations.len());
        let mut text = format!("the first {shown} of {all} differences; the key of an answer: {key}\n");
        let names = self.form.names().collect::<Vec<_>>().join(",");
        text.push_str(&format!("  {:<18} {:>7}  {names}\n", "difference", "line"));
        for Deviation { kind, due, given } in deviations.iter().take(SHOWN) {
            let line = given.as_ref().map_or("-".to_owned(), |given| given.line.to_string());
            let row = given.as_ref().map(|given| &given.row).or(due.as_ref());
            text.push_str(&format!("  {:<18} {line:>7}  {}\n", kind.name(), row.map(csv_line).unwrap_or_default()));
            if let (Some(_), Some(due)) = (given, due) {
                text.push_str(&format!("  {:<18} {:>7}  {}\n", "", "due", csv_line(due)));
            }
        }
        text
    }

    /// Returns what may explain the differences, and where to see more.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.assessment.is_exact_for_other_deliveries {
            remarks.push(match self.request.config.deduplicate {
                None => {
                    "note: events of this log are delivered more than once; with --deduplicate, the answers are exact"
                }
                Some(_) => "note: without --deduplicate, which counts repeated deliveries once, the answers are exact",
            });
        }
        let findings = &self.assessment.findings;
        if findings.count(DeviationKind::Duplicated) > 0 && findings.count(DeviationKind::Missing) == 0 {
            remarks.push("note: if later rows take the place of earlier ones, name the column that says so with --op");
        }
        remarks.into_iter().map(str::to_owned).collect()
    }

    pub(crate) fn as_json(&self) -> Value {
        let Assessment { findings, against_truth, is_exact_for_other_deliveries } = &self.assessment;
        let first = findings.deviations.iter().take(SHOWN).map(|deviation| self.deviation_json(deviation));
        json!({
            "pipeline": self.pipeline,
            "settings": self.request.settings,
            "slack_ms": self.request.slack_ms,
            "verdict": verdict(self.is_exact()),
            "key": self.form.key_names().collect::<Vec<_>>(),
            "columns": self.form.names().collect::<Vec<_>>(),
            "findings": findings_json(findings),
            "unreadable": self.unreadable.len(),
            "against_truth": against_truth.as_ref().map(findings_json),
            "is_exact_for_other_deliveries": is_exact_for_other_deliveries,
            "differences": first.collect::<Vec<_>>(),
        })
    }

    fn deviation_json(&self, deviation: &Deviation) -> Value {
        let cells = |row: &AnswerRow| -> Map<String, Value> {
            self.form.names().map(str::to_owned).zip(row.cells().map(Value::from)).collect()
        };
        json!({
            "difference": deviation.kind.name(),
            "line": deviation.given.as_ref().map(|given| given.line),
            "given": deviation.given.as_ref().map(|given| cells(&given.row)),
            "due": deviation.due.as_ref().map(cells),
        })
    }

    /// Writes all answers that differ and all rows that cannot be read.
    pub(crate) fn write_differences(&self, path: &Path) -> Result<(), Failure> {
        let mut output = Output::create(path).map_err(Failure::failed)?;
        self.differences(&mut output).map_err(|error| output.error(error))?;
        Ok(output.finish()?)
    }

    fn differences(&self, output: &mut impl Write) -> std::io::Result<()> {
        let mut writer = csv::Writer::from_writer(output);
        let of = |side: &'static str| self.form.names().map(move |name| format!("{side}_{name}"));
        let sides = of("given").chain(of("due"));
        writer.write_record(
            ["difference", "line"].map(str::to_owned).into_iter().chain(sides).chain(["reason".to_owned()]),
        )?;
        let nothing = vec![""; self.form.names().count()];
        for Deviation { kind, due, given } in &self.assessment.findings.deviations {
            let line = given.as_ref().map_or(String::new(), |given| given.line.to_string());
            let [given, due] = [given.as_ref().map(|given| &given.row), due.as_ref()]
                .map(|row| row.map_or_else(|| nothing.clone(), |row| row.cells().collect()));
            writer.write_record([&[kind.name(), &line], &given[..], &due[..], &[""]].concat())?;
        }
        for Reject { line, column, reason } in &self.unreadable {
            let reason = if column.is_empty() { reason.clone() } else { format!("{column}: {reason}") };
            let line = line.to_string();
            writer.write_record([&["unreadable", &line], &nothing[..], &nothing[..], &[&reason]].concat())?;
        }
        writer.flush()
    }
}

fn verdict(is_exact: bool) -> &'static str {
    if is_exact { "exact" } else { "not-exact" }
}

fn findings_json(findings: &Findings) -> Value {
    let mut object = json!({
        "verdict": verdict(findings.is_exact()),
        "due": findings.due,
        "given": findings.given,
    });
    DeviationKind::ALL.iter().for_each(|kind| object[kind.name()] = findings.count(*kind).into());
    object
}

/// Returns an answer as it stands in a CSV file.
fn csv_line(row: &AnswerRow) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(row.cells()).expect("writing to memory cannot fail");
    let line = writer.into_inner().expect("writing to memory cannot fail");
    String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned()
}
