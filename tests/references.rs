//! Every reference run is drawn again to the same bytes: what is committed is what the program draws today.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use flowbench_report::draw;

use crate::command::repository;

#[test]
fn every_reference_is_drawn_again_byte_for_byte() {
    let mut differ = Vec::new();
    let mut references = 0;
    for experiment in fs::read_dir(repository("results")).unwrap() {
        let dir = experiment.unwrap().path().join("reference");
        if !dir.is_dir() {
            continue;
        }
        references += 1;
        let committed = files_of(&dir);
        let again = tempfile::tempdir().unwrap();
        committed.iter().for_each(|(name, bytes)| fs::write(again.path().join(name), bytes).unwrap());
        let drawn = draw(again.path()).unwrap();
        assert_eq!(drawn.problems, [], "{}", dir.display());
        let again = files_of(again.path());
        let names = again.keys().filter(|name| committed.get(*name) != again.get(*name));
        differ.extend(names.map(|name| format!("{}", dir.join(name).display())));
    }
    assert!(references >= 8, "{references} references");
    assert!(
        differ.is_empty(),
        "what is drawn has changed; CONTRIBUTING.md, References, says how to draw anew: {differ:#?}"
    );
}

/// The files of a folder by name.
fn files_of(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}
