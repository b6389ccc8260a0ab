//! What the program was built from: asked of git and the compiler at build time, absent where they do not answer.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The code on which the meaning of a number depends: what offers, watches and evaluates.
const MEASURING: [&str; 3] = ["src/measure", "src/case", "../measurement/src"];

fn main() {
    for path in [".git/HEAD", ".git/index", "crates", "generators", "experiments", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed=../../{path}");
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    set("FLOWBENCH_RUSTC", answer(&rustc, &["--version"]));
    let commit = answer("git", &["rev-parse", "--short=12", "HEAD"]);
    let changes = commit.as_ref().and_then(|_| answer("git", &["status", "--porcelain"]));
    set("FLOWBENCH_TARGET", std::env::var("TARGET").ok());
    set("FLOWBENCH_FEATURES", std::env::var("CARGO_CFG_FEATURE").ok());
    set("FLOWBENCH_MEASURING", Some(measuring_digest()));
    set("FLOWBENCH_COMMIT", commit);
    set("FLOWBENCH_DIRTY", changes.filter(|changes| !changes.is_empty()).map(|_| "yes".into()));
}

/// Returns the first 16 digits of the hash of the code that measures, in an order that does not depend on the machine.
fn measuring_digest() -> String {
    let mut files: Vec<PathBuf> = MEASURING.iter().flat_map(|folder| sources(Path::new(folder))).collect();
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&std::fs::read(&file).unwrap_or_default());
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
