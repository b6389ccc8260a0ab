//! The inks of a drawing: what a colour stands for. A backend decides what an ink looks like.
//!
//! plotters gives a backend nothing but RGB values, so each ink has a value of its own that no backend shows.

use plotters::style::Color;
use plotters_backend::BackendColor;

/// Number of colours of series.
pub(crate) const COLOURS: usize = 10;

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// The n-th colour of series; they repeat cyclically.
    Series(usize),
    /// Text and neutral marks.
    Text,
    /// Text on a halo of paper, so that it is readable over lines.
    Halo,
    /// What is not the system under test: the machine, baselines, thresholds.
    Floor,
    /// Axes.
    Base,
    /// Lines of the grid.
    Grid,
    /// The background.
    Paper,
}

/// The inks that are not of series, with their class and their colour on white paper.
const NEUTRAL: [(Ink, &str, u32); 6] = [
    (Ink::Text, "value", 0x1f2328),
    (Ink::Halo, "value halo", 0x1f2328),
    (Ink::Floor, "floor", 0x6e7781),
    (Ink::Base, "base", 0x6e7781),
    (Ink::Grid, "grid", 0xd8dee4),
    (Ink::Paper, "paper", 0xffffff),
];
/// The colours of series on white paper: those of Okabe and Ito, then three more.
#[cfg(any(test, feature = "png"))]
const OF_SERIES: [u32; COLOURS] =
    [0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x1f2328, 0xe69f00, 0x56b4e9, 0x7b4fb5, 0x8c6d1f, 0xa3223a];

impl Ink {
    /// Returns the ink of a colour that a backend is given.
    pub(crate) fn of(color: BackendColor) -> Ink {
        match color.rgb {
            (n, 0, 1) => Ink::Series(n.into()),
            (n, 0, 2) => NEUTRAL.get(usize::from(n)).map_or(Ink::Text, |(ink, ..)| *ink),
            _ => Ink::Text,
        }
    }

    /// Returns the class that sets the colour in `figure.css`.
    pub(crate) fn class(self) -> String {
        match self {
            Ink::Series(n) => format!("c{}", n % COLOURS),
            _ => {
                NEUTRAL.iter().find(|(ink, ..)| *ink == self).map_or_else(String::new, |(_, class, _)| (*class).into())
            }
        }
    }

    /// Returns the colour on white paper.
    #[cfg(any(test, feature = "png"))]
    pub(crate) fn rgb_on_white(self) -> (u8, u8, u8) {
        let of_neutral = NEUTRAL.iter().find(|(ink, ..)| *ink == self).map_or(0, |(.., rgb)| *rgb);
        let [_, red, green, blue] = match self {
            Ink::Series(n) => OF_SERIES[n % COLOURS],
            _ => of_neutral,
        }
        .to_be_bytes();
        (red, green, blue)
    }
}

impl Color for Ink {
    fn to_backend_color(&self) -> BackendColor {
        let rgb = match self {
            Ink::Series(n) => ((n % COLOURS) as u8, 0, 1),
            _ => (NEUTRAL.iter().position(|(ink, ..)| ink == self).unwrap_or(0) as u8, 0, 2),
        };
        BackendColor { alpha: 1.0, rgb }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::svg::STYLE;

    #[test]
    fn a_backend_recognises_every_ink() {
        let series = (0..COLOURS).map(Ink::Series);
        for ink in series.chain(NEUTRAL.map(|(ink, ..)| ink)) {
            assert_eq!(Ink::of(ink.to_backend_color()), ink);
        }
    }

    #[test]
    fn colours_on_white_are_those_of_the_style_sheet() {
        for ink in (0..COLOURS).map(Ink::Series).chain([Ink::Text, Ink::Floor, Ink::Base, Ink::Grid, Ink::Paper]) {
            let (red, green, blue) = ink.rgb_on_white();
            let hex = format!("#{red:02x}{green:02x}{blue:02x}");
            let rules =
                STYLE.lines().find(|line| line.starts_with(".fig ") && line.contains(&format!(".{}", ink.class())));
            let rule = rules.unwrap_or_else(|| panic!("no rule for {ink:?}"));
            assert!(rule.contains(&hex) || rule.contains("#fff") && hex == "#ffffff", "{ink:?}: {rule}, {hex}");
        }
    }
}
