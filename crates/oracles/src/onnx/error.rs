//! What can go wrong with a model in a file.

use std::path::PathBuf;

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// There is no such file, or no right to it.
    #[error("{file}: the model cannot be read: {source}; set reward.onnx to an ONNX file", file = file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no model that can be used.
    #[error("{file} {problem}", file = file.display())]
    Model {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and the remedy.
        problem: String,
    },
    /// The model takes other features than the settings make.
    #[error(
        "{file} takes {wanted} features, and the settings make {made}; set {remedy}",
        file = file.display()
    )]
    Features {
        /// The file.
        file: PathBuf,
        /// What the model takes.
        wanted: i64,
        /// What the settings make.
        made: usize,
        /// What to set.
        remedy: String,
    },
    /// The model gives another number of values than have names.
    #[error(
        "{file} gives {values} values for each molecule (its output {output:?}), and oracle.columns names {named}; \
         name each, for example oracle.columns='{example}'",
        file = file.display()
    )]
    Columns {
        /// The file.
        file: PathBuf,
        /// Its output.
        output: String,
        /// Values of a molecule.
        values: usize,
        /// Names there are.
        named: usize,
        /// Names that would fit.
        example: String,
    },
    /// The model failed while it ran.
    #[error("{file} failed on {molecules} molecules: {problem}", file = file.display())]
    Run {
        /// The file.
        file: PathBuf,
        /// How many molecules it was given.
        molecules: usize,
        /// Why.
        problem: String,
    },
}
