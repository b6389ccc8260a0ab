//! The threads that read external sources: one for all files, and one for each feed, since it waits.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use flowbench_events::Problems;

use super::csv_file::CsvFile;
use super::remote_feed::{Polled, RemoteFeed};
use super::source::{ExternalFeed, ExternalSource};
use crate::stop_signal::is_stopped_within;
use crate::wall_clock::wall_clock_ms;

/// How often files are looked at, and how long a feed that answers at once without an event is left alone.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pauses after a first failure and after many.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Readers of external sources, which end when this is dropped. One that waits for an answer ends when it has waited.
#[derive(Debug)]
pub struct ExternalReaders {
    _stops: Vec<Sender<()>>,
}

impl ExternalReaders {
    /// Starts to read these sources. Paths are relative to `folder`; `environment` gives the variables that hold tokens.
    ///
    /// # Errors
    ///
    /// Fails if a variable is not set, or the system has no thread to give.
    pub fn start(
        feeds: &[Arc<ExternalFeed>],
        folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<ExternalReaders, Problems> {
        let (mut files, mut stops) = (Vec::new(), Vec::new());
        for feed in feeds {
            match feed.source() {
                ExternalSource::Csv(path) => files.push((CsvFile::new(folder.join(path)), Arc::clone(feed), None)),
                ExternalSource::Feed { url, bearer } => {
                    let token = bearer.as_deref().map(|name| token(name, environment)).transpose()?;
                    let remote = RemoteFeed::new(url.clone(), token.as_deref());
                    let feed = Arc::clone(feed);
                    stops.push(spawn("external-feed", move |stopped| follow(remote, &feed, &stopped))?);
                }
            }
        }
        if !files.is_empty() {
            stops.push(spawn("external-files", move |stopped| look_at(files, &stopped))?);
        }
        Ok(ExternalReaders { _stops: stops })
    }
}

type WatchedFile = (CsvFile, Arc<ExternalFeed>, Option<i64>);

/// Looks at files until it is stopped.
fn look_at(mut files: Vec<WatchedFile>, stopped: &Receiver<()>) {
    loop {
        for (file, feed, last_read_ms) in &mut files {
            match file.look() {
                Ok(None) => *last_read_ms = Some(wall_clock_ms()),
                Ok(Some(new)) => {
                    *last_read_ms = Some(wall_clock_ms());
                    feed.take(new.is_anew, new.rows);
                    feed.refuse(new.refused, &new.why_refused);
                }
                Err(why) => feed.fail(&why, *last_read_ms),
            }
        }
        if is_stopped_within(stopped, LOOK_EVERY) {
            return;
        }
    }
}

/// How long a feed rests that may have more.
const BETWEEN_BATCHES: Duration = Duration::from_millis(20);

/// Follows a feed until it is stopped.
fn follow(mut remote: RemoteFeed, feed: &ExternalFeed, stopped: &Receiver<()>) {
    let (mut is_anew, mut pause, mut last_read_ms) = (true, PAUSE.0, None);
    loop {
        let asked_at = Instant::now();
        let rest = match remote.poll() {
            Ok(Polled::Events { events, unreadable, why }) => {
                (pause, last_read_ms) = (PAUSE.0, Some(wall_clock_ms()));
                let is_empty = events.is_empty();
                feed.take(std::mem::take(&mut is_anew), events);
                feed.refuse(unreadable, &why);
                if is_empty { LOOK_EVERY.saturating_sub(asked_at.elapsed()) } else { BETWEEN_BATCHES }
            }
            // What was read before is shown until there is something else.
            Ok(Polled::BeginAnew) => {
                is_anew = true;
                PAUSE.0
            }
            Err(why) => {
                feed.fail(&why, last_read_ms);
                let rest = pause;
                pause = (pause * 2).min(PAUSE.1);
                rest
            }
        };
        if is_stopped_within(stopped, rest) {
            return;
        }
    }
}

fn spawn(name: &str, run: impl FnOnce(Receiver<()>) + Send + 'static) -> Result<Sender<()>, Problems> {
    let (stop, stopped) = channel();
    let started = thread::Builder::new().name(name.to_owned()).spawn(move || run(stopped));
    started.map_err(|error: io::Error| Problems::of_name(name, &format!("no thread can be started: {error}")))?;
    Ok(stop)
}

fn token(name: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, Problems> {
    let token = environment(name).map(|token| token.trim().to_owned()).filter(|token| is_token(token));
    token.ok_or_else(|| {
        let problem = "the variable of the environment is not set, or is no token; it is what the layout calls bearer";
        Problems::of_name(name, problem)
    })
}

/// Returns true if a text can stand in a header.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
