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

use crate::answers::Corrupt;
use crate::driver::StateCounts;
use crate::eviction::StateShare;
use crate::fault::FaultInjector;
use crate::feed::EventTimeProgress;
use crate::message::Message;
use crate::state::operator::{MakeOperator, StateOperator};

/// The last stage as the dataflow sees it: it takes messages and collects its answers.
pub(crate) trait Sink<M>: Any {
    /// Takes messages that arrived, leaving `arrived` empty.
    fn take(&mut self, arrived: &mut Vec<M>);
    /// Reports that the watermark has advanced.
    fn advance(&mut self, reached: EventTimeProgress);
    /// Returns what is held now.
    fn state_counts(&self) -> StateCounts;
    /// Returns the number of live entries, and their key and state bytes.
    fn payload(&self) -> (usize, usize);
    /// Submits the answers of `worker`, when everything is answered.
    fn submit(&mut self, worker: usize);
    /// Packs the answers for another process, as bytes in pieces.
    fn pack(&mut self) -> Vec<Vec<u8>>;
    /// Submits a piece that `worker` of another process has packed.
    fn unpack(&mut self, worker: usize, piece: Vec<u8>);
}

/// A last stage, shared by those that look at it.
pub(crate) type SharedSink<M> = Rc<RefCell<dyn Sink<M>>>;

/// Makes the last stage of a worker, which holds this share of its states, given the faults of its messages and of its
/// answers.
pub(crate) type MakeSink<M> = Arc<dyn Fn(StateShare, [FaultInjector; 2]) -> SharedSink<M> + Send + Sync>;

/// Makes sinks around operators, whose answers go to `collector`.
pub(crate) fn make_sink<M: Message, R: Message + Corrupt>(
    operator: &MakeOperator<M, R>,
    collector: &ResultCollector<R>,
) -> MakeSink<M> {
    let (operator, collector) = (Arc::clone(operator), collector.clone());
    Arc::new(move |share, [messages_fault, answers_fault]| {
        Rc::new(RefCell::new(CollectingSink::new(operator(share), messages_fault, answers_fault, collector.clone())))
    })
}

/// Collects the answers of all workers, or gives them on as they come.
pub(crate) struct ResultCollector<R> {
    submitted: Arc<Mutex<Vec<Submitted<R>>>>,
    outlet: Option<AnswersOutlet<R>>,
}

/// Takes the answers of a worker as soon as they are given.
type AnswersOutlet<R> = Arc<dyn Fn(Vec<R>) + Send + Sync>;

/// A worker and its answers.
type Submitted<R> = (usize, Vec<R>);

impl<R> Clone for ResultCollector<R> {
    fn clone(&self) -> Self {
        Self { submitted: Arc::clone(&self.submitted), outlet: self.outlet.clone() }
    }
}

impl<R> ResultCollector<R> {
    /// Returns a collector, which gives answers on to `outlet` if there is one.
    pub(crate) fn new(outlet: Option<AnswersOutlet<R>>) -> Self {
        Self { submitted: Arc::default(), outlet }
    }

    pub(crate) fn submit(&self, worker: usize, answers: Vec<R>) {
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).push((worker, answers));
    }

    /// Returns everything that was submitted, worker by worker.
    pub(crate) fn empty(self) -> Vec<R> {
        let mut handed = std::mem::take(&mut *self.submitted.lock().unwrap_or_else(PoisonError::into_inner));
        handed.sort_by_key(|(worker, _)| *worker);
        handed.into_iter().flat_map(|(_, answers)| answers).collect()
    }
}

impl<R: Message> ResultCollector<R> {
    /// Adds a piece that `worker` of another process has packed.
    pub(crate) fn unpack(&self, worker: usize, piece: Vec<u8>) {
        self.submit(worker, Bincode::<Vec<R>>::from_bytes(BytesMut::from(piece).freeze()).payload);
    }
}

/// An operator with the answers it has given.
pub(crate) struct CollectingSink<M, R> {
    operator: Box<dyn StateOperator<M, R>>,
    messages_fault: FaultInjector, // one strikes what comes in, one what goes out
    answers_fault: FaultInjector,
    answers: Vec<R>,
    chunks: ChunkedVec<R>,
    collector: ResultCollector<R>,
}

impl<M, R> CollectingSink<M, R> {
    pub(crate) fn new(
        operator: Box<dyn StateOperator<M, R>>,
        messages_fault: FaultInjector,
        answers_fault: FaultInjector,
        collector: ResultCollector<R>,
    ) -> Self {
        Self { operator, messages_fault, answers_fault, answers: Vec::new(), chunks: ChunkedVec::default(), collector }
    }
}

impl<M, R: Copy + Corrupt> CollectingSink<M, R> {
    fn keep(&mut self) {
        self.answers_fault.answers(&mut self.answers);
        match &self.collector.outlet {
            None => self.chunks.keep(&mut self.answers),
            Some(_) if self.answers.is_empty() => {}
            Some(outlet) => outlet(std::mem::take(&mut self.answers)),
        }
    }
}

impl<M: Message, R: Message + Corrupt> Sink<M> for CollectingSink<M, R> {
    fn take(&mut self, arrived: &mut Vec<M>) {
        self.messages_fault.messages(arrived);
        self.operator.arrive(arrived, &mut self.answers);
        self.keep();
    }

    fn advance(&mut self, reached: EventTimeProgress) {
        self.operator.advance(reached, &mut self.answers);
        self.keep();
    }

    fn state_counts(&self) -> StateCounts {
        StateCounts { answer_bytes: self.chunks.bytes(), ..self.operator.state_counts() }
    }

    fn payload(&self) -> (usize, usize) {
        self.operator.payload()
    }

    fn submit(&mut self, worker: usize) {
        self.collector.submit(worker, std::mem::take(&mut self.chunks).into_rows());
    }

    fn pack(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.chunks).pack().collect()
    }

    fn unpack(&mut self, worker: usize, piece: Vec<u8>) {
        self.collector.unpack(worker, piece);
    }
}

fn packed<R: Message>(answers: Vec<R>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Bincode::from(answers).into_bytes(&mut bytes);
    bytes
}

/// Answers kept for the check, in chunks of fixed size: adding one never moves those already there, which would look
/// like a stall of the pipeline.
pub(crate) struct ChunkedVec<R> {
    full: Vec<Vec<R>>,
    open: Vec<R>,
}

/// Answers per chunk.
const CHUNK: usize = 4096;

impl<R> Default for ChunkedVec<R> {
    fn default() -> Self {
        Self { full: Vec::new(), open: Vec::new() }
    }
}

impl<R: Copy> ChunkedVec<R> {
    /// Moves the answers out of `answers`.
    pub(crate) fn keep(&mut self, answers: &mut Vec<R>) {
        for operator in answers.chunks(CHUNK) {
            let room = CHUNK - self.open.len();
            let (now, then) = operator.split_at(room.min(operator.len()));
            if self.open.capacity() == 0 {
                self.open.reserve_exact(CHUNK);
            }
            self.open.extend_from_slice(now);
            if self.open.len() == CHUNK {
                self.full.push(std::mem::replace(&mut self.open, Vec::with_capacity(CHUNK)));
                self.open.extend_from_slice(then);
            }
        }
        answers.clear();
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.full.len() * CHUNK + self.open.capacity()) * std::mem::size_of::<R>()
    }

    pub(crate) fn into_rows(mut self) -> Vec<R> {
        self.full.push(self.open);
        self.full.concat()
    }
}

impl<R: Message> ChunkedVec<R> {
    /// Packs the answers into bytes, in pieces.
    pub(crate) fn pack(self) -> impl Iterator<Item = Vec<u8>> {
        self.full.into_iter().chain([self.open]).map(packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_keep_every_answer_in_order() {
        let mut chunks = ChunkedVec::default();
        let mut next = 0;
        for count in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7, 5] {
            let mut answers: Vec<usize> = (next..next + count).collect();
            next += count;
            chunks.keep(&mut answers);
            assert!(answers.is_empty() && chunks.open.len() < CHUNK);
            assert!([0, CHUNK].contains(&chunks.open.capacity()), "a chunk that had to grow");
        }
        assert!(chunks.bytes() >= next * std::mem::size_of::<usize>());
        assert_eq!(chunks.into_rows(), (0..next).collect::<Vec<_>>());
    }
}
