//! What the program was built from: asked of git and the compiler at build time, absent where they do not answer.

use std::process::Command;

fn main() {
    for path in [".git/HEAD", ".git/index", "crates", "generators", "experiments", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed=../../{path}");
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    set("FLOWBENCH_RUSTC", answer(&rustc, &["--version"]));
    let commit = answer("git", &["rev-parse", "--short=12", "HEAD"]);
    let changes = commit.as_ref().and_then(|_| answer("git", &["status", "--porcelain"]));
    set("FLOWBENCH_COMMIT", commit);
    set("FLOWBENCH_DIRTY", changes.filter(|changes| !changes.is_empty()).map(|_| "yes".into()));
}

fn set(variable: &str, value: Option<String>) {
    println!("cargo:rustc-env={variable}={}", value.unwrap_or_default());
}

fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
