//! What a token is good for.
//!
//! Decision D-626.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One thing that a token allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Posting events: `post`.
    Post,
    /// Reading one feed: `feed:NAME`.
    Feed(String),
    /// Reading all feeds: `feed:*`.
    AllFeeds,
    /// Seeing the wall: `wall`.
    Wall,
    /// Seeing the counts of the service and of all tokens: `status`.
    Status,
}

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a scope; a scope is post, feed:NAME, feed:*, wall or status")]
pub struct ScopeError(String);

impl Scope {
    /// Returns true if holding this scope includes the `wanted` one.
    pub fn covers(&self, wanted: &Scope) -> bool {
        self == wanted || matches!((self, wanted), (Scope::AllFeeds, Scope::Feed(_)))
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Scope, ScopeError> {
        match text {
            "post" => Ok(Scope::Post),
            "feed:*" => Ok(Scope::AllFeeds),
            "wall" => Ok(Scope::Wall),
            "status" => Ok(Scope::Status),
            _ => match text.strip_prefix("feed:") {
                Some(name) if is_name(name) => Ok(Scope::Feed(name.to_owned())),
                _ => Err(ScopeError(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Post => formatter.write_str("post"),
            Scope::Feed(name) => write!(formatter, "feed:{name}"),
            Scope::AllFeeds => formatter.write_str("feed:*"),
            Scope::Wall => formatter.write_str("wall"),
            Scope::Status => formatter.write_str("status"),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Scope, ScopeError> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

/// Returns true for what can name a feed or a token: letters, digits, `-`, `_` and `.`, 64 at most.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_the_same_after_writing_and_reading() {
        for text in ["post", "feed:orders", "feed:*", "wall", "status"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "feed", "feed:", "feed:a b", "feed:../x", "Post", "*"] {
            assert!(text.parse::<Scope>().unwrap_err().to_string().contains("a scope is"), "{text}");
        }
    }

    #[test]
    fn all_feeds_cover_each_feed_and_nothing_else() {
        let orders = Scope::Feed("orders".to_owned());
        assert!(Scope::AllFeeds.covers(&orders) && orders.covers(&orders));
        assert!(!Scope::AllFeeds.covers(&Scope::Wall) && !Scope::AllFeeds.covers(&Scope::Post));
        assert!(!orders.covers(&Scope::Feed("views".to_owned())) && !orders.covers(&Scope::AllFeeds));
    }
}
