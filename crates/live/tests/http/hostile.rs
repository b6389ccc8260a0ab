//! Requests that no honest client sends, made by a generator: each is refused, none reaches the intake, nothing hangs.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use flowbench_live::{Scope, TokenFile};

use crate::client::{Client, request};
use crate::fixture::Fixture;

const REQUESTS: u64 = 1_000;

/// Requests that are under way together, beside all those that are refused at a deadline only.
const AT_ONCE: usize = 100;

const STRUCTURED: &str = "Content-Type: application/cloudevents+json";
const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/evil","type":"t"}"#;

/// What stands for a connection that is closed without an answer, or whose answer the operating system withdraws
/// because not everything was read before.
const CLOSED: u16 = 0;

/// What one attack sends, how many requests it is made of, and how each may be refused.
struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    requests: usize,
    refusals: &'static [u16],
}

/// Numbers that are the same for the same seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

#[test]
fn hostile_requests_are_refused_and_none_gets_through() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = TokenFile::new(folder.path().join("tokens.toml"));
    let token = tokens.create("shop", &[Scope::Post, Scope::AllFeeds, Scope::Wall], None).unwrap();
    let fixture = Fixture::new(|config| {
        config.tokens = Some(tokens);
        config.limits.header_timeout = Duration::from_secs(2);
        config.limits.body_timeout = Duration::from_secs(2);
        config.limits.posts = REQUESTS as usize;
        config.limits.connections = 512;
    });
    let address = fixture.server.address();
    let bearer = format!("Authorization: Bearer {}", token.as_str());
    let mut numbers = Numbers(17);
    let attacks = (0..REQUESTS).map(|number| attack(number % 20, &mut numbers, address, &bearer));
    let (slow, quick): (Vec<Attack>, Vec<Attack>) = attacks.partition(Attack::takes_until_a_deadline);
    assert_eq!((slow.len(), quick.len()), (200, 800));
    // The slow ones keep their connections while all others are refused.
    let send = |attack: &Attack| {
        let mut client = Client::connect(address);
        client.send(&attack.bytes);
        client
    };
    let mut waiting: Vec<Client> = slow.iter().map(send).collect();
    for attacks in quick.chunks(AT_ONCE) {
        let mut clients: Vec<Client> = attacks.iter().map(send).collect();
        attacks.iter().zip(&mut clients).for_each(|(attack, client)| attack.check(client));
        assert_eq!(fixture.stub.seen(), [""; 0], "an attack got through");
    }
    slow.iter().zip(&mut waiting).for_each(|(attack, client)| attack.check(client));
    assert_eq!(fixture.stub.seen(), [""; 0], "an attack got through");
    let answer = fixture.post(&[STRUCTURED, &bearer], EVENT);
    assert_eq!((answer.status, fixture.stub.seen().len()), (202, 1));
}

impl Attack {
    fn takes_until_a_deadline(&self) -> bool {
        self.refusals == [CLOSED] || self.refusals.contains(&408)
    }

    /// Waits for what the service says to each request.
    fn check(&self, client: &mut Client) {
        for number in 0..self.requests {
            // An answer to HEAD announces a body that does not come, so bodies are read where more answers follow.
            let status = match self.requests {
                1 => client.head().map_or(CLOSED, |(status, _)| status),
                _ => client.answer().map_or(CLOSED, |answer| answer.status),
            };
            let sent = String::from_utf8_lossy(&self.bytes);
            let sent: String = sent.chars().take(500).collect();
            assert!(self.refusals.contains(&status), "{} ({number}): {status} for {sent}", self.name);
        }
    }
}

fn attack(kind: u64, numbers: &mut Numbers, address: SocketAddr, bearer: &str) -> Attack {
    let post = |headers: &[&str], body: &[u8]| request("POST", "/events", address, headers, body);
    let good = post(&[STRUCTURED, bearer], EVENT.as_bytes());
    let head = format!("POST /events HTTP/1.1\r\nHost: {address}\r\n{STRUCTURED}\r\n{bearer}\r\n");
    let one = |name, refusals, bytes: Vec<u8>| Attack { name, bytes, requests: 1, refusals };
    match kind {
        0 => {
            let length =
                numbers.one_of(&["1048577", "99999999999", "18446744073709551615", "18446744073709551616", "-1"]);
            one("announces too much", &[413, 400, 431], format!("{head}Content-Length: {length}\r\n\r\n").into_bytes())
        }
        1 => {
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            one(
                "sends too much",
                &[413, CLOSED],
                format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(17)).into_bytes(),
            )
        }
        2 => one("ends in its head", &[CLOSED], good[..1 + numbers.below(head.len() - 1)].to_vec()),
        3 => one("ends in its body", &[408], good[..good.len() - 1 - numbers.below(EVENT.len() - 1)].to_vec()),
        4 => one(
            "chunks that do not end",
            &[408],
            format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"spe").into_bytes(),
        ),
        5 => {
            let host =
                numbers.one_of(&["evil.example", "127.0.0.1", "localhost:1", "", "[::1]", "a\tb", "127.0.0.1:0x50"]);
            let wrong = String::from_utf8(good).unwrap().replace(&format!("Host: {address}"), &format!("Host: {host}"));
            one("another host", &[421, 400], wrong.into_bytes())
        }
        6 => {
            let secret: String = (0..43).map(|_| char::from(b'a' + numbers.below(26) as u8)).collect();
            let token = format!("Authorization: Bearer flowbench_{secret}");
            one("a guessed token", &[401], post(&[STRUCTURED, &token], EVENT.as_bytes()))
        }
        7 => {
            let path = numbers.one_of(&[
                "/../../etc/passwd",
                "/feeds/../events",
                "/feeds/..%2f..%2fetc%2fpasswd",
                "/%2e%2e/%2e%2e/etc/passwd",
                "/feeds/orders%00.json",
                "//events",
                "/feeds/%ff",
                "/events/",
                "/feeds/orders/../../tokens.toml",
                "/..\\..\\tokens.toml",
                "file:///etc/passwd",
                "etc/passwd",
                "*",
            ]);
            one("a path out of here", &[404, 400], request("GET", path, address, &[bearer], b""))
        }
        8 => {
            let mut bomb = head;
            match numbers.below(3) {
                0 => (0..80).for_each(|number| writeln!(bomb, "X-{number}: y\r").unwrap()),
                1 => writeln!(bomb, "X: {}\r", "y".repeat(20_000 + numbers.below(100_000))).unwrap(),
                _ => writeln!(bomb, "{}: y\r", "x".repeat(70_000)).unwrap(),
            }
            one(
                "a bomb of headers",
                &[431, CLOSED],
                format!("{bomb}Content-Length: {}\r\n\r\n{EVENT}", EVENT.len()).into_bytes(),
            )
        }
        9 => {
            let chunks = numbers.one_of(&[
                "zz\r\n",
                "-1\r\n",
                "fffffffffffffffff\r\n",
                "5;",
                "5\r\nabcdeXX",
                "\r\n\r\n",
                "0x5\r\nabcde\r\n",
            ]);
            one(
                "chunks that are none",
                &[400, 408],
                format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}\r\n0\r\n\r\n").into_bytes(),
            )
        }
        10 => {
            let requests = 2 + numbers.below(20);
            let bad = post(&[STRUCTURED, bearer], b"{}");
            Attack { name: "many at once", bytes: bad.repeat(requests), requests, refusals: &[400] }
        }
        11 => one(
            "noise",
            &[400, 431],
            (0..1 + numbers.below(500)).map(|_| numbers.next() as u8).chain(*b"\r\n\r\n").collect(),
        ),
        12 => {
            let method =
                numbers.one_of(&["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PRI", "get", "X"]);
            one("another method", &[405, 400], request(method, "/events", address, &[bearer], b""))
        }
        13 => {
            let content_type = numbers.one_of(&[
                "text/html",
                "application/json",
                "application/cloudevents",
                "multipart/form-data",
                ";",
                "",
            ]);
            one("another type", &[415], post(&[&format!("Content-Type: {content_type}"), bearer], EVENT.as_bytes()))
        }
        14 => {
            let origin = numbers.one_of(&[
                "http://evil.example",
                "null",
                "",
                "http://127.0.0.1",
                "file://",
                "http://localhost:1",
            ]);
            one("another page", &[403], post(&[STRUCTURED, bearer, &format!("Origin: {origin}")], EVENT.as_bytes()))
        }
        15 => {
            let version = numbers.one_of(&["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9", "HTTPS/1.1", ""]);
            one(
                "another version",
                &[400],
                String::from_utf8(good).unwrap().replacen("HTTP/1.1", version, 1).into_bytes(),
            )
        }
        16 => {
            let framing = numbers.one_of(&[
                "Content-Length: 5\r\nTransfer-Encoding: chunked",
                "Content-Length: 5\r\nContent-Length: 6",
                "Transfer-Encoding: gzip, identity",
                "Transfer-Encoding: chunked, gzip",
                "Content-Length: +5",
                "Content-Length: 0x5",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: xchunked",
            ]);
            let smuggled = String::from_utf8(request("DELETE", "/events", address, &[], b"")).unwrap();
            one("two ends of a body", &[400], format!("{head}{framing}\r\n\r\n0\r\n\r\n{smuggled}").into_bytes())
        }
        17 => {
            let header =
                numbers.one_of(&["X: a\0b", "X : y", " folded: y", "X: a\rb", ": empty", "X\u{fc}: y", "no colon"]);
            one(
                "a header that is none",
                &[400],
                format!("{head}{header}\r\nContent-Length: 2\r\n\r\n{{}}").into_bytes(),
            )
        }
        18 => {
            let attribute = numbers.one_of(&[
                "ce-subject: %",
                "ce-subject: %c0%80",
                "ce-A_b: x",
                "ce-datacontenttype: x",
                "ce-id: 2",
            ]);
            let headers = ["ce-specversion: 1.0", "ce-id: 1", "ce-source: /evil", "ce-type: t", attribute, bearer];
            one("an attribute that is none", &[400], post(&headers, b""))
        }
        _ => {
            let depth = 65 + numbers.below(500_000);
            let body = format!("{}\"data\":{}", &EVENT.replace('}', ","), "[".repeat(depth));
            one("a body without end", &[400], post(&[STRUCTURED, bearer], body.as_bytes()))
        }
    }
}
