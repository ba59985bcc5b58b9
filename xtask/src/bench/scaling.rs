//! How time and memory grow with the size of a step. Every size is a process of its own, so that its peak
//! of memory is its own, and none changes its policy, so that all have the same trajectories.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::competitor::Competitor;
use super::statistics::log_log_slope;
use super::{Settings, build, folder};

/// One thing that grows.
struct Series {
    title: &'static str,
    what: &'static str,
    sizes: &'static [u32],
    /// The workload of a size.
    name: fn(u32) -> String,
}

const SERIES: &[Series] = &[
    Series {
        title: "hypergrid 8-D, side 10, perceptron 2 x 256",
        what: "batch",
        sizes: &[64, 128, 256, 512, 1024, 2048, 4096],
        name: |batch| format!("hypergrid-8x10-b{batch}"),
    },
    Series {
        title: "fragments, graph transformer 4 x 128",
        what: "batch",
        sizes: &[64, 128, 256, 512, 1024, 2048, 4096],
        name: |batch| format!("fragments-b{batch}"),
    },
    Series {
        title: "bags of 7 letters, perceptron 2 x 256, batch 64",
        what: "length",
        sizes: &[15, 30, 60, 120, 240],
        name: |size| format!("bags-{size}-b64"),
    },
    Series {
        title: "bits from left to right, perceptron 2 x 256, batch 64",
        what: "length",
        sizes: &[16, 32, 64, 128, 256],
        name: |bits| format!("bits-{bits}-b64"),
    },
];

/// Measures and prints every series.
pub fn run(root: &Path, settings: &Settings) -> Result<()> {
    let program = build(root)?;
    let folder = folder(root)?;
    for series in SERIES {
        let only = settings.only.as_deref().unwrap_or_default();
        if !(series.name)(series.sizes[0]).contains(only) {
            continue;
        }
        println!("\n{}\n", series.title);
        println!(
            "| {} | ms a step | moves of a trajectory | us a state | peak MiB |",
            series.what
        );
        println!("|---|---|---|---|---|");
        let (mut steps, mut states, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        for &size in series.sizes {
            let name = (series.name)(size);
            let mut command = Command::new(&program);
            let threads = settings.threads.to_string();
            // One step unmeasured at least: the first one asks the system for all of its memory.
            command.args([&name, "--threads", &threads, "--frozen", "--warm-up", "1"]);
            let mut competitor = Competitor::start(command, &folder.join(format!("{name}.log")))?;
            let answer = competitor.go(settings.seconds, None)?;
            let step = 1.0 / answer.rate();
            let length = answer.length.unwrap_or(0.0);
            let batch: u32 = batch(&name);
            // Stopping leaves a state as well.
            let state = step / (f64::from(batch) * (length + 1.0));
            let peak = answer.peak_rss_mb.unwrap_or(f64::NAN);
            println!(
                "| {size} | {:.1} | {length:.1} | {:.2} | {peak:.0} |",
                1e3 * step,
                1e6 * state
            );
            let x = f64::from(size);
            steps.push((x, step));
            states.push((x, state));
            memory.push((x, peak));
        }
        let slope = |points: &[(f64, f64)]| log_log_slope(points).unwrap_or(f64::NAN);
        println!(
            "\nlog-log slopes against {}: step {:.2}, state {:.2}, peak memory {:.2}",
            series.what,
            slope(&steps),
            slope(&states),
            slope(&memory)
        );
    }
    Ok(())
}

/// The number after the last `-b`.
fn batch(name: &str) -> u32 {
    let batch = name.rsplit_once("-b").and_then(|(_, b)| b.parse().ok());
    batch.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_names_its_batch() {
        for series in SERIES {
            for &size in series.sizes {
                let name = (series.name)(size);
                assert!(batch(&name) >= 64, "{name}");
                assert!(name.contains(&size.to_string()), "{name}");
            }
        }
    }
}
