//! Settings of a run: what they are, where they come from and how they are written down.
//!
//! Three layers, the later over the earlier: the defaults of a task ([`defaults`]), a TOML file,
//! arguments of the form `key=value` ([`parse`]). Whatever cannot be is refused with its place, what
//! is allowed and the nearest valid name ([`error`]).
//!
//! ```
//! use anabranch_tasks::config::{Source, TaskName, load, to_toml};
//!
//! let config = load(Source::Task(TaskName::Fragments), &["reward.qed=2".into(), "seed=7".into()])?;
//! assert_eq!(config.reward.properties["qed"].weight, 2.0);
//! let again = load(Source::text("config.toml", to_toml(&config)), &[])?;
//! assert_eq!(config, again);
//!
//! let error = load(Source::Task(TaskName::Fragments), &["reward.qedd=2".into()]).unwrap_err();
//! assert!(error.to_string().contains("did you mean \"reward.qed\"?"));
//! # Ok::<(), anabranch_tasks::config::ConfigError>(())
//! ```

pub mod defaults;
mod docking;
pub mod error;
pub mod keys;
mod onnx;
mod oracle;
pub mod parse;
pub mod render;
pub mod rules;
pub mod schema;
mod value;

pub use defaults::default_property;
pub use docking::DockingConfig;
pub use error::{ConfigError, Place};
pub use onnx::{FeaturesName, OnnxConfig};
pub use oracle::OracleConfig;
pub use parse::{Source, load, load_scored_by_function};
pub use render::{to_commented_toml, to_toml};
pub use rules::validate;
pub use schema::{Config, TaskName};
