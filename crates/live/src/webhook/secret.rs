//! The secrets that sign webhooks.

use std::fmt::{Debug, Formatter};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

const PREFIX: &str = "whsec_";
/// How long a secret is, in bytes, by Standard Webhooks.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that the sender and the receiver of webhooks share. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// Why a text is not a secret. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebhookSecretError {
    /// The prefix is missing.
    #[error("a secret begins with {PREFIX}; write {PREFIX} and 32 random bytes in Base64 (openssl rand -base64 32)")]
    NoPrefix,
    /// What follows the prefix is not Base64.
    #[error("what follows {PREFIX} is not Base64; write it with the padding, as `openssl rand -base64 32` prints it")]
    NotBase64,
    /// The secret is too short to be safe, or too long.
    #[error("the secret has {0} bytes; give one of 24 to 64 bytes before Base64 (openssl rand -base64 32)")]
    Length(usize),
}

impl WebhookSecret {
    /// Reads a secret as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in Base64.
    ///
    /// # Errors
    ///
    /// Fails if the text is anything else.
    pub fn parse(text: &str) -> Result<WebhookSecret, WebhookSecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(WebhookSecretError::NoPrefix)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| WebhookSecretError::NotBase64)?;
        if !BYTES.contains(&bytes.len()) {
            return Err(WebhookSecretError::Length(bytes.len()));
        }
        Ok(WebhookSecret(bytes))
    }

    /// Returns the key of the signatures.
    pub(crate) fn key(&self) -> &[u8] {
        &self.0
    }
}

impl Debug for WebhookSecret {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_prefixed_base64_of_24_to_64_bytes_and_is_not_printed() {
        let of = |bytes: usize| WebhookSecret::parse(&format!("{PREFIX}{}", STANDARD.encode(vec![7; bytes])));
        assert_eq!(of(24).unwrap().key(), [7; 24]);
        assert_eq!(of(64).unwrap().key(), [7; 64]);
        assert_eq!(of(23), Err(WebhookSecretError::Length(23)));
        assert_eq!(of(65), Err(WebhookSecretError::Length(65)));
        assert_eq!(format!("{:?}", of(24).unwrap()), "WebhookSecret(..)");

        let error = |text: &str| WebhookSecret::parse(text).unwrap_err();
        assert_eq!(error("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), WebhookSecretError::NoPrefix);
        assert_eq!(error("whsec_hunter2!"), WebhookSecretError::NotBase64);
        assert!(!error("whsec_hunter2!").to_string().contains("hunter2"));
    }
}
