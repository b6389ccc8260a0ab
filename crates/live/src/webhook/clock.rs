//! Time as sinks see it.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::wall_clock::wall_clock_ms;

/// The time, and waiting for it. A test has a clock that moves when it is waited for.
pub trait WebhookClock: Debug + Send + Sync + 'static {
    /// Returns the time, milliseconds since 1970.
    fn now_ms(&self) -> u64;

    /// Returns what is ready when so much time has passed. It is awaited on a runtime of tokio with timers.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineClock;

impl WebhookClock for MachineClock {
    fn now_ms(&self) -> u64 {
        wall_clock_ms().unsigned_abs()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        // A timer can only be made within a runtime.
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}
