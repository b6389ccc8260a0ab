//! Decimal numbers with three decimals, added exactly.

use std::fmt::{Display, Formatter};
use std::ops::{Add, AddAssign, Mul};

/// A number in thousandths, such as an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Thousandths(pub i128);

/// Digits of a number at most: sums of numbers that long never leave 128 bits.
const DIGITS_MAX: usize = 24;

impl Thousandths {
    /// Returns a whole number, to be shown with its thousands apart.
    pub fn from_whole(number: i128) -> Thousandths {
        Thousandths(number * 1_000)
    }

    /// Reads a decimal number such as `-12.5` or `7`, with three decimals at most; `None` if it is none.
    pub fn parse(text: &str) -> Option<Thousandths> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || whole.len() > DIGITS_MAX || part.len() > 3 {
            return None;
        }
        let number: i128 = format!("{whole}{part:0<3}").parse().ok()?;
        Some(Thousandths(sign * number))
    }

    /// Returns the number as a float, to be drawn and not to be added.
    pub fn approximate(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Add for Thousandths {
    type Output = Thousandths;

    fn add(self, other: Thousandths) -> Thousandths {
        Thousandths(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Thousandths {
    fn add_assign(&mut self, other: Thousandths) {
        *self = *self + other;
    }
}

impl Mul<i64> for Thousandths {
    type Output = Thousandths;

    fn mul(self, times: i64) -> Thousandths {
        Thousandths(self.0.saturating_mul(times.into()))
    }
}

/// Writes thousands apart, and no decimals if they are zero, else two or three: `1,234.50`.
impl Display for Thousandths {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (whole, part) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        let sign = if self.0 < 0 { "−" } else { "" };
        write!(f, "{sign}{}", grouped(whole))?;
        match part {
            0 => Ok(()),
            part if part % 10 == 0 => write!(f, ".{:02}", part / 10),
            part => write!(f, ".{part:03}"),
        }
    }
}

/// Writes a whole number with thousands apart: `1,234`.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_read_and_written() {
        for (text, thousandths, written) in [
            ("0", 0, "0"),
            ("12.5", 12_500, "12.50"),
            ("-0.001", -1, "−0.001"),
            ("1234567.89", 1_234_567_890, "1,234,567.89"),
            ("1000", 1_000_000, "1,000"),
        ] {
            assert_eq!(Thousandths::parse(text), Some(Thousandths(thousandths)), "{text}");
            assert_eq!(Thousandths(thousandths).to_string(), written);
        }
        for text in ["", "-", ".", "1.", ".5", "1.2345", "1e3", "+1", "1,5", "NaN", &"9".repeat(25), "٣"] {
            assert_eq!(Thousandths::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sums_are_exact(parts in prop::collection::vec(-1_000_000_000_000_000_i64..1_000_000_000_000_000, 0..50)) {
            let text = |part: i64| {
                let sign = if part < 0 { "-" } else { "" };
                format!("{sign}{}.{:03}", part.unsigned_abs() / 1000, part.unsigned_abs() % 1000)
            };
            let mut sum = Thousandths::default();
            for part in &parts {
                sum += Thousandths::parse(&text(*part)).unwrap();
            }
            prop_assert_eq!(sum.0, parts.iter().map(|part| i128::from(*part)).sum::<i128>());
        }
    }
}
