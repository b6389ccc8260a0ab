//! What signals do to a command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// The signals that end a command.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
/// How long after a signal another one is still taken for the same: `timeout` sends each of them twice.
const SAME_SIGNAL: Duration = Duration::from_millis(300);

/// Makes a signal remove unfinished outputs and end the process. Finished files that they would have replaced stay.
pub(crate) fn remove_unfinished_outputs_on_signals() {
    let Ok(mut signals) = Signals::new(ENDING) else { return };
    let clean_up = move || {
        if let Some(signal) = signals.forever().next() {
            flowbench_events::remove_unfinished_outputs();
            std::process::exit(exit_code(signal));
        }
    };
    // Without this thread, an unfinished file stays under its temporary name.
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(clean_up);
}

/// Whether a signal has asked a run to stop, and which one.
#[derive(Default)]
pub(crate) struct Interruption {
    flag: AtomicBool,
    signal: AtomicI32,
}

impl Interruption {
    /// Returns the flag that the signal sets.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// Returns the exit code of a run that a signal has stopped; `None` if there was none.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.flag.load(Ordering::Acquire).then(|| exit_code(self.signal.load(Ordering::Relaxed)))
    }

    fn set(&self, signal: i32) {
        self.signal.store(signal, Ordering::Relaxed);
        self.flag.store(true, Ordering::Release);
    }
}

/// Makes the first signal stop a run, which then keeps what is finished. The second one exits at once.
pub(crate) fn stop_on_signals() -> Result<Arc<Interruption>, Failure> {
    let interruption = Arc::new(Interruption::default());
    let failed = |error| Failure::failed(format!("Ctrl-C cannot be waited for: {error}"));
    let mut signals = Signals::new(ENDING).map_err(failed)?;
    let asked = Arc::clone(&interruption);
    let wait = move || {
        let mut first: Option<Instant> = None;
        for signal in signals.forever() {
            match first {
                None => asked.set(signal),
                Some(at) if at.elapsed() < SAME_SIGNAL => {}
                Some(_) => std::process::exit(exit_code(signal)),
            }
            first.get_or_insert_with(Instant::now);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(failed)?;
    Ok(interruption)
}

/// Makes writing beyond the file size limit (`ulimit -f`) an error of the write: by default the signal ends the process
/// without a message.
pub(crate) fn survive_full_files() {
    let ignored = Arc::new(AtomicBool::new(false));
    let _ = flag::register(SIGXFSZ, ignored);
}

/// Returns the exit code of a process that a signal has ended, as shells have it.
fn exit_code(signal: i32) -> i32 {
    128 + signal
}
