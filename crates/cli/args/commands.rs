//! The commands and what each is for.

use clap::{Parser, Subcommand};

use super::catalogue::{Completions, Doctor, Explain, List, Man};
use super::compare::{Compare, Gate};
use super::config::{Config, Schema};
use super::global::Global;
use super::judge::Judge;
use super::log::{Generate, Inspect, Map, Plot, Replay};
use super::results::{Export, Pack};
use super::run::{Bench, Report, Reproduce, Run};
#[cfg(feature = "live")]
use super::serve::{Serve, Token};

/// Dataflow simulation and benchmarks on timely dataflow: latency, memory under eviction and the effect of out-of-order
/// data. Every number comes with a checked answer.
///
/// Every long option can also be given by an environment variable, which the help of its command names: the one on the
/// command line counts. A variable that is empty is not there; for an option without a value, `0`, `no`, `off` and
/// `false` mean that it is not given. Variables are for options that are always the same, as in CI.
#[derive(Debug, Parser)]
#[command(name = "flowbench", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an experiment and write its report
    Run(Run),
    /// Draw the figures and the report of a results directory again, byte for byte
    Report(Report),
    /// Compare two runs: for each metric the ratio with its interval, and whether it is better, worse or the same
    Compare(Compare),
    /// Fail, with exit code 3, on a regression against another build or a run that was kept
    ///
    /// Answers, late events, waits and records moved are compared exactly, which every machine can. Times and sizes are
    /// compared by statistics: `--against` has both builds run the experiment in turn, and what looks worse is measured
    /// three more times before it counts. `--calibrate` says what a comparison can see on this machine.
    Gate(Gate),
    /// Run an experiment again from the record of a run, and say what holds: claim by claim, column by column
    Reproduce(Reproduce),
    /// Write the results of a run in the format of another tool
    ///
    /// Values are medians over the repeats of a case; where a format has room for them, the ends are the range of the
    /// repeats, or from six repeats on the 95 % interval of the median. A case without numbers exports none.
    Export(Export),
    /// Pack a results directory for those who check it: an artifact with claims, commands, checksums and metadata
    ///
    /// Writes a new folder with the results, the experiment with its note, a README (for each claim the command that
    /// checks it, the figure that shows it, minutes and disk), CITATION.cff, Cargo.lock, SHA256SUMS and an RO-Crate.
    /// The same results give the same bytes. A text with the name of this machine, of its user or of their folders
    /// is refused.
    Pack(Pack),
    /// Write a synthetic trace
    Generate(Generate),
    /// Report the facts of a log: rates, disorder, skew, late events, digest
    Inspect(Inspect),
    /// Draft a mapping for your own log
    ///
    /// Reads the first rows of a log and writes a first mapping for `replay --map` and `inspect --map`. It picks the
    /// columns for the time (and its format), the kind, the customer, the order and so on by their names and contents.
    /// Guesses are marked with comments: check them, above all what the values of the kind mean. If none of the words
    /// that tell what happened is known, the draft lists them and is refused until you write which kinds they are.
    ///
    /// For the whole file, a mapping may set `separator = ";"`, `encoding = "latin-1"`, `columns = ["user", "when"]`
    /// (for a file without a header), `decimal = ","`, `thousands = "."` and `absent = ["nan"]`. Otherwise separator,
    /// encoding and decimal comma are detected.
    ///
    /// Fields are mapped one by one, as in `customer = { column = "user" }`; in JSON Lines, a column is a path such as
    /// `user.id` or `items.0.price`. With `group = "InvoiceNo"` and `value = { column = "price", times = "quantity" }`,
    /// the lines of an order become one event. A row with several times needs an `[[event]]` with `kind` and `time` for
    /// each.
    Map(Map),
    /// Answer a question from a log
    Replay(Replay),
    /// Compare the answers of any engine with those that are due, and fail, with exit code 3, if they differ
    ///
    /// The columns of the answers are found by their names, in any order; others are ignored. Numbers are compared by
    /// value, times as instants. Without a slack, the answers to all events of the log are due. With one, those to the
    /// events that are not late for it: an answer that only late events make true is then late but answered. An answer is
    /// recognized by its key, which `flowbench explain <pipeline>` names.
    Judge(Judge),
    /// Draw answers: over event time, beside series of your own, and along what else their columns offer
    ///
    /// What is drawn follows from the columns: page views and the conversion rate by load time, orders and their total by
    /// day, sessions by length, ranks, stages of a funnel, quantiles of leads; of any other answers their number and the
    /// sums of their numbers. Writes NAME.svg with its numbers in NAME.csv, and NAME-by-COLUMN.svg and .csv for what is drawn
    /// along another column than event time. For load-time-conversion it also estimates what faster pages would win.
    Plot(Plot),
    /// Measure a question on your own log: strategies x workers, one report
    ///
    /// Every strategy that serves the pipeline is run on one and on two workers (or as asked), each in a process of its
    /// own that reads the log: in a closed loop for throughput and memory, and in the rhythm in which the log was
    /// recorded for latency. All answers are checked. For more (rates, evictions, searches), write an experiment with
    /// `trace = { file = "log.csv", map = "map.toml" }` and `flowbench run` it.
    Bench(Bench),
    /// Serve a live session: events in over HTTP, answers out as feeds, and a wall in a browser, seconds behind
    ///
    /// Events come in by `POST /events` as CloudEvents or JSON Lines, from a generated world, a log at its own pace, or
    /// standard input. All that is accepted is recorded, and what the recording has is answered: `flowbench replay` on it
    /// gives the same answers. Ctrl-C answers what was accepted and ends; starting again goes on with the recording.
    #[cfg(feature = "live")]
    Serve(Box<Serve>),
    /// Say who may post events, read feeds and watch the wall of a live session
    #[cfg(feature = "live")]
    #[command(subcommand)]
    Token(Token),
    /// List what there is: pipelines, strategies, experiments, columns, doubts and more
    List(List),
    /// Explain anything that `list` names
    Explain(Explain),
    /// Check whether this machine is fit to measure on
    Doctor(Doctor),
    /// Show what an experiment resolves to, and where each value comes from
    #[command(subcommand)]
    Config(Config),
    /// Print the JSON Schema of a format, for editors and checks
    Schema(Schema),
    /// Print a script with which a shell completes commands and options
    ///
    /// For bash, for example: `flowbench completions bash > ~/.local/share/bash-completion/completions/flowbench`
    Completions(Completions),
    /// Write man pages: one for flowbench and one for each command
    ///
    /// `man -l DIR/flowbench-run.1` shows one of them.
    Man(Man),
}
