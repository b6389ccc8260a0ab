//! "Did you mean": the known name nearest to one that is not known.

/// The candidate nearest to `word`, if it is near enough to be what was meant.
///
/// Near is an edit distance of at most a third of the word's length (a swap of neighbours is one edit), or one being
/// a part of the other.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let part = lower.len().min(candidate.len()) >= 3 && (lower.contains(&candidate) || candidate.contains(&lower));
        let edits = strsim::osa_distance(&lower, &candidate);
        (part || edits <= (lower.chars().count() / 3).max(1)).then_some(edits)
    };
    let near = candidates.into_iter().filter_map(|candidate| Some((distance(candidate)?, candidate)));
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

/// `; did you mean 'x'?` or nothing: for the middle of a message.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or(String::new(), |name| format!("; did you mean '{name}'?"))
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
    }
}
