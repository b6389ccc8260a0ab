//! Counts and sizes with units.

/// Parses a whole number, which may have `_` between its digits and `k`, `M` or `G` after them: `500_000`, `500k`, `1.5M`.
///
/// # Errors
///
/// Says how to write it if it is none, or does not fit.
///
/// # Examples
///
/// ```
/// assert_eq!(flowbench_events::parse_count("20k"), Ok(20_000));
/// ```
pub fn parse_count(text: &str) -> Result<u64, String> {
    let units = [("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];
    scaled(text, &units)
        .ok_or_else(|| format!("'{text}' is not a count; write a whole number such as 500000, 500k or 2M"))
}

/// Parses a number of bytes, such as `2GiB`, `512MiB`, `1.5GB` or `1048576`.
///
/// # Errors
///
/// Says how to write it if it is none, or does not fit.
///
/// # Examples
///
/// ```
/// assert_eq!(flowbench_events::parse_bytes("2GiB"), Ok(2 << 30));
/// ```
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
    ];
    scaled(text, &units).ok_or_else(|| format!("'{text}' is not a size; write it like 512MiB, 2GiB or 1.5GB"))
}

/// Parses a number with one of the units, the first that the text ends in, or with none. Decimals are taken if a whole
/// number results.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let plain = text.trim().replace('_', "");
    let unit = units.iter().find_map(|(unit, factor)| Some((plain.strip_suffix(unit)?, *factor)));
    let (digits, factor) = unit.unwrap_or((&plain, 1));
    let (whole, decimals) = digits.trim_end().split_once('.').unwrap_or((digits.trim_end(), ""));
    let is_number = |text: &str| text.bytes().all(|letter| letter.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) || decimals.len() > 12 {
        return None;
    }
    let scale = 10u128.pow(decimals.len() as u32);
    let digits: u128 = format!("{whole}{decimals}").parse().ok()?;
    let scaled = digits.checked_mul(u128::from(factor))?;
    if scaled % scale == 0 { u64::try_from(scaled / scale).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes_are_whole_and_have_units() {
        for (text, count) in
            [("7", 7), ("2_000_000", 2_000_000), ("20k", 20_000), ("1.5M", 1_500_000), ("2 G", 2_000_000_000)]
        {
            assert_eq!(parse_count(text), Ok(count), "{text}");
        }
        for (text, bytes) in [("512MiB", 512 << 20), ("1.5GB", 1_500_000_000), ("0.5 KiB", 512), ("64", 64), ("8B", 8)]
        {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "many", "-1", "1.5", "1.0001k", "1e3", "99999999999999999999G", "2 GiB."] {
            assert!(parse_count(text).unwrap_err().contains("write a whole number such as 500000"), "{text}");
        }
        assert!(parse_bytes("2 gigs").unwrap_err().contains("write it like 512MiB"));
    }
}
