//! Inside a package, files import each other without a circle: each can be read after those it imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::command::rust_files;

/// The source folders of all packages.
const SOURCES: [&str; 8] = [
    "crates/events/src",
    "crates/live/src",
    "crates/measurement/src",
    "crates/pipelines/src",
    "crates/harness/src",
    "crates/report/src",
    "generators/src",
    "crates/cli",
];

#[test]
fn no_file_imports_itself_through_others() {
    let mut circles = Vec::new();
    for folder in SOURCES {
        let imports = imports_of(folder);
        assert!(imports.len() > 5, "{folder} has {} modules", imports.len());
        for module in imports.keys().filter(|module| reachable(&imports, module).contains(*module)) {
            circles.push(format!("{folder}: {module}"));
        }
    }
    assert!(circles.is_empty(), "these import themselves through others: {circles:#?}");
}

/// The modules of a folder of sources, each with those it imports; their paths as in `strategy::dataflow`.
fn imports_of(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let files = rust_files(folder).into_iter().filter_map(|(path, file)| {
        let path = path.with_extension("").to_str().unwrap().replace('/', "::");
        let is_module = !["lib", "main", "tests"].contains(&path.rsplit("::").next().unwrap());
        is_module.then(|| (path.trim_end_matches("::mod").to_owned(), fs::read_to_string(file).unwrap()))
    });
    let files: BTreeMap<String, String> = files.collect();
    let names: BTreeSet<String> = files.keys().cloned().collect();
    files.iter().map(|(module, text)| (module.clone(), imported(module, text, &names))).collect()
}

/// The modules that a text imports by `crate::`, `self::` or `super::`, its tests left out.
fn imported(module: &str, text: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join(" ");
    let mut found = BTreeSet::new();
    for root in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let is_whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':'));
            for path in if is_whole { paths(&code[at..]) } else { Vec::new() } {
                found.extend(resolved(module, &path, names).filter(|other| other != module));
            }
        }
    }
    found
}

/// The paths that begin a text, with all branches in braces: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(text: &str) -> Vec<Vec<String>> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':'))).unwrap_or(text.len());
    let head: Vec<String> = text[..end].split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    if !text[..end].ends_with("::") || !text[end..].starts_with('{') {
        return vec![head];
    }
    let (mut depth, mut branches, mut begin) = (0, Vec::new(), end + 1);
    for (at, c) in text[end..].char_indices().map(|(at, c)| (end + at, c)) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 || (depth == 1 && c == ',') {
            branches.push(text[begin..at].trim());
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    let below = branches.into_iter().flat_map(paths);
    below.map(|branch| [head.clone(), branch].concat()).collect()
}

/// The module that a path leads into, from inside of `module`.
fn resolved(module: &str, path: &[String], names: &BTreeSet<String>) -> Option<String> {
    let mut base: Vec<String> = module.split("::").map(str::to_owned).collect();
    let mut rest = path;
    match rest.first().map(String::as_str) {
        Some("crate") => (base, rest) = (Vec::new(), &rest[1..]),
        Some("self") => rest = &rest[1..],
        _ => {
            while rest.first().is_some_and(|part| part == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
    }
    let whole = [base.as_slice(), rest].concat();
    (1..=whole.len()).rev().map(|length| whole[..length].join("::")).find(|name| names.contains(name))
}

/// What can be reached from a module, itself only through others.
fn reachable(imports: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&String> = imports[from].iter().collect();
    while let Some(module) = open.pop() {
        if found.insert(module.clone()) {
            open.extend(&imports[module]);
        }
    }
    found
}

#[test]
fn paths_are_read_with_their_branches_and_led_to_their_modules() {
    let joined = |text: &str| paths(text).iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(joined("crate::a::{b, c::{D, self}}; x"), ["crate::a::b", "crate::a::c::D", "crate::a::c::self"]);
    assert_eq!(joined("crate::a::B::new()"), ["crate::a::B::new"]);
    let names: BTreeSet<String> = ["a", "a::c", "d"].map(str::to_owned).into();
    let led = |from: &str, path: &str| {
        resolved(from, &path.split("::").map(str::to_owned).collect::<Vec<_>>(), &names).unwrap_or_default()
    };
    assert_eq!([led("d", "crate::a::c::D"), led("a::c", "super::E"), led("a", "self::c::D")], ["a::c", "a", "a::c"]);
}
