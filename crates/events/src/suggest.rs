//! The known name that is nearest to an unknown one, for "did you mean".

use crate::names::clean;

/// Returns the candidate nearest to `word`, or `None` if none is near enough to be meant.
///
/// A candidate is near if the edit distance is at most a third of the length of the word (a swap of neighbours is one
/// edit), or if one contains the other. Words of more than 64 bytes are not mistyped names and have no candidate.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const BYTES_MAX: usize = 64;
    if word.len() > BYTES_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    let edits_max = (length / 3).max(1);
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let part = lower.len().min(candidate.len()) >= 3 && (lower.contains(&candidate) || candidate.contains(&lower));
        // Each surplus letter is an edit.
        let is_near = part || length.abs_diff(candidate.chars().count()) <= edits_max;
        let edits = is_near.then(|| strsim::osa_distance(&lower, &candidate))?;
        (part || edits <= edits_max).then_some(edits)
    };
    let candidates = candidates.into_iter().filter(|candidate| candidate.len() <= BYTES_MAX);
    let near = candidates.filter_map(|candidate| Some((distance(candidate)?, candidate)));
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

/// Returns `; did you mean 'x'?` for the middle of a message, or an empty text if no candidate is near.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or(String::new(), |name| format!("; did you mean '{}'?", clean(name)))
}

/// Returns `; did you mean 'x'?` like [`did_you_mean`], or `; there are x, y` with all candidates if none is near.
pub fn did_you_mean_or_list<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = did_you_mean(word, candidates.clone());
    let list = || format!("; there are {}", candidates.into_iter().collect::<Vec<_>>().join(", "));
    if near.is_empty() { list() } else { near }
}

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
        // Neither a cell of a megabyte nor a header that was taken for one column is compared letter by letter.
        assert_eq!(nearest(&"order_placed".repeat(100_000), names), None);
        assert_eq!(nearest("order", [format!("order_placed;{}", "x".repeat(60)).as_str()]), None);
    }
}
