//! The table of ratios, for people and for programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Settings;
use super::competitor::Answer;
use super::statistics::median;
use super::workloads::Workload;

/// What one competitor came to.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Who.
    pub name: &'static str,
    /// Numbers that are trained.
    pub parameters: usize,
    /// One for each round.
    pub answers: Vec<Answer>,
    /// Why there are no more of them.
    pub failure: Option<String>,
}

impl Measured {
    /// Median of `of` over the rounds that have it.
    fn median(&self, of: impl Fn(&Answer) -> Option<f64>) -> Option<f64> {
        median(&self.answers.iter().filter_map(of).collect::<Vec<f64>>())
    }

    fn rate(&self) -> Option<f64> {
        self.median(|a| Some(a.rate()))
    }

    fn json(&self) -> Value {
        let rates: Vec<f64> = self.answers.iter().map(Answer::rate).collect();
        json!({
            "name": self.name,
            "parameters": self.parameters,
            "units_per_second": self.rate(),
            "rounds": rates,
            "length": self.median(|a| a.length),
            "graphs": self.median(|a| a.graphs),
            "nodes": self.median(|a| a.nodes),
            "peak_rss_mib": self.median(|a| a.peak_rss_mb),
            "others": self.median(|a| a.others),
            "failure": self.failure,
        })
    }
}

/// This library and one peer on one workload.
#[derive(Clone, Debug)]
pub struct Row {
    workload: &'static str,
    unit: &'static str,
    ours: Measured,
    theirs: Measured,
}

impl Row {
    /// Both sides of `workload`.
    pub fn new(workload: &Workload, ours: Measured, theirs: Measured) -> Self {
        Self {
            workload: workload.name,
            unit: workload.unit,
            ours,
            theirs,
        }
    }

    /// Median over the rounds of our rate to theirs in the same round.
    fn ratio(&self) -> Option<f64> {
        let pairs = self.ours.answers.iter().zip(&self.theirs.answers);
        median(
            &pairs
                .map(|(a, b)| a.rate() / b.rate())
                .collect::<Vec<f64>>(),
        )
    }

    /// The ratio of visited states instead of steps, by the median lengths: what is left of the ratio
    /// once both sides' trajectories count as equally long.
    fn ratio_of_states(&self) -> Option<f64> {
        let states = |side: &Measured| Some(side.median(|a| a.length)? + 1.0);
        Some(self.ratio()? * states(&self.ours)? / states(&self.theirs)?)
    }

    /// Share of the machine that others took, the greater of the medians of both sides.
    fn others(&self) -> Option<f64> {
        let of = |side: &Measured| side.median(|a| a.others);
        let both = of(&self.ours).into_iter().chain(of(&self.theirs));
        both.reduce(f64::max)
    }

    fn failures(&self) -> Vec<String> {
        let both = [&self.ours, &self.theirs];
        let failure = |side: &&Measured| -> Option<String> {
            let reason = side.failure.as_ref()?;
            // A traceback of pip would break the table.
            let line = reason.replace('\n', "; ");
            Some(format!("{}: {line}", side.name))
        };
        both.iter().filter_map(failure).collect()
    }

    /// The row as it is found.
    pub fn line(&self) -> String {
        let ratio = self
            .ratio()
            .map_or("no ratio".into(), |r| format!("{r:.2}"));
        let mut line = format!("{} / {}: {ratio}", self.workload, self.theirs.name);
        for failure in self.failures() {
            line += &format!(" ({failure})");
        }
        line
    }

    fn markdown(&self) -> String {
        let pair = |of: &dyn Fn(&Measured) -> Option<f64>| {
            let sides = (number(of(&self.ours)), number(of(&self.theirs)));
            format!("{} / {}", sides.0, sides.1)
        };
        let size = |side: &Measured| match side.parameters {
            0 => "-".to_owned(),
            n => n.to_string(),
        };
        let others = self.others();
        format!(
            "| {} | {} | {} | {} | {} | **{}** | {} | {} | {} / {} | {} | {} |",
            self.workload,
            self.theirs.name,
            number(self.ours.rate()),
            number(self.theirs.rate()),
            self.unit,
            number(self.ratio()),
            number(self.ratio_of_states()),
            pair(&|side| side.median(|a| a.length)),
            size(&self.ours),
            size(&self.theirs),
            pair(&|side| side.median(|a| a.peak_rss_mb)),
            others.map_or("-".into(), |share| format!("{:.0} %", 100.0 * share)),
        )
    }
}

/// Three significant digits, and no more than whole numbers above that.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(v) if v >= 100.0 => format!("{v:.0}"),
        Some(v) if v >= 10.0 => format!("{v:.1}"),
        Some(v) if v >= 1.0 => format!("{v:.2}"),
        Some(v) => format!("{v:.3}"),
    }
}

/// All rows so far.
pub struct Table {
    rounds: u16,
    seconds: f64,
    threads: u16,
    molecules: usize,
    rows: Vec<Row>,
}

impl Table {
    /// Without rows.
    pub fn new(settings: &Settings, molecules: usize) -> Self {
        Self {
            rounds: settings.rounds,
            seconds: settings.seconds,
            threads: settings.threads,
            molecules,
            rows: Vec::new(),
        }
    }

    /// One more row.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The table with a line before it that says how it was measured.
    pub fn markdown(&self) -> String {
        let mut out = format!(
            "Medians of {} rounds in turns, {} s each, {} threads; molecules: {}, on one thread. A ratio \
             above 1: this library does more in a second.\n\n\
             | workload | peer | ours a second | theirs | of | ratio | by states | moves of a trajectory \
             | parameters | peak MiB | other programs |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
            self.rounds, self.seconds, self.threads, self.molecules
        );
        for row in &self.rows {
            out += &row.markdown();
            out.push('\n');
        }
        let failures = |row: &Row| -> Vec<String> {
            let prefix = |f| format!("- {}: {f}\n", row.workload);
            row.failures().into_iter().map(prefix).collect()
        };
        let mut failures: Vec<String> = self.rows.iter().flat_map(failures).collect();
        failures.dedup();
        if !failures.is_empty() {
            out.push('\n');
            out += &failures.concat();
        }
        out
    }

    /// Writes `out` with .md and with .json.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "workload": row.workload,
                    "unit": row.unit,
                    "ratio": row.ratio(),
                    "ratio_of_states": row.ratio_of_states(),
                    "ours": row.ours.json(),
                    "theirs": row.theirs.json(),
                })
            })
            .collect();
        let all = json!({
            "rounds": self.rounds,
            "seconds": self.seconds,
            "threads": self.threads,
            "molecules": self.molecules,
            "rows": rows,
        });
        let json = serde_json::to_string_pretty(&all)? + "\n";
        for (extension, text) in [("md", self.markdown()), ("json", json)] {
            let mut path = out.as_os_str().to_owned();
            path.push(".");
            path.push(extension);
            let path = Path::new(&path);
            fs::write(path, text)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::workloads::WORKLOADS;
    use super::*;

    fn measured(name: &'static str, rates: &[f64], failure: Option<&str>) -> Measured {
        let answer = |rate: &f64| Answer {
            units: (rate * 100.0) as u64,
            seconds: 100.0,
            peak_rss_mb: Some(64.0),
            length: Some(8.0),
            graphs: None,
            nodes: None,
            others: Some(0.25),
        };
        Measured {
            name,
            parameters: 10,
            answers: rates.iter().map(answer).collect(),
            failure: failure.map(str::to_owned),
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds() {
        let ours = measured("anabranch", &[10.0, 30.0, 20.0], None);
        let theirs = measured("gfnx", &[10.0, 10.0, 5.0], None);
        let row = Row::new(&WORKLOADS[0], ours, theirs);
        assert_eq!(row.ratio(), Some(3.0));
        let line = row.markdown();
        assert_eq!(
            line,
            "| hypergrid-2x20-b16 | gfnx | 20.0 | 10.0 | steps | **3.00** | 3.00 | 8.00 / 8.00 | 10 / 10 | \
             64.0 / 64.0 | 25 % |"
        );
    }

    #[test]
    fn a_failure_is_a_row_and_a_line_below() {
        let ours = measured("anabranch", &[10.0], None);
        let theirs = measured("gfnx", &[], Some("not installed: pip\nsaid no"));
        let row = Row::new(&WORKLOADS[0], ours, theirs);
        assert_eq!(row.ratio(), None);
        let mut table = Table {
            rounds: 1,
            seconds: 1.0,
            threads: 1,
            molecules: 1,
            rows: Vec::new(),
        };
        table.push(row);
        let text = table.markdown();
        assert!(text.contains("| 10.0 | - | steps | **-** | - |"), "{text}");
        assert!(
            text.ends_with("- hypergrid-2x20-b16: gfnx: not installed: pip; said no\n"),
            "{text}"
        );
    }
}
