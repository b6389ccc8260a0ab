//! `export`: results in the formats of other tools, written where nothing of the user's is.
//!
//! That the tools can read them is checked by tests that need a python3 with these tools, and are ignored unless asked
//! for; `.ci/run` asks for them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{Scratch, repository};
use crate::live::Served;

fn reference(run: &str) -> String {
    repository(&format!("results/{run}/reference")).to_str().unwrap().to_owned()
}

#[test]
fn every_listed_format_is_exported_and_twice_the_same() {
    let (scratch, quickstart) = (Scratch::new(), reference("quickstart"));
    let help = scratch.ok("flowbench export --help").stdout;
    let listed = help.split("Possible values:").nth(1).unwrap().split("\n\n").next().unwrap();
    let formats: Vec<&str> =
        listed.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split(':').next()).collect();
    assert_eq!(formats.len(), 18, "{listed}");
    for format in formats {
        for copy in ["first", "second"] {
            let summary = format!("GITHUB_STEP_SUMMARY={copy}.github");
            let output = if format == "github" { String::new() } else { format!("-o {copy}.{format}") };
            scratch.ok(&format!("{summary} flowbench export -q {quickstart} --to {format} {output}"));
        }
        scratch.ok(&format!("test -s first.{format} && diff -r first.{format} second.{format}"));
    }
}

#[test]
fn standard_output_is_the_file_and_nothing_else() {
    let (scratch, quickstart) = (Scratch::new(), reference("quickstart"));
    let to_stdout = scratch.ok(&format!("flowbench export {quickstart} --to bencher"));
    assert_eq!(to_stdout.json().as_object().unwrap().len(), 27);
    assert!(to_stdout.stderr.contains("81 results exported"), "{}", to_stdout.stderr);
    let to_file = scratch.ok(&format!("flowbench export {quickstart} --to bencher -o bencher.json"));
    assert!(to_file.stdout.is_empty() && to_file.stderr.contains("bencher.json"), "{to_file:?}");
    assert_eq!(scratch.text("bencher.json"), to_stdout.stdout);
}

#[test]
fn an_export_replaces_a_file_only_if_forced_and_results_never() {
    let scratch = Scratch::new();
    scratch.ok(&format!("cp -r {} results", reference("quickstart")));
    scratch.write("mine.md", "mine");
    scratch.fails("flowbench export results --to markdown -o mine.md", 1, &["mine.md", "exists already", "--force"]);
    assert_eq!(scratch.text("mine.md"), "mine");
    scratch.ok("flowbench export results --to markdown -o mine.md --force");
    assert!(scratch.text("mine.md").starts_with("## quickstart"));
    for name in ["cases.csv", "run.json", "report.html", "latency-tail.csv"] {
        let before = scratch.bytes(&format!("results/{name}"));
        let line = format!("ln results/{name} link-{name}; flowbench export results --to csv --force -o");
        scratch.fails(&format!("{line} results/{name}"), 2, &["would replace the results of the run"]);
        scratch.fails(&format!("{line} link-{name}"), 2, &["would replace the results of the run"]);
        assert!(scratch.bytes(&format!("results/{name}")) == before, "{name}");
    }
    scratch.fails("flowbench export results --to csv --force -o /dev/null", 1, &["no regular file"]);
    scratch.ok("flowbench export results --to hgrm -o tails && touch tails/notes");
    scratch.fails("flowbench export results --to hgrm -o tails", 1, &["exists already"]);
    scratch.ok("flowbench export results --to hgrm -o tails --force && test -e tails/notes");
}

#[test]
fn a_run_exports_what_it_was_asked_for_and_asks_before_it_measures() {
    let scratch = Scratch::new();
    scratch.write(
        "own.toml",
        "name = \"own\"\ntitle = \"own\"\nrepeats = 1\n[[part]]\nname = \"p\"\nquestion = \"?\"\n\
         trace = { profile = \"tiny\", events = 2000 }\n[part.axes]\npipeline = \"identity\"\nrate = \"closed\"\n",
    );
    let run = "flowbench run own.toml --out results";
    scratch.write("taken.md", "mine");
    let no = |export: &str, code, words: &[&str]| scratch.fails(&format!("{run} --export {export}"), code, words);
    no("markdown=taken.md", 2, &["taken.md exists already"]);
    no("markdwn=a.md", 2, &["markdwn", "did you mean 'markdown'"]);
    no("markdown", 2, &["write markdown=FILE"]);
    no("hgrm=-", 2, &["hgrm needs a file"]);
    no("markdown=- --json", 2, &["only one of --export FORMAT=- and --json can be printed"]);
    no("markdown=- --export csv=-", 2, &["only one of --export FORMAT=- and --json can be printed"]);
    no("github", 2, &["GITHUB_STEP_SUMMARY"]);
    no("markdown=nowhere/a.md", 2, &["--export: cannot write nowhere/a.md", "check the spelling of the path"]);
    no("markdown=taken.md/a.md", 2, &["--export: cannot write taken.md/a.md", "a part of the path is a file"]);
    scratch.ok("echo time,other > history.csv && mkdir series && printf 'tests:\\nother: 1\\n' > series/otava.yaml");
    no("history=history.csv", 1, &["history.csv: has other columns than this export"]);
    no("otava=series", 1, &["series/otava.yaml: has something else behind its last test"]);
    scratch.ok("rm history.csv");
    no("hgrm=/proc/tails", 2, &["--export: cannot write /proc/tails"]);
    assert!(!scratch.path("results").exists() && scratch.text("taken.md") == "mine");
    let printed = scratch.ok(&format!("{run} --export jsonl=- --export history=printed.csv")).stdout;
    let rows: Vec<serde_json::Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[0]["part"], &rows[0]["repeats"]), (1, &"p".into(), &1.into()), "{printed}");
    assert!(rows[0]["throughput_events_per_s"].is_number() && rows[0]["latency_p999_ns"].is_null(), "{printed}");
    for times in [1, 2] {
        let more = format!("--export markdown={times}.md --export history=history.csv --export hgrm=tails-{times}");
        scratch.ok(&format!("flowbench run own.toml --out run-{times} --json {more}")).json();
        let same = format!("flowbench export run-{times} --to markdown | cmp - {times}.md && test -d tails-{times}");
        scratch.ok(&same);
    }
    assert_eq!(scratch.text("history.csv").lines().count(), 1 + 2);
}

#[test]
fn a_history_grows_by_each_run_and_takes_none_twice() {
    let (scratch, quickstart) = (Scratch::new(), reference("quickstart"));
    let export = |dir: &str| format!("flowbench export {dir} --to history -o history.csv");
    scratch.ok(&export(&quickstart));
    scratch.ok(&export(&reference("granularity")));
    let history = scratch.text("history.csv");
    assert_eq!(history.lines().count(), 1 + 27 + 60);
    assert_eq!(history.lines().filter(|line| line.starts_with("time,")).count(), 1);
    scratch.fails(&export(&quickstart), 1, &["history.csv", "holds this run already"]);
    assert_eq!(scratch.text("history.csv"), history);
    scratch.write("history.csv", "time,other\n1,2\n");
    scratch.fails(&export(&quickstart), 1, &["history.csv", "has other columns"]);
    assert_eq!(scratch.text("history.csv"), "time,other\n1,2\n");
}

#[test]
fn tables_of_otava_grow_by_each_run_and_its_configuration_stays() {
    let scratch = Scratch::new();
    scratch.ok(&format!("cp -r {} results", reference("quickstart")));
    scratch.ok("flowbench export results --to otava -o series && echo '# mine' >> series/otava.yaml");
    scratch.ok("sed -i 's/\"started_at\": \"20../\"started_at\": \"2099/' results/run.json");
    scratch.ok("flowbench export results --to otava -o series");
    assert!(scratch.text("series/otava.yaml").ends_with("# mine\n"));
    let tests = |text: String| text.lines().filter(|line| line.trim_start().starts_with("type: csv")).count();
    let all = tests(scratch.text("series/otava.yaml"));
    // A case that the configuration does not know yet is added to it, and a run with other metrics leaves a series alone.
    scratch.ok("head -20 series/otava.yaml > cut && cp -r series other && mv cut other/otava.yaml");
    scratch.ok("sed -i 's/\"started_at\": \"2099/\"started_at\": \"2098/' results/run.json");
    scratch.ok("sed -i 's/busy_ns_per_event/other/' other/*.csv");
    let noted = scratch.ok("flowbench export results --to otava -o other");
    assert!(noted.stderr.contains("this run has other metrics"), "{}", noted.stderr);
    assert!(tests(scratch.text("other/otava.yaml")) >= all, "{}", scratch.text("other/otava.yaml"));
    for entry in fs::read_dir(scratch.path("series")).unwrap().map(|entry| entry.unwrap()) {
        if entry.path().extension().is_some_and(|ending| ending == "csv") {
            assert_eq!(fs::read_to_string(entry.path()).unwrap().lines().count(), 3, "{entry:?}");
        }
    }
}

#[test]
fn what_cannot_be_exported_says_why() {
    let (scratch, quickstart) = (Scratch::new(), reference("quickstart"));
    scratch.fails("flowbench export nowhere --to csv", 1, &["no folder nowhere"]);
    scratch.fails("flowbench export . --to csv", 1, &["holds no results"]);
    scratch.fails(&format!("flowbench export {quickstart} --to xml"), 2, &["xml", "junit"]);
    scratch.fails(&format!("flowbench export {quickstart} --to criterion"), 2, &["a folder", "-o"]);
    scratch.fails(&format!("flowbench export {quickstart} --to history -o -"), 2, &["a file that grows", "-o"]);
    let github = format!("unset GITHUB_STEP_SUMMARY; flowbench export {quickstart} --to github");
    scratch.fails(&github, 2, &["GITHUB_STEP_SUMMARY", "--to markdown"]);
}

#[test]
fn tables_are_exported_as_parquet() {
    let (scratch, quickstart) = (Scratch::new(), reference("quickstart"));
    scratch.ok(&format!("flowbench export {quickstart} --to parquet -o tables"));
    assert!(
        ["cases", "metrics"].iter().all(|name| scratch.bytes(&format!("tables/{name}.parquet")).starts_with(b"PAR1"))
    );
}

#[test]
fn a_summary_is_added_to_that_of_the_step() {
    let (scratch, quickstart) = (Scratch::new(), reference("quickstart"));
    scratch.write("summary.md", "what others wrote\n");
    scratch.ok(&format!("GITHUB_STEP_SUMMARY=summary.md flowbench export {quickstart} --to github"));
    let summary = scratch.text("summary.md");
    assert!(summary.starts_with("what others wrote\n## quickstart"), "{summary}");
}

/// Reads an export of a reference run with the tool it is for, and returns how many things the tool has found.
fn read_by_its_tool(run: &str, format: &str) -> usize {
    let scratch = Scratch::new();
    scratch.ok(&format!("flowbench export {} --to {format} -o exported", reference(run)));
    checked(format, &[&scratch.path("exported"), Path::new(&reference(run))])
}

/// Checks files with `check.py`, and returns how many things it has found.
fn checked(format: &str, paths: &[&Path]) -> usize {
    let output = python().arg(repository("tests/exports/check.py")).arg(format).args(paths).output().unwrap();
    assert!(output.status.success(), "{paths:?} as {format}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn python() -> Command {
    let python = std::env::var("FLOWBENCH_EXPORTS_PYTHON");
    Command::new(python.expect("set FLOWBENCH_EXPORTS_PYTHON to a python3 with the tools of .ci/run"))
}

#[test]
#[ignore = "needs a python3 with the tools that read exports, see .ci/run"]
fn exports_are_read_by_the_tools_they_are_for() {
    assert!(read_by_its_tool("quickstart", "bencher") > 27);
    assert_eq!(read_by_its_tool("latency", "junit"), 192);
    assert_eq!(read_by_its_tool("latency", "csv"), 192);
    assert_eq!(read_by_its_tool("latency", "jsonl"), 192);
    assert_eq!(read_by_its_tool("latency", "history"), 192);
    assert!(read_by_its_tool("quickstart", "markdown") >= 27);
    assert_eq!(read_by_its_tool("quickstart", "hgrm"), 27);
    assert_eq!(read_by_its_tool("quickstart", "otava"), 27);
    assert_eq!(read_by_its_tool("quickstart", "vega-lite"), 9);
    assert!(read_by_its_tool("parallelism", "prometheus") > 450 * 10);
}

#[test]
#[ignore = "needs a python3 with jsonschema, see .ci/run"]
fn logs_of_cloud_events_are_valid_by_the_official_schema() {
    let scratch = Scratch::new();
    for profile in ["tiny", "retail", "stormy"] {
        let more = "--set transport.duplicates.share=0.05 --events 5000 -o log.cloudevents.jsonl";
        scratch.ok(&format!("flowbench generate --profile {profile} {more}"));
        assert_eq!(checked("cloudevents", &[&scratch.path("log.cloudevents.jsonl")]), 5000);
    }
}

#[test]
#[ignore = "needs a python3 with cloudevents and jsonschema, see .ci/run"]
fn exports_of_a_live_session_are_cloud_events_by_the_official_schema_and_the_sdk() {
    let scratch = Scratch::new();
    let served = Served::start(&scratch, &["--pipeline", "export-review"]);
    let output = python().arg(repository("tests/exports/live_session.py")).arg(served.address().to_string()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "40");
}

#[test]
#[ignore = "needs critcmp, which takes minutes to install: name it by FLOWBENCH_CRITCMP"]
fn critcmp_compares_two_runs_in_one_folder() {
    let critcmp = std::env::var("FLOWBENCH_CRITCMP").expect("set FLOWBENCH_CRITCMP to a critcmp");
    let (scratch, quickstart) = (Scratch::new(), reference("quickstart"));
    scratch.ok(&format!(
        "cp -r {quickstart} again && sed -i 's/\"started_at\": \"20../\"started_at\": \"2099/' again/run.json"
    ));
    scratch.ok(&format!(
        "flowbench export {quickstart} --to criterion -o both && flowbench export again --to criterion -o both"
    ));
    let times = scratch.ok("find both -name benchmark.json | wc -l").stdout.trim().parse::<usize>().unwrap() / 2;
    let compared = scratch.ok(&format!("{critcmp} --target-dir both $({critcmp} --target-dir both --baselines)"));
    let rows: Vec<&str> = compared.stdout.lines().skip(2).collect();
    assert_eq!((rows.len(), times), (101, 101), "{}", compared.stdout);
    // Two values a row: a run is as fast as itself.
    assert!(rows.iter().all(|row| row.matches(" 1.00 ").count() == 2), "{}", compared.stdout);
}
