//! A table of text, laid out for a terminal or as HTML.

use crate::text::{harmless, prose};

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
    /// True if cells may be shortened on a narrow terminal.
    pub(crate) flexible: bool,
}

pub(crate) const LEFT: Column = Column { title: "", right: false, flexible: false };
pub(crate) const RIGHT: Column = Column { right: true, ..LEFT };
pub(crate) const WORDS: Column = Column { flexible: true, ..LEFT };
/// Minimum width of a flexible column, in characters.
const LEAST_WIDTH: usize = 8;
/// Titles of columns whose cells have ranges, in the order in which a narrow terminal drops the ranges.
const RANGES: [&str; 3] = ["p50", "p99", "events/s"];
/// Placeholder of an absent value.
pub(crate) const NONE: &str = "–";

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

    /// Returns the table as aligned text, no wider than `width` as far as dropping ranges and shortening words allow.
    pub(crate) fn text(&self, width: usize) -> String {
        let mut table = self.clone();
        for title in RANGES {
            if table.line_width() > width {
                table.drop_ranges(title);
            }
        }
        table.fitted(width)
    }

    fn line_width(&self) -> usize {
        let widths = self.widths(usize::MAX);
        widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
    }

    fn drop_ranges(&mut self, title: &str) {
        let Some(n) = self.columns.iter().position(|column| column.title == title) else { return };
        for cell in self.rows.iter_mut().map(|row| &mut row[n]) {
            cell.truncate(cell.find(" [").unwrap_or(cell.len()));
        }
    }

    fn fitted(&self, width: usize) -> String {
        let widths = self.widths(width);
        let mut out =
            self.line(&widths, &self.columns.iter().map(|column| column.title.to_owned()).collect::<Vec<_>>());
        out.push_str(&"─".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)));
        out.push('\n');
        for row in &self.rows {
            out.push_str(&self.line(&widths, row));
        }
        out
    }

    /// Returns a line for each row with its last cell in full below it.
    pub(crate) fn in_words(mut self, width: usize) -> String {
        self.columns.pop();
        let lasts: Vec<String> = self.rows.iter_mut().filter_map(Vec::pop).collect();
        let widths = self.widths(width);
        let paragraph = |(row, last): (&Vec<String>, &String)| {
            self.line(&widths, row) + &wrapped_lines(&printable(last), INDENT, width)
        };
        self.rows.iter().zip(&lasts).map(paragraph).collect()
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

    /// Returns the width of each column: that of its widest cell, then reduced for the widest flexible columns until
    /// the table fits.
    fn widths(&self, total: usize) -> Vec<usize> {
        let length = |text: &str| text.chars().count();
        let widest = |(n, column): (usize, &Column)| {
            self.rows.iter().map(|row| length(&row[n])).max().unwrap_or(0).max(length(column.title))
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(widest).collect();
        let between = 2 * (widths.len() - 1);
        while widths.iter().sum::<usize>() + between > total {
            let flexible = (0..widths.len()).filter(|n| self.columns[*n].flexible && widths[*n] > LEAST_WIDTH);
            let Some(n) = flexible.max_by_key(|n| widths[*n]) else { break };
            widths[n] -= 1;
        }
        widths
    }

    fn line(&self, widths: &[usize], row: &[String]) -> String {
        let cells = self.columns.iter().zip(widths).zip(row).map(|((column, width), text)| {
            let text = cut(&printable(text), *width);
            if column.right { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    }
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

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
