//! Nothing is lost: no file is overwritten that was not meant, no bad row is silent or without bound, no file is half.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use flowbench_events::Output;

use crate::command::Scratch;

const HEADER: &str = "event_id,kind,event_time,customer,value\n";
const GOOD: &str = "1,order_placed,2026-01-05T08:00:00.000Z,ann,10\n";
const REPLAY: &str = "flowbench replay log.csv --pipeline identity";

/// A log with one good row and so many bad ones.
fn with_bad_rows(count: usize) -> String {
    format!("{HEADER}{GOOD}{}", "bad,row\n".repeat(count))
}

/// Runs a line that has to fail and to name what it says, and checks that the file is as it was.
fn keeps(scratch: &Scratch, file: &str, line: &str, words: &[&str]) {
    let before = scratch.bytes(file);
    let ended = scratch.fails(line, 2, words);
    assert_eq!(ended.stdout, "", "{line}");
    assert!(scratch.bytes(file) == before, "{line}\nchanged {file}");
}

// B1: no input and no file of others is overwritten.

#[test]
fn a_log_that_is_called_like_the_rejects_of_its_answers_stays() {
    let scratch = Scratch::new();
    scratch.write("answers.rejects.csv", with_bad_rows(3));
    let line = "flowbench replay answers.rejects.csv --pipeline identity -o answers.csv";
    keeps(&scratch, "answers.rejects.csv", line, &["answers.rejects.csv", "replace the log", "--rejects"]);
    scratch.ok(&format!("{line} --rejects mine.csv"));
    assert_eq!(scratch.text("mine.csv").lines().count(), 1 + 3);
    scratch.ok(&format!("{line} --rejects none"));
}

#[test]
fn hard_links_and_symbolic_links_of_what_is_read_are_not_replaced() {
    let scratch = Scratch::new();
    scratch.write("log.csv", with_bad_rows(1));
    scratch.write("map.toml", "time = { column = \"event_time\" }\nkind = { column = \"kind\" }\n");
    fs::hard_link(scratch.path("log.csv"), scratch.path("hard.csv")).unwrap();
    symlink("log.csv", scratch.path("soft.csv")).unwrap();
    for name in ["log.csv", "hard.csv", "soft.csv", "./log.csv"] {
        keeps(&scratch, "log.csv", &format!("{REPLAY} -o {name}"), &[name, "replace the log", "-o"]);
        keeps(&scratch, "log.csv", &format!("{REPLAY} --rejects {name}"), &[name, "replace the log", "--rejects"]);
        keeps(&scratch, "log.csv", &format!("flowbench inspect log.csv --rejects {name}"), &[name, "replace the log"]);
        let from_stdin = format!("flowbench replay - --pipeline identity -o {name} < log.csv");
        keeps(&scratch, "log.csv", &from_stdin, &[name, "replace the log"]);
    }
    let mapped = format!("{REPLAY} --map map.toml");
    keeps(&scratch, "map.toml", &format!("{mapped} -o map.toml"), &["map.toml", "replace the mapping"]);
    keeps(&scratch, "map.toml", &format!("{mapped} --rejects map.toml"), &["map.toml", "replace the mapping"]);
    keeps(&scratch, "log.csv", &format!("{REPLAY} >> log.csv"), &["standard output", "replace the log"]);
    for same in ["-o a.csv --rejects a.csv", "-o a.csv --rejects ./a.csv", "--rejects a.csv > a.csv"] {
        scratch.fails(&format!("{REPLAY} {same}"), 2, &["a.csv", "replace the answers", "--rejects"]);
    }
    scratch.write("mine.toml", "arrivals = {}\n");
    keeps(&scratch, "mine.toml", "flowbench generate --profile ./mine.toml -o mine.toml", &["replace the profile"]);
}

#[test]
fn a_file_that_is_no_list_of_rejects_is_not_replaced_by_one() {
    let scratch = Scratch::new();
    scratch.write("log.csv", with_bad_rows(2));
    scratch.write("answers.rejects.csv", "my,own,table\n");
    let words = ["answers.rejects.csv", "something other than rejects", "--rejects FILE"];
    keeps(&scratch, "answers.rejects.csv", &format!("{REPLAY} -o answers.csv"), &words);
    assert!(!scratch.path("answers.csv").exists());
    scratch.write("log.rejects.csv", "my,own,table\n");
    keeps(&scratch, "log.rejects.csv", REPLAY, &["log.rejects.csv", "--rejects FILE"]);
    symlink("elsewhere.csv", scratch.path("link.csv")).unwrap();
    scratch.fails(&format!("{REPLAY} --rejects link.csv"), 2, &["link.csv", "is a link to nothing"]);
    scratch.write("elsewhere.csv", "line,column,reason\n");
    scratch.fails(&format!("{REPLAY} --rejects link.csv"), 2, &["link.csv", "is a link, which is not followed"]);
    assert_eq!(scratch.text("elsewhere.csv"), "line,column,reason\n");
    // Rejects of a run before, and an empty file, are replaced.
    scratch.ok(&format!("{REPLAY} --rejects none -o answers.csv"));
    for old in ["line,column,reason\n7,,old\n", ""] {
        scratch.write("old.csv", old);
        scratch.ok(&format!("{REPLAY} --rejects old.csv"));
        assert_eq!(scratch.text("old.csv").lines().count(), 1 + 2);
    }
    scratch.ok(&format!("{REPLAY} --rejects /dev/null"));
}

#[test]
fn inspect_writes_nothing_unasked() {
    let scratch = Scratch::new();
    scratch.write("log.csv", with_bad_rows(2));
    scratch.write("log.rejects.csv", "my,own,table\n");
    let ended = scratch.ok("flowbench inspect log.csv");
    assert_eq!(fs::read_dir(scratch.path(".")).unwrap().count(), 2);
    for words in ["2 rows rejected", "--rejects FILE", "2 like line 3: the row has 2 fields, the header 5"] {
        assert!(ended.stderr.contains(words), "{words}\n{}", ended.stderr);
    }
    scratch.ok("flowbench inspect log.csv --rejects bad.csv");
    assert_eq!(
        scratch.text("bad.csv"),
        "line,column,reason\n3,,\"the row has 2 fields, the header 5\"\n".to_owned()
            + "4,,\"the row has 2 fields, the header 5\"\n"
    );
}

// B7: rejects are bounded and stop nothing.

#[test]
fn the_first_ten_thousand_rejects_are_listed_and_all_are_counted() {
    let scratch = Scratch::new();
    scratch.write("log.csv", with_bad_rows(12_345));
    let ended = scratch.ok(&format!("{REPLAY} -o answers.csv"));
    let rejects = scratch.text("answers.rejects.csv");
    assert_eq!(rejects.lines().count(), 1 + 10_000 + 1);
    assert_eq!(rejects.lines().last(), Some(",,and 2345 more rows that are not listed"));
    assert!(
        ended.stderr.contains("12345 rows rejected: the first 10000 are in answers.rejects.csv"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("12346 rows: 1 events, 0 skipped, 12345 rejected"), "{}", ended.stderr);
}

#[test]
fn a_line_of_quotes_does_not_multiply_on_the_disk() {
    let scratch = Scratch::new();
    scratch.write("log.csv", format!("{HEADER}{GOOD}{}", "\"\n".repeat(200_001)));
    scratch.ok(&format!("{REPLAY} -o answers.csv"));
    assert!(scratch.bytes("answers.rejects.csv").len() < 2_000_000);
}

#[test]
fn where_rejects_cannot_be_listed_unasked_they_are_counted_and_the_replay_goes_on() {
    let scratch = Scratch::new();
    scratch.write("log.csv", with_bad_rows(3));
    fs::create_dir(scratch.path("answers.rejects.csv")).unwrap();
    let ended = scratch.ok(&format!("{REPLAY} -o answers.csv"));
    assert_eq!(scratch.text("answers.csv").lines().count(), 1 + 1);
    for words in ["3 rows rejected: only counted", "answers.rejects.csv: is a folder", "--rejects FILE"] {
        assert!(ended.stderr.contains(words), "{words}\n{}", ended.stderr);
    }
    let gone = "mkdir gone && cd gone && rmdir ../gone";
    let log = scratch.path("log.csv");
    let replay = format!("flowbench replay {} --pipeline identity", log.display());
    let ended = scratch.ok(&format!("{gone} && {replay}"));
    assert_eq!(ended.answers().len(), 1);
    assert!(ended.stderr.contains("only counted") && !ended.stderr.contains("''"), "{}", ended.stderr);
    // Asked for, it is an error, before anything is read.
    let ended = scratch.fails(&format!("{REPLAY} --rejects no/where.csv"), 1, &["no/where.csv", "does not exist"]);
    assert_eq!(ended.stdout, "");
}

// B3: lines of any length, in bounded memory.

#[test]
fn a_line_without_end_is_rejected_within_half_a_gigabyte_of_address_space() {
    let scratch = Scratch::new();
    let bomb = |name: &str, begin: &str, end: &str| {
        let mut output = Output::create(scratch.path(name)).unwrap();
        output.write_all(begin.as_bytes()).unwrap();
        for _ in 0..700 {
            output.write_all(&[b'a'; 1 << 20]).unwrap();
        }
        output.write_all(end.as_bytes()).unwrap();
        output.finish().unwrap();
    };
    let good = "{\"kind\":\"order_placed\",\"event_time\":\"2026-01-05T08:00:00Z\"}\n";
    bomb("line.jsonl.zst", "{\"customer\":\"", &format!("\n{good}"));
    bomb("row.csv.zst", HEADER, &format!("\n{GOOD}"));
    bomb("quote.csv.zst", &format!("{HEADER}\""), &format!("\n{GOOD}"));
    bomb("header.csv.zst", "", "\n");
    let limited = "ulimit -v 500000; flowbench inspect";
    for name in ["line.jsonl.zst", "row.csv.zst", "quote.csv.zst"] {
        let ended = scratch.ok(&format!("{limited} {name} --json"));
        assert_eq!((&ended.json()["events"], &ended.json()["rejects"]), (&1.into(), &1.into()), "{name}");
        assert!(ended.stderr.contains("more than 16 MiB"), "{name}: {}", ended.stderr);
    }
    scratch.fails(&format!("{limited} header.csv.zst"), 1, &["header.csv.zst", "header line", "more than 16 MiB"]);
}

// Nothing read is not success.

#[test]
fn a_log_of_which_no_row_becomes_an_event_is_a_failure_with_its_reasons() {
    let scratch = Scratch::new();
    let bad = "1,order_placed,2019-10-01 00:00:00 UTC,ann,10\n2,order_placed,soon,ann,10\n3,order,x,ann,10\n4\n";
    scratch.write("log.csv", format!("{HEADER}{bad}"));
    let words = [
        "log.csv: no row became an event: 4 rows: 0 events, 0 skipped, 4 rejected",
        "2 like line 2, column event_time: '2019-10-01 00:00:00 UTC'",
        "1 like line 4, column kind: 'order'",
        "1 like line 5: the row has 1 fields",
    ];
    for line in [REPLAY, "flowbench inspect log.csv", "flowbench inspect -q log.csv", &format!("{REPLAY} --workers 2")]
    {
        let ended = scratch.fails(line, 1, &words);
        assert_eq!(ended.stdout, "", "{line}");
    }
    scratch.write("answers.csv", "old\n");
    scratch.fails(&format!("{REPLAY} -o answers.csv"), 1, &words);
    assert_eq!(scratch.text("answers.csv"), "old\n");
    assert_eq!(scratch.text("answers.rejects.csv").lines().count(), 1 + 4);
    scratch.fails(&format!("{REPLAY} --strict"), 1, &["line 2", "event_time"]);
    scratch.fails(&format!("{REPLAY} --processes 2"), 1, &words);
}

#[test]
fn more_bad_rows_than_allowed_are_a_failure_with_the_reasons_and_leave_the_old_answers() {
    let scratch = Scratch::new();
    scratch
        .write("log.csv", format!("{HEADER}{}{}", GOOD.repeat(7), "bad,row\n".repeat(2) + "1,order_placed,soon,a,1\n"));
    scratch.write("answers.csv", "old\n");
    let inspect = "flowbench inspect log.csv --rejects none";
    for (limit, line) in [("2", REPLAY), ("29.9%", REPLAY), ("2", inspect), ("0", inspect)] {
        let words = [
            &format!("log.csv: 3 of 10 rows are bad, more than --max-bad {limit} allows"),
            "2 like line 9: the row has 2 fields, the header 5",
            "1 like line 11, column event_time: 'soon'",
        ];
        let output = if line == REPLAY { "-o answers.csv" } else { "" };
        assert_eq!(scratch.fails(&format!("{line} {output} --max-bad {limit}"), 1, &words).stdout, "");
    }
    assert_eq!(scratch.text("answers.csv"), "old\n");
    for limit in ["3", "30%"] {
        scratch.ok(&format!("{REPLAY} --max-bad {limit} -o answers.csv"));
        scratch.ok(&format!("{inspect} --max-bad {limit}"));
    }
    scratch.fails(&format!("{REPLAY} --max-bad some"), 2, &["'some' is no number of rows such as 20"]);
    scratch.fails(&format!("{REPLAY} --max-bad 1 --strict"), 2, &["--max-bad"]);
}

#[test]
fn a_log_of_which_every_row_is_skipped_is_a_failure_strict_or_not() {
    let scratch = Scratch::new();
    scratch.write("log.csv", "t,what\n2026-01-05T08:00:00Z,Order_Placed\n2026-01-05T08:00:00Z,Order_Placed\n");
    scratch.write(
        "map.toml",
        "time = { column = \"t\" }\nkind = { column = \"what\", values = { order_placed = \"order_placed\" } }\n",
    );
    for strict in ["", " --strict"] {
        let words = ["no row became an event", "2 skipped ('Order_Placed' 2)", "values"];
        scratch.fails(&format!("{REPLAY} --map map.toml{strict}"), 1, &words);
        scratch.fails(&format!("flowbench inspect log.csv --map map.toml{strict}"), 1, &words);
    }
}

#[test]
fn a_file_whose_lines_end_in_cr_alone_is_read() {
    let scratch = Scratch::new();
    scratch.write("log.csv", "when,what,who,amount\r2026-03-01T10:00:00Z,order_placed,c,5\r");
    scratch.write(
        "map.toml",
        "time={column=\"when\"}\nkind={column=\"what\"}\ncustomer={column=\"who\"}\nvalue={column=\"amount\"}\n",
    );
    let ended = scratch.ok("flowbench replay log.csv --map map.toml --pipeline lifetime-value --strict");
    assert_eq!(ended.answers(), ["2026-03-01T10:00:00.000Z,c,1,5.000"]);
}

#[test]
fn a_log_without_rows_is_remarked_and_no_failure() {
    let scratch = Scratch::new();
    scratch.write("log.csv", HEADER);
    scratch.write("log.jsonl", "");
    for line in [REPLAY, "flowbench inspect log.csv", "flowbench inspect log.jsonl"] {
        assert!(scratch.ok(line).stderr.contains("has no rows"), "{line}");
    }
}

#[test]
fn what_spreadsheets_and_databases_leave_in_a_file_is_read_or_told() {
    let scratch = Scratch::new();
    // A byte order mark, CR LF, a quoted header, blank lines and Ctrl-Z at the end.
    let rows = "\u{feff}\"event_id\",\"kind\",\"event_time\"\r\n1,order_placed,2026-01-05T08:00:00Z\r\n\r\n\r\n\x1a";
    scratch.write("log.csv", rows);
    let ended = scratch.ok(&format!("{REPLAY} --rejects bad.csv"));
    assert_eq!(ended.answers().len(), 1);
    assert_eq!(
        scratch.text("bad.csv").lines().skip(1).collect::<Vec<_>>(),
        ["5,,\"the row has 1 fields, the header 3\""]
    );
    // Quotes escaped as MySQL does: rows that they spoil are told, the others read.
    let notes = ["plain", "\"5\\\" tube\"", "\"a\"\"b\"", "\"\\\"x\\\"\"", "last"];
    let rows: String = notes.map(|note| format!("order_placed,2026-01-05T08:00:00Z,{note}\n")).concat();
    scratch.write("log.csv", format!("kind,event_time,customer\n{rows}"));
    let ended = scratch.ok(REPLAY);
    assert_eq!(ended.answers().len(), 3);
    assert!(
        ended.stderr.contains("2 rows rejected: see log.rejects.csv\n  2 like line 3, column customer: text follows")
    );
}

#[test]
fn what_is_no_log_is_named_and_what_is_compressed_is_read_whatever_its_name() {
    let scratch = Scratch::new();
    scratch.write("log.csv", format!("{HEADER}{GOOD}"));
    scratch.ok("gzip -k log.csv && cat log.csv.gz log.csv.gz > members && head -c 5000 /dev/zero >> log.csv.gz");
    scratch.ok("flowbench replay log.csv.gz --pipeline identity --strict");
    assert!(scratch.ok("flowbench inspect members --format csv").stderr.contains("3 rows: 2 events"));
    scratch.write("log.parquet", b"PAR1\x15\x04\x15\x10");
    scratch.write("log.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    scratch.write("log.csv.xz", b"\xfd7zXZ\0\0\x04");
    for (name, word) in [("log.parquet", "a Parquet file"), ("log.xls", "an old Excel"), ("log.csv.xz", "xz -dc")] {
        scratch.fails(&format!("flowbench replay {name} --pipeline identity"), 1, &[name, word]);
        scratch.fails(&format!("flowbench inspect - < {name}"), 1, &["standard input", word]);
    }
}

// B2, B12, B16 and B17: damage, limits, terminals, half files.

#[test]
fn a_zstd_file_without_checksum_is_remarked_and_ours_have_one() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 2000 -o log.csv.zst");
    let whole = scratch.bytes("log.csv.zst");
    assert!(!scratch.ok("flowbench inspect log.csv.zst").stderr.contains("checksum"));
    let mut flipped = whole.clone();
    let at = flipped.len() / 2;
    flipped[at] ^= 4;
    scratch.write("flipped.csv.zst", flipped);
    scratch.fails("flowbench inspect flipped.csv.zst", 1, &["flipped.csv.zst", "is the file complete?"]);
    // One block as it is, without a checksum.
    let text = format!("{HEADER}{GOOD}");
    let mut frame =
        vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, text.len() as u8, (text.len() as u8) << 3 | 1, (text.len() >> 5) as u8, 0];
    frame.extend(text.as_bytes());
    scratch.write("plain.csv.zst", frame);
    let remark = "plain.csv.zst has no checksum";
    assert!(scratch.ok("flowbench inspect plain.csv.zst").stderr.contains(remark));
    assert!(scratch.ok("flowbench replay plain.csv.zst --pipeline identity").stderr.contains(remark));
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_leaves_the_old_file() {
    let scratch = Scratch::new();
    scratch.write("log.csv", "old\n");
    // The program is to ignore the signal by itself; here the shell sees to it.
    let limited = "trap '' XFSZ; ulimit -f 16; exec flowbench generate --profile tiny --events 20000 -o log.csv";
    scratch.fails(limited, 1, &["log.csv", "cannot be written", "ulimit -f"]);
    assert_eq!(scratch.text("log.csv"), "old\n");
    assert_eq!(fs::read_dir(scratch.path(".")).unwrap().count(), 1, "what was half written is gone");
}

#[test]
fn ctrl_c_leaves_the_old_file_and_nothing_half_written() {
    let scratch = Scratch::new();
    scratch.write("log.csv", "old\n");
    let running = scratch.start("exec flowbench generate --profile tiny --events 2G -o log.csv");
    let entries = || fs::read_dir(scratch.path(".")).unwrap().count();
    running.wait_until(|| entries() == 2);
    running.signal("INT");
    assert_eq!(running.finish().code, Some(130));
    assert_eq!((entries(), scratch.text("log.csv").as_str()), (1, "old\n"));
}

#[test]
fn nothing_in_a_file_can_steer_the_terminal() {
    let scratch = Scratch::new();
    scratch.write("header.csv", "a\x1b[2J,kind\u{9b}31m\n");
    scratch.fails("flowbench inspect header.csv", 1, &["header.csv"]);
    let cells = "1,order\x1b]0;x\x07,2026-01-05T08:00:00Z\n2,order_placed,\x1b[2J,\n\x1b[1m\n";
    scratch.write("cells.csv", format!("event_id,kind,event_time\n{cells}"));
    scratch.write("json.jsonl", "{\"a\x1b[2J\":1,\"kind\":\"\u{9b}2J\"}\n");
    for line in ["inspect header.csv", "inspect cells.csv", "inspect json.jsonl", "inspect cells.csv --strict"] {
        let ended = scratch.sh(&format!("flowbench {line}"));
        let steers = |letter: char| letter.is_control() && letter != '\n';
        assert!(!ended.stderr.contains(steers), "{line}: {:?}", ended.stderr);
        assert!(!ended.stderr.is_empty());
    }
}
