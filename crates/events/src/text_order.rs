//! The order of texts that were given numbers as they came, also while more come.
//!
//! Decision D-113.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of numbered texts among each other, by their bytes.
#[derive(Debug, Clone)]
pub struct TextOrder(Of);

#[derive(Debug, Clone)]
enum Of {
    /// All texts are known.
    Whole(Arc<[u32]>),
    /// More may come.
    Growing(Arc<GrowingTexts>, TextKind),
}

/// Which texts are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    Id,
    Country,
}

impl TextOrder {
    pub(crate) fn whole(places: Vec<u32>) -> TextOrder {
        TextOrder(Of::Whole(places.into()))
    }

    pub(crate) fn growing(texts: &Arc<GrowingTexts>, kind: TextKind) -> TextOrder {
        TextOrder(Of::Growing(Arc::clone(texts), kind))
    }

    /// Returns the place of each text that there is now, by its number. Of two texts, the one that is before the other
    /// stays before it, whatever comes later.
    pub fn places(&self) -> Arc<[u32]> {
        match &self.0 {
            Of::Whole(places) => Arc::clone(places),
            Of::Growing(texts, kind) => texts.places(*kind),
        }
    }
}

/// Texts of a trace that is being written, for those who cannot wait for its end.
#[derive(Debug, Default)]
pub(crate) struct GrowingTexts {
    kinds: Mutex<[Growing; 2]>,
}

#[derive(Debug, Default)]
struct Growing {
    texts: Vec<Box<str>>,
    places: Arc<[u32]>,
    asked: Vec<String>,
}

impl GrowingTexts {
    /// Adds the text with the next number.
    pub(crate) fn push(&self, kind: TextKind, text: &str) {
        self.kinds()[kind as usize].texts.push(text.into());
    }

    /// Notes that somebody has asked for the number of a text that has none.
    pub(crate) fn ask(&self, kind: TextKind, text: &str) {
        self.kinds()[kind as usize].asked.push(text.to_owned());
    }

    /// Takes the texts that were asked for.
    pub(crate) fn take_asked(&self, kind: TextKind) -> Vec<String> {
        std::mem::take(&mut self.kinds()[kind as usize].asked)
    }

    fn places(&self, kind: TextKind) -> Arc<[u32]> {
        let mut kinds = self.kinds();
        let growing = &mut kinds[kind as usize];
        if growing.places.len() < growing.texts.len() {
            let mut sorted: Vec<u32> = (0..growing.texts.len() as u32).collect();
            sorted.sort_unstable_by_key(|number| &growing.texts[*number as usize]);
            growing.places = places(&sorted).into();
        }
        Arc::clone(&growing.places)
    }

    fn kinds(&self) -> MutexGuard<'_, [Growing; 2]> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the position of each number in `sorted`.
pub(crate) fn places(sorted: &[u32]) -> Vec<u32> {
    let mut places = vec![0; sorted.len()];
    for (place, number) in (0..).zip(sorted) {
        places[*number as usize] = place;
    }
    places
}
