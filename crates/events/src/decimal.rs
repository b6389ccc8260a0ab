//! Exact numbers in the styles of published logs: `129.0000`, `.5`, `1.5e2`, ` 7`, `1.234,50 €`.

use std::fmt;

use thiserror::Error;

use crate::currency::{self, Currency};

/// An exact number, `mantissa × 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: i128,
    exponent: i64,
}

/// How a log writes its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberStyle {
    /// The decimal separator, `.` or `,`.
    pub(crate) decimal: char,
    /// The thousands separator, if there may be one.
    pub(crate) thousands: Option<char>,
}

/// The reason why a text is not the wanted number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum BadNumber {
    #[error("it is not a number")]
    NotANumber,
    #[error("it has too many digits")]
    TooManyDigits,
    #[error("it is finer than the unit")]
    Remainder,
    #[error("it does not fit")]
    TooLarge,
}

impl NumberStyle {
    /// The style with a decimal point and no thousands separator.
    pub(crate) const PLAIN: NumberStyle = NumberStyle { decimal: '.', thousands: None };

    /// Returns the other styles in which a text is a number, for a message.
    pub(crate) fn others(self, text: &str) -> impl Iterator<Item = NumberStyle> {
        const STYLES: [(char, Option<char>); 8] = [
            ('.', None),
            (',', None),
            ('.', Some(',')),
            (',', Some('.')),
            ('.', Some(' ')),
            (',', Some(' ')),
            ('.', Some('\'')),
            (',', Some('\'')),
        ];
        let styles = STYLES.map(|(decimal, thousands)| NumberStyle { decimal, thousands });
        styles.into_iter().filter(move |style| *style != self && Decimal::parse_amount(text, *style).is_ok())
    }

    /// Returns the settings of a mapping that state this style.
    pub(crate) fn in_a_mapping(self) -> String {
        match self.thousands {
            None => format!("decimal = \"{}\"", self.decimal),
            Some(separator) if self.decimal == '.' => format!("thousands = \"{separator}\""),
            Some(separator) => format!("decimal = \"{}\" and thousands = \"{separator}\"", self.decimal),
        }
    }

    /// Returns true if `letter` is the thousands separator. All spaces are equal, and so are both apostrophes.
    fn is_separator(self, letter: char) -> bool {
        match self.thousands {
            Some(' ' | '\u{a0}' | '\u{202f}') => matches!(letter, ' ' | '\u{a0}' | '\u{202f}'),
            Some('\'') => matches!(letter, '\'' | '\u{2019}'),
            Some(separator) => letter == separator,
            None => false,
        }
    }
}

impl fmt::Display for Decimal {
    /// Writes the digits without zeros that do not count; with an exponent if the number is far from its digits.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ZEROS_MAX: i64 = 60;
        const ZEROS_MIN: i64 = -ZEROS_MAX;
        if self.mantissa == 0 {
            return out.write_str("0");
        }
        let (mut mantissa, mut exponent) = (self.mantissa, self.exponent);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.saturating_add(1);
        }
        let (sign, digits) = (if mantissa < 0 { "-" } else { "" }, mantissa.unsigned_abs().to_string());
        match exponent {
            0..=ZEROS_MAX => write!(out, "{sign}{digits}{}", "0".repeat(exponent as usize)),
            ZEROS_MIN..0 => {
                let width = exponent.unsigned_abs() as usize + 1;
                let padded = format!("{digits:0>width$}");
                let (whole, fraction) = padded.split_at(padded.len() + 1 - width);
                write!(out, "{sign}{whole}.{fraction}")
            }
            _ => write!(out, "{sign}{digits}e{exponent}"),
        }
    }
}

impl Decimal {
    /// Reads a number, which may have decimals, an exponent, a sign and spaces around it, and at most 38 digits.
    pub(crate) fn parse(text: &str, style: NumberStyle) -> Result<Decimal, BadNumber> {
        let (negative, digits) = signed(text.trim());
        Ok(Decimal::unsigned(digits, style)?.negative_if(negative == Some(true)))
    }

    /// Reads an amount of money, which is a number that may have a currency before or after it.
    pub(crate) fn parse_amount(text: &str, style: NumberStyle) -> Result<(Decimal, Option<Currency<'_>>), BadNumber> {
        let (outer, amount) = signed(text.trim());
        let (currency, digits) = currency::split(amount).ok_or(BadNumber::NotANumber)?;
        // The sign is before or after the currency: -$5, $-5.
        let (inner, digits) = if currency.is_some() { signed(digits) } else { (None, digits) };
        if outer.is_some() && inner.is_some() {
            return Err(BadNumber::NotANumber);
        }
        let number = Decimal::unsigned(digits, style)?;
        Ok((number.negative_if(outer.or(inner) == Some(true)), currency))
    }

    /// Returns the exact product.
    pub(crate) fn times(self, factor: Decimal) -> Result<Decimal, BadNumber> {
        let mantissa = self.mantissa.checked_mul(factor.mantissa).ok_or(BadNumber::TooManyDigits)?;
        Ok(Decimal { mantissa, exponent: self.exponent.saturating_add(factor.exponent) })
    }

    /// Returns the number as an exact count of units of `10^-decimals`.
    pub(crate) fn units(self, decimals: i64) -> Result<i128, BadNumber> {
        let (units, rest, _) = self.divided(decimals)?;
        if rest == 0 { Ok(units) } else { Err(BadNumber::Remainder) }
    }

    /// Returns the number as a count of units of `10^-decimals`, rounded down.
    pub(crate) fn floor_units(self, decimals: i64) -> Result<i128, BadNumber> {
        self.divided(decimals).map(|(units, ..)| units)
    }

    /// Returns the number as the nearest count of units of `10^-decimals`; half a unit is rounded up.
    pub(crate) fn nearest_units(self, decimals: i64) -> Result<i128, BadNumber> {
        let (units, rest, unit) = self.divided(decimals)?;
        Ok(units + i128::from(rest >= unit - rest))
    }

    /// Returns the whole units of `10^-decimals`, the remainder, and the divisor of the remainder (both at least 0).
    fn divided(self, decimals: i64) -> Result<(i128, i128, i128), BadNumber> {
        if self.mantissa == 0 {
            return Ok((0, 0, 1));
        }
        let shift = self.exponent.saturating_add(decimals);
        let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|shift| 10_i128.checked_pow(shift));
        match power {
            Some(power) if shift >= 0 => Ok((self.mantissa.checked_mul(power).ok_or(BadNumber::TooLarge)?, 0, 1)),
            None if shift >= 0 => Err(BadNumber::TooLarge),
            Some(unit) => Ok((self.mantissa.div_euclid(unit), self.mantissa.rem_euclid(unit), unit)),
            // A part of the unit so small that nothing but its sign matters.
            None if self.mantissa < 0 => Ok((-1, i128::MAX - 1, i128::MAX)),
            None => Ok((0, 1, i128::MAX)),
        }
    }

    fn negative_if(self, negative: bool) -> Decimal {
        if negative { Decimal { mantissa: -self.mantissa, ..self } } else { self }
    }

    fn unsigned(text: &str, style: NumberStyle) -> Result<Decimal, BadNumber> {
        let (number, exponent) = without_exponent(text)?;
        let (whole, fraction) = number.split_once(style.decimal).unwrap_or((number, ""));
        let digits = whole.chars().filter(|letter| !style.is_separator(*letter)).chain(fraction.chars());
        let is_number = number.contains(|letter: char| letter.is_ascii_digit())
            && digits.clone().all(|letter| letter.is_ascii_digit())
            && is_grouped(whole, style);
        if !is_number {
            return Err(BadNumber::NotANumber);
        }
        let mut mantissa = 0_i128;
        let mut zeros = 0_u32; // they count if another digit follows
        for digit in digits.filter_map(|letter| letter.to_digit(10)) {
            if digit == 0 {
                zeros += u32::from(mantissa != 0);
                continue;
            }
            let power = 10_i128.checked_pow(zeros + 1);
            let longer = power.and_then(|power| mantissa.checked_mul(power)?.checked_add(digit.into()));
            mantissa = longer.ok_or(BadNumber::TooManyDigits)?;
            zeros = 0;
        }
        let exponent = exponent.saturating_add(i64::from(zeros)).saturating_sub(fraction.len() as i64);
        Ok(Decimal { mantissa, exponent })
    }
}

/// Removes the sign and returns whether it is a minus.
fn signed(text: &str) -> (Option<bool>, &str) {
    match text.chars().next() {
        Some(sign @ ('-' | '\u{2212}')) => (Some(true), &text[sign.len_utf8()..]),
        Some('+') => (Some(false), &text[1..]),
        _ => (None, text),
    }
}

/// Returns the digits and the exponent. An exponent that does not fit into a machine word is the maximum.
fn without_exponent(text: &str) -> Result<(&str, i64), BadNumber> {
    let Some((number, exponent)) = text.split_once(['e', 'E']) else { return Ok((text, 0)) };
    let (negative, digits) = signed(exponent);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadNumber::NotANumber);
    }
    let exponent = digits.parse().unwrap_or(i64::MAX);
    Ok((number, if negative == Some(true) { -exponent } else { exponent }))
}

/// Returns true if all thousands separators are between groups of three digits. The first group may be shorter but must
/// not begin with a zero, so `1,5` and `0,125` are not whole numbers.
fn is_grouped(whole: &str, style: NumberStyle) -> bool {
    let mut groups = whole.split(|letter| style.is_separator(letter));
    let first = groups.next().unwrap_or_default();
    let mut groups = groups.peekable();
    groups.peek().is_none()
        || ((1..=3).contains(&first.len()) && !first.starts_with('0') && groups.all(|group| group.len() == 3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn thousandths(text: &str, decimal: char, thousands: Option<char>) -> Result<i128, BadNumber> {
        Decimal::parse_amount(text, NumberStyle { decimal, thousands })?.0.units(3)
    }

    fn plain(text: &str) -> Result<i128, BadNumber> {
        thousandths(text, '.', None)
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for (text, expected) in [
            ("129.0000", 129_000),
            ("99.9900", 99_990),
            (".5", 500),
            ("12.", 12_000),
            ("1.5e2", 150_000),
            ("1.5E+2", 150_000),
            ("1500e-3", 1500),
            (" 7", 7000),
            ("7\u{a0}", 7000),
            ("+5", 5000),
            ("-0.001", -1),
            ("\u{2212}3", -3000),
            ("0e999999999999999999999", 0),
            ("0.000000000000000000000000000000000000000000000000", 0),
            ("1000000000000000000000000000000000000000000000000e-48", 1000),
            ("$5.99", 5990),
            ("-$5.99", -5990),
            ("$-5.99", -5990),
            ("£5", 5000),
            ("USD 5.99", 5990),
            ("5.99USD", 5990),
            ("US$ 5", 5000),
            ("$5.99 CAD", 5990),
            ("Rs.500", 500_000),
            ("12.€", 12_000),
            ("5 kr.", 5000),
        ] {
            assert_eq!(plain(text), Ok(expected), "{text}");
        }
        for (text, decimal, thousands, expected) in [
            ("5,00 €", ',', None, 5000),
            ("1.203,39", ',', Some('.'), 1_203_390),
            ("1,234.50", '.', Some(','), 1_234_500),
            ("1234.50", '.', Some(','), 1_234_500),
            ("1 234 567", '.', Some(' '), 1_234_567_000),
            ("1\u{a0}234,5\u{a0}€", ',', Some(' '), 1_234_500),
            ("1\u{202f}234,5", ',', Some('\u{a0}'), 1_234_500),
            ("CHF 1’234.50", '.', Some('\''), 1_234_500),
            ("-1'234", '.', Some('\''), -1_234_000),
            ("1,5E+02", ',', None, 150_000),
        ] {
            assert_eq!(thousandths(text, decimal, thousands), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_and_so_is_what_does_not_fit() {
        let not_numbers = [
            "", " ", ".", "-", "+", "e5", "1e", "1e+", "1.5e2.5", "1 2", "1,5", "1.2.3", "--5", "-$-5", "- 5", "0x10",
            "1_000", "nan", "inf", "5 apples", "5 PCS", "$", "USD", "$5 €", "$$5", "١", "5%", "(5)", "1e5 e", "５",
            "a5",
        ];
        for text in not_numbers {
            assert_eq!(plain(text), Err(BadNumber::NotANumber), "{text:?}");
        }
        for text in ["1,5", "12,34", "1234,567", ",123", "0,125", "1,,234", "1,234,56", "1,234.567,890", "1,23,456"] {
            assert_eq!(thousandths(text, '.', Some(',')), Err(BadNumber::NotANumber), "{text}");
        }
        assert_eq!(thousandths("1.50", ',', None), Err(BadNumber::NotANumber));
        for text in ["0.0005", "1.2345", "1e-4", "1e-999999999999999999999", "-0.0001"] {
            assert_eq!(plain(text), Err(BadNumber::Remainder), "{text}");
        }
        for text in ["1e999999999", "1e36", "1e999999999999999999999"] {
            assert_eq!(plain(text), Err(BadNumber::TooLarge), "{text}");
        }
        assert_eq!(plain(&"7".repeat(1 << 20)), Err(BadNumber::TooManyDigits));
    }

    #[test]
    fn what_is_finer_than_the_unit_can_be_cut_or_rounded() {
        let number = |text| Decimal::parse(text, NumberStyle::PLAIN).unwrap();
        for (text, floor, nearest) in [
            ("812.3000000119209", 812, 812),
            ("812.5", 812, 813),
            ("812.4999999", 812, 812),
            ("-0.0001", -1, 0),
            ("-1.5", -2, -1),
            ("1e-99", 0, 0),
            ("-1e-99", -1, 0),
            ("1.43E3", 1430, 1430),
        ] {
            assert_eq!(number(text).floor_units(0), Ok(floor), "{text}");
            assert_eq!(number(text).nearest_units(0), Ok(nearest), "{text}");
        }
    }

    #[test]
    fn a_product_is_exact() {
        let product = |price, quantity| {
            let number = |text| Decimal::parse(text, NumberStyle::PLAIN);
            number(price)?.times(number(quantity)?)?.units(3)
        };
        assert_eq!(product("2.55", "6"), Ok(15_300));
        assert_eq!(product("0.0025", "400"), Ok(1000));
        assert_eq!(product("2.55", "-1"), Ok(-2550));
        assert_eq!(product("0.0025", "3"), Err(BadNumber::Remainder));
        assert_eq!(product("0", "1e999999999"), Ok(0));
        assert_eq!(product("1e30", "1e30"), Err(BadNumber::TooLarge));
        assert_eq!(product("12345678901234567891", "98765432109876543211"), Err(BadNumber::TooManyDigits));
    }

    #[test]
    fn the_other_ways_to_read_a_number_are_found() {
        let others = |text| NumberStyle::PLAIN.others(text).collect::<Vec<_>>();
        let style = |decimal, thousands| NumberStyle { decimal, thousands };
        assert_eq!(others("1,234.50"), [style('.', Some(','))]);
        assert_eq!(others("2,55")[0], style(',', None));
        assert_eq!(others("1,234")[..2], [style(',', None), style('.', Some(','))]);
        assert_eq!(others("apples"), []);
    }

    /// The digits of a number in groups of three.
    fn grouped(digits: &str, separator: &str) -> String {
        let first = (digits.len() + 2) % 3 + 1;
        let rest = (first..digits.len()).step_by(3).map(|at| format!("{separator}{}", &digits[at..at + 3]));
        format!("{}{}", &digits[..first.min(digits.len())], rest.collect::<String>())
    }

    proptest! {
        #[test]
        fn every_multiple_of_a_thousandth_is_read_and_nothing_else(
            units in any::<i64>(),
            decimals in 0..7_usize,
            shift in -6..6_i64,
            style in prop::sample::select(vec![
                ('.', None), (',', None), ('.', Some(',')), (',', Some('.')), ('.', Some('\'')), (',', Some('\u{a0}')),
            ]),
            around in prop::sample::select(vec![("", ""), (" ", "\u{a0}"), ("$", ""), ("", " €"), ("EUR ", ""), ("", "zł")]),
            plus: bool,
        ) {
            // The number is `units × 10^-decimals`, written with its point moved by `shift`.
            let (decimal, thousands) = style;
            let digits = format!("{:0width$}", units.unsigned_abs(), width = decimals + 1);
            let (whole, fraction) = digits.split_at(digits.len() - decimals);
            let whole = thousands.map_or(whole.to_owned(), |separator| grouped(whole, &separator.to_string()));
            let exponent = if shift == 0 { String::new() } else { format!("e{shift}") };
            let sign = if units < 0 { "-" } else if plus { "+" } else { "" };
            let point = if decimals > 0 || plus { decimal.to_string() } else { String::new() };
            let (before, behind) = around;
            let text = format!("{before}{sign}{whole}{point}{fraction}{exponent}{behind}");
            // In integers: thousandths = units × 10^(3 + shift - decimals), if that is whole.
            let power = 3 + shift - decimals as i64;
            let expected = if power >= 0 {
                Some(i128::from(units) * 10_i128.pow(power as u32))
            } else {
                let unit = 10_i128.pow(power.unsigned_abs() as u32);
                (i128::from(units) % unit == 0).then_some(i128::from(units) / unit)
            };
            let read = thousandths(&text, decimal, thousands);
            prop_assert_eq!(read, expected.ok_or(BadNumber::Remainder), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.,eE'$€ A-Z]{0,60}", decimal in "[.,]", thousands in "[.,' ]?") {
            let style = NumberStyle {
                decimal: decimal.chars().next().unwrap(),
                thousands: thousands.chars().next(),
            };
            if let Ok((number, _)) = Decimal::parse_amount(&text, style) {
                let _ = (number.units(3), number.nearest_units(0), number.floor_units(-6), number.times(number));
            }
        }
    }
}
