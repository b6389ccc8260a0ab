//! The axis `live`: what a session has beside the pipeline of a case.

use std::fmt;

use flowbench_events::did_you_mean_or_list;
use serde::{Deserialize, Serialize};

/// A live session between events and pipeline, and what it has beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LiveSetup {
    /// True if the pipelines of the wall are answered as well.
    #[serde(default)]
    pub wall: bool,
    /// Clients that read every frame of the wall at once.
    #[serde(default)]
    pub viewers: usize,
    /// Clients that read frames slowly, at some KB a second.
    #[serde(default)]
    pub slow: usize,
    /// Clients that ask for frames and never read one.
    #[serde(default)]
    pub silent: usize,
    /// Clients that look for a second, go, and come again.
    #[serde(default)]
    pub passing: usize,
    /// Rules that look at every answer of the pipeline and fire on none.
    #[serde(default)]
    pub rules: usize,
    /// Functions in WebAssembly that are given every answer of the pipeline and emit an event for each hundredth.
    #[serde(default)]
    pub functions: usize,
}

/// Clients that a wall has places for.
const CLIENTS_MAX: usize = 64;
/// Rules and functions at most.
const WATCHERS_MAX: usize = 32;

type Field = fn(&mut LiveSetup) -> &mut usize;

/// The counts, in the order in which they are written.
const COUNTS: [(&str, Field); 6] = [
    ("viewers", |setup| &mut setup.viewers),
    ("slow", |setup| &mut setup.slow),
    ("silent", |setup| &mut setup.silent),
    ("passing", |setup| &mut setup.passing),
    ("rules", |setup| &mut setup.rules),
    ("functions", |setup| &mut setup.functions),
];

impl LiveSetup {
    /// Parses `off`, `on`, or what a session has, in words: `wall viewers=10 slow=2`.
    ///
    /// # Errors
    ///
    /// Fails, in words, with a word that is not known or a number that is too large.
    pub(crate) fn parse(text: &str) -> Result<Option<LiveSetup>, String> {
        let mut setup = LiveSetup::default();
        match text.trim() {
            "off" => return Ok(None),
            "on" => return Ok(Some(setup)),
            "" => return Err("write \"off\", \"on\", or what the session has, such as \"wall viewers=10\"".to_owned()),
            words => words.split_whitespace().try_for_each(|word| setup.take(word))?,
        }
        let clients = setup.clients();
        if clients > CLIENTS_MAX {
            return Err(format!("{clients} clients look at the wall; it has {CLIENTS_MAX} places"));
        }
        Ok(Some(setup))
    }

    /// Returns the number of clients that look at the wall.
    pub fn clients(&self) -> usize {
        self.viewers + self.slow + self.silent + self.passing
    }

    fn take(&mut self, word: &str) -> Result<(), String> {
        if word == "wall" {
            self.wall = true;
            return Ok(());
        }
        let (name, number) = word.split_once('=').unwrap_or((word, ""));
        let Some((name, field)) = COUNTS.into_iter().find(|(known, _)| *known == name) else {
            let known = ["off", "on", "wall"].into_iter().chain(COUNTS.map(|(known, _)| known));
            return Err(format!("'{word}' is nothing that a live session has{}", did_you_mean_or_list(word, known)));
        };
        let most = if matches!(name, "rules" | "functions") { WATCHERS_MAX } else { CLIENTS_MAX };
        let number = number.parse().ok().filter(|number| *number <= most);
        *field(self) =
            number.ok_or_else(|| format!("'{word}': write {name}=N with a whole number from 0 to {most}"))?;
        Ok(())
    }
}

/// Writes it as it is parsed, in one way for each setup.
impl fmt::Display for LiveSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut copy = *self;
        let counts = COUNTS.map(|(name, field)| (name, *field(&mut copy)));
        let counts = counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name}={count}"));
        let words: Vec<String> = self.wall.then(|| "wall".to_owned()).into_iter().chain(counts).collect();
        f.write_str(&if words.is_empty() { "on".to_owned() } else { words.join(" ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_is_written_as_it_is_parsed() {
        let parsed = |text: &str| LiveSetup::parse(text).unwrap().map(|setup| setup.to_string());
        assert_eq!(parsed("off"), None);
        for (text, written) in [
            ("on", "on"),
            ("viewers=0", "on"),
            ("rules=2  viewers=10", "viewers=10 rules=2"),
            ("slow=1 wall", "wall slow=1"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(written));
            assert_eq!(parsed(written).as_deref(), Some(written));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, problem) in [
            ("viewer=3", "'viewer=3' is nothing that a live session has; did you mean 'viewers'"),
            ("viewers=3,slow=1", "'viewers=3,slow=1': write viewers=N"),
            ("viewers=many", "'viewers=many': write viewers=N with a whole number from 0 to 64"),
            ("functions=33", "from 0 to 32"),
            ("viewers=60 slow=5", "65 clients look at the wall; it has 64 places"),
            ("", "write \"off\", \"on\", or"),
        ] {
            let error = LiveSetup::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
