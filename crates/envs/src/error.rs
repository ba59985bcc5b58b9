//! What can go wrong when an environment is set up or asked for more than it can give.

use std::path::PathBuf;

use anabranch_chem::ChemError;

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// A size or constant is out of its range.
    #[error("{name} is {value}; it must be {expected}")]
    OutOfRange {
        /// Which setting.
        name: &'static str,
        /// The value given.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Words do not tile the string.
    #[error(
        "{bits} bits cannot be cut into words of {word} bits; choose a word size that divides {bits}"
    )]
    WordSize {
        /// Length of the string.
        bits: usize,
        /// Bits in a word.
        word: usize,
    },
    /// A bit sequence was written with something else than 0 and 1, or has the wrong length.
    #[error("{text:?} is not {bits} characters of 0 and 1")]
    BadBits {
        /// The text given.
        text: String,
        /// The length it must have.
        bits: usize,
    },
    /// A table or an alignment that cannot be read or used.
    #[error("these are no data: {reason}")]
    BadData {
        /// What is wrong, where, and what it should be.
        reason: String,
    },
    /// Nodes and edges that are no state of the environment.
    #[error("this is not a graph of the environment: {reason}")]
    BadGraph {
        /// What is wrong with it.
        reason: String,
    },
    /// A sequence was written with something else than the letters of its alphabet, or is too long.
    #[error("{text:?} is not {expected}")]
    BadLetters {
        /// The text given.
        text: String,
        /// What it must be.
        expected: String,
    },
    /// A table of data is not what it should be.
    #[error("{}, line {line}: {reason}", .file.display())]
    BadTable {
        /// The file.
        file: PathBuf,
        /// Number of the line, the first being 1.
        line: u64,
        /// What is wrong, and what is expected.
        reason: String,
    },
    /// A reward for bit sequences needs something to be near to.
    #[error("there are no modes; give at least one sequence")]
    NoModes,
    /// There are more states than may be written down.
    #[error("there are more than {limit} states; raise the limit or make the environment smaller")]
    TooManyStates {
        /// Most states allowed.
        limit: usize,
    },
    /// Edges that lead back to where they came from.
    #[error(
        "{states} states are on a cycle or behind one; actions must only ever add to a state: run the \
         environment's conformance check"
    )]
    Cycle {
        /// How many.
        states: usize,
    },
    /// Nodes and edges that are not one tree.
    #[error("this is not a tree of fragments: {reason}")]
    BadTree {
        /// What is wrong with it.
        reason: String,
    },
    /// A fragment breaks the rules of valence when all of its stems are used.
    #[error(
        "fragment {fragment} ({smiles}) cannot be joined through all of its stems at once: {source}; \
         drop stems until it can, or some objects would be no molecules"
    )]
    Oversubscribed {
        /// Number of the fragment in the vocabulary.
        fragment: usize,
        /// Its SMILES.
        smiles: String,
        /// What the chemistry says.
        source: ChemError,
    },
    /// The object is not finished.
    #[error("{object} is not finished; only complete objects have a {what}")]
    NotComplete {
        /// The object, as a person would write it.
        object: String,
        /// What was asked for.
        what: &'static str,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The chemistry refused.
    #[error(transparent)]
    Chem(#[from] ChemError),
}

impl EnvError {
    pub(crate) fn out_of_range(
        name: &'static str,
        value: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::OutOfRange {
            name,
            value: value.to_string(),
            expected: expected.into(),
        }
    }
}
