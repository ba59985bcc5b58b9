//! How much memory this process has taken.

/// Largest resident set of this process so far in MiB; `None` where the system does not say.
pub fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    parse(&status)
}

/// The line `VmHWM:   12345 kB`.
fn parse(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_high_water_mark_is_read() {
        let status = "VmPeak:\t  9999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(parse(status), Some(2.0));
        assert_eq!(parse("VmRSS:\t 1 kB\n"), None);
    }
}
