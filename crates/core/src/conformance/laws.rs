//! All laws of a small environment in one call.

use std::fmt;

use super::{Report, check, check_edges_counted_alike};
use crate::env::Enumerable;
use crate::error::CoreError;
use crate::exact::{
    Dag, exact_flows, max_entropy_log_pb, target, terminating_distribution, uniform_log_pb,
};
use crate::logspace::log_sum_exp;
use crate::metric::total_variation;
use crate::rng::Seed;

/// Largest error of log Z in nats, and of total variation, that is put down to rounding.
const TOLERANCE: f64 = 1e-9;

/// What [`check_laws`] looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Laws {
    /// Of the random walks.
    pub walks: Report,
    /// Number of states.
    pub states: usize,
    /// Complete objects among them.
    pub objects: usize,
    /// Edges, stopping not counted.
    pub edges: usize,
    /// log Z of the reward in nats.
    pub log_z: f64,
    /// Largest total variation between the exact policy of a flow and R / Z, over backward policies.
    pub total_variation: f64,
}

impl fmt::Display for Laws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "walks      {} states and {} edges undone and taken again; the longest trajectory has {} moves",
            self.walks.states, self.walks.edges, self.walks.longest
        )?;
        writeln!(
            f,
            "listing    {} states ({} of them complete objects), {} edges, the same forward and backward",
            self.states, self.objects, self.edges
        )?;
        write!(
            f,
            "exact flow log Z = {:.6}; the policies of uniform and maximum-entropy P_B draw R / Z, total \
             variation {:.1e}",
            self.log_z, self.total_variation
        )
    }
}

/// Everything that can be checked of an environment that can be written down: random walks ([`check`]),
/// edges counted alike in both directions ([`check_edges_counted_alike`]), and the law of exact flows,
/// that the flow of a reward through any backward policy carries Z = sum R(x) and its forward policy
/// draws R(x) / Z.
///
/// `log_reward` is asked of complete objects only, in nats.
///
/// # Errors
/// [`CoreError::Conformance`] for the first breach, naming what was found.
pub fn check_laws<E: Enumerable>(
    env: &E,
    seed: Seed,
    walks: usize,
    log_reward: impl Fn(&E::State) -> f64,
) -> Result<Laws, CoreError> {
    let walks = check(env, seed, walks)?;
    let listing = check_edges_counted_alike(env)?;
    let dag = Dag::new(env)?;
    let rewards: Vec<f64> = (0..dag.len())
        .map(|s| match dag.can_stop(s) {
            true => log_reward(&dag.states()[s]),
            false => f64::NEG_INFINITY,
        })
        .collect();
    let log_z = log_sum_exp(&rewards);
    if !log_z.is_finite() {
        return Err(CoreError::Conformance(format!(
            "the rewards sum to exp({log_z}); they must be positive and finite"
        )));
    }
    let mut worst: f64 = 0.0;
    for log_pb in [uniform_log_pb(&dag), max_entropy_log_pb(&dag)] {
        let solution = exact_flows(&dag, &rewards, &log_pb);
        let log_p = terminating_distribution(&dag, &solution.log_pf);
        let distance = total_variation(&log_p, &target(&rewards));
        // A NaN is a breach too.
        let holds = (solution.log_z - log_z).abs() < TOLERANCE && distance < TOLERANCE;
        if !holds {
            return Err(CoreError::Conformance(format!(
                "the exact flow carries log Z = {} where the rewards sum to {log_z}, and its policy is \
                 {distance} away from R / Z in total variation",
                solution.log_z
            )));
        }
        worst = worst.max(distance);
    }
    Ok(Laws {
        walks,
        states: dag.len(),
        objects: rewards.iter().filter(|r| r.is_finite()).count(),
        edges: listing.edges / 2,
        log_z,
        total_variation: worst,
    })
}
