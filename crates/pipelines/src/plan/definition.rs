//! What a file says: parameters, stages and columns, read and not yet checked against each other.

use std::ops::Range;
use std::sync::Arc;

use flowbench_events::{Problems, SourceText, did_you_mean_or_list};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, Formula, NamedFormula, Text};
use super::expression::types::Type;

/// How many stages a file has at most.
const STAGES_MAX: usize = 64;

/// A file as it was written.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) source: Arc<SourceText>,
    pub(super) question: String,
    pub(super) notes: String,
    /// The question in SQL, for readers and for tests.
    pub(super) sql: String,
    pub(super) parameters: Vec<Declared>,
    pub(super) stages: Vec<Stage>,
}

/// A parameter.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) place: Range<usize>,
    pub(super) of: Type,
    pub(super) default: Text,
    pub(super) meaning: String,
}

/// A stage, and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) place: Range<usize>,
    pub(super) what: StageKind,
}

/// What a stage does.
#[derive(Debug, Clone)]
pub(super) enum StageKind {
    /// Lets through what a condition is true of.
    Filter(Formula),
    /// Adds names.
    Map(Vec<NamedFormula>),
    /// Says what belongs together.
    Key(Vec<NamedFormula>),
    /// Aggregates of all events of a key so far, at each event.
    Running(Vec<NamedFormula>),
    /// The number of events of a key in the last `within`, at each event.
    CountIn { within: Text, name: Text },
    /// Aggregates of windows that follow each other.
    Tumble { size: Text, timezone: Option<Text>, compute: Vec<NamedFormula> },
    /// Aggregates of windows that overlap.
    Hop { size: Text, slide: Text, compute: Vec<NamedFormula> },
    /// Aggregates of stretches without a pause longer than `gap`.
    Session { gap: Text, compute: Vec<NamedFormula> },
    /// The best of each window by an aggregate, among those with the same parts `per` of the key.
    TopK { k: Text, by: Text, per: Vec<Text> },
    /// How far a key has come on a way of several steps, at each step.
    Sequence { steps: Vec<Formula>, within: Text },
    /// An answer for each event of which `first` is true, at most `within` before one of which `then` is.
    Match { within: Text, first: Box<Formula>, then: Box<Formula>, keep: Vec<NamedFormula>, once: bool },
    /// An answer if `ends` does not happen within `limit` of `starts`, or on the same day of a time zone.
    Absence { limit: Text, timezone: Option<Text>, starts: Box<Formula>, ends: Box<Formula> },
    /// The columns of the answers.
    Emit(Vec<NamedFormula>),
}

/// The stages, each with the keys that may stand beside its name.
const STAGES: [(&str, &[&str]); 13] = [
    ("filter", &[]),
    ("map", &[]),
    ("key", &[]),
    ("running", &[]),
    ("count_in", &["as"]),
    ("tumble", &["compute", "timezone"]),
    ("hop", &["slide", "compute"]),
    ("session", &["compute"]),
    ("top_k", &["by", "per"]),
    ("sequence", &["within"]),
    ("match", &["first", "then", "keep", "once"]),
    ("absence", &["starts", "ends", "timezone"]),
    ("emit", &[]),
];

/// Reads a file.
///
/// # Errors
///
/// Everything that is wrong with its form.
pub(super) fn read(source: &Arc<SourceText>) -> Result<Definition, Problems> {
    let mut document = Document::new(source);
    let table = document.parsed(&source.text);
    let table = table.get_ref();
    document.check_keys(table, &["question", "notes", "sql", "parameters", "stage"], "a pipeline");
    let heading = heading(table, &mut document);
    let stages = stages(table, &mut document);
    Problems::check(document.problems)?;
    Ok(heading.with(source, stages))
}

/// What a file says before its stages.
pub(super) struct Heading {
    question: String,
    notes: String,
    sql: String,
    pub(super) parameters: Vec<Declared>,
}

impl Heading {
    /// Returns the definition with these stages.
    pub(super) fn with(self, source: &Arc<SourceText>, stages: Vec<Stage>) -> Definition {
        let Heading { question, notes, sql, parameters } = self;
        Definition { source: source.clone(), question, notes, sql, parameters, stages }
    }
}

/// Reads what a file says before its stages.
pub(super) fn heading(table: &DeTable<'_>, document: &mut Document) -> Heading {
    let mut about = |key: &str| {
        let text = table.get(key).and_then(|value| document.text(value, "a sentence in quotes"));
        text.map(|text| text.text).unwrap_or_default()
    };
    let (question, notes, sql) = (about("question"), about("notes"), about("sql"));
    Heading { question, notes, sql, parameters: parameters(table, document) }
}

fn parameters(table: &DeTable<'_>, document: &mut Document) -> Vec<Declared> {
    let Some(value) = table.get("parameters") else { return Vec::new() };
    let DeValue::Table(parameters) = value.get_ref() else {
        document.problem(value.span(), "parameters are a table; write [parameters] and one on each line");
        return Vec::new();
    };
    // In the order in which they are written.
    let mut entries: Vec<_> = parameters.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries.into_iter().filter_map(|(name, value)| parameter(name.get_ref(), name.span(), value, document)).collect()
}

fn parameter(
    name: &str,
    place: Range<usize>,
    value: &Spanned<DeValue<'_>>,
    document: &mut Document,
) -> Option<Declared> {
    let DeValue::Table(table) = value.get_ref() else {
        let message = "a parameter is a table; write { type = \"money\", default = \"500\", meaning = \"...\" }";
        document.problem(value.span(), message);
        return None;
    };
    document.check_keys(table, &["type", "default", "meaning"], "a parameter");
    let of = table.get("type").and_then(|value| Some((document.text(value, "\"money\"")?, value.span())));
    let of = of.and_then(|(text, place)| {
        let of = Type::from_name(&text.text);
        if of.is_none() {
            let hint = did_you_mean_or_list(&text.text, Type::OF_PARAMETERS.map(Type::name));
            document.problem(place, &format!("there is no type '{}'{hint}", text.text));
        }
        of
    });
    let default = table.get("default").and_then(|value| document.text(value, "the default in quotes"));
    let meaning = table.get("meaning").and_then(|value| document.text(value, "a sentence in quotes"));
    for key in ["type", "default"].into_iter().filter(|key| !table.contains_key(*key)) {
        document.problem(place.clone(), &format!("the parameter '{name}' has no {key}; give it one"));
    }
    let meaning = meaning.map(|text| text.text).unwrap_or_default();
    Some(Declared { name: name.to_owned(), place, of: of?, default: default?, meaning })
}

fn stages(table: &DeTable<'_>, document: &mut Document) -> Vec<Stage> {
    let Some(value) = table.get("stage") else {
        document.problem(0..0, "there are no stages; write [[stage]] and what it does, at least emit = [...]");
        return Vec::new();
    };
    let DeValue::Array(list) = value.get_ref() else {
        document.problem(value.span(), "stages are a list; write [[stage]] for each");
        return Vec::new();
    };
    if list.len() > STAGES_MAX {
        document.problem(list[STAGES_MAX].span(), &format!("there are more than {STAGES_MAX} stages"));
        return Vec::new();
    }
    list.iter().filter_map(|value| stage(value, document)).collect()
}

fn stage(value: &Spanned<DeValue<'_>>, document: &mut Document) -> Option<Stage> {
    let DeValue::Table(table) = value.get_ref() else {
        document.problem(value.span(), "a stage is a table; write [[stage]] and what it does");
        return None;
    };
    let named: Vec<&(&str, &[&str])> = STAGES.iter().filter(|(name, _)| table.contains_key(*name)).collect();
    let (name, beside) = match named[..] {
        [one] => one,
        [] => {
            no_stage(value, table, document);
            return None;
        }
        [(one, _), (other, _), ..] => {
            let message = format!("this stage is both {one} and {other}; write [[stage]] before each");
            document.problem(value.span(), &message);
            return None;
        }
    };
    let known: Vec<&str> = [*name].into_iter().chain(beside.iter().copied()).collect();
    document.check_keys(table, &known, &format!("the stage {name}"));
    let place = table.keys().find(|key| key.get_ref() == name).map_or(value.span(), Spanned::span);
    Some(Stage { place, what: kind(name, table, document)? })
}

fn no_stage(value: &Spanned<DeValue<'_>>, table: &DeTable<'_>, document: &mut Document) {
    let names = STAGES.map(|(name, _)| name);
    let Some(first) = table.keys().min_by_key(|key| key.span().start) else {
        let message = format!("this stage does nothing{}", did_you_mean_or_list("", names));
        return document.problem(value.span(), &message);
    };
    let name = first.get_ref();
    document.problem(first.span(), &format!("there is no stage '{name}'{}", did_you_mean_or_list(name, names)));
}

fn kind(name: &str, table: &DeTable<'_>, document: &mut Document) -> Option<StageKind> {
    let value = table.get(name)?;
    let mut list = |value, needed| -> Vec<NamedFormula> {
        let texts = document.texts(value, needed);
        texts.into_iter().filter_map(|text| document.named(text)).collect()
    };
    Some(match name {
        "map" => StageKind::Map(list(value, "\"name = expression\"")),
        "key" => StageKind::Key(list(value, "\"customer\"")),
        "running" => StageKind::Running(list(value, "\"spent = sum(value)\"")),
        "emit" => StageKind::Emit(list(value, "\"customer\"")),
        "filter" => {
            let text = document.text(value, "a condition in quotes")?;
            StageKind::Filter(document.formula(text)?)
        }
        "count_in" => {
            let within = document.text(value, "\"24h\"");
            let name = table.get("as").map(|value| document.text(value, "\"n\""));
            let default = || Text::of("n", value.span());
            StageKind::CountIn { within: within?, name: name.unwrap_or_else(|| Some(default()))? }
        }
        "session" => {
            let compute = computed(table, value, document);
            StageKind::Session { gap: document.text(value, "\"30min\"")?, compute }
        }
        "hop" => {
            let compute = computed(table, value, document);
            let size = document.text(value, "\"1h\"");
            let slide = beside("slide", "\"10min\"", table, value, document);
            StageKind::Hop { size: size?, slide: slide?, compute }
        }
        "top_k" => {
            let k = document.whole_number(value, "10");
            let by = beside("by", "\"orders\"", table, value, document);
            let per = table.get("per").map(|value| document.texts(value, "\"country\"")).unwrap_or_default();
            StageKind::TopK { k: k?, by: by?, per }
        }
        "sequence" => {
            let texts = document.texts(value, "\"kind == 'page_viewed'\"");
            let within = beside("within", "\"7d\"", table, value, document);
            let steps = texts.into_iter().filter_map(|text| document.formula(text)).collect();
            StageKind::Sequence { steps, within: within? }
        }
        "match" => {
            let keep = table.get("keep").map(|value| list(value, "\"dispatched = event_time\"")).unwrap_or_default();
            let within = document.text(value, "\"7d\"");
            let [first, then] = ["first", "then"].map(|key| condition(key, table, value, document));
            let once = table.get("once").is_some_and(|value| document.flag(value));
            StageKind::Match { within: within?, first: first?.into(), then: then?.into(), keep, once }
        }
        "absence" => {
            let limit = document.text(value, "\"48h\", or \"day\" for the end of the day");
            let timezone = timezone(table, document);
            let [starts, ends] = ["starts", "ends"].map(|key| condition(key, table, value, document));
            StageKind::Absence { limit: limit?, timezone: timezone?, starts: starts?.into(), ends: ends?.into() }
        }
        _ => {
            let compute = computed(table, value, document);
            let size = document.text(value, "\"1h\", or \"day\" for calendar days");
            StageKind::Tumble { size: size?, timezone: timezone(table, document)?, compute }
        }
    })
}

/// Returns the time zone of a stage if one is given; `None` if it is no text, which is noted.
fn timezone(table: &DeTable<'_>, document: &mut Document) -> Option<Option<Text>> {
    match table.get("timezone") {
        None => Some(None),
        Some(value) => document.text(value, "\"Europe/London\"").map(Some),
    }
}

/// Returns the text of a key that must stand beside that of the stage.
fn beside(
    key: &str,
    needed: &str,
    table: &DeTable<'_>,
    stage: &Spanned<DeValue<'_>>,
    document: &mut Document,
) -> Option<Text> {
    match table.get(key) {
        Some(value) => document.text(value, needed),
        None => {
            document.problem(stage.span(), &format!("this stage has no {key}; give it {key} = {needed}"));
            None
        }
    }
}

/// Returns the condition of a key that must stand beside that of the stage.
fn condition(key: &str, table: &DeTable<'_>, stage: &Spanned<DeValue<'_>>, document: &mut Document) -> Option<Formula> {
    let text = beside(key, "a condition in quotes", table, stage, document)?;
    document.formula(text)
}

/// Returns what a window computes.
fn computed(table: &DeTable<'_>, stage: &Spanned<DeValue<'_>>, document: &mut Document) -> Vec<NamedFormula> {
    let Some(value) = table.get("compute") else {
        document.problem(stage.span(), "a window has nothing to say; give it compute = [\"orders = count()\"]");
        return Vec::new();
    };
    let texts = document.texts(value, "\"orders = count()\"");
    texts.into_iter().filter_map(|text| document.named(text)).collect()
}
