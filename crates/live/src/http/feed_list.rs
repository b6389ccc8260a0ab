//! The feeds by name.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use thiserror::Error;

use crate::access::is_name;
use crate::queue::EventQueue;

/// The feeds that can be read, to which more may be added at any time.
#[derive(Debug, Default)]
pub struct FeedList {
    feeds: RwLock<BTreeMap<String, Arc<EventQueue>>>,
}

/// Why a queue cannot become a feed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FeedNameError {
    /// The name cannot stand in a URL.
    #[error("'{0}' cannot name a feed; use letters, digits, '-', '_' and '.', 64 at most")]
    Malformed(String),
    /// There is one already.
    #[error("there is a feed '{0}' already; give one of them another name")]
    Taken(String),
}

impl FeedList {
    /// Adds a queue under its name.
    ///
    /// # Errors
    ///
    /// Fails if the name is malformed or taken.
    pub fn add(&self, queue: Arc<EventQueue>) -> Result<(), FeedNameError> {
        let name = queue.name().to_owned();
        // A dot alone would be dropped from a URL by the client.
        if !is_name(&name) || name.bytes().all(|byte| byte == b'.') {
            return Err(FeedNameError::Malformed(name));
        }
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        if feeds.contains_key(&name) {
            return Err(FeedNameError::Taken(name));
        }
        feeds.insert(name, queue);
        Ok(())
    }

    /// Returns the feed of a name.
    pub fn get(&self, name: &str) -> Option<Arc<EventQueue>> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Returns all feeds, by name.
    pub fn all(&self) -> Vec<Arc<EventQueue>> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_has_a_name_of_its_own_that_fits_a_url() {
        let feeds = FeedList::default();
        let add = |name: &str| feeds.add(Arc::new(EventQueue::new(name, 1)));
        add("orders").unwrap();
        assert_eq!(add("orders"), Err(FeedNameError::Taken("orders".to_owned())));
        for name in ["", "a/b", "..", "ä", "a b"] {
            assert_eq!(add(name), Err(FeedNameError::Malformed(name.to_owned())));
        }
        assert!(feeds.get("orders").is_some() && feeds.get("views").is_none());
    }
}
