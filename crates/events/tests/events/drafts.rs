//! First mappings of published forms of logs: what is drafted is a mapping, and it reads every row. The rows are made
//! up; only their form is that of the files people publish.

use std::fs;

use flowbench_events::{Event, Input, Mapping, ReadOptions, ReadSummary, Symbols, draft_mapping, rfc3339};
use tempfile::TempDir;

use crate::reading::{Read, read_as, through};

/// The draft of a log, its first lines of comment left out.
fn draft(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let draft = draft_mapping(&Input::new(path), None).unwrap();
    assert!(draft.starts_with("# A first mapping for "), "{draft}");
    draft
        .lines()
        .filter(|line| !line.starts_with("# A first") && !line.starts_with("# flowbench"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Checks the draft line by line, blank lines left out.
fn drafts(name: &str, bytes: impl AsRef<[u8]>, expected: &str) -> String {
    let draft = draft(name, &bytes);
    let lines =
        |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&draft), lines(expected), "\n{draft}");
    let (events, summary) = read_with_draft(name, bytes, &draft);
    assert!(!events.is_empty() && summary.rejects == 0, "{summary}");
    draft
}

/// Reads a log with its own draft: every event in words, and what was said.
fn read_with_draft(name: &str, bytes: impl AsRef<[u8]>, draft: &str) -> (Vec<String>, ReadSummary) {
    let options = ReadOptions { strict: true, ..through(draft) };
    let Read { trace, summary, .. } = read_as(name, bytes, &options).unwrap();
    assert_eq!(summary.assumed, [""; 0], "a draft leaves nothing to be assumed");
    (trace.events.iter().map(|event| in_words(event, &trace.symbols)).collect(), summary)
}

fn in_words(event: &Event, symbols: &Symbols) -> String {
    let record = event.record();
    let mut words = format!("{} {}", rfc3339(record.event_time_ms), record.kind.name());
    for id in [record.customer, record.order, record.product] {
        words.push(' ');
        symbols.push_id(id, &mut words);
    }
    words.push(' ');
    words.push_str(&record.value.map_or("-".to_owned(), |value| value.to_string()));
    words.push(' ');
    words + symbols.country_name(record.country)
}

/// `2019-Oct.csv` of REES46.
const REES46: &str = "\
event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-01 00:00:00 UTC,view,44600001,2103807459595387001,,acme,35.79,541312001,72d76fde-0000-4c00-9e00-000000000001
2019-10-01 00:00:01 UTC,cart,3900002,2053013552326770002,appliances.kettle,,33.20,554748002,9333dfbd-0000-4c00-9e00-000000000002
2019-10-01 00:00:05 UTC,purchase,3900002,2053013552326770002,appliances.kettle,,33.20,554748002,9333dfbd-0000-4c00-9e00-000000000002
2019-10-01 00:00:07 UTC,remove_from_cart,3900002,2053013552326770002,,,33.20,554748002,9333dfbd-0000-4c00-9e00-000000000002
";

#[test]
fn a11_rees46() {
    let draft = drafts(
        "2019-Oct.csv",
        REES46,
        r#"
        time = { column = "event_time", format = "%Y-%m-%d %H:%M:%S UTC" } # such as 2019-10-01 00:00:00 UTC
        customer = { column = "user_id" } # such as 541312001
        product = { column = "product_id" } # such as 44600001
        value = { column = "price" } # such as 35.79
        # not used: category_id, category_code, brand, user_session (no known name)
        [kind]
        column = "event_type"
        [kind.values] # others are skipped
        "view" = "page_viewed" # 1 row
        "cart" = "info_downloaded" # a guess; 1 row
        "purchase" = "order_placed" # 1 row
        # "remove_from_cart" = "..." # not known; 1 row"#,
    );
    let (events, summary) = read_with_draft("2019-Oct.csv", REES46, &draft);
    assert_eq!(events[2], "2019-10-01T00:00:05.000Z order_placed 554748002  3900002 33.200 ");
    assert_eq!((summary.rows, summary.events, summary.skipped), (4, 3, 1));
}

/// `UserBehavior.csv` of Taobao.
const TAOBAO: &str = "\
1,2268001,2520377,pv,1511544070
1,2333002,2520771,fav,1511561733
100,1603003,2951233,buy,1511579908
100,1603003,2951233,cart,1511580000
";

#[test]
fn a11_taobao_has_no_header() {
    let draft = drafts(
        "UserBehavior.csv",
        TAOBAO,
        r#"
        columns = ["customer", "product", "column 3", "kind", "time"] # there is no header
        time = { column = "time", format = "epoch_s" } # such as 1511544070
        customer = { column = "customer" } # such as 1; a guess by its place
        product = { column = "product" } # such as 2268001; a guess by its place
        # not used: column 3 (no known name)
        [kind]
        column = "kind"
        [kind.values] # others are skipped
        "pv" = "page_viewed" # 1 row
        "fav" = "info_downloaded" # a guess; 1 row
        "buy" = "order_placed" # 1 row
        "cart" = "info_downloaded" # a guess; 1 row"#,
    );
    let (events, summary) = read_with_draft("UserBehavior.csv", TAOBAO, &draft);
    assert_eq!(events[2], "2017-11-25T03:18:28.000Z order_placed 100  1603003 - ");
    assert_eq!(summary.events, 4);
}

/// `events.csv` of Retailrocket.
const RETAILROCKET: &str = "\
timestamp,visitorid,event,itemid,transactionid
1433221332117,257001,view,355908,
1433224214164,992002,addtocart,248676,
1433222276276,599003,transaction,253185,7111
";

#[test]
fn a11_retailrocket() {
    let draft = drafts(
        "events.csv",
        RETAILROCKET,
        r#"
        time = { column = "timestamp", format = "epoch_ms" } # such as 1433221332117
        customer = { column = "visitorid" } # such as 257001
        order = { column = "transactionid" } # such as 7111
        product = { column = "itemid" } # such as 355908
        [kind]
        column = "event"
        [kind.values] # others are skipped
        "view" = "page_viewed" # 1 row
        "addtocart" = "info_downloaded" # a guess; 1 row
        "transaction" = "order_placed" # 1 row"#,
    );
    let (events, _) = read_with_draft("events.csv", RETAILROCKET, &draft);
    assert_eq!(events[2], "2015-06-02T05:17:56.276Z order_placed 599003 7111 253185 - ");
}

/// `Online Retail` saved as CSV by a spreadsheet of a country with decimal commas, in Windows-1252.
const ONLINE_RETAIL: &str = "\
InvoiceNo;StockCode;Description;Quantity;InvoiceDate;UnitPrice;CustomerID;Country
536365;85123A;WHITE HOLDER;6;01.12.2010 08:26;2,55;17850;United Kingdom
536365;71053;LANTERN \u{a3};8;01.12.2010 08:26;3,39;17850;United Kingdom
C536379;D;Discount;-1;13.12.2010 09:41;27,5;14527;United Kingdom
";

fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(letter as u32).unwrap()).collect()
}

#[test]
fn a11_online_retail_with_semicolons_and_decimal_commas() {
    let draft = drafts(
        "Online Retail.csv",
        windows_1252(ONLINE_RETAIL),
        r#"
        separator = ";"
        encoding = "windows-1252"
        decimal = ","
        group = "InvoiceNo" # the lines of an order are one event
        time = { column = "InvoiceDate", format = "%d.%m.%Y %H:%M", timezone = "UTC" } # such as 01.12.2010 08:26; UTC is a guess
        customer = { column = "CustomerID" } # such as 17850
        order = { column = "InvoiceNo" } # such as 536365
        product = { column = "StockCode" } # such as 85123A
        value = { column = "UnitPrice", times = "Quantity" } # such as 2,55
        country = { column = "Country" } # such as United Kingdom
        # not used: Description (no known name)
        [kind]
        column = "InvoiceNo" # a letter before the number tells what is no order
        pattern = "^([A-Z]?)"
        [kind.values]
        "" = "order_placed"
        C = "order_cancelled" # a guess"#,
    );
    let (events, summary) = read_with_draft("Online Retail.csv", windows_1252(ONLINE_RETAIL), &draft);
    assert_eq!(
        events,
        [
            "2010-12-01T08:26:00.000Z order_placed 17850 536365 85123A 42.420 United Kingdom",
            "2010-12-13T09:41:00.000Z order_cancelled 14527 C536379 D -27.500 United Kingdom",
        ]
    );
    assert_eq!((summary.rows, summary.events), (3, 2));
}

/// `online_retail_II.csv`.
const ONLINE_RETAIL_II: &str = "\
Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
489434,85048,\"15CM GLASS BALL, 20 LIGHTS\",12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
489434,79323P,PINK LIGHTS,12,2009-12-01 07:45:00,6.75,13085.0,United Kingdom
489435,22350,CAT BOWL,12,2009-12-01 07:46:00,2.55,,France
";

#[test]
fn a11_online_retail_ii() {
    let draft = drafts(
        "online_retail_II.csv",
        ONLINE_RETAIL_II,
        r#"
        group = "Invoice" # the lines of an order are one event
        time = { column = "InvoiceDate", timezone = "UTC" } # such as 2009-12-01 07:45:00; UTC is a guess
        customer = { column = "Customer ID", pattern = "^([0-9]+)" } # such as 13085.0
        order = { column = "Invoice" } # such as 489434
        product = { column = "StockCode" } # such as 85048
        value = { column = "Price", times = "Quantity" } # such as 6.95
        country = { column = "Country" } # such as United Kingdom
        # not used: Description (no known name)
        [kind]
        column = "Invoice" # a letter before the number tells what is no order
        pattern = "^([A-Z]?)"
        [kind.values]
        "" = "order_placed"
        C = "order_cancelled" # a guess"#,
    );
    let (events, summary) = read_with_draft("online_retail_II.csv", ONLINE_RETAIL_II, &draft);
    assert_eq!(
        events,
        [
            "2009-12-01T07:45:00.000Z order_placed 13085 489434 85048 164.400 United Kingdom",
            "2009-12-01T07:46:00.000Z order_placed  489435 22350 30.600 France",
        ]
    );
    assert_eq!((summary.rows, summary.events), (3, 2));
}

/// `olist_orders_dataset.csv`.
const OLIST: &str = "\
\"order_id\",\"customer_id\",\"order_status\",\"order_purchase_timestamp\",\"order_approved_at\",\"order_delivered_carrier_date\",\"order_delivered_customer_date\",\"order_estimated_delivery_date\"
\"e481f51c\",\"9ef432eb\",\"delivered\",2017-10-02 10:56:33,2017-10-02 11:07:15,2017-10-04 19:55:00,2017-10-10 21:25:13,2017-10-18 00:00:00
\"53cdb2fc\",\"b0830fb4\",\"shipped\",2018-07-24 20:41:37,2018-07-26 03:24:27,2018-07-26 14:31:00,,2018-08-13 00:00:00
";

#[test]
fn a11_olist_has_several_times_in_a_row() {
    let draft = drafts(
        "olist_orders_dataset.csv",
        OLIST,
        r#"
        customer = { column = "customer_id" } # such as 9ef432eb
        order = { column = "order_id" } # such as e481f51c
        # not used: order_status (the times tell what happened)
        # not used: order_approved_at, order_estimated_delivery_date (another time)
        [[event]]
        kind = { constant = "order_placed" }
        time = { column = "order_purchase_timestamp", timezone = "UTC" } # such as 2017-10-02 10:56:33; UTC is a guess
        [[event]]
        kind = { constant = "order_dispatched" }
        time = { column = "order_delivered_carrier_date", timezone = "UTC" } # such as 2017-10-04 19:55:00; UTC is a guess
        [[event]]
        kind = { constant = "order_delivered" }
        time = { column = "order_delivered_customer_date", timezone = "UTC" } # such as 2017-10-10 21:25:13; UTC is a guess"#,
    );
    let (events, summary) = read_with_draft("olist_orders_dataset.csv", OLIST, &draft);
    assert_eq!(
        events,
        [
            "2017-10-02T10:56:33.000Z order_placed 9ef432eb e481f51c  - ",
            "2017-10-04T19:55:00.000Z order_dispatched 9ef432eb e481f51c  - ",
            "2017-10-10T21:25:13.000Z order_delivered 9ef432eb e481f51c  - ",
            "2018-07-24T20:41:37.000Z order_placed b0830fb4 53cdb2fc  - ",
            "2018-07-26T14:31:00.000Z order_dispatched b0830fb4 53cdb2fc  - ",
        ]
    );
    assert_eq!((summary.rows, summary.skipped), (2, 0));
}

/// `orders_export.csv` of Shopify.
const SHOPIFY: &str = "\
Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Currency,Subtotal,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Country,Notes,Cancelled at,Id
#1002,ann@example.com,paid,2021-05-03 12:00:05 +0400,fulfilled,2021-05-04 09:00:00 +0400,AED,95.00,99.75,2021-05-03 12:00:00 +0400,1,Green tea,45.00,GT-1,AE,\"ring
twice\",,3800000000001
#1002,ann@example.com,,,,,,,,2021-05-03 12:00:00 +0400,2,Cup,25.00,CP-2,,,,
#1003,bob@example.com,paid,2021-05-05 08:00:05 +0400,,,AED,25.00,26.25,2021-05-05 08:00:00 +0400,1,Cup,25.00,CP-2,AE,,,3800000000002
";

#[test]
fn a11_shopify_has_a_row_for_each_line_of_an_order() {
    let draft = drafts(
        "orders_export.csv",
        SHOPIFY,
        r##"
        group = "Name" # the lines of an order are one event
        time = { column = "Created at", format = "%Y-%m-%d %H:%M:%S %z" } # such as 2021-05-03 12:00:00 +0400
        customer = { column = "Email" } # such as ann@example.com
        order = { column = "Name" } # such as #1002
        product = { column = "Lineitem sku" } # such as GT-1
        value = { column = "Total" } # such as 99.75
        country = { column = "Billing Country" } # such as AE
        # not used: Paid at, Fulfilled at (another time)
        # not used: Subtotal, Lineitem quantity, Lineitem price (the value is Total)
        # not used: Lineitem name (the product is Lineitem sku)
        # not used: Cancelled at (always empty so far)
        # not used: Financial Status, Fulfillment Status, Currency, Notes, Id (no known name)
        [kind]
        constant = "order_placed" # a guess: no column tells what happened"##,
    );
    let (events, summary) = read_with_draft("orders_export.csv", SHOPIFY, &draft);
    assert_eq!(
        events,
        [
            "2021-05-03T08:00:00.000Z order_placed ann@example.com #1002 GT-1 99.750 AE",
            "2021-05-05T04:00:00.000Z order_placed bob@example.com #1003 CP-2 26.250 AE",
        ]
    );
    assert_eq!((summary.rows, summary.events), (3, 2));
}

/// A day of the export of Google Analytics 4.
const GA4: &str = r#"{"event_date":"20210131","event_timestamp":"1612069510766593","event_name":"page_view","user_id":null,"user_pseudo_id":"1026454.4271112504","geo":{"continent":"Americas","country":"United States"},"ecommerce":{"transaction_id":null,"purchase_revenue":null},"items":[]}
{"event_date":"20210131","event_timestamp":"1612069511766593","event_name":"add_to_cart","user_id":null,"user_pseudo_id":"1026454.4271112504","geo":{"continent":"Americas","country":"United States"},"items":[{"item_id":"9195841","item_name":"Cap","price":13.0}]}
{"event_date":"20210131","event_timestamp":"1612069519766593","event_name":"purchase","user_id":null,"user_pseudo_id":"1026454.4271112504","geo":{"continent":"Americas","country":"United States"},"ecommerce":{"transaction_id":"741471","purchase_revenue":26.5},"items":[{"item_id":"9195841","item_name":"Cap","price":13.0}]}
{"event_date":"20210131","event_timestamp":"1612069519866593","event_name":"session_start","user_pseudo_id":"2026454.4271112504","items":[]}
"#;

#[test]
fn ga4_is_json_with_paths_and_microseconds() {
    let expected = r#"
        time = { column = "event_timestamp", format = "epoch_us" } # such as 1612069510766593
        customer = { column = "user_pseudo_id" } # such as 1026454.4271112504
        order = { column = "ecommerce.transaction_id" } # such as 741471
        product = { column = "items.0.item_id" } # such as 9195841
        value = { column = "ecommerce.purchase_revenue" } # such as 26.5
        country = { column = "geo.country" } # such as United States
        # not used: event_date (another time)
        # not used: items.0.item_name (the product is items.0.item_id)
        # not used: items.0.price (the value is ecommerce.purchase_revenue)
        # not used: geo.continent (no known name)
        [kind]
        column = "event_name"
        [kind.values] # others are skipped
        "page_view" = "page_viewed" # 1 row
        "add_to_cart" = "info_downloaded" # a guess; 1 row
        "purchase" = "order_placed" # 1 row
        # "session_start" = "..." # not known; 1 row"#;
    drafts("ga4.jsonl", GA4, expected);
    let array = format!("[\n{}]", GA4.trim_end().replace('\n', ",\n"));
    let draft = drafts("ga4.json", &array, expected);
    for (name, text) in [("ga4.jsonl", GA4), ("ga4.json", &array)] {
        let (events, summary) = read_with_draft(name, text, &draft);
        let visitor = "1026454.4271112504";
        assert_eq!(
            events,
            [
                format!("2021-01-31T05:05:10.766Z page_viewed {visitor}   - United States"),
                format!("2021-01-31T05:05:11.766Z info_downloaded {visitor}  9195841 - United States"),
                format!("2021-01-31T05:05:19.766Z order_placed {visitor} 741471 9195841 26.500 United States"),
            ]
        );
        assert_eq!((summary.rows, summary.skipped), (4, 1));
    }
}

/// `SELECT * FROM sales_order` of Magento, as the client of MySQL writes it into a file.
const MAGENTO: &str = "\
entity_id\tstate\tstatus\tcustomer_id\tgrand_total\tbase_grand_total\tcreated_at\tupdated_at\tincrement_id
1\tcomplete\tcomplete\t12\t129.0000\t129.0000\t2021-01-05 08:00:00\t2021-01-09 10:00:00\t000000001
2\tcanceled\tcanceled\tNULL\t0.0000\t0.0000\t2021-01-05 09:30:00\t2021-01-05 11:00:00\t000000002
";

#[test]
fn magento_from_mysql_is_separated_by_tabs() {
    let draft = drafts(
        "sales_order.tsv",
        MAGENTO,
        r#"
        separator = "\t"
        time = { column = "created_at", timezone = "UTC" } # such as 2021-01-05 08:00:00; UTC is a guess
        customer = { column = "customer_id" } # such as 12
        order = { column = "increment_id" } # such as 000000001
        value = { column = "grand_total" } # such as 129.0000
        # not used: state, status (see below)
        # not used: base_grand_total (the value is grand_total)
        # not used: updated_at (another time)
        # not used: entity_id (no known name)
        [kind]
        constant = "order_placed" # a guess: no column tells what happened
        # column 'state' has complete, canceled: if a row stands for that, write in place of [kind]
        # kind = { column = "state", values = { "complete" = "order_delivered", "canceled" = "order_cancelled" } }
        # column 'status' has complete, canceled: if a row stands for that, write in place of [kind]
        # kind = { column = "status", values = { "complete" = "order_delivered", "canceled" = "order_cancelled" } }"#,
    );
    let (events, summary) = read_with_draft("sales_order.tsv", MAGENTO, &draft);
    assert_eq!(
        events,
        [
            "2021-01-05T08:00:00.000Z order_placed 12 000000001  129.000 ",
            "2021-01-05T09:30:00.000Z order_placed  000000002  0.000 ",
        ]
    );
    assert_eq!((summary.rows, summary.events), (2, 2));
}

// What else may come.

#[test]
fn words_for_nothing_of_other_programs_are_named() {
    let draft = draft("log.csv", "when,user,event\n2026-03-01T10:00:00Z,nan,view\n2026-03-01T10:00:00Z,7,view\n");
    assert!(draft.contains("absent = [\"NULL\", \"\\\\N\", \"nan\"]"), "{draft}");
}

#[test]
fn day_and_month_that_could_be_either_are_told() {
    let draft = draft("log.csv", "date,user\n01/02/2026 10:00,7\n02/02/2026 10:00,8\n");
    assert!(draft.contains("format = \"%d/%m/%Y %H:%M\""), "{draft}");
    assert!(draft.contains("; it could be %m/%d/%Y %H:%M"), "{draft}");
    let (events, _) = read_with_draft("log.csv", "date,user\n01/02/2026 10:00,7\n02/02/2026 10:00,8\n", &draft);
    assert_eq!(events[1], "2026-02-02T10:00:00.000Z page_viewed 8   - ");
}

#[test]
fn the_interchange_format_and_awkward_names_are_drafted_as_well() {
    let rows = "event_id,kind,event_time,arrival_time,customer,order,product,value,country,load_time_ms,rating,channel\n\
                1,order_placed,2026-03-01T10:00:00.000Z,2026-03-01T10:00:01.000Z,a,o,p,1.5,GB,,,web\n\
                2,review_posted,2026-03-01T11:00:00.000Z,2026-03-01T11:00:01.000Z,a,o,p,,,812,5,web\n";
    let draft = draft("log.csv", rows);
    let (events, _) = read_with_draft("log.csv", rows, &draft);
    assert_eq!(events[0], "2026-03-01T10:00:00.000Z order_placed a o p 1.500 GB");
    assert!(draft.contains("\n\"order_cancelled\" = \"order_cancelled\" # not seen so far"), "{draft}");
    for field in ["event_id", "arrival", "rating", "channel", "load_time_ms"] {
        assert!(draft.contains(&format!("\n{field} = ")), "{field}: {draft}");
    }
    let rows = "\"a\"\"b\\\n\u{7}\",when,\"the \u{1b}[2Jevent\",user\nx,2026-03-01T10:00:00Z,\"ord\ner\",7\ny,2026-03-01T10:00:00Z,view,7\n";
    let draft = self::draft("awkward.csv", rows);
    assert_eq!(read_with_draft("awkward.csv", rows, &draft).1.rows, 2);
}

#[test]
fn an_id_of_the_event_may_repeat() {
    for name in ["event_id", "eventid", "event-id", "Event ID", "id of the event", "message_id", "uuid"] {
        let rows = format!(
            "{name},kind,event_time,rating\na1,page_viewed,2026-03-01T10:00:00Z,\na2,order_placed,2026-03-01T10:01:00Z,\n\
             a1,page_viewed,2026-03-01T10:00:00Z,\n"
        );
        let draft = draft("log.csv", &rows);
        let id = format!(
            "event_id = {{ column = \"{name}\" }} # such as a1\n# 1 of 3 rows repeat one: --deduplicate counts the first only"
        );
        assert!(draft.contains(&id), "{draft}");
        assert!(draft.contains("rating = { column = \"rating\" } # always empty so far"), "{draft}");
        let (events, _) = read_with_draft("log.csv", &rows, &draft);
        assert_eq!(events.len(), 3);
    }
    let draft = draft("log.csv", "uuid,when\na,2026-03-01T10:00:00Z\na,2026-03-01T10:00:01Z\na,2026-03-01T10:00:02Z\n");
    assert!(draft.contains("# not used: uuid (its cells repeat, which ids do not)"), "{draft}");
}

#[test]
fn an_id_is_told_apart_for_each_event_of_a_row() {
    let rows = "event_id,order_id,ordered_at,shipped_at\n1,a,2026-03-01T10:00:00Z,2026-03-02T10:00:00Z\n";
    let draft = draft("log.csv", rows);
    assert!(draft.contains("event_id = { column = \"event_id\", prefix = \"order_dispatched-\" }"), "{draft}");
    assert_eq!(read_with_draft("log.csv", rows, &draft).0.len(), 2);
}

/// Three orders and what becomes of them.
const STATES: &str = "\
order_id,NAME,ts,amount
1,placed,2026-03-01 10:00:00,5
1,packed,2026-03-01 11:00:00,
1,shipped,2026-03-01 12:00:00,
2,Order Placed,2026-03-01 13:00:00,7
2,cancelled,2026-03-01 14:00:00,
3,placed,2026-03-01 15:00:00,9
3,on hold,2026-03-01 16:00:00,
3,delivered,2026-03-01 17:00:00,
";

#[test]
fn a_column_of_states_tells_what_happened() {
    for name in ["status", "state", "order_status", "OrderStatus", "event", "action", "type", "stage"] {
        let rows = STATES.replace("NAME", name);
        let draft = draft("log.csv", &rows);
        for told in [
            &format!("[kind]\ncolumn = \"{name}\"\n"),
            "\"placed\" = \"order_placed\" # 2 rows",
            "\"Order Placed\" = \"order_placed\" # 1 row\n",
            "\"packed\" = \"order_packed\" # 1 row\n",
            "\"shipped\" = \"order_dispatched\" # 1 row\n",
            "\"cancelled\" = \"order_cancelled\" # 1 row\n",
            "# \"on hold\" = \"...\" # not known; 1 row\n",
            "\"delivered\" = \"order_delivered\" # 1 row",
        ] {
            assert!(draft.contains(told), "{told}: {draft}");
        }
        assert!(!draft.contains("group") && !draft.contains("a guess:"), "{draft}");
        let (events, summary) = read_with_draft("log.csv", &rows, &draft);
        assert_eq!((events.len(), summary.skipped), (7, 1));
    }
}

#[test]
fn the_state_of_an_order_with_one_row_is_a_guess() {
    let rows = "order_id,status,TIME\n1,placed,2026-03-01 10:00:00\n2,shipped,2026-03-01 11:00:00\n3,cancelled,2026-03-01 12:00:00\n";
    let told =
        "# column 'status' has placed, shipped, cancelled: if a row stands for that, write in place of [kind]\n# ";
    let of_order = rows.replace("TIME", "order_date");
    let draft = self::draft("log.csv", &of_order);
    let (before, kind) = draft.split_once(told).unwrap();
    assert!(before.contains("constant = \"order_placed\" # a guess: no column tells what happened"), "{draft}");
    let other = format!("{}{kind}", before.split_once("[kind]").unwrap().0);
    let (events, _) = read_with_draft("log.csv", &of_order, &other);
    assert!(events[2].contains("order_cancelled"), "{events:?}");

    let draft = self::draft("log.csv", rows.replace("TIME", "ts"));
    let told = "column = \"status\" # a guess: it may be what became of the order since";
    assert!(draft.contains(told), "{draft}");
}

#[test]
fn states_of_a_part_of_an_order_are_named_although_their_words_are_not_known() {
    let rows = "order_id,payment status,ts\n1,A,2026-03-01 10:00:00\n1,B,2026-03-01 10:00:00\n";
    let draft = draft("log.csv", rows);
    assert!(draft.contains("# column 'payment status' has A, B: if a row"), "{draft}");
    assert!(draft.contains("values = { \"A\" = \"...\", \"B\" = \"...\" } }"), "{draft}");
    assert!(draft.contains("# not used: payment status (see below)") && !draft.contains("group"), "{draft}");
}

/// The export of a German shop: each order is placed, every fifth is cancelled, the others are delivered.
fn german_shop(event: &str, orders: usize) -> String {
    let mut rows = format!("Order No;Customer;{event};When;Country;Total\n");
    for order in 0..orders {
        let last = if order % 5 == 0 { "Storno" } else { "Geliefert" };
        for (hour, word) in [(10, "Bestellung"), (14, last)] {
            let (day, euros) = (order % 28 + 1, order % 9 + 1);
            rows.push_str(&format!("B{order};K{};{word};{day:02}/11/2026 {hour}:05;DE;{euros}.234,50\n", order % 7));
        }
    }
    rows
}

#[test]
fn what_happened_in_words_that_are_not_known_is_to_be_filled_in() {
    for name in ["Event", "event_type", "Type", "Status", "Order Status", "Action", "Kind", "Vorgang"] {
        let log = german_shop(name, 40);
        let draft = draft("shop.csv", &log);
        let kinds = format!(
            "\n[kind]\ncolumn = \"{name}\"\n[kind.values] # uncomment those that count and say which kind they are; \
             others are skipped\n# \"Bestellung\" = \"...\" # not known; 40 rows\n# \"Storno\" = \"...\" # not known; \
             8 rows\n# \"Geliefert\" = \"...\" # not known; 32 rows\n# kinds: page_viewed, "
        );
        assert!(draft.contains(&kinds), "{draft}");
        assert!(
            draft.starts_with(&format!("# It is refused until [kind.values] says what the words of '{name}' mean."))
        );
        let error = Mapping::parse(&draft, "map.toml").unwrap_err().to_string();
        let place = draft.lines().position(|line| line.starts_with("[kind.values]")).unwrap() + 1;
        let told =
            format!("map.toml, line {place}, column 1: no word of column '{name}' has a kind, so no row would count");
        assert!(error.starts_with(&told), "{error}");

        let error =
            Mapping::parse(&draft.replacen("# \"Storno\"", "\"Storno\"", 1), "map.toml").unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("map.toml, line {}, ", place + 2)) && error.contains("not a kind"),
            "{error}"
        );
        let filled = draft
            .replace("# \"Bestellung\" = \"...\"", "\"Bestellung\" = \"order_placed\"")
            .replace("# \"Storno\" = \"...\"", "\"Storno\" = \"order_cancelled\"");
        let (events, summary) = read_with_draft("shop.csv", &log, &filled);
        assert_eq!((events.len(), summary.skipped), (48, 32));
        assert_eq!(events[1], "2026-11-01T14:05:00.000Z order_cancelled K0 B0  1234.500 DE");

        let (before, constant) = (draft.split_once("[kind]").unwrap().0, "write in place of [kind]: ");
        let constant = draft.split_once(constant).unwrap().1;
        assert_eq!(read_with_draft("shop.csv", &log, &format!("{before}{constant}")).0.len(), 80);
    }
}

#[test]
fn a_log_without_a_column_of_what_happened_has_a_constant_kind() {
    let rows = |names: &str, cells: [&str; 2]| {
        let row = |at: usize| format!("{at},{},K{},2026-03-{:02} 10:05:00\n", cells[at % 2], at % 7, at % 28 + 1);
        draft("log.csv", format!("{names},customer,ts\n{}", (0..40).map(row).collect::<String>()))
    };
    // What is called so, or is one order in one state, is no event.
    for (names, cells) in [
        ("order_id,payment_type", ["Karte", "Rechnung"]),
        ("order_id,Kategorie", ["Tee", "Tassen"]),
        ("order_id,brand", ["Acme", "Umbra"]),
        ("order_id,state", ["CA", "NY"]),
        ("order_id,type", ["Tee", "Tee"]),
        ("order_id,status", ["200", "404"]),
    ] {
        let draft = rows(names, cells);
        assert!(draft.contains("\n[kind]\nconstant = \"order_placed\" # a guess"), "{draft}");
        assert!(Mapping::parse(&draft, "map.toml").is_ok(), "{draft}");
    }
    // Words in few forms are named, since they may tell.
    let draft = rows("item,Vorgang", ["Kauf", "Ansicht"]);
    assert!(
        draft.contains("constant = ") && draft.contains("# column 'Vorgang' has Kauf, Ansicht: if a row"),
        "{draft}"
    );
    assert!(draft.contains("# not used: Vorgang (see below)"), "{draft}");
    let draft = rows("item,brand", ["Acme", "Umbra"]);
    assert!(!draft.contains("if a row") && draft.contains("# not used: brand (no known name)"), "{draft}");
    // Lines of orders have types of products.
    let lines = "order_id,type,ts\n1,Tee,2026-03-01 10:00:00\n1,Tasse,2026-03-01 10:00:00\n";
    assert!(self::draft("log.csv", lines).contains("constant = \"order_placed\""));
    // The final states of orders are no events.
    let placed = german_shop("Status", 40).replace(";When;", ";Order date;").replace("Bestellung;", "Storno;");
    let one_each: String = placed.lines().step_by(2).map(|line| format!("{line}\n")).collect();
    assert!(self::draft("log.csv", &one_each).contains("constant = \"order_placed\""), "{one_each}");
}

#[test]
fn numbers_of_which_a_few_cannot_be_read_are_numbers() {
    let log = |bad: usize| {
        let mut row = 0;
        german_shop("Event", 40)
            .replace(",50\n", "\n")
            .replace(".234", ".234,50")
            .lines()
            .map(|line| {
                row += 1;
                let is_bad = (10..10 + bad).contains(&row);
                format!(
                    "{}\n",
                    if is_bad { format!("{};zwölf", line.rsplit_once(';').unwrap().0) } else { line.to_owned() }
                )
            })
            .collect::<String>()
    };
    let value = "value = { column = \"Total\" } # such as 1.234,50";
    let some = draft("shop.csv", log(8));
    assert!(some.contains(&format!("{value}; 8 of 80 cells cannot be read, such as zwölf\n")), "{some}");
    assert!(some.contains("\ndecimal = \",\"\nthousands = \".\"\n"), "{some}");
    let none = draft("shop.csv", log(0));
    assert!(none.contains(&format!("{value}\n")) && !none.contains("cannot be read"), "{none}");
    let many = draft("shop.csv", log(9));
    let told = "# not used: Total (as value, 9 of 80 cells cannot be read, such as zwölf)\n";
    assert!(many.contains(told), "{many}");
    assert!(!many.contains("\nvalue = "), "{many}");
}

#[test]
fn ratings_load_times_and_quantities_tolerate_a_few_cells() {
    let row = |at: usize| match at {
        3 => "2026-03-01T10:00:00Z,6,fast,5.00,two\n".to_owned(),
        _ => format!("2026-03-01T10:00:00Z,{},{},5.00,2\n", at % 5 + 1, at * 10),
    };
    let rows: String = (0..30).map(row).collect();
    let draft = draft("log.csv", format!("ts,rating,load_time,price,quantity\n{rows}"));
    for told in [
        "rating = { column = \"rating\" } # such as 1; 1 of 30 cells cannot be read, such as 6\n",
        "load_time_ms = { column = \"load_time\" } # such as 0; 1 of 30 cells cannot be read, such as fast\n",
        "times = \"quantity\" } # such as 5.00; 1 of 30 cells cannot be read, such as two in quantity\n",
    ] {
        assert!(draft.contains(told), "{draft}");
    }
}

#[test]
fn rows_of_an_order_at_several_times_are_no_group() {
    let at = |first: &str, second: &str| {
        draft("log.csv", format!("order_id,sku,ts,amount\n1,a,2026-03-01 {first},5\n1,b,2026-03-01 {second},6\n"))
    };
    assert!(!at("10:00:00", "11:00:00").contains("group"));
    assert!(at("10:00:00", "10:00:00").contains("group = \"order_id\""));
}

#[test]
fn thousands_are_read_with_the_draft() {
    for (cells, told, value) in [
        (["$1,201.39", "$5"], "\nthousands = \",\"\n", "1201.390"),
        (["1,201.39", "12"], "\nthousands = \",\"\n", "1201.390"),
        (
            ["$1,201", "$5"],
            "\nthousands = \",\"\n# the digits behind the mark in $1,201 may be decimals: if so, replace that line with decimal = \",\"\n",
            "1201.000",
        ),
        (["USD 1,201,300", "USD 5.50"], "\nthousands = \",\"\n", "1201300.000"),
        (["1 201.50", "5"], "\nthousands = \" \"\n", "1201.500"),
        (["1.201,39", "5"], "\ndecimal = \",\"\nthousands = \".\"\n", "1201.390"),
        (
            ["1.201", "5"],
            "# the digits behind the mark in 1.201 may be thousands: if so, add decimal = \",\" and thousands = \".\"\n",
            "1.201",
        ),
    ] {
        let rows = format!(
            "when,user,amount\n2026-03-01T10:00:00Z,7,\"{}\"\n2026-03-01T10:00:01Z,7,\"{}\"\n",
            cells[0], cells[1]
        );
        let draft = self::draft("log.csv", &rows);
        assert!(draft.contains(told), "{told} {draft}");
        let (events, summary) = read_with_draft("log.csv", &rows, &draft);
        assert!(events[0].contains(&format!(" {value} ")) && summary.rejects == 0, "{events:?}");
    }
    let draft = draft("log.csv", "when;amount\n2026-03-01T10:00:00Z;1,201\n2026-03-01T10:00:00Z;2,201\n");
    let told = "may be thousands: if so, replace that line with thousands = \",\"";
    assert!(draft.contains("\ndecimal = \",\"\n") && draft.contains(told), "{draft}");
    for plain in ["0.125", "1234.500", "1.20", "1201"] {
        let draft = self::draft("log.csv", format!("when,amount\n2026-03-01T10:00:00Z,{plain}\n"));
        assert!(!draft.contains("thousands"), "{draft}");
    }
}

#[test]
fn more_ways_to_write_a_time_are_known() {
    for (cell, format) in [
        ("Oct 1 2019 12:00AM", "%b %d %Y %I:%M%p"),
        ("1-Oct-19 00:00", "%d-%b-%y %H:%M"),
        ("01-Oct-2019 00:00:00", "%d-%b-%Y %H:%M:%S"),
        ("Tue Oct 01 00:00:00 2019", "%a %b %d %H:%M:%S %Y"),
    ] {
        let rows = format!("ts,user\n{cell},7\n");
        let draft = draft("log.csv", &rows);
        assert!(draft.contains(&format!("format = \"{format}\"")) && !draft.contains("could be"), "{draft}");
        assert_eq!(read_with_draft("log.csv", &rows, &draft).0[0], "2019-10-01T00:00:00.000Z page_viewed 7   - ");
    }
}

#[test]
fn a_cell_that_is_no_time_is_named_where_nearly_all_are() {
    let rows = "2026-03-01 10:00:00,7\n".repeat(20);
    let draft = draft("log.csv", format!("event_time,user\n{rows}yesterday,7\n"));
    assert!(draft.contains("; UTC is a guess; yesterday cannot be read\n"), "{draft}");
}

#[test]
fn day_and_month_stand_in_the_order_in_which_times_rise() {
    let log = |days: &[&str]| {
        let rows: Vec<String> = days.iter().map(|day| format!("{day} 10:00,7\n")).collect();
        draft("log.csv", format!("date,user\n{}", rows.concat()))
    };
    // Through a year, or back; the span is about the same either way.
    let mut days = ["05/01/2026", "02/02/2026", "11/03/2026", "01/04/2026", "10/06/2026", "03/09/2026", "04/12/2026"];
    for _ in 0..2 {
        let draft = log(&days);
        assert!(draft.contains("\"%d/%m/%Y %H:%M\"") && draft.contains("could be %m/%d/%Y %H:%M"), "{draft}");
        days.reverse();
    }
    // One day behind the first rows tells it.
    let mut days = vec!["01/02/2026"; 400];
    days.push("01/13/2026");
    let draft = log(&days);
    assert!(draft.contains("\"%m/%d/%Y %H:%M\"") && !draft.contains("could be"), "{draft}");
}

#[test]
fn what_holds_no_time_has_no_mapping() {
    let folder = TempDir::new().unwrap();
    for (text, told) in [
        ("user,item\n7,tea\n", "no column holds times, and every event needs one (columns: user, item)"),
        (
            "user,event_time\n7,yesterday\n",
            "no column holds times that can be read ('event_time' has 'yesterday'), and every event needs one",
        ),
        ("order_date,ts\nsoon,5\n", "('order_date' has 'soon', 'ts' has '5')"),
        ("user,when\n", "there is no row"),
        ("", "there is no row"),
    ] {
        let path = folder.path().join("log.csv");
        fs::write(&path, text).unwrap();
        let error = draft_mapping(&Input::new(&path), None).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
