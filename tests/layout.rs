//! The house: which package may depend on which, and lists and documents that agree with the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Scratch, repository, rust_files};

/// Every package with its folder and the packages it may depend on, tests and benches included. What we feed (events,
/// generators, pipelines) and how we judge (measurement, report) meet in the harness and nowhere else.
const HOUSE: [(&str, &str, &[&str]); 9] = [
    ("flowbench-events", "crates/events", &[]),
    ("flowbench-experiments", "experiments", &[]),
    ("flowbench-live", "crates/live", &["flowbench-events"]),
    ("flowbench-measurement", "crates/measurement", &[]),
    ("flowbench-generators", "generators", &["flowbench-events"]),
    ("flowbench-pipelines", "crates/pipelines", &["flowbench-events"]),
    ("flowbench-report", "crates/report", &["flowbench-measurement"]),
    (
        "flowbench-harness",
        "crates/harness",
        &[
            "flowbench-events",
            "flowbench-experiments",
            "flowbench-generators",
            "flowbench-live",
            "flowbench-measurement",
            "flowbench-pipelines",
            "flowbench-report",
        ],
    ),
    (
        "flowbench",
        "",
        &[
            "flowbench-events",
            "flowbench-generators",
            "flowbench-harness",
            "flowbench-live",
            "flowbench-measurement",
            "flowbench-pipelines",
            "flowbench-report",
        ],
    ),
];

#[test]
fn a_public_type_has_a_name_of_its_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, folder, _) in HOUSE.into_iter().filter(|(_, folder, _)| !folder.is_empty()) {
        for (file, path) in rust_files(&format!("{folder}/src")) {
            for line in
                fs::read_to_string(path).unwrap().lines().filter_map(|line| line.trim_start().strip_prefix("pub "))
            {
                let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
                if matches!(words.next(), Some("struct" | "enum" | "trait" | "type" | "union")) {
                    let name = words.next().unwrap_or_default().to_owned();
                    places.entry(name).or_default().push(format!("{folder}/src/{}", file.display()));
                }
            }
        }
    }
    assert!(places.len() > 200, "{} public types", places.len());
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "these names stand for more than one type: {places:#?}");
}

#[test]
fn a_package_depends_only_on_packages_of_a_lower_floor() {
    let wrong = forbidden_dependencies(&packages());
    assert!(wrong.is_empty(), "these dependencies do not go down a floor: {}", wrong.join(", "));
}

#[test]
fn a_dependency_that_climbs_is_named() {
    let package = json!({ "name": "flowbench-events", "dependencies": [
        { "name": "serde", "kind": null },
        { "name": "flowbench-harness", "kind": "dev" },
    ] });
    assert_eq!(forbidden_dependencies(&[package]), ["flowbench-events -> flowbench-harness (dev)"]);
}

#[test]
fn there_is_no_package_beside_the_house_and_each_is_called_after_its_folder() {
    let there: BTreeMap<String, String> = packages()
        .iter()
        .map(|package| {
            let folder = Path::new(text(&package["manifest_path"])).parent().unwrap();
            let folder = folder.strip_prefix(repository("")).unwrap().to_str().unwrap().to_owned();
            (text(&package["name"]).to_owned(), folder)
        })
        .collect();
    let house = HOUSE.iter().map(|(name, folder, _)| ((*name).to_owned(), (*folder).to_owned())).collect();
    assert_eq!(there, house);
    for (name, folder) in there.iter().filter(|(_, folder)| !folder.is_empty()) {
        assert_eq!(*name, format!("flowbench-{}", Path::new(folder).file_name().unwrap().to_str().unwrap()));
    }
}

#[test]
fn no_file_is_called_after_nothing() {
    for (_, folder, _) in HOUSE {
        let source = if folder.is_empty() { "crates/cli".to_owned() } else { format!("{folder}/src") };
        assert!(repository(&source).is_dir(), "{source}");
        for name in ["utils", "util", "common", "core", "helpers", "misc"] {
            for path in [format!("{source}/{name}.rs"), format!("{source}/{name}/mod.rs")] {
                assert!(!repository(&path).exists(), "{path}: name it after what it does");
            }
        }
    }
}

#[test]
fn every_package_has_the_edition_the_msrv_and_the_lints_of_the_workspace() {
    for package in packages() {
        let name = text(&package["name"]);
        assert_eq!(package["edition"], "2024", "{name}");
        assert!(package["rust_version"].is_string(), "{name} states no MSRV");
        let manifest = fs::read_to_string(text(&package["manifest_path"])).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} has lints of its own");
    }
}

#[test]
fn the_engines_are_pinned_exactly() {
    let is_engine = |name: &str| name.starts_with("timely") || name.starts_with("differential");
    let mut pins = 0;
    for package in packages() {
        for dependency in dependencies(&package).filter(|one| is_engine(text(&one["name"]))) {
            let version = text(&dependency["req"]);
            assert!(version.starts_with('='), "{} asks for {} {version}", package["name"], dependency["name"]);
            pins += 1;
        }
    }
    assert!(pins > 1, "nothing depends on timely, or on differential dataflow");
}

#[test]
fn every_file_of_the_catalogue_is_listed_and_every_listed_pipeline_has_its_file() {
    let mut files = stems("crates/pipelines/src/catalogue", "rs");
    files.retain(|file| file != "mod");
    assert_eq!(files.iter().map(|file| file.replace('_', "-")).collect::<Vec<_>>(), listed("pipelines"));
}

#[test]
fn every_profile_and_every_experiment_is_listed_and_explained_beside_it() {
    assert_eq!(stems("generators/profiles", "toml"), listed("profiles"));
    let mut experiments = stems("experiments", "toml");
    experiments.retain(|name| name != "Cargo");
    assert_eq!(experiments, listed("experiments"));
    for name in experiments {
        assert!(
            repository(&format!("experiments/{name}.md")).exists(),
            "experiments/{name}.toml has no note beside it"
        );
    }
}

#[test]
fn the_readme_has_the_two_commands_and_ci_calls_its_test_command() {
    let readme = fs::read_to_string(repository("README.md")).expect("README.md");
    let command = |begin: &str| readme.lines().map(str::trim).find(|line| line.starts_with(begin));
    assert!(command("cargo run --release").is_some(), "README.md does not show how to run it");
    let test = command("cargo test").expect("README.md does not show how to test it");
    let test = test.split('#').next().unwrap().trim();
    let ci = fs::read_to_string(repository(".ci/run")).expect(".ci/run");
    assert!(ci.contains(test), ".ci/run does not call '{test}'");
    assert!(readme.contains("replay"), "README.md has no example of a replay");
}

#[test]
fn the_documents_are_there() {
    let documents = [
        "README.md",
        "ARCHITECTURE.md",
        "GLOSSARY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        ".ci/run",
        "generators/README.md",
    ];
    let missing: Vec<_> = documents.into_iter().filter(|name| !repository(name).exists()).collect();
    assert!(missing.is_empty(), "missing: {}", missing.join(", "));
}

#[test]
fn every_module_of_these_tests_is_in_the_index() {
    let index = fs::read_to_string(repository("tests/tests.rs")).unwrap();
    for file in stems("tests", "rs").iter().filter(|file| *file != "tests") {
        assert!(index.contains(&format!("\nmod {file}; // ")), "tests/tests.rs says nothing of {file}.rs");
    }
}

/// Dependencies within the workspace that [`HOUSE`] does not allow, each as `package -> package (kind)`.
fn forbidden_dependencies(packages: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let name = text(&package["name"]);
        let allowed = HOUSE.iter().find(|(known, ..)| *known == name).map_or(&[][..], |(_, _, allowed)| allowed);
        for dependency in dependencies(package) {
            let on = text(&dependency["name"]);
            if on.starts_with("flowbench") && !allowed.contains(&on) {
                wrong.push(format!("{name} -> {on} ({})", dependency["kind"].as_str().unwrap_or("normal")));
            }
        }
    }
    wrong
}

/// The packages of the workspace, as cargo sees them.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(repository("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().clone();
    assert!(!packages.is_empty(), "cargo sees no package");
    packages
}

fn dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().unwrap().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The names `flowbench list` knows, sorted.
fn listed(kind: &str) -> Vec<String> {
    let all = Scratch::new().ok(&format!("flowbench list {kind} --json")).json();
    let mut names: Vec<String> =
        all[kind].as_array().unwrap().iter().map(|one| text(&one["name"]).to_owned()).collect();
    names.sort();
    names
}

/// The names of the files of a folder that have that ending, without it, sorted.
fn stems(folder: &str, ending: &str) -> Vec<String> {
    let files = repository(folder).read_dir().unwrap().map(|entry| entry.unwrap().path());
    let wanted = files.filter(|path| path.extension().is_some_and(|found| found == ending));
    let mut stems: Vec<String> = wanted.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    stems.sort();
    assert!(!stems.is_empty(), "{folder} has no .{ending}");
    stems
}
