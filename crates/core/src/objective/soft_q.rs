//! Soft Q-learning and path consistency: the balance conditions as maximum-entropy reinforcement
//! learning sees them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::balance;
use super::residual::Residual;
use super::sub_trajectory_balance::{SubTrajectoryWeighting, sub_trajectories};
use crate::error::CoreError;
use crate::terms::{Given, Loss, Terms, TermsGrad};

/// What the reward of a step is, so that the law of trajectories does not favour objects that can be
/// built in many ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// log P_B of each move, log R(x) at the end: the GFlowNet with this P_B (Tiapkin et al. 2023,
    /// arXiv 2310.12934; Deleu et al. 2024, arXiv 2402.10309).
    #[default]
    BackwardPolicy,
    /// Nothing inside, log R(x) at the end: plain maximum-entropy reinforcement learning, which ends in
    /// x in proportion to n(x) R(x), n the number of ways to build x.
    None,
    /// Nothing inside, log R(x) - log n(x) at the end, with `given.log_path_count` (GSQL, Mohammadpour
    /// et al. 2023, arXiv 2312.14331): the trajectories of the maximum-entropy P_B.
    PathCounts,
}

impl Correction {
    /// The terms whose log P_B are the rewards of moves and whose log R is that of the end. Their
    /// log P_B are rewards and take no gradient, here or anywhere.
    ///
    /// # Errors
    /// Where path counts are wanted and `given.log_path_count` is missing or not finite.
    pub fn apply<'a>(self, terms: &'a Terms, given: &Given) -> Result<Cow<'a, Terms>, CoreError> {
        if self == Self::BackwardPolicy {
            return Ok(Cow::Borrowed(terms));
        }
        let mut out = terms.clone();
        out.log_pb.fill(0.0);
        if self == Self::PathCounts {
            let name = "correction by path counts";
            let counts = balance::objects(terms, &given.log_path_count, "log_path_count", name)?;
            let pairs = out.log_reward.iter_mut().zip(counts);
            pairs.for_each(|(reward, n)| *reward -= n);
        }
        Ok(Cow::Owned(out))
    }
}

/// Munchausen reinforcement learning: a share of the policy's own log-probability is added to the
/// reward (Vieillard et al. 2020, arXiv 2007.14430).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Munchausen {
    /// The share a, in 0 .. 1; 0.15 in the code of Gritsaev et al. 2024 (arXiv 2410.15474).
    #[serde(default = "default_share")]
    pub share: f64,
    /// Least value of the log-probability that is added, temperature included; not above 0.
    #[serde(default = "default_floor")]
    pub floor: f64,
}

fn default_share() -> f64 {
    0.15
}

fn default_floor() -> f64 {
    -100.0
}

impl Default for Munchausen {
    fn default() -> Self {
        Self {
            share: default_share(),
            floor: default_floor(),
        }
    }
}

/// Switches of [`soft_q_learning`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SoftQ {
    /// The reward of a step.
    pub correction: Correction,
    /// Munchausen's addition to it.
    pub munchausen: Option<Munchausen>,
    /// Weight of the last transition of each trajectory, the only one that sees R; 5 in gfnx and in the
    /// code of arXiv 2410.15474.
    pub terminal_weight: f64,
    /// Cost of a residual.
    pub residual: Residual,
}

impl Default for SoftQ {
    fn default() -> Self {
        Self {
            correction: Correction::BackwardPolicy,
            munchausen: None,
            terminal_weight: 5.0,
            residual: Residual::Huber { delta: 1.0 },
        }
    }
}

/// Soft Q-learning: mean over all transitions of `g(Q(s, a) - sg[reward + V(s')])`, where
/// `Q(s, a) = log F(s) + log P_F(a | s)`, V of the sink is log R(x), and sg stops the gradient.
///
/// With the soft value V = log F this is detailed balance whose right side is a constant (Tiapkin et
/// al. 2023, arXiv 2310.12934; Deleu et al. 2024, arXiv 2402.10309). A network of edge flows has
/// log F as their log-sum-exp and log P_F as their softmax; a dueling network has both as heads; the
/// loss is one. V(s') is `given.log_flow_target`, from a target network, or this network's own flow.
/// Weights of last transitions are not normalised away: the mean is over the number of transitions.
///
/// With [`Munchausen`] the temperature of the policy is 1 / (1 - a), so
/// `Q = log F + log P_F / (1 - a)`, and `a max(log P_F / (1 - a), floor)` is added to the reward, with
/// P_F from `given.log_pf_target` or this network's own: the optimum stays the same.
///
/// P_B is a reward, so it must be fixed; it gets no gradient. `per_trajectory` holds sums over
/// transitions.
///
/// # Errors
/// Where the batch is empty, a term is not finite, the model has no flows, a constant is out of range,
/// or path counts are wanted and missing.
pub fn soft_q_learning(terms: &Terms, given: &Given, config: SoftQ) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    config.residual.check()?;
    balance::not_negative("terminal_weight", config.terminal_weight)?;
    let Munchausen { share, floor } = config.munchausen.unwrap_or(Munchausen {
        share: 0.0,
        floor: 0.0,
    });
    if !(0.0..1.0).contains(&share) {
        return Err(CoreError::BadConstant {
            name: "share",
            value: share,
            expected: "at least 0 and below 1",
        });
    }
    let name = "soft Q-learning";
    let temperature = (1.0 - share).recip();
    let flows = balance::flows(terms, name)?;
    let next = match &given.log_flow_target {
        Some(_) => balance::edges(terms, &given.log_flow_target, "log_flow_target", name)?,
        None => flows,
    };
    let own = match &given.log_pf_target {
        Some(_) => balance::edges(terms, &given.log_pf_target, "log_pf_target", name)?,
        None => &terms.log_pf,
    };
    let rewards = config.correction.apply(terms, given)?;
    let scale = 1.0 / terms.log_pf.len() as f64;
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for index in 0..terms.len() {
        let range = terms.range(index);
        let mut sum = 0.0;
        for edge in range.clone() {
            let last = edge + 1 == range.end;
            let (after, weight) = match last {
                true => (rewards.log_reward[index], config.terminal_weight),
                false => (next[edge + 1], 1.0),
            };
            let bonus = match share > 0.0 {
                true => share * (temperature * own[edge]).max(floor),
                false => 0.0,
            };
            let target = rewards.log_pb[edge] + after + bonus;
            let d = flows[edge] + temperature * terms.log_pf[edge] - target;
            sum += weight * config.residual.value(d);
            let slope = weight * scale * config.residual.slope(d);
            grad.log_flow[edge] = slope;
            grad.log_pf[edge] = temperature * slope;
        }
        per_trajectory.push(sum);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() * scale,
        grad,
        per_trajectory,
    })
}

/// Path consistency learning: `V(s_i) - V(s_j) - sum (reward - log P_F)` over sub-trajectories, with
/// V = log F, gradient through both ends.
///
/// Nachum et al. 2017, arXiv 1702.08892. With the reward log P_B this is sub-trajectory balance, and
/// over whole trajectories trajectory balance (Deleu et al. 2024, arXiv 2402.10309); the residual has
/// the sign of this module, minus the one of the paper. P_B is a reward: it gets no gradient.
///
/// # Errors
/// Those of [`sub_trajectory_balance_with`](super::sub_trajectory_balance_with), and where path counts
/// are wanted and missing.
pub fn path_consistency(
    terms: &Terms,
    given: &Given,
    correction: Correction,
    weighting: SubTrajectoryWeighting,
    residual: Residual,
) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let flows = balance::flows(terms, "path consistency")?;
    let rewards = correction.apply(terms, given)?;
    let mut loss = sub_trajectories(&rewards, flows, weighting, residual)?;
    loss.grad.log_pb.fill(0.0);
    Ok(loss)
}
