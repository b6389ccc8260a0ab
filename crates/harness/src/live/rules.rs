//! Rules: an event when a condition is true of an event of a feed, written in a file and taken up while the session runs.
//!
//! Decision D-445.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowbench_events::did_you_mean_or_list;
use flowbench_live::{
    AttributeValue, CloudEvent, Cursor, CursorsByName, EventData, EventQueue, FeedList, is_stopped_within,
};
use flowbench_pipelines::plan::RowCondition;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// What is shown of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleState {
    /// The name.
    pub name: String,
    /// The feed it watches.
    pub feed: String,
    /// The position of the next event.
    pub cursor: u64,
    /// Events it has looked at in this session.
    pub seen: u64,
    /// Events it has emitted in this session.
    pub emitted: u64,
    /// Events it could not look at, because its feed no longer kept them.
    pub missed: u64,
}

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

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    on: String,
    when: String,
    emit: String,
    data: Option<Vec<String>>,
}

struct Rule {
    text: RuleText,
    condition: RowCondition,
    queue: Arc<EventQueue>,
    state: RuleState,
}

/// An event that has come through as many rules and functions goes through no other.
const HOPS_MAX: i32 = 8;
/// Takes what rules emit; returns true when it is kept.
pub(super) type EmittedSink = Arc<dyn Fn(&[CloudEvent]) -> bool + Send + Sync>;

/// The columns of the answers in a feed, where they are known.
type FeedColumns = BTreeMap<String, &'static [&'static str]>;

/// The attributes that an answer has beside its columns.
const ATTRIBUTES: [&str; 8] = ["id", "source", "type", "time", "sequence", "change", "hops", "specversion"];
/// Events a rule looks at before the next one has its turn.
const BATCH: usize = 1_000;
/// A file of rules, in bytes at most.
const FILE_BYTES_MAX: usize = 256 << 10;
/// Rules at most.
const RULES_MAX: usize = 100;
/// How often the file is looked at, and the cursors are kept.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// How long rules rest when there is nothing to do.
const REST: Duration = Duration::from_millis(20);

/// Starts the rules of a file. `sink` takes what they emit, and `cursors` is the file that keeps how far they have come.
///
/// # Errors
///
/// Fails if the file cannot be read or a rule is wrong, or the system has no thread to give.
pub(super) fn start_rules(
    path: &Path,
    cursors: PathBuf,
    feeds: Arc<FeedList>,
    columns: FeedColumns,
    sink: EmittedSink,
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
        problem: None,
    };
    rules.take_up()?;
    let state = Arc::new(Mutex::new(rules.state()));
    let (shown, (stop, stopped)) = (Arc::clone(&state), mpsc::channel());
    let run = move || {
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
                rules.keep_cursors();
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("rules".to_owned()).spawn(run).map_err(|error| error.to_string())?;
    Ok(RunningRules { state, stop, thread })
}

impl RunningRules {
    /// Returns what gives the state of the rules, also after they have ended.
    pub(super) fn states(&self) -> Arc<Mutex<RulesState>> {
        Arc::clone(&self.state)
    }

    /// Ends the rules and keeps their cursors.
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
    sink: EmittedSink,
    text: String,
    rules: Vec<Rule>,
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
        let file: RuleFile = toml::from_str(&text).map_err(|error| format!("{name}: {}", error.message()))?;
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
        self.rules = rules;
        Ok(())
    }

    fn rule(&self, text: RuleText) -> Result<Rule, String> {
        let wrong = |reason: String| format!("rule '{}': {reason}", text.name);
        if text.name.is_empty() || text.emit.is_empty() {
            return Err(wrong("it needs a name and the type of what it emits".to_owned()));
        }
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
        let running = self.rules.iter().find(|rule| rule.text.name == text.name && rule.text.on == text.on);
        // One that is new begins with what comes next, and one that was there before where it was.
        let known = self.known.get(&cursor_name(&text.name, &text.on)).copied();
        let state = RuleState {
            name: text.name.clone(),
            feed: text.on.clone(),
            cursor: known.unwrap_or_else(|| queue.end().0),
            seen: 0,
            emitted: 0,
            missed: 0,
        };
        Ok(Rule { condition, queue, state: running.map_or(state, |rule| rule.state.clone()), text })
    }

    /// Lets each rule look at some events; returns true if there were any.
    fn run(&mut self) -> bool {
        let sink = &self.sink;
        self.rules.iter_mut().map(|rule| rule.run(sink)).fold(false, |worked, one| worked | one)
    }

    fn state(&self) -> RulesState {
        let rules = self.rules.iter().map(|rule| rule.state.clone()).collect();
        RulesState { rules, problem: self.problem.clone() }
    }

    fn note_cursors(&mut self) {
        self.known
            .extend(self.rules.iter().map(|rule| (cursor_name(&rule.state.name, &rule.state.feed), rule.state.cursor)));
    }

    fn keep_cursors(&mut self) {
        self.note_cursors();
        if let Err(error) = self.cursors.write(&self.known) {
            log::error!("{error}");
        }
    }
}

/// Returns the name of a cursor: a rule that watches another feed begins anew.
fn cursor_name(rule: &str, feed: &str) -> String {
    format!("{rule} on {feed}")
}

impl Rule {
    fn run(&mut self, sink: &EmittedSink) -> bool {
        let end = self.queue.end().0;
        if self.state.cursor > end {
            return false; // of a session that was longer: its events are answered again soon
        }
        let oldest = self.queue.oldest().0;
        self.state.missed += oldest.saturating_sub(self.state.cursor);
        self.state.cursor = self.state.cursor.max(oldest);
        let Ok(events) = self.queue.read(Cursor(self.state.cursor), BATCH) else { return false };
        let emitted: Vec<CloudEvent> =
            events.iter().filter_map(|queued| self.answer(&queued.event, queued.position)).collect();
        // The cursor is behind what is kept, so that nothing is lost with the process.
        if !emitted.is_empty() && !sink(&emitted) {
            return false;
        }
        self.state.emitted += emitted.len() as u64;
        self.state.seen += events.len() as u64;
        self.state.cursor = events.last().map_or(self.state.cursor, |last| last.position + 1);
        !events.is_empty()
    }

    /// Returns what the rule emits for an event, unless it takes an answer back: what was told cannot be untold. Its id is the position, so it counts once however often it is emitted.
    fn answer(&self, event: &CloudEvent, position: u64) -> Option<CloudEvent> {
        let hops = match event.attributes.get("hops") {
            Some(AttributeValue::Integer(hops)) => *hops,
            _ => 0,
        };
        let data = members(event);
        let cell = |name: &str| match data.get(name) {
            Some(value) => Some(text_of(value)),
            None => event.attribute(name).map(|value| value.to_text()),
        };
        let takes_back = event.attributes.get("change") == Some(&AttributeValue::Integer(-1));
        if takes_back || hops >= HOPS_MAX || !self.condition.holds(&cell) {
            return None;
        }
        let RuleText { name, on, emit, data: wanted, .. } = &self.text;
        let mut emitted = CloudEvent::new(format!("{on}-{position}"), format!("/flowbench/rules/{name}"), emit);
        if let Some(time) = event.attributes.get("time") {
            emitted.attributes.insert("time".to_owned(), time.clone());
        }
        emitted.attributes.insert("hops".to_owned(), AttributeValue::Integer(hops + 1));
        let chosen: BTreeMap<&str, serde_json::Value> = match wanted {
            None => {
                data.iter().filter_map(|(name, value)| Some((*name, serde_json::from_str(value.get()).ok()?))).collect()
            }
            Some(wanted) => wanted.iter().filter_map(|name| Some((name.as_str(), cell(name)?.into()))).collect(),
        };
        emitted.data = to_raw_value(&chosen).ok().map(EventData::Json);
        Some(emitted)
    }
}

/// Returns the members of the payload, if it is an object.
fn members(event: &CloudEvent) -> BTreeMap<&str, &RawValue> {
    match &event.data {
        Some(EventData::Json(json)) => serde_json::from_str(json.get()).unwrap_or_default(),
        _ => BTreeMap::new(),
    }
}

/// Returns a value as a cell: a text without its quotes, and anything else as it is written.
fn text_of(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(time: &str, data: &str) -> CloudEvent {
        let mut event = CloudEvent::new("", "/flowbench/pipelines/overdue", "flowbench.answer.overdue");
        event.attributes.insert("time".to_owned(), AttributeValue::Text(time.to_owned()));
        event.data = Some(EventData::Json(RawValue::from_string(data.to_owned()).unwrap()));
        event
    }

    fn wait(what: &str, is_so: impl Fn() -> bool) {
        let give_up = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(Instant::now() < give_up, "{what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_rule_fires_for_what_it_says_is_changed_while_it_runs_and_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (file, cursors) = (folder.path().join("rules.toml"), folder.path().join("cursors.json"));
        let rule = |least: u32| {
            format!(
                "[[rule]]\nname = \"late\"\non = \"overdue\"\nwhen = \"state == 'overdue' && lead_ms > {least}\"\nemit = \"shop.late\"\ndata = [\"order\"]\n"
            )
        };
        std::fs::write(&file, rule(100)).unwrap();
        let (feeds, emitted) = (Arc::new(FeedList::default()), Arc::new(Mutex::new(Vec::new())));
        let queue = Arc::new(EventQueue::new("overdue", 100));
        feeds.add(Arc::clone(&queue)).unwrap();
        let into = Arc::clone(&emitted);
        let sink: EmittedSink = Arc::new(move |events: &[CloudEvent]| {
            into.lock().unwrap().extend(events.iter().map(CloudEvent::to_json));
            true
        });
        let running =
            start_rules(&file, cursors.clone(), Arc::clone(&feeds), FeedColumns::default(), Arc::clone(&sink)).unwrap();
        let append = |order: u32, lead: u32| {
            queue.append(answer(
                "2026-01-05T08:00:00.000Z",
                &format!("{{\"order\":\"{order}\",\"state\":\"overdue\",\"lead_ms\":\"{lead}\"}}"),
            ));
        };
        append(1, 50);
        append(2, 150);
        let mut taken_back = answer("2026-01-05T08:00:00.000Z", "{\"state\":\"overdue\",\"lead_ms\":\"999\"}");
        taken_back.attributes.insert("change".to_owned(), AttributeValue::Integer(-1));
        queue.append(taken_back);
        wait("the first one fires", || !emitted.lock().unwrap().is_empty());
        assert_eq!(
            emitted.lock().unwrap()[0],
            r#"{"hops":1,"id":"overdue-1","source":"/flowbench/rules/late","specversion":"1.0","time":"2026-01-05T08:00:00.000Z","type":"shop.late","data":{"order":"2"}}"#
        );
        std::fs::write(&file, "[[rule]]\nname = \"late\"\non = \"overdeu\"").unwrap();
        let states = running.states();
        wait("what is wrong is shown", || states.lock().unwrap().problem.is_some());
        assert_eq!(states.lock().unwrap().rules.len(), 1, "the rule before goes on");
        std::fs::write(&file, rule(10)).unwrap();
        wait("it is taken up", || {
            append(3, 50);
            emitted.lock().unwrap().len() > 1
        });
        running.stop();
        let end = queue.end().0;
        append(4, 11);
        let before = emitted.lock().unwrap().len();
        let running = start_rules(&file, cursors, feeds, FeedColumns::default(), sink).unwrap();
        wait("it goes on", || emitted.lock().unwrap().len() > before);
        running.stop();
        assert!(emitted.lock().unwrap()[before..].iter().any(|event| event.contains(&format!("\"overdue-{end}\""))));
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let feeds = Arc::new(FeedList::default());
        feeds.add(Arc::new(EventQueue::new("orders", 1))).unwrap();
        let wrong = |text: &str| {
            let file = folder.path().join("rules.toml");
            std::fs::write(&file, text).unwrap();
            let columns = FeedColumns::from([("orders".to_owned(), &["value", "country"][..])]);
            start_rules(&file, folder.path().join("c"), Arc::clone(&feeds), columns, Arc::new(|_| true)).err().unwrap()
        };
        let rule =
            |on: &str, when: &str| format!("[[rule]]\nname = \"r\"\non = \"{on}\"\nwhen = \"{when}\"\nemit = \"t\"\n");
        assert!(
            wrong(&rule("ordres", "true")).contains("rule 'r': on: there is no feed 'ordres'; did you mean 'orders'")
        );
        assert!(wrong(&rule("orders", "contry == 'GB'")).contains("there is no 'contry'"));
        assert!(wrong(&(rule("orders", "value > 1") + "data = [\"valeu\"]")).contains("data: 'orders' has no 'valeu'"));
        assert!(wrong(&rule("orders", "value >")).contains("rule 'r': when: column"));
        assert!(wrong(&(rule("orders", "true") + &rule("orders", "true"))).contains("two rules are called 'r'"));
        assert!(wrong("[[rule]]\nname = 5").contains("rules.toml"));
    }
}
