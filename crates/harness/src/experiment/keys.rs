//! The keys of an experiment file as data: what each holds, what holds without it, and what it means. The check of files
//! (`check.rs`), their JSON Schema (`schema.rs`) and `config show` (`resolved.rs`) are walks over it.
//!
//! Decision D-430.

/// The version of the format of experiment files that this build writes, and the newest that it reads.
pub const EXPERIMENT_SCHEMA_VERSION: u64 = 1;
/// Maximum number of events of a case: 48 bytes each, in memory.
pub(crate) const EVENTS_MAX: u64 = 1 << 30;
/// Minimum memory that a case process needs to start at all, MiB.
pub(crate) const MEMORY_CAP_MIB_MIN: u64 = 64;

/// A table and the keys that it may have.
#[derive(Debug)]
pub(crate) struct Keys {
    /// What messages call one of its keys.
    pub(crate) noun: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) otherwise: Otherwise,
    pub(crate) meaning: &'static str,
}

/// What holds where a key is absent.
#[derive(Debug, PartialEq)]
pub(crate) enum Otherwise {
    /// Nothing: it must be there.
    Required,
    /// This value, as TOML writes it.
    Value(&'static str),
    /// A value that follows from others, in words.
    Follows(&'static str),
    /// Nothing, and it may be absent.
    Absent,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A text.
    Text,
    /// A text of letters, digits, `-` and `_`.
    Name,
    /// `true` or `false`.
    Flag,
    /// A number.
    Number,
    /// A version of the format, at most this.
    Version(u64),
    /// A whole number within these bounds.
    Whole(u64, u64),
    /// A whole number within these bounds, or a text such as `"20k"`.
    Count(u64, u64),
    /// A size of at least so many bytes, such as `"2GiB"`.
    Bytes(u64),
    /// A whole number of rows, or a share of them such as `"0.5%"`.
    BadRows,
    /// A duration of at least so many ms, such as `"10s"`.
    Duration(i64),
    /// A latency, such as `"250us"`.
    Latency,
    /// One of these words.
    Word(&'static [&'static str]),
    /// The values of an axis: a text, number or flag, a list of these, or a list of lists of texts.
    Axis,
    /// Anything; it is checked elsewhere.
    Any,
    /// A list of values of this shape.
    List(&'static Shape),
    /// A value of this shape, or a list of such that is not empty.
    OneOrMore(&'static Shape),
    /// A table with these keys.
    Table(&'static Keys),
    /// A table with any keys, whose values are of this shape.
    Map(&'static Shape),
}

const fn key(name: &'static str, shape: Shape, otherwise: Otherwise, meaning: &'static str) -> Key {
    Key { name, shape, otherwise, meaning }
}

use Otherwise::{Absent, Follows, Required, Value};
use Shape::{
    Axis, BadRows, Bytes, Count, Duration, Flag, Latency, List, Map, Name, Number, OneOrMore, Table, Text, Version,
};

/// The keys of an experiment file.
pub(crate) static EXPERIMENT: Keys = Keys {
    noun: "key",
    keys: &[
        key("schema_version", Version(EXPERIMENT_SCHEMA_VERSION), Value("1"), "Version of the format of this file."),
        key("name", Name, Follows("the name of the file"), "Name, which is also that of the folder of the results."),
        key("title", Text, Follows("the name"), "The purpose in one line."),
        key(
            "seed",
            OneOrMore(&Shape::Whole(0, i64::MAX as u64)),
            Value("42"),
            "Seeds of the traces: each case is run in the world of every seed. The first also shuffles the cases.",
        ),
        key("repeats", Shape::Whole(1, 1000), Value("3"), "Number of runs of each case."),
        key("deadline", Duration(1), Value("\"60s\""), "Maximum duration of a case, trace and check included."),
        key(
            "memory_cap",
            Bytes(MEMORY_CAP_MIB_MIN << 20),
            Value("\"4GiB\""),
            "Maximum resident set of a case, such as \"2GiB\".",
        ),
        key(
            "memory_cap_mib",
            Shape::Whole(MEMORY_CAP_MIB_MIN, 1 << 40),
            Absent,
            "The same in MiB, as older files have it.",
        ),
        key("pin", Flag, Value("false"), "True if each worker is bound to a core of its own."),
        key("claims", List(&Text), Value("[]"), "What every run checks, such as \"max(lost_answers_share) == 0\"."),
        key("only", List(&Text), Value("[]"), "Parts or filters: only cases that match one of them are run."),
        key("skip", List(&Text), Value("[]"), "Parts or filters: cases that match one of them are not run."),
        key("gate", Table(&GATE), Value("{}"), "How the gate judges; what is not given is as `list metrics` has it."),
        key(
            "pipelines",
            Map(&Text),
            Absent,
            "Texts of pipelines in files, by the paths that parts name; what a run used is recorded here.",
        ),
        key("part", List(&Table(&PART)), Value("[]"), "The questions."),
        key(
            "sizes",
            Map(&Map(&Shape::Any)),
            Absent,
            "Profiles, chosen by `--profile`: settings by their keys, and `inherits` for another profile to begin with.",
        ),
    ],
};

/// The keys of how the gate judges.
pub(crate) static GATE: Keys = Keys {
    noun: "key",
    keys: &[
        key("metrics", List(&Text), Follows("all"), "Metrics by which times and sizes are judged, by their columns."),
        key(
            "thresholds",
            Map(&Text),
            Value("{}"),
            "From which change on a metric matters, by its column, such as \"20%\".",
        ),
    ],
};

/// The keys of a part.
pub(crate) static PART: Keys = Keys {
    noun: "key",
    keys: &[
        key("name", Text, Follows("part-1, part-2, ..."), "Short name, unique in the experiment."),
        key("question", Text, Follows("the title"), "The question in words."),
        key(
            "trace",
            Table(&TRACE),
            Follows("100000 events of the profile retail"),
            "The trace that the cases are fed.",
        ),
        key("duration", Duration(1), Value("\"1s\""), "Open loop: how long events are offered."),
        key("warmup", Duration(0), Value("\"0s\""), "Open loop: the shortest warm-up, which is not recorded."),
        key(
            "profile_operators",
            Flag,
            Value("false"),
            "True if every case is run once more with the activity of its operators logged.",
        ),
        key("untimed", Flag, Value("false"), "True if cases are too short for their times to be compared."),
        key("slo_p99", Latency, Value("\"10ms\""), "Search: the maximum p99 latency at which a rate is sustained."),
        key("deadline", Duration(1), Follows("that of the experiment"), "Maximum duration of a case of this part."),
        key("of_pipeline", Map(&List(&Text)), Value("{}"), "Parameters of pipelines, `key=value`, by their names."),
        key("axes", Table(&AXES_OF_PART), Required, "One value or a list on each axis; every combination is a case."),
        key("figure", List(&Table(&FIGURE)), Value("[]"), "The figures."),
    ],
};

static TRACE: Keys = Keys {
    noun: "key",
    keys: &[
        key("profile", Text, Follows("retail, unless there is a file"), "Name of a generator profile."),
        key(
            "events",
            Count(1, EVENTS_MAX),
            Follows("100000; of a log, all"),
            "Maximum number of events, such as \"20k\".",
        ),
        key("set", List(&Text), Value("[]"), "Parameters of the generator, `key=value`."),
        key(
            "counterfactual",
            List(&Text),
            Value("[]"),
            "Parameters of the generator for the world as it would otherwise be, as the truth of a what-if.",
        ),
        key("file", Text, Absent, "Path of a log, instead of a profile; it begins at the folder of this file."),
        key("map", Text, Absent, "Path of the mapping of the log."),
        key(
            "max_bad",
            BadRows,
            Absent,
            "How many rows of the log may be bad, such as 20 or \"0.5%\"; by default any number.",
        ),
    ],
};

static AXES_OF_PART: Keys = Keys {
    noun: "axis",
    keys: &[
        key("pipeline", Axis, Required, "Names of pipelines."),
        key("settings", Axis, Absent, "Parameters of the pipeline: a list is one choice, a list of lists an axis."),
        key("strategy", Axis, Value("\"exchange\""), "How work is spread over the workers."),
        key("order", Axis, Value("\"watermark\""), "Order policies: when an event is applied."),
        key("slack", Axis, Value("\"0s\""), "How far the watermark is held behind the newest event time."),
        key("sources", Axis, Value("\"merged\""), "The sources whose progress the watermark follows: merged, channel."),
        key("idle_timeout", Axis, Value("\"never\""), "How long a source may be silent before it is not waited for."),
        key("idle", Axis, Value("\"spin\""), "What a worker without work does: spin, park."),
        key("eviction", Axis, Value("\"frontier\""), "When state is forgotten."),
        key("workers", Axis, Value("1"), "Workers of each process, 1 to 64."),
        key("processes", Axis, Value("1"), "Processes, 1 to 64."),
        key("records_per_epoch", Axis, Value("\"auto\""), "Records in an epoch, 1 to 1000000."),
        key(
            "rate",
            Axis,
            Value("\"closed\""),
            "Events per second (100000, \"100k\"), closed, search, \"80%\" or as-recorded.",
        ),
        key("arrivals", Axis, Value("\"constant\""), "Open loop: constant, poisson, bursts or as-recorded."),
        key("deduplicate", Axis, Value("false"), "True if only the first delivery of an event within a day counts."),
        key("world", Axis, Absent, "Parameters of the generator, with a name if wanted: `name: key=value ...`."),
        key("fault", Axis, Value("\"none\""), "A planted fault."),
        key(
            "live",
            Axis,
            Value("\"off\""),
            "A live session between events and pipeline: off, on, or what it has beside.",
        ),
        key("seed", Axis, Follows("that of the experiment"), "Seeds of the traces."),
    ],
};

/// The keys of a figure.
pub(crate) static FIGURE: Keys = Keys {
    noun: "key",
    keys: &[
        key("name", Text, Required, "File name without its extension: letters, digits and `-`."),
        key("kind", Shape::Word(&KINDS), Required, "Kind of figure."),
        key("question", Text, Follows("the question of the part"), "The question that it answers, shown above it."),
        key("reading", Text, Value("\"\""), "How to read it, shown below it."),
        key("x", Text, Value("\"\""), "The column on the x axis."),
        key("y", List(&Text), Value("[]"), "The columns that are drawn."),
        key("panels", List(&Table(&PANEL)), Value("[]"), "In place of `y`: panels from top to bottom."),
        key("by", List(&Text), Value("[]"), "Columns that tell lines, bars or rows apart."),
        key("level_column", Text, Value("\"\""), "`at-level`: the column that has to reach the level."),
        key("level", Number, Absent, "`at-level`: the level."),
        key("words", Text, Value("\"\""), "`heat-map`: a column of words, written below the numbers."),
        key("only", Map(&Text), Value("{}"), "Column values that a case must have to be shown."),
        key("log_x", Flag, Value("false"), "True for a logarithmic x axis."),
        key("log_y", Flag, Value("false"), "True for logarithmic y axes."),
        key("lead", Flag, Value("false"), "True if it is also shown at the head of the report."),
    ],
};

static PANEL: Keys = Keys {
    noun: "key",
    keys: &[
        key("y", List(&Text), Required, "Columns of one unit."),
        key("title", Text, Value("\"\""), "Title, without the unit."),
        key("log_y", Flag, Value("false"), "True for a logarithmic y axis."),
    ],
};

/// The words of `kind`.
const KINDS: [&str; 11] = [
    "sweep",
    "over-time",
    "distribution",
    "bars",
    "at-level",
    "stacked",
    "heat-map",
    "scaling",
    "ccdf",
    "operators",
    "answers",
];

impl Keys {
    pub(crate) fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().map(|key| key.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::axes::AXES;
    use crate::experiment::file::Experiment;
    use flowbench_measurement::record::FigureSpec;

    #[test]
    fn the_axes_are_those_of_a_case() {
        let otherwise = |key: &Key| match key.otherwise {
            Value(value) => value.trim_matches('"'),
            Required | Absent | Follows(_) => "",
        };
        let declared: Vec<(&str, &str)> = AXES_OF_PART.keys.iter().map(|key| (key.name, otherwise(key))).collect();
        assert_eq!(declared, AXES);
    }

    /// Returns the names that serde lists for an unknown one.
    fn known_to_serde(error: &str) -> Vec<String> {
        let mut names: Vec<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        names.sort();
        names
    }

    #[test]
    fn the_keys_are_those_that_are_read() {
        let declared = |keys: &Keys| {
            let mut names: Vec<String> = keys.names().map(str::to_owned).collect();
            names.sort();
            names
        };
        let part = "[[part]]\naxes = {pipeline = \"x\"}\n";
        for (text, keys) in [
            ("nothing = 1".to_owned(), &EXPERIMENT),
            (format!("{part}nothing = 1"), &PART),
            (format!("{part}trace = {{ nothing = 1 }}"), &TRACE),
        ] {
            let error = toml::from_str::<Experiment>(&text).unwrap_err();
            assert_eq!(known_to_serde(error.message()), declared(keys), "{error}");
        }
        let error = toml::from_str::<FigureSpec>("nothing = 1").unwrap_err();
        assert_eq!(known_to_serde(error.message()), declared(&FIGURE));
        let figure = "name = \"\"\nkind = \"bars\"\nquestion = \"\"\nreading = \"\"\n";
        let error = toml::from_str::<FigureSpec>(&format!("{figure}panels = [{{ nothing = 1 }}]")).unwrap_err();
        assert_eq!(known_to_serde(error.message()), declared(&PANEL));
        let error = toml::from_str::<FigureSpec>(&figure.replace("bars", "pie")).unwrap_err();
        let kinds: Vec<&str> = error.message().split('`').skip(3).step_by(2).collect();
        assert_eq!(kinds, KINDS);
    }
}
