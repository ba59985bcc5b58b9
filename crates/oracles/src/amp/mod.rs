//! Whether a peptide looks antimicrobial: an ensemble of small networks, trained where it is used.
//!
//! The networks see composition, pairs of neighbours, length, charge, hydrophobicity and its moments.
//! Peptides that share words are kept together when data are dealt out for training and testing
//! ([`kinship`]), so that the area under the curve is not that of remembered relatives. What length
//! alone and charge alone would reach is measured beside it: a score that is no better than these is
//! about how the classes were collected.
//!
//! ```
//! use anabranch_core::Seed;
//! use anabranch_oracles::amp::{AmpEnsemble, AmpError, Labelled, Peptide};
//!
//! let few = vec![(Peptide::from_text("GIGKFLHSAKKFGKAFVGEIMNS")?, true)]; // magainin 2
//! let error = AmpEnsemble::train(&Labelled::of(few), Seed::new(0)).unwrap_err();
//! assert!(error.to_string().contains("too few"));
//! # Ok::<(), AmpError>(())
//! ```

mod data;
mod ensemble;
mod error;
mod network;
mod peptide;

pub use data::{DATA, Labelled, kinship};
pub use ensemble::{AmpEnsemble, Held, MEMBERS, Prediction};
pub use error::AmpError;
pub use peptide::{Peptide, RESIDUES};
