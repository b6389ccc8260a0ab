//! `serve`: a live session, with HTTP and the wall.

use std::ffi::OsStr;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flowbench_events::{Input, Mapping, ReadOptions, did_you_mean_or_list, duration_text};
use flowbench_generators::{Amount, Generator};
use flowbench_harness::find_pipeline;
use flowbench_harness::generate::profile;
use flowbench_harness::live::{
    LivePipeline, LiveService, LiveSessionEnd, LiveSessionError, LiveSpec, Pace, ServiceError, ServiceSpec,
    SourceReport, offer_generated, offer_lines, offer_log, wall_pipelines,
};
use flowbench_live::{GateConfig, HttpLimits, wall_clock_ms};
use flowbench_pipelines::{Pipeline, Registry};
use flowbench_report::counted;

use crate::args::{Format, Serve};
use crate::axes::run_config;
use crate::failure::{Failure, OK, eprint};
use crate::run::shell_quoted;
use crate::signals::{Interruption, stop_on_signals};

/// How often it is looked whether the session is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a source may take to notice that the session is over.
const END_WITHIN: Duration = Duration::from_millis(500);

/// What a file of a configuration may have at most.
const TEXT_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn serve(args: &Serve, registry: Registry, quiet: bool) -> Result<i32, Failure> {
    if !args.recording.to_string_lossy().ends_with(".jsonl.zst") {
        let problem = format!("--recording {}: a recording ends in .jsonl.zst", args.recording.display());
        return Err(Failure::usage_error(problem));
    }
    let source = Source::new(args)?;
    let session = session(args, registry)?;
    let spec = ServiceSpec {
        address: args.listen,
        names: args.host.clone(),
        tokens: args.tokens.clone(),
        layout: args.wall.as_deref().map(text).transpose()?,
        rules: args.rules.clone(),
        functions: args.functions.clone(),
        sinks: args.webhooks.as_deref().map(text).transpose()?,
        limits: HttpLimits::default(),
    };
    // Until it listens, nothing is lost by a signal that ends it.
    let service = LiveService::start(session, spec).map_err(failure)?;
    let interruption = stop_on_signals()?;
    if !quiet {
        greet(&service, args);
    }
    let report = run(&service, source, &interruption, args.until_end);
    let end = service.end();
    if !quiet {
        report.iter().flatten().for_each(|report| eprint(of_source(report)));
    }
    let end = end.map_err(failure)?;
    if !quiet {
        eprint(farewell(&end, args));
    }
    report.transpose().map_err(Failure::failed)?;
    Ok(OK)
}

fn failure(error: ServiceError) -> Failure {
    match error {
        ServiceError::Configuration(problems) => Failure::problems(&problems),
        ServiceError::Session(error @ (LiveSessionError::Setting { .. } | LiveSessionError::Unsupported { .. })) => {
            Failure::usage_error(error)
        }
        error => Failure::failed(error),
    }
}

/// Returns the session that is asked for.
fn session(args: &Serve, registry: Registry) -> Result<LiveSpec, Failure> {
    let config = run_config(&args.strategy, &args.order, &args.eviction, args.workers)?;
    let named = match args.pipeline.is_empty() {
        true => wall_pipelines(registry).map_err(|problems| Failure::problems(&problems))?,
        false => args.pipeline.iter().map(|name| named(name, registry)).collect::<Result<_, _>>()?,
    };
    let mut pipelines: Vec<LivePipeline> = named
        .into_iter()
        .map(|(feed, pipeline)| LivePipeline { feed, pipeline, settings: Vec::new(), config })
        .collect();
    for setting in &args.set {
        let (feed, setting) = setting.split_once(':').ok_or_else(|| {
            Failure::usage_error(format!("--set {setting}: expected FEED:KEY=VALUE, such as orders:threshold=1000"))
        })?;
        let at = pipelines.iter().position(|one| one.feed == feed).ok_or_else(|| {
            let hint = did_you_mean_or_list(feed, pipelines.iter().map(|one| one.feed.as_str()));
            Failure::usage_error(format!("--set: there is no feed '{feed}'{hint}"))
        })?;
        pipelines[at].settings.push(setting.to_owned());
    }
    let gate = GateConfig {
        slack_ms: args.slack_ms,
        max_ahead_ms: args.max_ahead_ms,
        idle_after_ms: Some(args.idle_after_ms),
        ..GateConfig::default()
    };
    let kept_events = usize::try_from(args.kept_events).unwrap_or(usize::MAX);
    Ok(LiveSpec { recording: args.recording.clone(), gate, pipelines, kept_events })
}

/// Returns a pipeline with the name of its feed.
fn named(text: &str, registry: Registry) -> Result<(String, &'static dyn Pipeline), Failure> {
    let (feed, name) = feed_and_name(text);
    Ok((feed.to_owned(), find_pipeline(name, registry)?))
}

/// Returns the name of a feed and that of its pipeline: `FEED=NAME`, or the feed is called after the pipeline or its file.
fn feed_and_name(text: &str) -> (&str, &str) {
    let stem = || Path::new(text).file_stem().and_then(OsStr::to_str).unwrap_or(text);
    text.split_once('=').unwrap_or_else(|| (stem(), text))
}

/// Reads a file of a configuration.
fn text(path: &Path) -> Result<(String, String), Failure> {
    use std::io::Read;
    let name = path.display().to_string();
    let read = || {
        let mut text = String::new();
        std::fs::File::open(path)?.take(TEXT_BYTES_MAX).read_to_string(&mut text).map(|_| text)
    };
    read().map(|text| (name.clone(), text)).map_err(|error| Failure::usage_error(format!("{name}: {error}")))
}

/// What is offered beside HTTP.
enum Source {
    None,
    World { generator: Box<Generator>, amount: Amount, speed: f64 },
    Lines,
    Log { input: Input, options: Box<ReadOptions>, pace: Pace },
}

impl Source {
    fn new(args: &Serve) -> Result<Source, Failure> {
        if let Some(name) = &args.generate {
            // What is `--set` for `generate` has another name here.
            let of_world = |error: String| error.replacen("--set", "--world", 1);
            let profile = profile(name, &args.world);
            let profile = profile.map_err(|error| Failure::usage_error(of_world(error.to_string())))?;
            let generator = Generator::new(&profile, args.seed).map_err(Failure::usage_error)?;
            let amount = Amount::Events(args.count.unwrap_or(u64::MAX));
            return Ok(Source::World { generator: Box::new(generator), amount, speed: args.speed });
        }
        let Some(path) = &args.log else { return Ok(Source::None) };
        if path != Path::new("-")
            && let Err(error) = std::fs::File::open(path)
        {
            return Err(Failure::usage_error(format!("--log {}: {error}", path.display())));
        }
        let is_json = args.map.is_none() && args.format != Some(Format::Csv);
        if path == Path::new("-") && is_json {
            return Ok(Source::Lines);
        }
        let mapping = args.map.as_deref().map(Mapping::load).transpose();
        let options = ReadOptions {
            format: args.format.map(Into::into),
            mapping: mapping.map_err(Failure::usage_error)?,
            strict: false,
        };
        let is_stream = path == Path::new("-");
        let pace = if is_stream { Pace::AsRead } else { Pace::Recorded { speed: args.speed } };
        Ok(Source::Log { input: Input::new(path), options: Box::new(options), pace })
    }
}

/// Runs until a signal, the end of the session by itself, or the end of the source if that is wanted.
fn run(
    service: &LiveService,
    source: Source,
    interruption: &Arc<Interruption>,
    until_end: bool,
) -> Option<Result<SourceReport, String>> {
    let mut thread = start(service, source, interruption);
    let (mut report, mut rules_problem, mut told_of_functions) = (None, None, Vec::new());
    let ends_at_once = until_end && thread.is_none();
    while !ends_at_once && interruption.exit_code().is_none() && !service.session().has_ended() {
        if let Some(finished) = thread.take_if(|thread| thread.is_finished()) {
            report = Some(joined(finished));
            if until_end {
                break;
            }
        }
        tell(&mut rules_problem, service.rules_problem());
        let of_functions = service.function_problems();
        of_functions.iter().filter(|problem| !told_of_functions.contains(*problem)).for_each(eprint);
        told_of_functions = of_functions;
        thread::sleep(LOOK_EVERY);
    }
    // A log on standard input may never end; whatever it had offered is in the recording.
    report.or_else(|| {
        let thread = thread?;
        thread::sleep(END_WITHIN);
        thread.is_finished().then(|| joined(thread))
    })
}

/// Says once what is wrong with rules that were changed, and that it is no more.
fn tell(told: &mut Option<String>, problem: Option<String>) {
    if *told == problem {
        return;
    }
    match &problem {
        Some(problem) => eprint(format!("rules: {problem}; the rules before go on")),
        None => eprint("rules: the file is loaded".to_owned()),
    }
    *told = problem;
}

type SourceThread = JoinHandle<Result<SourceReport, String>>;

/// Starts the source; `None` if there is none beside HTTP.
fn start(service: &LiveService, source: Source, interruption: &Arc<Interruption>) -> Option<SourceThread> {
    if matches!(source, Source::None) {
        return None;
    }
    let (door, interruption) = (service.session().door(), Arc::clone(interruption));
    // A world goes on where the recording is, which may be ahead of the clock: otherwise all of it would be late.
    let begin_ms = service.session().newest_ms().unwrap_or(i64::MIN).max(wall_clock_ms());
    let run = move || match source {
        Source::None => Ok(SourceReport::default()),
        Source::World { generator, amount, speed } => {
            Ok(offer_generated(&generator, amount, begin_ms, speed, &door, interruption.flag()))
        }
        Source::Lines => offer_lines(BufReader::new(std::io::stdin()), &door, interruption.flag(), tell_refusal)
            .map_err(|error| format!("standard input cannot be read: {error}")),
        Source::Log { input, options, pace } => {
            offer_log(&input, &options, pace, &door, interruption.flag(), tell_refusal)
                .map_err(|error| error.to_string())
        }
    };
    thread::Builder::new().name("source".to_owned()).spawn(run).ok()
}

fn tell_refusal(reason: &str) {
    eprint(format!("source: an event was refused: {reason}; more of them are counted and told at the end"));
}

fn joined(thread: SourceThread) -> Result<SourceReport, String> {
    thread.join().unwrap_or_else(|_| Err("the source stopped because of an error of its own".to_owned()))
}

fn greet(service: &LiveService, args: &Serve) {
    let address = shown_address(service.address(), args);
    let recovered = service.session().recovered();
    eprint(format!("wall     http://{address}/"));
    eprint(format!("events   http://{address}/events  (POST: CloudEvents or JSON Lines)"));
    for queue in service.session().feeds().all() {
        eprint(format!("feed     http://{address}/feeds/{}", queue.name()));
    }
    let recording = args.recording.display();
    match recovered.lines {
        0 | 1 => eprint(format!("recorded in {recording}; end with Ctrl-C")),
        _ => {
            let events = counted(service.session().events().0 as usize, "event");
            eprint(format!("goes on with {recording}, whose {events} are answered again; end with Ctrl-C"));
        }
    }
    let slack_ms = service.session().slack_ms();
    if slack_ms != args.slack_ms {
        eprint(format!("note: the slack is {}, that of the recording", duration_text(slack_ms)));
    }
    if recovered.cut_off_bytes > 0 {
        eprint(format!(
            "note: {} bytes at its end were of an epoch that had not been accepted, and were cut off",
            recovered.cut_off_bytes
        ));
    }
}

/// Returns the address as a browser may be given it.
fn shown_address(address: SocketAddr, args: &Serve) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let name = args.host.first().map_or("127.0.0.1", String::as_str);
    if name.contains(':') { name.to_owned() } else { format!("{name}:{}", address.port()) }
}

fn of_source(report: &SourceReport) -> String {
    match report {
        SourceReport { offered: 0, .. } => "source: nothing was offered".to_owned(),
        report => {
            let SourceReport { offered, accepted, late, repeated, rejected, first_reject, behind_ms } = report;
            let mut text = format!("source: {offered} events offered, {accepted} accepted, {late} of them late");
            text.push_str(&format!(", {repeated} repeated, {rejected} refused"));
            if let Some(reason) = first_reject {
                text.push_str(&format!(" (the first: {reason})"));
            }
            if *behind_ms >= 1_000 {
                text.push_str(&format!("; at most {:.1} s behind its pace", *behind_ms as f64 / 1_000.0));
            }
            text
        }
    }
}

fn farewell(end: &LiveSessionEnd, args: &Serve) -> String {
    let counted = |n: u64, noun| counted(n as usize, noun);
    let (events, epochs) = (counted(end.gate.events, "event"), counted(end.gate.epochs, "epoch"));
    let mut text = format!("accepted: {events} in {epochs}");
    for (feed, answers) in &end.answers {
        let left = counted(answers.given - answers.taken_back, "answer");
        text.push_str(&format!("\n  {feed}: {left}, digest of their texts {:016x}", answers.digest));
    }
    let recording = args.recording.display();
    text.push_str(&format!("\nthe recording is {recording}; serve goes on with it"));
    if let Some((feed, _)) = end.answers.first() {
        text.push_str(&format!(", and this gives the same answers:\n  {}", replay_command(feed, args)));
    }
    text
}

/// Returns the command that answers the recording as the pipeline of a feed did.
fn replay_command(feed: &str, args: &Serve) -> String {
    // Those of the wall have the names of their feeds.
    let pipeline = args.pipeline.iter().map(|text| feed_and_name(text)).find(|(name, _)| *name == feed);
    let [recording, pipeline] =
        [args.recording.as_path(), Path::new(pipeline.map_or(feed, |(_, name)| name))].map(shell_quoted);
    let mut command = format!("flowbench replay {recording} --pipeline {pipeline} --order {}", args.order);
    for setting in args.set.iter().filter_map(|text| text.strip_prefix(feed)?.strip_prefix(':')) {
        command.push_str(&format!(" --set '{setting}'"));
    }
    if args.eviction != "frontier" {
        command.push_str(&format!(" --eviction '{}'", args.eviction));
    }
    format!("{command} --stats -o {feed}.csv")
}
