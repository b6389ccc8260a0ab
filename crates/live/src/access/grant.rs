//! What a request was granted, or why not.

use std::sync::Arc;

use thiserror::Error;

use crate::access::scope::Scope;
use crate::access::secret::TokenHash;
use crate::access::tally::Tally;

/// Says that a request may come in, and what it may do.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Absent if everything is allowed.
    pub(crate) token: Option<GrantedToken>,
    pub(crate) tally: Arc<Tally>,
}

#[derive(Debug, Clone)]
pub(crate) struct GrantedToken {
    pub(crate) name: String,
    pub(crate) hash: TokenHash,
    pub(crate) scopes: Vec<Scope>,
}

/// Why a request may not come in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Denied {
    /// It has no token, or one that does not exist.
    #[error("a token is needed, as 'Authorization: Bearer TOKEN'; the one given, if any, is not known here")]
    Unknown,
    /// The token has been revoked.
    #[error("the token '{0}' has been revoked; ask for a new one")]
    Revoked(String),
    /// The token has expired.
    #[error("the token '{0}' has expired; ask for a new one")]
    Expired(String),
    /// The token is not good for this.
    #[error("the token '{name}' does not have the scope {scope}")]
    Scope {
        /// The name of the token.
        name: String,
        /// What it would need.
        scope: Scope,
    },
    /// The tokens cannot be read at the moment.
    #[error("the tokens cannot be read at the moment; the log of the service says why")]
    Broken,
}

impl Grant {
    /// Checks that this is allowed.
    ///
    /// # Errors
    ///
    /// Names the scope that the token lacks.
    pub fn require(&self, scope: Scope) -> Result<(), Denied> {
        match &self.token {
            Some(token) if !self.allows(&scope) => {
                self.tally.deny();
                Err(Denied::Scope { name: token.name.clone(), scope })
            }
            _ => Ok(()),
        }
    }

    /// Returns true if this is allowed.
    pub fn allows(&self, scope: &Scope) -> bool {
        self.token.as_ref().is_none_or(|token| token.scopes.iter().any(|held| held.covers(scope)))
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }
}
