//! Values in order: medians and quantiles.

/// Returns the median; `None` if there is no sample. NaN sorts last.
pub fn median(sample: &[f64]) -> Option<f64> {
    quantile(sample, 0.5)
}

/// Returns the quantile `q` (0 to 1), interpolated between its neighbours (type 7 of Hyndman and Fan 1996, the default
/// of R and NumPy); `None` if there is no sample.
pub fn quantile(sample: &[f64], q: f64) -> Option<f64> {
    let sorted = sorted(sample);
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (at - below as f64) * (sorted[above] - sorted[below]))
}

/// Returns the values in ascending order; NaN sorts last.
pub(super) fn sorted(sample: &[f64]) -> Vec<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
