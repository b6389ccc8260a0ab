//! The resident memory of processes, from /proc.

/// Returns the resident set of this process, bytes; 0 where /proc is not available.
pub(crate) fn rss_bytes() -> u64 {
    rss_bytes_of("self").unwrap_or(0)
}

/// Returns the maximum resident set that this process has had, bytes.
pub(crate) fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(kib.trim().parse::<u64>().ok()? << 10)
}

/// Returns the proportional set size of this process, bytes. The kernel walks over all its pages for this, which takes
/// milliseconds: seldom while anything is timed (decision D-442).
pub(crate) fn pss_bytes() -> Option<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let kib = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix(" kB")?;
    Some(kib.trim().parse::<u64>().ok()? << 10)
}

/// Returns the resident set of a process, bytes.
pub(crate) fn rss_bytes_of(process: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proportional_set_is_a_part_of_the_resident_one() {
        let (pss_bytes, peak_rss_bytes) = (pss_bytes().unwrap(), peak_rss_bytes().unwrap());
        assert!(pss_bytes > 0 && pss_bytes <= peak_rss_bytes, "{pss_bytes} of {peak_rss_bytes}");
    }
}
