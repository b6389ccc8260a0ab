//! Sinks from a TOML text: `[[sink]]` with its keys, and everything that is wrong with them.
//!
//! Decision D-631.

use std::sync::Arc;

use flowbench_events::{Problem, Problems, SourceText, did_you_mean_or_list};
use toml::de::DeTable;

use crate::webhook::sink::WebhookSink;
use crate::webhook::sink_table::{SinkReferences, SinkTable};

const BYTES_MAX: usize = 256 * 1024;
const SINKS_MAX: usize = 64;

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
    if source.text.len() > BYTES_MAX {
        let message = format!("the text is longer than {BYTES_MAX} bytes");
        return Err(Problems::one(Problem::new(source, None, &message)));
    }
    let document = DeTable::parse(&source.text)
        .map_err(|error| Problems::one(Problem::new(source, error.span(), error.message())))?;
    let mut problems = Vec::new();
    let mut sinks = Vec::new();
    for (key, value) in document.get_ref() {
        let tables = value.get_ref().as_array().filter(|list| list.len() <= SINKS_MAX);
        match tables {
            _ if key.get_ref() != "sink" => {
                let hint = did_you_mean_or_list(key.get_ref(), ["sink"]);
                let message = format!("there is no table '{}'{hint}", key.get_ref());
                problems.push(Problem::new(source, Some(key.span()), &message));
            }
            None => {
                let message = format!("expected a list of at most {SINKS_MAX} sinks; write [[sink]] before each");
                problems.push(Problem::new(source, Some(value.span()), &message));
            }
            Some(tables) => {
                for (index, table) in tables.iter().enumerate() {
                    let table = SinkTable::new(source, table, index, references);
                    problems.extend(add(&mut sinks, table));
                }
            }
        }
    }
    Problems::check(problems)?;
    Ok(sinks)
}

/// Adds the sink of a table, and returns what is wrong with it.
fn add(sinks: &mut Vec<WebhookSink>, mut table: SinkTable<'_>) -> Vec<Problem> {
    if let Some(sink) = table.sink() {
        if sinks.iter().any(|other| other.name == sink.name) {
            table.wrong("name", "another sink has this name; give each its own");
        }
        sinks.push(sink);
    }
    table.into_problems()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud_event::CloudEvent;
    use crate::filter::EventFilter;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn read(text: &str) -> Result<Vec<WebhookSink>, Problems> {
        let environment = |name: &str| (name == "SHOP_SECRET").then(|| SECRET.to_owned());
        let filter = |text: &str| -> Result<EventFilter, String> {
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
    fn the_example_of_the_readme_is_a_configuration() {
        let readme = include_str!("../../README.md");
        let example = readme.split("```toml\n").find(|part| part.starts_with("[[sink]]")).unwrap();
        let example = example.split("```").next().unwrap();
        let references =
            SinkReferences { environment: &|_| Some(SECRET.to_owned()), filter: &|_| Ok(Arc::new(|_| true)) };
        let sinks = read_webhook_sinks(&SourceText::new("README.md", example), &references).unwrap();
        assert_eq!((sinks.len(), sinks[0].secrets.len(), sinks[0].rate_per_min), (1, 2, Some(120)));
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
                "line 3, column 7: sink 'shop', url: requests go over https",
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
