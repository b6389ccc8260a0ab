//! The program: what it was built from, with what, and for which machine.

use std::sync::OnceLock;

use flowbench_measurement::record::Build;

/// The lock file of this program, once it has said which. It belongs to the program, which this package does not contain
/// (decision D-434).
static LOCK_FILE: OnceLock<&'static str> = OnceLock::new();

/// Says what the lock file of this program is, which has the exact version of every dependency. Only the first call counts.
pub fn set_lock_file(text: &'static str) {
    let _ = LOCK_FILE.set(text);
}

/// Returns the lock file of this build; absent if the program has not said.
pub fn lock_file() -> Option<&'static str> {
    LOCK_FILE.get().copied()
}

/// Returns what this program was built from.
pub fn build() -> Build {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let lock = lock_file();
    let version_of = |package| lock.and_then(|lock| locked_version(lock, package));
    Build {
        flowbench: env!("CARGO_PKG_VERSION").to_owned(),
        timely: version_of("timely").unwrap_or("unknown").to_owned(),
        differential: version_of("differential-dataflow").map(str::to_owned),
        rustc: env!("FLOWBENCH_RUSTC").to_owned(),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        commit: known(env!("FLOWBENCH_COMMIT")),
        dirty: !env!("FLOWBENCH_DIRTY").is_empty(),
        lock_digest: lock.map_or("unknown".to_owned(), lock_digest),
        allocator: "jemalloc".to_owned(),
        measuring_digest: known(env!("FLOWBENCH_MEASURING")),
        target: known(env!("FLOWBENCH_TARGET")),
        features: Some(env!("FLOWBENCH_FEATURES").split_terminator(',').map(str::to_owned).collect()),
    }
}

/// Returns the digest of a lock file, as [`Build::lock_digest`] has it.
pub fn lock_digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")))?;
    entry.split("version = \"").nth(1)?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "differential-dataflow"
version = "0.26.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "timely"
version = "0.32.0"
"#;

    #[test]
    fn the_build_names_the_versions_of_the_lock_file_and_its_target() {
        set_lock_file(LOCK);
        let build = build();
        assert_eq!(build.timely, "0.32.0");
        assert_eq!(build.differential.as_deref(), Some("0.26.0"));
        assert_eq!(build.lock_digest, lock_digest(LOCK));
        assert!(build.target.is_some_and(|target| target.contains("linux")));
        let features =
            [("live", cfg!(feature = "live")), ("parquet", cfg!(feature = "parquet")), ("png", cfg!(feature = "png"))];
        let built_in = features.into_iter().filter(|(_, is_built_in)| *is_built_in).map(|(name, _)| name.to_owned());
        assert_eq!(build.features, Some(built_in.collect()));
    }
}
