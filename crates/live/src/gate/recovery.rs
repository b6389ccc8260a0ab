//! What is done with a recording that is gone on with.

use std::sync::{PoisonError, RwLock};

use flowbench_events::{Event, RecordingLine, Symbols};

use super::admission::Admission;
use super::cut_epoch::EpochConsumer;
use crate::cloud_event::CloudEvent;

/// Gives the consumer what was recorded before.
pub(super) struct Recovery<'a, C> {
    admission: Admission,
    symbols: &'a RwLock<Symbols>,
    consumer: &'a mut C,
    epochs: u64,
    open: Vec<Event>,
    late: Vec<usize>,
}

impl<'a, C: EpochConsumer> Recovery<'a, C> {
    pub(super) fn new(admission: Admission, symbols: &'a RwLock<Symbols>, consumer: &'a mut C) -> Recovery<'a, C> {
        Recovery { admission, symbols, consumer, epochs: 0, open: Vec::new(), late: Vec::new() }
    }

    /// Returns what decides about events from now on, and the number of epochs there were.
    pub(super) fn end(self) -> (Admission, u64) {
        (self.admission, self.epochs)
    }

    /// Takes a line of the recording.
    ///
    /// # Errors
    ///
    /// Says why it is none, or why the consumer refuses it.
    pub(super) fn line(&mut self, line: &str) -> Result<(), String> {
        match RecordingLine::parse(line).transpose()? {
            None => {
                let mut symbols = self.symbols.write().unwrap_or_else(PoisonError::into_inner);
                let (event, is_late) = self.admission.readmit(line, &mut symbols)?;
                self.late.extend(is_late.then_some(self.open.len()));
                self.open.push(event);
            }
            Some(RecordingLine::Begin { slack_ms }) => self.admission.set_slack_ms(slack_ms),
            Some(RecordingLine::Queued(json)) => {
                let event = CloudEvent::from_json(&json).map_err(|error| error.to_string())?;
                self.admission.readmit_queued(&event);
                self.consumer.queue(event);
            }
            Some(RecordingLine::Cut { epoch, newest_ms }) => {
                if epoch != self.epochs {
                    return Err(format!("epoch {epoch} where {} was expected", self.epochs));
                }
                self.admission.advance_to(newest_ms);
                self.epochs += 1;
                let (events, late) = (std::mem::take(&mut self.open), std::mem::take(&mut self.late));
                self.consumer.take(self.admission.cut(epoch, events, late, None))?;
            }
        }
        Ok(())
    }
}
