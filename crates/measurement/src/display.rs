//! Shares and durations as text for people.

/// Returns a share (0 to 1) in percent, such as `2 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 1.0 { format!("{percent:.2} %") } else { format!("{percent:.0} %") }
}

/// Returns a duration in the largest unit that fits, such as `10.0 ms`.
pub(crate) fn duration(ns: u64) -> String {
    let units = [(86_400e9, "days", 2.0), (3_600e9, "h", 2.0), (1e9, "s", 10.0), (1e6, "ms", 10.0), (1e3, "µs", 10.0)];
    let large_enough = |(unit_ns, _, least): &(f64, &str, f64)| ns as f64 >= least * unit_ns;
    match units.into_iter().find(large_enough).map(|(unit_ns, unit, _)| (unit_ns, unit)) {
        Some((unit_ns, unit)) => format!("{:.1} {unit}", ns as f64 / unit_ns),
        None => format!("{ns} ns"),
    }
}
