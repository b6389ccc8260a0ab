//! Files as people have them: separators, encodings, headers, JSON of other shapes. The cases are named after those of
//! the audit that found them.

use flowbench_events::{Event, Kind, Mapping, ReadSummary, Reject, parse_rfc3339_ms};

use crate::reading::{Read, read, read_as, through};

const T: &str = "2026-03-01T10:00:00Z";

impl Read {
    /// Every event as kind, customer, order, product, country and value.
    fn in_words(&self) -> Vec<String> {
        self.trace.events.iter().map(|event| self.one_in_words(event)).collect()
    }

    fn one_in_words(&self, event: &Event) -> String {
        let (record, symbols) = (event.record(), &self.trace.symbols);
        let mut words = record.kind.name().to_owned();
        for id in [record.customer, record.order, record.product] {
            words.push(' ');
            symbols.push_id(id, &mut words);
        }
        words.push(' ');
        words.push_str(symbols.country_name(record.country));
        words.push(' ');
        words + &record.value.map_or(String::new(), |value| value.to_string())
    }

    fn assumed(&self) -> String {
        self.summary.assumed.join(", ")
    }

    fn rejects_in_words(&self) -> Vec<String> {
        self.rejects.iter().map(Reject::to_string).collect()
    }
}

fn mapped(name: &str, bytes: impl AsRef<[u8]>, mapping: &str) -> Read {
    read_as(name, bytes, &through(mapping)).unwrap()
}

/// Why a log is not read; the path of the scratch folder is left out.
fn refused(name: &str, bytes: impl AsRef<[u8]>, mapping: Option<&str>) -> String {
    let options = mapping.map(through).unwrap_or_default();
    let told = read_as(name, bytes, &options).unwrap_err().to_string();
    told[told.find(name).unwrap()..].to_owned()
}

const MAP: &str = r#"
    time = { column = "when" }
    kind = { column = "what", values = { order = "order_placed" } }
    customer = { column = "who" }
    value = { column = "amount" }
"#;

// One log, written in every way.

#[test]
fn a10_the_same_rows_are_the_same_events_in_every_dialect() {
    let rows = ["when,what,who,amount", "2026-03-01T10:00:00Z,order,Zoë,5", "2026-03-01T10:00:01Z,order,\"B\nC\",6.5"];
    let encodings: [fn(&str) -> Vec<u8>; 4] = [
        |text| text.into(),
        |text| text.chars().map(|letter| letter as u8).collect(), // Latin-1
        |text| utf16(text, u16::to_le_bytes),
        |text| utf16(text, u16::to_be_bytes),
    ];
    for separator in [",", ";", "\t", "|"] {
        for trailing in ["", separator] {
            for end in ["\n", "\r\n"] {
                let text: String = rows.iter().map(|row| row.replace(',', separator) + trailing + end).collect();
                for encode in encodings {
                    let log = mapped("log.csv", encode(&text), MAP);
                    let expected = ["order_placed Zoë    5.000", "order_placed B\nC    6.500"];
                    assert_eq!(
                        log.in_words(),
                        expected,
                        "{separator:?} {trailing:?} {end:?}: {:?}",
                        log.rejects_in_words()
                    );
                }
            }
        }
    }
}

// What is not used cannot spoil a row.

#[test]
fn a8_what_no_one_uses_cannot_spoil_a_row() {
    let huge = "x".repeat(2 << 20);
    for note in [b"\xff\xfe".as_slice(), b"\xa35", b"a\0b", huge.as_bytes(), b"\"\xff,\n\0\""] {
        let rows = [b"note,when,what,who,amount\n", note, b",2026-03-01T10:00:00Z,order,c,5\n"].concat();
        let log = mapped("log.csv", &rows, MAP);
        assert_eq!(log.in_words(), ["order_placed c    5.000"], "{:?}", log.rejects);
        // The columns of the interchange format are used, others are not.
        let native = [b"note,event_time,kind,customer\n", note, b",2026-03-01T10:00:00Z,order_placed,c\n"].concat();
        assert_eq!(read("log.csv", &native).in_words(), ["order_placed c    "]);
    }
}

#[test]
fn a8_what_is_used_is_blamed_by_its_name() {
    for (cell, reason) in [
        (b"\xff".to_vec(), "the field is not UTF-8"),
        (b"a\0b".to_vec(), "the field holds a NUL byte"),
        (vec![b'x'; 2 << 20], "the field has 2097152 bytes, more than 1 MiB"),
    ] {
        let rows = [b"note,when,what,who,amount\n\xff,2026-03-01T10:00:00Z,order,", &cell[..], b",5\n"].concat();
        assert_eq!(mapped("log.csv", &rows, MAP).rejects_in_words(), [format!("line 2, column who: {reason}")]);
    }
}

#[test]
fn a8_the_same_for_json_lines() {
    let line =
        b"{\"note\":\"\xff\",\"kind\":\"order_placed\",\"event_time\":\"2026-03-01T10:00:00Z\",\"customer\":\"c\"}\n";
    assert_eq!(read("log.jsonl", line).in_words(), ["order_placed c    "]);
    let line = b"{\"kind\":\"order_placed\",\"event_time\":\"2026-03-01T10:00:00Z\",\"customer\":\"\xff\"}\n";
    assert_eq!(read("log.jsonl", line).rejects_in_words(), ["line 1, column customer: the field is not UTF-8"]);
    let line =
        b"{\"note\":\"\xff\",\"deep\":{\"x\":[\"\\u0000\"]},\"what\":\"order\",\"when\":\"2026-03-01T10:00:00Z\",\
                 \"who\":1,\"amount\":5}\n";
    assert_eq!(mapped("log.jsonl", line, MAP).in_words(), ["order_placed 1    5.000"]);
}

// Files without a header.

/// `sessions` of Taobao's form: user, item, category, behaviour, seconds.
const HEADERLESS: &str = "1,19,55,pv,1511658000\n100,28,77,buy,1511658060\n";

#[test]
fn b2_a_file_without_a_header_is_read_with_the_names_a_mapping_gives() {
    let mapping = r#"
        columns = ["user", "item", "category", "what", "when"]
        time = { column = "when", format = "epoch_s" }
        kind = { column = "what", values = { pv = "page_viewed", buy = "order_placed" } }
        customer = { column = "user" }
        product = { column = "item" }
    "#;
    let log = mapped("log.csv", HEADERLESS, mapping);
    assert_eq!(log.in_words(), ["page_viewed 1  19  ", "order_placed 100  28  "]);
    assert_eq!((log.summary.rows, log.assumed()), (2, String::new()));
    let log = mapped("log.csv", HEADERLESS.replace(',', "|"), mapping);
    assert_eq!((log.in_words().len(), log.assumed()), (2, "'|'-separated".to_owned()));
    let numbered = r#"
        header = false
        time = { column = "5", format = "epoch_s" }
        kind = { column = "4", values = { pv = "page_viewed", buy = "order_placed" } }
        customer = { column = "1" }
        product = { column = "2" }
    "#;
    assert_eq!(mapped("log.csv", HEADERLESS, numbered).in_words(), log.in_words());
    let renamed = format!("header = true\n{mapping}");
    assert_eq!(mapped("log.csv", format!("a,b,c,d,e\n{HEADERLESS}"), &renamed).in_words(), log.in_words());
}

#[test]
fn b2_a_first_row_is_not_taken_for_a_header_in_silence() {
    let told = refused("log.csv", HEADERLESS, None);
    assert!(told.contains("no column 'kind'") && told.contains("columns = [...]"), "{told}");
    let mapping = r#"
        time = { column = "1511658000", format = "epoch_s" }
        kind = { column = "pv", values = { pv = "page_viewed", buy = "order_placed" } }
    "#;
    let told = refused("log.csv", HEADERLESS, Some(mapping));
    assert!(told.contains("the first line is a row and not a header") && told.contains("columns = [...]"), "{told}");
    let log = mapped("log.csv", HEADERLESS, &format!("header = true\n{mapping}"));
    assert_eq!(log.summary.rows, 1);
}

// Separators, decimal commas.

#[test]
fn b3_separators_are_recognised_and_told() {
    let rows = format!("when,what,who,amount\n{T},order,ann,5\n{T},order,\"b,;\t|\",6.5\n");
    let expected = ["order_placed ann    5.000", "order_placed b,;\t|    6.500"];
    for (separator, assumed) in [(",", ""), (";", "';'-separated"), ("\t", "tab-separated"), ("|", "'|'-separated")] {
        let (plain, quoted) = rows.split_once('"').unwrap();
        let rows =
            format!("{}\"{}", plain.replace(',', separator), quoted.replacen("\",", &format!("\"{separator}"), 1));
        let log = mapped("log.csv", &rows, MAP);
        assert_eq!((&log.in_words()[..], &*log.assumed()), (&expected.map(str::to_owned)[..], assumed));
        // What a mapping says is not assumed.
        let log = mapped("log.csv", &rows, &format!("separator = \"{}\"\n{MAP}", separator.escape_default()));
        assert_eq!((&log.in_words()[..], &*log.assumed()), (&expected.map(str::to_owned)[..], ""));
        let native =
            rows.replacen("when", "event_time", 1).replacen("what", "kind", 1).replace("order", "order_placed");
        assert_eq!((read("log.csv", &native).summary.events, &*read("log.csv", native).assumed()), (2, assumed));
    }
}

#[test]
fn b3_a_decimal_comma_is_recognised_beside_another_separator() {
    let rows = format!("when;what;who;amount\n{T};order;ann;2,55\n{T};order;bob;1.203,39\n{T};order;cy;7\n");
    let log = mapped("log.csv", &rows, MAP);
    let values: Vec<i64> = log.trace.events.iter().map(|event| event.value().unwrap().0).collect();
    assert_eq!(values, [2550, 1_203_390, 7000]);
    assert_eq!(log.assumed(), "';'-separated, decimal comma");
    // It may be either: not guessed, but told.
    let log = mapped("log.csv", format!("when;what;who;amount\n{T};order;ann;1,203\n"), MAP);
    assert_eq!((log.summary.rejects, &*log.assumed()), (1, "';'-separated"));
}

#[test]
fn b3_a_line_that_tells_the_separator_is_no_header() {
    for line in ["sep=;\n", "\"sep=;\"\r\n"] {
        let log = mapped("log.csv", format!("{line}when;what;who;amount\n{T};order;ann;5\nx;order;;\n"), MAP);
        assert_eq!(log.in_words(), ["order_placed ann    5.000"]);
        assert_eq!(log.rejects[0].line, 4);
    }
}

#[test]
fn b3_a_wrong_separator_is_told_and_no_header_is_offered_whole() {
    let rows = "InvoiceNo;StockCode;Quantity;InvoiceDate;Country\n536365;A;6;2026-03-01;UK\n";
    let mapping = "time = { column = \"InvoiceDate\" }\nkind = { constant = \"order_placed\" }\n";
    let told = refused("log.csv", rows, Some(&format!("separator = \",\"\n{mapping}")));
    assert!(told.ends_with("it has no ',' but ';': say separator = ';' in the mapping"), "{told}");
    assert!(!told.contains("did you mean"), "{told}");
    let wrong = mapping.replace("InvoiceDate", "InvoiceDat");
    let told = refused("log.csv", rows, Some(&wrong));
    assert_eq!(
        told,
        "log.csv: there is no column 'InvoiceDat'; did you mean 'InvoiceDate'? (columns: InvoiceNo, StockCode, Quantity, \
         InvoiceDate, Country); map.toml, line 1, asks for it; read as ';'-separated, unless a mapping says otherwise"
    );
    for separator in ["ab", "", "a", "\\n", "\\\""] {
        let mapping = format!("separator = \"{separator}\"\n{mapping}");
        let told = Mapping::parse(&mapping, "map.toml").unwrap_err().to_string();
        assert!(told.starts_with("map.toml, line 1, column 13: a separator is one character"), "{told}");
    }
}

// What shops export.

#[test]
fn b5_notes_over_lines_offsets_without_colon_and_empty_cells_are_read() {
    let rows = "Name,Total,Created at,Notes,Id\n\
                #1,99.75,2021-05-03 12:00:00 +0400,\"ring\r\ntwice, \"\"please\"\"\n\",380\n\
                #1,,2021-05-03 12:00:00 +0400,,\n";
    let mapping = r#"
        time = { column = "Created at", format = "%Y-%m-%d %H:%M:%S %z" }
        kind = { constant = "order_placed" }
        order = { column = "Name" }
        value = { column = "Total" }
    "#;
    let log = mapped("log.csv", rows, mapping);
    assert_eq!(log.in_words(), ["order_placed  #1   99.750", "order_placed  #1   "]);
    assert_eq!(log.trace.events[1].event_time_ms(), parse_rfc3339_ms("2021-05-03T08:00:00Z").unwrap());
}

// JSON of other shapes.

#[test]
fn b8_json_lines_with_names_of_their_own_are_read_through_a_mapping() {
    let lines = "{\"event_name\":\"purchase\",\"at\":{\"utc\":\"2026-03-01T10:00:00Z\"},\"user\":{\"id\":7},\
                 \"items\":[{\"sku\":\"A\"},{\"sku\":\"B\"}],\"ecommerce\":{\"total\":12.50},\"geo.country\":\"Norway\"}\n\
                 {\"event_name\":\"scroll\",\"at\":{}}\n\
                 {\"event_name\":\"purchase\",\"at\":{\"utc\":\"yesterday\"}}\n\
                 {\"event_name\":\"purchase\",\"at\":{\"utc\":\"2026-03-01T10:00:00Z\"},\"items\":null}\n";
    let mapping = r#"
        time = { column = "at.utc" }
        kind = { column = "event_name", values = { purchase = "order_placed" } }
        customer = { column = "user.id" }
        order = { column = "ecommerce.transaction" }
        product = { column = "items.1.sku" }
        value = { column = "ecommerce.total" }
        country = { column = "geo.country" }
    "#;
    let log = mapped("log.jsonl", lines, mapping);
    assert_eq!(log.in_words(), ["order_placed 7  B Norway 12.500", "order_placed     "]);
    assert!(log.rejects_in_words()[0].starts_with("line 3, column at.utc: 'yesterday' cannot be read as a time"));
    let told = log.summary.to_string();
    assert!(told.ends_with("1 skipped ('scroll' 1), 1 rejected; in no row: 'ecommerce.transaction'"), "{told}");
}

#[test]
fn b8_an_array_of_objects_is_read_element_by_element() {
    let one = |kind: &str| format!("{{\"kind\":\"{kind}\",\"event_time\":\"{T}\",\"customer\":\"a]}}\\\"\"}}");
    let (order, view, bad) = (one("order_placed"), one("page_viewed"), one("x"));
    let pretty = |element: &str| element.replace(',', ",\n    ").replace('{', "{\n    ");
    for (name, text) in [
        ("log.json", format!("[{order},{view},{bad}]")),
        ("log", format!("\u{feff} [\n  {},\n  {},\n  {}\n]\n", pretty(&order), pretty(&view), pretty(&bad))),
        ("log.jsonl", format!("[{order}\n,{view}\n,{bad}]")),
    ] {
        let log = read(name, text);
        assert_eq!(log.in_words(), ["order_placed a]}\"    ", "page_viewed a]}\"    "], "{name}");
        assert_eq!(log.rejects.len(), 1);
        assert!(log.rejects_in_words()[0].contains("column kind: 'x' is not a kind"));
    }
    let log = read("log.json", format!("[{order},{order}"));
    assert_eq!(
        (log.summary.events, log.rejects_in_words()),
        (2, vec!["line 1: the array is not closed; is the file complete?".to_owned()])
    );
    let mapping = "time = { column = \"t\" }\nkind = { constant = \"page_viewed\" }\n";
    assert_eq!(mapped("log.json", format!("[{{\"t\":\"{T}\"}}]"), mapping).summary.events, 1);
    assert_eq!(mapped("log.json", "[]", mapping).summary, ReadSummary::default());
}

#[test]
fn b8_json_that_is_called_csv_is_told() {
    for text in ["[{\"kind\":1}]", "{\"kind\":1}"] {
        let told = refused("log.csv", text, None);
        assert!(told.contains("it looks like JSON Lines: use the ending .jsonl"), "{told}");
    }
}

// Marks, encodings.

#[test]
fn b10_marks_line_ends_and_quoted_headers_are_read() {
    let rows = format!("\u{feff}\"when\",\"what\",\"who\",\"amount\"\r\n{T},order,ann,5\r\n\r\n\u{1a}");
    let log = mapped("log.csv", rows, MAP);
    assert_eq!(log.in_words(), ["order_placed ann    5.000"]);
    assert_eq!(log.rejects_in_words(), ["line 4: the row has 1 fields, the header 4"]);
}

fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes_of).collect()
}

#[test]
fn b11_utf16_is_recognised_with_and_without_its_mark() {
    let csv = format!("when;what;who;amount\r\n{T};order;Zoë 漢🙂;2,55\r\n");
    let json = format!("{{\"when\":\"{T}\",\"what\":\"order\",\"who\":\"Zoë 漢🙂\",\"amount\":2.55}}\n");
    for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
        for mark in ["\u{feff}", ""] {
            for (name, text) in [("log.csv", &csv), ("log.jsonl", &json), ("log", &json)] {
                let log = mapped(name, utf16(&format!("{mark}{text}"), bytes_of), MAP);
                assert_eq!(log.in_words(), ["order_placed Zoë 漢🙂    2.550"], "{name}");
                assert!(log.assumed().starts_with("UTF-16"), "{}", log.assumed());
            }
        }
    }
    let stated = format!("encoding = \"utf-16\"\n{MAP}");
    let log = mapped("log.jsonl", utf16(&json, u16::to_le_bytes), &stated);
    assert_eq!((log.summary.events, log.assumed()), (1, String::new()));
}

#[test]
fn b11_half_a_character_of_utf16_costs_its_row_only_if_it_is_used() {
    let mut bytes = utf16(&format!("when,what,who,amount,note\n{T},order,a,5,?\n{T},order,?,5,b\n"), u16::to_le_bytes);
    for pair in bytes.as_chunks_mut::<2>().0 {
        if *pair == [b'?', 0] {
            *pair = 0xd800_u16.to_le_bytes();
        }
    }
    let log = mapped("log.csv", &bytes, MAP);
    assert_eq!(
        (log.in_words().len(), log.rejects_in_words()),
        (1, vec!["line 3, column who: the field is not UTF-8".to_owned()])
    );
}

#[test]
fn b13_latin_1_where_nothing_uses_it_loses_nothing() {
    let rows = b"when,what,Description,who,amount\n2026-03-01T10:00:00Z,order,\xa35 OFF,a,1\n\
                 2026-03-01T10:01:00Z,order,CAF\xc9,b,2\n2026-03-01T10:02:00Z,order,plain,c,3\n";
    let log = mapped("log.csv", rows, MAP);
    assert_eq!(log.in_words(), ["order_placed a    1.000", "order_placed b    2.000", "order_placed c    3.000"]);
    let strict = mapped("log.csv", rows, &format!("encoding = \"utf-8\"\n{MAP}"));
    assert_eq!((strict.in_words(), strict.assumed()), (log.in_words(), String::new()));
}

#[test]
fn b13_latin_1_is_recognised_where_it_is_used() {
    let rows = b"when,what,who,amount\n2026-03-01T10:00:00Z,order,Zo\xeb \x80,1\n";
    let log = mapped("log.csv", rows, MAP);
    assert_eq!(
        (log.in_words(), log.assumed()),
        (vec!["order_placed Zoë €    1.000".to_owned()], "Windows-1252".to_owned())
    );
    for name in ["latin-1", "ISO-8859-1", "windows-1252"] {
        let log = mapped("log.csv", rows, &format!("encoding = \"{name}\"\n{MAP}"));
        assert_eq!((log.in_words(), log.assumed()), (vec!["order_placed Zoë €    1.000".to_owned()], String::new()));
    }
    let log = mapped("log.csv", rows, &format!("encoding = \"utf-8\"\n{MAP}"));
    assert_eq!(log.rejects_in_words(), ["line 2, column who: the field is not UTF-8"]);
    // What is recognised by its first part may be UTF-8 further down.
    let mixed = [&rows[..], "2026-03-01T10:00:00Z,order,é漢,2\n".as_bytes()].concat();
    assert_eq!(mapped("log.csv", mixed, MAP).in_words()[1], "order_placed é漢    2.000");
    let told = Mapping::parse(&format!("encoding = \"ebcdic\"\n{MAP}"), "map.toml").unwrap_err().to_string();
    assert!(told.contains("line 1") && told.contains("(encodings: utf-8, utf-16, latin-1, windows-1252)"), "{told}");
}

// Separators at the end.

#[test]
fn b14_trailing_separators_are_tolerated_in_header_and_rows() {
    for (header, rows) in [(",,", ",,"), ("", ",,"), (",", ""), ("", "")] {
        let text = format!("when,what,who,amount{header}\n{T},order,a,1{rows}\n{T},order,\"b\nb\",2{rows}\n");
        let log = mapped("log.csv", text, MAP);
        assert_eq!(log.summary.to_string(), "2 rows: 2 events, 0 skipped, 0 rejected", "{header} {rows}");
    }
    let log = mapped("log.csv", format!("when,what,who,amount\n{T},order,a,1,,x\n{T},order,a\n"), MAP);
    let told = ["line 2: the row has 6 fields, the header 4", "line 3: the row has 3 fields, the header 4"];
    assert_eq!(log.rejects_in_words(), told);
}

// Quotes as MySQL writes them, times.

#[test]
fn b16_a_backslash_before_a_quote_costs_its_row_and_is_told() {
    let log = mapped(
        "log.csv",
        format!("when,what,who,amount,note\n{T},order,a,1,\"6\\\" tube\"\n{T},order,b,2,\"x\"\n"),
        MAP,
    );
    assert_eq!(log.in_words(), ["order_placed b    2.000"]);
    assert!(
        log.rejects_in_words()[0].starts_with("line 2, column note: text follows the quote"),
        "{:?}",
        log.rejects_in_words()
    );
}

#[test]
fn b19_the_iso_forms_of_a_time_are_read() {
    let log = |cell: &str| mapped("log.csv", format!("when,what,who,amount\n\"{cell}\",order,a,1\n"), MAP);
    for cell in [
        "2026-03-01T10:00:00Z",
        "2026-03-01t10:00:00z",
        "2026-03-01 10:00:00Z",
        "2026-03-01T11:00:00+01:00",
        "2026-03-01T11:00:00+01",
        "2026-03-01T11:00:00+0100",
        "2026-03-01T10:00:00.000000000Z",
        "2026-03-01T10:00:00,000Z",
        "20260301T100000Z",
    ] {
        let log = log(cell);
        let times: Vec<i64> = log.trace.events.iter().map(Event::event_time_ms).collect();
        assert_eq!(times, [parse_rfc3339_ms(T).unwrap()], "{cell}: {:?}", log.rejects_in_words());
    }
    let log = log("2026-03-01T10:00:00");
    assert!(log.rejects_in_words()[0].contains("it has no offset such as Z"), "{:?}", log.rejects_in_words());
}

// Names.

#[test]
fn b21_a_column_of_ours_in_another_case_is_told() {
    let log = read("log.csv", format!("kind,event_time,Customer,Value,note\norder_placed,{T},a,1,x\n"));
    let ignored = "; ignored columns: 'Customer' (did you mean 'customer'?), 'Value' (did you mean 'value'?), 'note'";
    assert!(log.summary.to_string().ends_with(ignored), "{}", log.summary);
    let log = read("log.jsonl", format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\",\"Customer\":1}}\n"));
    assert!(log.summary.to_string().ends_with("'Customer' (did you mean 'customer'?)"), "{}", log.summary);
    let told = refused("log.csv", "Kind,Event_Time\n", None);
    assert!(told.contains("no column 'kind'; did you mean 'Kind'?"), "{told}");
}

#[test]
fn reliability_b16_names_in_messages_are_short_clean_and_few() {
    let wide: Vec<String> = (0..300_000).map(|number| format!("column {number}")).collect();
    let told = refused("log.csv", wide.join(","), None);
    assert!(told.len() < 1000 && told.contains("… and 299980 more"), "{} bytes", told.len());
    let told = refused("log.csv", "x".repeat(1 << 20), None);
    assert!(told.len() < 1000, "{} bytes", told.len());
    for header in ["a\x1b[2J,kind\n", "\"a\n\x07kind\",x\n", "event_time,kind\x1b[1m\n"] {
        let told = refused("log.csv", header, None);
        assert!(!told.contains(char::is_control), "{told:?}");
    }
    let log =
        mapped("log.csv", format!("when,what,who\x1b,amount\n{T},order,\u{0},1\n"), &MAP.replace("who", "who\\u001b"));
    assert!(!log.rejects_in_words()[0].contains(char::is_control), "{:?}", log.rejects_in_words());
}

#[test]
fn a_mapping_of_a_file_says_what_is_wrong_with_its_keys() {
    for (wrong, told) in [
        ("separator = 1", "separator must be a text in quotes"),
        ("header = \"no\"", "write it like header = false"),
        ("columns = \"a\"", "write it like columns = ["),
        ("columns = []", "write it like columns = ["),
        ("columns = [1]", "write it like columns = ["),
        ("encoding = 8", "encoding must be a text in quotes"),
    ] {
        let error = Mapping::parse(&format!("{MAP}\n{wrong}"), "map.toml").unwrap_err().to_string();
        assert!(error.contains("line 7, column ") && error.contains(told), "{error}");
    }
    let kinds = mapped("log.csv", format!("when,what,who,amount\n{T},order,a,1\n"), MAP);
    assert_eq!(kinds.trace.events[0].kind(), Kind::OrderPlaced);
}
