//! The terms of the glossary.

/// The glossary, whose rows are `| **term, other term** | meaning |`.
const GLOSSARY: &str = include_str!("../../../GLOSSARY.md");

/// A term with its meaning.
pub(super) struct Term {
    pub(super) name: String,
    pub(super) meaning: String,
}

/// Returns all terms in the order of the glossary.
pub(super) fn terms() -> Vec<Term> {
    let rows = GLOSSARY.lines().filter_map(|line| line.strip_prefix("| **")?.strip_suffix(" |")?.split_once("** | "));
    rows.flat_map(|(names, meaning)| of_row(names, meaning)).collect()
}

/// Returns the terms of a row. Several of them have a meaning each, or the same one if there are not as many.
fn of_row(names: &str, meaning: &str) -> Vec<Term> {
    let names: Vec<String> = names.split([',', '/']).map(|name| name.trim().to_lowercase()).collect();
    let meaning = meaning.replace(['`', '*'], "");
    let meanings: Vec<&str> = meaning.split(" / ").collect();
    let meaning_of = |at: usize| if meanings.len() == names.len() { meanings[at] } else { &meaning };
    let term = |(at, name): (usize, &String)| Term { name: name.clone(), meaning: meaning_of(at).to_owned() };
    names.iter().enumerate().map(term).collect()
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
        assert!(rows > 50 && meanings.len() >= rows, "{rows} rows");
        assert!(names.contains("coordinated-omission") && names.contains("inconclusive"), "{names:?}");
    }
    #[test]
    fn terms_of_one_row_have_a_meaning_each() {
        let meaning = |name: &str| terms().into_iter().find(|term| term.name == name).map(|term| term.meaning).unwrap();
        assert!(meaning("spurious").starts_with("an answer that was given"), "{}", meaning("spurious"));
        assert!(meaning("inconclusive").starts_with("of memory: the run is too short"), "{}", meaning("inconclusive"));
        assert!(!meaning("executor").contains("exchange"), "{}", meaning("executor"));
    }
}
