//! A service with one feed, and an intake that does as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowbench_live::{
    CloudEvent, EventQueue, FeedList, Full, HttpConfig, HttpServer, Intake, IntakeReceipt, Offered, RejectedOffer,
    Ticket,
};
use tokio::sync::oneshot;

use crate::client::{Answer, Client, request};

/// What the intake does with a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Accepts everything.
    #[default]
    Accepting,
    /// Rejects the second event of each batch.
    Choosy,
    /// Has no room.
    Full,
    /// Ends before a receipt.
    Ending,
    /// Never gives a receipt.
    Silent,
}

/// An intake that writes down what it is offered.
#[derive(Debug, Default)]
pub(crate) struct Stub {
    pub(crate) mood: Mutex<Mood>,
    pub(crate) offered: Mutex<Vec<Offered>>,
    kept_back: Mutex<Vec<oneshot::Sender<IntakeReceipt>>>,
}

pub(crate) struct Fixture {
    pub(crate) server: HttpServer,
    pub(crate) stub: Arc<Stub>,
    pub(crate) orders: Arc<EventQueue>,
    pub(crate) feeds: Arc<FeedList>,
}

impl Intake for Stub {
    fn offer(&self, batch: Vec<Offered>) -> Result<Ticket, Full> {
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Full {
            return Err(Full { retry_after: Duration::from_millis(1500) });
        }
        let rejects = match mood {
            Mood::Choosy if batch.len() > 1 => vec![RejectedOffer { index: 1, reason: "not today".to_owned() }],
            _ => Vec::new(),
        };
        let receipt = IntakeReceipt { accepted: batch.len() - rejects.len(), rejects, ..IntakeReceipt::default() };
        self.offered.lock().unwrap().extend(batch);
        let (sender, ticket) = oneshot::channel();
        match mood {
            Mood::Silent => self.kept_back.lock().unwrap().push(sender),
            Mood::Ending => drop(sender),
            _ => sender.send(receipt).unwrap(),
        }
        Ok(ticket)
    }
}

impl Stub {
    /// The events that were offered, in structured mode; lines are as they came.
    pub(crate) fn seen(&self) -> Vec<String> {
        let text = |offered: &Offered| match offered {
            Offered::Event(event) | Offered::Emitted(event) => event.to_json(),
            Offered::Line(line) | Offered::Simulated(line) => line.clone(),
        };
        self.offered.lock().unwrap().iter().map(text).collect()
    }
}

impl Fixture {
    /// Starts a service on a port that is free, with a feed `orders` that keeps 100 events.
    pub(crate) fn new(configure: impl FnOnce(&mut HttpConfig)) -> Fixture {
        Fixture::keeping(100, configure)
    }

    pub(crate) fn keeping(keep: usize, configure: impl FnOnce(&mut HttpConfig)) -> Fixture {
        let (stub, feeds) = (Arc::new(Stub::default()), Arc::new(FeedList::default()));
        let orders = Arc::new(EventQueue::new("orders", keep));
        feeds.add(Arc::clone(&orders)).unwrap();
        let mut config = HttpConfig::new(Arc::clone(&stub) as Arc<dyn Intake>, Arc::clone(&feeds));
        configure(&mut config);
        let server = HttpServer::start("127.0.0.1:0".parse().unwrap(), config).unwrap();
        Fixture { server, stub, orders, feeds }
    }

    /// Appends events of types `t0`, `t1` and so on to the feed.
    pub(crate) fn append(&self, types: impl IntoIterator<Item = u32>) {
        self.orders.append_all(types.into_iter().map(|number| CloudEvent::new("", "/test", format!("t{number}"))));
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.server.address())
    }

    pub(crate) fn get(&self, target: &str, headers: &[&str]) -> Answer {
        self.ask("GET", target, headers, b"")
    }

    pub(crate) fn post(&self, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", "/events", headers, body.as_ref())
    }

    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut client = self.client();
        client.send(request(method, target, self.server.address(), headers, body));
        client.answer().unwrap()
    }

    /// Opens a stream of a feed and reads its head.
    pub(crate) fn stream(&self, target: &str, headers: &[&str]) -> Client {
        let mut client = self.client();
        let headers = [headers, &["Accept: text/event-stream"]].concat();
        client.send(request("GET", target, self.server.address(), &headers, b""));
        let (status, head) = client.head().unwrap();
        assert_eq!(status, 200, "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        client
    }
}
