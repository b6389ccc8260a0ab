//! Our signatures and those of the package `standardwebhooks`, which was written by others.

use standardwebhooks::Webhook;
use ureq::http::HeaderMap;

use crate::webhook::tests::session::SECRET;
use crate::webhook::{MachineClock, WebhookClock, WebhookSecret, sign, verify};

const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const BODIES: [&str; 4] = ["", "{\"test\": 2432232314}", "Gr\u{fc}\u{df}e, \u{1f6d2}", "a.b.c\n\0"];

fn secrets(texts: &[&str]) -> Vec<WebhookSecret> {
    texts.iter().map(|text| WebhookSecret::parse(text).unwrap()).collect()
}

fn headers(id: &str, timestamp: u64, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", id.parse().unwrap());
    headers.insert("webhook-timestamp", timestamp.to_string().parse().unwrap());
    headers.insert("webhook-signature", signature.parse().unwrap());
    headers
}

#[test]
fn they_verify_what_we_sign_and_find_what_was_changed() {
    let now_s = MachineClock.now_ms() / 1000;
    let theirs = Webhook::new(OTHER).unwrap();
    for body in BODIES {
        let signature = sign(&secrets(&[SECRET, OTHER]), "id1", now_s, body.as_bytes());
        let verify_with = |id: &str, timestamp, body: &str, signature: &str| {
            theirs.verify(body.as_bytes(), &headers(id, timestamp, signature)).is_ok()
        };
        assert!(verify_with("id1", now_s, body, &signature), "{body}");
        assert!(!verify_with("id2", now_s, body, &signature));
        assert!(!verify_with("id1", now_s - 1, body, &signature));
        assert!(!verify_with("id1", now_s, &format!("{body} "), &signature));
        let only_first = sign(&secrets(&[SECRET]), "id1", now_s, body.as_bytes());
        assert!(!verify_with("id1", now_s, body, &only_first));
    }
}

#[test]
fn we_verify_what_they_sign_and_find_what_was_changed() {
    let theirs = Webhook::new(SECRET).unwrap();
    let keys = secrets(&[OTHER, SECRET]);
    for body in BODIES {
        let signature = theirs.sign("id1", 1000, body.as_bytes()).unwrap();
        assert_eq!(signature, sign(&secrets(&[SECRET]), "id1", 1000, body.as_bytes()));
        let is_ours = |id: &str, timestamp: &str, body: &str, keys: &[WebhookSecret]| {
            verify(keys, id, timestamp, body.as_bytes(), &signature, 1000).is_ok()
        };
        assert!(is_ours("id1", "1000", body, &keys), "{body}");
        assert!(!is_ours("id2", "1000", body, &keys));
        assert!(!is_ours("id1", "1001", body, &keys));
        assert!(!is_ours("id1", "1000", &format!("{body} "), &keys));
        assert!(!is_ours("id1", "1000", body, &keys[..1]));
    }
}
