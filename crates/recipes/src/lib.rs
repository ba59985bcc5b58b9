//! One paper, one file, one committed result: the experiments of the literature, scaled down so that
//! each claim can be run again in minutes.
//!
//! A [`Recipe`] holds what a paper says ([`Claim`]) with a criterion for each, and a function that
//! measures with one seed. [`reproduce`] runs it with several and judges. What recipes share stands in
//! [`lab`]; no recipe uses another. Environments, objectives and networks do not belong here.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use anabranch_recipes::{Claim, Recipe, Settings, reproduce};
//!
//! let recipe = Recipe {
//!     name: "coin",
//!     title: "On coins",
//!     arxiv: "0000.00000",
//!     year: 2026,
//!     summary: "a coin has two sides",
//!     about: "It is looked at from both.",
//!     claims: &[Claim {
//!         id: "sides",
//!         text: "A coin has two sides.",
//!         criterion: "2 sides with every seed",
//!         gated: true,
//!         check: |m| m.verdict(m.every("sides", |v| v == 2.0)),
//!     }],
//!     differs: &[],
//!     sources: &[],
//!     run: |context| {
//!         context.progress("looking", 0, 1)?;
//!         context.record("sides", "sides", 2.0);
//!         Ok(())
//!     },
//!     result: None,
//! };
//! let result = reproduce(
//!     &recipe,
//!     &Settings {
//!         seeds: 3,
//!         quick: false,
//!         jobs: 1,
//!         commit: None,
//!         stop: &AtomicBool::new(false),
//!         observer: &|_| {},
//!     },
//! );
//! assert!(result.complete && result.claims[0].holds);
//! ```

pub mod context;
pub mod lab;
pub mod machine;
pub mod markdown;
pub mod papers;
pub mod recipe;
mod reproduce;
pub mod result;
pub mod verdict;

pub use context::{Context, Event, Interrupted};
pub use papers::{find, recipes};
pub use recipe::{Claim, Recipe, Source};
pub use reproduce::{Settings, reproduce};
pub use result::{ClaimResult, RecipeResult, SeedRun};
pub use verdict::{Measurements, Verdict};
