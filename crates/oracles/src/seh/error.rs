//! What can go wrong with the proxy.

use std::path::PathBuf;

use anabranch_chem::ChemError;
use anabranch_core::CoreError;

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SehError {
    /// The weights are in none of the data folders.
    #[error(transparent)]
    NoData(#[from] CoreError),
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file does not hold the weights.
    #[error("{} does not hold the weights of the sEH proxy: {reason}", .file.display())]
    BadWeights {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The chemistry failed.
    #[error(transparent)]
    Chem(#[from] ChemError),
    /// An element that the network has no feature for.
    #[error(
        "atom {index} of {molecule} is {symbol}; the sEH proxy knows the elements from H to Ba, so \
         leave the molecule out"
    )]
    Element {
        /// The atom's symbol; `*` for a dummy.
        symbol: &'static str,
        /// Which atom, counted from 0.
        index: usize,
        /// The molecule's SMILES.
        molecule: String,
    },
    /// A bond that the network has no feature for.
    #[error(
        "atoms {} and {} of {molecule} are bound otherwise than by a single, double, triple or \
         aromatic bond; the sEH proxy knows no other, so leave the molecule out", .atoms[0], .atoms[1]
    )]
    Bond {
        /// Its atoms, counted from 0.
        atoms: [usize; 2],
        /// The molecule's SMILES.
        molecule: String,
    },
}
