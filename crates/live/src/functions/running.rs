//! Functions on a thread of their own.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::host::{FunctionHost, QueueByName};
use super::state::FunctionStates;
use crate::emissions::wait_for_receipts;
use crate::stop_signal::is_stopped_within;

/// How often the folder is looked at, and the cursors are kept.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// How long functions rest when there is nothing to do.
const REST: Duration = Duration::from_millis(20);

/// Functions that run. Dropping it lets them end soon; [`stop`](Self::stop) waits until they have.
#[derive(Debug)]
pub struct RunningFunctions {
    states: FunctionStates,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl FunctionHost {
    /// Runs the functions on a thread of their own, which looks at the folder every second, as soon as `is_ready` returns
    /// true: when the queues have again what cursors from before lead to.
    ///
    /// # Errors
    ///
    /// Fails if the system has no thread to give.
    pub fn start(
        self,
        queues: Arc<QueueByName>,
        is_ready: impl Fn() -> bool + Send + 'static,
    ) -> io::Result<RunningFunctions> {
        let states = self.states();
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("functions".to_owned()).spawn(move || {
            while !is_ready() {
                if is_stopped_within(&stopped, REST) {
                    return;
                }
            }
            run(self, &*queues, |rest| is_stopped_within(&stopped, rest));
        })?;
        Ok(RunningFunctions { states, stop, thread })
    }
}

impl RunningFunctions {
    /// Returns what shows the functions.
    pub fn states(&self) -> FunctionStates {
        self.states.clone()
    }

    /// Lets the batches that run be the last, and keeps the cursors. Takes as long as one batch of each function, and until
    /// what they emitted is recorded.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            log::error!("the thread of functions panicked; their cursors are those of a second before");
        }
    }
}

/// Runs functions until `rests`, which waits for as long as it is told, returns true.
fn run(mut host: FunctionHost, queues: &QueueByName, rests: impl Fn(Duration) -> bool) {
    let mut folder_error = None;
    let mut refreshed: Option<Instant> = None;
    loop {
        let refreshes = refreshed.is_none_or(|at| at.elapsed() >= REFRESH_EVERY);
        if refreshes {
            let error = host.refresh().err().map(|error| error.to_string());
            if let (Some(text), true) = (&error, error != folder_error) {
                log::warn!("{text}");
            }
            folder_error = error;
            refreshed = Some(Instant::now());
        }
        let rest = if host.run_once(queues) == 0 { REST } else { Duration::ZERO };
        if refreshes {
            save(&mut host); // where new functions begin, too
        }
        if rests(rest) {
            break;
        }
    }
    wait_for_receipts(|| host.is_waiting());
    save(&mut host);
}

fn save(host: &mut FunctionHost) {
    if let Err(error) = host.save_cursors() {
        log::warn!("{error}");
    }
}
