use std::io::Write;

use tempfile::TempDir;

use super::disk::{TEMPORARY, planted};
use super::*;
use crate::record::example;

fn histogram(durations: impl IntoIterator<Item = i64>) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::new();
    durations.into_iter().for_each(|ns| histogram.record_ns(ns));
    histogram
}

fn point(at_ns: u64) -> TimelinePoint {
    TimelinePoint { at_ns, admitted: at_ns * 2, latency_max_ns: Some(5), ..TimelinePoint::default() }
}

/// A run with cases c1r1, c2r1 and a failed c1r2.
fn written(dir: &Path) -> ResultsDir {
    let mut results = ResultsDir::create(dir).unwrap();
    results.write_run(&example::run()).unwrap();
    for case in [1, 2] {
        let data = CaseData {
            start_ns: case as u64 * 1_000_000_000,
            length_ns: 2_000_000_000,
            histograms: &[("latency", &histogram(1..100)), ("hiccup", &histogram([7]))],
            timeline: &[point(1), point(2)],
            ..CaseData::default()
        };
        results.append_case(&example::case(case, 1), &data).unwrap();
    }
    results.append_case(&example::failed_case(1, 2), &CaseData::default()).unwrap();
    results
}

fn append_raw(path: &Path, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read() {
    let dir = TempDir::new().unwrap();
    let results = written(&dir.path().join("a/b"));
    let path = results.path();
    assert_eq!(read_run(path).unwrap(), example::run());
    let cases = vec![example::case(1, 1), example::case(2, 1), example::failed_case(1, 2)];
    assert_eq!(fs::read_to_string(path.join(CASES_CSV)).unwrap(), cases_csv(&cases));
    assert_eq!(results.cases(), cases);
    assert_eq!(read_cases(path).unwrap(), Read { rows: cases, skipped: 0 });
    let timeline = read_timeline(path).unwrap().rows;
    let rows: Vec<_> = timeline.iter().map(|row| (row.case, row.repeat, row.point)).collect();
    assert_eq!(rows, [(1, 1, point(1)), (1, 1, point(2)), (2, 1, point(1)), (2, 1, point(2))]);
    let (histograms, _) = read_histograms(path).unwrap();
    let count = |tag| histograms.tagged(tag).count();
    assert_eq!(
        ["c1r1.latency", "c1r1.hiccup", "c2r1.latency", "c2r1.hiccup", "c1r2.latency"].map(count),
        [1, 1, 1, 1, 0]
    );
    let latency = histograms.tagged("c2r1.latency").next().unwrap();
    assert_eq!(latency.histogram, histogram(1..100));
    assert_eq!((latency.start_ns, latency.length_ns), (2_000_000_000, 2_000_000_000));
    let log = fs::read_to_string(path.join(LATENCY_HLOG)).unwrap();
    assert!(log.contains("#[StartTime: 1769853600.250 (seconds since epoch)]"), "{log}");
    assert_eq!(names(path), [CASES_CSV, CASES_NDJSON, LATENCY_HLOG, RUN_JSON, TIMELINE_CSV]);
}

#[test]
fn the_same_records_leave_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    written(&a);
    written(&b);
    assert!(names(&a) == names(&b) && names(&a).len() > 3, "{:?}", names(&a));
    for name in names(&a) {
        assert!(fs::read(a.join(&name)).unwrap() == fs::read(b.join(&name)).unwrap(), "{name}");
    }
}

#[test]
fn two_runs_cannot_share_a_directory() {
    let dir = TempDir::new().unwrap();
    let first = ResultsDir::create(dir.path()).unwrap();
    assert!(matches!(ResultsDir::create(dir.path()), Err(ResultsError::Locked(_))));
    drop(first);
    drop(written(dir.path()));
    let error = ResultsDir::create(dir.path()).unwrap_err();
    assert!(matches!(error, ResultsError::Taken(_)), "{error}");
    assert!(error.to_string().contains("resume it"), "{error}");
    let resumed = ResultsDir::resume(dir.path()).unwrap();
    assert!(matches!(ResultsDir::resume(dir.path()), Err(ResultsError::Locked(_))));
    drop(resumed);
}

#[test]
fn a_line_cut_off_by_a_crash_is_skipped_and_counted() {
    let dir = TempDir::new().unwrap();
    drop(written(dir.path()));
    append_raw(&dir.path().join(CASES_NDJSON), "{\"schema_version\":1,\"part\":\"de");
    append_raw(&dir.path().join(TIMELINE_CSV), "3,1,5");
    append_raw(&dir.path().join(LATENCY_HLOG), "Tag=c3r1.latency,1.0");
    let cases = read_cases(dir.path()).unwrap();
    assert_eq!((cases.rows.len(), cases.skipped), (3, 1));
    let timeline = read_timeline(dir.path()).unwrap();
    assert_eq!((timeline.rows.len(), timeline.skipped), (4, 1));
    let (histograms, skipped) = read_histograms(dir.path()).unwrap();
    assert_eq!((histograms.tagged("c2r1.hiccup").count(), skipped), (1, 1));
}

#[test]
fn resuming_keeps_finished_cases_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    drop(written(dir.path()));
    let before: Vec<_> = names(dir.path()).iter().map(|name| fs::read(dir.path().join(name)).unwrap()).collect();
    // Case 12 had its histograms and timeline on disk, not its record.
    let row = hlog::line("c12r1.latency", 0, 0, &histogram([1])).unwrap();
    append_raw(&dir.path().join(LATENCY_HLOG), &row);
    append_raw(&dir.path().join(TIMELINE_CSV), &timeline::csv_rows(12, 1, &[point(9)]));
    append_raw(&dir.path().join(TIMELINE_CSV), "1,1");
    append_raw(&dir.path().join(CASES_NDJSON), "{\"schema");
    fs::remove_file(dir.path().join(CASES_CSV)).unwrap();
    let mut results = ResultsDir::resume(dir.path()).unwrap();
    let after: Vec<_> = names(dir.path()).iter().map(|name| fs::read(dir.path().join(name)).unwrap()).collect();
    assert!(before == after);
    results.append_case(&example::case(12, 1), &CaseData::default()).unwrap();
    assert_eq!(read_cases(dir.path()).unwrap().rows.len(), 4);
}

#[test]
fn activity_is_written_where_it_was_logged_and_resumed_like_the_rest() {
    let dir = TempDir::new().unwrap();
    let mut results = written(dir.path());
    assert_eq!(read_operators(dir.path()).unwrap().rows, []);
    let operators = [OperatorTime { worker: 1, operator: "map, \"x\"".into(), activations: 9, busy_ns: 70 }];
    let channels = [ChannelLoad { worker: 1, channel: "input → answers".into(), messages: 3, records: 12 }];
    let data = CaseData { operators: &operators, channels: &channels, ..CaseData::default() };
    results.append_case(&example::case(3, 1), &data).unwrap();
    results.append_case(&example::case(4, 1), &CaseData::default()).unwrap();
    drop(results);
    append_raw(&dir.path().join(OPERATORS_CSV), "12,1,0,Input,1,1\n12,1,0,Inp");
    append_raw(&dir.path().join(CHANNELS_CSV), "12,1");
    assert_eq!(read_operators(dir.path()).unwrap().skipped, 1);
    drop(ResultsDir::resume(dir.path()).unwrap());
    let rows = operators.map(|seen| WorkerRow { case: 3, repeat: 1, seen }).to_vec();
    assert_eq!(read_operators(dir.path()).unwrap(), Read { rows, skipped: 0 });
    let rows = channels.map(|seen| WorkerRow { case: 3, repeat: 1, seen }).to_vec();
    assert_eq!(read_channels(dir.path()).unwrap(), Read { rows, skipped: 0 });
    append_raw(&dir.path().join(CHANNELS_CSV), "3,1,0,a,b,c\n");
    let error = read_channels(dir.path()).unwrap_err().to_string();
    assert!(error.contains("channels.csv line 3: `b` is no whole number"), "{error}");
}

#[test]
fn a_run_begun_by_an_older_version_goes_on_with_the_columns_of_today() {
    let dir = TempDir::new().unwrap();
    drop(written(dir.path()));
    let old = "case,repeat,at_ns,admitted,live_bytes,rss_bytes,entries,buffered,latency_max_ns,latency_p50_ns\n\
               1,1,5,6,0,0,0,0,,\n12,1,0,0,0,0,0,0,,\n";
    fs::write(dir.path().join(TIMELINE_CSV), old).unwrap();
    let old_states = timeline::STATE_HEADER_BEFORE.to_owned() + "1,1,0,answers,3,4,5,6\n";
    fs::write(dir.path().join(STATE_CSV), old_states).unwrap();
    let mut results = ResultsDir::resume(dir.path()).unwrap();
    let state = OperatorState { operator: "arrangement known".into(), batches: Some(7), ..OperatorState::default() };
    let data = CaseData { timeline: &[point(1)], states: &[state], ..CaseData::default() };
    results.append_case(&example::case(12, 1), &data).unwrap();
    let states = fs::read_to_string(dir.path().join(STATE_CSV)).unwrap();
    let rows = "1,1,0,answers,3,4,5,6,\n12,1,0,arrangement known,0,,0,0,7\n";
    assert_eq!(states, timeline::STATE_HEADER.to_owned() + rows);
    let rows = read_timeline(dir.path()).unwrap().rows;
    let old_point = TimelinePoint { at_ns: 5, admitted: 6, live_bytes: Some(0), ..TimelinePoint::default() };
    assert_eq!(rows.iter().map(|row| (row.case, row.point)).collect::<Vec<_>>(), [(1, old_point), (12, point(1))]);
}

#[test]
fn a_run_without_a_case_yet_can_be_read_and_resumed() {
    let dir = TempDir::new().unwrap();
    let mut results = ResultsDir::create(dir.path()).unwrap();
    results.write_run(&example::run()).unwrap();
    drop(results);
    drop(ResultsDir::resume(dir.path()).unwrap());
    assert_eq!(read_cases(dir.path()).unwrap().rows, []);
    assert_eq!(read_timeline(dir.path()).unwrap().rows, []);
    assert!(read_histograms(dir.path()).unwrap().0.is_empty());
    let mut results = ResultsDir::resume(dir.path()).unwrap();
    let data = CaseData { timeline: &[point(1)], ..CaseData::default() };
    results.append_case(&example::case(1, 1), &data).unwrap();
    assert_eq!(read_timeline(dir.path()).unwrap().rows.len(), 1);
}

#[test]
fn errors_name_the_file_and_the_line() {
    let dir = TempDir::new().unwrap();
    drop(written(dir.path()));
    append_raw(&dir.path().join(CASES_NDJSON), "{\"schema_version\":1}\n");
    append_raw(&dir.path().join(TIMELINE_CSV), "1,1,x,,,,,,,,,,,,,,,,,,,,,,\n");
    append_raw(&dir.path().join(LATENCY_HLOG), "Tag=c1r1.latency,1,2,3,4,5\n");
    let cases = read_cases(dir.path()).unwrap_err().to_string();
    assert!(cases.contains("cases.ndjson line 4: missing field `part`"), "{cases}");
    let timeline = read_timeline(dir.path()).unwrap_err().to_string();
    assert!(timeline.contains("timeline.csv line 6: `x` is no whole number"), "{timeline}");
    let histograms = read_histograms(dir.path()).unwrap_err().to_string();
    assert!(histograms.contains("latency.hlog line 9: 5 fields"), "{histograms}");
    fs::write(dir.path().join(CASES_NDJSON), b"{}\n\xff\n").unwrap();
    let cases = read_cases(dir.path()).unwrap_err().to_string();
    assert!(cases.ends_with("cases.ndjson line 2: it is not UTF-8 text"), "{cases}");
    fs::write(dir.path().join(RUN_JSON), "{\"schema_version\": 1,\n \"title\": 5}").unwrap();
    let run = read_run(dir.path()).unwrap_err().to_string();
    assert!(run.contains("run.json line 2: "), "{run}");
}

#[test]
fn a_newer_schema_is_refused_whatever_else_it_holds() {
    let dir = TempDir::new().unwrap();
    drop(written(dir.path()));
    let newer = format!("{{\"schema_version\":{},\"new\":true}}\n", SCHEMA_VERSION + 1);
    append_raw(&dir.path().join(CASES_NDJSON), &newer);
    let error = read_cases(dir.path()).unwrap_err();
    assert!(matches!(error, ResultsError::Newer { line: 4, found, .. } if found == SCHEMA_VERSION + 1), "{error}");
    assert!(error.to_string().contains(&format!("reads up to {SCHEMA_VERSION}")), "{error}");
    fs::write(dir.path().join(RUN_JSON), "{\"schema_version\":9}").unwrap();
    assert!(matches!(read_run(dir.path()), Err(ResultsError::Newer { found: 9, .. })));
}

#[test]
fn a_record_that_would_not_come_back_is_refused_and_leaves_no_trace() {
    let dir = TempDir::new().unwrap();
    let mut results = written(dir.path());
    let before = fs::read(dir.path().join(LATENCY_HLOG)).unwrap();
    let mut case = example::case(9, 1);
    case.numbers.as_mut().unwrap().throughput_events_per_s = f64::NAN;
    let data = CaseData { histograms: &[("latency", &histogram([1]))], ..CaseData::default() };
    let error = results.append_case(&case, &data).unwrap_err().to_string();
    assert!(error.starts_with("c9r1 cannot be recorded: "), "{error}");
    let bad_kind = CaseData { histograms: &[("a b", &histogram([1]))], ..CaseData::default() };
    assert!(matches!(results.append_case(&example::case(9, 1), &bad_kind), Err(ResultsError::Unrecordable { .. })));
    assert!(fs::read(dir.path().join(LATENCY_HLOG)).unwrap() == before);
    assert_eq!(results.cases().len(), 3);
}

#[test]
fn files_of_somebody_else_are_refused_by_name_and_stay_as_they_are() {
    let dir = TempDir::new().unwrap();
    for names in [&[TIMELINE_CSV, LATENCY_HLOG][..], &[CASES_CSV], &[OPERATORS_CSV]] {
        names.iter().for_each(|name| fs::write(dir.path().join(name), "mine").unwrap());
        let error = ResultsDir::create(dir.path()).unwrap_err().to_string();
        assert!(names.iter().all(|name| error.contains(name)) && error.contains("move it away"), "{error}");
        for name in names {
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "mine");
            fs::remove_file(dir.path().join(name)).unwrap();
        }
    }
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let results = ResultsDir::create(dir.path()).unwrap();
    assert!(results.refuse_leftovers(["figure.svg"]).is_ok());
    let error = results.refuse_leftovers(["figure.svg", "notes.txt"]).unwrap_err().to_string();
    assert!(error.contains("holds notes.txt already"), "{error}");
}

#[test]
fn what_a_killed_run_left_half_written_is_removed_by_whoever_has_the_directory() {
    let dir = TempDir::new().unwrap();
    let half = dir.path().join(format!("{TEMPORARY}x7"));
    let results = written(dir.path());
    fs::write(&half, "{").unwrap();
    fs::write(dir.path().join(".tmp-of-others"), "").unwrap();
    assert!(ResultsDir::hold(dir.path()).is_none() && half.exists(), "the run may be writing it");
    drop(results);
    let held = ResultsDir::hold(dir.path()).unwrap();
    assert!(!half.exists());
    assert!(matches!(ResultsDir::resume(dir.path()), Err(ResultsError::Locked(_))));
    drop(held);
    fs::write(&half, "{").unwrap();
    drop(ResultsDir::resume(dir.path()).unwrap());
    assert!(!half.exists() && dir.path().join(".tmp-of-others").exists());
}

#[test]
fn the_table_of_cases_grows_and_is_not_written_anew() {
    use std::os::unix::fs::MetadataExt;
    let dir = TempDir::new().unwrap();
    let mut results = written(dir.path());
    let table = dir.path().join(CASES_CSV);
    let (before, file) = (fs::read_to_string(&table).unwrap(), fs::metadata(&table).unwrap().ino());
    results.append_case(&example::case(7, 1), &CaseData::default()).unwrap();
    let after = fs::read_to_string(&table).unwrap();
    assert_eq!(fs::metadata(&table).unwrap().ino(), file);
    assert!(after.starts_with(&before) && after.lines().count() == 5);
    assert_eq!(after, cases_csv(results.cases()));
}

#[test]
fn a_table_of_cases_that_a_crash_left_behind_is_put_right() {
    let dir = TempDir::new().unwrap();
    drop(written(dir.path()));
    let table = dir.path().join(CASES_CSV);
    let whole = fs::read_to_string(&table).unwrap();
    for cut in [whole.len() - 9, whole.rfind("delay,1,2").unwrap(), 0] {
        fs::write(&table, &whole[..cut]).unwrap();
        drop(ResultsDir::resume(dir.path()).unwrap());
        assert_eq!(fs::read_to_string(&table).unwrap(), whole);
    }
}

#[test]
fn a_file_that_somebody_removes_or_changes_in_the_middle_is_named() {
    for name in [CASES_NDJSON, TIMELINE_CSV, LATENCY_HLOG, CASES_CSV] {
        let dir = TempDir::new().unwrap();
        let mut results = written(dir.path());
        let path = dir.path().join(name);
        let kept = fs::read(&path).unwrap();
        results.check().unwrap();
        for broken in [None, Some(&kept[..kept.len() - 1]), Some(&[kept.as_slice(), b"x"].concat())] {
            fs::remove_file(&path).unwrap();
            broken.into_iter().for_each(|bytes| fs::write(&path, bytes).unwrap());
            let error = results.append_case(&example::case(9, 1), &CaseData::default()).unwrap_err();
            assert!(matches!(&error, ResultsError::Changed(changed) if *changed == path), "{error}");
            assert!(matches!(results.check(), Err(ResultsError::Changed(_))));
            fs::write(&path, &kept).unwrap();
        }
    }
}

#[test]
fn a_case_that_is_forgotten_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let mut results = written(dir.path());
    results.forget(|case| case.tag() == "c2r1").unwrap();
    let left = [example::case(1, 1), example::failed_case(1, 2)];
    assert_eq!((results.cases(), read_cases(dir.path()).unwrap().rows.as_slice()), (&left[..], &left[..]));
    assert_eq!(fs::read_to_string(dir.path().join(CASES_CSV)).unwrap(), cases_csv(&left));
    assert!(read_timeline(dir.path()).unwrap().rows.iter().all(|row| row.case == 1));
    assert_eq!(read_histograms(dir.path()).unwrap().0.tagged("c2r1.latency").count(), 0);
    results.append_case(&example::case(2, 1), &CaseData::default()).unwrap();
    assert_eq!(read_cases(dir.path()).unwrap().rows.len(), 3);
}

#[test]
fn a_path_under_a_file_is_refused_before_measuring() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.join("results"), file.clone()] {
        let error = ResultsDir::create(&path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()) && error.contains("choose another directory"), "{error}");
    }
    assert!(matches!(ResultsDir::resume(dir.path()), Err(ResultsError::NoResults(_))));
    assert!(matches!(read_run(dir.path()), Err(ResultsError::NoResults(_))));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_named_with_its_fix() {
    let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let source = disk::write_and_sync(&mut full, b"data").unwrap_err();
    let error = failed("write", Path::new("results/run.json"), source).to_string();
    assert!(error.starts_with("cannot write results/run.json: ") && error.contains("free some space"), "{error}");
}

#[test]
fn a_case_that_does_not_fit_is_not_listed_and_the_next_one_is() {
    let dir = TempDir::new().unwrap();
    let mut results = written(dir.path());
    // A directory in the place of the table refuses every write to it.
    let table = dir.path().join(TIMELINE_CSV);
    fs::rename(&table, dir.path().join("kept")).unwrap();
    fs::create_dir(&table).unwrap();
    let error = results.append_case(&example::case(9, 1), &CaseData::default()).unwrap_err().to_string();
    assert!(error.contains("timeline.csv"), "{error}");
    assert_eq!(read_cases(dir.path()).unwrap().rows.len(), 3);
    fs::remove_dir(&table).unwrap();
    fs::rename(dir.path().join("kept"), &table).unwrap();
    results.append_case(&example::case(9, 1), &CaseData::default()).unwrap();
    assert_eq!(read_cases(dir.path()).unwrap().rows.len(), 4);
}

/// The cases of [`written`] with their data, one for each call of `append_case`.
fn append(results: &mut ResultsDir, case: usize) -> Result<(), ResultsError> {
    let operators = [OperatorTime { worker: 1, operator: "map".into(), activations: 9, busy_ns: 70 }];
    let data = CaseData {
        histograms: &[("latency", &histogram(1..100)), ("hiccup", &histogram([7]))],
        timeline: &[point(1), point(case as u64)],
        operators: if case == 2 { &operators } else { &[] },
        ..CaseData::default()
    };
    results.append_case(&example::case(case, 1), &data)
}

/// Runs or resumes a run of three cases, and stops at the first error. Returns the cases reported as written.
fn run_of_three(dir: &Path) -> (Vec<usize>, Result<(), ResultsError>) {
    let mut reported = Vec::new();
    let mut go_on = || {
        let mut results = match dir.join(RUN_JSON).exists() {
            true => ResultsDir::resume(dir)?,
            false => ResultsDir::create(dir)?,
        };
        results.write_run(&example::run())?;
        reported.extend(results.cases().iter().map(|case| case.case));
        for case in (1..=3).filter(|case| !results.cases().iter().any(|done| done.case == *case)).collect::<Vec<_>>() {
            append(&mut results, case)?;
            reported.push(case);
        }
        results.write_run(&RunRecord { wall_s: Some(1.0), ..example::run() })
    };
    let ended = go_on();
    (reported, ended)
}

/// The names and contents of all files of a folder.
fn content(dir: &Path) -> Vec<(String, Vec<u8>)> {
    names(dir).into_iter().map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

/// Checks that a run that broke off can be read, and that all that was reported as written is there with its data.
fn assert_readable(dir: &Path, reported: &[usize], what: &str) {
    if !dir.join(RUN_JSON).exists() {
        assert!(reported.is_empty(), "{what}");
        return;
    }
    read_run(dir).unwrap();
    let listed: Vec<usize> = read_cases(dir).unwrap().rows.iter().map(|case| case.case).collect();
    // One that was being written may be there or not.
    assert!(listed.starts_with(reported) && listed.len() <= reported.len() + 1, "{what}: {listed:?}, {reported:?}");
    let (rows, (histograms, _)) = (read_timeline(dir).unwrap().rows, read_histograms(dir).unwrap());
    for case in listed {
        assert_eq!(rows.iter().filter(|row| row.case == case).count(), 2, "{what}");
        for kind in ["latency", "hiccup"] {
            assert_eq!(histograms.tagged(&format!("c{case}r1.{kind}")).count(), 1, "{what}");
        }
    }
    read_operators(dir).unwrap();
}

#[test]
fn whichever_step_fails_what_was_finished_is_there_and_resuming_gives_the_whole_run() {
    let dir = TempDir::new().unwrap();
    let whole = dir.path().join("whole");
    planted::fail(0..0);
    run_of_three(&whole).1.unwrap();
    let (steps, whole) = (planted::steps(), content(&whole));
    assert!(steps > 40 && whole.len() == 6, "{steps} steps, {} files", whole.len());
    for at in 0..steps {
        // The disk is full for a moment, or the process ends there and does not even tidy up.
        for (how, failing) in [("once", at..at + 1), ("for good", at..usize::MAX)] {
            let (dir, what) = (dir.path().join(format!("{at} {how}/run")), format!("step {at} fails {how}"));
            planted::fail(failing);
            let (reported, ended) = run_of_three(&dir);
            planted::fail(0..0);
            let error = ended.unwrap_err();
            assert!(
                matches!(&error, ResultsError::Io { .. }) && error.to_string().contains("free some space"),
                "{error}"
            );
            if dir.exists() {
                assert_readable(&dir, &reported, &what);
            }
            run_of_three(&dir).1.unwrap();
            assert!(content(&dir) == whole, "{what}: {:?}", names(&dir));
        }
    }
}

#[test]
fn whichever_step_of_resuming_fails_nothing_is_lost() {
    let dir = TempDir::new().unwrap();
    let broken = |name: &str| {
        let path = dir.path().join(name);
        planted::fail(0..0);
        drop(two_of_three(&path));
        append_raw(&path.join(TIMELINE_CSV), "9,1,0");
        append_raw(&path.join(CASES_NDJSON), "{\"sch");
        path
    };
    let first = broken("first");
    planted::fail(0..0);
    run_of_three(&first).1.unwrap();
    let (steps, whole) = (planted::steps(), content(&first));
    for at in 0..steps {
        for (how, failing) in [("once", at..at + 1), ("for good", at..usize::MAX)] {
            let (dir, what) = (broken(&format!("{at} {how}")), format!("step {at} fails {how}"));
            planted::fail(failing);
            let (reported, ended) = run_of_three(&dir);
            planted::fail(0..0);
            assert!(matches!(ended, Err(ResultsError::Io { .. })), "{what}");
            assert_readable(&dir, if reported.is_empty() { &[1, 2] } else { &reported }, &what);
            run_of_three(&dir).1.unwrap();
            assert!(content(&dir) == whole, "{what}");
        }
    }
}

/// A run with two of three cases.
fn two_of_three(dir: &Path) -> ResultsDir {
    let mut results = ResultsDir::create(dir).unwrap();
    results.write_run(&example::run()).unwrap();
    append(&mut results, 1).unwrap();
    append(&mut results, 2).unwrap();
    results
}

#[test]
fn a_folder_is_created_with_those_above_it() {
    let dir = TempDir::new().unwrap();
    planted::fail(0..0);
    disk::create_folders(&dir.path().join("a/b/c")).unwrap();
    assert!(dir.path().join("a/b/c").is_dir());
    assert_eq!(planted::steps(), 4, "each of three is synced into the one above");
    disk::create_folders(&dir.path().join("a/b/c")).unwrap();
    assert_eq!(planted::steps(), 5);
}

#[test]
fn replacing_a_file_leaves_the_old_one_or_the_new_one() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("report.html");
    write_atomically(&path, b"old").unwrap();
    write_atomically(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(dir.path()), ["report.html"]);
    let blocked = dir.path().join("blocked");
    fs::create_dir_all(blocked.join("inside")).unwrap();
    assert!(write_atomically(&blocked, b"new").is_err());
    assert_eq!(names(dir.path()), ["blocked", "report.html"]);
}

#[test]
fn times_of_the_calendar_become_milliseconds() {
    // From `date -u +%s`.
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2000-02-29T12:00:00Z", Some(951_825_600_000)),
        ("2026-01-31T10:00:00.250Z", Some(1_769_853_600_250)),
        ("2100-03-01T00:00:00.5Z", Some(4_107_542_400_500)),
        ("2026-01-31T10:00:00+01:00", None),
        ("2026-13-31T10:00:00Z", None),
        ("soon", None),
    ] {
        assert_eq!(epoch_ms(text), expected, "{text}");
    }
}
