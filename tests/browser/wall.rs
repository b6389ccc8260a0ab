//! The wall of a live session in a real browser: what is posted is on it within seconds, and silence shows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::devtools::Browser;
use crate::command::Scratch;
use crate::live::{Served, order, post};

/// Events that are looked for on the wall, and how often one is posted.
const LOOKED_FOR: u64 = 200;
const POSTED_EVERY: Duration = Duration::from_millis(100);
/// Events a second that are offered beside them.
const OFFERED_PER_S: u64 = 50_000;
/// A wall that is further behind than this is late.
const LATE: Duration = Duration::from_secs(10);

/// Notes in the page when the number of orders that were dispatched today changes.
const NOTES_TIMES: &str = "
    window.noted = [];
    new MutationObserver(() => {
        const tile = [...document.querySelectorAll('.tile')].find((one) => one.innerText.includes('Dispatched today'));
        const orders = Number(tile.querySelector('.number')?.textContent ?? 0);
        if (orders !== window.noted.at(-1)?.[0]) window.noted.push([orders, Date.now()]);
    }).observe(document.body, { childList: true, characterData: true, subtree: true })";

/// Offers page views on one connection, a thousand at a time, until told to stop; returns how many were accepted.
fn offer_views(address: SocketAddr, is_over: &AtomicBool, accepted: &AtomicU64) -> std::io::Result<()> {
    let mut body = String::new();
    for n in 0..1_000 {
        let (customer, product, load_time_ms) = (n * 7 % 5_000, n % 90, 400 + n * 13 % 6_000);
        body.push_str(&format!(
            "{{\"kind\":\"page_viewed\",\"customer\":{customer},\"product\":{product},\"load_time_ms\":{load_time_ms}}}\n"
        ));
    }
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let begun = Instant::now();
    for batch in 1.. {
        if is_over.load(Ordering::Acquire) {
            return Ok(());
        }
        write!(
            stream,
            "POST /events HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let (mut line, mut length, mut is_taken) = (String::new(), 0, false);
        while answers.read_line(&mut line)? > 2 {
            is_taken |= line.starts_with("HTTP/1.1 202");
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        answers.read_exact(&mut vec![0; length])?;
        if is_taken {
            accepted.fetch_add(1_000, Ordering::Relaxed);
        }
        let due = Duration::from_millis(batch * 1_000 * 1_000 * CONNECTIONS / OFFERED_PER_S);
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

/// Connections that offer page views: each waits for its receipts.
const CONNECTIONS: u64 = 8;

/// Returns the time of the clock that the browser has as well.
fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_shows_what_is_posted_on_the_wall_within_seconds_beside_a_full_load() {
    let scratch = Scratch::new();
    let served = Served::start(&scratch, &[]);
    let address = served.address();
    let mut browser = Browser::start();
    browser.resize(1920, 1080);
    browser.navigate(&format!("http://{address}/"));
    let (is_over, accepted) = (AtomicBool::new(false), AtomicU64::new(0));
    browser.eval(NOTES_TIMES);
    let mut posted_ms = Vec::new();
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| offer_views(address, &is_over, &accepted).unwrap());
        }
        for id in 1..=LOOKED_FOR {
            posted_ms.push(unix_ms());
            let dispatched = order(id, "order_dispatched", json!({ "order": id.to_string(), "value": "10" }));
            assert_eq!(post(address, &[dispatched]).unwrap().0, 202);
            thread::sleep((POSTED_EVERY * id as u32).saturating_sub(begun.elapsed()));
        }
        browser.until(&format!("window.noted.at(-1)?.[0] === {LOOKED_FOR}"));
        is_over.store(true, Ordering::Release);
    });
    let rate = accepted.into_inner() as f64 / begun.elapsed().as_secs_f64();
    let noted: Vec<(u64, u64)> = serde_json::from_value(browser.eval("window.noted")).unwrap();
    let shown_ms = |id: u64| noted.iter().find(|(orders, _)| *orders >= id).unwrap().1;
    let waited = |(id, posted_ms): (u64, u64)| Duration::from_millis(shown_ms(id).saturating_sub(posted_ms));
    let mut waits: Vec<Duration> = (1..).zip(posted_ms).map(waited).collect();
    waits.sort_unstable();
    let [median, p99, longest] = [waits.len() / 2, waits.len() * 99 / 100, waits.len() - 1].map(|at| waits[at]);
    println!(
        "{} events shown after {median:?} (median), {p99:?} (p99), {longest:?}, beside {rate:.0} events/s",
        waits.len()
    );
    assert!(longest < LATE, "an event was on the wall after {longest:?}");
    assert_eq!(browser.complaints(), [""; 0]);
    for (width, height) in [(1920, 1080), (390, 844)] {
        browser.resize(width, height);
        browser.until("document.querySelectorAll('svg').length >= 2");
        let [seen, all] = ["clientWidth", "scrollWidth"]
            .map(|of| browser.eval(&format!("document.documentElement.{of}")).as_u64().unwrap());
        assert!(all <= seen, "{width} px: {all} px wide");
    }
    // Nothing comes any more, and then there is nobody to ask.
    browser.until("document.body.dataset.state === 'quiet'");
    assert!(browser.eval("document.querySelector('#stalled').innerText.length").as_u64().unwrap() > 0);
    served.kill();
    browser.until("document.body.dataset.state === 'disconnected'");
}
