//! The greeting that two processes exchange first, so that only processes of one run connect.

use super::Member;

/// Version of greetings and of what follows them.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"flowbnch";
/// Size of a greeting. Magic and version stand first in every version, and none is shorter than this one.
pub(super) const GREETING_BYTES: usize = 60;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// timely's messages.
    Data = 1,
    /// The start signal, and results for process 0.
    Control = 2,
}

/// The first message on a connection, both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeting {
    version: u32,
    role: u32,
    process: u32,
    processes: u32,
    workers: u32,
    run_fingerprint: [u8; 32],
}

impl Greeting {
    pub(super) fn new(member: &Member, role: Role) -> Self {
        Self {
            version: VERSION,
            role: role as u32,
            process: member.process as u32,
            processes: member.processes() as u32,
            workers: member.workers as u32,
            run_fingerprint: member.run_fingerprint,
        }
    }

    pub(super) fn to_bytes(&self) -> [u8; GREETING_BYTES] {
        let numbers = [self.version, self.role, self.process, self.processes, self.workers];
        let mut bytes = [0; GREETING_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        for (place, number) in bytes[8..28].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes[28..].copy_from_slice(&self.run_fingerprint);
        bytes
    }

    /// Parses a greeting; `None` if the sender is not a flowbench.
    pub(super) fn from_bytes(bytes: &[u8; GREETING_BYTES]) -> Option<Self> {
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        bytes.starts_with(&MAGIC).then(|| Self {
            version: number(8),
            role: number(12),
            process: number(16),
            processes: number(20),
            workers: number(24),
            run_fingerprint: std::array::from_fn(|byte| bytes[28 + byte]),
        })
    }

    pub(super) fn process(&self) -> usize {
        self.process as usize
    }

    pub(super) fn is_for(&self, role: Role) -> bool {
        self.role == role as u32
    }

    /// Returns the difference that keeps the sender from working with `member`, with the likely fix; `None` if there is
    /// none.
    pub(super) fn difference(&self, member: &Member) -> Option<String> {
        let ours = Greeting::new(member, Role::Data);
        let short = |run_fingerprint: &[u8; 32]| blake3::Hash::from_bytes(*run_fingerprint).to_hex()[..8].to_owned();
        if self.version != ours.version {
            let (theirs, ours) = (self.version, ours.version);
            Some(format!("speaks version {theirs} of the protocol, this process {ours}; use one build everywhere"))
        } else if self.processes != ours.processes {
            let (theirs, ours) = (self.processes, ours.processes);
            Some(format!("counts {theirs} processes, this process {ours}; use the same hosts file everywhere"))
        } else if self.workers != ours.workers {
            let (theirs, ours) = (self.workers, ours.workers);
            Some(format!("has {theirs} workers, this process {ours}; run the same experiment everywhere"))
        } else if self.run_fingerprint != ours.run_fingerprint {
            let (theirs, ours) = (short(&self.run_fingerprint), short(&ours.run_fingerprint));
            Some(format!(
                "runs another case or build (digest {theirs}, here {ours}); start all processes with the same \
                 experiment, settings and build"
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        let addresses = vec!["a:1".to_owned(), "b:1".to_owned()];
        Member { process: 1, addresses, workers: 2, run_fingerprint: [7; 32] }
    }

    #[test]
    fn a_greeting_is_read_as_it_was_written() {
        let greeting = Greeting::new(&member(), Role::Control);
        assert_eq!(Greeting::from_bytes(&greeting.to_bytes()), Some(greeting.clone()));
        assert_eq!(greeting.difference(&member()), None);
        assert!(greeting.is_for(Role::Control) && !greeting.is_for(Role::Data));
    }

    #[test]
    fn the_magic_is_checked_and_every_difference_is_named() {
        let greeting = Greeting::new(&member(), Role::Data);
        let mut bytes = greeting.to_bytes();
        bytes[3] ^= 1;
        assert_eq!(Greeting::from_bytes(&bytes), None);
        for (theirs, wanted) in [
            (
                Greeting { version: 2, run_fingerprint: [0; 32], ..greeting.clone() },
                "version 2 of the protocol, this process 1",
            ),
            (Greeting { processes: 3, ..greeting.clone() }, "counts 3 processes, this process 2"),
            (Greeting { workers: 1, ..greeting.clone() }, "has 1 workers, this process 2"),
            (
                Greeting { run_fingerprint: [8; 32], ..greeting },
                "another case or build (digest 08080808, here 07070707)",
            ),
        ] {
            let difference = theirs.difference(&member()).unwrap();
            assert!(difference.contains(wanted), "{difference}");
        }
    }
}
