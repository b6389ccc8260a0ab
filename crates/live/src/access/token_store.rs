//! The tokens in memory, read again as soon as their file changes.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::access::grant::Denied;
use crate::access::secret::{TokenHash, hex, random_bytes};
use crate::access::tally::Tally;
use crate::access::token_file::{TokenFile, TokenFileError};
use crate::access::token_text::TokenEntry;

/// How old a change of the file must be for its time to tell it from the next change.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A file of tokens as it is now.
#[derive(Debug)]
pub(crate) struct TokenStore {
    file: TokenFile,
    /// Signs sessions, and ends them all with the process.
    session_key: [u8; 32],
    loaded: Mutex<Loaded>,
}

/// What was read from it, and what was counted since the service began.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) entries: Vec<TokenEntry>,
    pub(crate) tallies: BTreeMap<String, Arc<Tally>>,
    /// True if the file cannot be read; then nobody may do anything.
    is_broken: bool,
    version: Option<Version>,
}

/// What changes when a file does.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
    /// False if another change could have the same time.
    is_settled: bool,
}

impl TokenStore {
    pub(crate) fn open(file: TokenFile) -> Result<TokenStore, TokenFileError> {
        file.entries()?;
        let session_key = random_bytes().map_err(|error| TokenFileError::Io {
            path: file.path().to_owned(),
            action: "make a key for sessions of",
            source: io::Error::other(error.to_string()),
        })?;
        Ok(TokenStore { file, session_key, loaded: Mutex::default() })
    }

    /// Returns what the file says now.
    pub(crate) fn loaded(&self) -> MutexGuard<'_, Loaded> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let version = fs::metadata(self.file.path()).ok().map(|metadata| Version::of(&metadata));
        let is_current = version.as_ref().is_some_and(|version| version.is_settled) && version == loaded.version;
        if !is_current {
            self.load(&mut loaded);
            loaded.version = version;
        }
        loaded
    }

    fn load(&self, loaded: &mut Loaded) {
        match self.file.entries() {
            Ok(entries) => (loaded.entries, loaded.is_broken) = (entries, false),
            Err(error) => {
                if !loaded.is_broken {
                    log::error!("nobody is let in until this is repaired: {error}");
                }
                (loaded.entries, loaded.is_broken) = (Vec::new(), true);
            }
        }
    }

    /// Returns what proves a session of a token.
    pub(crate) fn signature(&self, name: &str, hash: TokenHash) -> Option<TokenHash> {
        // A key of any length is valid, so there always is one.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.session_key).ok()?;
        mac.update(name.as_bytes());
        mac.update(hash.as_bytes());
        TokenHash::from_hex(&hex(&mac.finalize().into_bytes()))
    }
}

impl Loaded {
    /// Says why a token is not among them.
    pub(crate) fn unknown(&self) -> Denied {
        if self.is_broken { Denied::Broken } else { Denied::Unknown }
    }
}

impl Version {
    fn of(metadata: &Metadata) -> Version {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(changed.0).unwrap_or_default());
        let is_settled = at.elapsed().is_ok_and(|age| age > SETTLED_AFTER);
        Version { inode: metadata.ino(), bytes: metadata.len(), changed, is_settled }
    }
}

/// Checks that a token is neither revoked nor expired.
pub(crate) fn standing(entry: &TokenEntry) -> Result<(), Denied> {
    if entry.revoked {
        return Err(Denied::Revoked(entry.name.clone()));
    }
    match entry.expires {
        Some(expires) if expires <= Timestamp::now() => Err(Denied::Expired(entry.name.clone())),
        _ => Ok(()),
    }
}
