//! What the tests of sinks have in common: a queue, a clock that does not wait, and a folder for cursors.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use flowbench_events::SourceText;

use crate::cloud_event::CloudEvent;
use crate::queue::EventQueue;
use crate::webhook::{
    RequestDeadlines, SinkReferences, WebhookClock, WebhookOptions, WebhookSink, WebhookSinks, WebhookState,
    read_webhook_sinks,
};

pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A clock that moves on by what is waited for, at once, and notes it.
#[derive(Debug)]
pub(super) struct JumpingClock {
    now_ms: AtomicU64,
    slept: Mutex<Vec<Duration>>,
}

/// A queue `alerts`, its sinks, and where their cursors are.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) queue: Arc<EventQueue>,
    pub(super) clock: Arc<JumpingClock>,
    pub(super) folder: tempfile::TempDir,
    pub(super) deadlines: RequestDeadlines,
}

impl JumpingClock {
    pub(super) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

impl WebhookClock for JumpingClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.slept.lock().unwrap().push(duration);
        self.now_ms.fetch_add(duration.as_millis() as u64, Ordering::SeqCst);
        Box::pin(async {})
    }
}

impl Session {
    /// Returns a session whose queue has this many events of type `t0`, `t1`, ..., and keeps a hundred.
    pub(super) fn new(events: u64) -> Session {
        let queue = Arc::new(EventQueue::new("alerts", 100));
        queue.append_all((0..events).map(|at| CloudEvent::new("", "/test", format!("t{at}"))));
        let clock = JumpingClock { now_ms: AtomicU64::new(1_800_000_000_000), slept: Mutex::default() };
        let [connect, response, whole] = [60, 60, 60].map(Duration::from_secs);
        let deadlines = RequestDeadlines { connect, response, whole };
        Session { queue, clock: Arc::new(clock), folder: tempfile::tempdir().unwrap(), deadlines }
    }

    pub(super) fn append(&self, kind: &str) {
        self.queue.append(CloudEvent::new("", "/test", kind));
    }

    /// Starts the sink `shop` with these lines of configuration beside the usual ones.
    pub(super) fn start(&self, url: &str, lines: &str) -> WebhookSinks {
        self.start_with(sink(url, lines), self.clock.clone())
    }

    pub(super) fn start_with(&self, sinks: Vec<WebhookSink>, clock: Arc<dyn WebhookClock>) -> WebhookSinks {
        let queues = BTreeMap::from([("alerts".to_owned(), self.queue.clone())]);
        let options = WebhookOptions { clock, seed: 7, deadlines: self.deadlines };
        WebhookSinks::start(sinks, &queues, self.folder.path(), &options).unwrap()
    }

    pub(super) fn kept(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("webhook-shop.json")).unwrap()
    }
}

/// Reads the configuration of a sink `shop`.
pub(super) fn sink(url: &str, lines: &str) -> Vec<WebhookSink> {
    let text = format!(
        "[[sink]]\nname = \"shop\"\nfeed = \"alerts\"\norigin = \"me.example\"\nsecret = \"{SECRET}\"\nurl = \"{url}\"\n{lines}"
    );
    let filter = |text: &str| -> Result<crate::filter::EventFilter, String> {
        let kind = text.to_owned();
        Ok(Arc::new(move |event| event.kind == kind))
    };
    read_webhook_sinks(&SourceText::new("s.toml", text), &SinkReferences { environment: &|_| None, filter: &filter })
        .unwrap()
}

/// Waits until the first sink is in a state that a test is about.
pub(super) fn wait_for(sinks: &WebhookSinks, is_there: impl Fn(&WebhookState) -> bool) -> WebhookState {
    wait_for_sink(sinks, 0, is_there)
}

/// Waits until the sink with this index is in such a state.
pub(super) fn wait_for_sink(
    sinks: &WebhookSinks,
    index: usize,
    is_there: impl Fn(&WebhookState) -> bool,
) -> WebhookState {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let state = sinks.states().remove(index);
        if is_there(&state) {
            return state;
        }
        assert!(Instant::now() < until, "{state:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Ends the sinks, all of which must be able to.
pub(super) fn stop(sinks: WebhookSinks) {
    assert!(sinks.stop(Duration::from_secs(60)).is_empty());
}
