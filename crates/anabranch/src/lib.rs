//! Anabranch: GFlowNets in Rust, the library.
//!
//! This crate holds no code of its own. It names the layers, so that one dependency gives all of them:
//!
//! | module | what it is |
//! |---|---|
//! | [`core`](mod@core) | environments, trajectories, objectives, exact solutions, metrics; no tensors |
//! | [`chem`] | molecules, descriptors, fingerprints, fragments, drawings |
//! | [`data`] | public data sets, fetched and verified; tables of objects out of files |
//! | [`envs`] | hypergrid, sequences, sets, graphs, fragment molecules and their rewards |
//! | [`learn`] | policies, rollouts, optimisers, checkpoints |
//! | [`oracles`] | object to score |
//! | [`tasks`] | a configuration to a run: what the program `gfn` does |
//! | [`recipes`] | papers' experiments with their criteria |
//!
//! ```
//! use anabranch::chem::{Molecule, qed};
//! use anabranch::core::conformance;
//! use anabranch::envs::fragments::Fragments;
//!
//! let aspirin = Molecule::from_smiles("CC(=O)Oc1ccccc1C(=O)O")?;
//! assert!((qed(&aspirin)? - 0.550).abs() < 1e-3);
//! let report = conformance::check(&Fragments::rp72(), anabranch::core::Seed::new(1), 10)?;
//! assert!(report.longest <= 26);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use anabranch_chem as chem;
pub use anabranch_core as core;
pub use anabranch_data as data;
pub use anabranch_envs as envs;
pub use anabranch_learn as learn;
pub use anabranch_oracles as oracles;
pub use anabranch_recipes as recipes;
pub use anabranch_tasks as tasks;
