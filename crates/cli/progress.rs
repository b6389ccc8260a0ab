//! Progress on standard error: a bar with the remaining time if it is a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use crate::failure::{eprint, plain};
use flowbench_harness::experiment::{Arrivals, CaseSpec, OfferedLoad, Plan, percent};
use flowbench_harness::run::RunObserver;
use flowbench_measurement::record::{CaseRecord, Status};
use flowbench_report::Quantity;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Redraws of a bar per second: few, because it is drawn on a machine that measures.
const REDRAWS_HZ: u8 = 4;

fn bar(total: Option<u64>, template: &str, hidden: bool) -> ProgressBar {
    let talk = crate::terminal::talk();
    let target = if hidden || talk.no_progress || talk.is_verbose || !std::io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr_with_hz(REDRAWS_HZ)
    };
    let bar = ProgressBar::with_draw_target(total, target);
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Counts events with their rate, and prints a remark at the end.
pub(crate) struct Counter {
    bar: ProgressBar,
    quiet: bool,
}

impl Counter {
    pub(crate) fn new(unit: &str, total: Option<u64>, quiet: bool) -> Self {
        let template = match total {
            Some(_) => format!("{{bar:32}} {{human_pos}} of {{human_len}} {unit}, {{per_sec}}, {{eta}} left"),
            None => format!("{{spinner}} {{human_pos}} {unit}, {{per_sec}}"),
        };
        Self { bar: bar(total, &template, quiet), quiet }
    }

    pub(crate) fn add(&self, count: u64) {
        self.bar.inc(count);
    }

    pub(crate) fn finish(self, remark: &str) {
        self.bar.finish_and_clear();
        if !self.quiet {
            eprint(remark);
        }
    }
}

/// Follows a run case by case.
pub(crate) struct Cases {
    bar: ProgressBar,
    quiet: bool,
    done: usize,
    planned: usize,
}

impl Cases {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { bar: ProgressBar::hidden(), quiet, done: 0, planned: 0 }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Returns the number of planned cases.
    pub(crate) fn planned(&self) -> usize {
        self.planned
    }

    fn eprint(&self, words: &str) {
        if !self.quiet {
            self.bar.suspend(|| eprint(words));
        }
    }
}

impl RunObserver for Cases {
    fn planned(&mut self, plan: &Plan, done: usize, dir: &Path) {
        (self.done, self.planned) = (done, plan.cases.len());
        let template = "{bar:32} case {pos} of {len}, {elapsed} elapsed{left}: {msg}";
        self.bar = bar(Some(plan.cases.len() as u64), template, self.quiet);
        let done = done as u64;
        let left = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&time_left(state.pos().saturating_sub(done), state.eta()));
        };
        self.bar.set_style(self.bar.style().with_key("left", left));
        self.bar.set_position(done);
        self.bar.reset_eta(); // those before were not run now
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(Duration::from_millis(500)); // has a thread of its own
        }
        plan.remarks.iter().for_each(|remark| self.eprint(remark));
        plan.skipped.iter().for_each(|skipped| self.eprint(&format!("skipped {skipped}")));
        plan.added.iter().for_each(|added| self.eprint(&format!("added to {added}")));
        self.eprint(&format!("{} cases, results in {}", plan.cases.len(), dir.display()));
    }

    fn begins(&mut self, spec: &CaseSpec) {
        self.bar.set_message(plain(description(spec, None)));
    }

    fn begins_again(&mut self, spec: &CaseSpec, cause: &str) {
        self.eprint(&format!("{}: {cause}; it is run again", description(spec, None)));
    }

    fn stops(&mut self) {
        self.eprint("stopping; what is finished is kept (Ctrl-C again leaves at once)");
    }

    fn ended(&mut self, spec: &CaseSpec, case: &CaseRecord) {
        self.done += 1;
        self.bar.inc(1);
        let found = case.numbers.as_ref().and_then(|numbers| numbers.sustainable.as_ref());
        let what = description(spec, found.map(|found| found.rate_events_per_s));
        let end = match &case.status {
            Status::Ok => "ok".to_owned(),
            Status::Invalid { cause } => format!("INVALID: {cause}"),
            Status::Failed { cause, .. } => format!("FAILED: {cause}"),
        };
        // The bar counts good cases; bad ones stay to be read.
        if self.bar.is_hidden() || case.status != Status::Ok {
            self.eprint(&format!("[{}/{}] {what}: {end}", self.done, self.planned));
        }
    }
}

/// Returns the remaining time as text; nothing until a case has ended.
fn time_left(ended: u64, left: Duration) -> String {
    if ended == 0 { String::new() } else { format!(", {:#} left", HumanDuration(left)) }
}

/// Returns one line about a case; `found_events_per_s` is the rate that a search has found.
fn description(spec: &CaseSpec, found_events_per_s: Option<f64>) -> String {
    let CaseSpec { part, repeat, pipeline, config, slack_ms, .. } = spec;
    let fault = spec.fault.as_ref().map_or(String::new(), |fault| format!(", {fault}"));
    let processes = if spec.processes > 1 { format!("{}x", spec.processes) } else { String::new() };
    let world = if spec.trace.world.is_empty() { String::new() } else { format!(", {}", spec.trace.world) };
    format!(
        "{part}: {pipeline} {} x{processes}{}{world}, {} slack {}, {}, {}{fault}, repeat {repeat}",
        config.strategy.name(),
        config.workers,
        config.order.name(),
        Quantity::Milliseconds.human(*slack_ms as f64),
        config.eviction,
        load_description(spec.load, found_events_per_s)
    )
}

/// Returns `closed loop`, `20000/s`, `search`, `search: 1220000/s`, or `50% of the sustainable rate: 610000/s`.
fn load_description(load: OfferedLoad, found_events_per_s: Option<f64>) -> String {
    let share_of = |share| format!("{}% of the sustainable rate", percent(share));
    match load {
        OfferedLoad::Closed => "closed loop".to_owned(),
        OfferedLoad::Open { rate_events_per_s, share: None, arrivals: Arrivals::AsRecorded } => {
            format!("as recorded, {rate_events_per_s:.1}/s on average")
        }
        OfferedLoad::Open { rate_events_per_s, share: None, .. } => format!("{rate_events_per_s}/s"),
        OfferedLoad::Open { rate_events_per_s, share: Some(share), .. } => {
            format!("{}: {rate_events_per_s:.0}/s", share_of(share))
        }
        OfferedLoad::Search { .. } => {
            found_events_per_s.map_or("search".to_owned(), |found| format!("search: {found:.0}/s"))
        }
        OfferedLoad::ShareOf { share, .. } => share_of(share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_is_known_once_a_case_has_ended() {
        assert_eq!(time_left(0, Duration::ZERO), "");
        assert_eq!(time_left(1, Duration::from_secs(240)), ", 4m left");
    }
}
