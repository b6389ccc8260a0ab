//! The page and its frames over sockets.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use serde_json::Value;

use super::*;
use crate::cloud_event::{AttributeValue, CloudEvent};
use crate::queue::EventQueue;

/// Far beyond what anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A wall of one list and one figure, served on a port of its own.
struct Served {
    wall: Arc<WallFrames>,
    queue: Arc<EventQueue>,
    freshness: Arc<Freshness>,
    address: SocketAddr,
    server: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Served {
    fn start() -> Served {
        Served::with_remarks(Arc::new(WallRemarks::default))
    }

    fn with_remarks(remarks: RemarkSource) -> Served {
        let text = "title = 'Shop'\n[[tile]]\nkind = 'events'\nfeed = 'x'\n[[tile]]\nkind = 'series'\nfeed = 'x'";
        let layout = WallLayout::parse(text, "wall.toml").unwrap();
        let queue = Arc::new(EventQueue::new("x", 1_000));
        let tiles = WallTiles::new(&layout, &BTreeMap::from([("x".to_owned(), queue.clone())])).unwrap();
        let wall = WallFrames::new(&layout, Box::new(|_, _| "<svg></svg>".to_owned()), "");
        wall.set_remarks(remarks);
        let freshness = Arc::new(Freshness::default());
        let (stop, stopped) = channel();
        let (address_sender, address) = channel();
        let (serving, fresh) = (wall.clone(), freshness.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                address_sender.send(listener.local_addr().unwrap()).unwrap();
                let routes = serving.routes();
                tokio::spawn(async move { axum::serve(listener, routes).await });
                serving.run(tiles, fresh).await;
                tokio::task::spawn_blocking(move || stopped.recv()).await.unwrap().unwrap();
            });
        });
        let address = address.recv_timeout(DEADLINE).unwrap();
        Served { wall, queue, freshness, address, server: Some((stop, thread)) }
    }

    /// Sends a request and returns the head of the answer, and its body to be read.
    fn get(&self, path: &str) -> (String, BufReader<TcpStream>) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        (head, reader)
    }

    fn add(&self, kind: &str) {
        let mut event = CloudEvent::new("", "/test", kind);
        event.attributes.insert("time".into(), AttributeValue::Text("2026-01-05T08:00:00Z".into()));
        self.queue.append(event);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.wall.close();
        if let Some((stop, thread)) = self.server.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

/// Reads frames until one fits.
fn frame_with(reader: &mut BufReader<TcpStream>, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream has ended");
        if let Some(data) = line.strip_prefix("data: ") {
            let frame: Value = serde_json::from_str(data).unwrap();
            if fits(&frame) {
                return frame;
            }
        }
    }
}

fn ids(frame: &Value) -> Vec<&str> {
    frame["tiles"].as_array().unwrap().iter().map(|tile| tile["id"].as_str().unwrap()).collect()
}

#[test]
fn a_browser_gets_the_page_the_whole_state_and_then_what_changes() {
    let served = Served::start();
    let (head, mut body) = served.get("/?theme=light");
    let mut page = String::new();
    body.read_to_string(&mut page).unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(page.contains("<title>Shop</title>") && page.contains("id=\"tile-2\""));

    served.add("first");
    let (head, mut stream) = served.get("/wall/frames?form=wall&theme=light");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    let whole = frame_with(&mut stream, |_| true);
    assert_eq!(ids(&whole), ["tile-1", "tile-2"]);
    assert_eq!((&whole["behind_ms"], &whole["quiet_ms"]), (&Value::Null, &Value::Null));
    // Both tiles read the queue; one of them cannot use what comes.
    served.freshness.arrived(wall_clock_ms());
    served.add("second");
    served.freshness.answered(wall_clock_ms(), 1);
    let next = frame_with(&mut stream, |frame| frame["tiles"][0]["html"].to_string().contains("second"));
    assert!(next["number"].as_u64() > whole["number"].as_u64());
    assert!(next["tiles"][1]["html"].to_string().contains("cannot be used"), "{next}");
    // Nothing more comes, and still there are frames, without tiles.
    let quiet = frame_with(&mut stream, |frame| frame["quiet_ms"].as_i64() > Some(1_000));
    assert_eq!((ids(&quiet), &quiet["behind_ms"]), (vec![], &Value::from(0)));
    // A second browser, or the same one again, begins with everything.
    let (_, mut again) = served.get("/wall/frames?form=phone");
    assert_eq!(ids(&frame_with(&mut again, |_| true)), ["tile-1", "tile-2"]);
}

#[test]
fn there_are_at_most_so_many_browsers_and_the_end_of_the_wall_is_theirs() {
    let served = Served::start();
    let mut streams: Vec<_> = (0..BROWSERS_MAX).map(|_| served.get("/wall/frames").1).collect();
    let (head, mut body) = served.get("/wall/frames");
    let mut text = String::new();
    body.read_to_string(&mut text).unwrap();
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 5"), "{head}");
    assert_eq!(text, "64 browsers look at this wall already\n");
    // One that leaves makes room.
    streams.pop();
    let begun = std::time::Instant::now();
    while served.get("/wall/frames").0.starts_with("HTTP/1.1 503") {
        assert!(begun.elapsed() < DEADLINE);
        std::thread::sleep(Duration::from_millis(10));
    }
    served.wall.close();
    for mut stream in streams {
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}

/// A browser that never reads loses its place, and the others get their frames meanwhile.
#[tokio::test(start_paused = true)]
async fn a_browser_that_takes_nothing_is_let_go() {
    let newest = watch::Sender::new(Arc::new(WallFrame::before_the_first(0)));
    let places = Arc::new(Semaphore::new(2));
    let place = || places.clone().try_acquire_owned().unwrap();
    let ((slow, _never_read), (quick, mut read)) = (mpsc::channel(1), mpsc::channel(1));
    let slow = tokio::spawn(send_frames(newest.subscribe(), Form::Wall, slow, place()));
    tokio::spawn(send_frames(newest.subscribe(), Form::Wall, quick, place()));
    let publish = |number: u64| newest.send_modify(|frame| Arc::make_mut(frame).number = number);
    let mut taken = 0;
    for number in 1..=80 {
        publish(number);
        let message = read.recv().await.unwrap();
        assert!(String::from_utf8_lossy(&message).contains(&format!("\"number\":{number},")));
        taken += 1;
        tokio::time::sleep(FRAME_EVERY).await;
    }
    assert_eq!(taken, 80);
    // Twenty seconds have passed, twice the deadline.
    assert!(slow.is_finished());
    assert_eq!(places.available_permits(), 1);
}

#[test]
fn frames_catch_up_before_they_claim_to_be_fresh() {
    let layout = WallLayout::parse("[[tile]]\nkind = 'events'\nfeed = 'x'", "wall.toml").unwrap();
    let queue = Arc::new(EventQueue::new("x", 10_000));
    let mut tiles = WallTiles::new(&layout, &BTreeMap::from([("x".to_owned(), queue.clone())])).unwrap();
    let (wall, freshness) = (WallFrames::new(&layout, Box::new(|_, _| String::new()), ""), Freshness::default());
    let mut publish = |now_ms: i64| {
        let (arrivals, update) = (freshness.now(), tiles.update());
        let is_published = wall.publish(&tiles, &update, arrivals, WallRemarks::default(), now_ms);
        (is_published, update.changed.len(), wall.newest.borrow().behind_ms)
    };
    assert_eq!(publish(0), (true, 0, None));
    // More events than are read at a time: what is shown is behind until all are.
    freshness.arrived(1_000);
    queue.append_all((0..5_000).map(|_| CloudEvent::new("", "/test", "t")));
    freshness.answered(1_000, 1);
    assert_eq!(publish(1_400), (true, 1, Some(400)));
    assert_eq!(publish(1_500), (true, 1, Some(0)));
    assert_eq!(publish(1_600), (true, 0, Some(0)));
    wall.close();
    assert_eq!(publish(1_700), (false, 0, Some(0)));
}
