//! What can go wrong with docking.

use std::path::PathBuf;

use anabranch_chem::ChemError;

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockingError {
    /// The chemistry failed.
    #[error(transparent)]
    Chem(#[from] ChemError),
    /// Several molecules in one.
    #[error(
        "{molecule} is {pieces} molecules; docking takes one, so remove salts and solvents and give it the \
         protonation that is to be docked"
    )]
    Pieces {
        /// Its SMILES.
        molecule: String,
        /// How many.
        pieces: usize,
    },
    /// An element that Vina has no parameters for.
    #[error(
        "atom {index} of {molecule} is {symbol}, which AutoDock Vina has no type for; it knows H, C, N, O, F, \
         Si, P, S, Cl, Br and I in ligands"
    )]
    Element {
        /// The atom's symbol; `*` for a dummy.
        symbol: &'static str,
        /// Which atom, counted from 0.
        index: usize,
        /// The molecule's SMILES.
        molecule: String,
    },
    /// Nothing but hydrogen.
    #[error("{molecule} has no atom heavier than hydrogen; there is nothing to dock")]
    NoHeavyAtom {
        /// Its SMILES.
        molecule: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {problem}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong and the remedy.
        problem: String,
    },
    /// Nothing has docked yet, and much has failed.
    #[error(
        "the first {failures} molecules could not be docked into {}, the last one because: {message}; check \
         docking.receptor, docking.box and what is sampled", .receptor.display()
    )]
    NothingDocks {
        /// The receptor.
        receptor: PathBuf,
        /// How many were tried.
        failures: u32,
        /// What happened to the last one.
        message: String,
    },
    /// Vina cannot be started.
    #[error(
        "AutoDock Vina cannot be started as {program:?}: {problem}; install it (Debian and Ubuntu: apt-get \
         install autodock-vina) or set docking.vina to its path"
    )]
    NoVina {
        /// The program.
        program: String,
        /// What went wrong.
        problem: String,
    },
}
