//! Packages stand alone: what one embeds is in it, it says what it is, and what it is built from may be used.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::command::repository;

#[test]
fn what_a_package_embeds_is_in_the_package() {
    let mut embedded = 0;
    for (name, folder) in folders() {
        let packed = packed(&name);
        for file in packed.iter().filter(|file| file.ends_with(".rs")) {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            for literal in embedded_in(&text) {
                let path = resolved(&Path::new(file).with_file_name(literal));
                let is_packed = path.as_ref().is_some_and(|path| packed.contains(path));
                assert!(is_packed, "{name}: {file} embeds {literal}, which is not in the package");
                embedded += 1;
            }
        }
    }
    assert!(embedded >= 10, "{embedded} embedded files");
}

#[test]
fn what_is_embedded_from_outside_of_a_package_is_noticed() {
    let code = "const A: &str = include_str!(\"../../../Cargo.lock\");\nconst B: &[u8] = include_bytes!(\"page.css\");";
    let found: Vec<&str> = embedded_in(code).collect();
    assert_eq!(found, ["../../../Cargo.lock", "page.css"]);
    assert_eq!(resolved(&Path::new("src/environment/build.rs").with_file_name(found[0])), None);
    assert_eq!(resolved(&Path::new("src/page/mod.rs").with_file_name(found[1])).as_deref(), Some("src/page/page.css"));
    assert_eq!(resolved(Path::new("src/page/../overlay/reading.html")).as_deref(), Some("src/overlay/reading.html"));
}

#[test]
fn every_experiment_is_in_its_package() {
    let packed = packed("flowbench-experiments");
    for shipped in flowbench_harness::experiment::SHIPPED {
        for file in [format!("{}.toml", shipped.name), format!("{}.md", shipped.name)] {
            assert!(packed.contains(&file), "{file}");
        }
    }
}

#[test]
fn packages_are_small() {
    for (name, folder) in folders() {
        let files = packed(&name);
        // The lock file, what cargo writes, and the manifest as it was are made when packing.
        let size = |file: &String| fs::metadata(folder.join(file)).map_or(0, |file| file.len());
        let bytes: u64 = files.iter().map(size).sum();
        assert!(bytes < 1_200_000, "{name} has {bytes} bytes");
        let is_of_tests = |file: &&String| ["tests/", "benches/", "results/"].iter().any(|one| file.starts_with(one));
        assert_eq!(files.iter().find(is_of_tests), None, "{name}");
    }
}

#[test]
fn every_package_says_what_it_is() {
    for package in metadata(&["--no-deps"]) {
        let name = package["name"].as_str().unwrap();
        for field in ["description", "license", "readme", "rust_version"] {
            assert!(package[field].is_string(), "{name} has no {field}");
        }
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{name}");
        // Crates.io takes no more than five.
        assert!((1..=5).contains(&package["keywords"].as_array().unwrap().len()), "{name}: keywords");
        assert!((1..=5).contains(&package["categories"].as_array().unwrap().len()), "{name}: categories");
        assert!(package["publish"].is_null(), "{name} cannot be published");
    }
}

#[test]
fn the_container_and_the_workflows_are_built_with_what_is_there() {
    let read = |file: &str| fs::read_to_string(repository(file)).unwrap();
    let package = metadata(&["--no-deps"]).into_iter().find(|package| package["name"] == "flowbench").unwrap();
    let oldest_rust = package["rust_version"].as_str().unwrap();
    assert!(
        read("Containerfile").contains(&format!("FROM docker.io/library/rust:{oldest_rust}-")),
        "rust {oldest_rust}"
    );
    for file in ["Containerfile", ".github/workflows/release.yml", ".github/workflows/check.yml", ".ci/run"] {
        let text = read(file);
        let scripts = text.split_whitespace().filter(|word| word.starts_with(".ci/"));
        scripts.for_each(|script| assert!(repository(script).exists(), "{file} runs {script}"));
    }
    // What is copied into the image must not be kept from it.
    let ignored = read(".dockerignore");
    let folders = ["crates", "experiments", "generators", "tests", "Cargo.lock", "LICENSE-MIT", "CITATION.cff"];
    assert!(!folders.iter().any(|folder| ignored.lines().any(|line| line.trim_start_matches('/') == *folder)));
}

#[test]
fn every_dependency_may_be_used_by_its_licence() {
    let allowed = allowed_licences();
    // Packages of other features and platforms may have to be downloaded, to be read.
    let packages = metadata(&["--all-features", "--locked"]);
    assert!(packages.len() > 100, "{} packages", packages.len());
    for package in packages {
        let (name, licence) = (&package["name"], package["license"].as_str());
        let licence = licence.unwrap_or_else(|| panic!("{name} has no SPDX expression"));
        assert!(is_allowed(licence, &allowed), "{name}: {licence} is not among the licences of deny.toml");
    }
}

#[test]
fn expressions_of_licences_are_read_as_spdx_means_them() {
    let allowed: BTreeSet<String> = ["MIT", "Zlib"].map(str::to_owned).into();
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("Unlicense/MIT", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR GPL-3.0-only) AND Zlib", true),
        ("MIT OR GPL-3.0-only AND GPL-3.0-only", true),
        ("(MIT OR Zlib) AND GPL-3.0-only", false),
        ("MIT WITH some-exception", false),
        ("MIT WITH some-exception OR Zlib", true),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

/// The packages of the workspace, each with its folder.
fn folders() -> Vec<(String, PathBuf)> {
    let folder = |package: &Value| Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned();
    let packages = metadata(&["--no-deps", "--offline"]);
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), folder(package))).collect()
}

/// The packages that cargo knows of.
fn metadata(arguments: &[&str]) -> Vec<Value> {
    let text = cargo(&[&["metadata", "--format-version", "1"], arguments].concat());
    let metadata: Value = serde_json::from_str(&text).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The files that are put into a package, by their paths in it.
fn packed(package: &str) -> BTreeSet<String> {
    let files = cargo(&["package", "--list", "--allow-dirty", "--offline", "--package", package]);
    files.lines().map(str::to_owned).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(repository("")).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The paths that a text embeds, as they are written in it. Those that a macro puts together are not among them.
fn embedded_in(text: &str) -> impl Iterator<Item = &str> {
    let begins = ["include_str!(\"", "include_bytes!(\""];
    begins.into_iter().flat_map(|begin| text.split(begin).skip(1).filter_map(|rest| rest.split('"').next()))
}

/// A path without `..`, if it does not lead out of the folder that it begins in.
fn resolved(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()?),
            part => parts.push(part.as_os_str().to_str()?),
        }
    }
    Some(parts.join("/"))
}

/// The licences that `deny.toml` allows.
fn allowed_licences() -> BTreeSet<String> {
    let text = fs::read_to_string(repository("deny.toml")).unwrap();
    let list = text.split("\nallow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let lines = list.lines().filter_map(|line| line.split('"').nth(1));
    lines.map(str::to_owned).collect()
}

/// True if an SPDX expression is met by the licences that are allowed. `/` is how `OR` was written once.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any_is_allowed(&words, &mut at, allowed);
    assert_eq!(at, words.len(), "{expression}");
    met
}

fn any_is_allowed(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = all_are_allowed(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_are_allowed(words, at, allowed);
    }
    met
}

fn all_are_allowed(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one_is_allowed(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one_is_allowed(words, at, allowed);
    }
    met
}

fn one_is_allowed(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let word = words[*at];
    *at += 1;
    if word == "(" {
        let met = any_is_allowed(words, at, allowed);
        *at += 1;
        return met;
    }
    let mut name = word.to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{word} WITH {}", words[*at + 1]);
        *at += 2;
    }
    allowed.contains(&name)
}
