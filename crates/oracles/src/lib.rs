//! Object to score: what a finished object is worth.
//!
//! Here are: any descriptor of a molecule with a weight, a direction and a desired range, combined
//! into one reward; and two rewards of the literature, computed natively: binding of two strands of
//! [`rna`], and the proxy for binding to soluble epoxide hydrolase ([`seh`]). No training, no tensor
//! library, and no other program is called.
//!
//! ```
//! use anabranch_chem::{Descriptor, Molecule};
//! use anabranch_oracles::{Combine, Desirability, Property, PropertyReward};
//!
//! let reward = PropertyReward::new(
//!     vec![Property {
//!         descriptor: Descriptor::Mw,
//!         weight: 1.0,
//!         desirability: Desirability::Window { low: 200.0, high: 500.0, margin: 150.0 },
//!     }],
//!     Combine::Product,
//!     1e-4,
//! )?;
//! let aspirin = Molecule::from_smiles("CC(=O)Oc1ccccc1C(=O)O")?;
//! let score = reward.score(&aspirin)?;
//! assert!((score.reward - (1.0 - (200.0 - 180.159) / 150.0)).abs() < 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod amp;
mod property;
pub mod rna;
pub mod seh;

pub use property::{Combine, Desirability, OracleError, Property, PropertyReward, Score};
