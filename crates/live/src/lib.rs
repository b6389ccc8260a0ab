//! Events that come in and go out over HTTP while a pipeline runs.
//!
//! This package knows events, queues and their readers. It knows nothing of dataflows, clocks of measurements or figures.

mod access;
mod cloud_event;
mod cursors_by_name;
mod durable_file;
mod emissions;
mod filter;
mod functions;
mod gate;
mod http;
mod intake;
mod queue;
mod recording_file;
mod shortened;
mod stop_signal;
mod wall;
mod wall_clock;
pub mod webhook;

pub use access::{
    Access, AccessStatus, Denied, Grant, Scope, ScopeError, TokenCounts, TokenFile, TokenFileError, TokenSecret,
    TokenStatus, TokenSummary, TokenTextError,
};
pub use cloud_event::{AttributeValue, CloudEvent, CloudEventError, EventData};
pub use cursors_by_name::{CursorFileError, CursorsByName};
pub use emissions::{EMISSION_BYTES_MAX, Emissions, EventSink, refused_emissions, wait_for_receipts};
pub use filter::{
    CesqlError, CesqlErrorKind, CesqlExpression, CesqlResult, EventFilter, Filter, FilterOutcome, FilterSyntaxError,
    event_filter,
};
pub use functions::{
    FunctionHost, FunctionSettings, FunctionState, FunctionStates, FunctionStatus, QueueByName, RunningFunctions,
};
pub use gate::{
    CutEpoch, EMITTERS, EpochConsumer, EventTimePace, Gate, GateConfig, GateDoor, GateEnd, LiveGateError,
    SimulatedSource, WallClock, check_emitted_type,
};
pub use http::{
    FeedList, FeedNameError, FilterParser, HttpConfig, HttpLimits, HttpServer, HttpServerError, StatusSource, serve,
};
pub use intake::{Full, Intake, IntakeReceipt, OfferHint, Offered, RejectedOffer, Ticket};
pub use queue::{Cursor, CursorError, EventQueue, QueuedEvent};
pub use recording_file::{RecordingError, RecordingFile, Recovered};
pub use shortened::shortened;
pub use stop_signal::is_stopped_within;
pub use wall::{
    BandLoad, DayTotal, DayTotals, DrawFigure, ExternalFeed, ExternalReaders, ExternalSource, Freshness, ListedEvent,
    LoadOverTime, MissedRows, NumberOverTime, OverdueOrders, RankedWindow, RemarkSource, Thousandths, TileContent,
    TileFigure, TileKind, TileSize, TileSpec, WallFrames, WallLayout, WallRemarks, WallTiles, WallUpdate,
};
pub use wall_clock::wall_clock_ms;
