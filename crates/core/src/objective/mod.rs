//! Objectives: pure functions of [`Terms`] (and constants [`Given`] beside them) that return a value and
//! its gradient, in f64.
//!
//! Every balance objective is a weighted set of sub-trajectories with residual `u_i - u_j`, where
//! `u_i = log F(s_i) - sum_{k<i} (log P_F - log P_B)` and `log F` of the sink is `log R(x)`:
//!
//! | objective | sub-trajectories |
//! |---|---|
//! | [`trajectory_balance`] | (first, sink), with log Z in place of log F(s_0) |
//! | [`detailed_balance`] | (i, i + 1) |
//! | [`sub_trajectory_balance`] | all pairs, weighted by lambda^(j - i - 1) |
//! | [`log_partition_variance`] | (first, sink), with the batch mean in place of log Z |
//!
//! A residual is forward minus backward and costs what a [`Residual`] says. [`Objective`] names all that
//! are functions of [`Terms`]; [`flow_matching`] and [`flow_regression`] work on edges and states. A
//! table of all with their formulas, and of the conventions by which codes differ, is in
//! `docs/guide/objectives.md`.

mod balance;
mod config;
mod detailed_balance;
mod flow_matching;
mod flow_regression;
mod likelihood;
mod log_partition_variance;
mod pairs;
mod path_count;
mod policy_gradient;
mod residual;
mod soft_q;
mod sub_trajectory_balance;
mod trajectory_balance;

pub use config::{Balance, Objective};
pub use detailed_balance::{
    TransitionReduction, detailed_balance, detailed_balance_with, forward_looking_detailed_balance,
    modified_detailed_balance,
};
pub use flow_matching::{
    FlowMatching, FlowMatchingGrad, FlowMatchingLoss, FlowMatchingMean, FlowMatchingTerms,
    flow_matching,
};
pub use flow_regression::{
    flow_iteration_target, flow_regression, log_path_ratio, random_policy_target,
};
pub use likelihood::{LikelihoodWeights, backward_likelihood, maximum_likelihood};
pub use log_partition_variance::{
    BatchMean, Centre, conditional_log_partition_variance, conditional_log_partition_variance_with,
    log_partition_variance, log_partition_variance_by, relative_log_partition_variance,
    weighted_log_partition_variance,
};
pub use path_count::{PathCountLoss, path_count_balance};
pub use policy_gradient::{Baseline, EntropicPpo, entropic_ppo, policy_gradient};
pub use residual::Residual;
pub use soft_q::{Correction, Munchausen, SoftQ, path_consistency, soft_q_learning};
pub use sub_trajectory_balance::{
    SubTrajectoryWeighting, forward_looking_sub_trajectory_balance, sub_trajectory_balance,
    sub_trajectory_balance_with,
};
pub use trajectory_balance::{
    backward_guidance, guided_trajectory_balance, relative_trajectory_balance, trajectory_balance,
    trajectory_balance_with, trust_path_consistency,
};

use crate::error::CoreError;
use crate::terms::{Given, Terms};

/// `[E]` log_flow + log_reward_at: the flows of forward-looking objectives.
fn forward_looking(
    terms: &Terms,
    given: &Given,
    objective: &'static str,
) -> Result<Vec<f64>, CoreError> {
    let flows = balance::flows(terms, objective)?;
    let known = balance::edges(terms, &given.log_reward_at, "log_reward_at", objective)?;
    Ok(flows.iter().zip(known).map(|(f, r)| f + r).collect())
}
