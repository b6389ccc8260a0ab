//! Sums of money that are exact whatever is added up.
//!
//! Decision D-028.

use std::fmt;
use std::ops::AddAssign;

use flowbench_events::Value;
use serde::{Deserialize, Serialize};

/// A sum of money in thousandths of the currency unit, exact to 128 bits: no number of values passes its bounds.
///
/// In two words, so that it is aligned as everything else in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Total {
    high: i64,
    low: u64,
}

impl Total {
    /// The sum in thousandths.
    #[inline]
    pub fn thousandths(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }
}

impl From<i128> for Total {
    #[inline]
    fn from(thousandths: i128) -> Total {
        Total { high: (thousandths >> 64) as i64, low: thousandths as u64 }
    }
}

impl AddAssign<Value> for Total {
    #[inline]
    fn add_assign(&mut self, value: Value) {
        *self = Total::from(self.thousandths() + i128::from(value.0));
    }
}

impl fmt::Display for Total {
    /// Three decimals always: `-12.500`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = self.thousandths();
        let (sign, magnitude) = (if thousandths < 0 { "-" } else { "" }, thousandths.unsigned_abs());
        write!(out, "{sign}{}.{:03}", magnitude / 1000, magnitude % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_adds_up_orders_and_prints_as_the_number_it_is(one: i128, other: i128, value: i64) {
            let (one, other) = (one >> 1, other >> 1);
            let mut total = Total::from(one);
            prop_assert_eq!(total.thousandths(), one);
            prop_assert_eq!(total.cmp(&Total::from(other)), one.cmp(&other));
            total += Value(value);
            prop_assert_eq!(total.thousandths(), one + i128::from(value));
            prop_assert_eq!(Total::from(i128::from(value)).to_string(), Value(value).to_string());
        }
    }

    #[test]
    fn it_prints_beyond_the_bounds_of_a_value() {
        assert_eq!(Total::from(i128::from(i64::MAX) * 2).to_string(), "18446744073709551.614");
        assert_eq!(Total::from(-1).to_string(), "-0.001");
    }
}
