//! Marks of doubts: a raised number for each code, which the section on doubts explains.

use std::collections::{BTreeMap, BTreeSet};

use crate::Results;
use crate::text::{counted, escaped, prose};

/// Maximum number of different texts of one doubt that are listed.
const TEXTS_MAX: usize = 40;
/// Maximum number of measurements named with one text.
const TAGS_MAX: usize = 24;
/// Number of different texts up to which they are not folded.
const UNFOLDED: usize = 3;

/// The codes of all doubts of a run, with their numbers.
pub(crate) struct Marks {
    numbers: BTreeMap<String, usize>,
}

impl Marks {
    pub(crate) fn of(results: &Results) -> Marks {
        let codes: BTreeSet<&str> =
            results.cases.iter().flat_map(|case| &case.doubts).map(|doubt| doubt.code.as_str()).collect();
        Marks { numbers: codes.into_iter().map(str::to_owned).zip(1..).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Returns a raised number that links to the doubt.
    pub(crate) fn link(&self, code: &str) -> String {
        let Some(n) = self.numbers.get(code) else { return String::new() };
        format!("<a href=\"#d{n}\">{}</a>", raised(*n))
    }

    /// Returns the code with its raised number, which links to the doubt.
    pub(crate) fn named_link(&self, code: &str) -> String {
        match self.numbers.get(code) {
            Some(n) => format!("<a href=\"#d{n}\">{}{}</a>", escaped(code), raised(*n)),
            None => escaped(code),
        }
    }

    /// Appends all doubts: the same words for several measurements stand once, with the measurements they hold for.
    pub(crate) fn push_doubts(&self, out: &mut String, results: &Results) {
        out.push_str("<h2 id=\"doubts\">Doubts</h2>\n");
        if self.is_empty() {
            out.push_str("<p>No doubt was raised.</p>\n");
            return;
        }
        let mut by_code: BTreeMap<&str, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
        for (case, doubt) in results.cases.iter().flat_map(|case| case.doubts.iter().map(move |doubt| (case, doubt))) {
            by_code.entry(&doubt.code).or_default().entry(&doubt.text).or_default().push(case.tag());
        }
        out.push_str(
            "<p class=\"small\">Reasons not to trust a number, by the mark they have in the tables; c12r2 is the second \
             repeat of case 12.</p>\n",
        );
        for (code, texts) in by_code {
            self.push_code(out, code, &texts);
        }
    }

    fn push_code(&self, out: &mut String, code: &str, texts: &BTreeMap<&str, Vec<String>>) {
        let number = self.numbers.get(code).copied().unwrap_or(0);
        let all = texts.values().map(Vec::len).sum();
        let open = if texts.len() <= UNFOLDED { " open=\"open\"" } else { "" };
        out.push_str(&format!(
            "<details id=\"d{number}\"{open}><summary>{} <strong>{}</strong>: {}</summary>\n<ul>\n",
            raised(number),
            escaped(code),
            counted(all, "measurement")
        ));
        // What holds for most comes first.
        let mut texts: Vec<(&&str, &Vec<String>)> = texts.iter().collect();
        texts.sort_by_key(|(_, tags)| std::cmp::Reverse(tags.len()));
        for (text, tags) in texts.iter().take(TEXTS_MAX) {
            let more = tags.len().saturating_sub(TAGS_MAX);
            let mut named = tags[..tags.len() - more].join(" ");
            if more > 0 {
                named.push_str(&format!(" and {more} more"));
            }
            out.push_str(&format!("<li>{} <span class=\"small\">({})</span></li>\n", prose(text), escaped(&named)));
        }
        if texts.len() > TEXTS_MAX {
            let more = texts.len() - TEXTS_MAX;
            out.push_str(&format!("<li>{more} more like these, in <a href=\"cases.ndjson\">cases.ndjson</a></li>\n"));
        }
        out.push_str("</ul></details>\n");
    }
}

/// Returns a number in raised digits.
fn raised(n: usize) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    n.to_string().chars().filter_map(|digit| digit.to_digit(10)).map(|digit| DIGITS[digit as usize]).collect()
}
