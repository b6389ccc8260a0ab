//! Plans that rank what windows have.

use std::sync::Arc;

use flowbench_events::{Id, TextOrder};
use hashbrown::HashMap;

use super::aggregate::AGGREGATES_MAX;
use super::expression::node::{ABSENT, present};
use super::expression::types::Type;
use super::row::PlanRow;
use super::tumbling::{KEY_PARTS_MAX, Piece, Windows, answer_of_window, slots_of};
use crate::logic::WindowLogic;

/// What is ranked, and by what.
#[derive(Debug, Clone)]
pub(super) struct Best {
    /// How many ranks there are.
    pub(super) k: usize,
    /// The number of the aggregate by which is ranked.
    pub(super) by: usize,
    /// For each part of the key, whether there is a ranking for each value of it.
    pub(super) per: Vec<bool>,
    /// The types of the parts of the key.
    pub(super) types: Vec<Type>,
    pub(super) ids: TextOrder,
    pub(super) countries: TextOrder,
}

/// The second stage of windows: the best of each.
#[derive(Debug, Clone)]
pub(super) struct TopK(Arc<Ranking>);

#[derive(Debug)]
struct Ranking {
    windows: Arc<Windows>,
    best: Best,
    /// The bits of the key for whose values there are rankings.
    per_mask: u64,
}

/// The counts and sums of each key in a window; no key has no events.
type Groups = HashMap<u64, Group, foldhash::fast::RandomState>;

/// The counts and sums of a key. They have 128 bits, so that their order does not matter.
#[derive(Debug, Default)]
pub(super) struct Group {
    pieces: i64,
    sums: [i128; AGGREGATES_MAX],
}

/// The places of ids and countries, of which numbers come first, by value, and then texts by their bytes.
struct Places {
    ids: Arc<[u32]>,
    countries: Arc<[u32]>,
}

impl Places {
    fn of_id(&self, id: Id) -> u32 {
        match id.0.checked_sub(Id::FIRST_SYMBOL) {
            None => id.0,
            Some(symbol) => Id::FIRST_SYMBOL + self.ids[symbol as usize],
        }
    }

    fn of_country(&self, country: u16) -> u32 {
        self.countries[usize::from(country) - 1]
    }
}

impl TopK {
    pub(super) fn new(windows: &Arc<Windows>, best: Best) -> TopK {
        let parts = windows.selecting.key.parts.iter().zip(&best.per);
        let per_mask = parts.fold(0, |mask: u64, (part, is_per)| {
            let ones = u64::MAX >> (64 - part.bits);
            mask.checked_shl(part.bits).unwrap_or(0) | if *is_per { ones } else { 0 }
        });
        TopK(Arc::new(Ranking { windows: windows.clone(), best, per_mask }))
    }

    /// Returns the place of a key among others with the same value.
    fn place(&self, key: u64, places: &Places) -> [i64; KEY_PARTS_MAX] {
        let Ranking { windows, best, .. } = &*self.0;
        let mut parts = [ABSENT; KEY_PARTS_MAX];
        windows.selecting.key.write(key, &mut parts);
        for (part, of) in parts.iter_mut().zip(&best.types) {
            *part = match of {
                Type::Customer | Type::Order | Type::Product => places.of_id(Id(*part as u32)).into(),
                Type::Country => places.of_country(*part as u16).into(),
                _ => *part,
            };
        }
        parts
    }
}

impl WindowLogic for TopK {
    type Input = Piece;
    type Key = (i64, u64); // number of the window, parts of the key for which there is a ranking
    type Sum = Groups;
    type Row = PlanRow;

    #[inline]
    fn key(&self, piece: &Piece) -> (i64, u64) {
        (piece.window, piece.key & self.0.per_mask)
    }

    fn add(&self, groups: &mut Groups, piece: &Piece, times: i64) {
        let group = groups.entry(piece.key).or_default();
        group.pieces += times;
        for (sum, word) in group.sums.iter_mut().zip(piece.words).take(self.0.windows.aggregates.len()) {
            *sum += i128::from(present(word).unwrap_or(0)) * i128::from(times);
        }
        if group.pieces == 0 {
            groups.remove(&piece.key);
        }
    }

    fn closes_at_ms(&self, (window, _): (i64, u64)) -> i64 {
        self.0.windows.size.end_ms(window) - 1
    }

    fn answer(&self, (window, _): (i64, u64), groups: &Groups, out: &mut Vec<PlanRow>) {
        let Ranking { windows, best, .. } = &*self.0;
        let places = Places { ids: best.ids.places(), countries: best.countries.places() };
        let mut ranked: Vec<(u64, &Group)> = groups.iter().map(|(key, group)| (*key, group)).collect();
        let order = |(key, group): &(u64, &Group), (other_key, other): &(u64, &Group)| {
            let by_sum = other.sums[best.by].cmp(&group.sums[best.by]);
            by_sum.then_with(|| self.place(*key, &places).cmp(&self.place(*other_key, &places)))
        };
        if ranked.len() > best.k {
            ranked.select_nth_unstable_by(best.k, order);
            ranked.truncate(best.k);
        }
        ranked.sort_unstable_by(order);
        let (end_ms, [start, end]) = (windows.size.end_ms(window), windows.size.bounds(window));
        for (rank, (key, group)) in (1..).zip(ranked) {
            let results = group.sums[..windows.aggregates.len()].iter().map(|sum| windows.fitting(*sum, end_ms));
            let slots = slots_of(&windows.selecting.key, key, results, [start, end, rank]);
            out.extend(answer_of_window(&windows.selecting.answering, end_ms, &slots));
        }
    }

    fn heap_bytes(&self, groups: &Groups) -> usize {
        groups.len() * size_of::<(u64, Group)>()
    }
}
