//! A frame: all tiles as they are drawn, and how old they are.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::wall::content::TileContent;
use crate::wall::layout::WallLayout;
use crate::wall::markup::{reach, tile_html};
use crate::wall::remarks::WallRemarks;

/// The form of the page a browser shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    /// Tiles side by side, read from afar.
    #[default]
    Wall,
    /// Tiles below each other, read in the hand.
    Phone,
}

/// The size of a figure in px. The page enlarges it to the tile; the fewer px, the larger its letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileSize {
    /// The width in px.
    pub width_px: u32,
    /// The height in px.
    pub height_px: u32,
}

/// Width of a whole wall in px: on a screen of 1,920 px, letters of 13 px are enlarged to 24.
const WALL_PX: u32 = 1_040;
/// Height of all rows of a wall.
const ROWS_PX: u32 = 530;
/// What the title and the edges of a tile take of its height.
const TITLE_PX: u32 = 34;
/// The size of a figure on a phone.
const PHONE: TileSize = TileSize { width_px: 360, height_px: 250 };

impl TileSize {
    /// Returns the sizes of all figures of a wall.
    pub(super) fn of_tiles(layout: &WallLayout) -> Vec<TileSize> {
        let (columns, mut rows, mut taken) = (layout.columns.max(1), 1, 0);
        for tile in &layout.tiles {
            taken += tile.span;
            if taken > columns {
                (rows, taken) = (rows + 1, tile.span);
            }
        }
        let height_px = (ROWS_PX / rows).clamp(150, 500) - TITLE_PX;
        let width_px =
            |span: usize| WALL_PX * u32::try_from(span).unwrap_or(1) / u32::try_from(columns).unwrap_or(1) - 16;
        layout.tiles.iter().map(|tile| TileSize { width_px: width_px(tile.span), height_px }).collect()
    }
}

/// A frame. Tiles that have not changed are shared with the frame before.
#[derive(Debug, Clone)]
pub(super) struct WallFrame {
    /// Its number, from 1; 0 before the first.
    pub(super) number: u64,
    tiles: Vec<Arc<DrawnTile>>,
    /// The arrivals whose answers are shown are those up to this time.
    pub(super) shown_ms: Option<i64>,
    /// The events of the trace whose answers are shown.
    pub(super) shown_events: u64,
    pub(super) behind_ms: Option<i64>,
    pub(super) quiet_ms: Option<i64>,
    /// The day of the clock, since texts of tiles depend on it.
    pub(super) day: i64,
    pub(super) remarks: WallRemarks,
    /// True if no frame will follow.
    pub(super) is_last: bool,
}

#[derive(Debug, Default)]
struct DrawnTile {
    /// The number of the frame in which it was drawn.
    drawn_in: u64,
    id: String,
    /// Up to which event time it reaches.
    to: String,
    wall: String,
    phone: String,
}

impl WallFrame {
    pub(super) fn before_the_first(tiles: usize) -> WallFrame {
        let tiles = vec![Arc::default(); tiles];
        WallFrame {
            number: 0,
            tiles,
            shown_ms: None,
            shown_events: 0,
            behind_ms: None,
            quiet_ms: None,
            day: 0,
            remarks: WallRemarks::default(),
            is_last: false,
        }
    }

    /// Draws a tile anew, at `now_ms` of the clock.
    pub(super) fn draw(
        &mut self,
        tile: usize,
        content: &TileContent,
        now_ms: i64,
        size: TileSize,
        draw: impl Fn(&TileContent, TileSize) -> String,
    ) {
        let drawn = DrawnTile {
            drawn_in: self.number,
            id: content.id.clone(),
            to: reach(content, now_ms),
            wall: tile_html(content, now_ms, |content| draw(content, size)),
            phone: tile_html(content, now_ms, |content| draw(content, PHONE)),
        };
        if let Some(tile) = self.tiles.get_mut(tile) {
            *tile = Arc::new(drawn);
        }
    }

    /// Returns the frame as a server-sent event, with the tiles that were drawn after frame `seen`, or all.
    pub(super) fn message(&self, form: Form, seen: Option<u64>) -> String {
        let is_new = |tile: &&Arc<DrawnTile>| tile.drawn_in > seen.unwrap_or(0);
        let json_of = |tile: &Arc<DrawnTile>| {
            let html = if form == Form::Wall { &tile.wall } else { &tile.phone };
            json!({ "id": tile.id, "to": tile.to, "html": html })
        };
        let tiles: Vec<Value> = self.tiles.iter().filter(is_new).map(json_of).collect();
        let frame = json!({
            "number": self.number,
            "events": self.shown_events,
            "behind_ms": self.behind_ms,
            "quiet_ms": self.quiet_ms,
            "catching_up": self.remarks.is_catching_up,
            "notes": self.remarks.notes,
            "problems": self.remarks.problems,
            "tiles": tiles,
        });
        // A frame is one line, as JSON has no line ends outside of its texts.
        format!("retry: 1000\ndata: {frame}\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_large_as_their_tiles() {
        let sizes = |text: &str| TileSize::of_tiles(&WallLayout::parse(text, "wall.toml").unwrap());
        let tile = |span: usize| format!("[[tile]]\nkind = 'events'\nfeed = 'x'\nspan = {span}\n");
        let wide = sizes(&[2, 2, 1, 1, 1, 1].map(tile).concat());
        assert_eq!(wide[0], TileSize { width_px: 504, height_px: 231 });
        assert_eq!(wide[5], TileSize { width_px: 244, height_px: 231 });
        assert_eq!(sizes(&format!("columns = 1\n{}", tile(1))), [TileSize { width_px: 1_024, height_px: 466 }]);
        // Rows beyond what can be read are not made smaller still.
        assert_eq!(sizes(&[4; 24].map(tile).concat())[23].height_px, 116);
    }

    #[test]
    fn a_browser_is_sent_what_it_has_not_seen() {
        let mut frame = WallFrame::before_the_first(2);
        let content = |n: usize| TileContent {
            id: format!("tile-{n}"),
            title: String::new(),
            newest_ms: Some(0),
            incomplete: None,
            problem: None,
            figure: crate::wall::TileFigure::Bands(Vec::new()),
        };
        let draw = |_: &TileContent, size: TileSize| format!("<svg>\n{}</svg>", size.width_px);
        let size = TileSize { width_px: 500, height_px: 200 };
        for (number, tile) in [(1, 0), (1, 1), (2, 1)] {
            frame.number = number;
            frame.draw(tile, &content(tile), 0, size, draw);
        }
        let ids = |form: Form, seen: Option<u64>| {
            let message = frame.message(form, seen);
            let line = message.strip_prefix("retry: 1000\ndata: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
            assert!(!line.contains('\n'));
            let frame: Value = serde_json::from_str(line).unwrap();
            let tiles = frame["tiles"].as_array().unwrap().clone();
            tiles.iter().map(|tile| format!("{} {}", tile["id"], tile["html"])).collect::<Vec<_>>().join(" ")
        };
        assert!(ids(Form::Wall, None).contains("tile-0") && ids(Form::Wall, None).contains("tile-1"));
        assert!(ids(Form::Wall, Some(1)).starts_with("\"tile-1\"") && ids(Form::Wall, Some(1)).contains("500</svg>"));
        assert!(ids(Form::Phone, Some(1)).contains("360</svg>"));
        assert_eq!(ids(Form::Wall, Some(2)), "");
    }
}
