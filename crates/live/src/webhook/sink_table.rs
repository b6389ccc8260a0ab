//! The keys of one `[[sink]]`, each read and checked.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use flowbench_events::{Problem, SourceText, did_you_mean_or_list};
use toml::Spanned;
use toml::de::DeValue;

use crate::filter::EventFilter;
use crate::webhook::secret::WebhookSecret;
use crate::webhook::sink::{SinkFilter, WebhookSink};
use crate::webhook::url::WebhookUrl;

const KEYS: [&str; 8] = ["name", "url", "feed", "filter", "secret", "bearer", "origin", "rate"];
const SECRETS_MAX: usize = 4;
const NAME_BYTES_MAX: usize = 64;
const RATE_MAX: u32 = 60_000;
/// What stands before the name of an environment variable that holds a secret.
pub(crate) const ENVIRONMENT: &str = "env:";

/// What the text of the sinks refers to.
pub struct SinkReferences<'a> {
    /// Returns the value of an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Reads the JSON text of a filter, or says what is wrong with it.
    pub filter: &'a dyn Fn(&str) -> Result<EventFilter, String>,
}

/// One `[[sink]]` while it is read.
pub(crate) struct SinkTable<'a> {
    source: &'a Arc<SourceText>,
    references: &'a SinkReferences<'a>,
    /// What the sink is called in messages: its name, or its number if it has none.
    title: String,
    place: Range<usize>,
    entries: BTreeMap<&'a str, (&'a Spanned<DeValue<'a>>, Range<usize>)>,
    problems: Vec<Problem>,
}

impl<'a> SinkTable<'a> {
    pub(crate) fn new(
        source: &'a Arc<SourceText>,
        value: &'a Spanned<DeValue<'a>>,
        index: usize,
        references: &'a SinkReferences<'a>,
    ) -> SinkTable<'a> {
        let table = value.get_ref().as_table();
        let entries: BTreeMap<_, _> =
            table.into_iter().flatten().map(|(key, value)| (&**key.get_ref(), (value, key.span()))).collect();
        let name = entries.get("name").and_then(|(value, _)| value.get_ref().as_str());
        let title = match name {
            Some(name) if is_name(name) => format!("sink '{name}'"),
            _ => format!("sink {}", index + 1),
        };
        SinkTable { source, references, title, place: value.span(), entries, problems: Vec::new() }
    }

    /// Reads the sink; `None` if something is wrong with it.
    pub(crate) fn sink(&mut self) -> Option<WebhookSink> {
        self.check_keys();
        let name = self.name();
        let url = self.required("url", "write url = \"https://HOST/PATH\"");
        let url = url.and_then(|text| self.checked("url", WebhookUrl::parse(text)));
        let feed = self.required("feed", "write feed = \"NAME\", the feed whose events are sent");
        let secrets = self.secrets();
        let filter = self.filter();
        let bearer = self.bearer();
        let origin = self.origin();
        let rate_per_min = self.rate();
        if !self.problems.is_empty() {
            return None;
        }
        Some(WebhookSink {
            name: name?,
            url: url?,
            feed: feed?.to_owned(),
            filter,
            secrets,
            bearer,
            origin: origin?,
            rate_per_min,
        })
    }

    /// Notes what is wrong with the value of a key.
    pub(crate) fn wrong(&mut self, key: &str, message: &str) {
        let place = self.entries.get(key).map_or(self.place.clone(), |(value, _)| value.span());
        let message = format!("{}, {key}: {message}", self.title);
        self.problems.push(Problem::new(self.source, Some(place), &message));
    }

    /// Returns everything that is wrong with the sink.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn check_keys(&mut self) {
        let unknown: Vec<_> = self.entries.iter().filter(|(key, _)| !KEYS.contains(key)).collect();
        let unknown: Vec<_> = unknown.into_iter().map(|(key, (_, place))| (*key, place.clone())).collect();
        for (key, place) in unknown {
            let message = format!("{}: there is no key '{key}'{}", self.title, did_you_mean_or_list(key, KEYS));
            self.problems.push(Problem::new(self.source, Some(place), &message));
        }
    }

    fn name(&mut self) -> Option<String> {
        let name = self.required("name", "write name = \"NAME\", under which its state is kept and shown")?;
        if !is_name(name) {
            self.wrong("name", "give a name of at most 64 lower-case letters, digits, hyphens and underscores");
            return None;
        }
        Some(name.to_owned())
    }

    fn secrets(&mut self) -> Vec<WebhookSecret> {
        let Some(value) = self.value("secret") else {
            self.missing("secret", "write secret = \"env:VARIABLE\", or secret = \"whsec_...\"");
            return Vec::new();
        };
        let texts: Option<Vec<&str>> = match value {
            DeValue::Array(list) => list.iter().map(|one| one.get_ref().as_str()).collect(),
            value => value.as_str().map(|text| vec![text]),
        };
        let Some(texts) = texts.filter(|texts| (1..=SECRETS_MAX).contains(&texts.len())) else {
            self.wrong(
                "secret",
                &format!("expected a text, or a list of 1 to {SECRETS_MAX}; write secret = \"env:VARIABLE\""),
            );
            return Vec::new();
        };
        let secrets = texts.into_iter().filter_map(|text| {
            let text = self.resolved("secret", text)?;
            self.checked("secret", WebhookSecret::parse(&text))
        });
        secrets.collect()
    }

    fn filter(&mut self) -> Option<SinkFilter> {
        let text = self.text("filter")?;
        let accepts = self.checked("filter", (self.references.filter)(text))?;
        Some(SinkFilter { text: text.to_owned(), accepts })
    }

    fn bearer(&mut self) -> Option<String> {
        let text = self.text("bearer")?;
        let token = self.resolved("bearer", text)?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || token.len() > 4096 || !token.bytes().all(is_token) {
            self.wrong(
                "bearer",
                "it is not a token, which has letters, digits and -._~+/= only; give it without 'Bearer'",
            );
            return None;
        }
        Some(token)
    }

    fn origin(&mut self) -> Option<String> {
        let origin =
            self.required("origin", "write origin = \"flowbench.example.com\", by which receivers know this sender")?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
        if origin.is_empty() || origin.len() > 253 || !origin.bytes().all(is_allowed) {
            self.wrong("origin", "it is not a host name; write one such as \"flowbench.example.com\"");
            return None;
        }
        Some(origin.to_owned())
    }

    fn rate(&mut self) -> Option<u32> {
        let integer = self.value("rate")?.as_integer();
        let rate = integer.and_then(|integer| u32::from_str_radix(integer.as_str(), integer.radix()).ok());
        let rate = rate.filter(|rate| (1..=RATE_MAX).contains(rate));
        if rate.is_none() {
            self.wrong("rate", &format!("give events per minute, a whole number from 1 to {RATE_MAX}"));
        }
        rate
    }

    /// Returns a secret that was written, or that an environment variable holds.
    fn resolved(&mut self, key: &str, text: &str) -> Option<String> {
        let Some(variable) = text.strip_prefix(ENVIRONMENT) else { return Some(text.to_owned()) };
        let value = (self.references.environment)(variable).filter(|value| !value.is_empty());
        if value.is_none() {
            self.wrong(
                key,
                &format!("the environment variable {variable} is not set; give it a value before the start"),
            );
        }
        value
    }

    fn required(&mut self, key: &str, hint: &str) -> Option<&'a str> {
        if self.value(key).is_none() {
            self.missing(key, hint);
        }
        self.text(key)
    }

    fn text(&mut self, key: &str) -> Option<&'a str> {
        let value = self.value(key)?;
        if value.as_str().is_none() {
            self.wrong(key, "expected a text; write it in quotes");
        }
        value.as_str()
    }

    fn value(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.entries.get(key).map(|(value, _)| value.get_ref())
    }

    fn checked<T, E: ToString>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.wrong(key, &error.to_string())).ok()
    }

    fn missing(&mut self, key: &str, hint: &str) {
        let message = format!("{}: the key '{key}' is missing; {hint}", self.title);
        self.problems.push(Problem::new(self.source, Some(self.place.clone()), &message));
    }
}

/// Returns true for a name that is also a safe part of a file name.
fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}
