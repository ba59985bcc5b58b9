//! What can go wrong with peptides and their classifier.

use std::path::PathBuf;

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AmpError {
    /// A peptide without residues.
    #[error("the peptide is empty; give at least one amino acid")]
    Empty,
    /// A letter that is none of the twenty amino acids.
    #[error(
        "{letter:?} at position {position} is none of the twenty amino acids ACDEFGHIKLMNPQRSTVWY"
    )]
    Residue {
        /// What stands there.
        letter: char,
        /// Where, counted from 1.
        position: usize,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not a peptide with its class.
    #[error(
        "{} line {line}: {problem}; after a first line of counts each line is a peptide, a comma and \
         1 (antimicrobial) or 0 (not), as in \"GLFDIVKKVV, 1\"",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Too little to learn from.
    #[error(
        "{positives} antimicrobial and {negatives} other peptides are too few to train and test a \
         classifier; give at least {least} of each"
    )]
    TooFew {
        /// Peptides of class 1.
        positives: usize,
        /// Peptides of class 0.
        negatives: usize,
        /// Fewest of each.
        least: usize,
    },
}
