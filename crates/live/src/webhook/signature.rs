//! Signatures of webhooks: HMAC-SHA256 of the id, the time and the body.
//!
//! The format is that of <https://www.standardwebhooks.com>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::webhook::secret::WebhookSecret;

/// How far the time of a webhook may be from the receiver's clock, in either direction.
const TOLERANCE_S: u64 = 5 * 60;
const VERSION: &str = "v1,";
/// How many signatures of a header are looked at.
const SIGNATURES_MAX: usize = 16;

/// Why a webhook is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The time is not in seconds since 1970.
    #[error("webhook-timestamp is not a number of seconds since 1970")]
    Timestamp,
    /// The webhook is too old, or from the future; it may have been sent a second time by somebody else.
    #[error("webhook-timestamp is {0} s away from this clock, more than {TOLERANCE_S} s; check both clocks")]
    Age(u64),
    /// No signature is by any of the secrets.
    #[error(
        "no signature in webhook-signature fits; check that the sender has the same secret, and that the body is as it was sent"
    )]
    Signature,
}

/// Returns the value of the header `webhook-signature`: a signature by each of the secrets.
pub fn sign(secrets: &[WebhookSecret], id: &str, timestamp_s: u64, body: &[u8]) -> String {
    let timestamp = timestamp_s.to_string();
    let signed = secrets.iter().filter_map(|secret| mac(secret, id, &timestamp, body));
    let signatures = signed.map(|mac| format!("{VERSION}{}", STANDARD.encode(mac.finalize().into_bytes())));
    signatures.collect::<Vec<_>>().join(" ")
}

/// Checks the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of a webhook whose body is as it was
/// received. One signature by one of the secrets is enough. The comparison takes as long whatever the signature is.
///
/// # Errors
///
/// Fails if no signature fits, or if the time is more than five minutes from `now_s`, seconds since 1970.
pub fn verify(
    secrets: &[WebhookSecret],
    id: &str,
    timestamp: &str,
    body: &[u8],
    signature: &str,
    now_s: u64,
) -> Result<(), SignatureError> {
    let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let sent_s = timestamp.parse::<u64>().ok().filter(|_| is_number).ok_or(SignatureError::Timestamp)?;
    let given = signature.split(' ').take(SIGNATURES_MAX).filter_map(|one| one.strip_prefix(VERSION));
    let given: Vec<Vec<u8>> = given.filter_map(|encoded| STANDARD.decode(encoded).ok()).collect();
    let fits = |secret| {
        let mac = mac(secret, id, timestamp, body);
        mac.is_some_and(|mac| given.iter().any(|signature| mac.clone().verify_slice(signature).is_ok()))
    };
    if !secrets.iter().any(fits) {
        return Err(SignatureError::Signature);
    }
    match sent_s.abs_diff(now_s) {
        0..=TOLERANCE_S => Ok(()),
        away_s => Err(SignatureError::Age(away_s)),
    }
}

/// Returns the code of a webhook; `None` only for a key that HMAC cannot take, and it takes all.
fn mac(secret: &WebhookSecret, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.key()).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn secrets(texts: &[&str]) -> Vec<WebhookSecret> {
        texts.iter().map(|text| WebhookSecret::parse(text).unwrap()).collect()
    }

    /// The values are the published example of the scheme.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let body = br#"{"test": 2432232314}"#;
        let signature = sign(&secrets(&[SECRET]), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_signed_is_verified_and_what_is_changed_is_not() {
        let keys = secrets(&[SECRET]);
        let signature = sign(&keys, "a1", 1000, b"body");
        let verify_with = |keys: &[WebhookSecret], id, timestamp, body: &[u8], signature: &str| {
            verify(keys, id, timestamp, body, signature, 1000)
        };
        assert_eq!(verify_with(&keys, "a1", "1000", b"body", &signature), Ok(()));
        let tampered = Err(SignatureError::Signature);
        assert_eq!(verify_with(&keys, "a2", "1000", b"body", &signature), tampered);
        assert_eq!(verify_with(&keys, "a1", "1001", b"body", &signature), tampered);
        assert_eq!(verify_with(&keys, "a1", "01000", b"body", &signature), tampered);
        assert_eq!(verify_with(&keys, "a1", "1000", b"body ", &signature), tampered);
        assert_eq!(verify_with(&secrets(&[OTHER]), "a1", "1000", b"body", &signature), tampered);
        assert_eq!(verify_with(&[], "a1", "1000", b"body", &signature), tampered);
        for wrong in ["", "v1,", "v1,AAAA", "v1a,AAAA", &signature[3..], &signature[..20], &signature.to_uppercase()] {
            assert_eq!(verify_with(&keys, "a1", "1000", b"body", wrong), tampered, "{wrong}");
        }
        for wrong in ["", "+1000", "-1", "1e3", "99999999999999999999"] {
            assert_eq!(verify_with(&keys, "a1", wrong, b"body", &signature), Err(SignatureError::Timestamp), "{wrong}");
        }
    }

    #[test]
    fn while_a_secret_rotates_both_receivers_accept() {
        let both = sign(&secrets(&[SECRET, OTHER]), "a1", 1000, b"body");
        assert_eq!(both.split(' ').count(), 2);
        for receiver in [SECRET, OTHER] {
            assert_eq!(verify(&secrets(&[receiver]), "a1", "1000", b"body", &both, 1000), Ok(()));
        }
        let others = format!("v1a,public v2,x {both}");
        assert_eq!(verify(&secrets(&[OTHER]), "a1", "1000", b"body", &others, 1000), Ok(()));
        let many = format!("{}{both}", "v1,AAAA ".repeat(SIGNATURES_MAX));
        assert_eq!(verify(&secrets(&[OTHER]), "a1", "1000", b"body", &many, 1000), Err(SignatureError::Signature));
    }

    #[test]
    fn an_old_or_early_webhook_is_not_accepted() {
        let keys = secrets(&[SECRET]);
        let signature = sign(&keys, "a1", 1000, b"body");
        let at = |now_s| verify(&keys, "a1", "1000", b"body", &signature, now_s);
        assert_eq!((at(700), at(1300)), (Ok(()), Ok(())));
        assert_eq!((at(699), at(1301)), (Err(SignatureError::Age(301)), Err(SignatureError::Age(301))));
    }
}
