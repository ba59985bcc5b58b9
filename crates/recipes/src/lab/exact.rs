//! Exact evaluation on spaces that can be written down.

use anabranch_core::exact::{
    Dag, target, terminating_distribution, trajectory_entropy, uniform_log_pb,
};
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::metric::{jensen_shannon, total_variation};
use anabranch_core::{Enumerable, Frontier};
use anabranch_learn::policy::Policy;
use anabranch_learn::segment::log_softmax_rows;

/// States scored in one pass.
const STATES_PER_PASS: usize = 1024;

/// An environment written down, with the distribution that its reward asks for.
pub struct Exact<'a, E: Enumerable> {
    env: &'a E,
    /// States and edges.
    pub dag: Dag<E::State>,
    /// `[N]` log R(x); negative infinity where a state is no complete object.
    pub log_reward: Vec<f64>,
    /// `[N]` log R(x) - log Z.
    pub target: Vec<f64>,
    /// log Z in nats.
    pub log_z: f64,
}

/// What is exactly known of a policy. Logs are in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// `[M]` log P_F of each move.
    pub log_pf: Vec<f64>,
    /// `[P]` log P_B of each parent.
    pub log_pb: Vec<f64>,
    /// `[N]` log F(s), where the policy has flows.
    pub log_flow: Option<Vec<f64>>,
    /// `[N]` log p(x) of drawing each object.
    pub log_p: Vec<f64>,
    /// Total variation between p and R / Z.
    pub total_variation: f64,
    /// Jensen-Shannon divergence between p and R / Z.
    pub jensen_shannon: f64,
    /// Entropy of the trajectories.
    pub trajectory_entropy: f64,
    /// Mean reward of what is drawn.
    pub mean_reward: f64,
}

impl<'a, E: Enumerable> Exact<'a, E> {
    /// Writes down `env`; `log_reward` is asked once for each object.
    ///
    /// # Errors
    /// Where the environment breaks its contract.
    pub fn new(env: &'a E, log_reward: impl Fn(&E::State) -> f64) -> anyhow::Result<Self> {
        let dag = Dag::new(env)?;
        let log_reward: Vec<f64> = (0..dag.len())
            .map(|s| match dag.can_stop(s) {
                true => log_reward(&dag.states()[s]),
                false => f64::NEG_INFINITY,
            })
            .collect();
        Ok(Self {
            env,
            target: target(&log_reward),
            log_z: log_sum_exp(&log_reward),
            dag,
            log_reward,
        })
    }

    /// The figures of `policy`, scored in slices; every state has the conditioning vector `condition`
    /// `[C]`.
    ///
    /// # Errors
    /// Where the policy cannot score.
    pub fn figures_under<P: Policy<Env = E>>(
        &self,
        policy: &P,
        condition: &[f32],
    ) -> anyhow::Result<Figures> {
        let (mut log_pf, mut log_pb, mut log_flow) = (Vec::new(), Vec::new(), Vec::new());
        for states in self.dag.states().chunks(STATES_PER_PASS) {
            let frontier = Frontier::new(self.env, states.to_vec(), condition.repeat(states.len()));
            let scores = policy.scores(&frontier)?;
            log_pf.extend(log_softmax_rows(&frontier.moves, &scores.moves));
            if let Some(parents) = &scores.parents {
                log_pb.extend(log_softmax_rows(&frontier.parents, parents));
            }
            log_flow.extend(scores.log_flow.unwrap_or_default());
        }
        if log_pb.is_empty() {
            log_pb = uniform_log_pb(&self.dag);
        }
        let log_flow = (!log_flow.is_empty()).then_some(log_flow);
        Ok(self.figures_of(log_pf, log_pb, log_flow))
    }

    /// The figures of `policy`, which has no conditions.
    ///
    /// # Errors
    /// Where the policy cannot score.
    pub fn figures<P: Policy<Env = E>>(&self, policy: &P) -> anyhow::Result<Figures> {
        self.figures_under(policy, &[])
    }

    /// The figures of a policy given as `[M]` log P_F and `[P]` log P_B, in the order of
    /// [`dag`](Self::dag).
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn figures_of(
        &self,
        log_pf: Vec<f64>,
        log_pb: Vec<f64>,
        log_flow: Option<Vec<f64>>,
    ) -> Figures {
        let log_p = terminating_distribution(&self.dag, &log_pf);
        let rewarded = log_p.iter().zip(&self.log_reward);
        Figures {
            total_variation: total_variation(&log_p, &self.target),
            jensen_shannon: jensen_shannon(&log_p, &self.target),
            trajectory_entropy: trajectory_entropy(&self.dag, &log_pf),
            mean_reward: rewarded.map(|(p, r)| (p + r).exp()).sum(),
            log_pf,
            log_pb,
            log_flow,
            log_p,
        }
    }

    /// Mean reward under the target: sum R^2 / sum R.
    pub fn target_reward(&self) -> f64 {
        let squares: Vec<f64> = self.log_reward.iter().map(|r| 2.0 * r).collect();
        (log_sum_exp(&squares) - self.log_z).exp()
    }

    /// Total variation between relative frequencies of `[N]` counts and R / Z; NaN without counts.
    pub fn total_variation_of_counts(&self, counts: &[u64]) -> f64 {
        let total = counts.iter().sum::<u64>() as f64;
        let log_p: Vec<f64> = counts.iter().map(|&c| (c as f64 / total).ln()).collect();
        total_variation(&log_p, &self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::exact::exact_flows;
    use anabranch_envs::hypergrid::{Hypergrid, Terminal};
    use anabranch_learn::policy::Uniform;

    #[test]
    fn the_exact_policy_has_no_distance_and_the_uniform_one_does() {
        let grid = Hypergrid::new(2, 8, Terminal::All).expect("a grid");
        let reward = grid.corners(0.01).expect("a reward");
        let exact = Exact::new(&grid, |cell| reward.reward(cell).ln()).expect("writes down");
        let log_pb = uniform_log_pb(&exact.dag);
        let flows = exact_flows(&exact.dag, &exact.log_reward, &log_pb);
        let figures = exact.figures_of(flows.log_pf, log_pb.clone(), None);
        assert!(figures.total_variation < 1e-12 && figures.jensen_shannon < 1e-12);
        assert!((figures.mean_reward - exact.target_reward()).abs() < 1e-12);
        assert!((flows.log_z - exact.log_z).abs() < 1e-12);
        let uniform = exact.figures(&Uniform::new()).expect("scores");
        assert!(uniform.total_variation > 0.5 && uniform.log_flow.is_none());
        assert_eq!(uniform.log_pb, log_pb);
        let counts: Vec<u64> = exact
            .target
            .iter()
            .map(|p| (p.exp() * 1e9) as u64)
            .collect();
        assert!(exact.total_variation_of_counts(&counts) < 1e-6);
    }
}
