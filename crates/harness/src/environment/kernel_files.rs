//! Small files in which the kernel says what it knows.

use std::fs;

/// Returns the text of a file without white space around it; `None` if it cannot be read.
pub(super) fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Returns the value of the first line that begins with `name`, behind its colon.
pub(super) fn field(path: &str, name: &str) -> Option<String> {
    field_of(&read(path)?, name)
}

/// Returns the value of the first line of a text that begins with `name`, behind its colon.
pub(super) fn field_of(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Parses a size in KiB as `/proc/meminfo` writes it.
pub(super) fn kib(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.parse().ok()
}
