//! One worker's share of a stage, and the two simplest ones.

use std::sync::Arc;

use flowbench_events::Event;

use crate::driver::StateCounts;
use crate::eviction::StateShare;
use crate::feed::EventTimeProgress;
use crate::logic::StatelessLogic;

/// One worker's share of a stage. It works on batches, so that dynamic dispatch costs nothing per message.
pub(crate) trait StateOperator<M, R>: Send {
    /// Takes messages that arrived, leaving `arrived` empty, and pushes the answers that can be given at once.
    fn arrive(&mut self, arrived: &mut Vec<M>, out: &mut Vec<R>);

    /// Reports that the watermark has advanced; pushes the answers this releases.
    fn advance(&mut self, _reached: EventTimeProgress, _out: &mut Vec<R>) {}

    /// Returns what is held now.
    fn state_counts(&self) -> StateCounts {
        StateCounts::default()
    }

    /// Returns the number of live entries, and their key and state bytes. Walks all of them.
    fn payload(&self) -> (usize, usize) {
        (0, 0)
    }
}

/// Makes the operator of a stage that holds this share of its states.
pub(crate) type MakeOperator<M, R> = Arc<dyn Fn(StateShare) -> Box<dyn StateOperator<M, R>> + Send + Sync>;

/// The operator of a stage without memory behind readers that answer: what arrives are the answers.
pub(crate) struct Passthrough;

impl<R: Send> StateOperator<R, R> for Passthrough {
    fn arrive(&mut self, arrived: &mut Vec<R>, out: &mut Vec<R>) {
        out.append(arrived);
    }
}

/// The operator of a stage that answers every event by itself, where the readers do not do that.
pub(crate) struct Answering<L>(pub(crate) L);

impl<L: StatelessLogic> StateOperator<Event, L::Row> for Answering<L> {
    fn arrive(&mut self, arrived: &mut Vec<Event>, out: &mut Vec<L::Row>) {
        out.extend(arrived.drain(..).filter_map(|event| self.0.answer(&event)));
    }
}
