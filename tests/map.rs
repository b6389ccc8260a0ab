//! `map`, and what is said of files that are written in other ways.

use crate::command::Scratch;

const LOG: &str = "timestamp;visitorid;event;itemid;amount\n\
                   2026-03-01T10:00:00Z;ann;purchase;tea;2,55\n\
                   2026-03-01T10:00:01Z;ann;purchase;tea;1.203,39\n\
                   2026-03-01T10:00:02Z;bob;pageview;tea;\n";

#[test]
fn a_draft_is_ready_to_run() {
    let scratch = Scratch::new();
    scratch.write("log.csv", LOG);
    let ended = scratch.ok("flowbench map log.csv -o map.toml");
    let told = "map.toml is a first mapping; review it, above all the lines marked as a guess";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let draft = scratch.text("map.toml");
    assert_eq!(scratch.ok("flowbench map log.csv").stdout, draft);
    assert_eq!(scratch.ok("flowbench map - < log.csv").stdout, draft.replace("log.csv", "standard input"));
    assert!(draft.contains("\"purchase\" = \"order_placed\" # 2 rows"), "{draft}");
    let ended = scratch.ok("flowbench replay log.csv --map map.toml --pipeline lifetime-value --strict");
    assert_eq!(ended.answers().last().unwrap().split(',').next_back(), Some("1205.940"));
    assert!(!ended.stderr.contains("read log.csv as"), "{}", ended.stderr);
    scratch.ok("flowbench inspect log.csv --map map.toml");
}

#[test]
fn a_draft_with_words_that_are_not_known_is_refused_until_it_is_filled_in() {
    let scratch = Scratch::new();
    let rows: String = ["Bestellung", "Storno", "Geliefert"]
        .iter()
        .map(|word| format!("B1;K1;{word};23/11/2026 14:05;DE;1.234,50\n"))
        .collect();
    scratch.write("shop.csv", format!("Order No;Customer;Event;When;Country;Total\n{rows}"));
    let told = "map.toml is a first mapping that cannot be used until it is completed: map.toml, line ";
    let ended = scratch.ok("flowbench map shop.csv -o map.toml");
    assert!(ended.stderr.contains(told) && ended.stderr.contains("column 'Event'"), "{}", ended.stderr);
    for line in ["replay", "bench --out no"] {
        let line = format!("flowbench {line} shop.csv --map map.toml --pipeline lifetime-value");
        scratch.fails(&line, 2, &["map.toml", "no word of column 'Event' has a kind", "order_cancelled"]);
    }
    let unfinished = "# \"Bestellung\" = \"...\" # not known; 1 row";
    let draft = scratch.text("map.toml");
    assert!(draft.contains(unfinished), "{draft}");
    scratch.write("map.toml", draft.replace(unfinished, "\"Bestellung\" = \"order_placed\""));
    let ended = scratch.ok("flowbench replay shop.csv --map map.toml --pipeline lifetime-value --strict");
    assert!(ended.stderr.contains("2 skipped ('Geliefert' 1, 'Storno' 1)"), "{}", ended.stderr);
    assert_eq!(ended.answers(), ["2026-11-23T14:05:00.000Z,K1,1,1234.500"]);
}

#[test]
fn the_draft_of_a_generated_log_reads_all_of_it() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --events 30000 -q -o own.csv");
    scratch.ok("flowbench map own.csv -o own.toml -q");
    let draft = scratch.text("own.toml");
    for told in ["\nevent_id = ", "repeat one: --deduplicate counts the first only", "\nrating = "] {
        assert!(draft.contains(told), "{draft}");
    }
    let replay = "flowbench replay own.csv --pipeline lifetime-value --deduplicate --strict";
    let (own, mapped) = (scratch.ok(replay), scratch.ok(&format!("{replay} --map own.toml")));
    assert!(!own.answers().is_empty());
    assert_eq!(mapped.answers(), own.answers());
}

#[test]
fn a_draft_replaces_no_file() {
    let scratch = Scratch::new();
    scratch.write("log.csv", LOG);
    scratch.write("map.toml", "mine");
    for output in ["map.toml", "log.csv"] {
        let line = format!("flowbench map log.csv -o {output}");
        scratch.fails(&line, 1, &[output, "exists already\nhint: choose another name"]);
    }
    assert_eq!((scratch.text("map.toml"), scratch.text("log.csv")), ("mine".to_owned(), LOG.to_owned()));
    scratch.fails("flowbench map log.csv -o nowhere/map.toml", 1, &["nowhere/map.toml: cannot be written"]);
    scratch.fails("flowbench map none.csv", 1, &["none.csv: there is no such file"]);
    scratch.write("empty.csv", "a,b\n");
    scratch.fails("flowbench map empty.csv", 1, &["empty.csv: there is no row to draft a mapping from"]);
}

#[test]
fn what_is_assumed_of_a_file_is_said_in_one_line() {
    let scratch = Scratch::new();
    scratch.write("log.csv", [LOG.as_bytes(), b"2026-03-01T10:00:02Z;Zo\xeb;pageview;tea;\n"].concat());
    scratch.write(
        "map.toml",
        "time = { column = \"timestamp\" }\nkind = { column = \"event\", values = { purchase = \"order_placed\" } }\n\
         customer = { column = \"visitorid\" }\nvalue = { column = \"amount\" }\n",
    );
    let told = "read log.csv as Windows-1252, ';'-separated, decimal comma; a mapping overrides this\n";
    for line in ["replay log.csv --map map.toml --pipeline lifetime-value", "inspect log.csv --map map.toml"] {
        let ended = scratch.ok(&format!("flowbench {line}"));
        assert_eq!(ended.stderr.matches(told).count(), 1, "{}", ended.stderr);
        assert!(!scratch.ok(&format!("flowbench {line} -q")).stderr.contains("read log.csv"));
    }
    scratch.write("plain.csv", "kind,event_time\npage_viewed,2026-03-01T10:00:00Z\n");
    let ended = scratch.ok("flowbench inspect plain.csv");
    assert!(!ended.stderr.contains("overrides"), "{}", ended.stderr);
}

#[test]
fn reliability_b16_nothing_in_a_file_steers_the_terminal() {
    let scratch = Scratch::new();
    scratch.write("log.csv", "a\x1b[2J,kind\x07\n");
    let ended = scratch.fails("flowbench inspect log.csv", 1, &["there is no column 'kind'"]);
    assert!(!ended.stderr.replace('\n', "").contains(char::is_control), "{:?}", ended.stderr);
    scratch.write("log.csv", "a\x1b[2J,kind,event_time\n1,page_viewed,2026-03-01T10:00:00Z\n");
    assert!(!scratch.ok("flowbench inspect log.csv").stderr.contains('\x1b'));
    let ended = scratch.fails("flowbench inspect \"$(printf 'no\\033[2Jfile.csv')\"", 1, &["there is no such file"]);
    assert!(!ended.stderr.contains('\x1b'), "{:?}", ended.stderr);
}

#[test]
fn the_help_of_map_names_what_a_mapping_can_say() {
    let help = Scratch::new().ok("flowbench map --help").stdout;
    for word in ["separator", "encoding", "columns", "decimal", "absent", "group", "[[event]]", "items.0.price"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
