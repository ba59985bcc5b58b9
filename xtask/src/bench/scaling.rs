//! How time and memory grow with the size of a step. Every size is a process of its own, so that its peak
//! of memory is its own, and none changes its policy, so that all have the same trajectories.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::competitor::{Answer, Competitor};
use super::statistics::{log_log_slope, median};
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

/// Measures and prints every series. The sizes of one take turns, so that a minute in which the machine was
/// slower is a minute of all.
pub fn run(root: &Path, settings: &Settings) -> Result<()> {
    let program = build(root)?;
    let folder = folder(root)?;
    for series in SERIES {
        let only = settings.only.as_deref().unwrap_or_default();
        if !(series.name)(series.sizes[0]).contains(only) {
            continue;
        }
        println!("\n{}\n", series.title);
        let mut sizes = Vec::new();
        for &size in series.sizes {
            let name = (series.name)(size);
            eprint!("\r{name}: setting up    ");
            let mut command = Command::new(&program);
            let threads = settings.threads.to_string();
            // One step unmeasured at least: the first one asks the system for all of its memory.
            command.args([&name, "--threads", &threads, "--frozen", "--warm-up", "1"]);
            let competitor = Competitor::start(command, &folder.join(format!("{name}.log")))?;
            sizes.push((size, competitor, Vec::new()));
        }
        for round in 1..=settings.rounds {
            for (size, competitor, answers) in &mut sizes {
                eprint!("\rround {round} of {}, {size}        ", settings.rounds);
                answers.push(competitor.go(settings.seconds, None)?);
            }
        }
        eprintln!();
        let points: Vec<Point> = sizes
            .iter()
            .map(|(size, _, answers)| Point::new(*size, batch(&(series.name)(*size)), answers))
            .collect();
        print(series.what, &points);
    }
    Ok(())
}

/// Medians of one size.
struct Point {
    size: u32,
    /// Seconds of a step, and of one of its states.
    step: f64,
    state: f64,
    length: f64,
    peak_mib: f64,
}

impl Point {
    fn new(size: u32, batch: u32, answers: &[Answer]) -> Self {
        let middle = |of: fn(&Answer) -> Option<f64>| {
            let values: Vec<f64> = answers.iter().filter_map(of).collect();
            median(&values).unwrap_or(f64::NAN)
        };
        let step = middle(|answer| Some(1.0 / answer.rate()));
        let length = middle(|answer| answer.length);
        Self {
            size,
            step,
            // Stopping leaves a state as well.
            state: step / (f64::from(batch) * (length + 1.0)),
            length,
            peak_mib: middle(|answer| answer.peak_rss_mb),
        }
    }
}

fn print(what: &str, points: &[Point]) {
    println!("| {what} | ms a step | moves of a trajectory | us a state | peak MiB |");
    println!("|---|---|---|---|---|");
    for point in points {
        println!(
            "| {} | {:.1} | {:.1} | {:.2} | {:.0} |",
            point.size,
            1e3 * point.step,
            point.length,
            1e6 * point.state,
            point.peak_mib
        );
    }
    let slope = |of: fn(&Point) -> f64| {
        let points: Vec<(f64, f64)> = points.iter().map(|p| (f64::from(p.size), of(p))).collect();
        log_log_slope(&points).unwrap_or(f64::NAN)
    };
    println!(
        "\nlog-log slopes against {what}: step {:.2}, state {:.2}, peak memory {:.2}",
        slope(|point| point.step),
        slope(|point| point.state),
        slope(|point| point.peak_mib)
    );
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
