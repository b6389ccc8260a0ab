//! The wall: what pipelines answer, seconds behind, in a browser.
//!
//! A [`WallLayout`] says which tiles there are. [`WallTiles`] follow the queues of answers and give each tile's
//! [`TileContent`], which is plain data. [`WallFrames`] draws what has changed and serves it with the page.

mod content;
mod external;
mod frame;
mod frame_stream;
mod frames;
mod freshness;
mod kind;
mod layout;
mod load;
mod markup;
mod newest_events;
mod overdue;
mod page;
mod ranking;
mod remarks;
mod row;
mod series;
mod thousandths;
mod tile_state;
mod tiles;
mod today;

pub use content::{
    BandLoad, DayTotal, DayTotals, ListedEvent, LoadOverTime, MissedRows, NumberOverTime, OverdueOrders, RankedWindow,
    TileContent, TileFigure,
};
pub use external::{ExternalFeed, ExternalReaders, ExternalSource};
pub use frame::TileSize;
pub use frames::{DrawFigure, WallFrames};
pub use freshness::Freshness;
pub use kind::TileKind;
pub use layout::{TileSpec, WallLayout};
pub use remarks::{RemarkSource, WallRemarks};
pub use thousandths::Thousandths;
pub use tiles::{WallTiles, WallUpdate};
