//! What a report shows, as plain numbers and texts.

use serde::Serialize;

pub use crate::logo::{Logo, Position};

/// One page: one run, or several beside each other.
#[derive(Clone, Debug, Serialize)]
pub struct ReportData {
    /// The runs, in the order given.
    pub runs: Vec<RunReport>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// Name of the run folder.
    pub name: String,
    /// fragments, hypergrid or bit_sequence.
    pub task: String,
    /// The exact command.
    pub command: String,
    /// The resolved configuration as TOML.
    pub config: String,
    /// Facts of the run: version, commit, seed, machine, steps, trajectories, start.
    pub facts: Vec<(String, String)>,
    /// The numbers of the summary, in order of importance.
    pub numbers: Vec<Number>,
    /// Training curves.
    pub curves: Vec<Curve>,
    /// Distributions of the trained policy's samples against the random policy's.
    pub distributions: Vec<Distribution>,
    /// Logos of sequences; none for other objects.
    pub logos: Vec<Logo>,
    /// The best distinct objects, best first.
    pub gallery: Vec<Card>,
    /// Warnings a reader must not miss.
    pub warnings: Vec<String>,
}

/// One number of the summary.
#[derive(Clone, Debug, Serialize)]
pub struct Number {
    /// What it is.
    pub name: String,
    /// Its value for the trained policy, ready to print.
    pub value: String,
    /// Its value for the random policy, where that makes sense.
    pub random: Option<String>,
    /// How it was computed, with units.
    pub note: String,
}

/// A value over training steps.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// What it is.
    pub name: String,
    /// Unit, or empty.
    pub unit: String,
    /// Steps.
    pub steps: Vec<u64>,
    /// Values, one for each step; finite.
    pub values: Vec<f64>,
    /// A value to compare with, drawn as a dashed line (exact log Z, expected reward).
    pub reference: Option<f64>,
}

/// A value over objects.
#[derive(Clone, Debug, Serialize)]
pub struct Distribution {
    /// What it is.
    pub name: String,
    /// Unit, or empty.
    pub unit: String,
    /// Of the trained policy's samples.
    pub trained: Vec<f64>,
    /// Of the random policy's samples.
    pub random: Vec<f64>,
}

/// One object of the gallery.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// A drawing, where there is one.
    pub svg: Option<String>,
    /// SMILES, cell or sequence.
    pub text: String,
    /// Reward, not raised to beta.
    pub reward: f64,
    /// Its properties, ready to print.
    pub properties: Vec<(String, String)>,
}
