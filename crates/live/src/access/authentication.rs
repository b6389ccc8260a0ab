//! Decides who a request comes from, by a file of tokens that is read again when it changes.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Serialize;
use sha2::Sha256;
use thiserror::Error;

use crate::access::scope::Scope;
use crate::access::secret::{TokenHash, hex, random_bytes};
use crate::access::tally::{Tally, TokenCounts};
use crate::access::token_file::{TokenFile, TokenFileError};
use crate::access::token_text::TokenEntry;

/// How old a change of the file must be for its time to tell it from the next change.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Who may use the service.
#[derive(Debug)]
pub struct Access {
    /// Absent if anyone may who reaches it.
    tokens: Option<Tokens>,
    /// Counts of those who have no token, or need none.
    others: Arc<Tally>,
}

#[derive(Debug)]
struct Tokens {
    file: TokenFile,
    /// Signs sessions, and ends them all with the process.
    session_key: [u8; 32],
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    entries: Vec<TokenEntry>,
    tallies: BTreeMap<String, Arc<Tally>>,
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

/// Says that a request may come in, and what it may do.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Absent if everything is allowed.
    token: Option<GrantedToken>,
    tally: Arc<Tally>,
}

#[derive(Debug, Clone)]
struct GrantedToken {
    name: String,
    hash: TokenHash,
    scopes: Vec<Scope>,
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

/// What was done with the tokens since the service began.
#[derive(Debug, Clone, Serialize)]
pub struct AccessStatus {
    /// All tokens, in the order of the file, and those that were removed from it.
    pub tokens: Vec<TokenStatus>,
    /// Counts of requests without a token that is known; of all requests, if none is needed.
    pub without_token: TokenCounts,
}

/// A token and what was done with it.
#[derive(Debug, Clone, Serialize)]
pub struct TokenStatus {
    /// The name of the subscriber.
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// When it ends to be valid; absent if never.
    pub expires: Option<String>,
    /// True if it has been revoked or removed.
    pub revoked: bool,
    /// What was done with it.
    #[serde(flatten)]
    pub counts: TokenCounts,
}

impl Access {
    /// Lets anyone do anything; for a service that only its own machine reaches.
    pub fn for_anyone() -> Access {
        Access { tokens: None, others: Arc::default() }
    }

    /// Lets those in who have a token of the file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read now. If that happens later, nobody is let in until it can be.
    pub fn by_tokens(file: TokenFile) -> Result<Access, TokenFileError> {
        file.entries()?;
        let session_key = random_bytes().map_err(|error| TokenFileError::Io {
            path: file.path().to_owned(),
            action: "make a key for sessions of",
            source: std::io::Error::other(error.to_string()),
        })?;
        let tokens = Tokens { file, session_key, loaded: Mutex::default() };
        Ok(Access { tokens: Some(tokens), others: Arc::default() })
    }

    /// Returns true if a token is needed.
    pub fn needs_token(&self) -> bool {
        self.tokens.is_some()
    }

    /// Lets in who presents the secret of a token.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn by_secret(&self, secret: Option<&str>) -> Result<Grant, Denied> {
        let presented = secret.map(TokenHash::of);
        self.admit(|entry| presented.is_some_and(|presented| entry.hash.matches(presented)))
    }

    /// Lets in who presents what [`session`](Self::session) gave.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn by_session(&self, session: &str) -> Result<Grant, Denied> {
        let (name, signature) = session.split_once(':').unwrap_or_default();
        let presented = TokenHash::from_hex(signature);
        self.admit(|entry| {
            let expected = self.tokens.as_ref().and_then(|tokens| tokens.signature(&entry.name, entry.hash));
            let is_signed = presented.zip(expected).is_some_and(|(presented, expected)| presented.matches(expected));
            entry.name == name && is_signed
        })
    }

    /// Returns what a browser may present instead of the token until the service ends or the token is revoked.
    /// Nothing can be learned from it about the token. Absent if no token is needed.
    pub fn session(&self, grant: &Grant) -> Option<String> {
        let token = grant.token.as_ref()?;
        let signature = self.tokens.as_ref()?.signature(&token.name, token.hash)?;
        Some(format!("{}:{}", token.name, signature.to_hex()))
    }

    /// Returns true if what was granted would be granted again, for this scope.
    pub fn is_still_granted(&self, grant: &Grant, scope: &Scope) -> bool {
        let (Some(tokens), Some(token)) = (&self.tokens, &grant.token) else { return self.tokens.is_none() };
        let loaded = tokens.loaded();
        let entry = loaded.entries.iter().find(|entry| entry.name == token.name && entry.hash.matches(token.hash));
        entry.is_some_and(|entry| {
            standing(entry).is_ok() && entry.scopes.iter().any(|held| held.covers(scope)) && !loaded.is_broken
        })
    }

    /// Returns what was done with each token.
    pub fn status(&self) -> AccessStatus {
        let without_token = self.others.counts();
        let Some(tokens) = &self.tokens else { return AccessStatus { tokens: Vec::new(), without_token } };
        let loaded = tokens.loaded();
        let listed = loaded.entries.iter().map(|entry| TokenStatus {
            name: entry.name.clone(),
            scopes: entry.scopes.clone(),
            expires: entry.expires.map(|expires| expires.to_string()),
            revoked: entry.revoked,
            counts: loaded.tallies.get(&entry.name).map(|tally| tally.counts()).unwrap_or_default(),
        });
        let is_listed = |name: &String| loaded.entries.iter().any(|entry| entry.name == *name);
        let removed = loaded.tallies.iter().filter(|(name, _)| !is_listed(name)).map(|(name, tally)| TokenStatus {
            name: name.clone(),
            scopes: Vec::new(),
            expires: None,
            revoked: true,
            counts: tally.counts(),
        });
        AccessStatus { tokens: listed.chain(removed).collect(), without_token }
    }

    /// Counts a request that is refused before anyone asks who it comes from.
    pub(crate) fn deny(&self) {
        self.others.deny();
    }

    fn admit(&self, is_presented: impl Fn(&TokenEntry) -> bool) -> Result<Grant, Denied> {
        let Some(tokens) = &self.tokens else {
            self.others.accept();
            return Ok(Grant { token: None, tally: Arc::clone(&self.others) });
        };
        let mut loaded = tokens.loaded();
        // All are compared, so that the time does not tell where the right one stands.
        let found =
            loaded.entries.iter().fold(None, |found, entry| if is_presented(entry) { Some(entry) } else { found });
        let Some(entry) = found.cloned() else {
            self.others.deny();
            return Err(if loaded.is_broken { Denied::Broken } else { Denied::Unknown });
        };
        let tally = Arc::clone(loaded.tallies.entry(entry.name.clone()).or_default());
        match standing(&entry) {
            Ok(()) => tally.accept(),
            Err(_) => tally.deny(),
        }
        standing(&entry)?;
        Ok(Grant { token: Some(GrantedToken { name: entry.name, hash: entry.hash, scopes: entry.scopes }), tally })
    }
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

impl Tokens {
    /// Returns what the file says now.
    fn loaded(&self) -> MutexGuard<'_, Loaded> {
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

    fn signature(&self, name: &str, hash: TokenHash) -> Option<TokenHash> {
        // A key of any length is valid, so there always is one.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.session_key).ok()?;
        mac.update(name.as_bytes());
        mac.update(hash.as_bytes());
        TokenHash::from_hex(&hex(&mac.finalize().into_bytes()))
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

fn standing(entry: &TokenEntry) -> Result<(), Denied> {
    if entry.revoked {
        return Err(Denied::Revoked(entry.name.clone()));
    }
    match entry.expires {
        Some(expires) if expires <= Timestamp::now() => Err(Denied::Expired(entry.name.clone())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        _folder: tempfile::TempDir,
        file: TokenFile,
        access: Access,
        secret: String,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(folder.path().join("tokens.toml"));
        let secret = file.create("shop", &[Scope::Post], None).unwrap().as_str().to_owned();
        let access = Access::by_tokens(file.clone()).unwrap();
        Fixture { _folder: folder, file, access, secret }
    }

    #[test]
    fn a_token_lets_in_until_it_is_revoked() {
        let Fixture { file, access, secret, .. } = &fixture();
        let grant = access.by_secret(Some(secret)).unwrap();
        assert!(grant.require(Scope::Post).is_ok());
        assert_eq!(
            grant.require(Scope::Wall).unwrap_err().to_string(),
            "the token 'shop' does not have the scope wall"
        );
        let session = access.session(&grant).unwrap();
        assert!(!session.contains(secret) && access.by_session(&session).is_ok());
        file.revoke("shop").unwrap();
        assert!(!access.is_still_granted(&grant, &Scope::Post));
        assert_eq!(access.by_secret(Some(secret)).unwrap_err(), Denied::Revoked("shop".to_owned()));
        assert_eq!(access.by_session(&session).unwrap_err(), Denied::Revoked("shop".to_owned()));
    }

    #[test]
    fn who_is_not_known_is_refused_and_counted() {
        let Fixture { access, secret, .. } = &fixture();
        let flipped = secret.replace("flowbench_", "flowbench-");
        for presented in [None, Some(""), Some("x"), Some(&*flipped)] {
            assert_eq!(access.by_secret(presented).unwrap_err(), Denied::Unknown);
        }
        for session in ["", ":", "shop:", "shop:00", &format!("shop:{}", "0".repeat(64))] {
            assert_eq!(access.by_session(session).unwrap_err(), Denied::Unknown);
        }
        assert_eq!(access.status().without_token.denied, 9);
    }

    #[test]
    fn a_session_ends_with_the_service() {
        let Fixture { file, access, secret, .. } = &fixture();
        let session = access.session(&access.by_secret(Some(secret)).unwrap()).unwrap();
        let restarted = Access::by_tokens(file.clone()).unwrap();
        assert_eq!(restarted.by_session(&session).unwrap_err(), Denied::Unknown);
    }

    #[test]
    fn an_expired_token_is_refused() {
        let Fixture { file, access, .. } = &fixture();
        let past = SystemTime::now() - Duration::from_secs(60);
        let secret = file.create("old", &[Scope::Post], Some(past)).unwrap();
        assert_eq!(access.by_secret(Some(secret.as_str())).unwrap_err(), Denied::Expired("old".to_owned()));
        let status = access.status();
        assert_eq!((&*status.tokens[1].name, status.tokens[1].counts.denied), ("old", 1));
    }

    #[test]
    fn a_file_that_cannot_be_read_lets_nobody_in() {
        let Fixture { file, access, secret, .. } = &fixture();
        let grant = access.by_secret(Some(secret)).unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        fs::write(file.path(), "nonsense").unwrap();
        assert_eq!(access.by_secret(Some(secret)).unwrap_err(), Denied::Broken);
        assert!(!access.is_still_granted(&grant, &Scope::Post));
        fs::remove_file(file.path()).unwrap();
        assert_eq!(access.by_secret(Some(secret)).unwrap_err(), Denied::Broken);
        fs::write(file.path(), text).unwrap();
        assert!(access.by_secret(Some(secret)).is_ok());
    }

    #[test]
    fn the_file_is_its_owner_s_alone() {
        use std::os::unix::fs::PermissionsExt;
        let Fixture { file, .. } = &fixture();
        assert_eq!(fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(file.list().unwrap_err().to_string().contains("chmod 600"));
    }
}
