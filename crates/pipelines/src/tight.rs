//! Lists that are many, and mostly full.

/// Adds an element. The list grows by a quarter and not to the double: most of such lists are filled once, and then wait with
/// the room they have.
#[inline]
pub(crate) fn push<T>(list: &mut Vec<T>, element: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 4);
    }
    list.push(element);
}
