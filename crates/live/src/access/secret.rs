//! Secrets of tokens, and the hashes that are kept of them.
//!
//! Decision D-614.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every secret begins with, so that scanners for leaked secrets can tell one.
const PREFIX: &str = "flowbench_";

/// The secret of a token, which is shown once and never stored.
pub struct TokenSecret(String);

/// The SHA-256 hash of a secret.
#[derive(Clone, Copy)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenSecret {
    /// Returns a secret of 32 random bytes from the operating system.
    pub(crate) fn random() -> Result<TokenSecret, getrandom::Error> {
        Ok(TokenSecret(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes()?))))
    }

    /// Returns the text that is sent as `Authorization: Bearer TEXT`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenSecret(not shown)")
    }
}

impl TokenHash {
    /// Returns the hash of a secret.
    pub(crate) fn of(secret: &str) -> TokenHash {
        TokenHash(Sha256::digest(secret.as_bytes()).into())
    }

    /// Reads a hash from 64 hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<TokenHash> {
        let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
        let bytes: Vec<u8> = digits?.chunks(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
        if text.len() != 64 {
            return None;
        }
        bytes.try_into().ok().map(TokenHash)
    }

    /// Returns the hash as 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Returns true if both are equal, in a time that does not depend on where they differ.
    pub(crate) fn matches(self, other: TokenHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_hex())
    }
}

/// Returns 32 random bytes from the operating system.
pub(crate) fn random_bytes() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::getrandom(&mut bytes)?;
    Ok(bytes)
}

/// Returns bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256_as_others_compute_it() {
        let hash = TokenHash::of("abc");
        assert_eq!(hash.to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(TokenHash::from_hex(&hash.to_hex()).unwrap().matches(hash));
        assert!(!TokenHash::of("abd").matches(hash));
        for text in ["", "ba78", "zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] {
            assert!(TokenHash::from_hex(text).is_none(), "{text}");
        }
    }

    #[test]
    fn secrets_differ_and_are_not_shown_by_accident() {
        let (one, other) = (TokenSecret::random().unwrap(), TokenSecret::random().unwrap());
        assert_ne!(one.as_str(), other.as_str());
        assert_eq!(one.as_str().len(), PREFIX.len() + 43);
        assert!(!format!("{one:?}").contains(one.as_str()));
    }
}
