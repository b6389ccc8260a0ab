//! The file of tokens: hashes, scopes and expiry. The secrets themselves are in no file.
//!
//! ```toml
//! [[token]]
//! name = "shop"
//! hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
//! scopes = ["post", "feed:orders"]
//! expires = 2027-01-01T00:00:00Z
//! revoked = false
//! ```

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use thiserror::Error;

use crate::access::scope::{Scope, is_name};
use crate::access::secret::{TokenHash, TokenSecret};
use crate::access::token_text::{self, TokenEntry, TokenTextError};
use crate::durable_file::{self, FileMode};

/// The most that a file of tokens may hold.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What stands at the top of a file that is made by [`TokenFile::create`].
const HEADING: &str = "# Who may use flowbench serve. Only hashes of the tokens are kept here.\n";

/// A file of tokens, which the service reads again when it changes.
#[derive(Debug, Clone)]
pub struct TokenFile {
    path: PathBuf,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSummary {
    /// The name of the subscriber.
    pub name: String,
    /// What the token is good for.
    pub scopes: Vec<Scope>,
    /// When it ends to be valid; absent if never.
    pub expires: Option<SystemTime>,
    /// True if it is not valid any longer.
    pub revoked: bool,
}

/// Why tokens cannot be read or changed.
#[derive(Debug, Error)]
pub enum TokenFileError {
    /// The file cannot be read or written.
    #[error("{path}: cannot {action} the tokens: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, such as `read`.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file does not say who may do what.
    #[error("{path}: {source}", path = path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TokenTextError,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Request(String),
}

impl TokenFile {
    /// Names a file, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> TokenFile {
        TokenFile { path: path.into() }
    }

    /// Adds a token and returns its secret, which nobody can learn later. Makes the file if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the name is taken or malformed, no scope is given, or the file cannot be read or written.
    pub fn create(
        &self,
        name: &str,
        scopes: &[Scope],
        expires: Option<SystemTime>,
    ) -> Result<TokenSecret, TokenFileError> {
        let request = |reason: String| TokenFileError::Request(reason);
        if !is_name(name) {
            return Err(request(format!("'{name}' cannot name a token; use letters, digits, '-', '_' and '.'")));
        }
        if scopes.is_empty() {
            return Err(request(format!("token '{name}' would allow nothing; give it a scope such as post or feed:*")));
        }
        let expires = expires.map(Timestamp::try_from).transpose();
        let expires = expires.map_err(|error| request(format!("token '{name}' cannot expire then: {error}")))?;
        let secret =
            TokenSecret::random().map_err(|error| self.io("make a secret for")(io::Error::other(error.to_string())))?;
        self.change(|text| {
            let text = if text.is_empty() { HEADING } else { text };
            token_text::with_token(text, name, TokenHash::of(secret.as_str()), scopes, expires)
        })?;
        Ok(secret)
    }

    /// Lists the tokens in the order of the file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn list(&self) -> Result<Vec<TokenSummary>, TokenFileError> {
        let summary = |entry: TokenEntry| TokenSummary {
            name: entry.name,
            scopes: entry.scopes,
            expires: entry.expires.map(SystemTime::from),
            revoked: entry.revoked,
        };
        Ok(self.entries()?.into_iter().map(summary).collect())
    }

    /// Revokes a token; a service that runs refuses it from then on, and ends its streams.
    ///
    /// # Errors
    ///
    /// Fails if there is no such token, or the file cannot be read or written.
    pub fn revoke(&self, name: &str) -> Result<(), TokenFileError> {
        self.change(|text| token_text::with_revoked(text, name))
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all tokens.
    pub(crate) fn entries(&self) -> Result<Vec<TokenEntry>, TokenFileError> {
        token_text::parse(&self.text()?).map_err(self.text_error())
    }

    fn text(&self) -> Result<String, TokenFileError> {
        let read = || -> io::Result<String> {
            let metadata = fs::metadata(&self.path)?;
            if !metadata.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            if metadata.mode() & 0o022 != 0 {
                return Err(io::Error::other("others than its owner can write it; chmod 600 would end that"));
            }
            let mut text = String::new();
            File::open(&self.path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
            if text.len() as u64 > FILE_BYTES_MAX {
                return Err(io::Error::other("it has more than 1 MiB; remove tokens that are revoked"));
            }
            Ok(text)
        };
        read().map_err(self.io("read"))
    }

    /// Changes the text of the file while no other process does, and replaces the file as a whole.
    fn change(&self, change: impl FnOnce(&str) -> Result<String, TokenTextError>) -> Result<(), TokenFileError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = File::open(folder).map_err(self.io("open the folder of"))?;
        folder.try_lock().map_err(|error| self.io("be the only one to change")(error.into()))?;
        let text = match self.text() {
            Err(TokenFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let text = change(&text).map_err(self.text_error())?;
        self.replace(&text).map_err(self.io("write"))
    }

    /// Writes a new file beside the old one, for the owner alone, and puts it in its place.
    fn replace(&self, text: &str) -> io::Result<()> {
        // A link keeps pointing to the file that is replaced.
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        durable_file::replace(&target, text.as_bytes(), FileMode::OwnerOnly)
    }

    fn io(&self, action: &'static str) -> impl FnOnce(io::Error) -> TokenFileError {
        let path = self.path.clone();
        move |source| TokenFileError::Io { path, action, source }
    }

    fn text_error(&self) -> impl FnOnce(TokenTextError) -> TokenFileError {
        let path = self.path.clone();
        move |source| TokenFileError::Text { path, source }
    }
}
