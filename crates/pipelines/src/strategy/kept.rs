//! The last stage of a pipeline, which collects the answers it gives.
//!
//! Decisions D-003 and D-410.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use timely::Bincode;
use timely::bytes::arc::BytesMut;
use timely::communication::Bytesable;

use crate::answers::Spoil;
use crate::driver::Census;
use crate::fault::Armed;
use crate::feed::Reached;
use crate::logic::Message;
use crate::part::Part;

/// The last stage as the dataflow sees it: it takes messages and collects its answers.
pub(super) trait Last<M>: Any {
    /// Takes messages that arrived, leaving `arrived` empty.
    fn take(&mut self, arrived: &mut Vec<M>);
    /// Reports that the watermark has advanced.
    fn advance(&mut self, reached: Reached);
    /// Returns what is held now.
    fn census(&self) -> Census;
    /// Returns the number of live entries, and their key and state bytes.
    fn payload(&self) -> (usize, usize);
    /// Submits the answers of `worker`, when everything is answered.
    fn hand_in(&mut self, worker: usize);
    /// Packs the answers for another process, as bytes in pieces.
    fn pack(&mut self) -> Vec<Vec<u8>>;
    /// Submits a piece that `worker` of another process has packed.
    fn unpack(&mut self, worker: usize, piece: Vec<u8>);
}

/// A last stage, shared by those that look at it.
pub(super) type SharedLast<M> = Rc<RefCell<dyn Last<M>>>;

/// Makes the last stage of a worker, given the faults of its messages and of its answers.
pub(super) type MakeLast<M> = Arc<dyn Fn(Armed, Armed) -> SharedLast<M> + Send + Sync>;

/// Collects the answers of all workers.
pub(super) struct Tray<R>(Arc<Mutex<Vec<Handed<R>>>>);

/// A worker and its answers.
type Handed<R> = (usize, Vec<R>);

impl<R> Clone for Tray<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> Default for Tray<R> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<R> Tray<R> {
    pub(super) fn put(&self, worker: usize, answers: Vec<R>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((worker, answers));
    }

    /// Returns everything that was submitted, worker by worker.
    pub(super) fn empty(self) -> Vec<R> {
        let mut handed = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        handed.sort_by_key(|(worker, _)| *worker);
        handed.into_iter().flat_map(|(_, answers)| answers).collect()
    }
}

impl<R: Message> Tray<R> {
    /// Adds a piece that `worker` of another process has packed.
    pub(super) fn unpack(&self, worker: usize, piece: Vec<u8>) {
        self.put(worker, Bincode::<Vec<R>>::from_bytes(BytesMut::from(piece).freeze()).payload);
    }
}

/// An operator with the answers it has given.
pub(super) struct Kept<P, R> {
    part: P,
    messages_fault: Armed, // one strikes what comes in, one what goes out
    answers_fault: Armed,
    answers: Vec<R>,
    sheets: Sheets<R>,
    tray: Tray<R>,
}

impl<P, R> Kept<P, R> {
    pub(super) fn new(part: P, messages_fault: Armed, answers_fault: Armed, tray: Tray<R>) -> Self {
        Self { part, messages_fault, answers_fault, answers: Vec::new(), sheets: Sheets::default(), tray }
    }
}

impl<P, R: Copy + Spoil> Kept<P, R> {
    fn keep(&mut self) {
        self.answers_fault.answers(&mut self.answers);
        self.sheets.keep(&mut self.answers);
    }
}

impl<M: Message, R: Message + Spoil, P: Part<M, R> + 'static> Last<M> for Kept<P, R> {
    fn take(&mut self, arrived: &mut Vec<M>) {
        self.messages_fault.messages(arrived);
        self.part.arrive(arrived, &mut self.answers);
        self.keep();
    }

    fn advance(&mut self, reached: Reached) {
        self.part.advance(reached, &mut self.answers);
        self.keep();
    }

    fn census(&self) -> Census {
        Census { answer_bytes: self.sheets.bytes(), ..self.part.census() }
    }

    fn payload(&self) -> (usize, usize) {
        self.part.payload()
    }

    fn hand_in(&mut self, worker: usize) {
        self.tray.put(worker, std::mem::take(&mut self.sheets).into_rows());
    }

    fn pack(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sheets).pack().collect()
    }

    fn unpack(&mut self, worker: usize, piece: Vec<u8>) {
        self.tray.unpack(worker, piece);
    }
}

fn packed<R: Message>(answers: Vec<R>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Bincode::from(answers).into_bytes(&mut bytes);
    bytes
}

/// The operator of a pipeline without memory: what arrives are the answers.
pub(super) struct PassedOn;

impl<R> Part<R, R> for PassedOn {
    fn arrive(&mut self, arrived: &mut Vec<R>, out: &mut Vec<R>) {
        out.append(arrived);
    }

    fn advance(&mut self, _reached: Reached, _out: &mut Vec<R>) {}

    fn census(&self) -> Census {
        Census::default()
    }

    fn payload(&self) -> (usize, usize) {
        (0, 0)
    }
}

/// Answers kept for the check, in chunks of fixed size: adding one never moves those already there, which would look
/// like a stall of the pipeline.
pub(super) struct Sheets<R> {
    full: Vec<Vec<R>>,
    open: Vec<R>,
}

/// Answers per chunk.
const SHEET: usize = 4096;

impl<R> Default for Sheets<R> {
    fn default() -> Self {
        Self { full: Vec::new(), open: Vec::new() }
    }
}

impl<R: Copy> Sheets<R> {
    /// Moves the answers out of `answers`.
    pub(super) fn keep(&mut self, answers: &mut Vec<R>) {
        for part in answers.chunks(SHEET) {
            let room = SHEET - self.open.len();
            let (now, then) = part.split_at(room.min(part.len()));
            if self.open.capacity() == 0 {
                self.open.reserve_exact(SHEET);
            }
            self.open.extend_from_slice(now);
            if self.open.len() == SHEET {
                self.full.push(std::mem::replace(&mut self.open, Vec::with_capacity(SHEET)));
                self.open.extend_from_slice(then);
            }
        }
        answers.clear();
    }

    pub(super) fn bytes(&self) -> usize {
        (self.full.len() * SHEET + self.open.capacity()) * std::mem::size_of::<R>()
    }

    pub(super) fn into_rows(mut self) -> Vec<R> {
        self.full.push(self.open);
        self.full.concat()
    }
}

impl<R: Message> Sheets<R> {
    /// Packs the answers into bytes, in pieces.
    pub(super) fn pack(self) -> impl Iterator<Item = Vec<u8>> {
        self.full.into_iter().chain([self.open]).map(packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_keep_every_answer_in_order() {
        let mut sheets = Sheets::default();
        let mut next = 0;
        for count in [0, 1, SHEET - 1, SHEET, SHEET + 1, 3 * SHEET + 7, 5] {
            let mut answers: Vec<usize> = (next..next + count).collect();
            next += count;
            sheets.keep(&mut answers);
            assert!(answers.is_empty() && sheets.open.len() < SHEET);
            assert!([0, SHEET].contains(&sheets.open.capacity()), "a sheet that had to grow");
        }
        assert!(sheets.bytes() >= next * std::mem::size_of::<usize>());
        assert_eq!(sheets.into_rows(), (0..next).collect::<Vec<_>>());
    }
}
