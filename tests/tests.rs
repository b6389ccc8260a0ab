//! What flowbench promises, checked from outside: mostly as lines of shell, as a user would type them.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod artifact; // `pack`: a folder that others can check, without a name of this machine
mod bad_input; // what cannot be: exit codes, and errors that name the thing, the place and the fix
mod browser; // the report in a real Chromium: no complaint, sorted, filtered, hovered, printed (if asked for)
mod catalogue; // `list`, `explain`, `doctor`: what there is
mod circles; // inside a package, files import each other without a circle
mod command; // a shell in a scratch folder, with `flowbench` on its path and a deadline
mod disorder; // what is dropped as late is the trace's own late set; what is taken back leaves the right answers
mod documents; // the code cites decisions that are recorded, and doc comments are sentences
mod experiments; // `run` and `report`: what a run leaves, resuming, interrupting, exit codes
mod exports; // results in the formats of other tools, read by these (if asked for), written over nothing of the user's
mod faults; // what goes wrong in a case is noticed: wrong answers, stalls, panics, endless loops, memory hogs
mod fuzzed; // no bytes make a reader panic: the seeds of the fuzz targets, as they are and mutated
mod gallery; // every figure of a reference run is in the gallery, with an answer whose numbers are those of the run
mod gate; // `compare` and `gate`: regressions, what is refused, and what is accepted
mod golden; // answers that DuckDB has given to the reference SQL on small logs, to the byte
mod guides; // what the documents for users show works as it stands there
mod help; // help of every command as it was, completions, man pages
mod interrupted; // signals, limits, suspension and sudden death: what is finished is kept, resuming gives the rest
mod judge; // `judge`: exact of what is exact in whatever form, each planted mistake found; `generate --truth`
mod layout; // the house: floors, names, lists that are complete, documents that agree with the code
mod live; // `serve`: what is posted is answered, recorded and replayed; killed, nothing accepted is lost; who may
mod map; // `map` drafts mappings, and what is assumed of a file is said
mod notes; // numbers of notes are those of their reference runs
mod nothing_lost; // no file is overwritten that was not meant, no bad row is silent or without bound, no file is half
mod order_log; // answers on a real order log, to the last digit
mod own_log; // somebody's own log, measured: `bench`, a file for a trace in an experiment, and `replay --stats`
mod packages; // what a package embeds is in it, it says what it is, and licences allow what it is built from
mod pipeline_files; // pipelines in files: a path goes wherever a name goes, and a run keeps what it was
mod planning; // before a run: its plan, filters, profiles, where values come from, and the formats of files
mod planted; // pipelines find the effects a world was given, as large as they were given
mod plot; // figures of answers: what they count is what was answered; series from elsewhere; nothing is overwritten
mod processes; // several processes: the same answers, counted wires, and when one goes all go
mod recording; // the recording in the README stands alone and shows a run to its end
mod references; // every reference run is drawn again to the same bytes
mod replay; // `generate` and `replay`: the same answers whatever way the events take
mod rows_of_others; // what rows of other people's logs mean: words for nothing, lines of an order, and what is noted
mod sql; // the reference SQL of every pipeline, run in DuckDB, gives the same answers row by row (if asked for)
mod strategies; // side by side: the same answers, how the work was shared, where the time went
mod strategies_agree; // one messy log, every way to answer: the answers of the first deliveries alone
mod terminal; // colours, and how much is said on standard error
mod variables; // environment variables in place of options
