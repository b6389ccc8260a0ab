//! The figures of a wall, drawn as those of a report are.

use flowbench_live::{BandLoad, TileContent, TileFigure, TileSize};
use flowbench_report::{BandCounts, TileDrawing, TileNumbers};

/// Draws the figure of a tile as SVG; empty for a tile that is words and numbers.
pub(super) fn draw(content: &TileContent, size: TileSize) -> String {
    let numbers = match &content.figure {
        TileFigure::Bands(bands) => TileNumbers::Bands(counts(bands)),
        TileFigure::Hours(hours) => TileNumbers::BandsOverTime {
            first_ms: hours.first_ms,
            step_ms: hours.step_ms,
            steps: hours.steps.iter().map(|step| counts(step)).collect(),
            unfinished_steps: hours.unfinished_steps,
        },
        TileFigure::Ranking(ranking) => {
            let bar = |(name, number): &(String, flowbench_live::Thousandths)| (name.clone(), number.approximate());
            TileNumbers::Ranking(ranking.ranks.iter().map(bar).collect())
        }
        TileFigure::Series(series) => {
            TileNumbers::OverTime { unit: series.unit.clone(), points: series.points.clone() }
        }
        TileFigure::Today(_) | TileFigure::Overdue(_) | TileFigure::Events(_) => return String::new(),
    };
    let (id, title) = (content.id.clone(), content.title.clone());
    TileDrawing { id, title, width_px: size.width_px, height_px: size.height_px, numbers }.svg()
}

fn counts(bands: &[BandLoad]) -> Vec<BandCounts> {
    let of = |band: &BandLoad| BandCounts {
        band: band.band.clone(),
        views: band.views as f64,
        conversions: band.conversions as f64,
    };
    bands.iter().map(of).collect()
}
