//! `heat-map`: one column over a grid of choices, such as pipelines by strategies. A cell with several
//! cases shows the best; below its number it may have a word, such as the memory verdict.

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{CaseRecord, FigureSpec, Verdict};

use crate::Results;
use crate::chart::{Better, Chart, Choices, ChosenValue, Mark, Panel, Point, Series, SeriesStyle, X};
use crate::compare::{SINGLE_THREAD, speed_up_spread};
use crate::figures::sweep::{medians, mixed_axes, unmeasured_notes, with_x};
use crate::quantity::{Quantity, more_is_better, scatters, words};
use crate::select::{Cells, Chosen, Selection, group_name, readable, value_name};
use crate::tables::is_exact;

/// Column of the memory verdict.
const VERDICT: &str = "growth_verdict";

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection, results: &Results) -> Chart {
    let grid = Grid::of(spec, selection);
    let column = value_column(spec);
    let mut chosen = BTreeMap::new();
    let mut series = Vec::new();
    for (r, row) in grid.rows.iter().enumerate() {
        let mut points = Vec::new();
        for c in 0..grid.columns.len() {
            let best = grid.best(r, c);
            points.extend(best.as_ref().map(|best| Point { x: c as f64, ..best.point }));
            if best.is_some() || grid.only_failed(r, c) {
                chosen.insert((row.clone(), c), best.map(|best| grid.choice(&best, results)));
            }
        }
        let look = SeriesStyle::Nth { colour: 0, marker: 0, dash: 0 };
        series.push(Series::new(row, look, points));
    }
    let names = grid.columns.iter().map(|cell| value_name(&spec.x, cell).unwrap_or_default()).collect();
    let mark = Mark::Cell(better(spec));
    let word_column = (!spec.words.is_empty()).then(|| spec.words.clone());
    let mut notes = grid.notes();
    notes.extend(unmeasured_notes(&selection.cases, spec));
    let x = X::Names { column: spec.x.clone(), names, mark };
    let panel = Panel::new(words(column), Quantity::of(column), series);
    let choices = Some(Choices { column: "case".to_owned(), word_column, chosen });
    Chart { choices, notes, ..Chart::new(&spec.name, &spec.question, x, vec![panel]) }
}

fn better(spec: &FigureSpec) -> Better {
    let column = value_column(spec);
    Better { more_is_better: more_is_better(column), scatters: scatters(column) }
}

/// Returns the column that the cells show.
fn value_column(spec: &FigureSpec) -> &str {
    spec.y.first().map_or("", String::as_str)
}

/// The cases arranged by row and column.
struct Grid<'a> {
    spec: &'a FigureSpec,
    rows: Vec<String>,
    columns: Vec<Cell>,
    /// Measured cases by row and column; an empty list if all have failed.
    cells: BTreeMap<(usize, usize), Vec<&'a Chosen<'a>>>,
    /// Axes in which cases of one cell differ.
    differ: BTreeSet<&'static str>,
    /// Maximum number of repeats of a choice.
    repeats: usize,
}

/// The best case of a cell.
struct Best<'a> {
    point: Point,
    case: &'a Chosen<'a>,
    repeats: Vec<&'a CaseRecord>,
    /// What the words of the figure say of its repeats; empty if there are none.
    word: String,
}

impl<'a> Grid<'a> {
    fn of(spec: &'a FigureSpec, selection: &'a Selection<'a>) -> Grid<'a> {
        let measured = selection.cases.iter().map(|case| (case.record, &case.cells, Some(case)));
        let without = selection.without.iter().map(|(record, cells)| (*record, cells, None));
        let mut cases: Vec<_> = measured.chain(without).collect();
        cases.sort_by_key(|(record, ..)| (record.case, record.repeat));
        let places: Vec<(String, Cell)> = cases.iter().map(|(_, cells, _)| place(spec, cells)).collect();
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        for (row, column) in &places {
            push_new(&mut rows, row);
            push_new(&mut columns, column);
        }
        if columns.iter().all(|column| column.number().is_some()) {
            columns.sort_by(|a, b| a.number().unwrap_or(0.0).total_cmp(&b.number().unwrap_or(0.0)));
        }
        let mut cells: BTreeMap<(usize, usize), Vec<&Chosen>> = BTreeMap::new();
        for ((row, column), (.., chosen)) in places.iter().zip(cases) {
            let at = rows.iter().position(|known| known == row).zip(columns.iter().position(|known| known == column));
            at.into_iter().for_each(|at| cells.entry(at).or_default().extend(chosen));
        }
        cells.values_mut().for_each(|of_cell| of_cell.sort_by_key(|case| (case.choice, case.record.case)));
        let differ = mixed_axes(&selection.cases, &with_x(spec));
        Grid { spec, rows, columns, cells, differ, repeats: selection.repeats() }
    }

    /// Returns the case with the best median, the first one among equals.
    fn best(&self, row: usize, column: usize) -> Option<Best<'a>> {
        let shown = value_column(self.spec);
        let sign = if better(self.spec).more_is_better { 1.0 } else { -1.0 };
        let of_cell = self.cells.get(&(row, column))?;
        let bests = of_cell.chunk_by(|a, b| a.choice == b.choice).filter_map(|repeats| {
            let point = *medians(repeats.iter().copied(), shown, |_| Some(0.0)).first()?;
            let word = word_of(&self.spec.words, repeats);
            Some(Best { point, case: repeats[0], repeats: repeats.iter().map(|case| case.record).collect(), word })
        });
        bests.reduce(|best, other| if sign * other.point.y > sign * best.point.y { other } else { best })
    }

    /// Returns true if cases were run here and none has numbers.
    fn only_failed(&self, row: usize, column: usize) -> bool {
        self.cells.get(&(row, column)).is_some_and(Vec::is_empty)
    }

    fn choice(&self, best: &Best, results: &Results) -> ChosenValue {
        let of_choice = |column: &&'static str| short(column, best.case.cell(column));
        let words: Vec<String> = self.differ.iter().filter_map(of_choice).collect();
        ChosenValue {
            raw: best.case.record.case as f64,
            words: words.join(" "),
            word: best.word.clone(),
            undecided: self.is_undecided(best, results),
            loses_answers: self.loses_answers(best),
        }
    }

    /// Returns true if the answers of a case differ from the truth, unless that is what the figure is about.
    fn loses_answers(&self, best: &Best) -> bool {
        let numbers = || best.repeats.iter().filter_map(|case| case.numbers.as_ref());
        scatters(value_column(self.spec)) && numbers().any(|numbers| !is_exact(numbers))
    }

    /// Returns true if a speed-up is not known to differ from 1: the ranges of the case and of the single thread overlap.
    fn is_undecided(&self, best: &Best, results: &Results) -> bool {
        if value_column(self.spec) != "speed_up" || best.case.record.axes.strategy == SINGLE_THREAD {
            return false;
        }
        let spread = speed_up_spread(results, &best.repeats);
        spread.is_some_and(|spread| spread.repeats > 1 && spread.low <= 1.0 && 1.0 <= spread.high)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.repeats {
            1 if better(self.spec).scatters => {
                notes.push("Each case was measured only once, so the best in a row is not known.".to_owned());
            }
            2.. => notes.push("Medians of the repeats; where their ranges overlap, none is marked as best.".to_owned()),
            _ => {}
        }
        if !self.differ.is_empty() {
            let names: Vec<&str> = self.differ.iter().copied().collect();
            let key = match (self.differ.contains("workers"), self.differ.contains("processes")) {
                (true, true) => " (2w is 2 workers of each process, 2p is 2 processes)",
                (true, false) => " (2w is 2 workers)",
                (false, true) => " (2p is 2 processes)",
                (false, false) => "",
            };
            notes.push(format!(
                "Cases that differ in {} share a cell: it shows the best one and, below it, which one that is{key}.",
                names.join(", ")
            ));
        }
        notes.extend(self.note_on_words());
        notes
    }

    /// Returns a note that says what the words in the cells are.
    fn note_on_words(&self) -> Option<String> {
        let column = Some(words(&self.spec.words)).filter(|words| !words.is_empty())?;
        let of_repeats = match self.spec.words == VERDICT {
            _ if self.repeats < 2 => "",
            true => "; where repeats disagree, the worst",
            false => "; where repeats disagree, the most frequent",
        };
        Some(format!("The word in a cell: {column}{of_repeats}."))
    }
}

/// Returns the word of the repeats of one case: the worst memory verdict, and of other columns the most frequent word,
/// the first one among equals. Empty if the column is empty.
fn word_of(column: &str, repeats: &[&Chosen]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for word in repeats.iter().map(|case| case.cell(column).to_string()).filter(|word| !word.is_empty()) {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let rank = |(word, count): &(String, usize)| match (column, word.as_str()) {
        (VERDICT, word) => badness(word),
        _ => *count,
    };
    let worst = counts.into_iter().reduce(|worst, other| if rank(&other) > rank(&worst) { other } else { worst });
    worst.map_or_else(String::new, |(word, _)| word)
}

/// Returns how bad a memory verdict is, higher for worse ones.
fn badness(verdict: &str) -> usize {
    [Verdict::Bounded, Verdict::Inconclusive, Verdict::Growing]
        .iter()
        .position(|known| known.word() == verdict)
        .unwrap_or(0)
}

/// Returns the row and the column of a case.
fn place(spec: &FigureSpec, cells: &Cells) -> (String, Cell) {
    (group_name(cells, &spec.by), cells.get(spec.x.as_str()).cloned().unwrap_or(Cell::Empty))
}

fn push_new<T: PartialEq + Clone>(list: &mut Vec<T>, value: &T) {
    if !list.contains(value) {
        list.push(value.clone());
    }
}

/// Abbreviates a choice to stand below a value.
fn short(column: &str, cell: &Cell) -> Option<String> {
    match (column, cell) {
        ("workers", workers) => Some(format!("{workers}w")),
        ("processes", Cell::Integer(1)) | (_, Cell::Empty) => None,
        ("processes", processes) => Some(format!("{processes}p")),
        (column, cell) => Some(readable(column, cell)),
    }
}
