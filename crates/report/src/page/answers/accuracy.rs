//! Which choices lose no answer, and what the others lose.

use std::collections::BTreeMap;

use super::choice::Choice;
use super::contest::{Contest, rows_are};
use super::said::{Said, joined, median_of, strong, uncapitalised};
use crate::quantity::{Quantity, scatters};

/// Maximum number of contenders whose losses are named one by one.
const NAMED: usize = 4;

/// Returns true for a column that says how many answers are right.
pub(super) fn is_accuracy(column: &str) -> bool {
    !scatters(column)
        && ["completeness", "missing", "spurious", "wrong", "lost_answers"].iter().any(|name| column.starts_with(name))
}

/// What a contender loses, row by row.
struct Losses {
    name: String,
    /// Rows and what is lost there.
    losses: Vec<(String, f64)>,
}

/// Says which contenders are exact, what the others lose, and which of the exact ones has the least of `cost`.
pub(super) fn said<'a>(choices: &'a [Choice<'a>], rows: &[&str], contenders: &[&str], cost: Option<&'a str>) -> Said {
    let mut all: Vec<Losses> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for choice in choices {
        let name = choice.name(contenders);
        let place = *places.entry(name.clone()).or_insert(all.len());
        if place == all.len() {
            all.push(Losses { name, losses: Vec::new() });
        }
        all[place].losses.push((choice.name(rows), choice.loss()));
    }
    let (exact, lossy): (Vec<Losses>, Vec<Losses>) = all.into_iter().partition(Losses::is_exact);
    let mut sentences = vec![exact_words(&exact, &lossy)];
    sentences.extend(lossy_words(&lossy, &rows_are(rows)));
    let mut said = Said { sentences, ..Said::default() };
    if let Some(cost) = cost.filter(|_| !exact.is_empty()) {
        said.add(cheapest(choices, rows, contenders, cost));
    }
    said
}

impl Losses {
    fn is_exact(&self) -> bool {
        self.losses.iter().all(|(_, loss)| *loss == 0.0)
    }

    fn mean(&self) -> f64 {
        self.losses.iter().map(|(_, loss)| *loss).sum::<f64>() / self.losses.len() as f64
    }

    /// Returns the middle of what is lost where anything is.
    fn typical(&self) -> f64 {
        median_of(self.losses.iter().map(|(_, loss)| *loss).filter(|loss| *loss > 0.0)).unwrap_or(0.0)
    }
}

fn exact_words(exact: &[Losses], lossy: &[Losses]) -> String {
    let names: Vec<String> = exact.iter().map(|one| strong(&one.name)).collect();
    match (names.as_slice(), lossy.len()) {
        ([], 0) => "There is nothing to compare".to_owned(),
        ([], _) => "No choice always gives exactly the true answers".to_owned(),
        ([_], 0) => "The answers are exactly the true ones".to_owned(),
        (_, 0) => "Every choice gives exactly the true answers".to_owned(),
        ([only], _) => format!("Only {only} gives exactly the true answers"),
        (few, _) if few.len() <= NAMED => format!("{} give exactly the true answers", joined(few)),
        (many, lossy) => format!("{} of {} choices give exactly the true answers", many.len(), many.len() + lossy),
    }
}

/// Says what those that are not exact lose, the least first; those that lose the same together.
fn lossy_words(lossy: &[Losses], rows_are: &str) -> Option<String> {
    let mut lossy: Vec<&Losses> = lossy.iter().collect();
    lossy.sort_by(|a, b| a.mean().total_cmp(&b.mean()));
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for one in lossy {
        let words = one.loses(rows_are);
        match told.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(one.name.clone()),
            None => told.push((words, vec![one.name.clone()])),
        }
    }
    let more: usize = told.iter().skip(NAMED).map(|(_, names)| names.len()).sum();
    let mut words: Vec<String> =
        told.iter().take(NAMED).map(|(words, names)| format!("{}: {words}", joined(names))).collect();
    if more > 0 {
        words.push(format!("{more} more lose as much or more"));
    }
    (!words.is_empty()).then(|| words.join("; "))
}

impl Losses {
    /// Returns `exact for sessions, else typically 32 % lost`.
    fn loses(&self, rows_are: &str) -> String {
        let exact: Vec<String> =
            self.losses.iter().filter(|(_, loss)| *loss == 0.0).map(|(row, _)| row.clone()).collect();
        let loss = Quantity::Share.human(self.typical());
        match (self.losses.len() - exact.len(), exact.len()) {
            (1, 0) => format!("{loss} of the answers lost"),
            (_, 0) => format!("typically {loss} of the answers lost"),
            (lossy, few) if few <= 2 => {
                format!("exact for {}, else {}{loss} lost", joined(&exact), if lossy > 1 { "typically " } else { "" })
            }
            (lossy, few) => format!("exact for {few} of {} {rows_are}, else typically {loss} lost", lossy + few),
        }
    }
}

/// Says which of the exact ones costs least.
fn cheapest<'a>(choices: &'a [Choice<'a>], rows: &[&str], contenders: &[&str], cost: &'a str) -> Said {
    let contest = Contest::of(choices, rows, contenders, cost);
    let mut said = contest.said();
    if let Some(first) = said.sentences.first_mut() {
        *first = format!("Of what is exact, {}", uncapitalised(first));
    }
    said
}
