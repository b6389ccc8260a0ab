//! Planted faults: how the harness shows that it would notice.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::answers::Spoil;

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
    /// The operator works for nothing once, for so many ms.
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
}

impl Fault {
    /// Reads `stall:500ms`, `wrong-answer`, `drop-event`, `duplicate-event`, `panic`, `endless-loop`, `memory-hog`, each
    /// optionally with `@N`: after N messages (default 1000).
    pub fn parse(text: &str) -> Result<Fault, String> {
        let (name, after) = text.split_once('@').unwrap_or((text, "1000"));
        let after = after.parse().map_err(|_| format!("'{after}' in fault '{text}' is not a number of messages"))?;
        let kind = match name.split_once(':') {
            Some(("stall", length)) => {
                let length_ms = flowbench_events::parse_duration_ms(length).map_err(|error| error.to_string())?;
                FaultKind::StallMs(length_ms as u64)
            }
            None => match name {
                "wrong-answer" => FaultKind::WrongAnswer,
                "drop-event" => FaultKind::DropEvent,
                "duplicate-event" => FaultKind::DuplicateEvent,
                "panic" => FaultKind::Panic,
                "endless-loop" => FaultKind::EndlessLoop,
                "memory-hog" => FaultKind::MemoryHog,
                _ => return Err(unknown(text)),
            },
            _ => return Err(unknown(text)),
        };
        Ok(Fault { kind, after })
    }
}

fn unknown(text: &str) -> String {
    format!(
        "'{text}' is not a fault; use stall:500ms, wrong-answer, drop-event, duplicate-event, panic, endless-loop or \
         memory-hog, each with @N if it shall strike after N messages"
    )
}

/// The fault of one worker, armed until it has struck. Without one, a single test per batch.
#[derive(Debug)]
pub(crate) struct Armed {
    fault: Option<Fault>,
    passed: u64,
    struck: Struck,
}

/// Whether a fault of this worker has struck, wherever it was armed.
pub(crate) type Struck = Rc<Cell<bool>>;

impl Armed {
    /// Arms `fault` on the worker that it is planted on and nothing on the others; `struck` is set when it strikes.
    pub(crate) fn on(fault: Option<Fault>, is_planted: bool, struck: &Struck) -> Self {
        Self { fault: fault.filter(|_| is_planted), passed: 0, struck: Rc::clone(struck) }
    }

    /// Nothing will go wrong.
    pub(crate) fn not() -> Self {
        Self::on(None, false, &Struck::default())
    }

    /// Lets a batch of messages through, or strikes.
    #[inline]
    pub(crate) fn messages<M: Clone>(&mut self, batch: &mut Vec<M>) {
        if let Some(fault) = self.fault.filter(|fault| fault.kind != FaultKind::WrongAnswer) {
            self.strike(fault, batch);
        }
    }

    /// Lets answers through, or spoils one.
    #[inline]
    pub(crate) fn answers<R: Spoil>(&mut self, answers: &mut [R]) {
        let Some(fault) = self.fault.filter(|fault| fault.kind == FaultKind::WrongAnswer) else { return };
        if let Some(answer) = answers.get_mut(fault.after.saturating_sub(self.passed) as usize) {
            answer.spoil();
            self.fault = None;
            self.struck.set(true);
        }
        self.passed += answers.len() as u64;
    }

    fn strike<M: Clone>(&mut self, fault: Fault, batch: &mut Vec<M>) {
        let at = fault.after.saturating_sub(self.passed) as usize;
        self.passed += batch.len() as u64;
        if at >= batch.len() {
            return;
        }
        self.fault = None;
        self.struck.set(true);
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
            FaultKind::WrongAnswer => {}
        }
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
        assert_eq!(Fault::parse("stall:500ms@7"), Ok(Fault { kind: FaultKind::StallMs(500), after: 7 }));
        assert_eq!(Fault::parse("drop-event"), Ok(Fault { kind: FaultKind::DropEvent, after: 1000 }));
        for text in ["", "stall", "stall:x", "drop-event@x", "explode", "panic:3"] {
            assert!(Fault::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_strikes_once_where_it_is_planted_at_the_given_message() {
        let fault = Some(Fault { kind: FaultKind::DropEvent, after: 3 });
        let struck = Struck::default();
        let mut armed = Armed::on(fault, true, &struck);
        let mut left = Vec::new();
        for batch in [vec![0, 1], vec![2, 3, 4], vec![5, 6, 7]] {
            let mut batch = batch;
            armed.messages(&mut batch);
            left.extend(batch);
            assert_eq!(struck.get(), left.len() > 2);
        }
        assert_eq!(left, [0, 1, 2, 4, 5, 6, 7]);
        let mut batch = vec![0; 10];
        let struck = Struck::default();
        Armed::on(fault, false, &struck).messages(&mut batch);
        assert_eq!((batch.len(), struck.get()), (10, false));
    }
}
