//! Environments: one problem, one file.
//!
//! Each module describes the states and edges of one problem by the traits of `anabranch-core`, and
//! the rewards that belong to it. No networks and no training stand here.
//!
//! ```
//! use anabranch_core::{Discrete, Environment};
//! use anabranch_envs::fragments::Fragments;
//!
//! let env = Fragments::rp72();
//! let mut tree = env.source();
//! let mut actions = Vec::new();
//! env.actions(&tree, &mut actions);
//! assert_eq!(actions.len(), 72); // the first fragment
//! env.step(&mut tree, actions[65]);
//! assert_eq!(env.molecule(&tree)?.smiles()?, "c1ccccc1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod anchored;
pub mod bag;
pub mod bit_sequence;
pub mod coloured_graph;
mod counting;
pub mod dag;
pub mod enumerated;
pub mod error;
pub mod factor;
pub mod fragments;
pub mod hypergrid;
pub mod ising;
pub mod landscape;
mod log_of_reward;
pub mod perfect_tree;
pub mod phylogeny;
pub mod sequence;
pub mod set;
pub mod slots;
pub mod stochastic;
pub mod table;

pub use enumerated::Enumerated;
pub use error::EnvError;
