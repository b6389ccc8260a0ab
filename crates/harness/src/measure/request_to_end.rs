//! A process that is asked to end in the middle of a run says first how far it is.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use flowbench_measurement::timeline::Reading;
use signal_hook::consts::SIGTERM;
use signal_hook::{flag, low_level};

static IS_ASKED: AtomicBool = AtomicBool::new(false);
/// While no sampler looks, the request ends the process at once.
static ENDS_AT_ONCE: AtomicBool = AtomicBool::new(true);

/// Makes `SIGTERM` end this process only after the run that is going on has said how far it is.
///
/// # Errors
///
/// Fails if the system refuses; the signal then ends the process at once.
pub(crate) fn answer_requests_to_end() -> io::Result<()> {
    flag::register_conditional_default(SIGTERM, &ENDS_AT_ONCE)?;
    flag::register(SIGTERM, &IS_ASKED).map(|_| ())
}

/// Says whether a sampler looks for the request from now on.
pub(super) fn set_watched(is_watched: bool) {
    ENDS_AT_ONCE.store(!is_watched, Ordering::SeqCst);
}

/// True once this process was asked to end.
pub(super) fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// Says on standard error how far the run is, and ends the process as the signal would have.
pub(super) fn end(reached: &Reading) {
    eprintln!("{}", progress(reached));
    let _ = low_level::emulate_default_handler(SIGTERM);
}

fn progress(reached: &Reading) -> String {
    let Reading { at_ns, admitted, buffered, entries, .. } = reached;
    let seconds = *at_ns as f64 / 1e9;
    format!(
        "asked to end {seconds:.1} s after the run began: {admitted} events admitted, of which {buffered} wait for the \
         watermark; {entries} entries of state"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_names_what_was_admitted_and_what_is_held() {
        let reached = Reading { at_ns: 4_940_000_000, admitted: 70, buffered: 3, entries: 12, ..Reading::default() };
        let wanted = "asked to end 4.9 s after the run began: 70 events admitted, of which 3 wait for the watermark; \
                      12 entries of state";
        assert_eq!(progress(&reached), wanted);
    }
}
