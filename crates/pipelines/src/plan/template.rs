//! Texts put together from values: `format("ORD-{day:%Y%m%d}-{order}")`.

use flowbench_events::{Zone, rfc3339};

use super::expression::Complaint;
use super::expression::names::{Names, Typed};
use super::expression::node::present;
use super::expression::types::Type;

/// A text with values in its places.
#[derive(Debug, Clone)]
pub(super) struct Template(pub(super) Vec<Part>);

/// A part of a template.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    Value(Typed, Option<DateFormat>),
}

/// How a day or a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DateFormat(Box<[DatePart]>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum DatePart {
    Text(char),
    Year,
    /// A part of two digits, by its place before the end of a time as RFC 3339 writes it, `T00:00:00.000Z`.
    TwoDigits(usize),
}

const PARTS: [(char, DatePart); 6] = [
    ('Y', DatePart::Year),
    ('m', DatePart::TwoDigits(19)),
    ('d', DatePart::TwoDigits(16)),
    ('H', DatePart::TwoDigits(13)),
    ('M', DatePart::TwoDigits(10)),
    ('S', DatePart::TwoDigits(7)),
];

/// A part of a template as it is written.
pub(super) enum Fragment<'a> {
    Text(String),
    /// What stands in braces: a name and a format, and the byte where they begin.
    Value {
        name: &'a str,
        format: Option<&'a str>,
        start: usize,
    },
}

impl Template {
    /// Reads a template; names in braces are those of values, `{day:%Y%m%d}` says how a day or a time is written, and
    /// `{{` and `}}` are braces.
    ///
    /// # Errors
    ///
    /// Says what is wrong where: by bytes of the text.
    pub(super) fn parse(text: &str, names: &Names) -> Result<Template, Complaint> {
        let part = |fragment: Result<Fragment<'_>, Complaint>| match fragment? {
            Fragment::Text(text) => Ok(Part::Text(text)),
            Fragment::Value { name, format, start } => value(name, format, start, names),
        };
        fragments(text).map(part).collect::<Result<_, _>>().map(Template)
    }
}

/// Splits a template, up to the first brace that is wrong.
pub(super) fn fragments(text: &str) -> impl Iterator<Item = Result<Fragment<'_>, Complaint>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut literal = String::new();
        while let Some(letter) = text[at..].chars().next() {
            let rest = &text[at + letter.len_utf8()..];
            match (letter, rest.find('}')) {
                ('{' | '}', _) if rest.starts_with(letter) => {
                    literal.push(letter);
                    at += 2;
                }
                ('{' | '}', _) if !literal.is_empty() => break,
                ('{', Some(length)) => {
                    let (inside, start) = (&rest[..length], at + 1);
                    at += length + 2;
                    let (name, format) = inside.split_once(':').map_or((inside, None), |(name, it)| (name, Some(it)));
                    return Some(Ok(Fragment::Value { name, format, start }));
                }
                ('{', None) => {
                    let place = std::mem::replace(&mut at, text.len())..text.len();
                    return Some(Err(Complaint::new(&place, "this brace is not closed; write {name} or {{")));
                }
                ('}', _) => {
                    let place = at..at + 1;
                    at = text.len();
                    return Some(Err(Complaint::new(&place, "this brace closes nothing; write }}")));
                }
                (letter, _) => {
                    literal.push(letter);
                    at += letter.len_utf8();
                }
            }
        }
        (!literal.is_empty()).then_some(Ok(Fragment::Text(literal)))
    })
}

/// Resolves what stands in braces from `start` on.
fn value(name: &str, format: Option<&str>, start: usize, names: &Names) -> Result<Part, Complaint> {
    let place = start..start + name.len();
    let Some(typed) = names.find(name.trim()) else {
        return Err(Complaint::new(&place, format!("there is no name '{name}'{}", names.hint(name))));
    };
    if typed.of == Type::Composed {
        return Err(Complaint::new(&place, "this is put together itself; write the names that it is made of"));
    }
    let format = format.map(|format| {
        DateFormat::parse(format, typed.of)
            .map_err(|message| Complaint::new(&(place.end + 1..place.end + 1 + format.len()), message))
    });
    Ok(Part::Value(typed.clone(), format.transpose()?))
}

impl DateFormat {
    fn parse(format: &str, of: Type) -> Result<DateFormat, String> {
        let letters = match of {
            Type::Day => "Ymd",
            Type::Time => "YmdHMS",
            _ => return Err(format!("{of} has no format; write the name alone")),
        };
        let mut parts = Vec::new();
        let mut rest = format.chars();
        while let Some(letter) = rest.next() {
            let part = match letter {
                '%' => rest.next().and_then(|letter| {
                    let part = PARTS.iter().find(|(known, _)| *known == letter && letters.contains(letter));
                    part.map(|(_, part)| part.clone())
                }),
                letter => Some(DatePart::Text(letter)),
            };
            parts.push(part.ok_or_else(|| {
                let known: Vec<String> = letters.chars().map(|letter| format!("%{letter}")).collect();
                format!("of {of} there are {}", known.join(", "))
            })?);
        }
        Ok(DateFormat(parts.into()))
    }

    /// Appends a day or a time in UTC: nothing if it is absent.
    pub(super) fn push(&self, of: Type, word: i64, line: &mut String) {
        let Some(word) = present(word) else { return };
        let text = if of == Type::Day { format!("{}T00:00:00.000Z", Zone::date(word as i32)) } else { rfc3339(word) };
        for part in &self.0 {
            match part {
                DatePart::Text(letter) => line.push(*letter),
                DatePart::Year => line.push_str(&text[..text.len() - 20]),
                DatePart::TwoDigits(before_end) => {
                    let start = text.len() - before_end;
                    line.push_str(&text[start..start + 2]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: &str, of: Type, word: i64) -> String {
        let mut line = String::new();
        DateFormat::parse(format, of).unwrap().push(of, word, &mut line);
        line
    }

    #[test]
    fn days_and_times_are_written_by_their_parts() {
        let ms = 1_767_319_509_008; // 2026-01-02T02:05:09.008Z
        assert_eq!(written("%Y%m%d", Type::Time, ms), "20260102");
        assert_eq!(written("%d.%m.%Y %H:%M:%S", Type::Time, ms), "02.01.2026 02:05:09");
        assert_eq!(written("%Y/%m", Type::Day, 20_455), "2026/01");
        assert_eq!(written("%Y-%m-%d", Type::Time, -1), "1969-12-31");
        assert_eq!(written("%Y", Type::Day, i64::MIN), "");
    }

    #[test]
    fn what_is_wrong_is_said_at_its_place() {
        let names = Names::of_events();
        for (text, place, message) in [
            ("a{ordr}", "ordr", "did you mean 'order'?"),
            ("{order:%Y}", "%Y", "an order has no format"),
            ("{event_time:%q}", "%q", "of a time there are %Y, %m, %d, %H, %M, %S"),
            ("{event_time:%", "{event_time:%", "is not closed"),
            ("ü}", "}", "closes nothing"),
        ] {
            let complaint = Template::parse(text, &names).unwrap_err();
            assert_eq!(&text[complaint.at.clone()], place);
            assert!(complaint.message.contains(message), "{text}: {}", complaint.message);
        }
        let parts = Template::parse("{{{order}}}-{value}", &names).unwrap().0;
        let literals: Vec<&str> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Value(..) => None,
            })
            .collect();
        assert_eq!(literals, ["{", "}-"]);
    }
}
