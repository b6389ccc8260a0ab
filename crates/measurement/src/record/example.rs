//! Records for tests.

use super::*;

pub(crate) fn run() -> RunRecord {
    RunRecord {
        schema: RUN_SCHEMA.into(),
        schema_version: SCHEMA_VERSION,
        experiment: "quickstart".into(),
        title: "a first look".into(),
        resolved_experiment: "name = \"quickstart\"\n".into(),
        folder: None,
        parts: vec![],
        claims: vec![],
        note: None,
        untimed_parts: vec![],
        seed: 7,
        started_at: "2026-01-31T10:00:00.250Z".into(),
        wall_s: None,
        planned_cases: 4,
        interrupted: false,
        earlier_failures: Vec::new(),
        segments: vec![],
        traces: vec![],
        build: Build {
            flowbench: "0.1.0".into(),
            timely: "0.32.0".into(),
            differential: Some("0.26.0".into()),
            rustc: "rustc 1.95.0".into(),
            profile: "release".into(),
            commit: None,
            dirty: false,
            lock_digest: "0123456789abcdef".into(),
            allocator: "jemalloc".into(),
            measuring_digest: Some("fedcba9876543210".into()),
            target: None,
            features: None,
        },
        machine: Machine {
            line: "2 cores".into(),
            cpu: "a processor".into(),
            usable_cores: 2,
            allowed_cpus: None,
            memory_bytes: 1 << 34,
            kernel: "Linux".into(),
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

pub(crate) fn case(case: usize, repeat: usize) -> CaseRecord {
    let doubt = |code: &str| Doubt { code: code.into(), text: "because".into() };
    CaseRecord {
        schema: CASE_SCHEMA.into(),
        schema_version: SCHEMA_VERSION,
        part: "delay".into(),
        case,
        repeat,
        axes: axes(),
        status: Status::Ok,
        numbers: Some(numbers()),
        doubts: vec![doubt("few-samples"), doubt("hiccups")],
        segment: 0,
    }
}

pub(crate) fn failed_case(number: usize, repeat: usize) -> CaseRecord {
    let status = Status::Failed { cause: "panic, \"caught\"".into(), stderr_tail: "line\nline".into() };
    CaseRecord { status, numbers: None, doubts: vec![], ..case(number, repeat) }
}

pub(crate) fn axes() -> Axes {
    Axes {
        pipeline: "sessions".into(),
        settings: vec!["gap=10min".into(), "any".into()],
        deduplicate: false,
        strategy: "exchange".into(),
        order: "watermark".into(),
        slack_ms: 60_000,
        sources: "channel".into(),
        idle: "spin".into(),
        idle_ms: Some(30_000),
        eviction: "frontier".into(),
        workers: 2,
        processes: 1,
        records_per_epoch: 4096,
        load: "open".into(),
        rate_events_per_s: Some(50_000.0),
        rate_share: None,
        trace: "retail".into(),
        seed: Some(42),
        world: String::new(),
        fault: None,
        live: None,
    }
}

fn numbers() -> Numbers {
    Numbers {
        events: 100_000,
        elapsed_ns: 2_000_000_000,
        throughput_events_per_s: 50_000.0,
        run_throughputs_events_per_s: vec![40_000.0, 50_000.0, 55_000.0],
        source_ceiling_events_per_s: None,
        cpu_ns: 2_000_000,
        latency: quantiles(10_000),
        processing_delay: quantiles(10_000),
        from_admission: Some(quantiles(500)),
        driver_lag: quantiles(10),
        hiccup: quantiles(100),
        censored: 0,
        warmup_ns: Some(0),
        event_time_wait_ms: EventTimeWait { count: 9, p50_ms: Some(1), p99_ms: None, max_ms: Some(-3) },
        memory: Memory { live_bytes_peak: Some(4096), bytes_per_entry: Some(0.1 + 0.2), ..Memory::default() },
        accuracy: accuracy(),
        disorder: Disorder {
            out_of_order: 25_000,
            out_of_order_share_asked: Some(0.2),
            duplicates: 1_000,
            duplicates_share_asked: None,
        },
        attribution: Attribution {
            mean: Some(LatencyComponents {
                driver_lag_ns: 1_000.0,
                off_cpu_ns: 4_000.0,
                queueing_ns: 16_000.0,
                compute_ns: 79_000.0,
            }),
            tail: None,
        },
        progress: Progress { watermark_lag_peak_ms: Some(60_000), backlog_peak: 800, recovery_ns: Some(1_500_000_000) },
        sharing: sharing(),
        lost: LostTime { share: Some(0.01), involuntary_switches: Some(3), ..LostTime::default() },
        sustainable: None,
        what_if: None,
        live: None,
        trace_digest: "ab12".into(),
    }
}

fn quantiles(scale: u64) -> Quantiles {
    Quantiles {
        count: 100_000,
        p50_ns: Some(10 * scale),
        p90_ns: Some(20 * scale),
        p99_ns: Some(50 * scale),
        p999_ns: Some(80 * scale),
        p9999_ns: Some(90 * scale),
        max_ns: Some(90 * scale),
    }
}

fn accuracy() -> Accuracy {
    Accuracy {
        truth: 1_000,
        given: 910,
        missing: 100,
        spurious: 10,
        wrong: 50,
        retractions: 182,
        corrected: 91,
        late: 5_000,
        dropped_as_late: 5_000,
        digest: 255,
    }
}

fn sharing() -> Sharing {
    Sharing {
        workers: vec![
            WorkerShare { records: 30_000, busy_ns: 1_000_000_000, core: None },
            WorkerShare { records: 10_000, busy_ns: 500_000_000, core: None },
        ],
        exchanged_records: 20_000,
        exchanged_bytes: 960_000,
        wire: None,
        progress_messages: None,
        view_skew: Some(ViewSkew { p50_records: 4096, p99_records: 8192, p50_ms: 60_000, ..ViewSkew::default() }),
        logging_overhead_share: None,
    }
}
