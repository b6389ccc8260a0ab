//! Which answers differ from those that are due, and how.

use std::collections::{HashMap, HashSet, VecDeque};

use super::answer_form::{AnswerForm, AnswerRow};
use super::changelog::{GivenAnswers, GivenRow};

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviationKind {
    /// It was due and not given.
    Missing,
    /// It was given with other values than those due for its key.
    Wrong,
    /// Its key was answered more often than due.
    Duplicated,
    /// Its key was given, and is not due.
    Spurious,
    /// It is true, but follows from events that are late for the slack.
    LateButAnswered,
    /// It was taken back more often than given.
    Overdrawn,
}

/// An answer that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// What is wrong.
    pub kind: DeviationKind,
    /// The answer that was due.
    pub due: Option<AnswerRow>,
    /// The answer that was given, or taken back.
    pub given: Option<GivenRow>,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Number of answers due.
    pub due: usize,
    /// Number of answers given.
    pub given: usize,
    /// All answers that differ, in the order of their cells.
    pub deviations: Vec<Deviation>,
}

impl DeviationKind {
    /// All of them, in the order in which they are told.
    pub const ALL: [DeviationKind; 6] = [
        DeviationKind::Missing,
        DeviationKind::Wrong,
        DeviationKind::Duplicated,
        DeviationKind::Spurious,
        DeviationKind::LateButAnswered,
        DeviationKind::Overdrawn,
    ];

    /// Returns its name in files.
    pub fn name(self) -> &'static str {
        match self {
            DeviationKind::Missing => "missing",
            DeviationKind::Wrong => "wrong",
            DeviationKind::Duplicated => "duplicated",
            DeviationKind::Spurious => "spurious",
            DeviationKind::LateButAnswered => "late_but_answered",
            DeviationKind::Overdrawn => "overdrawn",
        }
    }

    /// Returns what it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            DeviationKind::Missing => "due and not given",
            DeviationKind::Wrong => "the key is due, with other values",
            DeviationKind::Duplicated => "the key is answered more often than due",
            DeviationKind::Spurious => "given, and nothing with its key is due",
            DeviationKind::LateButAnswered => "true only with events that are late for the slack",
            DeviationKind::Overdrawn => "taken back more often than given",
        }
    }
}

impl Findings {
    /// Compares the answers given with those due, as multisets. `truth` are the answers to all events where `due` are
    /// those for a slack: a true answer that is not due is then late but answered.
    ///
    /// Equal answers are matched first. Each answer that is left is paired with one that is due and was not given, if
    /// there is one with its key: it is wrong. If all that are due with its key were given, it is answered too often; if
    /// none is due, it is spurious.
    pub fn new(form: &AnswerForm, due: &[AnswerRow], truth: Option<&[AnswerRow]>, answers: &GivenAnswers) -> Findings {
        let mut counts = counted(due);
        let left: Vec<&GivenRow> = answers.rows.iter().filter(|given| !take(&mut counts, &given.row)).collect();
        let mut pairing = Pairing::new(form, due, counts, left.is_empty());
        let mut late = truth.map_or_else(HashMap::new, |truth| beyond(truth, due));
        let (late, left): (Vec<&GivenRow>, Vec<&GivenRow>) =
            left.into_iter().partition(|given| take(&mut late, &given.row));
        let mut deviations = Vec::new();
        for given in late {
            let due = pairing.due_in_place_of(&given.row);
            deviations.push(Deviation { kind: DeviationKind::LateButAnswered, due, given: Some(given.clone()) });
        }
        for given in left {
            let due = pairing.due_in_place_of(&given.row);
            let kind = match &due {
                Some(_) => DeviationKind::Wrong,
                None if pairing.keys.contains(&form.key(&given.row)) => DeviationKind::Duplicated,
                None => DeviationKind::Spurious,
            };
            deviations.push(Deviation { kind, due, given: Some(given.clone()) });
        }
        let missing = pairing.left.into_values().flatten();
        deviations.extend(missing.map(|due| Deviation {
            kind: DeviationKind::Missing,
            due: Some(due.clone()),
            given: None,
        }));
        let overdrawn = answers.overdrawn.iter().cloned();
        deviations.extend(overdrawn.map(|given| Deviation {
            kind: DeviationKind::Overdrawn,
            due: None,
            given: Some(given),
        }));
        deviations.sort_by(|one, other| one.order().cmp(&other.order()));
        Findings { due: due.len(), given: answers.rows.len(), deviations }
    }

    /// Returns true if all that is due was given, and nothing else.
    pub fn is_exact(&self) -> bool {
        self.deviations.is_empty()
    }

    /// Returns how many answers deviate in this way.
    pub fn count(&self, kind: DeviationKind) -> usize {
        self.deviations.iter().filter(|deviation| deviation.kind == kind).count()
    }
}

impl Deviation {
    /// Returns what it is sorted by.
    fn order(&self) -> (Option<&AnswerRow>, DeviationKind, u64) {
        let given = self.given.as_ref();
        (self.due.as_ref().or(given.map(|given| &given.row)), self.kind, given.map_or(0, |given| given.line))
    }
}

/// The answers that were due and not given, by key.
struct Pairing<'a> {
    form: &'a AnswerForm,
    left: HashMap<AnswerRow, VecDeque<&'a AnswerRow>>,
    /// The keys of all answers that are due; not collected if nothing is to be paired.
    keys: HashSet<AnswerRow>,
}

impl<'a> Pairing<'a> {
    fn new(form: &'a AnswerForm, due: &'a [AnswerRow], mut left: Counts<'_>, is_idle: bool) -> Pairing<'a> {
        let mut pairing = Pairing { form, left: HashMap::new(), keys: HashSet::new() };
        for row in due.iter().filter(|row| take(&mut left, row)) {
            pairing.left.entry(form.key(row)).or_default().push_back(row);
        }
        if !is_idle {
            pairing.keys = due.iter().map(|row| form.key(row)).collect();
        }
        pairing
    }

    /// Takes the first answer with the key of `given` that was due and not given.
    fn due_in_place_of(&mut self, given: &AnswerRow) -> Option<AnswerRow> {
        self.left.get_mut(&self.form.key(given))?.pop_front().cloned()
    }
}

type Counts<'a> = HashMap<&'a AnswerRow, usize>;

fn counted(rows: &[AnswerRow]) -> Counts<'_> {
    let mut counts = HashMap::new();
    rows.iter().for_each(|row| *counts.entry(row).or_default() += 1);
    counts
}

/// Returns the answers that are true and not due.
fn beyond<'a>(truth: &'a [AnswerRow], due: &[AnswerRow]) -> Counts<'a> {
    let mut of_due = counted(due);
    let mut beyond = HashMap::new();
    truth.iter().filter(|row| !take(&mut of_due, row)).for_each(|row| *beyond.entry(row).or_default() += 1);
    beyond
}

/// Takes one such row and returns true, if there is one left.
fn take(counts: &mut Counts<'_>, row: &AnswerRow) -> bool {
    match counts.get_mut(row) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}
