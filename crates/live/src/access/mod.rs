//! Who may use the service: a token per subscriber, kept as a hash, with scopes, expiry and counts.

mod authentication;
mod grant;
mod scope;
mod secret;
mod tally;
mod token_file;
mod token_store;
mod token_text;

pub use authentication::{Access, AccessStatus, TokenStatus};
pub use grant::{Denied, Grant};
pub(crate) use scope::is_name;
pub use scope::{Scope, ScopeError};
pub use secret::TokenSecret;
pub use tally::TokenCounts;
pub use token_file::{TokenFile, TokenFileError, TokenSummary};
pub use token_text::TokenTextError;
