//! Rules: an event when a condition is true of an event of a feed, written in a file and taken up while the session runs.
//!
//! Decision D-445.

mod rule;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowbench_events::{did_you_mean_or_list, line_and_column};
use flowbench_live::{CursorsByName, EventSink, FeedList, check_emitted_type, is_stopped_within, wait_for_receipts};
use flowbench_pipelines::plan::RowCondition;
use serde::{Deserialize, Serialize};

pub use self::rule::RuleState;
use self::rule::{Rule, RuleText, cursor_name};

/// What is shown of all rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RulesState {
    /// The rules that run.
    pub rules: Vec<RuleState>,
    /// Why the file as it is now is not taken up; the rules before go on.
    pub problem: Option<String>,
}

/// Rules that run.
pub(super) struct RunningRules {
    state: Arc<Mutex<RulesState>>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// The file of rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    rule: Vec<RuleText>,
}

/// The columns of the answers in a feed, where they are known.
type FeedColumns = BTreeMap<String, &'static [&'static str]>;

/// The attributes that an answer has beside its columns.
const ATTRIBUTES: [&str; 8] = ["id", "source", "type", "time", "sequence", "change", "hops", "specversion"];
/// A file of rules, in bytes at most.
const FILE_BYTES_MAX: usize = 256 << 10;
/// Rules at most.
const RULES_MAX: usize = 100;
/// How often the file is looked at, and the cursors are kept.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// How long rules rest when there is nothing to do.
const REST: Duration = Duration::from_millis(20);

/// Starts the rules of a file. `sink` takes what they emit, and `cursors` is the file that keeps how far they have come. They
/// begin when `is_ready` returns true: when the feeds have again what cursors from before lead to.
///
/// # Errors
///
/// Fails if the file cannot be read or a rule is wrong, or the system has no thread to give.
pub(super) fn start_rules(
    path: &Path,
    cursors: PathBuf,
    feeds: Arc<FeedList>,
    columns: FeedColumns,
    sink: EventSink,
    is_ready: impl Fn() -> bool + Send + 'static,
) -> Result<RunningRules, String> {
    let cursors = CursorsByName::open(cursors, "rules").map_err(|error| error.to_string())?;
    let mut rules = Rules {
        path: path.to_owned(),
        known: cursors.cursors().clone(),
        cursors,
        feeds,
        columns,
        sink,
        text: String::new(),
        rules: Vec::new(),
        leaving: Vec::new(),
        problem: None,
    };
    rules.take_up()?;
    let state = Arc::new(Mutex::new(rules.state()));
    let (shown, (stop, stopped)) = (Arc::clone(&state), mpsc::channel());
    let is_early = !is_ready();
    let run = move || {
        while !is_ready() {
            if is_stopped_within(&stopped, REST) {
                return;
            }
        }
        if is_early {
            rules.begin();
        }
        // Where new rules begin is kept before any of them emits.
        rules.keep_cursors();
        let mut refreshed = Instant::now();
        loop {
            let worked = rules.run();
            if refreshed.elapsed() >= REFRESH_EVERY {
                refreshed = Instant::now();
                rules.problem = rules.take_up().err();
                rules.keep_cursors();
            }
            *shown.lock().unwrap_or_else(PoisonError::into_inner) = rules.state();
            let rest = if worked { Duration::ZERO } else { REST };
            if is_stopped_within(&stopped, rest) {
                break;
            }
        }
        wait_for_receipts(|| rules.is_waiting());
        rules.keep_cursors();
    };
    let thread = thread::Builder::new().name("rules".to_owned()).spawn(run).map_err(|error| error.to_string())?;
    Ok(RunningRules { state, stop, thread })
}

impl RunningRules {
    /// Returns what gives the state of the rules, also after they have ended.
    pub(super) fn states(&self) -> Arc<Mutex<RulesState>> {
        Arc::clone(&self.state)
    }

    /// Ends the rules as soon as what they emitted is recorded, and keeps their cursors.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            log::error!("the thread of rules panicked; their cursors are those of a second before");
        }
    }
}

struct Rules {
    path: PathBuf,
    cursors: CursorsByName,
    /// Where rules were, by their names.
    known: BTreeMap<String, u64>,
    feeds: Arc<FeedList>,
    columns: FeedColumns,
    sink: EventSink,
    text: String,
    rules: Vec<Rule>,
    /// Rules that are no longer in the file, until what they emitted is recorded.
    leaving: Vec<Rule>,
    problem: Option<String>,
}

impl Rules {
    /// Takes up the file if it has changed; all of it, or nothing if something in it is wrong.
    fn take_up(&mut self) -> Result<(), String> {
        let name = self.path.display();
        let text = std::fs::read_to_string(&self.path).map_err(|error| format!("{name}: {error}"))?;
        if text.len() > FILE_BYTES_MAX {
            return Err(format!("{name}: a file of rules has at most {} KiB", FILE_BYTES_MAX >> 10));
        }
        if text == self.text {
            return self.problem.take().map_or(Ok(()), Err);
        }
        self.text.clone_from(&text);
        let file: RuleFile = toml::from_str(&text).map_err(|error| {
            let (line, _) = line_and_column(&text, error.span().map_or(0, |span| span.start));
            format!("{name}:{line}: {}", error.message())
        })?;
        if file.rule.len() > RULES_MAX {
            return Err(format!("{name}: there are {} rules; at most {RULES_MAX} run", file.rule.len()));
        }
        let mut rules: Vec<Rule> = Vec::new();
        for text in file.rule {
            if rules.iter().any(|rule| rule.text.name == text.name) {
                return Err(format!("{name}: two rules are called '{}'; give one another name", text.name));
            }
            let rule = self.rule(text).map_err(|reason| format!("{name}: {reason}"))?;
            rules.push(rule);
        }
        self.note_cursors();
        // A rule that was there before goes on: its cursor, its counts, and what of it is on its way.
        for before in self.rules.drain(..).chain(std::mem::take(&mut self.leaving)) {
            match rules.iter_mut().find(|rule| rule.cursor_name() == before.cursor_name()) {
                Some(rule) => (rule.state, rule.emissions) = (before.state, before.emissions),
                None => self.leaving.push(before),
            }
        }
        self.rules = rules;
        Ok(())
    }

    fn rule(&self, text: RuleText) -> Result<Rule, String> {
        let wrong = |reason: String| format!("rule '{}': {reason}", text.name);
        if text.name.is_empty() || text.emit.is_empty() {
            return Err(wrong("it needs a name and the type of what it emits".to_owned()));
        }
        check_emitted_type(&text.emit).map_err(|reason| wrong(format!("emit: {reason}")))?;
        let queue = self.feeds.get(&text.on).ok_or_else(|| {
            let feeds: Vec<String> = self.feeds.all().iter().map(|queue| queue.name().to_owned()).collect();
            wrong(format!(
                "on: there is no feed '{}'{}",
                text.on,
                did_you_mean_or_list(&text.on, feeds.iter().map(String::as_str))
            ))
        })?;
        let names = self.columns.get(&text.on).map(|columns| [columns, &ATTRIBUTES[..]].concat());
        let condition = RowCondition::parse(&text.when, names.as_deref());
        let condition = condition.map_err(|reason| wrong(format!("when: {reason}")))?;
        for name in text.data.iter().flatten() {
            if let Some(names) = names.as_ref().filter(|names| !names.contains(&name.as_str())) {
                let hint = did_you_mean_or_list(name, names.iter().copied());
                return Err(wrong(format!("data: '{}' has no '{name}'{hint}", text.on)));
            }
        }
        // One that is new begins with what comes next, and one that was there before where it was.
        let known = self.known.get(&cursor_name(&text.name, &text.on)).copied();
        let cursor = known.unwrap_or_else(|| queue.end().0);
        Ok(Rule::new(text, condition, queue, cursor))
    }

    /// Lets rules that are new begin with what comes next.
    fn begin(&mut self) {
        for rule in self.rules.iter_mut().filter(|rule| !self.known.contains_key(&rule.cursor_name())) {
            rule.begin();
        }
    }

    /// Lets each rule look at some events; returns true if there were any.
    fn run(&mut self) -> bool {
        let sink = &self.sink;
        self.rules.iter_mut().map(|rule| rule.run(sink)).fold(false, |worked, one| worked | one)
    }

    fn is_waiting(&mut self) -> bool {
        self.rules.iter_mut().chain(&mut self.leaving).any(Rule::is_waiting)
    }

    fn state(&self) -> RulesState {
        let rules = self.rules.iter().map(|rule| rule.state.clone()).collect();
        RulesState { rules, problem: self.problem.clone() }
    }

    fn note_cursors(&mut self) {
        for rule in self.rules.iter_mut().chain(&mut self.leaving) {
            self.known.insert(rule.cursor_name(), rule.kept_cursor());
        }
        self.leaving.retain_mut(Rule::is_waiting);
    }

    fn keep_cursors(&mut self) {
        self.note_cursors();
        if let Err(error) = self.cursors.write(&self.known) {
            log::error!("{error}");
        }
    }
}
