//! What stood where on the screen, and from when to when.

use std::num::NonZero;
use std::time::Duration;

use vt100::{Color, Parser, Screen};

use crate::session::Chunk;

/// Pictures per second of what is played: more is not read, and costs bytes.
const PICTURES_PER_S: f64 = 5.0;

/// How long the command stands there alone before anything happens.
const PROMPT_S: f64 = 1.0;

/// How long the last picture stays before it begins again.
const REST_S: f64 = 12.0;

/// Everything that is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Film {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    pub(crate) lines: Vec<Shown>,
    /// Length of all, seconds.
    pub(crate) length_s: f64,
    /// How many times as fast as it was, 1 or more.
    pub(crate) speed: f64,
}

/// A line of the screen for as long as it stands there unchanged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) row: u16,
    pub(crate) from_s: f64,
    /// Absent if it stands there at the end.
    pub(crate) until_s: Option<f64>,
    pub(crate) words: Vec<Words>,
}

/// Words in one style.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Words {
    pub(crate) text: String,
    pub(crate) style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style {
    /// Colour of the terminal, 1 to 7, bright ones as the others; absent if it is that of the text.
    pub(crate) colour: Option<u8>,
    pub(crate) bold: bool,
    pub(crate) dim: bool,
}

impl Film {
    /// What a terminal of that size shows while a command is typed and writes these chunks, sped up to the time to play.
    pub(crate) fn of(
        prompt: &str,
        chunks: &[Chunk],
        (columns, rows): (NonZero<u16>, NonZero<u16>),
        played: Duration,
    ) -> Film {
        let took_s = chunks.last().map_or(0.0, |last| last.at.as_secs_f64());
        let speed = (took_s / played.as_secs_f64()).max(1.0);
        let mut parser = Parser::new(rows, columns, 0);
        parser.process(format!("\x1b[1m$ {prompt}\x1b[m\r\n").as_bytes());
        let mut shooting = Shooting { before: vec![(Vec::new(), 0.0); usize::from(rows.get())], lines: Vec::new() };
        shooting.shoot(parser.screen(), 0.0);
        let mut next_s = PROMPT_S;
        for (n, chunk) in chunks.iter().enumerate() {
            parser.process(&chunk.bytes);
            let at_s = PROMPT_S + chunk.at.as_secs_f64() / speed;
            // A picture is due when what comes next comes after it.
            let until_s = chunks.get(n + 1).map_or(f64::INFINITY, |next| PROMPT_S + next.at.as_secs_f64() / speed);
            if until_s > next_s {
                let at_s = at_s.max(next_s);
                shooting.shoot(parser.screen(), at_s);
                next_s = at_s + 1.0 / PICTURES_PER_S;
            }
        }
        let end_s = next_s.max(PROMPT_S + took_s / speed);
        Film { columns: columns.get(), rows: rows.get(), lines: shooting.end(), length_s: end_s + REST_S, speed }
    }
}

/// A film while it is shot.
struct Shooting {
    /// By row, what stands there, and since when.
    before: Vec<(Vec<Words>, f64)>,
    lines: Vec<Shown>,
}

impl Shooting {
    fn shoot(&mut self, screen: &Screen, at_s: f64) {
        for (row, (words, since_s)) in (0..).zip(&mut self.before) {
            let now = words_of(screen, row);
            if now != *words {
                let words = std::mem::replace(words, now);
                let from_s = std::mem::replace(since_s, at_s);
                self.lines.push(Shown { row, from_s, until_s: Some(at_s), words });
            }
        }
    }

    fn end(mut self) -> Vec<Shown> {
        let last = (0..).zip(self.before).map(|(row, (words, from_s))| Shown { row, from_s, until_s: None, words });
        self.lines.extend(last);
        self.lines.retain(|line| !line.words.is_empty());
        self.lines
    }
}

/// The words of a row, without blanks at its end.
fn words_of(screen: &Screen, row: u16) -> Vec<Words> {
    let (_, columns) = screen.size();
    let mut line: Vec<Words> = Vec::new();
    for cell in
        (0..columns.get()).filter_map(|column| screen.cell(row, column)).filter(|cell| !cell.is_wide_continuation())
    {
        let colour = match cell.fgcolor() {
            Color::Idx(index @ 1..=7) => Some(index),
            Color::Idx(index @ 9..=15) => Some(index - 8),
            _ => None,
        };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let style = Style { colour, bold: cell.bold(), dim: cell.dim() };
        match line.last_mut().filter(|words| words.style == style || text == " ") {
            Some(words) => words.text.push_str(text),
            None => line.push(Words { text: text.to_owned(), style }),
        }
    }
    while let Some(last) = line.last_mut() {
        last.text.truncate(last.text.trim_end().len());
        if !last.text.is_empty() {
            break;
        }
        line.pop();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(columns: u16, rows: u16) -> (NonZero<u16>, NonZero<u16>) {
        (NonZero::new(columns).unwrap(), NonZero::new(rows).unwrap())
    }

    fn film(chunks: &[(u64, &str)]) -> Film {
        let chunk =
            |(ms, text): &(u64, &str)| Chunk { at: Duration::from_millis(*ms), bytes: text.as_bytes().to_vec() };
        let chunks: Vec<Chunk> = chunks.iter().map(chunk).collect();
        Film::of("count", &chunks, size(20, 4), Duration::from_secs(10))
    }

    fn shown(film: &Film) -> Vec<(u16, f64, Option<f64>, String)> {
        let text = |line: &Shown| line.words.iter().map(|words| words.text.as_str()).collect::<String>();
        film.lines.iter().map(|line| (line.row, line.from_s, line.until_s, text(line))).collect()
    }

    #[test]
    fn a_line_is_shown_until_another_takes_its_place() {
        let film = film(&[(0, "one"), (2000, "\r\x1b[2Ktwo"), (4000, "\r\x1b[2Kdone\r\n")]);
        let expected = [
            (1, 1.0, Some(3.0), "one".to_owned()),
            (1, 3.0, Some(5.0), "two".to_owned()),
            (0, 0.0, None, "$ count".to_owned()),
            (1, 5.0, None, "done".to_owned()),
        ];
        assert_eq!(shown(&film), expected);
        assert_eq!(film.speed, 1.0);
    }

    #[test]
    fn what_took_long_is_sped_up_and_what_changes_faster_than_pictures_is_left_out() {
        let chunks: Vec<(u64, String)> = (0..=4000).map(|n| (n * 10, format!("\r{n:>4}"))).collect();
        let chunks: Vec<(u64, &str)> = chunks.iter().map(|(ms, text)| (*ms, text.as_str())).collect();
        let film = film(&chunks);
        assert_eq!(film.speed, 4.0);
        assert!((50..=54).contains(&film.lines.len()), "{} lines", film.lines.len());
        assert_eq!(shown(&film).last().unwrap().3, "4000", "the end is shown");
    }

    #[test]
    fn styles_are_those_of_the_terminal_and_what_scrolls_moves() {
        let film = film(&[(0, "a\r\nb\r\nc \x1b[31mred\x1b[0m \x1b[1mbold\x1b[0m\r\nd\r\n")]);
        let last: Vec<&Shown> = film.lines.iter().filter(|line| line.until_s.is_none()).collect();
        assert_eq!(last.iter().map(|line| line.row).collect::<Vec<_>>(), [0, 1, 2]);
        let words = |text: &str, style| Words { text: text.to_owned(), style };
        let (red, bold) = (Style { colour: Some(1), ..Style::default() }, Style { bold: true, ..Style::default() });
        assert_eq!(last[1].words, [words("c ", Style::default()), words("red ", red), words("bold", bold)]);
    }
}
