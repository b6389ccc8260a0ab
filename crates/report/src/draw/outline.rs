//! Outlines of the cells of a row: which value is the best, and which are not distinguishable from it.

use std::collections::BTreeMap;

use crate::chart::{Better, Point, Series};
use crate::compare::told_apart;

/// The outline of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outline {
    None,
    /// The best in its row, distinguishable from all others.
    Best,
    /// Not distinguishable from the best, or the best itself if others are not distinguishable from it.
    Near,
}

/// Returns the outlines of the cells of a row, by column. Those that lose answers do not compete with others that lose
/// none.
pub(crate) fn outlines(
    row: &Series,
    better: Better,
    loses_answers: impl Fn(usize) -> bool,
) -> BTreeMap<usize, Outline> {
    let sign = if better.more_is_better { 1.0 } else { -1.0 };
    let all_lose = row.points.iter().all(|point| loses_answers(point.x as usize));
    let competes = |point: &&Point| all_lose || !loses_answers(point.x as usize);
    let best = row.points.iter().filter(competes).max_by(|a, b| (sign * a.y).total_cmp(&(sign * b.y)));
    let Some(best) = best.filter(|best| !better.scatters || best.repeats > 1) else { return BTreeMap::new() };
    let is_rival = |other: &Point| competes(&other) && other.x != best.x && !told_apart(better.scatters, best, other);
    let of_best = if row.points.iter().any(is_rival) { Outline::Near } else { Outline::Best };
    let outline = |point: &Point| match point.x == best.x {
        true => of_best,
        false if is_rival(point) => Outline::Near,
        false => Outline::None,
    };
    row.points.iter().map(|point| (point.x as usize, outline(point))).collect()
}
