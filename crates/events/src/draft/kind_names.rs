//! The names of columns that tell what happened.

use crate::draft::words::words;

/// How plainly the name of a column says that its cells tell what happened, the plainest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KindName {
    /// The name of events, such as `event_type` or `Action`.
    Event,
    /// The name of states, such as `Status`, which may be what became of an order.
    State,
    /// The name of types, such as `Type`, which may be that of a product.
    Type,
    /// Any other name.
    Other,
}

impl KindName {
    /// Returns how plain a name is, of which only the last part counts if it is a path.
    pub(super) fn of(name: &str) -> KindName {
        const BESIDE: [&str; 9] = ["order", "name", "code", "user", "type", "status", "log", "record", "transaction"];
        let words = words(name.rsplit('.').next().unwrap_or(name));
        let is_among = |word: &String, known: &[&str]| known.contains(&word.as_str());
        let has = |known: &[&str]| {
            let is_allowed = |word: &String| is_among(word, known) || is_among(word, &BESIDE);
            words.iter().any(|word| is_among(word, known)) && words.iter().all(is_allowed)
        };
        match () {
            () if has(&EVENTS) => KindName::Event,
            () if has(&STATES) => KindName::State,
            () if has(&TYPES) && !words.iter().any(|word| is_among(word, &["order", "user"])) => KindName::Type,
            () => KindName::Other,
        }
    }
}

/// Returns true for a name with a word that columns of kinds have in theirs.
pub(super) fn is_called_kind(name: &str) -> bool {
    words(name).iter().any(|word| EVENTS.contains(&word.as_str()) || TYPES.contains(&word.as_str()))
}

/// Returns true for the name of states, since a state may be the final one of an order and so not an event.
pub(super) fn is_called_state(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| STATES.contains(&word.as_str())) && !words.iter().any(|word| word == "event")
}

const EVENTS: [&str; 10] =
    ["event", "action", "activity", "behavior", "behaviour", "verb", "what", "operation", "eventtype", "eventname"];
const STATES: [&str; 3] = ["status", "state", "stage"];
const TYPES: [&str; 2] = ["type", "kind"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_names_of_kinds_are_plain() {
        for (name, told) in [
            ("Event", KindName::Event),
            ("event_type", KindName::Event),
            ("eventName", KindName::Event),
            ("properties.action", KindName::Event),
            ("user action", KindName::Event),
            ("Status", KindName::State),
            ("order_status", KindName::State),
            ("Type", KindName::Type),
            ("transaction type", KindName::Type),
            ("kind", KindName::Type),
            ("event_location", KindName::Other),
            ("payment_type", KindName::Other),
            ("user_type", KindName::Other),
            ("Financial Status", KindName::Other),
            ("billing_state", KindName::Other),
            ("order", KindName::Other),
            ("", KindName::Other),
        ] {
            assert_eq!(KindName::of(name), told, "{name}");
        }
    }
}
