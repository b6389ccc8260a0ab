//! What the program was built from: asked of git and the compiler at build time, absent where they do not answer.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The code on which the meaning of a number depends: what offers, watches and evaluates.
const MEASURING: [&str; 2] = ["src/measure", "src/case"];

/// The rest of that code, in a package of its own, where this one stands in its workspace.
const MEASUREMENT: &str = "../measurement/src";

/// What is in a package that cargo made from a checkout: the commit of that.
const PACKAGED_FROM: &str = ".cargo_vcs_info.json";

fn main() {
    let checkout =
        ["crates", "generators", "experiments", "Cargo.toml", "Cargo.lock"].map(|path| format!("../../{path}"));
    let git = ["HEAD", "index"].iter().filter_map(|name| answer("git", &["rev-parse", "--git-path", name]));
    let watched = checkout.into_iter().chain(git).chain(["src".to_owned(), PACKAGED_FROM.to_owned()]);
    // A path that does not exist would have this run, and all that follows compiled, at every build.
    for path in watched.filter(|path| Path::new(path).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let (commit, dirty) = commit_of_checkout().or_else(commit_of_package).unzip();
    set("FLOWBENCH_RUSTC", answer(&rustc, &["--version"]));
    set("FLOWBENCH_TARGET", std::env::var("TARGET").ok());
    set("FLOWBENCH_FEATURES", std::env::var("CARGO_CFG_FEATURE").ok());
    set("FLOWBENCH_MEASURING", Some(measuring_digest()));
    set("FLOWBENCH_COMMIT", commit);
    set("FLOWBENCH_DIRTY", (dirty == Some(true)).then(|| "yes".into()));
}

/// Returns the commit of the checkout that this file is a part of, and whether anything was changed since.
///
/// Sources that merely lie below a checkout of something else, an archive or a registry in the home directory, have none.
fn commit_of_checkout() -> Option<(String, bool)> {
    answer("git", &["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = answer("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changes = answer("git", &["status", "--porcelain"])?;
    Some((commit, !changes.is_empty()))
}

/// Returns the commit that this package was made from, and whether anything was changed since.
fn commit_of_package() -> Option<(String, bool)> {
    let text = std::fs::read_to_string(PACKAGED_FROM).ok()?;
    let commit = text.split("\"sha1\"").nth(1)?.split('"').nth(1)?;
    Some((commit.get(..12)?.to_owned(), text.contains("\"dirty\": true")))
}

/// Returns the first 16 digits of the hash of the code that measures, in an order that does not depend on the machine.
///
/// Outside of the workspace, the version stands for the package that is not there: nobody can change it.
fn measuring_digest() -> String {
    let beside = Path::new(MEASUREMENT);
    let mut files: Vec<PathBuf> = MEASURING.iter().flat_map(|folder| sources(Path::new(folder))).collect();
    files.extend(sources(beside));
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&std::fs::read(&file).unwrap_or_default());
    }
    if !beside.is_dir() {
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Returns the files below a folder, without tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    paths.filter(|path| !path.ends_with("tests.rs")).flat_map(below).collect()
}

fn set(variable: &str, value: Option<String>) {
    println!("cargo:rustc-env={variable}={}", value.unwrap_or_default());
}

fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
