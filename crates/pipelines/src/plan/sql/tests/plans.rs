//! Plans made up by choices, in all shapes that SQL has words for.

use flowbench_events::mix;

/// How many choices a seed makes.
const CHOICES: u64 = 2048;

/// A supply of choices; when they run out, the first is taken everywhere.
pub(super) struct Choices {
    choices: Vec<u8>,
    next: usize,
}

impl From<Vec<u8>> for Choices {
    fn from(choices: Vec<u8>) -> Choices {
        Choices { choices, next: 0 }
    }
}

/// The calendar days of these zones have 23 to 25 hours, begin at 1:00, come back, or are left out.
pub(super) const ZONES: [&str; 6] =
    ["Europe/London", "America/Sao_Paulo", "Pacific/Apia", "America/Havana", "Asia/Kolkata", "UTC"];

impl Choices {
    /// Returns the choices of a seed, which are the same on every machine.
    pub(super) fn of_seed(seed: u64) -> Choices {
        Choices::from((0..CHOICES).map(|at| mix(mix(seed) ^ at) as u8).collect::<Vec<u8>>())
    }

    /// Returns a number below `count`.
    pub(super) fn pick(&mut self, count: usize) -> usize {
        let choice = self.choices.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(choice) % count
    }

    /// Returns one of a list.
    pub(super) fn one<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.pick(list.len())]
    }

    /// Returns a plan in TOML. Its types may be wrong, and then it is none.
    pub(super) fn plan(&mut self) -> String {
        let mut plan = String::from(
            "question = 'Is it \"so\"?'\n[parameters]\nleast = { type = 'integer', default = '3', meaning = 'a \\ it' }\n\
             threshold = { type = 'money', default = '10.5' }\nspan = { type = 'duration', default = '2h' }\n\
             home = { type = 'country', default = 'GB' }\nzone = { type = 'timezone', default = 'Asia/Kolkata' }\n",
        );
        for number in 0..self.pick(3) {
            self.stage_of_events(number, &mut plan);
        }
        let key = match self.pick(8) {
            0 | 1 => vec!["customer"],
            2 => vec!["country", "channel"],
            3 => vec!["kind", "product"],
            4 => vec!["kind"],
            5 => vec!["d = day(event_time, zone)", "country"],
            6 => vec!["late = arrival_time - event_time > duration(\"1s\")", "customer"],
            _ => vec!["order"],
        };
        match self.pick(9) {
            0 => {
                let compute = self.compute();
                push(&mut plan, &format!("key = {key:?}"));
                push(&mut plan, &format!("running = {compute}"));
                self.answers_of_events(key[0], &mut plan);
            }
            1 => {
                let within = self.one(&["24h", "1d", "1h", "90s", "5ms", "{span}"]);
                push(&mut plan, &format!("key = {key:?}"));
                push(&mut plan, &format!("count_in = '{within}'\nas = 'a'"));
                push(&mut plan, "map = ['b = value', 'x = a + 1', 'l = product']");
                self.answers_of_events(key[0], &mut plan);
            }
            number @ 2..=6 => {
                let has_key = number != 6;
                if has_key {
                    push(&mut plan, &format!("key = {key:?}"));
                }
                let bounds = self.window(number, &mut plan);
                let bound = self.one(&bounds);
                self.answers(if has_key { vec![bound, key[0]] } else { vec![bound] }, &mut plan);
            }
            _ => self.answers_of_each(&mut plan),
        }
        plan
    }

    /// Returns values of the parameters of a plan, in their order.
    pub(super) fn settings(&mut self) -> Vec<String> {
        let values = [
            self.one(&["3", "0", "-2"]),
            self.one(&["10.5", "5", "0.125"]),
            self.one(&["2h", "1h", "30min"]),
            self.one(&["GB", "it's", "nowhere"]),
            self.one(&ZONES),
        ];
        values.map(str::to_owned).into()
    }

    fn stage_of_events(&mut self, number: usize, plan: &mut String) {
        match self.pick(3) {
            0 => push(plan, &format!("map = ['''m{number} = {}''']", self.number(2))),
            1 => {
                let (money, flag) = (self.money(1), self.condition(1));
                push(plan, &format!("map = ['''m{number} = {money}''', '''c{number} = {flag}''']"));
                push(plan, &format!("filter = '!c{number} || m{number} > 5'"));
            }
            _ => push(plan, &format!("filter = '''{}'''", self.condition(3))),
        }
    }

    /// Returns four aggregates.
    fn compute(&mut self) -> String {
        let money = self.money(1);
        let how = self.one(&["min", "max", "count"]);
        let number = self.number(1);
        let last = self.one(&[
            "last(order)",
            "last(value)",
            "last(kind)",
            "last(event_id)",
            "min(event_time)",
            "max(arrival_time - event_time)",
            "sum(load_time)",
            "max(value)",
        ]);
        format!("['a = count()', '''b = sum({money})''', '''x = {how}({number})''', 'l = {last}']")
    }

    /// Adds a window, and returns the names of its bounds.
    fn window(&mut self, number: usize, plan: &mut String) -> [&'static str; 2] {
        let compute = self.compute();
        match number {
            2 | 6 => {
                let size = self.one(&["1h", "2500ms", "{span}", "1d", "7d", "1ms"]);
                push(plan, &format!("tumble = '{size}'\ncompute = {compute}"));
                ["window_start", "window_end"]
            }
            3 => {
                let zone = match self.pick(3) {
                    0 => "timezone = '{zone}'\n".to_owned(),
                    1 => String::new(),
                    _ => format!("timezone = '{}'\n", self.one(&ZONES)),
                };
                push(plan, &format!("tumble = 'day'\n{zone}compute = {compute}"));
                ["day", "window_end"]
            }
            4 => {
                let (size, slide) = self.one(&[("6h", "{span}"), ("1d", "1h"), ("3s", "500ms"), ("4h", "2h")]);
                let compute = "['a = count()', 'b = sum(value)', 'x = count(rating)', 'l = sum(load_time)']";
                push(plan, &format!("hop = '{size}'\nslide = '{slide}'\ncompute = {compute}"));
                ["window_start", "window_end"]
            }
            _ => {
                let gap = self.one(&["30min", "{span}", "1ms", "1s"]);
                push(plan, &format!("session = '{gap}'\ncompute = {compute}"));
                ["session_start", "session_end"]
            }
        }
    }

    /// Adds the answers of a stage behind which there is the event.
    fn answers_of_events(&mut self, key: &str, plan: &mut String) {
        let other = self.one(&["event_id", "arrival_time", "load_time", "channel"]);
        self.answers(vec![key, other], plan);
    }

    /// Adds what stands behind a stage that computes, with some of these columns.
    fn answers(&mut self, columns: Vec<&str>, plan: &mut String) {
        if self.pick(2) == 0 {
            push(plan, &format!("filter = 'a > {} && (x < 5 || has(l) || b != 2.5)'", self.pick(3)));
        }
        if self.pick(2) == 0 {
            push(plan, "map = ['y = a > 2 ? x : -a']");
            push(plan, "filter = '!(y == 7)'");
        }
        let mut shown = vec!["'n = a'".to_owned(), "'b'".to_owned(), "'x = x + 0 * a'".to_owned(), "'l'".to_owned()];
        let column = self.one(&columns);
        shown.push(format!("'{}'", column.split(" = ").next().unwrap_or(column)));
        shown.push(format!("'t = format(\"{}\")'", self.one(&["{a}/{b}", "n: {a}", "{{"])));
        push(plan, &format!("emit = [{}]", shown.join(", ")));
    }

    /// Adds columns of each event by itself.
    fn answers_of_each(&mut self, plan: &mut String) {
        let flag = self.condition(2);
        let formats = ["{order}", "{{{customer}}}-{event_time:%H:%M}", "it is {value}", "{event_time:%Y%m%d}"];
        let format = self.one(&formats);
        let columns = format!(
            "'order', '''n = {}''', '''v = {}''', '''c = {flag}''', 't = format(\"{format}\")', '''d = {}'''",
            self.number(3),
            self.money(2),
            self.duration(2)
        );
        push(plan, &format!("emit = [{columns}]"));
    }

    fn number(&mut self, depth: usize) -> String {
        match if depth == 0 { self.pick(4) } else { self.pick(9) } {
            0 => self.one(&["rating", "load_time_ms"]).to_owned(),
            1 => self.pick(50).to_string(),
            2 => "least".to_owned(),
            3 => "load_time_ms".to_owned(),
            4 => format!("(-{})", self.number(depth - 1)),
            5 => format!("({} ? {} : {})", self.condition(depth - 1), self.number(depth - 1), self.number(depth - 1)),
            6 => {
                let by = self.one(&["duration(\"1s\")", "duration(\"7ms\")", "span", "load_time"]);
                format!("({} / {by})", self.duration(depth - 1))
            }
            _ => {
                let operator = self.one(&["+", "-", "*", "/", "%"]);
                let is_open = self.pick(2) == 0;
                let text = format!("{} {operator} {}", self.number(depth - 1), self.number(depth - 1));
                if is_open { text } else { format!("({text})") }
            }
        }
    }

    fn money(&mut self, depth: usize) -> String {
        match if depth == 0 { self.pick(2) } else { self.pick(5) } {
            0 => "value".to_owned(),
            1 => "threshold".to_owned(),
            2 => format!("value {} 0.125", self.one(&["+", "-"])),
            3 => format!("({} * ({}))", self.money(depth - 1), self.number(depth - 1)),
            _ => format!("({} ? {} : value)", self.condition(depth - 1), self.money(depth - 1)),
        }
    }

    fn duration(&mut self, depth: usize) -> String {
        match if depth == 0 { self.pick(3) } else { self.pick(6) } {
            0 => "load_time".to_owned(),
            1 => "span".to_owned(),
            2 => format!("duration(\"{}\")", self.one(&["1h30min", "7d", "1ms", "0s", "45s"])),
            3 => "(arrival_time - event_time)".to_owned(),
            4 => format!("({} * ({}))", self.duration(depth - 1), self.number(depth - 1)),
            _ => format!("({} + {})", self.duration(depth - 1), self.duration(depth - 1)),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let comparison = self.one(&["==", "!=", "<", "<=", ">", ">="]);
        match if depth == 0 { self.pick(8) } else { self.pick(16) } {
            0 => "kind == \"order_placed\"".to_owned(),
            1 => "kind in [\"page_viewed\", \"order_packed\"]".to_owned(),
            2 => match self.pick(3) {
                0 => format!("country in [home, {}]", self.one(&["\"FR\"", "\"nowhere\""])),
                1 => format!("customer {} {}", self.one(&["==", "!="]), self.one(&["\"7\"", "\"C-1\"", "\"none\""])),
                _ => format!("country {} {}", self.one(&["==", "!="]), self.one(&["home", "\"GB\"", "\"it's\""])),
            },
            3 => format!("has({})", self.one(&["customer", "value", "kind", "rating"])),
            4 => format!("!has({})", self.one(&["order", "value"])),
            5 => format!("value {comparison} {}", self.one(&["threshold", "5", "(-0.5)"])),
            6 => format!("rating {comparison} {}", self.pick(6)),
            7 => self.one(&["true", "false", "channel == \"search\" || true"]).to_owned(),
            8 => format!("({} {comparison} {})", self.number(depth - 1), self.number(depth - 1)),
            9 => format!("({} {comparison} {})", self.duration(depth - 1), self.duration(depth - 1)),
            10 => "day(event_time, zone) == day(arrival_time)".to_owned(),
            11 => format!("event_time + {} {comparison} timestamp(\"2026-01-01T00:00:00Z\")", self.duration(depth - 1)),
            12 => format!("!({})", self.condition(depth - 1)),
            13 => format!(
                "({} ? {} : {})",
                self.condition(depth - 1),
                self.condition(depth - 1),
                self.condition(depth - 1)
            ),
            14 => format!("({} || {})", self.condition(depth - 1), self.condition(depth - 1)),
            _ => format!(
                "({} && {} && {})",
                self.condition(depth - 1),
                self.condition(depth - 1),
                self.condition(depth - 1)
            ),
        }
    }
}

fn push(plan: &mut String, stage: &str) {
    plan.push_str(&format!("[[stage]]\n{stage}\n"));
}
