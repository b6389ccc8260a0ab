//! Frames of the wall: drawn once for all browsers, of which each takes the newest when it can.
//!
//! Decision D-654; who draws figures, D-657.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::wall::content::TileContent;
use crate::wall::frame::{Form, TileSize, WallFrame};
use crate::wall::frame_stream::FrameStream;
use crate::wall::freshness::{Arrivals, Freshness};
use crate::wall::layout::WallLayout;
use crate::wall::markup::DAY_MS;
use crate::wall::page::WallPage;
use crate::wall::remarks::{RemarkSource, WallRemarks};
use crate::wall::tiles::{WallTiles, WallUpdate};
use crate::wall_clock::wall_clock_ms;

/// The least time between two frames.
const FRAME_EVERY: Duration = Duration::from_millis(250);
/// Frames in whose place nothing was sent, after which one is sent although nothing has changed.
const HEARTBEAT_FRAMES: u32 = 4;
/// How often queues are read on for one frame at most.
const READS_MAX: usize = 16;
/// Browsers at a time.
const BROWSERS_MAX: usize = 64;
/// How long a browser may take to make room for the next frame.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Draws the figure of a tile as SVG: bands, hours, rankings and series. Ids in it begin with [`TileContent::id`].
pub type DrawFigure = Box<dyn Fn(&TileContent, TileSize) -> String + Send + Sync>;

/// Publishes frames of a wall, and serves them with its page.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, OnceLock};
///
/// use flowbench_live::{EventQueue, Freshness, WallFrames, WallLayout, WallTiles};
///
/// let feeds = BTreeMap::from([("dispatched".to_owned(), Arc::new(EventQueue::new("dispatched", 100_000)))]);
/// let layout = WallLayout::for_feeds(feeds.keys().map(String::as_str))?;
/// let tiles = WallTiles::new(&layout, &feeds)?;
/// let wall = WallFrames::new(&layout, Box::new(|_content, _size| "<svg></svg>".to_owned()), "");
/// let freshness = Arc::new(Freshness::default());
/// let routes = wall.routes(); // for a server
/// let publishing = wall.run(tiles, freshness.clone()); // a future that ends with `wall.close()`
/// # Ok::<(), flowbench_events::Problems>(())
/// ```
pub struct WallFrames {
    page: WallPage,
    draw: DrawFigure,
    sizes: Vec<TileSize>,
    newest: watch::Sender<Arc<WallFrame>>,
    places: Arc<Semaphore>,
    remarks: OnceLock<RemarkSource>,
}

impl WallFrames {
    /// Returns a publisher for a layout; `figure_style` is the style sheet of what `draw` gives.
    pub fn new(layout: &WallLayout, draw: DrawFigure, figure_style: &str) -> Arc<WallFrames> {
        let sizes = TileSize::of_tiles(layout);
        let newest = watch::Sender::new(Arc::new(WallFrame::before_the_first(sizes.len())));
        let places = Arc::new(Semaphore::new(BROWSERS_MAX));
        let page = WallPage::new(layout, figure_style);
        Arc::new(WallFrames { page, draw, sizes, newest, places, remarks: OnceLock::new() })
    }

    /// Sets what says how the session is, once.
    pub fn set_remarks(&self, source: RemarkSource) {
        let _ = self.remarks.set(source);
    }

    /// Returns the routes of the page and of its frames.
    pub fn routes(self: &Arc<WallFrames>) -> Router {
        let router = Router::new().route("/", get(page)).route("/wall/frames", get(frames));
        router.with_state(self.clone())
    }

    /// Runs on a thread of its own until the wall is closed.
    ///
    /// # Errors
    ///
    /// Fails if the system has no thread to give.
    pub fn start(self: &Arc<WallFrames>, tiles: WallTiles, freshness: Arc<Freshness>) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let wall = Arc::clone(self);
        thread::Builder::new().name("wall".to_owned()).spawn(move || runtime.block_on(wall.run(tiles, freshness)))
    }

    /// Reads queues and publishes frames until the wall is closed.
    pub async fn run(&self, mut tiles: WallTiles, freshness: Arc<Freshness>) {
        let mut ticks = tokio::time::interval(FRAME_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut unsent, mut is_recovered) = (HEARTBEAT_FRAMES, false);
        while !self.newest.borrow().is_last {
            ticks.tick().await;
            unsent += 1;
            // Taken before the queues are read: the answers to these arrivals are in them by now.
            let arrivals = freshness.now();
            let mut remarks = self.remarks.get().map(|source| source()).unwrap_or_default();
            let update = read(&mut tiles).await;
            // What was recorded before is shown once all of it was answered before the queues were read to their ends.
            is_recovered |= !remarks.is_catching_up && update.is_caught_up;
            remarks.is_catching_up = !is_recovered;
            if (!update.changed.is_empty() || unsent >= HEARTBEAT_FRAMES)
                && self.publish(&tiles, &update, arrivals, remarks, wall_clock_ms())
            {
                unsent = 0;
            }
        }
    }

    /// Ends all streams and [`run`](Self::run).
    pub fn close(&self) {
        self.newest.send_modify(|frame| Arc::make_mut(frame).is_last = true);
    }

    /// Publishes a frame in which the tiles that have changed are drawn anew; returns false if the wall is closed.
    fn publish(
        &self,
        tiles: &WallTiles,
        update: &WallUpdate,
        arrivals: Arrivals,
        remarks: WallRemarks,
        now_ms: i64,
    ) -> bool {
        let mut frame = WallFrame::clone(&self.newest.borrow());
        let is_another_day = now_ms.div_euclid(DAY_MS) != frame.day;
        (frame.number, frame.day, frame.remarks) = (frame.number + 1, now_ms.div_euclid(DAY_MS), remarks);
        if update.is_caught_up {
            frame.shown_ms = arrivals.answered_ms;
            frame.shown_events = arrivals.answered_events;
        }
        frame.behind_ms = arrivals.behind_ms(frame.shown_ms, now_ms);
        frame.quiet_ms = arrivals.quiet_ms(now_ms);
        for (tile, size) in self.sizes.iter().enumerate() {
            let is_new = frame.number == 1 || is_another_day || update.changed.contains(&tile);
            if let Some(content) = tiles.content(tile).filter(|_| is_new) {
                frame.draw(tile, &content, now_ms, *size, &self.draw);
            }
        }
        // What was closed in the meantime stays closed.
        self.newest.send_if_modified(|newest| {
            let is_open = !newest.is_last;
            if is_open {
                *newest = Arc::new(frame);
            }
            is_open
        })
    }
}

/// Reads queues to their ends, or a bounded part of them, and lets others run in between.
async fn read(tiles: &mut WallTiles) -> WallUpdate {
    let mut update = tiles.update();
    for _ in 1..READS_MAX {
        if update.is_caught_up {
            break;
        }
        tokio::task::yield_now().await;
        let more = tiles.update();
        update.changed.extend(more.changed);
        update.is_caught_up = more.is_caught_up;
    }
    update
}

async fn page(State(wall): State<Arc<WallFrames>>) -> Response {
    wall.page.response()
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    form: Form,
}

async fn frames(State(wall): State<Arc<WallFrames>>, Query(wanted): Query<Wanted>) -> Response {
    let Ok(place) = wall.places.clone().try_acquire_owned() else {
        let text = format!("{BROWSERS_MAX} browsers look at this wall already\n");
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], text).into_response();
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send_frames(wall.newest.subscribe(), wanted.form, sender, place));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::new(FrameStream::new(receiver))).into_response()
}

/// Sends a browser the whole state, and then what has changed since the frame it took last. It ends with the browser, with
/// the wall, or when the browser takes nothing within the deadline.
async fn send_frames(
    mut newest: watch::Receiver<Arc<WallFrame>>,
    form: Form,
    browser: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
) {
    let mut seen = None;
    loop {
        let frame = newest.borrow_and_update().clone();
        if frame.is_last {
            return;
        }
        if frame.number > 0 {
            let message = frame.message(form, seen);
            seen = Some(frame.number);
            let sent = tokio::time::timeout(WRITE_DEADLINE, browser.send(message.into())).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
        if newest.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
