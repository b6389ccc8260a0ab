//! `pack`: a folder that others can check, the same each time, and without a name of this machine.
//!
//! That the tools it is for accept it is checked by a test that needs a python3 with these tools, and is ignored unless
//! asked for; `.ci/run` asks for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{Scratch, repository};

/// A scratch folder with the reference of `ci` in it and its lock file left out, which later builds do not have.
fn with_results() -> Scratch {
    let scratch = Scratch::new();
    let reference = repository("results/ci/reference");
    scratch.ok(&format!("cp -r {} mine && chmod -R u+w mine", reference.display()));
    scratch
}

/// The paths of all files below a folder, sorted.
fn files(folder: &Path) -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn an_artifact_checks_itself_and_is_drawn_again_byte_for_byte() {
    let scratch = with_results();
    let packed = scratch.ok("flowbench pack mine");
    assert_eq!(packed.stdout, "mine-artifact\n");
    scratch.ok("diff -r mine mine-artifact/results");
    let checks = "sha256sum --quiet --strict -c SHA256SUMS";
    scratch.ok(&format!("cd mine-artifact && {checks} && flowbench report -q results && {checks}"));
    let sums = scratch.text("mine-artifact/SHA256SUMS");
    let listed: BTreeSet<String> = sums.lines().map(|line| line[66..].to_owned()).collect();
    let mut there = files(&scratch.path("mine-artifact"));
    assert!(there.remove("SHA256SUMS"));
    assert_eq!(listed, there);
    scratch.ok("echo >> mine-artifact/results/cases.csv");
    scratch.fails(&format!("cd mine-artifact && {checks}"), 1, &["1 computed checksum did NOT match"]);
}

#[test]
fn the_metadata_lists_every_file_with_its_size_and_checksum_and_nothing_else() {
    let scratch = with_results();
    scratch.ok("mkdir 'mine/my notes' && echo é > 'mine/my notes/a b.txt' && flowbench pack mine");
    let metadata = scratch.json("mine-artifact/ro-crate-metadata.json");
    let graph = metadata["@graph"].as_array().unwrap();
    let sums = scratch.text("mine-artifact/SHA256SUMS");
    let mut listed = BTreeSet::new();
    for file in graph.iter().filter(|entity| entity["@type"] == "File") {
        let name = file["name"].as_str().unwrap();
        let size: usize = file["contentSize"].as_str().unwrap().parse().unwrap();
        assert_eq!(scratch.bytes(&format!("mine-artifact/{name}")).len(), size, "{name}");
        let line = format!("{}  {name}\n", file["sha256"].as_str().unwrap_or("none"));
        assert!(name == "SHA256SUMS" || sums.contains(&line), "{line}");
        listed.insert(name.to_owned());
    }
    let mut there = files(&scratch.path("mine-artifact"));
    assert!(there.remove("ro-crate-metadata.json"));
    assert_eq!(listed, there);
    // Whatever is referred to is there, and every file is a part of something.
    let ids: BTreeSet<&str> = graph.iter().map(|entity| entity["@id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), graph.len());
    let parts = graph.iter().filter_map(|entity| entity["hasPart"].as_array()).flatten();
    let parts: BTreeSet<&str> = parts.map(|part| part["@id"].as_str().unwrap()).collect();
    assert!(parts.is_subset(&ids) && parts.contains("results/my%20notes/a%20b.txt"), "{parts:?}");
    assert_eq!(parts.len(), listed.len() + 1, "all files, and the folder of the results");
}

#[test]
fn packing_twice_gives_the_same_bytes_and_times() {
    let scratch = with_results();
    scratch.ok("flowbench pack mine --out one && touch mine/* && flowbench pack mine/ -o two");
    scratch.ok("diff -r one two");
    let times = |folder: &str| scratch.ok(&format!("cd {folder} && find . -type f -printf '%p %T@\\n' | sort")).stdout;
    assert_eq!(times("one"), times("two"));
    let year = scratch.json("mine/run.json")["started_at"].as_str().unwrap()[..4].to_owned();
    assert!(scratch.ok("date -u -r one/README.md +%Y").stdout.starts_with(&year));
}

#[test]
fn an_archive_holds_the_folder_and_is_the_same_each_time() {
    let scratch = with_results();
    scratch.ok("flowbench pack mine --out mine-artifact && flowbench pack mine --out mine-artifact.tar.gz");
    scratch.ok("flowbench pack mine -o two.tgz && mkdir there && tar -xzf mine-artifact.tar.gz -C there");
    scratch.ok("diff -r mine-artifact there/mine-artifact");
    scratch.ok("mkdir sub && flowbench pack mine --out sub/mine-artifact.tar.gz && cmp mine-artifact.tar.gz sub/mine-artifact.tar.gz");
    scratch.fails("flowbench pack mine --out mine-artifact.tar.gz", 1, &["mine-artifact.tar.gz exists already"]);
    let listed = scratch.ok("tar -tzvf two.tgz").stdout;
    assert!(listed.lines().all(|line| line.starts_with("-rw-r--r-- 0/0 ") && line.contains(" two/")), "{listed}");
}

#[test]
fn the_text_of_the_licence_is_packed_or_missed() {
    let scratch = with_results();
    scratch.ok("flowbench pack mine --out one");
    let names = |folder: &str| files(&scratch.path(&format!("{folder}/LICENSES"))).into_iter().collect::<Vec<_>>();
    assert_eq!(names("one"), ["Apache-2.0.txt", "MIT.txt"]);
    let missed = scratch.ok("flowbench pack mine --out two --license CC0-1.0");
    assert!(missed.stderr.contains("no text of CC0-1.0: give one with --license-text"), "{}", missed.stderr);
    scratch.ok("echo mine > text && flowbench pack mine --out three --license CC0-1.0 --license-text text");
    assert_eq!(
        (names("three"), scratch.text("three/LICENSES/CC0-1.0.txt").as_str()),
        (vec!["CC0-1.0.txt".into()], "mine\n")
    );
}

#[test]
fn what_a_reviewer_reads_is_as_it_was_agreed() {
    let scratch = with_results();
    scratch.ok("flowbench pack mine");
    for name in ["README.md", "CITATION.cff"] {
        let golden = repository(&format!("tests/golden/artifact/{name}"));
        let text = scratch.text(&format!("mine-artifact/{name}"));
        if std::env::var_os("FLOWBENCH_REWRITE").is_some() {
            fs::create_dir_all(golden.parent().unwrap()).unwrap();
            fs::write(&golden, &text).unwrap();
        }
        let golden = fs::read_to_string(golden).unwrap();
        let differs = text.lines().zip(golden.lines()).find(|(one, other)| one != other);
        assert!(text == golden, "{name}: {differs:#?}; FLOWBENCH_REWRITE=1 writes it again");
    }
}

#[test]
fn a_name_of_the_machine_or_its_user_is_refused_with_file_and_line() {
    let scratch = with_results();
    let pack = "HOME=/home/ada USER=ada HOSTNAME=babbage.example flowbench pack mine";
    scratch.ok(&format!("{pack} && rm -r mine-artifact"));
    for (planted, wanted) in [
        ("measured on babbage", "has the host name 'babbage'"),
        ("see /home/ada/log.csv", "has the folder '/home/ada'"),
        ("see /mnt/ada/log.csv", "has the user name 'ada' in a path"),
    ] {
        scratch.write("mine/notes.txt", format!("first\n{planted}\n"));
        scratch.fails(pack, 1, &["results/notes.txt line 2", wanted, "--keep-names"]);
        assert!(!scratch.path("mine-artifact").exists());
    }
    scratch.ok("echo \"in $PWD/mine\" > mine/notes.txt");
    scratch.fails(pack, 1, &["results/notes.txt line 1", "has the folder"]);
    scratch.ok(&format!("{pack} --keep-names"));
}

#[test]
fn what_cannot_be_packed_is_refused_and_leaves_nothing() {
    let scratch = with_results();
    scratch.fails("flowbench pack nowhere", 1, &["there is no folder nowhere"]);
    scratch.fails("mkdir empty && flowbench pack empty", 1, &["holds no results"]);
    scratch.fails("mkdir out && flowbench pack mine --out out", 1, &["out exists already", "--out"]);
    scratch.fails("flowbench pack mine --out mine/packed", 1, &["is inside of the results"]);
    scratch.fails("flowbench pack mine --out a.zip", 1, &["a folder or an archive in .tar.gz is written"]);
    scratch.fails("flowbench pack mine --license 'do what you want'", 1, &["is no SPDX expression"]);
    scratch.fails("flowbench pack mine --license 'MIT ;'", 1, &["is no SPDX expression"]);
    scratch.fails("echo x > lock && flowbench pack mine --lock lock", 1, &["lock is not the lock file of the build"]);
    scratch.fails("ln -s ../lock mine/link && flowbench pack mine", 1, &["link is neither a file nor a folder"]);
    scratch.ok("rm mine/link && sed -i '$d' mine/cases.ndjson");
    scratch.fails("flowbench pack mine", 1, &["the run is incomplete", "--resume", "--incomplete"]);
    scratch.ok("test ! -e mine-artifact && test -z \"$(ls -A | grep tmp)\"");
    scratch.ok("flowbench pack mine --incomplete --note lock");
    assert!(scratch.text("mine-artifact/README.md").contains("**This run is incomplete: "));
    assert_eq!(scratch.text("mine-artifact/experiment.md"), "x\n");
}

#[test]
fn a_run_of_this_build_is_packed_with_its_lock_file_and_reproduced_as_its_readme_says() {
    let scratch = Scratch::new();
    scratch.write("small.toml", SMALL);
    scratch.ok("flowbench run ./small.toml --out mine && flowbench pack mine --license CC-BY-4.0");
    let lock = fs::read(repository("Cargo.lock")).unwrap();
    assert!(scratch.bytes("mine-artifact/Cargo.lock") == lock);
    let readme = scratch.text("mine-artifact/README.md");
    let row = readme.lines().find(|line| line.starts_with("| `max(missing_share")).unwrap();
    let command = row.split('`').nth(3).unwrap();
    assert_eq!(command, "flowbench reproduce results --only few --out again-few");
    let said = scratch.ok(&format!("cd mine-artifact && {command}"));
    assert!(said.stdout.contains("holds -> holds  max(missing_share, part=few) == 0"), "{}", said.stdout);
    // Nothing is said of the other part.
    assert!(!said.stdout.contains("part=more") && !said.stdout.contains("differs"), "{}", said.stdout);
}

const SMALL: &str = r#"
name = "small"
title = "Is it small?"
repeats = 1
claims = ["max(missing_share, part=few) == 0", "min(completeness, part=more) == 1"]

[[part]]
name = "few"
question = "A few?"
trace = { profile = "tiny", events = 500 }
axes = { pipeline = "sessions", slack = "30d" }

[[part]]
name = "more"
question = "Some more?"
trace = { profile = "tiny", events = 1000 }
axes = { pipeline = "sessions", slack = "30d" }
"#;

#[test]
fn flowbench_is_cited_in_the_version_that_it_has() {
    let citation = fs::read_to_string(repository("CITATION.cff")).unwrap();
    assert!(citation.contains(concat!("\nversion: ", env!("CARGO_PKG_VERSION"), "\n")), "{citation}");
}

#[test]
#[ignore = "needs a python3 with the tools that read artifacts, see .ci/run"]
fn exports_of_artifacts_are_accepted_by_the_tools_they_are_for() {
    let python = std::env::var("FLOWBENCH_EXPORTS_PYTHON");
    let python = python.expect("set FLOWBENCH_EXPORTS_PYTHON to a python3 with the tools of .ci/run");
    let scratch = Scratch::new();
    let reference = repository("results/quickstart/reference");
    scratch.ok(&format!("flowbench pack {} --out packed", reference.display()));
    let check = repository("tests/exports/check.py");
    for format in ["cff", "ro-crate"] {
        let output = Command::new(&python).arg(&check).arg(format).arg(scratch.path("packed")).output().unwrap();
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        let found: usize = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let wanted = if format == "cff" { 1 } else { files(&scratch.path("packed")).len() - 1 };
        assert_eq!(found, wanted, "{format}");
    }
}
