//! Layouts that are right, and what is said of those that are not.

use super::*;

#[test]
fn the_built_in_layout_has_the_tiles_that_can_be_fed() {
    let all = WallLayout::parse(BUILT_IN, "the built-in layout").unwrap();
    assert_eq!(all.tiles.len(), 6);
    let layout = WallLayout::for_feeds(["dispatched", "returns", "load-time-views"]).unwrap();
    let titles: Vec<&str> = layout.tiles.iter().map(|tile| &*tile.title).collect();
    assert_eq!(titles, ["Dispatched today", "returns", "load-time-views"]);
    assert!(matches!(layout.tiles[1].kind, TileKind::Events { last: 8 }));
}

#[test]
fn a_layout_says_what_its_tiles_are() {
    let layout = WallLayout::parse(
        "title = \"Shop\"\ncolumns = 3\nstalled_after = \"1min\"\n[[tile]]\nkind = \"series\"\nfeed = \"outside\"\n\
         columns = { number = \"temperature\" }\nspan = 6\noptions = { last = \"6h\", unit = \"°C\" }\n",
        "wall.toml",
    )
    .unwrap();
    assert_eq!((layout.title.as_str(), layout.columns, layout.stalled_after_ms), ("Shop", 3, 60_000));
    let tile = &layout.tiles[0];
    assert_eq!((tile.title.as_str(), tile.span, &*tile.columns["number"]), ("outside", 3, "temperature"));
    assert!(matches!(&tile.kind, TileKind::Series { last_ms: 21_600_000, unit } if unit == "°C"));
}

#[test]
fn what_is_wrong_names_tile_key_place_and_fix() {
    let wrong = |text: &str| WallLayout::parse(text, "wall.toml").unwrap_err().to_string();
    for (text, expected) in [
        ("tiel = 1", "wall.toml, line 1, column 1: 'tiel' is no key of a layout; did you mean 'tile'?"),
        ("tile = 1", "wall.toml, line 1, column 8: a wall has 1 to 24 tiles; write each as [[tile]]"),
        ("columns = 7", "wall.toml, line 1, column 11: columns is a whole number from 1 to 6"),
        (
            "[[tile]]\nkind = \"band\"\nfeed = \"x\"",
            "wall.toml, line 2, column 8: tile 1: 'band' is no kind of tile; did you mean 'bands'?",
        ),
        (
            "[[tile]]\nkind = \"today\"\nfeed = \"x\"\noptions = { timezon = \"UTC\" }",
            "tile 1 (today): 'timezon' is no option of it; did you mean 'timezone'?",
        ),
        (
            "[[tile]]\nkind = \"today\"\nfeed = \"x\"\noptions = { timezone = \"Europe/Lodnon\" }",
            "line 4, column 24: tile 1 (today): 'Europe/Lodnon' is not a time zone",
        ),
        (
            "[[tile]]\nkind = \"ranking\"\nfeed = \"x\"\ncolumns = { ranks = \"r\" }",
            "tile 1 (ranking): it has no use for a column 'ranks'; did you mean 'rank'?",
        ),
        ("[[tile]]\nkind = \"events\"\n", "tile 1 (events) has no feed; write feed = \"NAME\""),
        ("[[tile]]\nfeed = \"x\"\n", "tile 1 has no kind; write kind"),
        (
            "[[tile]]\nkind = \"bands\"\nfeed = []\noptions = { last = \"soon\" }",
            "tile 1 (bands): last is a duration from 1s to 7d",
        ),
        ("[[tile]]\nkind = \"events\"\nfeed = 7\n", "tile 1 (events): feed is a name in quotes, or an array"),
    ] {
        assert!(wrong(text).contains(expected), "{text}\n{}", wrong(text));
    }
    // All that is wrong is said at once.
    assert_eq!(wrong("a = 1\n[[tile]]\nkind = \"x\"\n[[tile]]\nspan = 0\n").lines().count(), 3);
}

#[test]
fn a_tile_reads_a_file_or_a_feed_of_another_service() {
    let layout = WallLayout::parse(
        "[[tile]]\nkind = 'series'\ncsv = 'data/t.csv'\n[[tile]]\nkind = 'ranking'\nurl = 'https://a.example/feeds/x?key=k'\n\
         bearer = 'env:TOKEN'\nfilter = '{\"exact\": {\"type\": \"t\"}}'\n",
        "wall.toml",
    );
    let tiles = layout.unwrap().tiles;
    assert_eq!(
        (tiles[0].title.as_str(), &tiles[0].external),
        ("data/t.csv", &Some(ExternalSource::Csv("data/t.csv".into())))
    );
    let Some(ExternalSource::Feed { bearer, .. }) = &tiles[1].external else { panic!("{tiles:?}") };
    assert_eq!((tiles[1].title.as_str(), bearer.as_deref()), ("https://a.example/feeds/x", Some("TOKEN")));
    assert!(tiles[1].filter.is_some());
    let wrong = |text: &str| {
        WallLayout::parse(&format!("[[tile]]\nkind = 'series'\n{text}"), "wall.toml").unwrap_err().to_string()
    };
    for (text, expected) in [
        ("csv = 'a'\nfeed = 'b'", "tile 1 (series) has one of feed, csv and url; take two tiles"),
        (
            "url = 'http://a.example/'",
            "tile 1 (series): url: requests go over https, and over http to this machine only",
        ),
        ("url = 'https://10.0.0.1/'", "10.0.0.1 is private"),
        ("url = 'file:///etc/passwd'", "tile 1 (series): url:"),
        (
            "url = 'https://a.example/'\nbearer = 'secret'",
            "line 4, column 10: tile 1 (series): bearer names a variable",
        ),
        ("feed = 'a'\nbearer = 'env:A'", "tile 1 (series): bearer goes with url only"),
        ("feed = 'a'\nfilter = 'type = 1'", "tile 1 (series): filter: "),
    ] {
        assert!(wrong(text).contains(expected), "{text}\n{}", wrong(text));
    }
}
