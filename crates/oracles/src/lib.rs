//! Object to score: what a finished object is worth.
//!
//! Here are: any measure of a molecule ([`Measure`]) with a weight, a direction and a desired range, combined
//! into one reward; two rewards of the literature, computed natively: binding of two strands of
//! [`rna`], and the proxy for binding to soluble epoxide hydrolase ([`seh`]); and whatever else scores
//! objects, by one contract ([`Oracle`]): a command ([`CommandOracle`]), an HTTP endpoint
//! ([`HttpOracle`]), a function ([`Callable`]), AutoDock Vina ([`Docking`]), a model in an ONNX
//! file ([`OnnxOracle`]), each asked through a [`Scorer`], which keeps every answer in
//! a [`Store`] before handing it out, asks nothing twice, and gives each failure its fate ([`Fates`]). No
//! training and no tensor library.
//!
//! ```
//! use anabranch_chem::{Descriptor, Molecule};
//! use anabranch_oracles::{Combine, Desirability, Property, PropertyReward, Transform};
//!
//! let reward = PropertyReward::new(
//!     vec![Property {
//!         measure: Descriptor::Mw.into(),
//!         weight: 1.0,
//!         transform: Transform::new(Desirability::Window { low: 200.0, high: 500.0, margin: 150.0 }),
//!     }],
//!     Combine::Product,
//!     1e-4,
//! )?;
//! let aspirin = Molecule::from_smiles("CC(=O)Oc1ccccc1C(=O)O")?;
//! let score = reward.score(&aspirin)?;
//! assert!((score.reward - (1.0 - (200.0 - 180.159) / 150.0)).abs() < 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An oracle of its own:
//!
//! ```
//! use anabranch_oracles::{Callable, Fates, Scorer, Store, Verdict};
//!
//! let length = Callable::new("length, 1", |objects: &[String]| {
//!     Ok(objects.iter().map(|o| (!o.is_empty()).then_some(o.len() as f64)).collect())
//! });
//! let scorer = Scorer::new(Box::new(length), Store::in_memory()?, Fates::default())?;
//! let verdicts = scorer.score(&["CCO".into(), "C".into(), "CCO".into()])?;
//! assert_eq!(verdicts[2], Verdict::Scores(vec![3.0]));
//! assert_eq!(scorer.counts().asked, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod amp;
mod callable;
pub mod combine;
pub mod command;
mod counts;
pub mod docking;
mod error;
mod fates;
pub mod http;
mod measure;
pub mod onnx;
mod oracle;
mod property;
mod reply;
pub mod rna;
mod scorer;
pub mod seh;
pub mod store;
pub mod transform;

pub use callable::Callable;
pub use combine::{Combination, Combine, Combined, Objective};
pub use command::{CommandLine, CommandOracle, CommandSettings, Protocol};
pub use counts::Counts;
pub use docking::{Docking, DockingSettings};
pub use error::OracleError;
pub use fates::{End, EventFate, Fate, Fates};
pub use http::{HttpOracle, HttpSettings};
pub use measure::Measure;
pub use onnx::{OnnxOracle, OnnxSettings};
pub use oracle::{Answer, Event, FailureKind, Heard, Listener, Oracle};
pub use property::{Property, PropertyReward, Score};
pub use scorer::{Scorer, Verdict};
pub use store::{Store, StoreError, StoreReader, StoreSettings};
pub use transform::{Desirability, Side, Transform};
