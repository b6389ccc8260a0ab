//! Arguments of the commands for live sessions: `serve` and `token`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use flowbench_events::{parse_count, parse_duration_ms};

use super::log::Format;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where the session is recorded, which must end in `.jsonl.zst`; an existing recording is continued
    #[arg(long, value_name = "FILE", default_value = "live.jsonl.zst")]
    pub(crate) recording: PathBuf,
    /// Address to listen on; port 0 takes one that is free. Beyond this machine, it needs `--tokens`
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Name under which browsers and clients reach it, such as `wall.example.com`, if it is not the address
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// File of tokens
    #[arg(long, value_name = "TOKENS.toml")]
    pub(crate) tokens: Option<PathBuf>,
    /// Pipeline to answer, or the file of one, with a feed of its name; `FEED=NAME` gives the feed another name [default:
    /// those of the wall]
    #[arg(long, value_name = "[FEED=]NAME")]
    pub(crate) pipeline: Vec<String>,
    /// Set a parameter of a pipeline: `FEED:threshold=1000`
    #[arg(long, value_name = "FEED:KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Strategy: how work is spread over the workers
    #[arg(long, value_name = "S", default_value = "sequential")]
    pub(crate) strategy: String,
    /// Number of workers of each pipeline
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,
    /// Order policy: when an event is applied
    #[arg(long, value_name = "O", default_value = "speculative")]
    pub(crate) order: String,
    /// Eviction: when state is forgotten; `ttl` and `capacity` may lose answers (see `flowbench list evictions`)
    #[arg(long, value_name = "E", default_value = "frontier")]
    pub(crate) eviction: String,
    /// How far the watermark is behind the newest event time: what comes later than that is late. State of that long is kept; a
    /// recording that is gone on with keeps its own slack
    #[arg(long = "slack", value_name = "D", default_value = "10s", value_parser = parse_duration_ms)]
    pub(crate) slack_ms: i64,
    /// How far an event may be ahead of the clock; one that is further ahead is refused
    #[arg(long = "max-ahead", value_name = "D", default_value = "5min", value_parser = parse_duration_ms)]
    pub(crate) max_ahead_ms: i64,
    /// How long nothing may arrive before event time follows the clock
    #[arg(long = "idle-after", value_name = "D", default_value = "1s", value_parser = parse_duration_ms)]
    pub(crate) idle_after_ms: i64,
    /// Events that each feed keeps for its readers
    #[arg(long = "keep", value_name = "N", default_value = "100000", value_parser = parse_count)]
    pub(crate) kept_events: u64,
    /// Layout of the wall
    #[arg(long, value_name = "WALL.toml")]
    pub(crate) wall: Option<PathBuf>,
    /// Rules: events that are emitted when a condition is true of an answer; reloaded when it changes
    #[arg(long, value_name = "RULES.toml")]
    pub(crate) rules: Option<PathBuf>,
    /// Folder of functions: WebAssembly modules, which are reloaded when they change
    #[arg(long, value_name = "DIR")]
    pub(crate) functions: Option<PathBuf>,
    /// Webhooks to push feeds to
    #[arg(long, value_name = "WEBHOOKS.toml")]
    pub(crate) webhooks: Option<PathBuf>,
    /// Also offer the events of a generated world, moved in time so that it begins now: a shipped profile, or the path
    /// of a TOML file
    #[arg(long, value_name = "PROFILE", conflicts_with = "log")]
    pub(crate) generate: Option<String>,
    /// With `--generate`: change the profile, as for `flowbench generate --set`
    #[arg(long, value_name = "KEY=VALUE", requires = "generate")]
    pub(crate) world: Vec<String>,
    /// Seed of the generator; the same seed gives the same events on every machine
    #[arg(long, default_value_t = 42, requires = "generate")]
    pub(crate) seed: u64,
    /// With `--generate`: number of events [default: as many as there are]
    #[arg(long, value_name = "N", value_parser = parse_count, requires = "generate")]
    pub(crate) count: Option<u64>,
    /// Also offer the events of a log at their own pace, by their own arrival times; `-` for standard input, whose events
    /// arrive when they are read: lines of JSON, or with `--format csv` or a mapping a log, which is read in blocks
    #[arg(long, value_name = "FILE|-")]
    pub(crate) log: Option<PathBuf>,
    /// Mapping file that turns the rows of your log into events (`flowbench map` drafts one)
    #[arg(long, value_name = "MAP.toml", requires = "log")]
    pub(crate) map: Option<PathBuf>,
    /// With `--log`: its format [default: by the extension of the file, else by its content]
    #[arg(long, requires = "log")]
    pub(crate) format: Option<Format>,
    /// How many times as fast as its clock a world or a log is offered
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// End when the world or the log has ended, instead of waiting for Ctrl-C
    #[arg(long)]
    pub(crate) until_end: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token for a subscriber, and print it: it is kept as a hash only, and cannot be shown again
    Add(TokenAdd),
    /// List the tokens: their names, what they allow, and until when
    List(TokenList),
    /// Revoke a token; a service that runs refuses it within a second, and ends its streams
    Revoke(TokenRevoke),
}

#[derive(Debug, Args)]
pub(crate) struct TokenAdd {
    /// Name of the subscriber
    pub(crate) name: String,
    /// What it allows: `post`, `feed:NAME`, `feed:*`, `wall`, `status`; may be given more than once
    #[arg(long = "allow", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<String>,
    /// How long it is valid, such as 90d [default: until it is revoked]
    #[arg(long = "for", value_name = "D", value_parser = parse_duration_ms)]
    pub(crate) valid_ms: Option<i64>,
    /// File of tokens
    #[arg(long, value_name = "TOKENS.toml", default_value = "tokens.toml")]
    pub(crate) tokens: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TokenList {
    /// File of tokens
    #[arg(long, value_name = "TOKENS.toml", default_value = "tokens.toml")]
    pub(crate) tokens: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TokenRevoke {
    /// Name of the subscriber
    pub(crate) name: String,
    /// File of tokens
    #[arg(long, value_name = "TOKENS.toml", default_value = "tokens.toml")]
    pub(crate) tokens: PathBuf,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "expected a number, such as 60".to_owned())?;
    if (1e-3..=1e6).contains(&speed) { Ok(speed) } else { Err("expected a number from 0.001 to 1000000".to_owned()) }
}
