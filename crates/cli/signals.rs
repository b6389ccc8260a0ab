//! What signals do to a command.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::failure::{Failure, INTERRUPTED};

/// Makes Ctrl-C remove unfinished outputs and end the process. Finished files that they would have replaced stay.
pub(crate) fn remove_unfinished_outputs_on_signals() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let clean_up = move || {
        if signals.forever().next().is_some() {
            flowbench_events::remove_unfinished_outputs();
            std::process::exit(INTERRUPTED);
        }
    };
    // Without this thread, an unfinished file stays under its temporary name.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(clean_up);
}

/// Returns a flag that the first Ctrl-C sets, to stop a run and keep what is finished. The second one exits at once.
pub(crate) fn stop_on_signals() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: a signal exits at once if an earlier one has asked the run to stop.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&interrupted))
            .and_then(|_| flag::register(signal, Arc::clone(&interrupted)))
            .map_err(|error| Failure::failed(format!("Ctrl-C cannot be waited for: {error}")))?;
    }
    Ok(interrupted)
}

/// Makes writing beyond the file size limit (`ulimit -f`) an error of the write: by default the signal ends the process
/// without a message.
pub(crate) fn survive_full_files() {
    let ignored = Arc::new(AtomicBool::new(false));
    let _ = flag::register(SIGXFSZ, ignored);
}
