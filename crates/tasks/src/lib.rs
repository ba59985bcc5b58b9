//! From a configuration to a sampler that can be trained, resumed, sampled, evaluated and reported on:
//! what the program `gfn` calls.
//!
//! ```
//! use anabranch_tasks::config::{Source, TaskName, load};
//! use anabranch_tasks::own_score::Surroundings;
//! use anabranch_tasks::runs;
//! use anabranch_tasks::train::{Outcome, Wish};
//!
//! let folder = tempfile::tempdir()?;
//! let config = load(
//!     Source::Task(TaskName::Hypergrid),
//!     &[
//!         "env.side=4".into(),
//!         "steps=20".into(),
//!         "policy.width=16".into(),
//!         format!("output.folder={:?}", folder.path().display().to_string()),
//!     ],
//! )?;
//! let around = Surroundings::default();
//! let run = runs::create(&config, &around, Some("small"), vec!["doctest".into()], "unknown")?;
//! let outcome = runs::train_run(&config, &run, &around, None, &mut |_| Wish::GoOn)?;
//! assert_eq!(outcome, Outcome::Finished);
//! let assessment = runs::assess(&config, &run, &around, None, None, Default::default())?;
//! assert!(assessment.evaluation.exact.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
pub mod bit_sequence;
pub mod chemistry;
pub mod condition;
pub mod config;
pub mod dag;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod fragments;
pub mod hypergrid;
pub mod logo;
pub mod output;
pub mod own_score;
pub mod report;
pub mod rewards;
pub mod runs;
pub mod sampler;
pub mod sequences;
pub mod summary;
pub mod table;
pub mod task;
pub mod train;

pub use error::{Result, TaskError};
