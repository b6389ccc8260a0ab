//! The program: what it was built from, with what, and for which machine.

use flowbench_measurement::record::Build;

/// The lock file of this build, which has the exact version of every dependency.
const CARGO_LOCK: &str = include_str!("../../../../Cargo.lock");

/// Returns what this program was built from.
pub fn build() -> Build {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Build {
        flowbench: env!("CARGO_PKG_VERSION").to_owned(),
        timely: locked_version("timely").unwrap_or("unknown").to_owned(),
        differential: locked_version("differential-dataflow").map(str::to_owned),
        rustc: env!("FLOWBENCH_RUSTC").to_owned(),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        commit: known(env!("FLOWBENCH_COMMIT")),
        dirty: !env!("FLOWBENCH_DIRTY").is_empty(),
        lock_digest: lock_digest(CARGO_LOCK),
        allocator: "jemalloc".to_owned(),
        measuring_digest: known(env!("FLOWBENCH_MEASURING")),
        target: known(env!("FLOWBENCH_TARGET")),
        features: Some(env!("FLOWBENCH_FEATURES").split_terminator(',').map(str::to_owned).collect()),
    }
}

/// Returns the lock file of this build.
pub fn lock_file() -> &'static str {
    CARGO_LOCK
}

/// Returns the digest of a lock file, as [`Build::lock_digest`] has it.
pub fn lock_digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

fn locked_version(package: &str) -> Option<&'static str> {
    let entry = CARGO_LOCK.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")))?;
    entry.split("version = \"").nth(1)?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_names_the_versions_of_the_lock_file_and_its_target() {
        let build = build();
        assert_eq!(build.timely, "0.32.0");
        assert_eq!(build.differential.as_deref(), Some("0.26.0"));
        assert_eq!(build.lock_digest.len(), 16);
        assert!(build.target.is_some_and(|target| target.contains("linux")));
        assert_eq!(build.features, Some(vec![]), "there are no features yet");
    }
}
