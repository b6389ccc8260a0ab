//! Decides who a request comes from, by a file of tokens that is read again when it changes.
//!
//! Decisions D-613 and D-615.

use std::sync::Arc;

use serde::Serialize;

use crate::access::grant::{Denied, Grant, GrantedToken};
use crate::access::scope::Scope;
use crate::access::secret::TokenHash;
use crate::access::tally::{Tally, TokenCounts};
use crate::access::token_file::{TokenFile, TokenFileError};
use crate::access::token_store::{TokenStore, standing};
use crate::access::token_text::TokenEntry;

/// Who may use the service.
#[derive(Debug)]
pub struct Access {
    /// Absent if anyone may who reaches it.
    tokens: Option<TokenStore>,
    /// Counts of those who have no token, or need none.
    others: Arc<Tally>,
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
        Ok(Access { tokens: Some(TokenStore::open(file)?), others: Arc::default() })
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

    /// Checks that what was granted would be granted again now.
    ///
    /// # Errors
    ///
    /// Says why not: the token has been revoked, has expired, or has lost the scope.
    pub fn renew(&self, grant: &Grant, scope: &Scope) -> Result<(), Denied> {
        let (Some(tokens), Some(token)) = (&self.tokens, &grant.token) else { return Ok(()) };
        let loaded = tokens.loaded();
        let entry = loaded.entries.iter().find(|entry| entry.name == token.name && entry.hash.matches(token.hash));
        let entry = entry.ok_or(loaded.unknown())?;
        standing(entry)?;
        if entry.scopes.iter().any(|held| held.covers(scope)) {
            return Ok(());
        }
        Err(Denied::Scope { name: entry.name.clone(), scope: scope.clone() })
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
            return Err(loaded.unknown());
        };
        let tally = Arc::clone(loaded.tallies.entry(entry.name.clone()).or_default());
        standing(&entry).inspect_err(|_| tally.deny())?;
        tally.accept();
        Ok(Grant { token: Some(GrantedToken { name: entry.name, hash: entry.hash, scopes: entry.scopes }), tally })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, SystemTime};

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
        assert!(access.renew(&grant, &Scope::Post).is_err());
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
        assert!(access.renew(&grant, &Scope::Post).is_err());
        fs::remove_file(file.path()).unwrap();
        assert_eq!(access.by_secret(Some(secret)).unwrap_err(), Denied::Broken);
        fs::write(file.path(), text).unwrap();
        assert!(access.by_secret(Some(secret)).is_ok());
    }

    #[test]
    fn a_change_of_a_file_that_was_at_rest_is_seen_at_once() {
        let Fixture { file, access, secret, .. } = &fixture();
        // Until then it is read each time anyway.
        std::thread::sleep(Duration::from_millis(2_100));
        for _ in 0..2 {
            assert!(access.by_secret(Some(secret)).is_ok());
        }
        file.revoke("shop").unwrap();
        assert_eq!(access.by_secret(Some(secret)).unwrap_err(), Denied::Revoked("shop".to_owned()));
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
