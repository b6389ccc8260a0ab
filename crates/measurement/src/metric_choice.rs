//! The metrics by which a gate judges, as an experiment or a command chooses them.
//!
//! ```toml
//! [gate]
//! metrics = ["throughput_events_per_s", "latency_p99_ns"]
//! thresholds = { latency_p99_ns = "20%" }
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::metrics::{METRICS, Metric};

/// Which metrics are judged, and from which change on they matter. What it does not say is as in [`METRICS`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricChoice {
    /// Columns of the metrics; all of them if there is none.
    pub metrics: Vec<String>,
    /// Practical thresholds by column, each a share of the value such as `20%`.
    pub thresholds: BTreeMap<String, String>,
}

/// Why there is no such choice.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum MetricChoiceError {
    /// A column that is no metric.
    #[error("there is no metric '{0}'; there are {known}", known = METRICS.map(|metric| metric.column).join(", "))]
    Unknown(String),
    /// A threshold that cannot be read.
    #[error("the threshold of {column} is '{text}'; write it as a share above 0, such as 20%")]
    Threshold {
        /// The column of the metric.
        column: String,
        /// The threshold as it is written.
        text: String,
    },
}

impl MetricChoice {
    /// Returns the choice of the experiment in this text, whatever else is in it; the default one if it makes none.
    ///
    /// # Errors
    ///
    /// Fails if the text is not TOML, or if its table `gate` is not written as a choice.
    pub fn of_experiment(text: &str) -> Result<MetricChoice, toml::de::Error> {
        #[derive(Deserialize)]
        struct Experiment {
            #[serde(default)]
            gate: MetricChoice,
        }
        toml::from_str(text).map(|Experiment { gate }| gate)
    }

    /// Returns this choice, with that of `other` wherever it has one.
    pub fn overridden_by(mut self, other: MetricChoice) -> MetricChoice {
        self.thresholds.extend(other.thresholds);
        if !other.metrics.is_empty() {
            self.metrics = other.metrics;
        }
        self
    }

    /// Returns the chosen metrics with their thresholds, in the order of [`METRICS`].
    ///
    /// # Errors
    ///
    /// Fails if a column is no metric, or if a threshold is not a share above 0.
    pub fn chosen(&self) -> Result<Vec<Metric>, MetricChoiceError> {
        let named = self.metrics.iter().chain(self.thresholds.keys());
        if let Some(unknown) = named.into_iter().find(|column| Metric::of_column(column).is_none()) {
            return Err(MetricChoiceError::Unknown(unknown.clone()));
        }
        let is_chosen =
            |metric: &Metric| self.metrics.is_empty() || self.metrics.iter().any(|column| column == metric.column);
        METRICS.into_iter().filter(is_chosen).map(|metric| self.with_threshold(metric)).collect()
    }

    fn with_threshold(&self, metric: Metric) -> Result<Metric, MetricChoiceError> {
        let Some(text) = self.thresholds.get(metric.column) else { return Ok(metric) };
        let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        match percent.filter(|percent| percent.is_finite() && *percent > 0.0) {
            Some(percent) => Ok(metric.with_material_share(percent / 100.0)),
            None => Err(MetricChoiceError::Threshold { column: metric.column.to_owned(), text: text.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(metrics: &[&str], thresholds: &[(&str, &str)]) -> MetricChoice {
        let owned = |(column, share): &(&str, &str)| ((*column).to_owned(), (*share).to_owned());
        MetricChoice {
            metrics: metrics.iter().map(|column| (*column).to_owned()).collect(),
            thresholds: thresholds.iter().map(owned).collect(),
        }
    }

    #[test]
    fn what_is_not_chosen_is_as_ever() {
        assert_eq!(MetricChoice::default().chosen().unwrap(), METRICS);
        let chosen = choice(&["latency_p99_ns", "latency_p50_ns"], &[("latency_p99_ns", "20 %")]).chosen().unwrap();
        let shares: Vec<_> = chosen.iter().map(|metric| (metric.column, metric.material_share)).collect();
        assert_eq!(shares, [("latency_p50_ns", 0.10), ("latency_p99_ns", 0.20)]);
        assert_eq!(chosen[1].material_least, 5_000.0, "a change of little does not matter either way");
    }

    #[test]
    fn an_experiment_makes_its_choice_in_its_table_gate() {
        let text =
            "name = 'x'\n[gate]\nmetrics = ['latency_p99_ns']\nthresholds = { latency_p99_ns = '20%' }\n[[part]]\n";
        let wanted = choice(&["latency_p99_ns"], &[("latency_p99_ns", "20%")]);
        assert_eq!(MetricChoice::of_experiment(text).unwrap(), wanted);
        assert_eq!(MetricChoice::of_experiment("name = 'x'").unwrap(), MetricChoice::default());
        assert!(MetricChoice::of_experiment("[gate]\nmetric = []").is_err());
    }

    #[test]
    fn a_command_wins_over_a_file_where_it_says_something() {
        let file = choice(&["latency_p99_ns"], &[("latency_p99_ns", "20%"), ("latency_p50_ns", "5%")]);
        let both = file.clone().overridden_by(choice(&["latency_p50_ns"], &[("latency_p50_ns", "7%")]));
        assert_eq!(both, choice(&["latency_p50_ns"], &[("latency_p50_ns", "7%"), ("latency_p99_ns", "20%")]));
        assert_eq!(file.clone().overridden_by(MetricChoice::default()), file);
    }

    #[test]
    fn an_unknown_metric_and_a_threshold_that_is_no_share_are_errors() {
        let unknown = choice(&[], &[("latency_p95_ns", "20%")]).chosen().unwrap_err().to_string();
        assert!(unknown.contains("no metric 'latency_p95_ns'; there are throughput_events_per_s, "), "{unknown}");
        for text in ["20", "0%", "-5%", "%", "inf%", "a lot"] {
            let error = choice(&[], &[("latency_p99_ns", text)]).chosen().unwrap_err();
            assert!(matches!(error, MetricChoiceError::Threshold { .. }), "{text}");
        }
    }
}
