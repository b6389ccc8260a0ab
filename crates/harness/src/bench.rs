//! The experiment that measures a pipeline on somebody's own log: every strategy on some numbers of workers.

use std::path::{Path, PathBuf};

use flowbench_events::BadRowLimit;
use flowbench_pipelines::Strategy;
use toml::{Table, Value};

use crate::environment::usable_cores;

/// A log and the question that is to be measured on it.
#[derive(Debug, Clone)]
pub struct BenchRequest {
    /// Path of the log.
    pub log: PathBuf,
    /// Path of its mapping, if it has one.
    pub map: Option<PathBuf>,
    /// How many of its rows may be bad; `None` for any number.
    pub max_bad: Option<BadRowLimit>,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Parameters of the pipeline, `key=value`.
    pub settings: Vec<String>,
    /// Names of the strategies; empty for all of them, of which those that do not serve the pipeline are skipped.
    pub strategies: Vec<String>,
    /// Numbers of workers; empty for 1 and, where there are two cores, 2.
    pub workers: Vec<u16>,
    /// Slack of the watermark; `None` for the smallest that loses nothing.
    pub slack_ms: Option<i64>,
    /// True if only the first delivery of an event id within a day counts.
    pub deduplicate: bool,
    /// How long the whole log is played in the rhythm of its arrival times, ms.
    pub duration_ms: i64,
    /// Number of runs of each case.
    pub repeats: u16,
}

impl BenchRequest {
    /// Returns the experiment as TOML. Its part `throughput` offers the log in a closed loop, and its part `latency` in
    /// the rhythm in which it was recorded.
    pub fn experiment(&self) -> String {
        let log = self.log.file_name().unwrap_or(self.log.as_os_str()).to_string_lossy();
        let table = table([
            ("name", "bench".into()),
            ("title", format!("{} on {log}", self.pipeline).into()),
            ("repeats", i64::from(self.repeats).into()),
            ("deadline", "10min".into()),
            ("part", Value::Array(vec![self.throughput(), self.latency()])),
        ]);
        table.to_string()
    }

    fn throughput(&self) -> Value {
        let figure = figure(
            "throughput",
            "How many events does each strategy answer in a second?",
            "Higher is better: the whole log as fast as it can be taken. A short log is gone through several times, \
             each time from the beginning, and the median counts.",
            "throughput_events_per_s",
        );
        let memory = figure_of_memory();
        self.part("throughput", "How fast can the log be answered?", "closed", vec![figure, memory])
    }

    fn latency(&self) -> Value {
        let of = |name: &str, quantile: &str, column: &str| {
            figure(
                name,
                &format!("How long does an event take, {quantile}?"),
                "Lower is better. The events come in the rhythm of their arrival times, sped up so that the whole log \
                 takes the duration of the part; events of one recorded instant are due at one instant.",
                column,
            )
        };
        let figures = vec![
            of("latency-p50", "at the median", "latency_p50_ns"),
            of("latency-p99", "at the 0.99 quantile", "latency_p99_ns"),
        ];
        let question = "How long does an event take in the rhythm in which the log was recorded?";
        self.part("latency", question, "as-recorded", figures)
    }

    fn part(&self, name: &str, question: &str, rate: &str, figures: Vec<Value>) -> Value {
        let path = |path: &Path| Value::String(path.to_string_lossy().into_owned());
        let mut trace = table([("file", path(&self.log))]);
        trace.extend(self.map.as_deref().map(|map| ("map".to_owned(), path(map))));
        trace.extend(self.max_bad.map(|limit| ("max_bad".to_owned(), limit.to_string().into())));
        let part = table([
            ("name", name.into()),
            ("question", question.into()),
            ("trace", trace.into()),
            ("duration", format!("{}ms", self.duration_ms).into()),
            ("axes", self.axes(rate).into()),
            ("figure", Value::Array(figures)),
        ]);
        part.into()
    }

    fn axes(&self, rate: &str) -> Table {
        let strategies = match self.strategies.is_empty() {
            true => Strategy::ALL.iter().map(|strategy| Value::from(strategy.name())).collect(),
            false => self.strategies.iter().cloned().map(Value::String).collect(),
        };
        let workers: Vec<u16> = match self.workers.is_empty() {
            true => (1..=2).filter(|workers| usize::from(*workers) <= usable_cores().max(1)).collect(),
            false => self.workers.clone(),
        };
        let mut axes = table([
            ("pipeline", self.pipeline.clone().into()),
            ("strategy", Value::Array(strategies)),
            ("workers", Value::Array(workers.into_iter().map(|workers| i64::from(workers).into()).collect())),
            ("deduplicate", self.deduplicate.into()),
            ("rate", rate.into()),
        ]);
        if !self.settings.is_empty() {
            let settings = self.settings.iter().cloned().map(Value::String).collect();
            axes.insert("settings".to_owned(), Value::Array(settings));
        }
        axes.extend(self.slack_ms.map(|slack_ms| ("slack".to_owned(), format!("{slack_ms}ms").into())));
        axes
    }
}

fn figure_of_memory() -> Value {
    figure(
        "memory",
        "How much memory does the state take at most?",
        "Lower is better: bytes that the workers had allocated and not freed since the run began, without the log and \
         the answers.",
        "live_bytes_peak",
    )
}

fn figure(name: &str, question: &str, reading: &str, column: &str) -> Value {
    let by = ["strategy", "workers"].map(Value::from).to_vec();
    let figure = table([
        ("name", name.into()),
        ("kind", "bars".into()),
        ("question", question.into()),
        ("reading", reading.into()),
        ("y", Value::Array(vec![column.into()])),
        ("by", Value::Array(by)),
    ]);
    figure.into()
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use flowbench_pipelines::Registry;
    use tempfile::TempDir;

    use super::*;
    use crate::experiment::{LoadedExperiment, Plan};
    use crate::log::tests::log_of;

    fn request(dir: &TempDir) -> BenchRequest {
        let log = dir.path().join("it's \"mine\".csv");
        std::fs::write(&log, log_of(0..400)).unwrap();
        BenchRequest {
            log,
            map: None,
            max_bad: None,
            pipeline: "repeat-high-value".to_owned(),
            settings: vec!["threshold=20".to_owned()],
            strategies: Vec::new(),
            workers: vec![1, 2],
            slack_ms: None,
            deduplicate: false,
            duration_ms: 1500,
            repeats: 1,
        }
    }

    fn plan(request: &BenchRequest) -> Plan {
        let loaded = LoadedExperiment::parse("bench".to_owned(), &request.experiment(), &[]).unwrap();
        Plan::new(&loaded, Registry::default()).unwrap()
    }

    #[test]
    fn every_strategy_that_serves_is_measured_closed_and_as_recorded() {
        let dir = TempDir::new().unwrap();
        let request = request(&dir);
        let all = plan(&request);
        let count = |load: &str| all.cases.iter().filter(|case| case.load.column() == load).count();
        assert_eq!(count("closed"), count("open-as-recorded"));
        assert!(all.cases.len() > Strategy::ALL.len() && !all.skipped.is_empty(), "{:?}", all.skipped);
        assert!(all.cases.iter().all(|case| case.settings == ["threshold=20"] && case.trace.events == 400));
        let few = BenchRequest {
            strategies: vec!["exchange".to_owned()],
            workers: vec![2],
            slack_ms: Some(5),
            deduplicate: true,
            repeats: 3,
            ..request
        };
        let few = plan(&few);
        assert_eq!((few.cases.len(), few.cases[0].slack_ms), (2 * 3, 5));
        assert!(few.cases.iter().all(|case| case.config.deduplicate.is_some() && case.config.workers == 2));
    }
}
