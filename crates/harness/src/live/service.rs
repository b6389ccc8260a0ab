//! A session with everything around it: HTTP, the wall, rules, functions and webhooks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use flowbench_events::{Problems, SourceText, rfc3339};
use flowbench_live::webhook::{
    SinkReferences, WebhookOptions, WebhookSinks, WebhookStartError, WebhookState, read_webhook_sinks,
};
use flowbench_live::{
    CloudEvent, CursorFileError, EventQueue, EventTimePace, ExternalReaders, FunctionHost, FunctionSettings,
    HttpConfig, HttpLimits, HttpServer, HttpServerError, RunningFunctions, TokenFile, WallFrames, WallLayout,
    WallTiles, event_filter,
};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::remarks::{event_time, function_problem, remarks};
use super::rules::{RunningRules, start_rules};
use super::session::{INBOX, LiveSession, LiveSessionEnd, LiveSessionError, LiveSpec, PipelineProgress};
use super::wall_figures;

/// How a session is served.
pub struct ServiceSpec {
    /// The address to listen on; port 0 for any that is free.
    pub address: SocketAddr,
    /// Names that a `Host` header may have beside the address.
    pub names: Vec<String>,
    /// The file of tokens.
    pub tokens: Option<PathBuf>,
    /// The layout of the wall as the path of its file, beside which its CSV files are, and its text; the built-in one if
    /// there is none.
    pub layout: Option<(String, String)>,
    /// The file of rules.
    pub rules: Option<PathBuf>,
    /// The folder of functions.
    pub functions: Option<PathBuf>,
    /// The webhooks as the name of their file and its text.
    pub sinks: Option<(String, String)>,
    /// The bounds of HTTP.
    pub limits: HttpLimits,
}

/// A session that is served.
pub struct LiveService {
    session: Arc<LiveSession>,
    http: HttpServer,
    wall: Arc<WallFrames>,
    wall_thread: JoinHandle<()>,
    external: ExternalReaders,
    rules: Option<RunningRules>,
    functions: Option<RunningFunctions>,
    sinks: Option<Arc<Mutex<WebhookSinks>>>,
}

/// Why a session cannot be served or ended badly.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The session.
    #[error(transparent)]
    Session(#[from] LiveSessionError),
    /// The layout of the wall or the webhooks.
    #[error(transparent)]
    Configuration(#[from] Problems),
    /// HTTP.
    #[error(transparent)]
    Http(#[from] HttpServerError),
    /// The rules.
    #[error("{0}")]
    Rules(String),
    /// The cursors of functions.
    #[error(transparent)]
    Cursors(#[from] CursorFileError),
    /// The webhooks.
    #[error(transparent)]
    Webhooks(#[from] WebhookStartError),
    /// The system has no more threads, or a folder beside the recording cannot be made.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// How long sinks and functions may take to end.
const END_DEADLINE: Duration = Duration::from_secs(10);

impl LiveService {
    /// Starts everything. What was recorded in earlier sessions has been given to the pipelines when this returns.
    ///
    /// # Errors
    ///
    /// Fails with whatever cannot be started. Then a recording that was begun here is removed again.
    pub fn start(session: LiveSpec, spec: ServiceSpec) -> Result<LiveService, ServiceError> {
        let recording = session.recording.clone();
        let is_new = !recording.exists();
        let session = Arc::new(LiveSession::start(session)?);
        let started = LiveService::around(&session, &beside(&recording), spec);
        if started.is_err() && is_new {
            remove_if_empty(session, &recording);
        }
        started
    }

    /// Starts what is around a session.
    fn around(session: &Arc<LiveSession>, beside: &Path, spec: ServiceSpec) -> Result<LiveService, ServiceError> {
        let queues: BTreeMap<String, Arc<EventQueue>> =
            session.feeds().all().into_iter().map(|queue| (queue.name().to_owned(), queue)).collect();
        let mut layout = match &spec.layout {
            // What may never come takes no room from what does.
            None => WallLayout::for_feeds(queues.keys().map(String::as_str).filter(|feed| *feed != INBOX))?,
            Some((name, text)) => WallLayout::parse(text, name)?,
        };
        layout.slack_ms = session.slack_ms();
        let tiles = WallTiles::new(&layout, &queues)?;
        let folder = spec.layout.as_ref().and_then(|(name, _)| Path::new(name).parent()).unwrap_or(Path::new(""));
        let external = ExternalReaders::start(&tiles.external(), folder, &|name: &str| std::env::var(name).ok())?;
        let wall = WallFrames::new(&layout, Box::new(wall_figures::draw), &flowbench_report::tile_style());
        std::fs::create_dir_all(beside)?;
        let rules = spec.rules.as_deref().map(|path| {
            let (door, cursors) = (session.door(), beside.join("rules.json"));
            let columns = session.columns();
            start_rules(
                path,
                cursors,
                Arc::clone(session.feeds()),
                columns,
                Arc::new(move |events: Vec<CloudEvent>| door.emit(events)),
                has_caught_up(session),
            )
        });
        let rules = rules.transpose().map_err(ServiceError::Rules)?;
        let functions = spec.functions.as_deref().map(|folder| start_functions(folder, beside, session)).transpose()?;
        let sinks = spec.sinks.map(|(name, text)| start_sinks(&name, &text, &queues, beside)).transpose()?;
        let sinks = sinks.map(|sinks| Arc::new(Mutex::new(sinks)));
        let config = HttpConfig {
            names: spec.names,
            tokens: spec.tokens.map(TokenFile::new),
            filters: Some(Arc::new(event_filter)),
            status: Some(status(session, rules.as_ref(), functions.as_ref(), sinks.as_ref())),
            routes: wall.routes(),
            limits: spec.limits,
            ..HttpConfig::new(Arc::new(session.door()), Arc::clone(session.feeds()))
        };
        let http = HttpServer::start(spec.address, config)?;
        wall.set_remarks(remarks(session, rules.as_ref(), functions.as_ref()));
        let wall_thread = wall.start(tiles, Arc::clone(session.freshness()))?;
        let session = Arc::clone(session);
        Ok(LiveService { session, http, wall, wall_thread, external, rules, functions, sinks })
    }

    /// Returns the address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// Returns why the file of rules as it is now is not taken up; `None` if it is, or there is none.
    pub fn rules_problem(&self) -> Option<String> {
        let states = self.rules.as_ref()?.states();
        states.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    /// Returns why functions do not run, one text for each of them.
    pub fn function_problems(&self) -> Vec<String> {
        let states = self.functions.as_ref().map(|functions| functions.states().get());
        states.iter().flatten().filter_map(function_problem).collect()
    }

    /// Returns the session.
    pub fn session(&self) -> &LiveSession {
        &self.session
    }

    /// Stops taking events, answers those that were accepted, ends all streams, and ends.
    ///
    /// # Errors
    ///
    /// Fails with the first part that ended badly; the recording is whole whatever fails.
    pub fn end(self) -> Result<LiveSessionEnd, ServiceError> {
        let LiveService { session, http, wall, wall_thread, external, rules, functions, sinks } = self;
        wall.close();
        drop(external);
        let stopped = http.stop();
        rules.into_iter().for_each(RunningRules::stop);
        functions.into_iter().for_each(RunningFunctions::stop);
        if let Some(sinks) = sinks.and_then(Arc::into_inner) {
            let sinks = sinks.into_inner().unwrap_or_else(PoisonError::into_inner);
            let busy = sinks.stop(END_DEADLINE);
            if !busy.is_empty() {
                log::warn!("webhooks that had not ended, whose last event is sent again: {}", busy.join(", "));
            }
        }
        let _ = wall_thread.join(); // it has nothing to say
        let session = Arc::into_inner(session).ok_or_else(|| std::io::Error::other("a part of the service goes on"))?;
        let end = session.end()?;
        stopped?;
        Ok(end)
    }
}

/// Returns the folder beside a recording where cursors are kept, such as `live.state` for `live.jsonl.zst`.
fn beside(recording: &Path) -> PathBuf {
    let name = recording.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    recording.with_file_name(format!("{stem}.state"))
}

/// Ends a session that could not be served, and removes its recording if nothing is in it.
fn remove_if_empty(session: Arc<LiveSession>, recording: &Path) {
    let end = Arc::into_inner(session).map(LiveSession::end);
    if matches!(end, Some(Ok(end)) if end.gate.epochs == 0) {
        let _ = std::fs::remove_file(recording);
        let _ = std::fs::remove_dir(beside(recording)); // which fails if there is something in it
    }
}

fn start_functions(folder: &Path, beside: &Path, session: &Arc<LiveSession>) -> Result<RunningFunctions, ServiceError> {
    let settings = FunctionSettings::new(folder, beside.join("functions.json"));
    let (door, feeds) = (session.door(), Arc::clone(session.feeds()));
    let mut host = FunctionHost::new(settings, Arc::new(move |events: Vec<CloudEvent>| door.emit(events)))?;
    host.refresh()?; // a folder that is not there should be known at once
    Ok(host.start(Arc::new(move |name: &str| feeds.get(name)), has_caught_up(session))?)
}

/// Returns what says whether the feeds have again what they had in the last session.
fn has_caught_up(session: &Arc<LiveSession>) -> impl Fn() -> bool + Send + 'static {
    let session = Arc::downgrade(session);
    move || session.upgrade().is_none_or(|session| !session.is_catching_up())
}

fn start_sinks(
    name: &str,
    text: &str,
    queues: &BTreeMap<String, Arc<EventQueue>>,
    beside: &Path,
) -> Result<WebhookSinks, ServiceError> {
    let environment = |name: &str| std::env::var(name).ok();
    let references = SinkReferences { environment: &environment, filter: &event_filter };
    let sinks = read_webhook_sinks(&SourceText::new(name, text), &references)?;
    let cursors = beside.join("webhooks");
    std::fs::create_dir_all(&cursors)?;
    Ok(WebhookSinks::start(sinks, queues, &cursors, &WebhookOptions::default())?)
}

/// Returns what says how pipelines, rules, functions and webhooks are.
fn status(
    session: &Arc<LiveSession>,
    rules: Option<&RunningRules>,
    functions: Option<&RunningFunctions>,
    sinks: Option<&Arc<Mutex<WebhookSinks>>>,
) -> flowbench_live::StatusSource {
    let (session, functions) = (Arc::downgrade(session), functions.map(RunningFunctions::states));
    let (rules, sinks) = (rules.map(RunningRules::states), sinks.map(Arc::downgrade));
    Arc::new(move || {
        let mut status = Map::new();
        let session = session.upgrade();
        let (events, late) = session.as_ref().map(|session| session.events()).unwrap_or_default();
        status.insert("events".to_owned(), json!({ "accepted": events, "late": late }));
        if let Some(session) = &session {
            status.insert("catching_up".to_owned(), session.is_catching_up().into());
            status.insert("event_time".to_owned(), event_time_status(session));
        }
        let pipelines = session.map(|session| session.progress()).unwrap_or_default();
        status.insert("pipelines".to_owned(), pipelines.iter().map(pipeline_status).collect());
        if let Some(rules) = &rules {
            status.insert("rules".to_owned(), json!(*rules.lock().unwrap_or_else(PoisonError::into_inner)));
        }
        if let Some(functions) = &functions {
            status.insert("functions".to_owned(), json!(functions.get()));
        }
        if let Some(sinks) = sinks.as_ref().and_then(std::sync::Weak::upgrade) {
            let states = sinks.lock().unwrap_or_else(PoisonError::into_inner).states();
            status.insert("webhooks".to_owned(), states.iter().map(webhook_status).collect());
        }
        status
    })
}

fn event_time_status(session: &LiveSession) -> Value {
    let moved_by = match session.event_time_pace() {
        EventTimePace::Clock => "clock",
        EventTimePace::Source => "source",
        EventTimePace::Ahead | EventTimePace::Behind => "nothing",
    };
    json!({
        "newest": session.newest_ms().map(rfc3339),
        "moved_by": moved_by,
        "problem": event_time(session),
    })
}

fn webhook_status(state: &WebhookState) -> Value {
    json!({
        "name": state.name,
        "feed": state.feed,
        "url": state.url,
        "status": format!("{:?}", state.status).to_lowercase(),
        "cursor": state.cursor.0,
        "pending": state.pending,
        "delivered": state.delivered,
        "failures": state.failures,
        "last_error": state.last_error,
    })
}

fn pipeline_status(progress: &PipelineProgress) -> Value {
    let PipelineProgress { feed, answers, epochs, entries } = progress;
    json!({
        "feed": feed,
        "answers_given": answers.given,
        "answers_taken_back": answers.taken_back,
        "epochs_answered": epochs,
        "entries": entries,
    })
}
