//! Metrics: pure functions of arrays.
//!
//! Each states its shapes, its units and what it gives where it is undefined; peers differ on all
//! three. A distribution over `N` states is an array of log-probabilities in nats, with negative
//! infinity for a state that cannot come out.

pub mod anderson_darling;
pub mod bounds;
pub mod correlation;
pub mod distribution;
pub mod log_probability;
pub mod modes;
pub mod roc;
pub mod target_mean;
pub mod top_k;

pub use anderson_darling::{AndersonDarling, anderson_darling};
pub use bounds::{effective_sample_size, elbo, eubo, log_z_importance};
pub use correlation::{pearson, spearman};
pub use distribution::{
    jeffreys, jensen_shannon, kl, l1, mean_absolute_log_error, total_variation,
};
pub use log_probability::{LogProbability, log_probability};
pub use modes::{greedy_modes, hamming_modes};
pub use roc::roc_auc;
pub use target_mean::{mean_reward_accuracy, relative_error, target_mean_reward};
pub use top_k::{diversity, mean_pairwise_distance, mean_top_k, top_k, unique_fraction};
