//! The terms of the glossary.

/// The glossary, whose rows are `| **term, other term** | meaning |`.
const GLOSSARY: &str = include_str!("../../../GLOSSARY.md");

/// A term with its meaning.
pub(super) struct Term {
    pub(super) name: String,
    pub(super) meaning: String,
}

/// Returns all terms in the order of the glossary. A row with several of them gives each the same meaning.
pub(super) fn terms() -> Vec<Term> {
    let rows = GLOSSARY.lines().filter_map(|line| line.strip_prefix("| **")?.strip_suffix(" |")?.split_once("** | "));
    let of_row = |(names, meaning): (&str, &str)| {
        let names: Vec<String> = names.split([',', '/']).map(|name| name.trim().to_lowercase()).collect();
        let meaning = meaning.replace(['`', '*'], "");
        names.into_iter().map(move |name| Term { name, meaning: meaning.clone() })
    };
    rows.flat_map(of_row).collect()
}

/// Returns a term as it is typed where a space ends a word: `event-time`.
pub(super) fn typed(name: &str) -> String {
    name.trim().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_of_the_glossary_has_a_term_with_one_meaning() {
        let (terms, rows) = (terms(), GLOSSARY.lines().filter(|line| line.starts_with("| **")).count());
        let names: BTreeSet<String> = terms.iter().map(|term| typed(&term.name)).collect();
        assert_eq!(names.len(), terms.len(), "no term stands twice");
        let meanings: BTreeSet<&str> = terms.iter().map(|term| term.meaning.as_str()).collect();
        assert_eq!(meanings.len(), rows);
        assert!(names.contains("coordinated-omission") && names.contains("inconclusive"), "{names:?}");
    }
}
