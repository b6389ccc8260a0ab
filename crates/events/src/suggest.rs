//! "Did you mean": the known name nearest to one that is not known.

use crate::names::clean;

/// The candidate nearest to `word`, if it is near enough to be what was meant.
///
/// Near is an edit distance of at most a third of the word's length (a swap of neighbours is one edit), or one being
/// a part of the other. What is longer than any name is near to none.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > BYTES_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let part = lower.len().min(candidate.len()) >= 3 && (lower.contains(&candidate) || candidate.contains(&lower));
        let edits = strsim::osa_distance(&lower, &candidate);
        (part || edits <= (lower.chars().count() / 3).max(1)).then_some(edits)
    };
    let names = candidates.into_iter().filter(|candidate| candidate.len() <= BYTES_MAX);
    let near = names.filter_map(|candidate| Some((distance(candidate)?, candidate)));
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

/// `; did you mean 'x'?` or nothing: for the middle of a message.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or(String::new(), |name| format!("; did you mean '{}'?", clean(name)))
}

/// Comparing costs the product of the lengths.
const BYTES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let names = ["order_placed", "order_packed", "page_viewed"];
        assert_eq!(nearest("order_plcaed", names), Some("order_placed"));
        assert_eq!(nearest("Order_Packed", names), Some("order_packed"));
        assert_eq!(nearest("viewed", names), Some("page_viewed"));
        assert_eq!(nearest("adjustment", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"order_placed ".repeat(9), names), None);
    }
}
