//! Results made by hand, written as a run would write them.

use std::fs;
use std::path::Path;

use flowbench_measurement::columns::cases_csv;
use flowbench_measurement::latency::LatencyHistogram;
use flowbench_measurement::record::*;
use flowbench_measurement::results_dir::{
    CASES_CSV, CASES_NDJSON, CHANNELS_CSV, LATENCY_HLOG, OPERATORS_CSV, RUN_JSON, TIMELINE_CSV,
};
use flowbench_measurement::{hlog, operator_profile, timeline};

pub(crate) struct Synthetic {
    pub(crate) run: RunRecord,
    pub(crate) cases: Vec<CaseRecord>,
    /// True if the activity of the cases with numbers was logged.
    pub(crate) logged: bool,
}

const STRATEGIES: [(&str, u64); 3] = [("sequential", 3), ("exchange", 2), ("pre-aggregate", 1)];
/// Percent: the repeats of a case.
const REPEATS: [u64; 3] = [100, 90, 130];

impl Synthetic {
    /// Six questions; in `gone` all cases have failed, `policies` has what corrections cost.
    pub(crate) fn full() -> Synthetic {
        let mut cases = Vec::new();
        for rate in [125_000.0, 250_000.0, 500_000.0, 1_000_000.0, 2_000_000.0] {
            for (strategy, factor) in STRATEGIES {
                let latency_ns = 100_000 * factor * if rate > 1.5e6 { 25 } else { 1 };
                push(&mut cases, "rates", latency_ns, |axes| {
                    axes.strategy = strategy.into();
                    axes.rate_events_per_s = Some(rate);
                });
            }
        }
        for workers in [1, 2] {
            for (strategy, factor) in STRATEGIES {
                push(&mut cases, "strategies", 50_000 * factor / workers, |axes| {
                    axes.strategy = strategy.into();
                    axes.workers = workers as usize;
                    (axes.load, axes.rate_events_per_s) = ("closed".into(), None);
                });
            }
        }
        for eviction in ["never", "frontier"] {
            push(&mut cases, "memory", 80_000, |axes| axes.eviction = eviction.into());
        }
        for (n, slack_ms) in [0, 1_000, 60_000, 3_600_000, 86_400_000].into_iter().enumerate() {
            push(&mut cases, "slack", 80_000, |axes| axes.slack_ms = slack_ms);
            let of_case = cases.iter_mut().rev().take(3).filter_map(|case| case.numbers.as_mut());
            of_case.for_each(|numbers| {
                let missing = [2000, 900, 250, 10, 0][n];
                numbers.accuracy.missing = missing;
                numbers.accuracy.given = numbers.accuracy.truth - missing;
                numbers.event_time_wait_ms.p99_ms = Some(slack_ms + 300);
            });
        }
        push(&mut cases, "gone", 80_000, |axes| axes.workers = 4);
        cases.pop();
        for case in cases.iter_mut().filter(|case| case.part == "gone") {
            let stderr_tail = "thread 'worker-1' panicked at src/x.rs:1:\nplanted fault <after 1000 events>".into();
            case.status = Status::Failed { cause: "panic".into(), stderr_tail };
            case.numbers = None;
        }
        push_policies(&mut cases);
        let run = run(cases.len());
        Synthetic { run, cases, logged: false }
    }

    pub(crate) fn written(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        self.write_to(dir.path());
        dir
    }

    /// The files of a run, without the fsyncs of one.
    pub(crate) fn write_to(&self, dir: &Path) {
        let (mut cases, mut samples, mut hlog) = (String::new(), timeline::csv_header(), hlog::header(None));
        for case in &self.cases {
            cases += &(serde_json::to_string(case).unwrap() + "\n");
            if case.part == "memory"
                || case.part == "policies" && case.axes.slack_ms == 60_000 && case.axes.pipeline == "sessions"
            {
                samples += &timeline::csv_rows(case.case, case.repeat, &timeline_of(case));
            }
            if case.part == "rates" && case.case < 4 {
                let (latency, hiccup) = histograms(case.numbers.as_ref().unwrap());
                hlog += &hlog::line(&format!("{}.latency", case.tag()), 0, 0, &latency).unwrap();
                hlog += &hlog::line(&format!("{}.hiccup", case.tag()), 0, 0, &hiccup).unwrap();
            }
        }
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join(RUN_JSON), serde_json::to_string(&self.run).unwrap()).unwrap();
        fs::write(dir.join(CASES_NDJSON), cases).unwrap();
        fs::write(dir.join(CASES_CSV), cases_csv(&self.cases)).unwrap();
        fs::write(dir.join(TIMELINE_CSV), samples).unwrap();
        fs::write(dir.join(LATENCY_HLOG), hlog).unwrap();
        if self.logged {
            self.write_activity(dir);
        }
    }

    fn write_activity(&self, dir: &Path) {
        let (mut operators, mut channels) =
            (operator_profile::OPERATORS_HEADER.to_owned(), operator_profile::CHANNELS_HEADER.to_owned());
        for case in self.cases.iter().filter(|case| case.numbers.is_some()) {
            let (of_operators, of_channels) = activity_of(case);
            operators += &operator_profile::operator_rows(case.case, case.repeat, &of_operators);
            channels += &operator_profile::channel_rows(case.case, case.repeat, &of_channels);
        }
        fs::write(dir.join(OPERATORS_CSV), operators).unwrap();
        fs::write(dir.join(CHANNELS_CSV), channels).unwrap();
    }
}

pub(crate) fn figure(name: &str, kind: FigureKind, x: &str, y: &[&str], by: &[&str]) -> FigureSpec {
    FigureSpec {
        question: format!("What does {name} look like as the load of the machine goes up?"),
        reading: "Lower is better. Where a line leaves the floor, the dataflow, not the machine, is what is seen."
            .into(),
        x: x.into(),
        y: y.iter().map(|y| (*y).to_owned()).collect(),
        by: by.iter().map(|by| (*by).to_owned()).collect(),
        ..FigureSpec::new(name, kind)
    }
}

pub(crate) fn run(planned_cases: usize) -> RunRecord {
    let part = |name: &str, question: &str, figures: Vec<FigureSpec>| QuestionRecord {
        name: name.into(),
        question: question.into(),
        figures,
    };
    use FigureKind::*;
    let log = |figure: FigureSpec, log_x, log_y| FigureSpec { log_x, log_y, ..figure };
    let parts = vec![
        part(
            "rates",
            "How does latency grow with the rate?",
            vec![
                figure(
                    "latency-by-rate",
                    Sweep,
                    "rate_events_per_s",
                    &["latency_p99_ns", "hiccup_p99_ns"],
                    &["strategy"],
                ),
                log(
                    figure(
                        "both-quantiles",
                        Sweep,
                        "rate_events_per_s",
                        &["latency_p50_ns", "latency_p99_ns", "hiccup_p99_ns", "throughput_events_per_s"],
                        &["strategy"],
                    ),
                    true,
                    true,
                ),
                log(figure("tail", Distribution, "", &["latency", "hiccup"], &["strategy"]), false, true),
                figure("slower", Ccdf, "", &["latency", "hiccup"], &["strategy"]),
            ],
        ),
        part(
            "strategies",
            "Which strategy is fastest?",
            vec![
                figure("throughput", Bars, "", &["throughput_events_per_s"], &["strategy", "workers"]),
                figure("scaling", Sweep, "workers", &["throughput_events_per_s"], &["strategy"]),
                figure("by-name", Sweep, "strategy", &["throughput_events_per_s", "cpu_ns_per_event"], &["workers"]),
                log(
                    figure("dots", Bars, "", &["latency_p50_ns", "latency_p99_ns"], &["strategy", "workers"]),
                    false,
                    true,
                ),
            ],
        ),
        part(
            "memory",
            "Does state stay bounded?",
            vec![
                figure("memory", OverTime, "", &["live_bytes", "entries", "latency_max_ns"], &["eviction"]),
                figure("over-event-time", OverTime, "newest_event_time_ms", &["entries"], &["eviction"]),
            ],
        ),
        part(
            "slack",
            "What does completeness cost in event time?",
            vec![log(
                figure("slack", Sweep, "slack_ms", &["completeness", "event_time_wait_p99_ms"], &[]),
                true,
                false,
            )],
        ),
        part(
            "gone",
            "Does it work on four workers?",
            vec![figure("gone", Sweep, "workers", &["throughput_events_per_s"], &[])],
        ),
    ];
    let parts = [parts, vec![policies()]].concat();
    RunRecord {
        schema: RUN_SCHEMA.into(),
        schema_version: SCHEMA_VERSION,
        experiment: "synthetic".into(),
        title: "A first look: latency, memory, slack".into(),
        resolved_experiment: "name = \"synthetic\"\n".into(),
        folder: None,
        parts,
        claims: vec![],
        note: None,
        untimed_parts: vec![],
        seed: 7,
        started_at: "2026-01-31T10:00:00Z".into(),
        wall_s: Some(73.2),
        planned_cases,
        interrupted: false,
        segments: vec![],
        earlier_failures: Vec::new(),
        traces: vec![TraceRecord {
            name: "retail".into(),
            profile: "retail".into(),
            seed: 7,
            events: 1_000_000,
            overrides: vec![],
            digest: Some("ab12cd34ef56ab12".into()),
            log: None,
        }],
        build: Build {
            differential: None,
            flowbench: "0.1.0".into(),
            timely: "0.32.0".into(),
            rustc: "rustc 1.95.0".into(),
            profile: "release".into(),
            commit: Some("0123456789ab".into()),
            dirty: true,
            lock_digest: "0123456789abcdef".into(),
            allocator: "jemalloc".into(),
            measuring_digest: None,
            target: None,
            features: None,
        },
        machine: Machine {
            line: "2 cores of AMD EPYC 7B13, 16 GiB, Linux 6.1, virtual".into(),
            cpu: "AMD EPYC 7B13".into(),
            usable_cores: 2,
            allowed_cpus: Some("0-1".into()),
            memory_bytes: 1 << 34,
            kernel: "Linux 6.1".into(),
            governor: None,
            virtualised: None,
            cgroup_cores: None,
            cgroup_memory_bytes: None,
            setup: MachineSetup::default(),
        },
        argv: None,
        before: None,
        after: None,
    }
}

/// What is the price of equal completeness?
fn policies() -> QuestionRecord {
    use FigureKind::*;
    let panel = |title: &str, y: &[&str], log_y| PanelSpec {
        title: title.into(),
        y: y.iter().map(|y| (*y).to_owned()).collect(),
        log_y,
    };
    let choose = FigureSpec {
        panels: vec![
            panel("how long an event waits", &["event_time_wait_p50_ms", "event_time_wait_p99_ms"], true),
            panel("", &["completeness"], false),
            panel("", &["entries_peak", "buffered_peak"], false),
            panel("", &["churn"], false),
        ],
        only: [("pipeline".to_owned(), "sessions".to_owned())].into(),
        log_x: true,
        ..figure("which-slack", Sweep, "slack_ms", &[], &["order"])
    };
    let alone = FigureSpec {
        name: "slack-alone".into(),
        by: vec![],
        only: [("pipeline", "sessions"), ("order", "watermark")].map(|(k, v)| (k.into(), v.into())).into(),
        ..choose.clone()
    };
    let level = FigureSpec {
        level_column: "completeness".into(),
        level: Some(0.99),
        ..figure(
            "side-by-side",
            AtLevel,
            "slack_ms",
            &["event_time_wait_p99_ms", "buffered_peak", "churn"],
            &["pipeline", "order"],
        )
    };
    let level_of_one = FigureSpec {
        name: "one-row-each".into(),
        y: vec!["latency_p99_ns".into()],
        by: vec!["order".into()],
        ..level.clone()
    };
    let parts = |of: &str| ["driver_lag", "queueing", "compute"].map(|part| format!("attribution_{part}_{of}_ns"));
    let stacked = FigureSpec {
        panels: ["mean", "tail"]
            .map(|of| PanelSpec {
                title: if of == "mean" { "all events" } else { "the slowest 1 %" }.into(),
                y: parts(of).to_vec(),
                log_y: false,
            })
            .into(),
        only: [("slack_ms".to_owned(), "60000".to_owned())].into(),
        ..figure("attribution", Stacked, "", &[], &["pipeline", "order"])
    };
    let stacked_once =
        FigureSpec { name: "attribution-mean".into(), panels: vec![], y: parts("mean").into(), ..stacked.clone() };
    let progress = FigureSpec {
        panels: vec![
            panel("event time reached", &["newest_event_time_ms", "watermark_ms"], false),
            panel("", &["backlog"], false),
        ],
        only: [("slack_ms", "60000"), ("pipeline", "sessions")].map(|(k, v)| (k.into(), v.into())).into(),
        ..figure("progress", OverTime, "", &[], &["order"])
    };
    QuestionRecord {
        name: "policies".into(),
        question: "What does each policy cost at equal completeness?".into(),
        figures: vec![choose, alone, level, level_of_one, stacked, stacked_once, progress],
    }
}

/// Three order policies over two pipelines and six slacks. `arrival` never gets beyond 90 %.
fn push_policies(cases: &mut Vec<CaseRecord>) {
    for (p, pipeline) in ["sessions", "repeat-high-value"].into_iter().enumerate() {
        for order in ["arrival", "watermark", "speculative"] {
            for (n, slack_ms) in [0, 1_000, 10_000, 60_000, 600_000, 3_600_000].into_iter().enumerate() {
                push(cases, "policies", 80_000 + 20_000 * n as u64, |axes| {
                    (axes.pipeline, axes.order) = (pipeline.into(), order.into());
                    axes.slack_ms = slack_ms;
                });
                let of_case = cases.iter_mut().rev().take(3).filter_map(|case| case.numbers.as_mut());
                of_case.for_each(|numbers| set_policy(numbers, p as u64, order, n, slack_ms));
            }
        }
    }
}

fn set_policy(numbers: &mut Numbers, pipeline: u64, order: &str, n: usize, slack_ms: i64) {
    let lost = [2_000, 900, 250, 90, 10, 0][n] * (1 + pipeline);
    let waits = if order == "watermark" { slack_ms } else { 0 };
    let (accuracy, memory) = (&mut numbers.accuracy, &mut numbers.memory);
    (accuracy.missing, accuracy.wrong) = if order == "arrival" { (700, 300) } else { (lost / 2, lost - lost / 2) };
    accuracy.given = accuracy.truth - accuracy.missing;
    if order == "speculative" {
        (accuracy.retractions, accuracy.corrected) = (2_400, 1_100);
        memory.entries_peak += 8_000 * n as u64;
    }
    memory.buffered_peak = waits as u64 / 50;
    let wait = &mut numbers.event_time_wait_ms;
    (wait.p50_ms, wait.p99_ms) = (Some(40 + waits), Some(900 + waits * 3 / 2));
    let parts = |scale: f64| LatencyComponents {
        driver_lag_ns: 800.0 * scale,
        off_cpu_ns: 0.0,
        queueing_ns: 9_000.0 * scale * (1 + n) as f64,
        compute_ns: 22_000.0 * scale.sqrt(),
    };
    numbers.attribution = Attribution { mean: Some(parts(1.0)), tail: Some(parts(12.0)) };
    numbers.disorder = Disorder {
        out_of_order: 213_000,
        out_of_order_share_asked: Some(0.2),
        duplicates: 9_900,
        duplicates_share_asked: Some(0.01),
    };
    numbers.progress = Progress { watermark_lag_peak_ms: Some(slack_ms), backlog_peak: 30_000, recovery_ns: None };
}

/// Adds a case with its three repeats; the latencies follow `latency_ns`, the throughput its inverse.
pub(crate) fn push(cases: &mut Vec<CaseRecord>, part: &str, latency_ns: u64, change: impl Fn(&mut Axes)) {
    let number = cases.last().map_or(0, |case| case.case) + 1;
    for (repeat, percent) in (1..).zip(REPEATS) {
        let mut axes = Axes {
            pipeline: "repeat-high-value".into(),
            settings: vec![],
            deduplicate: false,
            strategy: "exchange".into(),
            order: "watermark".into(),
            slack_ms: 60_000,
            sources: "merged".into(),
            idle: "spin".into(),
            idle_ms: None,
            eviction: "frontier".into(),
            workers: 2,
            processes: 1,
            records_per_epoch: 4096,
            load: "open".into(),
            rate_events_per_s: Some(500_000.0),
            rate_share: None,
            trace: "retail".into(),
            seed: Some(42),
            world: String::new(),
            fault: None,
            live: None,
        };
        change(&mut axes);
        let text = "hiccups as large as the p99 reported: 0.3 ms".to_owned();
        let doubts = if number.is_multiple_of(5) { vec![Doubt { code: "hiccups".into(), text }] } else { vec![] };
        let numbers = Some(numbers(latency_ns * percent / 100, part == "memory", axes.eviction == "never"));
        let (part, status) = (part.to_owned(), Status::Ok);
        cases.push(CaseRecord {
            schema: CASE_SCHEMA.into(),
            schema_version: SCHEMA_VERSION,
            part,
            case: number,
            repeat,
            axes,
            status,
            numbers,
            doubts,
            segment: 0,
        });
    }
}

fn numbers(p99_ns: u64, with_growth: bool, grows: bool) -> Numbers {
    let quantiles = |p99: u64| Quantiles {
        count: 100_000,
        p50_ns: Some(p99 / 8),
        p90_ns: Some(p99 / 3),
        p99_ns: Some(p99),
        p999_ns: Some(p99 * 3),
        p9999_ns: None,
        max_ns: Some(p99 * 10),
    };
    let verdict = if grows { Verdict::Growing } else { Verdict::Bounded };
    let slope = if grows { 8e6 } else { 1e3 };
    let growth = Growth {
        bytes_per_million_events: slope,
        low: slope - 900.0,
        high: slope + 900.0,
        entries: None,
        verdict,
        decided_by: None,
        events_needed: None,
    };
    Numbers {
        events: 1_000_000,
        elapsed_ns: 2_000_000_000,
        throughput_events_per_s: 4.2e12 / p99_ns as f64,
        run_throughputs_events_per_s: Vec::new(),
        source_ceiling_events_per_s: None,
        cpu_ns: p99_ns * 600,
        latency: quantiles(p99_ns),
        processing_delay: quantiles(p99_ns / 2),
        from_admission: None,
        driver_lag: quantiles(1_000),
        hiccup: quantiles(30_000),
        censored: 0,
        warmup_ns: None,
        event_time_wait_ms: EventTimeWait { count: 9, p50_ms: Some(1), p99_ms: Some(60_000), max_ms: Some(61_000) },
        memory: Memory {
            live_bytes_peak: Some(48 << 20),
            entries_peak: 40_000,
            growth: with_growth.then_some(growth),
            ..Memory::default()
        },
        accuracy: Accuracy { truth: 10_000, given: 10_000, late: 0, ..Accuracy::default() },
        disorder: Disorder::default(),
        attribution: Attribution::default(),
        progress: Progress::default(),
        sharing: Sharing::default(),
        lost: Default::default(),
        sustainable: None,
        what_if: None,
        live: None,
        trace_digest: "ab12cd34ef56ab12".into(),
    }
}

fn histograms(numbers: &Numbers) -> (LatencyHistogram, LatencyHistogram) {
    let (mut latency, mut hiccup) = (LatencyHistogram::new(), LatencyHistogram::new());
    let p50 = numbers.latency.p50_ns.unwrap() as i64;
    for n in 1..=200_000_i64 {
        // A heavy tail: the n-th of N samples has 1/(1-q) = N/n.
        latency.record_ns(p50 / 2 + p50 / 4 * 200_000 / n.pow(2).clamp(n, 200_000) + p50 * 200 / n);
        hiccup.record_ns(800 + 40_000_000 / n.pow(2).max(n));
    }
    (latency, hiccup)
}

fn timeline_of(case: &CaseRecord) -> Vec<TimelinePoint> {
    let never = case.axes.eviction == "never";
    let point = |n: u64| {
        let entries = if never { n * 200 } else { n.min(100) * 200 + n % 7 * 150 };
        TimelinePoint {
            at_ns: n * 20_000_000,
            admitted: n * 10_000,
            live_bytes: Some((entries * 96 + case.repeat as u64 * 40_000) as i64),
            rss_bytes: (64 << 20) + entries * 96,
            entries,
            buffered: 500,
            latency_max_ns: (n % 10 != 3).then_some(150_000 + n * 7919 % 90_000),
            latency_p50_ns: Some(12_000),
            newest_event_time_ms: Some(n as i64 * 21_600_000),
            watermark_ms: (n > 3).then_some(n as i64 * 21_600_000 - case.axes.slack_ms),
            backlog: if n % 100 < 20 { n % 100 * 400 } else { 300 },
            view_skew_records: None,
            view_skew_ms: None,
            forgotten: Some(if never { 0 } else { n / 7 * 900 }), // a sweep at every seventh sample
            ..TimelinePoint::default()
        }
    };
    (0..=500).map(point).collect()
}

/// Nine operators, of which `keyed state` has most of the time, and two channels.
fn activity_of(case: &CaseRecord) -> (Vec<OperatorTime>, Vec<ChannelLoad>) {
    let names = ["input", "decode", "filter", "exchange", "order", "keyed state", "answers", "probe", "feedback"];
    let (mut operators, mut channels) = (Vec::new(), Vec::new());
    for worker in 0..case.axes.workers {
        for (n, name) in (1..).zip(names) {
            let weight = if name == "keyed state" { 40 } else { n };
            let busy_ns = 3_000_000 * weight * (10 + worker as u64) * (9 + case.repeat as u64);
            operators.push(OperatorTime { worker, operator: name.into(), activations: 1_000 * n, busy_ns });
        }
        for (channel, records) in [("input → keyed state", 250_000), ("keyed state → answers", 1_200)] {
            channels.push(ChannelLoad { worker, channel: channel.into(), messages: 600, records });
        }
    }
    (operators, channels)
}
