//! Progress on standard error: a bar with the remaining time if it is a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::{eprint, plain};
use flowbench_harness::experiment::{Arrivals, CaseSpec, OfferedLoad, Plan, TimeLeft, percent};
use flowbench_harness::run::RunObserver;
use flowbench_measurement::record::{CaseRecord, Status};
use flowbench_report::Quantity;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Redraws of a bar per second: few, because it is drawn on a machine that measures.
const REDRAWS_HZ: u8 = 4;

/// Returns true if a bar is drawn on standard error: not where it is no terminal or one that cannot move its cursor, not
/// under continuous integration, whose logs keep every redraw, and not if it is unwanted.
fn draws_bar(unwanted: bool) -> bool {
    let talk = crate::terminal::talk();
    let variable = |name| std::env::var(name).ok();
    let is_wanted = !unwanted && !talk.no_progress && !talk.is_verbose && std::io::stderr().is_terminal();
    is_wanted && can_redraw(variable("CI").as_deref(), variable("TERM").as_deref())
}

/// Returns true if lines can be redrawn, by the values of the variables `CI` and `TERM`.
fn can_redraw(ci: Option<&str>, term: Option<&str>) -> bool {
    let is_ci = ci.is_some_and(|ci| !["", "0", "false"].contains(&ci));
    !is_ci && term != Some("dumb")
}

fn bar(total: Option<u64>, template: &str, unwanted: bool) -> ProgressBar {
    let target = match draws_bar(unwanted) {
        true => ProgressDrawTarget::stderr_with_hz(REDRAWS_HZ),
        false => ProgressDrawTarget::hidden(),
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
    pace: Arc<Mutex<Pace>>,
}

/// How fast a run goes on.
#[derive(Debug)]
struct Pace {
    left: TimeLeft,
    begun: Instant,
    case_begun: Instant,
    last: String, // speed of the last case that ended
}

impl Pace {
    fn of<'a>(cases: impl IntoIterator<Item = &'a CaseSpec>) -> Pace {
        let now = Instant::now();
        Pace { left: TimeLeft::of(cases), begun: now, case_begun: now, last: String::new() }
    }

    /// Returns the elapsed and the remaining time, and once a case has ended its speed, as text.
    fn words(&self) -> String {
        let in_case_s = self.case_begun.elapsed().as_secs_f64();
        pace_words(self.begun.elapsed().as_secs_f64(), self.left.seconds() - in_case_s, &self.last)
    }
}

/// Returns `75s, 4m left; last 1.2M/s, p99 3 ms`.
fn pace_words(elapsed_s: f64, left_s: f64, last: &str) -> String {
    let human = |seconds: f64| HumanDuration(Duration::from_secs(seconds as u64));
    let last = if last.is_empty() { String::new() } else { format!("; last {last}") };
    format!("{:#}, {:#} left{last}", human(elapsed_s), human(left_s.max(1.0)))
}

/// Returns how fast a case was, as in `1.2M events/s, p99 3.4 ms`; empty if it has no numbers.
fn speed(case: &CaseRecord) -> String {
    let Some(numbers) = &case.numbers else { return String::new() };
    let throughput = Quantity::EventsPerSecond.human(numbers.throughput_events_per_s);
    let p99 = numbers.latency.p99_ns.map(|p99_ns| Quantity::Nanoseconds.human(p99_ns as f64));
    format!("{throughput}{}", p99.map_or(String::new(), |p99| format!(", p99 {p99}")))
}

impl Cases {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { bar: ProgressBar::hidden(), quiet, done: 0, planned: 0, pace: Arc::new(Mutex::new(Pace::of([]))) }
    }

    fn pace(&self, change: impl FnOnce(&mut Pace)) {
        change(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner));
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
        let template = "{bar:10} {pos}/{len}, {pace}: {wide_msg}"; // one line, however narrow
        self.bar = bar(Some(plan.cases.len() as u64), template, self.quiet);
        // The cases of a resumed run that are done are most likely the first.
        let to_come = plan.cases.iter().skip(done);
        self.pace(|pace| *pace = Pace::of(to_come));
        let pace = self.pace.clone();
        let words = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&pace.lock().unwrap_or_else(PoisonError::into_inner).words());
        };
        self.bar.set_style(self.bar.style().with_key("pace", words).progress_chars("=> "));
        self.bar.set_position(done as u64);
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(Duration::from_millis(500)); // has a thread of its own
        }
        plan.remarks.iter().for_each(|remark| self.eprint(remark));
        plan.skipped.iter().for_each(|skipped| self.eprint(&format!("skipped {skipped}")));
        plan.added.iter().for_each(|added| self.eprint(&format!("added to {added}")));
        let left_s = self.pace.lock().unwrap_or_else(PoisonError::into_inner).left.seconds();
        let left = HumanDuration(Duration::from_secs(left_s.max(1.0) as u64));
        self.eprint(&format!("{} cases, about {left:#}, results in {}", plan.cases.len(), dir.display()));
    }

    fn begins(&mut self, spec: &CaseSpec) {
        self.pace(|pace| pace.case_begun = Instant::now());
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
        let speed = speed(case);
        self.pace(|pace| {
            pace.last.clone_from(&speed);
            pace.left.ended(spec, pace.case_begun.elapsed().as_secs_f64());
            pace.case_begun = Instant::now();
        });
        self.bar.inc(1);
        let found = case.numbers.as_ref().and_then(|numbers| numbers.sustainable.as_ref());
        let what = description(spec, found.map(|found| found.rate_events_per_s));
        let end = match &case.status {
            Status::Ok if speed.is_empty() => "ok".to_owned(),
            Status::Ok => format!("ok, {speed}"),
            Status::Invalid { cause } => format!("INVALID: {cause}"),
            Status::Failed { cause, .. } => format!("FAILED: {cause}"),
        };
        // The bar counts good cases; bad ones stay to be read.
        if self.bar.is_hidden() || case.status != Status::Ok {
            self.eprint(&format!("[{}/{}] {what}: {end}", self.done, self.planned));
        }
    }
}

/// Returns one line about a case; `found_events_per_s` is the rate that a search has found.
fn description(spec: &CaseSpec, found_events_per_s: Option<f64>) -> String {
    let CaseSpec { part, repeat, pipeline, config, slack_ms, .. } = spec;
    let fault = spec.fault.as_ref().map_or(String::new(), |fault| format!(", {fault}"));
    let processes = if spec.processes > 1 { format!("{}x", spec.processes) } else { String::new() };
    let live = spec.live.map_or(String::new(), |live| format!(", live {live}"));
    let world = if spec.trace.world.is_empty() { String::new() } else { format!(", {}", spec.trace.world) };
    format!(
        "{part}: {pipeline} {} x{processes}{}{world}, {} slack {}, {}, {}{live}{fault}, repeat {repeat}",
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
    fn the_remaining_time_is_known_from_the_first_second_and_the_speed_once_a_case_has_ended() {
        assert_eq!(pace_words(0.3, 240.0, ""), "0s, 4m left");
        assert_eq!(pace_words(75.0, -3.0, "1.2M/s"), "75s, 1s left; last 1.2M/s");
    }

    #[test]
    fn no_bar_is_drawn_where_lines_are_kept() {
        assert!(can_redraw(None, Some("xterm")) && can_redraw(Some("false"), None));
        assert!(!can_redraw(Some("true"), Some("xterm")) && !can_redraw(None, Some("dumb")));
    }
}
