//! Sinks from a TOML text: `[[sink]]` with its keys, and everything that is wrong with them.
//!
//! Decision D-631.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use flowbench_events::{Problem, Problems, SourceText, did_you_mean_or_list};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::webhook::secret::WebhookSecret;
use crate::webhook::sink::{EventPredicate, SinkFilter, WebhookSink};
use crate::webhook::url::WebhookUrl;

const KEYS: [&str; 8] = ["name", "url", "feed", "filter", "secret", "bearer", "origin", "rate"];
const BYTES_MAX: usize = 256 * 1024;
const SINKS_MAX: usize = 64;
const SECRETS_MAX: usize = 4;
const NAME_BYTES_MAX: usize = 64;
const RATE_MAX: u32 = 60_000;
/// What stands before the name of an environment variable that holds a secret.
const ENVIRONMENT: &str = "env:";

/// What the text of the sinks refers to.
pub struct SinkReferences<'a> {
    /// Returns the value of an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Reads the JSON text of a filter, or says what is wrong with it.
    pub filter: &'a dyn Fn(&str) -> Result<EventPredicate, String>,
}

/// Reads the sinks of a TOML text; none if there is no `[[sink]]` in it.
///
/// # Errors
///
/// Returns everything that is wrong, each problem with the sink, the key, its place, and what would be right. Secrets are not
/// repeated.
pub fn read_webhook_sinks(
    source: &Arc<SourceText>,
    references: &SinkReferences<'_>,
) -> Result<Vec<WebhookSink>, Problems> {
    let whole = |message: &str| Problems::one(Problem::new(source, None, message));
    if source.text.len() > BYTES_MAX {
        return Err(whole(&format!("the text is longer than {BYTES_MAX} bytes")));
    }
    let table = DeTable::parse(&source.text)
        .map_err(|error| Problems::one(Problem::new(source, error.span(), error.message())))?;
    let mut problems = Vec::new();
    let mut sinks: Vec<WebhookSink> = Vec::new();
    for (key, value) in table.get_ref() {
        if key.get_ref() != "sink" {
            let hint = did_you_mean_or_list(key.get_ref(), ["sink"]);
            problems.push(Problem::new(
                source,
                Some(key.span()),
                &format!("there is no table '{}'{hint}", key.get_ref()),
            ));
            continue;
        }
        let tables = value.get_ref().as_array().filter(|list| list.len() <= SINKS_MAX);
        let Some(tables) = tables else {
            let message = format!("expected a list of at most {SINKS_MAX} sinks; write [[sink]] before each");
            problems.push(Problem::new(source, Some(value.span()), &message));
            continue;
        };
        for (index, value) in tables.iter().enumerate() {
            let mut reading = Reading::new(source, value, index, references);
            let sink = reading.sink();
            if let Some(sink) = sink {
                if sinks.iter().any(|other| other.name == sink.name) {
                    reading.wrong("name", "another sink has this name; give each its own");
                }
                sinks.push(sink);
            }
            problems.extend(reading.problems);
        }
    }
    Problems::check(problems)?;
    Ok(sinks)
}

/// One `[[sink]]` while it is read.
struct Reading<'a> {
    source: &'a Arc<SourceText>,
    references: &'a SinkReferences<'a>,
    /// What the sink is called in messages: its name, or its number if it has none.
    title: String,
    place: Range<usize>,
    entries: BTreeMap<&'a str, (&'a Spanned<DeValue<'a>>, Range<usize>)>,
    problems: Vec<Problem>,
}

impl<'a> Reading<'a> {
    fn new(
        source: &'a Arc<SourceText>,
        value: &'a Spanned<DeValue<'a>>,
        index: usize,
        references: &'a SinkReferences<'a>,
    ) -> Reading<'a> {
        let table = value.get_ref().as_table();
        let entries: BTreeMap<_, _> =
            table.into_iter().flatten().map(|(key, value)| (&**key.get_ref(), (value, key.span()))).collect();
        let name = entries.get("name").and_then(|(value, _)| value.get_ref().as_str());
        let title = match name {
            Some(name) if is_name(name) => format!("sink '{name}'"),
            _ => format!("sink {}", index + 1),
        };
        Reading { source, references, title, place: value.span(), entries, problems: Vec::new() }
    }

    /// Reads the sink; `None` if something is wrong with it.
    fn sink(&mut self) -> Option<WebhookSink> {
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

    fn wrong(&mut self, key: &str, message: &str) {
        let place = self.entries.get(key).map_or(self.place.clone(), |(value, _)| value.span());
        let message = format!("{}, {key}: {message}", self.title);
        self.problems.push(Problem::new(self.source, Some(place), &message));
    }
}

/// Returns true for a name that is also a safe part of a file name.
fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud_event::CloudEvent;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn read(text: &str) -> Result<Vec<WebhookSink>, Problems> {
        let environment = |name: &str| (name == "SHOP_SECRET").then(|| SECRET.to_owned());
        let filter = |text: &str| -> Result<EventPredicate, String> {
            let kind: String = serde_json::from_str(text).map_err(|error| format!("not a filter: {error}"))?;
            Ok(Arc::new(move |event| event.kind == kind))
        };
        read_webhook_sinks(
            &SourceText::new("sinks.toml", text),
            &SinkReferences { environment: &environment, filter: &filter },
        )
    }

    fn shop(lines: &str) -> String {
        format!(
            "[[sink]]\nname = \"shop\"\nurl = \"https://a.example/in\"\nfeed = \"alerts\"\norigin = \"me.example\"\n{lines}"
        )
    }

    fn problems(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_sink_is_read_with_all_its_keys() {
        let text = shop(&format!(
            "secret = [\"env:SHOP_SECRET\", \"{SECRET}\"]\nbearer = \"abc.def\"\nfilter = '\"alert\"'\nrate = 1_20\n"
        ));
        let sinks = read(&text).unwrap();
        let [sink] = &sinks[..] else { panic!("{sinks:?}") };
        assert_eq!((sink.name(), sink.feed(), sink.origin.as_str()), ("shop", "alerts", "me.example"));
        assert_eq!(sink.url().as_str(), "https://a.example/in");
        assert_eq!((sink.secrets.len(), sink.rate_per_min), (2, Some(120)));
        assert_eq!(sink.secrets[0], sink.secrets[1]);
        assert!(sink.accepts(&CloudEvent::new("1", "/", "alert")));
        assert!(!sink.accepts(&CloudEvent::new("1", "/", "other")));
        let printed = format!("{sink:?}");
        assert!(!printed.contains("abc.def") && !printed.contains("MfKQ"), "{printed}");
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn any_change_changes_the_fingerprint() {
        let fingerprint = |lines: &str| read(&shop(lines)).unwrap()[0].fingerprint();
        let secret = format!("secret = \"{SECRET}\"\n");
        let first = fingerprint(&secret);
        assert_eq!(first, fingerprint(&secret));
        assert_eq!(first.len(), 32);
        for more in ["bearer = \"x\"", "rate = 1", "filter = '\"alert\"'"] {
            assert_ne!(first, fingerprint(&format!("{secret}{more}")), "{more}");
        }
        assert_ne!(first, fingerprint(&format!("secret = [\"{SECRET}\", \"{SECRET}\"]")));
    }

    #[test]
    fn what_is_wrong_names_the_sink_the_key_and_the_line() {
        let secret = "secret = \"env:SHOP_SECRET\"\n";
        let cases = [
            ("[[sinks]]\n", "sinks.toml, line 1, column 3: there is no table 'sinks'; did you mean 'sink'?"),
            (
                "sink = 3\n",
                "sinks.toml, line 1, column 8: expected a list of at most 64 sinks; write [[sink]] before each",
            ),
            (
                &shop("secret = \"hunter2\"\n"),
                "sinks.toml, line 6, column 10: sink 'shop', secret: a secret begins with whsec_; write whsec_ and",
            ),
            (
                &shop("secret = \"env:NO_SECRET\"\n"),
                "line 6, column 10: sink 'shop', secret: the environment variable NO_SECRET is not set; give it",
            ),
            (&shop("secret = []\n"), "sink 'shop', secret: expected a text, or a list of 1 to 4; write"),
            (&shop(""), "sinks.toml, line 1, column 1: sink 'shop': the key 'secret' is missing; write secret ="),
            (
                &shop(&format!("{secret}filtre = '1'\n")),
                "line 7, column 1: sink 'shop': there is no key 'filtre'; did you mean 'filter'?",
            ),
            (&shop(&format!("{secret}colour = 'red'\n")), "there is no key 'colour'; there are name, url, feed"),
            (&shop(&format!("{secret}filter = '}}'\n")), "line 7, column 10: sink 'shop', filter: not a filter: "),
            (&shop(&format!("{secret}bearer = 'a b'\n")), "sink 'shop', bearer: it is not a token"),
            (&shop(&format!("{secret}bearer = 7\n")), "sink 'shop', bearer: expected a text; write it in quotes"),
            (&shop(&format!("{secret}rate = 0\n")), "sink 'shop', rate: give events per minute"),
            (&shop(&format!("{secret}rate = 1.5\n")), "sink 'shop', rate: give events per minute"),
            (
                &shop(secret).replace("https://a", "http://a"),
                "line 3, column 7: sink 'shop', url: webhooks go over https",
            ),
            (
                &shop(secret).replace("\"shop\"", "\"../x\""),
                "line 2, column 8: sink 1, name: give a name of at most 64",
            ),
            (&shop(secret).replace("me.example", "me example"), "sink 'shop', origin: it is not a host name"),
            (
                &format!("{}{}", shop(secret), shop(secret)),
                "line 8, column 8: sink 'shop', name: another sink has this name; give each its own",
            ),
            ("[[sink]\n", "sinks.toml, line 1, column "),
        ];
        for (text, message) in cases {
            let problems = problems(text);
            assert!(problems.contains(message), "{text}\n{problems}");
            assert!(!problems.contains("hunter2"), "{problems}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let problems = problems("[[sink]]\nname = \"shop\"\nrate = -1\n");
        for key in ["url", "feed", "secret", "origin", "rate"] {
            assert!(problems.contains(key), "{problems}");
        }
        assert_eq!(problems.lines().count(), 5, "{problems}");
    }
}
