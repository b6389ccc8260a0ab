//! Names of a machine and its user, which have no place in what is given away.

use std::fmt;

use super::packed_file::PackedFile;

/// Minimum length of a host or user name that is looked for: fewer characters tell nothing and are found by chance.
const LETTERS_MIN: usize = 3;

/// A name that no text of an artifact may contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateName {
    /// The name of the machine, as a word.
    Host(String),
    /// The name of the user, as a part of a path.
    User(String),
    /// A folder of this machine, such as the home directory, and all that is below it.
    Folder(String),
}

/// The place of a private name in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundName {
    /// Path of the file in the artifact.
    pub file: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// What was found.
    pub name: PrivateName,
}

/// Writes the kind of the name and the name.
impl fmt::Display for PrivateName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivateName::Host(name) => write!(formatter, "the host name '{name}'"),
            PrivateName::User(name) => write!(formatter, "the user name '{name}' in a path"),
            PrivateName::Folder(path) => write!(formatter, "the folder '{path}'"),
        }
    }
}

impl PrivateName {
    /// Returns the host name and its first part; nothing for one that every machine may have.
    pub fn of_host(name: &str) -> Vec<PrivateName> {
        let first = name.split('.').next().unwrap_or_default();
        let mut names = vec![name, first];
        names.dedup();
        let tells = |name: &&str| name.len() >= LETTERS_MIN && *name != "localhost";
        names.into_iter().filter(tells).map(|name| PrivateName::Host(name.to_owned())).collect()
    }

    /// Returns the user name; `None` if it is too short to be looked for.
    pub fn of_user(name: &str) -> Option<PrivateName> {
        (name.len() >= LETTERS_MIN).then(|| PrivateName::User(name.to_owned()))
    }

    /// Returns the folder; `None` for the root, which every path begins with.
    pub fn of_folder(path: &str) -> Option<PrivateName> {
        let path = path.trim_end_matches('/');
        (path.starts_with('/')).then(|| PrivateName::Folder(path.to_owned()))
    }

    fn is_in(&self, line: &str) -> bool {
        let (PrivateName::Host(name) | PrivateName::User(name) | PrivateName::Folder(name)) = self;
        line.match_indices(name.as_str()).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + name.len()..]);
            let ends = !after.starts_with(is_of_a_word);
            ends && match self {
                PrivateName::Host(_) => !before.ends_with(is_of_a_word),
                PrivateName::User(_) => before.ends_with('/') && !is_in_a_link(before),
                PrivateName::Folder(_) => !before.ends_with(|c: char| is_of_a_word(c) || c == '/'),
            }
        })
    }
}

/// Returns the first private name in the texts of files; other files have no lines.
pub(super) fn find(files: &[PackedFile], names: &[PrivateName]) -> Option<FoundName> {
    let found = |file: &PackedFile| {
        let lines = file.text().unwrap_or_default().lines();
        let found = (1..).zip(lines).find_map(|(line, text)| Some((line, names.iter().find(|name| name.is_in(text))?)));
        found.map(|(line, name)| FoundName { file: file.path.clone(), line, name: name.clone() })
    };
    files.iter().find_map(found)
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '-'
}

/// Returns true if the word that a text ends with is a link into the network.
fn is_in_a_link(before: &str) -> bool {
    let begins =
        before.rfind(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | '<')).map_or(0, |at| at + 1);
    before.get(begins..).is_some_and(|word| word.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_in(text: &str) -> Option<(usize, String)> {
        let names = [
            PrivateName::of_host("babbage.example.org"),
            PrivateName::of_user("ada").into_iter().collect(),
            PrivateName::of_folder("/home/ada/").into_iter().collect(),
            PrivateName::of_folder("/srv/bench").into_iter().collect(),
        ];
        let files = [PackedFile::new("clean", "nothing\n"), PackedFile::new("a.md", text)];
        find(&files, &names.concat()).map(|found| (found.line, format!("{}: {}", found.file, found.name)))
    }

    #[test]
    fn a_planted_name_is_found_with_its_line() {
        for (text, line, wanted) in [
            ("x\non babbage.", 2, "a.md: the host name 'babbage'"),
            ("http://babbage.example.org/x", 1, "a.md: the host name 'babbage.example.org'"),
            ("{\"file\":\"/home/ada/log.csv\"}", 1, "a.md: the user name 'ada' in a path"),
            ("in /Users/ada", 1, "a.md: the user name 'ada' in a path"),
            ("see <http://a.example/b> and /x/ada/y", 1, "a.md: the user name 'ada' in a path"),
            ("a\r\nb\r\n/srv/bench/log.csv", 3, "a.md: the folder '/srv/bench'"),
        ] {
            assert_eq!(found_in(text), Some((line, wanted.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for text in [
            "babbages and cabbage",
            "ada wrote it",
            "canada/x",
            "https://forge.example/ada/flowbench",
            "/srv/benches",
            "x/srv/bench",
        ] {
            assert_eq!(found_in(text), None, "{text}");
        }
    }

    #[test]
    fn what_every_machine_may_be_called_is_not_looked_for() {
        assert_eq!(PrivateName::of_host("localhost"), []);
        assert_eq!(PrivateName::of_host("vm"), []);
        assert_eq!((PrivateName::of_user("me"), PrivateName::of_folder("/")), (None, None));
        assert_eq!(PrivateName::of_host("localhost.localdomain").len(), 1);
    }

    #[test]
    fn a_file_that_is_no_text_has_no_lines() {
        let files = [PackedFile::new("binary", [b"babbage ".as_slice(), &[0xff]].concat())];
        assert_eq!(find(&files, &PrivateName::of_host("babbage")), None);
    }
}
