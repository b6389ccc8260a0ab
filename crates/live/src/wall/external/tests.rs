//! Tiles of files that grow, are replaced, are wrong or vanish, and of feeds of other services.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::csv_file::{CsvFile, NewRows};
use super::*;
use crate::cloud_event::{AttributeValue, CloudEvent, EventData};
use crate::queue::EventQueue;
use crate::wall::{TileContent, TileFigure, WallLayout, WallTiles};
use crate::{FeedList, HttpConfig, HttpServer, Intake, Offered};

const HEADER: &str = "time,celsius\n";

/// Looks as often as it takes until a last line without an end is taken.
fn look(file: &mut CsvFile) -> Option<NewRows> {
    let first = file.look().unwrap();
    let second = file.look().unwrap();
    match (first, second) {
        (Some(mut first), Some(second)) => {
            first.rows.extend(second.rows);
            Some(first)
        }
        (first, second) => first.or(second),
    }
}

fn values(new: &NewRows) -> Vec<String> {
    let value = |event: &CloudEvent| {
        let Some(EventData::Json(json)) = &event.data else { panic!("{event:?}") };
        serde_json::from_str::<BTreeMap<String, String>>(json.get()).unwrap().remove("celsius").unwrap()
    };
    new.rows.iter().map(value).collect()
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_file_that_grows_is_read_on_and_one_that_is_replaced_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, format!("{HEADER}a,1\nb,2\n")).unwrap();
    let mut file = CsvFile::new(path.clone());
    let first = look(&mut file).unwrap();
    assert_eq!((first.is_anew, values(&first)), (true, vec!["1".to_owned(), "2".to_owned()]));
    assert!(look(&mut file).is_none());
    append(&path, "c,3\nd,");
    let more = file.look().unwrap().unwrap();
    assert_eq!((more.is_anew, values(&more)), (false, vec!["3".to_owned()]), "half a line is none");
    append(&path, "4");
    assert_eq!(values(&file.look().unwrap().unwrap()), [""; 0]);
    assert_eq!(values(&file.look().unwrap().unwrap()), ["4"], "it has not grown since");
    // What was taken for a row goes on: everything is read again.
    append(&path, "2\n");
    let again = look(&mut file).unwrap();
    assert_eq!((again.is_anew, values(&again).join(" ")), (true, "1 2 3 42".to_owned()));
    // Shorter, longer with other rows before, with another header, and the same length.
    for (text, expected) in [
        (format!("{HEADER}a,7\n"), "7"),
        (format!("{HEADER}a,8\nb,9\nc,10\n"), "8 9 10"),
        (format!("{HEADER}a,8\nb,9\nc,11\n"), "8 9 11"),
        ("celsius;time\n3,5;x\n".to_owned(), "3,5"),
    ] {
        let beside = folder.path().join("beside");
        fs::write(&beside, &text).unwrap();
        fs::rename(&beside, &path).unwrap();
        let new = look(&mut file).unwrap();
        assert_eq!((new.is_anew, values(&new).join(" ").as_str()), (true, expected), "{text}");
    }
    // A copy of the same file is no other file.
    fs::copy(&path, folder.path().join("beside")).unwrap();
    fs::rename(folder.path().join("beside"), &path).unwrap();
    let same = look(&mut file).unwrap();
    assert_eq!((same.is_anew, same.rows.len()), (false, 0));
}

#[test]
fn a_row_that_is_none_is_counted_and_the_others_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let text = "\u{feff}\"time\", celsius\r\na,1\r\n\r\nb,1,234\r\n\"c,2\r\nd,\"3\"\r\ne\r\n";
    fs::write(&path, text).unwrap();
    let new = CsvFile::new(path).look().unwrap().unwrap();
    assert_eq!((values(&new).join(" "), new.refused), ("1 3".to_owned(), 3));
    assert_eq!(new.why_refused, "'e' has 1 fields where the first line has 2");
}

#[test]
fn of_a_long_file_the_end_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows: String = (0..400_000).map(|n| format!("t,{n}\n")).collect();
    fs::write(&path, format!("{HEADER}{rows}")).unwrap();
    let mut file = CsvFile::new(path.clone());
    let first = values(&look(&mut file).unwrap());
    assert_eq!((first.len(), first[0].as_str(), first[9_999].as_str()), (10_000, "390000", "399999"));
    append(&path, "t,last\n");
    let more = look(&mut file).unwrap();
    assert_eq!((more.is_anew, values(&more).join(" ").as_str()), (false, "last"));
}

#[test]
fn what_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let mut file = CsvFile::new(path.clone());
    assert!(file.look().unwrap_err().contains("No such file"));
    fs::write(&path, "").unwrap();
    assert_eq!(file.look().unwrap_err(), "it is empty; its first line names the columns");
    fs::write(&path, format!("{HEADER}a,1")).unwrap();
    assert_eq!(values(&look(&mut file).unwrap()), ["1"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(file.look().unwrap_err(), "it is not a regular file");
}

/// A wall of one tile whose external source is read.
struct Wall {
    tiles: WallTiles,
    _readers: ExternalReaders,
}

fn wall(tile: &str, folder: &Path, token: Option<&str>) -> Wall {
    let layout = WallLayout::parse(&format!("[[tile]]\n{tile}"), "wall.toml").unwrap();
    let tiles = WallTiles::new(&layout, &BTreeMap::new()).unwrap();
    let environment = |name: &str| token.filter(|_| name == "READ_TOKEN").map(str::to_owned);
    let _readers = ExternalReaders::start(&tiles.external(), folder, &environment).unwrap();
    Wall { tiles, _readers }
}

impl Wall {
    /// Waits until the tile shows these numbers, and a problem that begins like this; no problem if it is empty.
    fn wait_for(&mut self, numbers: &[f64], problem: &str) -> TileContent {
        let give_up = Instant::now() + Duration::from_secs(60);
        loop {
            while !self.tiles.update().is_caught_up {}
            let content = self.tiles.content(0).unwrap();
            let said = content.problem.clone().unwrap_or_default();
            if numbers_of(&content) == numbers && said.starts_with(problem) && said.is_empty() == problem.is_empty() {
                return content;
            }
            assert!(Instant::now() < give_up, "{content:?} where {numbers:?} and '{problem}' are expected");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn numbers_of(content: &TileContent) -> Vec<f64> {
    let TileFigure::Series(series) = &content.figure else { panic!("{content:?}") };
    series.points.iter().map(|(_, number)| *number).collect()
}

const CSV_TILE: &str = "kind = 'series'\ncsv = 't.csv'\ncolumns = { number = 'celsius' }";

#[test]
fn a_tile_shows_a_file_as_it_is_and_why_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let mut wall = wall(CSV_TILE, folder.path(), None);
    wall.wait_for(&[], "t.csv cannot be read: No such file");
    fs::write(&path, format!("{HEADER}2026-01-05T12:00:00Z,20.5\n2026-01-05T12:01:00Z,21\n")).unwrap();
    let content = wall.wait_for(&[20.5, 21.0], "");
    assert_eq!(content.title, "t.csv");
    append(&path, "noon,3\n2026-01-05T12:02:00Z,22\n");
    wall.wait_for(&[20.5, 21.0, 22.0], "1 row cannot be used: 'noon' is no time; expected RFC 3339");
    // Rows of a former day: nothing of the newer ones is left.
    fs::write(&path, format!("{HEADER}2026-01-04T12:00:00Z,-1\n")).unwrap();
    wall.wait_for(&[-1.0], "");
    fs::remove_file(&path).unwrap();
    let gone = wall.wait_for(&[-1.0], "t.csv cannot be read: No such file");
    assert!(gone.problem.unwrap().contains("; what is shown was read at "));
    fs::write(&path, format!("{HEADER}2026-01-04T12:00:00Z,-2\n")).unwrap();
    wall.wait_for(&[-2.0], "");
}

/// An intake that takes nothing.
struct Closed;

impl Intake for Closed {
    fn offer(&self, _: Vec<Offered>) -> Result<crate::Ticket, crate::Full> {
        Err(crate::Full { retry_after: Duration::from_secs(1) })
    }
}

/// Another service with a feed.
fn other_service(address: &str, queue: &Arc<EventQueue>, tokens: Option<crate::TokenFile>) -> HttpServer {
    let feeds = Arc::new(FeedList::default());
    feeds.add(Arc::clone(queue)).unwrap();
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        let filters: Option<crate::FilterParser> = Some(Arc::new(crate::event_filter));
        let config = HttpConfig { tokens: tokens.clone(), filters, ..HttpConfig::new(Arc::new(Closed), feeds.clone()) };
        match HttpServer::start(address.parse().unwrap(), config) {
            Ok(server) => return server,
            Err(error) => assert!(Instant::now() < give_up, "{error}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn reading(minute: u32, celsius: f64) -> CloudEvent {
    let mut event = CloudEvent::new("", "/sensor", "com.example.reading");
    event.attributes.insert("time".into(), AttributeValue::Text(format!("2026-01-05T12:{minute:02}:00Z")));
    let data = format!("{{\"sensor\":\"roof\",\"air\":[{{\"celsius\":\"{celsius}\"}}]}}");
    event.data = Some(EventData::Json(serde_json::value::RawValue::from_string(data).unwrap()));
    event
}

#[test]
fn a_tile_follows_the_feed_of_another_service_over_its_restarts() {
    let queue = Arc::new(EventQueue::new("readings", 100));
    queue.append_all([reading(0, 20.5), reading(1, 21.0)]);
    let server = other_service("127.0.0.1:0", &queue, None);
    let address = server.address().to_string();
    let tile = format!(
        "kind = 'series'\nurl = 'http://{address}/feeds/readings'\ncolumns = {{ number = 'air.0.celsius' }}\n\
         filter = '{{\"exact\": {{\"type\": \"com.example.reading\"}}}}'"
    );
    let mut wall = wall(&tile, Path::new("."), None);
    wall.wait_for(&[20.5, 21.0], "");
    queue.append_all([CloudEvent::new("", "/sensor", "com.example.started"), reading(2, 22.0)]);
    wall.wait_for(&[20.5, 21.0, 22.0], "");
    server.stop().unwrap();
    let gone = wall.wait_for(&[20.5, 21.0, 22.0], &format!("http://{address}/feeds/readings cannot be read: "));
    assert!(gone.problem.unwrap().contains("; what is shown was read at "));
    // The same service goes on where it was.
    let server = other_service(&address, &queue, None);
    queue.append(reading(3, 23.0));
    wall.wait_for(&[20.5, 21.0, 22.0, 23.0], "");
    server.stop().unwrap();
    // Another one, which has never given the id that the tile has.
    let begun_anew = Arc::new(EventQueue::new("readings", 100));
    begun_anew.append(reading(9, -1.0));
    let server = other_service(&address, &begun_anew, None);
    wall.wait_for(&[-1.0], "");
    server.stop().unwrap();
}

#[test]
fn a_feed_that_wants_a_token_is_given_one() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = crate::TokenFile::new(folder.path().join("tokens.toml"));
    let token = tokens.create("wall", &[crate::Scope::Feed("readings".to_owned())], None).unwrap();
    let queue = Arc::new(EventQueue::new("readings", 100));
    queue.append(reading(0, 20.5));
    let server = other_service("127.0.0.1:0", &queue, Some(tokens));
    let url = format!("http://{}/feeds/readings", server.address());
    let tile = format!("kind = 'series'\nurl = '{url}'\ncolumns = {{ number = 'air.0.celsius' }}");
    let problem = format!("{url} cannot be read: status 401; give a token that may read the feed");
    wall(&tile, Path::new("."), None).wait_for(&[], &problem);
    let tile = format!("{tile}\nbearer = 'env:READ_TOKEN'");
    wall(&tile, Path::new("."), Some(token.as_str())).wait_for(&[20.5], "");
    server.stop().unwrap();
    let layout = WallLayout::parse(&format!("[[tile]]\n{tile}"), "wall.toml").unwrap();
    let tiles = WallTiles::new(&layout, &BTreeMap::new()).unwrap();
    let unset = ExternalReaders::start(&tiles.external(), Path::new("."), &|_| None).unwrap_err();
    assert!(unset.to_string().starts_with("READ_TOKEN: the variable of the environment is not set"), "{unset}");
}
