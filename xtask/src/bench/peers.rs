//! This library and others in turns: A, B, C, A, B, C, ... so that whatever else the machine does falls on
//! all alike.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::competitor::{Answer, Competitor};
use super::environment::Environments;
use super::table::{Measured, Row, Table};
use super::workloads::{WORKLOADS, Workload};
use super::{Settings, build, folder, molecules};

/// What this library is called in the table.
pub const OURS: &str = "anabranch";

/// Measures every workload, prints the table and writes it.
pub fn run(root: &Path, settings: &Settings) -> Result<()> {
    let wanted = |w: &&Workload| {
        let only = settings.only.as_deref();
        only.is_none_or(|part| w.name.contains(part))
    };
    let chosen: Vec<&Workload> = WORKLOADS.iter().filter(wanted).collect();
    let names: Vec<&str> = WORKLOADS.iter().map(|w| w.name).collect();
    ensure!(
        !chosen.is_empty(),
        "no workload's name holds `{}`; there are {}",
        settings.only.as_deref().unwrap_or_default(),
        names.join(", ")
    );
    let program = build(root)?;
    let folder = folder(root)?;
    let (smiles, count) = molecules::write(root, settings.smiles.as_deref(), &folder)?;
    let mut session = Session {
        root,
        settings,
        program,
        smiles,
        folder: folder.clone(),
        environments: Environments::new(settings.venv.as_deref(), &settings.python)?,
    };
    let mut table = Table::new(settings, count);
    let out = settings.out.clone();
    let out = out.unwrap_or_else(|| folder.join("peers"));
    for workload in chosen {
        let rows = session.measure(workload);
        for row in rows {
            println!("{}", row.line());
            table.push(row);
        }
        // After each, so that a run that is stopped leaves what it has.
        table.write(&out)?;
    }
    println!("\n{}", table.markdown());
    println!("written to {0}.md and {0}.json", out.display());
    Ok(())
}

struct Session<'a> {
    root: &'a Path,
    settings: &'a Settings,
    program: PathBuf,
    smiles: PathBuf,
    folder: PathBuf,
    environments: Environments,
}

/// A competitor of one workload with what it has answered, or why it has not.
struct Entry {
    name: &'static str,
    running: Option<Competitor>,
    parameters: usize,
    answers: Vec<Answer>,
    failure: Option<String>,
}

impl Session<'_> {
    /// One row for each peer.
    fn measure(&mut self, workload: &Workload) -> Vec<Row> {
        let mut entries = vec![self.enter(workload, OURS, |s| Ok(s.ours(workload)))];
        for peer in workload.peers {
            let entry = self.enter(workload, peer.name, |s| {
                let python = s.environments.python(peer.environment);
                let python = python.map_err(|error| error.context("not installed"))?;
                Ok(s.theirs(&python, peer.script, workload))
            });
            entries.push(entry);
        }
        for round in 1..=self.settings.rounds {
            for entry in &mut entries {
                let Some(competitor) = &mut entry.running else {
                    continue;
                };
                match competitor.go(self.settings.seconds, workload.most) {
                    Ok(answer) => entry.answers.push(answer),
                    Err(error) => {
                        entry.failure = Some(format!("failed in round {round}: {error:#}"));
                        entry.running = None;
                    }
                }
            }
        }
        let mut measured = entries.into_iter().map(|entry| Measured {
            name: entry.name,
            parameters: entry.parameters,
            answers: entry.answers,
            failure: entry.failure,
        });
        let Some(ours) = measured.next() else {
            return Vec::new();
        };
        measured
            .map(|theirs| Row::new(workload, ours.clone(), theirs))
            .collect()
    }

    /// Starts a competitor; one that cannot be started is an entry that says so.
    fn enter(
        &mut self,
        workload: &Workload,
        name: &'static str,
        command: impl FnOnce(&mut Self) -> Result<Command>,
    ) -> Entry {
        println!("starting {name} for {}", workload.name);
        let log = self.folder.join(format!("{}-{name}.log", workload.name));
        let started = command(self).and_then(|command| Competitor::start(command, &log));
        let mut entry = Entry {
            name,
            running: None,
            parameters: 0,
            answers: Vec::new(),
            failure: None,
        };
        match started {
            Ok(competitor) => {
                entry.parameters = competitor.ready.parameters;
                entry.running = Some(competitor);
            }
            Err(error) => entry.failure = Some(format!("{error:#}")),
        }
        entry
    }

    fn ours(&self, workload: &Workload) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(workload.name);
        self.with_options(command)
    }

    fn theirs(&self, python: &Path, script: &str, workload: &Workload) -> Command {
        let mut command = Command::new(python);
        command
            .arg(self.root.join("bench/peers").join(script))
            .arg(workload.name)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("JAX_PLATFORMS", "cpu");
        // Scripts keep to as many processors; libraries that count them differently are told as well.
        let threads = self.settings.threads.to_string();
        for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
            command.env(name, &threads);
        }
        if self.settings.threads == 1 {
            command.env("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false");
        }
        self.with_options(command)
    }

    fn with_options(&self, mut command: Command) -> Command {
        command
            .args(["--threads", &self.settings.threads.to_string()])
            .arg("--molecules")
            .arg(&self.smiles);
        command
    }
}
