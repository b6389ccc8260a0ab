//! What the wall and `/status` say of a session beside its answers.

use std::sync::{Arc, PoisonError};

use flowbench_events::{duration_text, rfc3339};
use flowbench_live::{
    EventTimePace, FunctionState, FunctionStates, FunctionStatus, RemarkSource, RunningFunctions, Thousandths,
    WallRemarks, shortened, wall_clock_ms,
};

use super::rules::RunningRules;
use super::session::LiveSession;

/// Characters of a problem that the wall shows at most.
const PROBLEM_CHARS_MAX: usize = 300;

/// Returns what says how a session, its rules and its functions are, for the wall.
pub(super) fn remarks(
    session: &Arc<LiveSession>,
    rules: Option<&RunningRules>,
    functions: Option<&RunningFunctions>,
) -> RemarkSource {
    let (session, rules) = (Arc::downgrade(session), rules.map(RunningRules::states));
    let functions = functions.map(RunningFunctions::states);
    Arc::new(move || {
        let mut remarks = WallRemarks::default();
        if let Some(session) = session.upgrade() {
            let (events, late) = session.events();
            remarks.is_catching_up = session.is_catching_up();
            let [all, few] = [events, late].map(|count| Thousandths::from_whole(count.into()));
            remarks.notes.extend((late > 0).then(|| format!("{few} of {all} events came late.")));
            remarks.notes.extend(event_time(&session));
        }
        if let Some(rules) = &rules {
            remarks.problems.extend(rules.lock().unwrap_or_else(PoisonError::into_inner).problem.clone());
        }
        let functions = functions.as_ref().map(FunctionStates::get).unwrap_or_default();
        remarks.problems.extend(functions.iter().filter_map(function_problem));
        for problem in &mut remarks.problems {
            *problem = shortened(problem, PROBLEM_CHARS_MAX);
        }
        remarks
    })
}

/// Says that event time stands still, and why; `None` if it does not.
pub(super) fn event_time(session: &LiveSession) -> Option<String> {
    let newest_ms = session.newest_ms()?;
    match session.event_time_pace() {
        EventTimePace::Clock | EventTimePace::Source => None,
        EventTimePace::Ahead => {
            const SECOND_MS: i64 = 1_000;
            let ahead_ms = (newest_ms - wall_clock_ms()).max(SECOND_MS) / SECOND_MS * SECOND_MS;
            Some(format!("Event time is {} ahead of the clock; what happens now is late.", duration_text(ahead_ms)))
        }
        EventTimePace::Behind => {
            Some(format!("Event time stands still at {}, where its source has ended.", rfc3339(newest_ms)))
        }
    }
}

/// Says that a function does not run, and why; `None` if it does.
pub(super) fn function_problem(function: &FunctionState) -> Option<String> {
    let status = match function.status {
        FunctionStatus::Running => return None,
        FunctionStatus::Waiting => {
            return Some(format!("function {} waits: there is no feed '{}'", function.name, function.feed));
        }
        FunctionStatus::Suspended => "is suspended",
        FunctionStatus::Refused => "is refused",
    };
    let why = function.last_error.as_deref().unwrap_or("for an unknown reason");
    Some(format!("function {} {status}: {why}", function.name))
}
