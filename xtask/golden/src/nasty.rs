//! Malformed, huge and odd inputs: no panic, no hang, the same verdict as RDKit.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anabranch_chem::{ChemError, Descriptors, Molecule};
use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Column, report};

/// An input that takes longer hangs. Reading, writing and all descriptors together take
/// milliseconds; the rest is for a busy machine.
const LIMIT: Duration = Duration::from_secs(2);
const TOLERANCE: f64 = 1e-6;

/// One line; the numbers are compared where they are given.
#[derive(Deserialize)]
pub struct Record {
    s: String,
    ok: bool,
    can: Option<String>,
    mw: Option<f64>,
    logp: Option<f64>,
    tpsa: Option<f64>,
    qed: Option<f64>,
    hbd: Option<f64>,
    hba: Option<f64>,
    rotb: Option<f64>,
    rings: Option<f64>,
    arings: Option<f64>,
    heavy: Option<f64>,
}

type Answer = Result<(String, Result<Descriptors, ChemError>), ChemError>;

pub fn run(records: Vec<Record>) -> Result<bool> {
    let mut tally = Tally::new();
    let mut worker = Worker::start()?;
    let mut slowest = (Duration::ZERO, String::new());
    for record in &records {
        let begun = Instant::now();
        worker.ask.send(record.s.clone())?;
        let answer = worker.answer.recv_timeout(LIMIT);
        let took = begun.elapsed();
        if took > slowest.0 {
            slowest = (took, shorten(&record.s));
        }
        match answer {
            Ok(answer) => tally.compare(record, answer),
            Err(RecvTimeoutError::Timeout) => {
                tally.hangs.push(shorten(&record.s));
                // The stuck thread is left behind; it ends with the process.
                worker = Worker::start()?;
            }
            Err(RecvTimeoutError::Disconnected) => {
                tally.panics.push(shorten(&record.s));
                worker = Worker::start()?;
            }
        }
    }
    println!("{} inputs", records.len());
    println!(
        "slowest    {:.1} ms at {:?}",
        slowest.0.as_secs_f64() * 1e3,
        slowest.1
    );
    Ok(tally.report())
}

/// A thread that reads SMILES and answers what became of them.
struct Worker {
    ask: Sender<String>,
    answer: Receiver<Answer>,
}

impl Worker {
    fn start() -> Result<Self> {
        let (ask, asked) = channel::<String>();
        let (reply, answer) = channel();
        thread::Builder::new()
            .spawn(move || {
                for smiles in asked {
                    if reply.send(examine(&smiles)).is_err() {
                        return;
                    }
                }
            })
            .context("cannot start a thread")?;
        Ok(Self { ask, answer })
    }
}

fn examine(smiles: &str) -> Answer {
    let molecule = Molecule::from_smiles(smiles)?;
    let canonical = molecule.smiles()?.to_owned();
    Ok((canonical, Descriptors::of(&molecule)))
}

struct Tally {
    accepted: Column,
    canonical: Column,
    numbers: Column,
    refused: Vec<String>,
    hangs: Vec<String>,
    panics: Vec<String>,
}

impl Tally {
    fn new() -> Self {
        Self {
            accepted: Column::new("accepted", 0.0),
            canonical: Column::new("can", 0.0),
            numbers: Column::new("numbers", TOLERANCE),
            refused: Vec::new(),
            hangs: Vec::new(),
            panics: Vec::new(),
        }
    }

    fn compare(&mut self, record: &Record, answer: Answer) {
        let s = shorten(&record.s);
        match answer {
            Err(error @ ChemError::Panicked { .. }) => self.panics.push(format!("{s}  {error}")),
            Err(error) if is_guard(&error) => self.refused.push(format!("{s:?}  {error}")),
            Err(error) if record.ok => self.accepted.missing(&s, &error),
            Err(_) => self.accepted.same(&s, &false, &false),
            Ok((canonical, descriptors)) => {
                self.accepted.same(&s, &record.ok, &true);
                if let Some(expected) = &record.can {
                    self.canonical.same(&s, expected, &canonical);
                }
                match descriptors {
                    Ok(found) => self.descriptors(&s, record, &found),
                    Err(error @ ChemError::Panicked { .. }) => {
                        self.panics.push(format!("{s}  {error}"));
                    }
                    Err(error) => self.numbers.missing(&s, &error),
                }
            }
        }
    }

    fn descriptors(&mut self, s: &str, record: &Record, found: &Descriptors) {
        for (name, expected, value) in [
            ("mw", record.mw, found.mw),
            ("logp", record.logp, found.logp),
            ("tpsa", record.tpsa, found.tpsa),
            ("qed", record.qed, found.qed),
            ("hbd", record.hbd, f64::from(found.hbd)),
            ("hba", record.hba, f64::from(found.hba)),
            ("rotb", record.rotb, f64::from(found.rotatable_bonds)),
            ("rings", record.rings, f64::from(found.rings)),
            ("arings", record.arings, f64::from(found.aromatic_rings)),
            ("heavy", record.heavy, f64::from(found.heavy_atoms)),
        ] {
            self.numbers
                .number(&format!("{s} ({name})"), expected, value);
        }
    }

    fn report(&self) -> bool {
        println!("refused    {} by a stated guard", self.refused.len());
        for refused in &self.refused {
            println!("           {refused}");
        }
        for (what, inputs) in [("hang", &self.hangs), ("panic", &self.panics)] {
            println!("{what:<10} {}", inputs.len());
            for input in inputs {
                println!("           {input}");
            }
        }
        let same = report([&self.accepted, &self.canonical, &self.numbers]);
        same && self.hangs.is_empty() && self.panics.is_empty()
    }
}

/// Refusals made before the engine sees an input, each documented at `Molecule::from_smiles`.
fn is_guard(error: &ChemError) -> bool {
    matches!(
        error,
        ChemError::EmptySmiles
            | ChemError::TooLong { .. }
            | ChemError::TooManyAtoms { .. }
            | ChemError::ControlCharacter { .. }
            | ChemError::NotAscii { .. }
    )
}

/// The beginning of a long input.
fn shorten(smiles: &str) -> String {
    const SHOWN: usize = 60;
    if smiles.chars().count() <= SHOWN {
        return smiles.to_owned();
    }
    let head: String = smiles.chars().take(SHOWN).collect();
    format!("{head}... ({} bytes)", smiles.len())
}
