//! Metrics: pure functions of arrays.
//!
//! Each states its shapes, its units and what it gives where it is undefined; peers differ on all
//! three. A distribution over `N` states is an array of log-probabilities in nats, with negative
//! infinity for a state that cannot come out.

pub mod bounds;
pub mod correlation;
pub mod distribution;
pub mod log_probability;
pub mod modes;
pub mod top_k;

pub use bounds::{elbo, eubo, log_z_importance};
pub use correlation::{pearson, spearman};
pub use distribution::{jensen_shannon, kl, l1, total_variation};
pub use log_probability::{LogProbability, log_probability};
pub use modes::greedy_modes;
pub use top_k::{diversity, mean_top_k, top_k, unique_fraction};
