//! `scaling`: throughput against the number of workers, a line for each strategy, with the single thread it has to
//! beat, the ideal, and the fitted Universal Scalability Law.

use std::collections::BTreeMap;

use flowbench_measurement::record::FigureSpec;
use flowbench_measurement::repeats::Spread;
use flowbench_measurement::scaling::{Cost, ScalingLaw, ScalingPoint, cost};

use crate::chart::{Axis, Chart, Panel, Point, Series, SeriesStyle, ShadedRange, X};
use crate::compare::{SINGLE_THREAD, is_closed};
use crate::draw::scale::Tick;
use crate::figures::sweep::{medians, mixed_note, repeats_note};
use crate::quantity::{Quantity, three_digits, words};
use crate::select::{Chosen, Selection};
use crate::text::counted;

/// Column drawn if the figure names none.
pub(crate) const THROUGHPUT: &str = "throughput_events_per_s";
/// Number of segments of the curve of a law.
const LAW_STEPS: u32 = 32;

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection, usable_cores: usize) -> Chart {
    let column = spec.y.first().map_or(THROUGHPUT, String::as_str);
    let single = single_thread(selection, column);
    let lines: Vec<Scaled> = (0..selection.groups.len())
        .filter_map(|group| Scaled::of_group(selection, group, column, single, usable_cores))
        .collect();
    let counts = counts(&lines);
    let mut series = Vec::new();
    let middle = single.map(|single| single.median);
    series.extend(ideal(&lines, middle, &counts));
    series.extend(middle.and_then(|single| single_series(single, Quantity::of(column), &counts)));
    series.extend(lines.iter().filter_map(|line| Some(law_series(spec, line, line.law.as_ref()?))));
    for (n, line) in lines.iter().enumerate() {
        let look = SeriesStyle::Nth { colour: line.colour, marker: n, dash: n };
        series.push(Series::new(&line.name, look, line.points.clone()));
    }
    let panel = Panel { log: spec.log_y, ..Panel::new(words(column), Quantity::of(column), series) };
    let x = X::Numbers(axis(spec, &counts, usable_cores));
    let notes = notes(spec, selection, column, &lines, single);
    Chart { notes, ..Chart::new(&spec.name, &spec.question, x, vec![panel]) }
}

/// The scaling behaviour of a strategy.
pub(crate) struct Scaled {
    pub(crate) name: String,
    /// The index of its colour.
    colour: usize,
    /// Throughputs by total workers, with the range of the repeats.
    pub(crate) points: Vec<Point>,
    /// COST relative to the single thread; absent without one.
    pub(crate) cost: Option<Cost>,
    pub(crate) law: Option<ScalingLaw>,
}

impl Scaled {
    /// Fits the law to the medians by total workers.
    pub(crate) fn of(name: String, points: Vec<Point>, single: Option<Spread>, usable_cores: usize) -> Scaled {
        let measured: Vec<ScalingPoint> = (points.iter())
            .map(|point| ScalingPoint { workers: point.x as usize, throughput_events_per_s: point.y })
            .collect();
        // As many workers as it takes for the whole range to lie above that of the single thread.
        let surely: Vec<ScalingPoint> = (points.iter())
            .map(|point| ScalingPoint { workers: point.x as usize, throughput_events_per_s: point.low })
            .collect();
        let cost = single.and_then(|single| cost(&surely, single.high));
        Scaled { name, colour: 0, points, cost, law: ScalingLaw::fit(&measured, Some(usable_cores)) }
    }

    /// Returns how a group scales; absent if it has no case except those of the single thread.
    fn of_group(
        selection: &Selection,
        group: usize,
        column: &str,
        single: Option<Spread>,
        usable_cores: usize,
    ) -> Option<Scaled> {
        let cases = selection.of_group(Some(group)).filter(|case| counts_for(case, column) && !is_single(case));
        let points = medians(cases, column, |case| case.cell("total_workers").number());
        let name = Some(&selection.groups[group]).filter(|name| !name.is_empty());
        let name = name.map_or("all strategies", String::as_str).to_owned();
        let colour = selection.colours[group];
        (!points.is_empty()).then(|| Scaled { colour, ..Scaled::of(name, points, single, usable_cores) })
    }
}

/// Formats a law: `λ 54M events/s, σ 0.06, κ 0.004, peak at 15 workers, typical error 2 %`.
fn law_words(law: &ScalingLaw) -> String {
    let lambda = Quantity::EventsPerSecond.human(law.lambda_events_per_s);
    let peak = law.peak_workers.map_or(String::new(), |peak| format!(", peak at {peak:.0} workers"));
    format!("λ {lambda}, σ {}, κ {}{peak}, typical error {}", parameter(law.sigma), parameter(law.kappa), off(law))
}

/// Formats the typical relative error of a law.
pub(crate) fn off(law: &ScalingLaw) -> String {
    // Less than a thousandth is no difference that anything measured.
    Quantity::Share.human((law.residual_rms * 1e3).round() / 1e3)
}

/// Formats a parameter of a law to four decimal places.
pub(crate) fn parameter(value: f64) -> String {
    if value < 5e-5 { "0".to_owned() } else { three_digits((value * 1e4).round() / 1e4) }
}

/// Returns true if the column of a case says something about scaling; the throughput of an open loop is the offered
/// rate.
fn counts_for(case: &Chosen, column: &str) -> bool {
    column != THROUGHPUT || is_closed(case.record)
}

fn is_single(case: &Chosen) -> bool {
    case.record.axes.strategy == SINGLE_THREAD
}

fn single_thread(selection: &Selection, column: &str) -> Option<Spread> {
    let cases = selection.cases.iter().filter(|case| counts_for(case, column) && is_single(case));
    Spread::of(&cases.filter_map(|case| case.cell(column).number()).collect::<Vec<_>>())
}

/// Returns the measured numbers of workers in ascending order.
fn counts(lines: &[Scaled]) -> Vec<f64> {
    let mut counts: Vec<f64> = lines.iter().flat_map(|line| &line.points).map(|point| point.x).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    counts
}

/// Returns the line of linear scaling, up to the highest measured throughput.
fn ideal(lines: &[Scaled], single: Option<f64>, counts: &[f64]) -> Option<Series> {
    let (single, most) = (single?, *counts.last()?);
    let top = lines.iter().flat_map(|line| &line.points).map(|point| point.high).fold(single, f64::max);
    let end = (top / single).min(most);
    let points = vec![Point::exact(1.0, single), Point::exact(end, single * end)];
    let (look, words) = (SeriesStyle::Ideal, format!("ideal: {SINGLE_THREAD} × workers"));
    (end > 1.0).then(|| auxiliary("ideal", look, look, &words, points))
}

fn single_series(single: f64, quantity: Quantity, counts: &[f64]) -> Option<Series> {
    let (least, most) = (*counts.first()?, *counts.last()?);
    let points = vec![Point::exact(least.min(1.0), single), Point::exact(most, single)];
    let words = format!("{SINGLE_THREAD}: {}", quantity.human(single));
    Some(auxiliary(SINGLE_THREAD, SeriesStyle::Single, SeriesStyle::Single, &words, points))
}

/// Returns a series that the key explains by its style.
fn auxiliary(name: &str, look: SeriesStyle, in_key: SeriesStyle, words: &str, points: Vec<Point>) -> Series {
    let key = Some((in_key, words.to_owned()));
    Series { legend: String::new(), key, ..Series::new(name, look, points) }
}

/// Returns the curve of a law over the measured range, in the colour of its line.
fn law_series(spec: &FigureSpec, line: &Scaled, law: &ScalingLaw) -> Series {
    let ends = line.points.first().zip(line.points.last());
    let (least, most) = ends.map_or((1.0, 1.0), |(first, last)| (first.x, last.x));
    let step = |step: u32| {
        let along = f64::from(step) / f64::from(LAW_STEPS);
        let workers = if spec.log_x { least * (most / least).powf(along) } else { least + along * (most - least) };
        Point::exact(workers, law.throughput_events_per_s(workers))
    };
    let look = SeriesStyle::Law(Some(line.colour));
    let points = (0..=LAW_STEPS).map(step).collect();
    auxiliary(&format!("{}, law", line.name), look, SeriesStyle::Law(None), "Universal Scalability Law", points)
}

fn axis(spec: &FigureSpec, counts: &[f64], usable_cores: usize) -> Axis {
    let crowded = counts.last().is_some_and(|most| *most > usable_cores as f64);
    let shade = crowded.then(|| ShadedRange {
        from: usable_cores as f64,
        words: format!("more workers than the {} of this machine", counted(usable_cores, "core")),
    });
    Axis {
        title: words("total_workers"),
        column: "total_workers".to_owned(),
        quantity: Quantity::Count,
        log: spec.log_x,
        ticks: counts.iter().map(|count| Tick { value: *count, label: count.to_string() }).collect(),
        shade,
    }
}

fn notes(
    spec: &FigureSpec,
    selection: &Selection,
    column: &str,
    lines: &[Scaled],
    single: Option<Spread>,
) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(cost_note(lines, single));
    notes.extend(law_notes(lines));
    notes.extend(warnings_note(lines));
    notes.extend(repeats_note(&selection.cases));
    let by: Vec<&str> = spec.by.iter().map(String::as_str).chain(["total_workers"]).collect();
    notes.extend(mixed_note(&selection.cases, &by));
    let offered = selection.cases.iter().filter(|case| !counts_for(case, column)).count();
    if offered > 0 {
        let offered = counted(offered, "measurement");
        notes.push(format!("{offered} of an open loop not drawn: its throughput is the offered rate."));
    }
    notes
}

/// Returns a note on the COST of each strategy, grouped by COST.
fn cost_note(lines: &[Scaled], single: Option<Spread>) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let Some(single) = single else {
        return Some(format!("No `{SINGLE_THREAD}` case here: there is no baseline to beat."));
    };
    let once = single.repeats == 1 || lines.iter().flat_map(|line| &line.points).any(|point| point.repeats == 1);
    let known = if once { " (measured only once, so possibly by chance)" } else { "" };
    let mut names: BTreeMap<(usize, usize, String), Vec<&str>> = BTreeMap::new();
    for line in lines {
        let Some(cost) = line.cost else { continue };
        let order = match cost {
            Cost::Workers(workers) => (0, workers),
            Cost::Never { up_to } => (1, up_to),
        };
        names.entry((order.0, order.1, cost.to_string())).or_default().push(&line.name);
    }
    let costs: Vec<String> = names.iter().map(|((.., cost), names)| format!("{cost} ({})", names.join(", "))).collect();
    Some(format!("COST, the smallest number of workers that beats {SINGLE_THREAD}{known}: {}.", costs.join("; ")))
}

/// Returns notes with the law and its parameters for each line.
fn law_notes(lines: &[Scaled]) -> Vec<String> {
    let law = "Universal Scalability Law, λN / (1 + σ(N−1) + κN(N−1)) for N workers:".to_owned();
    let of_line = |line: &Scaled| Some(format!("{}: {}.", line.name, law_words(line.law.as_ref()?)));
    let laws: Vec<String> = lines.iter().filter_map(of_line).collect();
    if laws.is_empty() { laws } else { [vec![law], laws].concat() }
}

/// Returns a note on the reasons to distrust the laws, each with the strategies it applies to.
pub(crate) fn warnings_note(lines: &[Scaled]) -> Option<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    let laws: Vec<(&str, &ScalingLaw)> =
        lines.iter().filter_map(|line| Some((line.name.as_str(), line.law.as_ref()?))).collect();
    for (name, law) in &laws {
        for warning in &law.warnings {
            match reasons.iter_mut().find(|(reason, _)| reason == warning) {
                Some((_, names)) => names.push(name),
                None => reasons.push((warning, vec![name])),
            }
        }
    }
    let reasons: Vec<String> = (reasons.iter())
        .map(|(reason, names)| match names.len() == laws.len() {
            true => (*reason).to_owned(),
            false => format!("{reason} ({})", names.join(", ")),
        })
        .collect();
    (!reasons.is_empty()).then(|| format!("Caution with the fitted law: {}.", reasons.join("; ")))
}
