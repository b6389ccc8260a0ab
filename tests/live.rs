//! `flowbench serve` as its users have it: over HTTP, killed, restarted, and replayed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::Scratch;

/// A service that runs in the folder of a test.
pub(crate) struct Served {
    child: Child,
    address: SocketAddr,
    words: Option<thread::JoinHandle<String>>,
}

impl Served {
    /// Starts it with a port of its own and waits until it listens.
    pub(crate) fn start(scratch: &Scratch, arguments: &[&str]) -> Served {
        Served::start_with(scratch, arguments, Stdio::null())
    }

    fn start_with(scratch: &Scratch, arguments: &[&str], stdin: Stdio) -> Served {
        let mut child = Command::new(env!("CARGO_BIN_EXE_flowbench"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(scratch.path(""))
            .stdin(stdin)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut words = String::new();
        stderr.read_line(&mut words).unwrap();
        let address = words.split("http://").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
        let Some(address) = address else {
            stderr.read_to_string(&mut words).unwrap();
            panic!("it does not serve:\n{words}");
        };
        let words = thread::spawn(move || {
            stderr.read_to_string(&mut words).unwrap();
            words
        });
        Served { child, address, words: Some(words) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it without a chance to say anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.words.take().unwrap().join().unwrap();
    }

    /// Ends it as Ctrl-C does; returns what it has said.
    pub(crate) fn end(mut self) -> String {
        let interrupted = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        let code = self.child.wait().unwrap();
        let words = self.words.take().unwrap().join().unwrap();
        assert!(code.success(), "{words}");
        words
    }
}

/// A test that fails leaves no service behind.
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a request: status and body. A request that is not answered within a minute fails.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    head: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    status.map(|status| (status, body)).ok_or_else(|| std::io::Error::other(format!("no answer of HTTP: {answer:?}")))
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..length).filter(|_| length > 0) else { break };
        whole.push_str(chunk);
        body = rest.get(length + 2..).unwrap_or("");
    }
    whole
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Value {
    let (status, body) = request(address, "GET", path, "", "").unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

/// Posts events as a batch of CloudEvents.
pub(crate) fn post(address: SocketAddr, events: &[Value]) -> std::io::Result<(u16, String)> {
    let head = "Content-Type: application/cloudevents-batch+json\r\n";
    request(address, "POST", "/events", head, &Value::from(events).to_string())
}

pub(crate) fn order(id: u64, kind: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id.to_string(), "source": "/test", "type": format!("flowbench.{kind}"), "data": data })
}

/// Waits until something is true of a feed; returns its events.
fn until(address: SocketAddr, feed: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        let events = get(address, &format!("/feeds/{feed}"));
        let events = events.as_array().unwrap().clone();
        if wanted(&events) {
            return events;
        }
        assert!(Instant::now() < give_up, "{feed}: {events:#?}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_posted_is_answered_and_what_is_recorded_is_replayed() {
    let scratch = Scratch::new();
    let served = Served::start(&scratch, &["--pipeline", "large=export-review", "--set", "large:threshold=100"]);
    let address = served.address();
    let events = [
        order(1, "order_dispatched", json!({ "customer": "ann", "order": "7", "value": "250", "country": "FR" })),
        order(2, "order_dispatched", json!({ "customer": "bob", "order": "8", "value": "90", "country": "FR" })),
        order(3, "order_dispatched", json!({ "customer": "cid", "order": "9", "value": "300", "country": "GB" })),
        json!({ "specversion": "1.0", "id": "4", "source": "/test", "type": "com.example.paid", "data": { "by": "card" } }),
        order(5, "order_placed", json!({ "value": "1.2345" })),
    ];
    let (status, receipt) = post(address, &events).unwrap();
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!((status, &receipt["accepted"], &receipt["rejects"][0]["index"]), (202, &json!(4), &json!(4)));
    let (_, again) = post(address, &events[..4]).unwrap();
    assert!(again.contains("\"repeated\":4"), "{again}");
    let answers = until(address, "large", |answers| !answers.is_empty());
    assert_eq!(answers[0]["data"], json!({ "order": "7", "customer": "ann", "value": "250.000", "country": "FR" }));
    let inbox = until(address, "inbox", |events| !events.is_empty());
    assert_eq!((&inbox[0]["type"], &inbox[0]["data"]["by"]), (&json!("com.example.paid"), &json!("card")));
    let words = served.end();
    assert!(words.contains("accepted: 3 events in") && words.contains("large: 1 answer,"), "{words}");

    scratch.ok("flowbench replay live.jsonl.zst --pipeline export-review --set threshold=100 -o answers.csv -q");
    let replayed = String::from_utf8(scratch.bytes("answers.csv")).unwrap();
    assert_eq!(replayed.lines().count(), 2, "{replayed}");
    assert!(replayed.contains(",7,ann,250.000,FR"), "{replayed}");

    // The session goes on where it was, and the reader where it had come.
    let served = Served::start(&scratch, &["--pipeline", "large=export-review", "--set", "large:threshold=100"]);
    let after = answers[0]["id"].as_str().unwrap();
    let value = json!({ "customer": "dan", "order": "10", "value": "100.001", "country": "DE" });
    post(served.address(), &[order(6, "order_dispatched", value)]).unwrap();
    let more = until(served.address(), &format!("large?lastEventId={after}"), |answers| !answers.is_empty());
    assert_eq!((more.len(), &more[0]["data"]["order"]), (1, &json!("10")), "{more:#?}");
    served.end();
}

#[test]
fn a_world_is_served_to_its_end_and_judged_afterwards() {
    let scratch = Scratch::new();
    let serve = "flowbench serve --listen 127.0.0.1:0 --generate tiny --count 20000 --speed 1000000 --max-ahead 1d --slack 1h \
                 --until-end";
    let ended = scratch.ok(serve);
    let count = |word: &str| {
        let before = ended.stderr.split(word).next().unwrap();
        before.rsplit(' ').find_map(|word| word.parse::<u64>().ok()).unwrap()
    };
    let accepted = count(" accepted");
    assert_eq!(accepted + count(" repeated"), 20_000, "{}", ended.stderr);
    scratch.ok("flowbench replay live.jsonl.zst --pipeline trending-products -o answers.csv -q");
    let judged =
        scratch.ok("flowbench judge answers.csv --trace live.jsonl.zst --pipeline trending-products --slack 1h");
    assert!(judged.stdout.contains("exact") || judged.stderr.contains("exact"), "{}\n{}", judged.stdout, judged.stderr);
    let answers = String::from_utf8(scratch.bytes("answers.csv")).unwrap();
    let line = format!("trending-products: {} answers", answers.lines().count() - 1);
    assert!(ended.stderr.contains(&line), "{line}\n{}", ended.stderr);
    // The command that the end names gives the same answers, digest for digest.
    let command = ended.stderr.lines().map(str::trim).find(|line| line.starts_with("flowbench replay")).unwrap();
    let feed = command.split(' ').nth(4).unwrap();
    let said = ended.stderr.lines().find(|line| line.starts_with(&format!("  {feed}: "))).unwrap();
    let digest = said.split(' ').next_back().unwrap();
    let replayed = scratch.ok(command);
    assert!(digest.len() == 16 && replayed.stderr.contains(digest), "{}\n{}", ended.stderr, replayed.stderr);
}

#[test]
fn a_pipe_is_answered_as_it_speaks() {
    let scratch = Scratch::new();
    let mut served = Served::start_with(&scratch, &["--pipeline", "identity", "--log", "-"], Stdio::piped());
    let mut stdin = served.child.stdin.take().unwrap();
    for n in 1..=3 {
        writeln!(stdin, "{{\"kind\":\"page_viewed\",\"customer\":{n}}}").unwrap();
        until(served.address(), "identity", |answers| answers.len() == n);
    }
    drop(stdin);
    let words = served.end();
    assert!(words.contains("3 events offered, 3 accepted"), "{words}");
}

#[test]
fn killed_at_any_instant_nothing_accepted_is_lost_and_nothing_counts_twice() {
    const ROUNDS: u64 = 20;
    let scratch = Scratch::new();
    let serve = ["--pipeline", "identity", "--pipeline", "lifetime-value"];
    let (next, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
    for round in 0..ROUNDS {
        let served = Served::start(&scratch, &serve);
        let (address, is_over) = (served.address(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    // What was not acknowledged is offered again, as a client does.
                    let from = acknowledged.load(Ordering::Acquire);
                    let batch: Vec<Value> = (from..from + 50)
                        .map(|id| {
                            order(
                                id,
                                "order_placed",
                                json!({ "customer": (id % 7).to_string(), "order": id.to_string(), "value": "2.5" }),
                            )
                        })
                        .collect();
                    next.fetch_max(from + 50, Ordering::AcqRel);
                    if post(address, &batch).is_ok_and(|(status, _)| status == 202) {
                        acknowledged.store(from + 50, Ordering::Release);
                    }
                }
            });
            thread::sleep(Duration::from_millis(30 + flowbench::events::mix(round) % 250));
            served.kill();
            is_over.store(true, Ordering::Release);
        });
    }
    let (offered, acknowledged) = (next.into_inner(), acknowledged.into_inner());
    assert!(acknowledged > 50 * ROUNDS, "{acknowledged} events were accepted");
    let words = Served::start(&scratch, &serve).end();
    let recorded = scratch.ok("flowbench inspect live.jsonl.zst --json").json();
    let events = recorded["events"].as_u64().unwrap();
    assert!((acknowledged..=offered).contains(&events), "{acknowledged} <= {events} <= {offered}");
    assert!(words.contains(&format!("identity: {events} answers")), "{events} events\n{words}");
    scratch.ok("flowbench replay live.jsonl.zst --pipeline lifetime-value -o spent.csv -q");
    let spent = String::from_utf8(scratch.bytes("spent.csv")).unwrap();
    let mut orders: Vec<u64> = (0..7)
        .map(|customer| {
            let of_customer =
                spent.lines().filter_map(|line| line.split_once('Z')?.1.strip_prefix(&format!(",{customer},")));
            of_customer.filter_map(|rest| rest.split(',').next()?.parse().ok()).max().unwrap_or(0)
        })
        .collect();
    orders.sort_unstable();
    assert_eq!(orders.iter().sum::<u64>(), events, "each event counts once: {orders:?}");
    assert!(words.contains(&format!("lifetime-value: {} answers", spent.lines().count() - 1)), "{words}");
}

#[test]
fn who_may_do_what_is_said_by_tokens() {
    let scratch = Scratch::new();
    scratch.fails("flowbench serve --listen 0.0.0.0:0 --recording a.jsonl.zst", 1, &["token"]);
    let token = scratch.ok("flowbench token add reader --allow feed:identity --for 1d").stdout;
    let token = token.trim();
    scratch.fails("flowbench token add reader --allow post", 1, &["reader"]);
    let served = Served::start(&scratch, &["--pipeline", "identity", "--tokens", "tokens.toml"]);
    let with = |token: &str, path: &str| {
        let head = format!("Authorization: Bearer {token}\r\n");
        request(served.address(), "GET", path, &head, "").unwrap().0
    };
    assert_eq!(
        [with(token, "/feeds/identity"), with(token, "/feeds/inbox"), with("wrong", "/feeds/identity")],
        [200, 403, 401]
    );
    assert!(scratch.ok("flowbench token list").stdout.starts_with("reader\tfeed:identity\tvalid until 20"));
    scratch.ok("flowbench token revoke reader");
    let give_up = Instant::now() + Duration::from_secs(30);
    while with(token, "/feeds/identity") != 401 {
        assert!(Instant::now() < give_up, "a revoked token is still taken");
        thread::sleep(Duration::from_millis(100));
    }
    served.end();
}

#[test]
fn what_cannot_be_served_says_what_to_do() {
    let scratch = Scratch::new();
    scratch.fails("flowbench serve --recording live.jsonl", 2, &["--recording live.jsonl", ".jsonl.zst"]);
    scratch.fails("flowbench serve --pipeline sesions", 2, &["sesions", "sessions"]);
    scratch.fails("flowbench serve --listen 127.0.0.1:0 --set nothing:x=1", 2, &["there is no feed 'nothing'"]);
    scratch.fails(
        "flowbench serve --listen 127.0.0.1:0 --pipeline sessions --strategy shared",
        2,
        &["cannot answer live"],
    );
    scratch.fails("flowbench serve --listen 127.0.0.1:0 --log no.csv", 2, &["--log no.csv: No such file"]);
    scratch.fails("flowbench serve --listen 127.0.0.1:0 --functions no", 1, &["the folder of functions no: No such"]);
    scratch.fails("flowbench serve --generate retail --world views=3", 2, &["--world: there is no parameter 'views'"]);
    scratch.write("live.jsonl.zst", "no recording");
    scratch.fails(
        "flowbench serve --listen 127.0.0.1:0 --pipeline identity",
        1,
        &["live.jsonl.zst", "no recording", "move"],
    );
    scratch.write("wall.toml", "[[tile]]\nkind = \"bnads\"\nfeed = \"x\"\n");
    scratch.fails(
        "flowbench serve --listen 127.0.0.1:0 --recording b.jsonl.zst --wall wall.toml",
        2,
        &["wall.toml", "bands"],
    );
}
