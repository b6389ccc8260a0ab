//! The origin of a generated log, in a file beside it: `storm.csv` has `storm.csv.origin.json`.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flowbench_events::{Input, Output};
use flowbench_generators::{Origin, Profile};

use crate::failure::Failure;

/// Returns where the origin of a log goes that is about to be written; `None` if the log goes to a stream. A file of
/// that name that is no origin is not replaced.
pub(crate) fn beside_output(log: &Path) -> Result<Option<PathBuf>, Failure> {
    let is_stream = log == Path::new("-") || (log.exists() && !log.is_file());
    if is_stream {
        return Ok(None);
    }
    let path = beside(log);
    if path.symlink_metadata().is_ok() && parsed(&path).is_none() {
        let (path, log) = (path.display(), log.display());
        let problem = format!(
            "{path}: is not the origin of a generated log and is not replaced; write to another file than {log}"
        );
        return Err(Failure::usage_error(problem));
    }
    Ok(Some(path))
}

/// Returns the URI reference that names a world as the source of its events: `/flowbench/stormy/42`, with what was set
/// beside the profile as a query.
pub(crate) fn source(profile: &Profile, overrides: &[String], seed: u64) -> String {
    let mut settings: Vec<(&str, &str)> = overrides.iter().filter_map(|setting| setting.split_once('=')).collect();
    settings.sort_unstable();
    let mut uri = format!("/flowbench/{}/{seed}", percent_encoded(&profile.name));
    for (number, (key, value)) in settings.into_iter().enumerate() {
        uri.push(if number == 0 { '?' } else { '&' });
        uri.extend([percent_encoded(key), "=".to_owned(), percent_encoded(value)]);
    }
    uri
}

/// Writes the origin of a log that is complete.
pub(crate) fn write(path: &Path, origin: &Origin) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(origin).map_err(Failure::failed)?;
    let mut output = Output::create(path).map_err(Failure::failed)?;
    output.write_all(format!("{text}\n").as_bytes()).map_err(|error| output.error(error))?;
    Ok(output.finish()?)
}

/// Returns the origin that lies beside a log, whether or not the log is still as it was generated.
pub(crate) fn of(log: &Input) -> Option<Origin> {
    match log {
        Input::File(path) => parsed(&beside(path)),
        Input::Stdin => None,
    }
}

fn beside(log: &Path) -> PathBuf {
    let mut name = OsString::from(log);
    name.push(".origin.json");
    PathBuf::from(name)
}

fn parsed(path: &Path) -> Option<Origin> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Returns a text as a part of a URI, in which all but the unreserved characters are escaped.
fn percent_encoded(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}
