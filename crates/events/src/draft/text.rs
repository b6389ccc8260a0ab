//! Writes a guess as the text of a mapping.

use std::fmt::Write as _;

use crate::decimal::{Decimal, NumberStyle};
use crate::draft::guess::{Events, Guess};
use crate::draft::kinds::{self, KindGuess, KindWord};
use crate::draft::numbers::{self, NumberGuess};
use crate::draft::table::{Column, Misfits, Table};
use crate::draft::time_guess::TimeGuess;
use crate::draft::unused::{Unused, unused};
use crate::event::Kind;
use crate::fields::Field;
use crate::names::{clean, listed};

/// A draft that is being written.
pub(super) struct Draft<'a> {
    table: &'a Table,
    guess: &'a Guess,
    /// The names of the columns without quotes.
    names: Vec<String>,
    /// How the amounts are written, if a column has some.
    numbers: Option<NumberGuess>,
    text: String,
}

impl<'a> Draft<'a> {
    pub(super) fn new(input: &str, table: &'a Table, guess: &'a Guess) -> Draft<'a> {
        let rows = if table.rows == 1 { "row".to_owned() } else { rows(table.rows) };
        let name = clean(input);
        let mut text = format!("# A first mapping for {name}, drafted from its first {rows}: review it before use.\n");
        text.push_str("# flowbench replay LOG --map THIS.toml --pipeline ");
        let is_spending = guess.roles.column(Field::Value).is_some() && guess.roles.column(Field::Customer).is_some();
        text.push_str(if is_spending { "lifetime-value\n" } else { "identity\n" });
        let names = names(table, guess);
        if let Some(column) = guess.unknown_kinds() {
            let name = clean(&names[column]);
            let _ = writeln!(text, "# It is refused until [kind.values] says what the words of '{name}' mean.");
        }
        text.push('\n');
        let value = guess.roles.column(Field::Value);
        let numbers = value.map(|value| numbers::guess(table, value, guess.roles.quantity));
        Draft { table, guess, names, numbers, text }
    }

    pub(super) fn write(mut self) -> String {
        self.file();
        self.fields();
        self.unused();
        match &self.guess.events {
            Events::One { kind, .. } => self.kind(kind),
            Events::Several(events) => {
                for (kind, column, time) in events {
                    let _ = writeln!(self.text, "\n[[event]]\nkind = {{ constant = \"{}\" }}", kind.name());
                    self.time("time", *column, time);
                    if let Some(id) = self.guess.roles.column(Field::EventId) {
                        let (name, prefix) = (quoted(&self.names[id]), kind.name());
                        let _ = writeln!(self.text, "event_id = {{ column = {name}, prefix = \"{prefix}-\" }}");
                    }
                }
            }
        }
        self.text
    }

    /// Writes what the mapping must state about the file as a whole.
    fn file(&mut self) {
        let layout = &self.table.layout;
        let before = self.text.len();
        if let Some(separator) = layout.separator {
            let _ = writeln!(self.text, "separator = {}", quoted(&char::from(separator).to_string()));
        }
        if let Some(encoding) = layout.encoding {
            let _ = writeln!(self.text, "encoding = \"{}\"", encoding.key());
        }
        if layout.has_no_header {
            let names: Vec<String> = self.names.iter().map(|name| quoted(name)).collect();
            let _ = writeln!(self.text, "columns = [{}] # there is no header", names.join(", "));
        }
        self.numbers();
        let nothing = self.words_for_nothing();
        if !nothing.is_empty() {
            let words: Vec<String> = ["NULL", "\\N"].iter().chain(&nothing).map(|word| quoted(word)).collect();
            let _ = writeln!(self.text, "absent = [{}] # a cell with one of these words is empty", words.join(", "));
        }
        if let Some(order) = self.guess.roles.column(Field::Order).filter(|_| self.guess.is_grouped) {
            let _ = writeln!(self.text, "group = {} # the lines of an order are one event", quoted(&self.names[order]));
        }
        if self.text.len() > before {
            self.text.push('\n');
        }
    }

    /// Writes the style of amounts, and in which style they would be others.
    fn numbers(&mut self) {
        let Some(NumberGuess { style, doubt }) = &self.numbers else { return };
        if style.decimal != '.' {
            let _ = writeln!(self.text, "decimal = \"{}\"", style.decimal);
        }
        if let Some(thousands) = style.thousands {
            let _ = writeln!(self.text, "thousands = {}", quoted(&thousands.to_string()));
        }
        if let Some((amount, other)) = doubt {
            let what = if other.thousands.is_some() { "thousands" } else { "decimals" };
            let write = if *style == NumberStyle::PLAIN { "add" } else { "replace that line with" };
            let _ = writeln!(
                self.text,
                "# the digits behind the mark in {} may be {what}: if so, {write} {}",
                clean(amount),
                other.in_a_mapping()
            );
        }
    }

    fn fields(&mut self) {
        let guess = self.guess;
        if let Events::One { time: (column, time), .. } = &guess.events {
            self.time("time", *column, time);
        }
        if let Some((column, time)) = &guess.arrival {
            self.time("arrival", *column, time);
        }
        let is_several = matches!(guess.events, Events::Several(_));
        for (field, column) in guess.roles.fields.iter().filter(|(field, _)| !is_several || *field != Field::EventId) {
            let name = quoted(&self.names[*column]);
            let cells = &self.table.columns[*column];
            let _ = write!(self.text, "{} = {{ column = {name}", field.name());
            if *field == Field::Value
                && let Some(quantity) = guess.roles.quantity
            {
                let _ = write!(self.text, ", times = {}", quoted(&self.names[quantity]));
            }
            let is_float = is_id(*field) && is_float_of_id(cells);
            if is_float {
                self.text.push_str(", pattern = \"^([0-9]+)\"");
            }
            let by_place = if guess.roles.are_by_place { "; a guess by its place" } else { "" };
            let misfits = self.misfits(*field, *column);
            let _ = writeln!(self.text, " }} # {}{by_place}{misfits}", self.example(*field, cells));
            let repeating = cells.repeating();
            if *field == Field::EventId && repeating > 0 {
                let _ = writeln!(
                    self.text,
                    "# {repeating} of {} repeat one: --deduplicate counts the first only",
                    rows(self.table.rows)
                );
            }
        }
    }

    fn time(&mut self, key: &str, column: usize, time: &TimeGuess) {
        let _ = write!(self.text, "{key} = {{ column = {}", quoted(&self.names[column]));
        if let Some(format) = &time.format {
            let _ = write!(self.text, ", format = {}", quoted(format));
        }
        if time.is_local {
            self.text.push_str(", timezone = \"UTC\"");
        }
        let _ = write!(self.text, " }} # {}", example(self.table.columns[column].present().next()));
        if time.is_local {
            self.text.push_str("; UTC is a guess");
        }
        if let Some(other) = &time.other_way_round {
            let _ = write!(self.text, "; it could be {other}");
        }
        if let Some(unread) = &time.unread {
            let _ = write!(self.text, "; {} cannot be read", clean(unread));
        }
        self.text.push('\n');
    }

    fn kind(&mut self, kind: &KindGuess) {
        match kind {
            KindGuess::Constant(kind) => {
                let _ = writeln!(
                    self.text,
                    "\n[kind]\nconstant = \"{}\" # a guess: no column tells what happened",
                    kind.name()
                );
                self.doubtful();
            }
            KindGuess::InvoiceLetter { column } => {
                let name = quoted(&self.names[*column]);
                let _ = writeln!(
                    self.text,
                    "\n[kind]\ncolumn = {name} # a letter before the number tells what is no order\n\
                     pattern = \"^([A-Z]?)\"\n[kind.values]\n\"\" = \"{}\"\nC = \"{}\" # a guess",
                    Kind::OrderPlaced.name(),
                    Kind::OrderCancelled.name()
                );
            }
            KindGuess::Words { column, words, may_be_last } => {
                let doubt = if *may_be_last { " # a guess: it may be what became of the order since" } else { "" };
                let is_known = self.guess.unknown_kinds().is_none();
                let todo = if is_known { "" } else { "uncomment those that count and say which kind they are; " };
                let _ = writeln!(
                    self.text,
                    "\n[kind]\ncolumn = {}{doubt}\n[kind.values] # {todo}others are skipped",
                    quoted(&self.names[*column])
                );
                words.iter().for_each(|word| self.kind_word(word));
                self.kinds_to_come(words);
                if !is_known {
                    self.kinds_there_are();
                }
            }
        }
    }

    /// Writes the kinds that later rows may have, if the words are the names of kinds.
    fn kinds_to_come(&mut self, words: &[KindWord]) {
        if words.iter().any(|word| Kind::from_name(&word.word).is_none()) {
            return;
        }
        for name in Kind::ALL.map(Kind::name) {
            if words.iter().all(|word| word.word != name) {
                let _ = writeln!(self.text, "\"{name}\" = \"{name}\" # not seen so far");
            }
        }
    }

    /// Writes which kinds a word can have, and what to write if the words do not tell what happened.
    fn kinds_there_are(&mut self) {
        let one = kinds::without_column(self.table, &self.guess.roles);
        let one = if let KindGuess::Constant(kind) = one { kind } else { Kind::OrderPlaced };
        let _ = writeln!(
            self.text,
            "# kinds: {}\n# if every row is the same, write in place of [kind]: kind = {{ constant = \"{}\" }}",
            Kind::ALL.map(Kind::name).join(", "),
            one.name()
        );
    }

    /// Writes the columns that may hold the kind after all.
    fn doubtful(&mut self) {
        for (column, words) in &self.guess.doubtful {
            let name = &self.names[*column];
            let all: Vec<String> = words.iter().map(|word| clean(&word.word).into()).collect();
            let is_known = words.iter().any(|word| word.meaning.is_some());
            let told = words.iter().filter(|word| word.meaning.is_some() || !is_known);
            let value = |word: &KindWord| {
                format!("{} = \"{}\"", quoted(&clean(&word.word)), word.meaning.map_or("...", Kind::name))
            };
            let values: Vec<String> = told.map(value).collect();
            let _ = writeln!(
                self.text,
                "# column '{}' has {}: if a row stands for that, write in place of [kind]\n\
                 # kind = {{ column = {}, values = {{ {} }} }}",
                clean(name),
                all.join(", "),
                quoted(name),
                values.join(", ")
            );
        }
    }

    fn kind_word(&mut self, KindWord { word, rows, meaning, is_guess }: &KindWord) {
        let rows = self::rows(*rows);
        let _ = match meaning {
            Some(kind) => {
                let guess = if *is_guess { "a guess; " } else { "" };
                writeln!(self.text, "{} = \"{}\" # {guess}{rows}", quoted(word), kind.name())
            }
            None => writeln!(self.text, "# {} = \"...\" # not known; {rows}", quoted(&clean(word))),
        };
    }

    fn unused(&mut self) {
        for Unused { columns, reason } in unused(self.table, self.guess) {
            let columns: Vec<String> = columns.into_iter().map(|column| self.names[column].clone()).collect();
            let _ = writeln!(self.text, "# not used: {} ({reason})", listed(&columns));
        }
    }

    fn style(&self) -> NumberStyle {
        self.numbers.as_ref().map_or(NumberStyle::PLAIN, |numbers| numbers.style)
    }

    /// Returns what is said of the cells of a field, and of the factor of the value, that cannot be read.
    fn misfits(&self, field: Field, column: usize) -> String {
        let factor = self.guess.roles.quantity.filter(|_| field == Field::Value);
        let said = |column: usize, of: &str| {
            let misfits = self.misfits_of(field, column);
            if misfits.cells == 0 { String::new() } else { format!("; {misfits}{of}") }
        };
        let of_factor = factor.map(|factor| said(factor, &format!(" in {}", clean(&self.names[factor]))));
        said(column, "") + &of_factor.unwrap_or_default()
    }

    fn misfits_of(&self, field: Field, column: usize) -> Misfits<'a> {
        let cells = &self.table.columns[column];
        match field {
            Field::Value => numbers::misfits(cells, self.style()),
            Field::LoadTimeMs | Field::Rating => cells.misfits(|cell| numbers::fits(field, cell)),
            _ => Misfits::default(),
        }
    }

    /// Returns a cell that shows what is in a column.
    fn example(&self, field: Field, cells: &Column) -> String {
        let style = self.style();
        let is_typical = |cell: &&str| match field {
            Field::Value => Decimal::parse_amount(cell, style).is_ok(),
            Field::LoadTimeMs | Field::Rating => numbers::fits(field, cell),
            _ => true,
        };
        example(cells.present().find(is_typical))
    }

    /// Returns the words of the used columns that may mean that a cell is absent.
    fn words_for_nothing(&self) -> Vec<&'a str> {
        let mut words: Vec<&str> = Vec::new();
        for (_, column) in &self.guess.roles.fields {
            for word in self.table.columns[*column].words_for_nothing() {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        words
    }
}

/// Returns the names of the columns. Without a header, they are those of the fields.
fn names(table: &Table, guess: &Guess) -> Vec<String> {
    let mut names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    if !table.layout.has_no_header {
        return names;
    }
    for (field, column) in &guess.roles.fields {
        names[*column] = field.name().to_owned();
    }
    match &guess.events {
        Events::One { time: (time, _), kind } => {
            names[*time] = "time".to_owned();
            if let KindGuess::Words { column, .. } = kind {
                names[*column] = "kind".to_owned();
            }
        }
        Events::Several(events) => events.iter().for_each(|(kind, column, _)| names[*column] = kind.name().to_owned()),
    }
    names
}

fn rows(count: usize) -> String {
    format!("{count} row{}", if count == 1 { "" } else { "s" })
}

fn is_id(field: Field) -> bool {
    matches!(field, Field::Customer | Field::Order | Field::Product)
}

/// Returns true if ids have been converted to floating point, as in `13085.0`.
fn is_float_of_id(column: &Column) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_float = |cell: &str| cell.strip_suffix(".0").is_some_and(digits);
    column.present().any(is_float) && column.present().all(|cell| digits(cell) || is_float(cell))
}

fn example(cell: Option<&str>) -> String {
    cell.map_or("always empty so far".to_owned(), |cell| format!("such as {}", clean(cell)))
}

/// Returns a text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04X}", letter as u32);
            }
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}
