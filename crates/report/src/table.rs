//! A table of text, laid out for a terminal or as HTML.

use anstyle::{AnsiColor, Style};

use crate::text::{harmless, prose};

/// The place where a table is printed: a terminal, or a file in its stead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Maximum number of characters of a line.
    pub width: usize,
    /// True to set headings, doubts and failures apart by escape codes.
    pub is_styled: bool,
}

impl Screen {
    /// Returns a screen of that width on which text is plain.
    pub fn plain(width: usize) -> Screen {
        Screen { width, is_styled: false }
    }

    /// Returns the text in a style, if text has styles here.
    pub(crate) fn styled(self, style: Style, text: &str) -> String {
        if self.is_styled && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The style of headings.
pub(crate) const HEADING: Style = Style::new().bold();
/// The style of what failed.
pub(crate) const FAILED: Style = AnsiColor::Red.on_default().bold();
/// The style of doubts.
pub(crate) const DOUBT: Style = AnsiColor::Yellow.on_default();

/// Rows of text below a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// A cell for each column.
    pub(crate) rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// True to align cells to the right, as for numbers.
    pub(crate) right: bool,
    /// True if cells may be wrapped on a narrow terminal.
    pub(crate) flexible: bool,
    /// True if its cells are doubts.
    pub(crate) is_doubt: bool,
}

pub(crate) const LEFT: Column = Column { title: "", right: false, flexible: false, is_doubt: false };
pub(crate) const RIGHT: Column = Column { right: true, ..LEFT };
pub(crate) const WORDS: Column = Column { flexible: true, ..LEFT };
/// Number of characters from which a word may be divided.
const LONG_WORD: usize = 16;
/// Characters behind which a word may be divided in any case.
const BREAKS: [char; 5] = [' ', '-', '/', ',', '='];
/// Placeholder of an absent value.
pub(crate) const NONE: &str = "–";
/// Cells that say that something is wrong.
const WRONG: [&str; 3] = ["invalid", "failed", "worse"];

impl Table {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn drop_column(&mut self, title: &str) {
        let Some(n) = self.columns.iter().position(|column| column.title == title) else { return };
        self.columns.remove(n);
        self.rows.iter_mut().for_each(|row| drop(row.remove(n)));
    }

    /// Removes a column that has the same cell in every row.
    pub(crate) fn drop_if_same(&mut self, title: &str) {
        let n = self.columns.iter().position(|column| column.title == title);
        if n.is_some_and(|n| self.rows.iter().all(|row| row[n] == self.rows[0][n])) {
            self.drop_column(title);
        }
    }

    pub(crate) fn drop_if_all(&mut self, title: &str, values: &[&str]) {
        let n = self.columns.iter().position(|column| column.title == title);
        if n.is_some_and(|n| self.rows.iter().all(|row| values.contains(&row[n].as_str()))) {
            self.drop_column(title);
        }
    }

    /// Returns the table as aligned text, no wider than the screen as far as wrapping words allows.
    pub(crate) fn text(&self, screen: Screen) -> String {
        let (header, rows) = self.header_and_rows(screen);
        header + &rows.concat()
    }

    /// Returns the header with the rule below it, and each row, which may have several lines.
    pub(crate) fn header_and_rows(&self, screen: Screen) -> (String, Vec<String>) {
        let widths = self.widths(screen.width);
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
        let header = self.lines(&widths, &titles, |_, text| screen.styled(HEADING, text));
        let style = |n: usize, text: &str| match text.trim() {
            _ if self.columns[n].is_doubt => screen.styled(DOUBT, text),
            outcome if WRONG.contains(&outcome) => screen.styled(FAILED, text),
            _ => text.to_owned(),
        };
        let rows = self.rows.iter().map(|row| self.lines(&widths, row, style)).collect();
        (format!("{header}{rule}\n"), rows)
    }

    /// Returns the width of the table where titles are wrapped, and nothing else.
    pub(crate) fn title_wrapped_width(&self) -> usize {
        total(&self.widest(longest_word))
    }

    /// Returns the width of the table where everything is wrapped that may be.
    pub(crate) fn least_width(&self) -> usize {
        total(&self.widths(0))
    }

    /// Returns the table as GitHub's Markdown.
    pub(crate) fn markdown(&self) -> String {
        let cell = |text: &str| printable(text).replace('\\', "\\\\").replace('|', "\\|");
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule = |column: &Column| if column.right { "---:" } else { "---" }.to_owned();
        let titles = self.columns.iter().map(|column| column.title.to_owned()).collect();
        let mut out = line(titles) + &line(self.columns.iter().map(rule).collect());
        for row in &self.rows {
            out.push_str(&line(row.iter().map(|text| cell(text)).collect()));
        }
        out
    }

    /// Returns the table as HTML.
    pub(crate) fn html(&self) -> String {
        let cell = |tag: &str, column: &Column, text: &str| {
            let class = if column.right { " class=\"right\"" } else { "" };
            format!("<{tag}{class}>{}</{tag}>", prose(text))
        };
        let header: String = self.columns.iter().map(|column| cell("th", column, column.title)).collect();
        let mut out = format!("<div class=\"scroll\"><table><thead><tr>{header}</tr></thead><tbody>\n");
        for row in &self.rows {
            let cells: String = self.columns.iter().zip(row).map(|(column, text)| cell("td", column, text)).collect();
            out.push_str(&format!("<tr>{cells}</tr>\n"));
        }
        out + "</tbody></table></div>\n"
    }

    /// Returns the width of each column: that of its widest cell and title; then titles are wrapped, and then the cells
    /// of the widest flexible columns, until the table fits.
    fn widths(&self, most: usize) -> Vec<usize> {
        let mut widths = self.widest(length);
        if total(&widths) > most {
            widths = self.widest(longest_word);
        }
        let least: Vec<usize> = (0..widths.len()).map(|n| self.least_width_of(n)).collect();
        while total(&widths) > most {
            let flexible = (0..widths.len()).filter(|n| self.columns[*n].flexible && widths[*n] > least[*n]);
            let Some(n) = flexible.max_by_key(|n| widths[*n]) else { break };
            widths[n] -= 1;
        }
        widths
    }

    /// Returns the width below which words of a flexible column would be divided, if they are not very long.
    fn least_width_of(&self, column: usize) -> usize {
        let words = self.rows.iter().flat_map(|row| row[column].split_inclusive(BREAKS));
        let longest = words.map(|word| length(word.trim_end())).max().unwrap_or(0);
        // A word of the title may be longer than that.
        longest.min(LONG_WORD).max(longest_word(self.columns[column].title))
    }

    /// Returns the width of the widest cell of each column, or of its title where that is wider.
    fn widest(&self, title_width: fn(&str) -> usize) -> Vec<usize> {
        let of_column = |(n, column): (usize, &Column)| {
            self.rows.iter().map(|row| length(&row[n])).max().unwrap_or(0).max(title_width(column.title))
        };
        self.columns.iter().enumerate().map(of_column).collect()
    }

    /// Returns the lines of a row; `style` styles the text of a cell of a column, which is as wide as the column.
    fn lines(&self, widths: &[usize], row: &[String], style: impl Fn(usize, &str) -> String) -> String {
        let cells: Vec<Vec<String>> =
            row.iter().zip(widths).map(|(text, width)| pieces(&printable(text), *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        let mut out = String::new();
        for at in 0..height {
            let mut line = String::new();
            for (n, (column, width)) in self.columns.iter().zip(widths).enumerate() {
                let text = cells[n].get(at).map_or("", String::as_str);
                let pad = " ".repeat(width.saturating_sub(text.chars().count()));
                let gap = if n == 0 { "" } else { "  " };
                let text = style(n, text);
                line.push_str(&if column.right { format!("{gap}{pad}{text}") } else { format!("{gap}{text}{pad}") });
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn longest_word(title: &str) -> usize {
    title.split(' ').map(length).max().unwrap_or(0)
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
}

/// Divides a text into pieces of at most `width` characters, at spaces and behind punctuation where it has any.
fn pieces(text: &str, width: usize) -> Vec<String> {
    let mut pieces: Vec<String> = vec![String::new()];
    for part in text.split_inclusive(BREAKS) {
        let is_full = |piece: &String| !piece.is_empty() && length(piece) + length(part.trim_end()) > width;
        if pieces.last().is_some_and(is_full) {
            pieces.push(String::new());
        }
        for letter in part.chars() {
            let is_full = pieces.last().is_some_and(|piece| length(piece) >= width);
            if is_full && letter == ' ' {
                continue;
            }
            if is_full {
                pieces.push(String::new());
            }
            pieces.last_mut().into_iter().for_each(|piece| piece.push(letter));
        }
    }
    pieces
}

/// Replaces characters that could steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(harmless).collect()
}

/// Indentation of wrapped lines.
pub(crate) const INDENT: &str = "    ";

/// Wraps text into lines of at most `width` characters, unless a single word is longer. The first one begins with `first`,
/// the others are indented.
pub(crate) fn wrapped_lines(text: &str, first: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (is_first, word) in text.split_whitespace().flat_map(|word| fitting_parts(word, width - INDENT.len())) {
        match lines.last_mut() {
            Some(line) if is_first && line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(format!("{}{word}", if lines.is_empty() { first } else { INDENT })),
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// Divides a word at its slashes into parts that fit a line, as far as there are slashes. True marks the first part.
fn fitting_parts(word: &str, width: usize) -> Vec<(bool, String)> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for piece in word.split_inclusive('/') {
        match parts.last_mut() {
            Some((_, part)) if part.chars().count() + piece.chars().count() <= width => part.push_str(piece),
            _ => parts.push((parts.is_empty(), piece.to_owned())),
        }
    }
    parts
}
