//! The door through which events come in, as those see it who bring them.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;

use crate::cloud_event::CloudEvent;

/// Takes events and keeps them.
pub trait Intake: Send + Sync + 'static {
    /// Takes a batch, in order. It never waits: the receipt comes through the ticket as soon as the batch is durable.
    ///
    /// # Errors
    ///
    /// Refuses the whole batch if there is no room for it now.
    fn offer(&self, batch: Vec<Offered>) -> Result<Ticket, Full>;
}

/// An event that is offered.
#[derive(Debug, Clone)]
pub enum Offered {
    /// A CloudEvent of any type.
    Event(Box<CloudEvent>),
    /// A line of the interchange format in JSON, which has no envelope.
    Line(String),
    /// A line whose own arrival time counts: it is of a world that has a clock of its own.
    Simulated(String),
    /// A CloudEvent that a rule or a function of this session emitted.
    Emitted(Box<CloudEvent>),
}

/// Gives the receipt when what was offered is durable; an error if the intake ended before.
pub type Ticket = oneshot::Receiver<IntakeReceipt>;

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntakeReceipt {
    /// Events that were accepted and are durable.
    pub accepted: usize,
    /// How many of them were late: under a policy that waits, no pipeline answers them.
    pub late: usize,
    /// Events that had been accepted before, by source and id, and do not count again.
    pub repeated: usize,
    /// How many events the trace had when the batch had been decided: what shows the answers to as many shows those to the
    /// batch. 0 if none of it is in the trace.
    pub position: u64,
    /// Events that were refused; they moved nothing.
    pub rejects: Vec<RejectedOffer>,
    /// Events that were accepted and probably not meant as they are, the first ones of a batch.
    pub hints: Vec<OfferHint>,
}

impl IntakeReceipt {
    /// Returns a ticket that has this receipt, of an intake that does not keep anyone waiting.
    pub fn into_ticket(self) -> Ticket {
        let (sender, ticket) = oneshot::channel();
        let _ = sender.send(self); // the ticket is there
        ticket
    }
}

/// What an event of a batch was accepted as, where something else was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferHint {
    /// Its index in the batch, from 0.
    pub index: usize,
    /// What it was taken for, and the likely fix.
    pub hint: String,
}

/// An event of a batch that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedOffer {
    /// Its index in the batch, from 0.
    pub index: usize,
    /// Why, with the attribute or field to blame.
    pub reason: String,
}

/// There is no room for a batch at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the intake is full; offer again after {} s", retry_after.as_secs_f64())]
pub struct Full {
    /// When it makes sense to offer it again.
    pub retry_after: Duration,
}
