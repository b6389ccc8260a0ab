//! Events that come in and go out over HTTP while a pipeline runs.
//!
//! This package knows events, queues and their readers. It knows nothing of dataflows, clocks of measurements or figures.

mod cloud_event;
mod intake;
mod queue;
mod wall;

pub use cloud_event::{AttributeValue, CloudEvent, CloudEventError, EventData};
pub use intake::{Full, Intake, IntakeReceipt, Offered, RejectedOffer, Ticket};
pub use queue::{Cursor, CursorError, EventQueue, QueuedEvent};
pub use wall::{
    BandLoad, DayTotal, DayTotals, DrawFigure, Freshness, ListedEvent, LoadOverTime, MissedRows, NumberOverTime,
    OverdueOrders, RankedWindow, Thousandths, TileContent, TileFigure, TileKind, TileSize, TileSpec, WallFrames,
    WallLayout, WallTiles, WallUpdate,
};
