//! What other programs take of the machine while one is measured.

use std::fs;

/// Processor time used so far, in the system's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// All processors, idle time included.
    total: u64,
    /// Of that, not idle.
    busy: u64,
    /// Of that, by the measured process.
    own: u64,
}

impl Ticks {
    /// As of now, for process `id`; `None` where the system does not say.
    pub fn now(id: u32) -> Option<Self> {
        let machine = fs::read_to_string("/proc/stat").ok()?;
        let process = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Self::parse(&machine, &process)
    }

    fn parse(machine: &str, process: &str) -> Option<Self> {
        let line = machine.lines().find_map(|l| l.strip_prefix("cpu "))?;
        // user nice system idle iowait irq softirq steal; what follows is counted in these.
        let numbers: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map_while(|word| word.parse().ok())
            .collect();
        let total: u64 = numbers.iter().sum();
        let idle = numbers.get(3)? + numbers.get(4)?;
        // The name, in parentheses, may hold blanks; user and system time are 11 words after it.
        let (_, rest) = process.rsplit_once(')')?;
        let mut words = rest.split_whitespace().skip(11);
        let mut next = || words.next()?.parse::<u64>().ok();
        let own = next()? + next()?;
        Some(Self {
            total,
            busy: total - idle,
            own,
        })
    }

    /// Share of the machine, 0 to 1, that others took since `before`.
    pub fn others_since(self, before: Self) -> f64 {
        let total = self.total.saturating_sub(before.total).max(1);
        let busy = self.busy.saturating_sub(before.busy);
        let own = self.own.saturating_sub(before.own);
        busy.saturating_sub(own) as f64 / total as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_busy_and_not_ours_is_others() {
        let process = |user: u64| format!("7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 {user} 5 0 0");
        let before = Ticks::parse("cpu  100 0 0 100 0 0 0 0 0 0\n", &process(10));
        let after = Ticks::parse("cpu  180 0 0 120 0 0 0 0 0 0\n", &process(60));
        let (before, after) = (before.expect("ticks"), after.expect("ticks"));
        // 100 ticks passed, 80 of them busy, 50 of those ours.
        assert!((after.others_since(before) - 0.3).abs() < 1e-12);
    }
}
