//! The command that started a run, as it is recorded: without places of this machine.

use std::path::{Component, Path, PathBuf};

/// Characters between which an argument may hold a path of its own, as in `trace.file="/a/b.csv"`.
const AROUND_PATHS: [char; 7] = ['=', '"', '\'', ',', '[', ']', ' '];

/// Returns the arguments of this process as a run records them: the program by its name; paths below the current folder
/// begin there, and of paths that lead out of it only the last name is left. Environment `variables` that took the place
/// of options come first, as `env NAME=VALUE ...`.
pub fn recorded_argv(variables: &[(String, String)]) -> Vec<String> {
    let current = std::env::current_dir().unwrap_or_default();
    let mut arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = arguments.next().map(|program| name_of(Path::new(&program)));
    let settings = variables.iter().map(|(name, value)| format!("{name}={}", without_places(value, &current)));
    let env = (!variables.is_empty()).then(|| "env".to_owned());
    let arguments = arguments.map(|argument| without_places(&argument, &current));
    env.into_iter().chain(settings).chain(program).chain(arguments).collect()
}

/// Returns the path from the current folder to something below it; any other path as it is.
pub fn from_current_folder(path: &Path) -> PathBuf {
    let current = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(current) {
        Ok(below) if !below.as_os_str().is_empty() => below.to_owned(),
        _ => path.to_owned(),
    }
}

/// Returns an argument with every path in it shortened.
fn without_places(argument: &str, current: &Path) -> String {
    if leads_away(argument) {
        return shortened(Path::new(argument), current);
    }
    let pieces = argument.split_inclusive(AROUND_PATHS).map(|piece| {
        let path = piece.trim_end_matches(AROUND_PATHS);
        let rest = &piece[path.len()..];
        if leads_away(path) { shortened(Path::new(path), current) + rest } else { piece.to_owned() }
    });
    pieces.collect()
}

/// Returns true for a path that is absolute or leads out of the current folder.
fn leads_away(text: &str) -> bool {
    let path = Path::new(text);
    (path.is_absolute() && path.file_name().is_some()) || path.components().any(|one| one == Component::ParentDir)
}

fn shortened(path: &Path, current: &Path) -> String {
    match path.strip_prefix(current) {
        Ok(below) if !below.components().any(|one| one == Component::ParentDir) => {
            let below = if below.as_os_str().is_empty() { PathBuf::from(".") } else { below.to_owned() };
            below.to_string_lossy().into_owned()
        }
        _ => name_of(path),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_the_current_folder_or_are_names() {
        for (argument, wanted) in [
            ("run", "run"),
            ("./mine.toml", "./mine.toml"),
            ("results/mine", "results/mine"),
            ("/home/ada/lab/mine.toml", "mine.toml"),
            ("/home/ada/lab", "."),
            ("/home/ada/lab/a b/mine.toml", "a b/mine.toml"),
            ("/home/ada/other place/mine.toml", "mine.toml"),
            ("/home/ada/lab/../mine.toml", "mine.toml"),
            ("../../ada/mine.toml", "mine.toml"),
            ("--out=/home/ada/lab/out", "--out=out"),
            ("--out=/tmp/ada/out", "--out=out"),
            ("latency.rate=[100000, 200000]", "latency.rate=[100000, 200000]"),
            ("log.trace={ file = \"/home/ada/log.csv\", events = 5 }", "log.trace={ file = \"log.csv\", events = 5 }"),
            ("a / b", "a / b"),
            ("/", "/"),
        ] {
            assert_eq!(without_places(argument, Path::new("/home/ada/lab")), wanted, "{argument}");
        }
    }

    #[test]
    fn the_program_goes_by_its_name() {
        let argv = recorded_argv(&[]);
        assert!(!argv[0].is_empty() && !argv[0].contains('/'), "{argv:?}");
        let with_variable = recorded_argv(&[("FLOWBENCH_RUN_OUT".into(), "/somewhere/else/mine".into())]);
        assert_eq!(with_variable[..2], ["env", "FLOWBENCH_RUN_OUT=mine"]);
        assert_eq!(with_variable[2..], argv);
    }
}
