//! Figures as data: which columns a figure shows, how they are arranged, and how to read it.

use serde::{Deserialize, Serialize};

/// One figure as data: its numbers, their arrangement, and how to read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureSpec {
    /// File name without its extension, unique within the experiment; letters, digits and `-`.
    pub name: String,
    /// Kind of figure.
    pub kind: FigureKind,
    /// The question that the figure answers, shown above it.
    pub question: String,
    /// How to read the figure, shown below it.
    pub reading: String,
    /// `sweep`: the column on the x axis. `at-level`: the column whose least value is looked for. `heat-map`: the
    /// column whose values stand side by side, such as `strategy`. `over-time`: `at_ns`, the time since the start of
    /// the case, which is also the meaning if it is empty, or `newest_event_time_ms`, the newest event time admitted so
    /// far, since the first event of the trace; samples before the first admission are not drawn then. `answers`: the
    /// column along which answers are drawn, such as `band`; event time if it is empty. Unused by the others.
    #[serde(default)]
    pub x: String,
    /// `over-time`: columns of `timeline.csv`; `distribution` and `ccdf`: histogram kinds (`latency`,
    /// `processing-delay`, `driver-lag`, `from-admission`, `lost-time`, and `hiccup` of older runs); `heat-map`: the one
    /// column that its cells show; `scaling`: one column of events per second, `throughput_events_per_s` if empty;
    /// `operators` and `answers`: nothing; the others: columns of
    /// cases. One line (or bar, or part of a stack) for each and each group; a panel for each unit. Empty if there are
    /// `panels`.
    ///
    /// Columns of cases are those of `cases.csv`, and three that compare a case with others: `total_workers` (of all
    /// processes), `speed_up` (closed loop: throughput over the median of the `sequential` cases of the same part that
    /// differ at most in strategy, workers, processes and records per epoch) and `efficiency` (speed-up / total
    /// workers).
    #[serde(default)]
    pub y: Vec<String>,
    /// `sweep`, `over-time`, `stacked`: in place of `y`, the panels one by one from top to bottom. They share the x axis
    /// and the legend of the groups; each has its own unit and scale.
    ///
    /// ```toml
    /// panels = [
    ///     { title = "How long an event waits", y = ["event_time_wait_p50_ms", "event_time_wait_p99_ms"], log_y = true },
    ///     { y = ["completeness"] },
    /// ]
    /// ```
    #[serde(default)]
    pub panels: Vec<PanelSpec>,
    /// Columns of cases that tell the lines apart (one line for each combination that occurs). `at-level`: the last one
    /// gives the bars that stand side by side, the ones before it the rows. `heat-map`, `operators`: the rows.
    /// `scaling`: a line for each; `sequential` becomes the line to beat.
    #[serde(default)]
    pub by: Vec<String>,
    /// `at-level`: the column of cases that has to reach `level`, such as `completeness`.
    #[serde(default)]
    pub level_column: String,
    /// `at-level`: what it has to reach, in the unit of the column: 0.99 of a share, not 99.
    #[serde(default)]
    pub level: Option<f64>,
    /// `heat-map`: a column of cases that holds words, such as `growth_verdict`, whose value is written below the
    /// number of each cell: that of the case shown. Where its repeats disagree, it is the worst memory verdict
    /// (`growing`, then `inconclusive`) and the most frequent word of any other column. Empty for none.
    #[serde(default)]
    pub words: String,
    /// Column values that a case must have to be shown.
    #[serde(default)]
    pub only: std::collections::BTreeMap<String, String>,
    /// True for a logarithmic x axis.
    #[serde(default)]
    pub log_x: bool,
    /// True for logarithmic y axes in all panels.
    #[serde(default)]
    pub log_y: bool,
    /// True if the figure answers the purpose of the experiment; it is then also shown at the head of the report,
    /// without its remarks.
    #[serde(default)]
    pub lead: bool,
}

/// One panel of a figure that says which columns stand together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelSpec {
    /// Columns of one unit, as in [`FigureSpec::y`].
    pub y: Vec<String>,
    /// Title above the panel, without the unit; if empty, whatever the columns have in common.
    #[serde(default)]
    pub title: String,
    /// True for a logarithmic y axis in this panel.
    #[serde(default)]
    pub log_y: bool,
}

impl FigureSpec {
    /// Returns a figure of this name and kind with everything else empty.
    pub fn new(name: impl Into<String>, kind: FigureKind) -> Self {
        Self {
            name: name.into(),
            kind,
            question: String::new(),
            reading: String::new(),
            x: String::new(),
            y: Vec::new(),
            panels: Vec::new(),
            by: Vec::new(),
            level_column: String::new(),
            level: None,
            words: String::new(),
            only: Default::default(),
            log_x: false,
            log_y: false,
            lead: false,
        }
    }

    /// Returns the columns that are drawn: those of `y`, or of all panels.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.y.iter().chain(self.panels.iter().flat_map(|panel| &panel.y)).map(String::as_str)
    }
}

/// The kinds of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FigureKind {
    /// Columns of the cases against one of their axes; repeats give the median and the range.
    Sweep,
    /// Columns of the timeline against the time of the run.
    OverTime,
    /// Latency against its quantile (the tail spread out), from the histograms.
    Distribution,
    /// Grouped bars of a column, one bar a group.
    Bars,
    /// Bars of columns at the least `x` at which a column reaches a level: policies side by side at equal completeness.
    AtLevel,
    /// Bars made of several columns of one unit, end to end, one bar a group.
    Stacked,
    /// A grid of one column over two axes; a cell with several cases shows the best one.
    HeatMap,
    /// Throughput against the total number of workers, beside the single thread, the ideal and the law of
    /// [`scaling`](crate::scaling).
    Scaling,
    /// The share of events that took longer than a duration, against the duration, from the histograms; both axes
    /// logarithmic.
    Ccdf,
    /// Bars of the time of cases whose operators were logged, stacked by operator, one bar for each group and worker.
    Operators,
    /// The answers of the first case of the part, over event time, or along one of their columns.
    Answers,
}

impl FigureKind {
    /// All kinds.
    pub const ALL: [FigureKind; 11] = [
        FigureKind::Sweep,
        FigureKind::OverTime,
        FigureKind::Distribution,
        FigureKind::Ccdf,
        FigureKind::Bars,
        FigureKind::Stacked,
        FigureKind::AtLevel,
        FigureKind::HeatMap,
        FigureKind::Scaling,
        FigureKind::Operators,
        FigureKind::Answers,
    ];

    /// Returns the name used in files.
    pub fn name(self) -> &'static str {
        match self {
            FigureKind::Sweep => "sweep",
            FigureKind::OverTime => "over-time",
            FigureKind::Distribution => "distribution",
            FigureKind::Bars => "bars",
            FigureKind::AtLevel => "at-level",
            FigureKind::Stacked => "stacked",
            FigureKind::HeatMap => "heat-map",
            FigureKind::Scaling => "scaling",
            FigureKind::Ccdf => "ccdf",
            FigureKind::Operators => "operators",
            FigureKind::Answers => "answers",
        }
    }

    /// Returns what a figure of this kind shows, in a sentence.
    pub fn summary(self) -> &'static str {
        match self {
            FigureKind::Sweep => "Columns of the cases against one of their axes, with the range of the repeats.",
            FigureKind::OverTime => "Columns of the timeline against the time of the run, or event time.",
            FigureKind::Distribution => "Latency against its quantile, with the tail spread out.",
            FigureKind::Bars => "Bars of a column side by side, one for each group.",
            FigureKind::AtLevel => "Bars of columns at the least x at which a column reaches a level.",
            FigureKind::Stacked => "Bars made of several columns of one unit, end to end.",
            FigureKind::HeatMap => "A grid of one column over two axes; a cell shows the best of its cases.",
            FigureKind::Scaling => "Throughput against the number of workers, beside one thread and the ideal.",
            FigureKind::Ccdf => "The share of events that took longer than a duration, on logarithmic axes.",
            FigureKind::Operators => "Time of cases whose operators were logged, stacked by operator.",
            FigureKind::Answers => {
                "The answers of the first case of a part, over event time or along one of their columns."
            }
        }
    }

    /// Returns the keys of the description that matter for this kind, in a sentence.
    pub fn keys(self) -> &'static str {
        match self {
            FigureKind::Sweep => {
                "x: the column on the x axis. y or panels: columns of cases. by: what tells lines apart."
            }
            FigureKind::OverTime => {
                "x: at_ns (if empty) or newest_event_time_ms. y or panels: columns of timeline.csv. by: what tells lines \
                 apart."
            }
            FigureKind::Distribution | FigureKind::Ccdf => {
                "y: latency, processing-delay, driver-lag or lost-time. by: what tells lines apart."
            }
            FigureKind::Bars | FigureKind::Stacked => "y or panels: columns of cases. by: what tells bars apart.",
            FigureKind::AtLevel => {
                "level_column and level: what has to be reached. x: the column whose least value is looked for. y: columns of \
                 cases. by: rows, and last the bars that stand side by side."
            }
            FigureKind::HeatMap => {
                "x: the column whose values stand side by side. by: the rows. y: the one column of the cells. words: a column \
                 of words written into them."
            }
            FigureKind::Scaling => "y: a column of events per second, throughput if empty. by: a line for each.",
            FigureKind::Operators => "by: the rows.",
            FigureKind::Answers => "x: the column of the answers to go along, such as band; event time if empty.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(more: &str) -> Result<FigureSpec, serde_json::Error> {
        serde_json::from_str(&format!("{{\"name\":\"f\",\"question\":\"?\",\"reading\":\"!\",{more}}}"))
    }

    #[test]
    fn a_kind_goes_by_its_name_in_files() {
        for kind in FigureKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert!(kind.summary().ends_with('.') && kind.keys().ends_with('.'));
        }
    }

    #[test]
    fn a_figure_names_its_columns_in_y_or_in_panels_and_nothing_unknown() {
        let plain = figure(r#""kind":"sweep","x":"slack_ms","y":["completeness","churn"]"#).unwrap();
        assert_eq!(plain.columns().collect::<Vec<_>>(), ["completeness", "churn"]);
        let panels = figure(r#""kind":"stacked","panels":[{"y":["a","b"]},{"y":["c"],"title":"t","log_y":true}]"#);
        let panels = panels.unwrap();
        assert_eq!(panels.columns().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(panels.panels[1].log_y && !panels.panels[0].log_y && panels.level.is_none());
        assert_eq!(figure(r#""kind":"at-level","level":0.99,"y":[]"#).unwrap().kind, FigureKind::AtLevel);
        assert_eq!(figure(r#""kind":"heat-map","words":"growth_verdict""#).unwrap().words, "growth_verdict");
        let unknown = figure(r#""kind":"sweep","panels":[{"y":[],"log_x":true}]"#).unwrap_err().to_string();
        assert!(unknown.contains("log_x"), "{unknown}");
    }
}
