//! What a rule says, and how sentences are put together.

use std::collections::BTreeSet;

use flowbench_measurement::statistics::median;

/// What a rule says of the choices.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) sentences: Vec<String>,
    /// For each number that is named, the codes of the doubts that concern it.
    pub(super) numbers: Vec<BTreeSet<String>>,
    pub(super) more: Vec<String>,
}

impl Said {
    pub(super) fn add(&mut self, other: Said) {
        self.sentences.extend(other.sentences);
        self.numbers.extend(other.numbers);
        self.more.extend(other.more);
    }
}

/// Returns the median of some values.
pub(super) fn median_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    median(&values.collect::<Vec<_>>())
}

/// Returns the least and the greatest of some values.
pub(super) fn ends_of(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.map(|value| (value, value)).reduce(|(least, most), (value, _)| (least.min(value), most.max(value)))
}

/// Returns `a`, `a and b`, or `a, b and c`.
pub(super) fn joined(names: &[String]) -> String {
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}

/// Returns a name that is to stand out.
pub(super) fn strong(name: &str) -> String {
    format!("**{name}**")
}

/// Returns text with a full stop. It begins with a name, which is left as it is, or with a capital letter.
pub(super) fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// Returns text to be continued after a colon.
pub(super) fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect()
}
