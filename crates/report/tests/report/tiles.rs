//! Figures of tiles: what is drawn at the sizes of a wall and of a phone.

use std::fs;
use std::path::Path;

use flowbench_report::{BandCounts, TileDrawing, TileNumbers, tile_style};
use roxmltree::{Document, Node};

/// A tile of half a wall, and the screen of a phone.
const WALL: (u32, u32) = (504, 231);
const PHONE: (u32, u32) = (360, 250);
/// 2026-01-05T08:00:00Z.
const MORNING_MS: i64 = 1_767_600_000_000;

fn tile(numbers: TileNumbers, (width_px, height_px): (u32, u32)) -> TileDrawing {
    TileDrawing { id: "tile-1".into(), title: "Page speed and sales".into(), width_px, height_px, numbers }
}

fn bands(scale: f64) -> Vec<BandCounts> {
    let band =
        |band: &str, views: f64, conversions: f64| BandCounts { band: band.into(), views: views * scale, conversions };
    vec![band("good", 9_131.0, 560.0), band("needs-improvement", 4_032.0, 141.0), band("poor", 2_028.0, 22.0)]
}

fn over_time() -> TileNumbers {
    let steps = (0..12).map(|n| bands(0.5 + f64::from(n) / 12.0)).collect();
    TileNumbers::BandsOverTime { first_ms: MORNING_MS, step_ms: 3_600_000, steps, unfinished_steps: 1 }
}

fn ranking() -> TileNumbers {
    let names = ["Teapot, blue", "Mug", "Kettle", "Tea towel with a long name", "Biscuit tin"];
    TileNumbers::Ranking(names.into_iter().zip([301.0, 213.0, 161.0, 132.0, 1.5]).map(|(n, v)| (n.into(), v)).collect())
}

fn temperatures() -> TileNumbers {
    let points = (0..120).map(|n| (MORNING_MS + n * 30_000, 4.0 + (n as f64 / 15.0).sin() * 6.0)).collect();
    TileNumbers::OverTime { unit: "°C outside".into(), points }
}

/// The columns or bars of a figure: their titles.
fn marks(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let is_title = |node: &Node| node.has_tag_name("title") && node.parent().is_some_and(|of| of.has_tag_name("rect"));
    let titles = document.descendants().filter(is_title);
    titles.filter_map(|node| node.text()).map(str::to_owned).collect()
}

/// Compares a drawing with its golden file, which `FLOWBENCH_REWRITE=1` writes again.
fn check(name: &str, drawing: &TileDrawing) -> String {
    let svg = drawing.svg();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("tile-{name}.svg"));
    if std::env::var_os("FLOWBENCH_REWRITE").is_some() {
        fs::write(&path, &svg).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept == svg, "{}: FLOWBENCH_REWRITE=1 writes it again\n{svg}", path.display());
    let document = Document::parse(&svg).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    // Attributes that a strict policy of a page refuses, and style sheets of its own.
    assert!(!svg.contains("style"), "{svg}");
    svg
}

#[test]
fn bands_are_columns_in_their_colours_under_a_line_with_its_own_axis() {
    let svg = check("bands", &tile(TileNumbers::Bands(bands(1.0)), WALL));
    let expected = ["good, good: 9.13k", "needs improvement, needs improvement: 4.03k", "poor, poor: 2.03k"];
    assert_eq!(marks(&svg), expected);
    let description = "good: 9131 views, 6.13 % converted; needs improvement: 4032 views, 3.5 % converted; \
                       poor: 2028 views, 1.08 % converted";
    for text in [">Page views<", ">Conversion, line (%)<", ">needs improvement<", ">10k<", description] {
        assert!(svg.contains(text), "{text}: {svg}");
    }
    check("bands-phone", &tile(TileNumbers::Bands(bands(1.0)), PHONE));
}

#[test]
fn hours_are_stacks_with_the_rate_of_all_and_fill_their_tile() {
    let svg = check("hours", &tile(over_time(), WALL));
    assert_eq!(marks(&svg).len(), 36);
    let viewed = Document::parse(&svg).unwrap().root_element().attribute("viewBox").unwrap().to_owned();
    assert_eq!(viewed, "0 0 504 231");
    assert!(svg.contains(">12:00<") && svg.contains(">so far<"), "{svg}");
    // The tile says what its times are.
    assert!(!svg.contains("event time (UTC)</text>"));
    check("hours-phone", &tile(over_time(), PHONE));
}

#[test]
fn a_ranking_has_a_bar_for_each_name_with_its_number() {
    let svg = check("ranking", &tile(ranking(), (244, 231)));
    assert_eq!(marks(&svg).len(), 5);
    // The numbers stand beside the bars, so there is no axis.
    assert!(!svg.contains(">200<"), "{svg}");
    let flat = tile(ranking(), (244, 116)).svg();
    assert_eq!(marks(&flat).len(), 3, "fewer ranks, and not smaller ones");
    assert!(svg.contains(">301<") && svg.contains("4. Tea towel with a long name: 132"), "{svg}");
}

#[test]
fn a_series_is_a_line_over_time() {
    let svg = check("series", &tile(temperatures(), WALL));
    assert!(svg.contains(">°C outside<") && svg.contains(">08:30<"), "{svg}");
}

#[test]
fn whatever_comes_is_drawn() {
    let extremes = [f64::NAN, f64::INFINITY, -f64::MAX, f64::MIN_POSITIVE, 5e-324, 0.0, 1e15];
    let hostile = "</svg><script>'\"&\u{202e}";
    for (n, value) in extremes.into_iter().enumerate() {
        let counts = BandCounts { band: hostile.into(), views: value, conversions: extremes[(n + 3) % 7] };
        for numbers in [
            TileNumbers::Bands(vec![counts.clone(); n]),
            TileNumbers::BandsOverTime { first_ms: 0, step_ms: 1, steps: vec![vec![counts]; n], unfinished_steps: n },
            TileNumbers::Ranking(vec![(hostile.into(), value); n]),
            TileNumbers::OverTime { unit: hostile.into(), points: vec![(MORNING_MS, value), (MORNING_MS + 1, 1.0)] },
            TileNumbers::OverTime { unit: String::new(), points: Vec::new() },
        ] {
            for size in [WALL, PHONE, (0, 0)] {
                let svg = tile(numbers.clone(), size).svg();
                Document::parse(&svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
                assert!(!svg.contains("<script") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }
}

#[test]
fn the_style_of_a_page_is_that_of_reports_in_two_themes() {
    let style = tile_style();
    assert!(style.contains(".fig .c0{color:#0072b2}"), "{style}");
    assert!(style.contains("[data-theme=dark] .fig .c0{color:#56b4e9}"), "{style}");
    assert!(style.contains("[data-theme=dark] .fig .hollow,[data-theme=dark] .fig .paper,"), "{style}");
    assert!(!style.contains("@media"));
    assert_eq!(style.matches('{').count(), style.matches('}').count());
}
