//! Where a result was computed.

use serde::{Deserialize, Serialize};

/// A machine, so that seconds mean something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system and instruction set.
    pub system: String,
    /// Name of the processor, where the system tells it.
    pub cpu: Option<String>,
    /// Processors that the program may use.
    pub cores: usize,
    /// Most memory that the program has held since its start, in MiB, where the system tells it.
    pub peak_memory_mib: Option<u64>,
}

impl Machine {
    /// This one, now.
    pub fn here() -> Self {
        Self {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            peak_memory_mib: field("/proc/self/status", "VmHWM")
                .and_then(|text| text.split(' ').next()?.parse().ok())
                .map(|kibibytes: u64| kibibytes / 1024),
        }
    }
}

/// The value of the first line `name : value` of a file of the kernel's.
fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, value) = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}
