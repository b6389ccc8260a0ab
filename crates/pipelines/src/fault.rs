//! Planted faults: how the harness shows that it would notice.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::time::{Duration, Instant};

use flowbench_events::parse_duration_ms;
use thiserror::Error;

use crate::answers::Corrupt;
use crate::axis::serde_by_text;

/// One fault, planted on the first worker that holds state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// After how many messages of that worker (or answers, for a wrong answer).
    pub after: u64,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The operator is busy without doing anything, once, for this many ms.
    StallMs(u64),
    /// One answer is given at another time than it should.
    WrongAnswer,
    /// One event is lost.
    DropEvent,
    /// One event is taken twice.
    DuplicateEvent,
    /// The worker panics.
    Panic,
    /// The worker never comes back.
    EndlessLoop,
    /// The worker takes memory without end.
    MemoryHog,
    /// From there on the worker is busy, after each batch, for this share of the time since the batch before, in percent:
    /// in a closed loop everything takes that much longer.
    SlowerPercent(u64),
    /// The worker keeps this many KiB for nothing, to the end.
    HoardKib(usize),
}

/// A text that is no fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultError {
    /// No fault is called that.
    #[error(
        "'{0}' is not a fault; use stall:500ms, slower:20%, hoard:2048KiB, wrong-answer, drop-event, duplicate-event, \
         panic, endless-loop or memory-hog, each with @N to strike after N messages"
    )]
    Unknown(String),
    /// What follows `@` is not a number.
    #[error("'{after}' in fault '{text}' is not a number of messages")]
    After {
        /// The fault as it was given.
        text: String,
        /// What follows `@`.
        after: String,
    },
    /// The length of a stall is not a duration, a share is not in percent, or a size is not in KiB.
    #[error("fault '{text}': {reason}")]
    Length {
        /// The fault as it was given.
        text: String,
        /// What is wrong with its length.
        reason: String,
    },
}

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads `stall:500ms`, `slower:20%`, `hoard:2048KiB`, `wrong-answer`, `drop-event`, `duplicate-event`, `panic`, `endless-loop`, `memory-hog`, each
    /// optionally with `@N`: after N messages (default 1000).
    fn from_str(text: &str) -> Result<Fault, FaultError> {
        let unknown = || FaultError::Unknown(text.to_owned());
        let (name, after) = text.split_once('@').unwrap_or((text, "1000"));
        let not_a_number = |_| FaultError::After { text: text.to_owned(), after: after.to_owned() };
        let after = after.parse().map_err(not_a_number)?;
        let kind = match name.split_once(':') {
            Some(("stall", length)) => {
                let wrong = |reason: String| FaultError::Length { text: text.to_owned(), reason };
                FaultKind::StallMs(parse_duration_ms(length).map_err(|reason| wrong(reason.to_string()))? as u64)
            }
            Some(("slower", share)) => FaultKind::SlowerPercent(measure(text, share, "%")?),
            Some(("hoard", size)) => FaultKind::HoardKib(measure(text, size, "KiB")?),
            Some(_) => return Err(unknown()),
            None => NAMES.into_iter().find(|(known, _)| *known == name).ok_or_else(unknown)?.1,
        };
        Ok(Fault { kind, after })
    }
}

/// Reads a whole number before its unit.
fn measure<T: FromStr>(fault: &str, text: &str, unit: &str) -> Result<T, FaultError> {
    let number = text.strip_suffix(unit).and_then(|number| number.parse().ok());
    let reason = format!("'{text}' is not a whole number of {unit}");
    number.ok_or(FaultError::Length { text: fault.to_owned(), reason })
}

impl fmt::Display for Fault {
    /// Writes the text that stands for it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FaultKind::StallMs(ms) => write!(formatter, "stall:{ms}ms@{}", self.after),
            FaultKind::SlowerPercent(percent) => write!(formatter, "slower:{percent}%@{}", self.after),
            FaultKind::HoardKib(kib) => write!(formatter, "hoard:{kib}KiB@{}", self.after),
            kind => {
                let name = NAMES.into_iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name);
                write!(formatter, "{name}@{}", self.after)
            }
        }
    }
}

serde_by_text!(Fault);

/// The faults that have no length.
const NAMES: [(&str, FaultKind); 6] = [
    ("wrong-answer", FaultKind::WrongAnswer),
    ("drop-event", FaultKind::DropEvent),
    ("duplicate-event", FaultKind::DuplicateEvent),
    ("panic", FaultKind::Panic),
    ("endless-loop", FaultKind::EndlessLoop),
    ("memory-hog", FaultKind::MemoryHog),
];

/// The fault of one worker, armed until it has fired. Without one, a single test per batch.
#[derive(Debug)]
pub(crate) struct FaultInjector {
    fault: Option<Fault>,
    passed: u64,
    fault_fired: FaultFired,
    /// The end of the batch before, for a worker that is slower.
    batch_end: Option<Instant>,
    hoard: Vec<u8>,
}

/// True once a fault of this worker has fired, wherever it was armed.
pub(crate) type FaultFired = Rc<Cell<bool>>;

impl FaultInjector {
    /// Arms `fault` on the worker that it is planted on and nothing on the others; `fault_fired` is set when it fires.
    pub(crate) fn on(fault: Option<Fault>, is_planted: bool, fault_fired: &FaultFired) -> Self {
        let (fault, fault_fired) = (fault.filter(|_| is_planted), Rc::clone(fault_fired));
        Self { fault, passed: 0, fault_fired, batch_end: None, hoard: Vec::new() }
    }

    /// Returns an injector without a fault.
    pub(crate) fn not() -> Self {
        Self::on(None, false, &FaultFired::default())
    }

    /// Passes on a batch of messages, or fires.
    #[inline]
    pub(crate) fn messages<M: Clone>(&mut self, batch: &mut Vec<M>) {
        if let Some(fault) = self.fault.filter(|fault| fault.kind != FaultKind::WrongAnswer) {
            self.fire(fault, batch);
        }
    }

    /// Passes on answers, or corrupts one.
    #[inline]
    pub(crate) fn answers<R: Corrupt>(&mut self, answers: &mut [R]) {
        let Some(fault) = self.fault.filter(|fault| fault.kind == FaultKind::WrongAnswer) else { return };
        if let Some(answer) = answers.get_mut(fault.after.saturating_sub(self.passed) as usize) {
            answer.corrupt();
            self.fault = None;
            self.fault_fired.set(true);
        }
        self.passed += answers.len() as u64;
    }

    fn fire<M: Clone>(&mut self, fault: Fault, batch: &mut Vec<M>) {
        let at = fault.after.saturating_sub(self.passed) as usize;
        self.passed += batch.len() as u64;
        if at >= batch.len() {
            return;
        }
        if let FaultKind::SlowerPercent(percent) = fault.kind {
            return self.slow_down(percent);
        }
        self.fault = None;
        self.fault_fired.set(true);
        match fault.kind {
            FaultKind::StallMs(ms) => stall(Duration::from_millis(ms)),
            FaultKind::DropEvent => drop(batch.remove(at)),
            FaultKind::DuplicateEvent => batch.insert(at, batch[at].clone()),
            FaultKind::Panic => panic!("planted panic after {} messages", fault.after),
            FaultKind::EndlessLoop => loop {
                std::hint::spin_loop();
            },
            FaultKind::MemoryHog => {
                let mut taken = Vec::new();
                loop {
                    taken.push(vec![1_u8; 64 << 20]);
                    std::hint::black_box(&taken);
                }
            }
            FaultKind::HoardKib(kib) => self.hoard = std::hint::black_box(vec![1; kib << 10]),
            FaultKind::WrongAnswer | FaultKind::SlowerPercent(_) => {}
        }
    }

    /// Stays busy for a share of the time since the batch before.
    fn slow_down(&mut self, percent: u64) {
        self.fault_fired.set(true);
        if let Some(batch_end) = self.batch_end {
            stall(batch_end.elapsed() * u32::try_from(percent).unwrap_or(u32::MAX) / 100);
        }
        self.batch_end = Some(Instant::now());
    }
}

/// On the CPU, as an operator that has too much to do: one that sleeps would look like a machine that holds it up.
fn stall(length: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < length {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_by_name() {
        assert_eq!("stall:500ms@7".parse(), Ok(Fault { kind: FaultKind::StallMs(500), after: 7 }));
        assert_eq!("drop-event".parse(), Ok(Fault { kind: FaultKind::DropEvent, after: 1000 }));
        for (text, _) in NAMES {
            let fault: Fault = text.parse().unwrap();
            assert_eq!((fault.to_string(), fault.to_string().parse()), (format!("{text}@1000"), Ok(fault)));
        }
        assert_eq!("slower:20%@0".parse(), Ok(Fault { kind: FaultKind::SlowerPercent(20), after: 0 }));
        assert_eq!("hoard:2048KiB".parse::<Fault>().unwrap().to_string(), "hoard:2048KiB@1000");
        assert_eq!("slower:20%@0".parse::<Fault>().unwrap().to_string(), "slower:20%@0");
        assert_eq!("stall:2s@7".parse::<Fault>().unwrap().to_string(), "stall:2000ms@7");
        for text in ["", "stall", "stall:x", "drop-event@x", "explode", "panic:3", "slower:20", "hoard:2MB"] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn it_strikes_once_where_it_is_planted_at_the_given_message() {
        let fault = Some(Fault { kind: FaultKind::DropEvent, after: 3 });
        let fault_fired = FaultFired::default();
        let mut armed = FaultInjector::on(fault, true, &fault_fired);
        let mut left = Vec::new();
        for batch in [vec![0, 1], vec![2, 3, 4], vec![5, 6, 7]] {
            let mut batch = batch;
            armed.messages(&mut batch);
            left.extend(batch);
            assert_eq!(fault_fired.get(), left.len() > 2);
        }
        assert_eq!(left, [0, 1, 2, 4, 5, 6, 7]);
        let mut batch = vec![0; 10];
        let fault_fired = FaultFired::default();
        FaultInjector::on(fault, false, &fault_fired).messages(&mut batch);
        assert_eq!((batch.len(), fault_fired.get()), (10, false));
    }
}
