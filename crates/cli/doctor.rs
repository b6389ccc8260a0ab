//! `doctor`: is this machine fit to measure on?

use std::time::Duration;

use flowbench_harness::environment::{Counters, Finding, findings, surroundings_since, throttled_ns};
use flowbench_harness::measure::{Spin, spin, wake_up_delays};
use flowbench_measurement::record::{Quantiles, Surroundings};
use flowbench_report::{Quantity, Screen};
use serde_json::{Value, json};

use crate::args::Doctor;
use crate::failure::{Failure, NOT_FIT, OK, print};
use crate::json_output::json_text;
use crate::terminal::{failed, screen};

/// The maximum share of the time that a spinning thread loses on a quiet machine.
const LOST_SHARE_MAX: f64 = 0.01;
/// The maximum noise of a machine on which differences of some percent can be seen.
const NOISE_SHARE_MAX: f64 = 0.05;
/// The maximum share of the CPU time that the hypervisor takes on a quiet machine.
const STOLEN_SHARE_MAX: f64 = 0.001;
/// The coarsest clock that tells latencies of microseconds apart, ns.
const CLOCK_STEP_MAX_NS: u64 = 1_000;
/// What `--strict` tolerates: what a machine in CI mostly is. What it does is measured.
const TOLERATED: [&str; 2] = ["virtualised", "governor"];
/// How long the doctor measures a sleeping thread, and then a spinning one.
const LISTEN: Duration = Duration::from_secs(2);

pub(crate) fn doctor(args: &Doctor) -> Result<i32, Failure> {
    let mut findings = findings();
    findings.extend(measured());
    let is_fit = findings.iter().all(|finding| !finding.bad || TOLERATED.contains(&finding.what));
    let text = if args.json { json(&findings) } else { table(&findings, screen()) };
    print(&text)?;
    Ok(if args.strict && !is_fit { NOT_FIT } else { OK })
}

/// Returns what can only be measured: how a sleeping thread wakes up and what a spinning one loses, and meanwhile what the
/// hypervisor and the quota take.
fn measured() -> Vec<Finding> {
    let (counters, throttled_before_ns) = (Counters::now(), throttled_ns());
    let delays = wake_up_delays(LISTEN).quantiles();
    let seen = spin(LISTEN);
    let Surroundings { stolen_share, thermal_throttles, .. } = surroundings_since(&counters);
    let throttled = throttled_ns().zip(throttled_before_ns).map(|(now, before)| now.saturating_sub(before));
    let mut findings = vec![wake_up_finding(&delays)];
    findings.extend(spin_findings(&seen));
    findings.extend(stolen_share.map(|share| Finding {
        bad: share > STOLEN_SHARE_MAX,
        what: "steal",
        seen: format!("{} of the CPU time went to other machines meanwhile", Quantity::Share.human(share)),
    }));
    findings.extend(thermal_throttles.map(|count| Finding {
        bad: count > 0,
        what: "heat",
        seen: format!("cores were slowed by heat {count} times meanwhile"),
    }));
    findings.extend(throttled.map(|ns| Finding {
        bad: ns > 0,
        what: "throttling",
        seen: format!("a quota held this cgroup back for {} meanwhile", Quantity::Nanoseconds.human(ns as f64)),
    }));
    findings
}

fn wake_up_finding(delays: &Quantiles) -> Finding {
    let us = |ns: Option<u64>| ns.map_or("?".to_owned(), |ns| format!("{:.0} µs", ns as f64 / 1000.0));
    Finding {
        bad: delays.p99_ns.is_some_and(|ns| ns > 1_000_000),
        what: "wake-up delay",
        seen: format!(
            "median {}, p99 {}, maximum {} in {} s of short sleeps (matters to workers that park, not to spinning ones)",
            us(delays.p50_ns),
            us(delays.p99_ns),
            us(delays.max_ns),
            LISTEN.as_secs()
        ),
    }
}

fn spin_findings(seen: &Spin) -> Vec<Finding> {
    let lost = format!(
        "a thread that only spun was off the CPU for {:.1}% of {} s (quiet is below {:.0}%)",
        seen.lost_share * 100.0,
        LISTEN.as_secs(),
        LOST_SHARE_MAX * 100.0
    );
    let clock = format!("steps of {}", Quantity::Nanoseconds.human(seen.clock_step_ns as f64));
    let noise = seen.noise_share.map_or("not known: the thread was hardly on the CPU".to_owned(), |share| {
        let percent = share * 100.0;
        format!("±{percent:.1}% in stretches of 10 ms: expect single measurements to differ by about as much")
    });
    let findings = [
        Finding { bad: seen.lost_share > LOST_SHARE_MAX, what: "CPU", seen: lost },
        Finding { bad: seen.clock_step_ns > CLOCK_STEP_MAX_NS, what: "clock", seen: clock },
        Finding { bad: seen.noise_share.is_none_or(|share| share > NOISE_SHARE_MAX), what: "noise", seen: noise },
    ];
    findings.into()
}

fn json(findings: &[Finding]) -> String {
    let entry = |finding: &Finding| json!({ "what": finding.what, "seen": finding.seen, "bad": finding.bad });
    json_text("findings", json!({ "findings": findings.iter().map(entry).collect::<Value>() }))
}

/// Returns a line for each finding, with a mark at those that speak against measuring here, and the verdict.
fn table(findings: &[Finding], screen: Screen) -> String {
    let mut text = String::new();
    for Finding { bad, what, seen } in findings {
        let line = format!("{} {what:<14}{seen}", if *bad { "!" } else { " " });
        text.push_str(&if *bad && screen.is_styled { failed(&line) } else { line });
        text.push('\n');
    }
    let against: Vec<&str> = findings.iter().filter(|finding| finding.bad).map(|finding| finding.what).collect();
    text.push_str(&match against.as_slice() {
        [] => "fit to measure on\n".to_owned(),
        against => format!(
            "not fit to measure on as it is ({}): compare within one run only, and read the doubts next to every number\n",
            against.join(", ")
        ),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_fit_if_nothing_speaks_against_it_and_says_what_does() {
        let quiet = Spin { lost_share: 0.001, noise_share: Some(0.01), clock_step_ns: 20 };
        let screen = Screen::plain(80);
        assert!(table(&spin_findings(&quiet), screen).ends_with("\nfit to measure on\n"));
        let busy = Spin { lost_share: 0.2, noise_share: Some(0.3), clock_step_ns: 4_000_000 };
        let text = table(&spin_findings(&busy), screen);
        assert!(text.contains("not fit to measure on as it is (CPU, clock, noise): compare within one run"), "{text}");
        assert!(text.contains("! noise         ±30.0% in stretches of 10 ms"), "{text}");
    }
}
