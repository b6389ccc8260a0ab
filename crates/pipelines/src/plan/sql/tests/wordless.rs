//! Plans with the stages that SQL has no words for, each with a query that says the same to DuckDB.
//!
//! The queries know what `in_duckdb.py` sets up: times in ms, `begin_of`, `day_of` and `day_end`.

use super::plans::{Choices, ZONES};

/// Conditions on events, as a plan and as SQL write them.
const CONDITIONS: [(&str, &str); 9] = [
    ("kind == 'order_placed'", "kind = 'order_placed'"),
    (
        "kind in ['page_viewed', 'info_downloaded', 'order_packed']",
        "kind IN ('page_viewed', 'info_downloaded', 'order_packed')",
    ),
    ("value > 5", "value > 5"),
    ("value != 10.5", "value <> 10.5"),
    ("rating >= 3", "rating >= 3"),
    ("country != 'GB'", "country <> 'GB'"),
    ("!has(product)", "product IS NULL"),
    ("!(rating < 4)", "NOT rating < 4"),
    ("load_time <= duration('45s')", "load_time <= 45000"),
];

/// Durations, as a plan writes them and in ms.
const DURATIONS: [(&str, i64); 5] =
    [("1h", 3_600_000), ("30min", 1_800_000), ("90s", 90_000), ("5ms", 5), ("6h", 21_600_000)];

impl Choices {
    /// Returns a plan in TOML and a query.
    pub(super) fn wordless_plan(&mut self) -> (String, String) {
        match self.pick(3) {
            0 => self.ranks(),
            1 => self.absence(),
            _ => self.sequence(),
        }
    }

    fn ranks(&mut self) -> (String, String) {
        let (condition, wanted) = self.wordless_condition();
        let (key, per) = self.one(&[
            (&["product"][..], ""),
            (&["country", "product"], "country"),
            (&["product", "country"], ""),
            (&["customer", "country"], "customer"),
        ]);
        let (by, k) = (self.one(&["a", "b"]), self.pick(3) + 1);
        let (window, ends) = self.ranked_window();
        let toml = format!(
            "[[stage]]\nfilter = \"{condition}\"\n[[stage]]\nkey = {key:?}\n[[stage]]\n{window}\n\
             compute = ['a = count()', 'b = sum(value)']\n[[stage]]\ntop_k = {k}\nby = '{by}'\n{}\
             [[stage]]\nemit = ['rank', 'a', 'b', {}]\n",
            if per.is_empty() { String::new() } else { format!("per = ['{per}']\n") },
            key.iter().map(|part| format!("'{part}'")).collect::<Vec<_>>().join(", ")
        );
        let columns = key.join(", ");
        let present: String = key.iter().map(|part| format!(" AND {part} IS NOT NULL")).collect();
        // Plain numbers first, by value, and then texts; countries are texts.
        let order: Vec<String> = key
            .iter()
            .map(|part| {
                format!("CASE WHEN regexp_full_match({part}, '0|[1-9][0-9]*') THEN length({part}) ELSE 99 END, {part}")
            })
            .collect();
        let within = if per.is_empty() { String::new() } else { format!(", {per}") };
        let sql = format!(
            "SELECT window_end, rank, a, b, {columns} FROM (\n  \
             SELECT *, row_number() OVER (PARTITION BY window_end{within} ORDER BY {by} DESC, {}) AS rank FROM (\n  \
             SELECT window_end, {columns}, count(*) AS a, coalesce(sum(value), 0) AS b\n  \
             FROM (SELECT *, {ends} AS window_end FROM events WHERE {wanted}{present})\n  \
             GROUP BY window_end, {columns}))\nWHERE rank <= {k}",
            order.join(", ")
        );
        (toml, sql)
    }

    /// Returns a window as a stage, and when the windows of an event end.
    fn ranked_window(&mut self) -> (String, String) {
        match self.pick(3) {
            0 => {
                let (size, ms) = self.one(&DURATIONS);
                (format!("tumble = '{size}'"), format!("begin_of(event_time, {ms}) + {ms}"))
            }
            1 => {
                let zone = self.one(&ZONES);
                let end = format!("day_end(day_of(event_time, '{zone}'), '{zone}')");
                (format!("tumble = 'day'\ntimezone = '{zone}'"), end)
            }
            _ => {
                let slide = "begin_of(event_time, 7200000)";
                let ends = format!("unnest(range({slide} + 7200000, {slide} + 21600000 + 1, 7200000))");
                ("hop = '6h'\nslide = '2h'".to_owned(), ends)
            }
        }
    }

    /// Returns a wait; the query goes from event to event of a key, and keeps when the wait is due and who began it.
    fn absence(&mut self) -> (String, String) {
        let key = self.one(&["customer", "\"order\"", "product"]);
        let [(starts, begins), (ends, is_over)] = [self.wordless_condition(), self.wordless_condition()];
        let (limit, due) = match self.pick(4) {
            0 => {
                let zone = self.one(&ZONES);
                let due = format!("day_end(day_of(event_time, '{zone}'), '{zone}') - 1");
                (format!("absence = 'day'\ntimezone = '{zone}'"), due)
            }
            _ => {
                let (limit, ms) = self.one(&DURATIONS);
                (format!("absence = '{limit}'"), format!("event_time + {ms}"))
            }
        };
        let name = key.trim_matches('"');
        let toml = format!(
            "[[stage]]\nkey = ['{name}']\n[[stage]]\n{limit}\nstarts = \"{starts}\"\nends = \"{ends}\"\n\
             [[stage]]\nemit = ['{name}', 'event_id', 'began = event_time', 'due']\n"
        );
        let sql = format!(
            "WITH RECURSIVE numbered AS (\n  \
             SELECT *, {key} AS of, {due} AS would_be_due, coalesce({begins}, FALSE) AS starts, coalesce({is_over}, FALSE) AS ends,\n  \
             row_number() OVER (PARTITION BY {key} ORDER BY event_time, event_id) AS n FROM events WHERE {key} IS NOT NULL),\n\
             waits AS (\n  \
             SELECT of, 0 AS n, NULL::BIGINT AS due, NULL::VARCHAR AS began FROM numbered WHERE n = 1\n  UNION ALL\n  \
             SELECT e.of, e.n,\n  \
             CASE WHEN w.due >= e.event_time AND NOT e.ends THEN w.due WHEN e.starts THEN e.would_be_due END,\n  \
             CASE WHEN w.due >= e.event_time AND NOT e.ends THEN w.began WHEN e.starts THEN e.event_id END\n  \
             FROM waits AS w JOIN numbered AS e ON e.of = w.of AND e.n = w.n + 1)\n\
             SELECT due, w.of, began, b.event_time, due\n\
             FROM waits AS w JOIN numbered AS b ON b.event_id = began LEFT JOIN numbered AS e ON e.of = w.of AND e.n = w.n + 1\n\
             WHERE due IS NOT NULL AND (e.n IS NULL OR e.event_time > due)"
        );
        (toml, sql)
    }

    /// Returns a way of two or three steps; the query goes from event to event of a key.
    fn sequence(&mut self) -> (String, String) {
        let key = self.one(&["customer", "\"order\"", "product"]);
        let steps: Vec<(String, String)> = (0..self.pick(2) + 2).map(|_| self.wordless_condition()).collect();
        let (within, ms) = self.one(&DURATIONS);
        let list = |texts: Vec<String>| texts.join(", ");
        let name = key.trim_matches('"');
        let toml = format!(
            "[[stage]]\nkey = ['{name}']\n[[stage]]\nsequence = [{}]\nwithin = '{within}'\n\
             [[stage]]\nemit = ['{name}', 'event_id', 'step', 'since_start']\n",
            list(steps.iter().map(|(step, _)| format!("\"{step}\"")).collect())
        );
        let is_step = list(steps.iter().map(|(_, step)| format!("coalesce({step}, FALSE)")).collect());
        let sql = format!(
            "WITH RECURSIVE numbered AS (\n  \
             SELECT *, {key} AS of, [{is_step}] AS is_step,\n  \
             row_number() OVER (PARTITION BY {key} ORDER BY event_time, event_id) AS n FROM events WHERE {key} IS NOT NULL),\n\
             steps AS (\n  \
             SELECT of, 0 AS n, event_time, event_id, event_time AS start, 0 AS reached, FALSE AS advances FROM numbered WHERE n = 1\n  \
             UNION ALL\n  \
             SELECT of, n, event_time, event_id, CASE WHEN reached = 0 THEN event_time ELSE start END,\n  \
             CASE WHEN is_step[reached + 1] THEN reached + 1 ELSE reached END, is_step[reached + 1]\n  \
             FROM (SELECT e.*, s.start,\n    \
             CASE WHEN s.reached = {} OR e.event_time > s.start + {ms} THEN 0 ELSE s.reached END AS reached\n    \
             FROM steps AS s JOIN numbered AS e ON e.of = s.of AND e.n = s.n + 1))\n\
             SELECT event_time, of, event_id, reached, event_time - start FROM steps WHERE advances",
            steps.len()
        );
        (toml, sql)
    }

    fn wordless_condition(&mut self) -> (String, String) {
        let (first, first_in_sql) = self.one(&CONDITIONS);
        let (second, second_in_sql) = self.one(&CONDITIONS);
        match self.pick(4) {
            0 => (format!("({first} && {second})"), format!("({first_in_sql} AND {second_in_sql})")),
            1 => (format!("({first} || {second})"), format!("({first_in_sql} OR {second_in_sql})")),
            2 => (format!("!({first})"), format!("NOT ({first_in_sql})")),
            _ => (first.to_owned(), first_in_sql.to_owned()),
        }
    }
}
