//! Policy gradients of the reverse KL, KL(P_F || R P_B / Z), over trajectories.

use serde::{Deserialize, Serialize};

use super::balance;
use super::trajectory_balance::residuals;
use crate::error::CoreError;
use crate::terms::{Given, Loss, Terms, TermsGrad};

/// Exponents of importance ratios are held to this, as in torchgfn.
const MAX_LOG_RATIO: f64 = 20.0;

/// What is taken off the cost of a trajectory to lower the variance of its gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// The mean over the batch, own cost included: biased by (N - 1) / N.
    BatchMean,
    /// The mean over the others: unbiased. A trajectory alone has itself.
    #[default]
    LeaveOneOut,
    /// The learned log Z, which learns the mean of the estimates as it does in trajectory balance: the
    /// gradient is half that of [`trajectory_balance`](super::trajectory_balance) for P_F and log Z.
    LogZ,
    /// Cost from each step on, less log F(s_t), which learns it by least squares.
    Flow,
    /// Generalised advantage estimation (Schulman et al. 2015, arXiv 1506.02438): one-step differences
    /// of log F weighted by lambda^k; lambda = 1 is [`Flow`](Self::Flow).
    Gae {
        /// 0 to 1; 0.7 in Zykova-Myzina et al. 2026, arXiv 2606.15793.
        #[serde(default = "default_gae")]
        lambda: f64,
    },
}

pub(super) fn default_gae() -> f64 {
    0.7
}

/// Policy gradient of KL(P_F || R P_B / Z): `grad.log_pf` holds the coefficients of the score function,
/// A_t / B, where A_t is the cost `sum log P_F - sum log P_B - log R(x)` less the baseline.
///
/// `value` estimates the KL less log Z, which is minus the ELBO; it is no function whose derivative the
/// gradient is. Trajectories must be drawn from P_F. P_B is a reward and gets no gradient. With
/// [`Baseline::Flow`] and [`Baseline::Gae`] `grad.log_flow` is that of the mean over all transitions of
/// `(log F(s_t) - sg[target])^2`; the two gradients have no parameter in common but a shared trunk.
///
/// Malkin et al. 2022, arXiv 2210.00580; with flows, Zykova-Myzina et al. 2026,
/// arXiv 2606.15793.
///
/// # Errors
/// Where the batch is empty, a term is not finite, the baseline needs flows and the model has none, or
/// lambda is outside 0 ..= 1.
pub fn policy_gradient(terms: &Terms, baseline: Baseline) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let count = terms.len() as f64;
    let costs: Vec<f64> = terms.log_z_estimates().iter().map(|z| -z).collect();
    let mean = costs.iter().sum::<f64>() / count;
    let mut grad = TermsGrad::zeros(terms);
    let mut fill = |advantage: &[f64]| {
        for (index, a) in advantage.iter().enumerate() {
            grad.log_pf[terms.range(index)].fill(a / count);
        }
    };
    match baseline {
        Baseline::BatchMean => fill(&costs.iter().map(|c| c - mean).collect::<Vec<_>>()),
        Baseline::LeaveOneOut => {
            let stretch = if terms.len() > 1 {
                count / (count - 1.0)
            } else {
                1.0
            };
            fill(
                &costs
                    .iter()
                    .map(|c| stretch * (c - mean))
                    .collect::<Vec<_>>(),
            );
        }
        Baseline::LogZ => {
            let residuals = residuals(terms);
            fill(&residuals);
            grad.log_z = residuals.iter().map(|d| d / count).collect();
        }
        Baseline::Flow => advantages(terms, &terms.log_pf, 1.0, &mut grad)?,
        Baseline::Gae { lambda } => advantages(terms, &terms.log_pf, lambda, &mut grad)?,
    }
    Ok(Loss {
        value: mean,
        grad,
        per_trajectory: costs,
    })
}

/// Writes A_t / B into `grad.log_pf` and the critic's gradient into `grad.log_flow`: A_t is the sum over
/// k >= t of lambda^(k - t) times the detailed-balance residual of step k.
fn advantages(
    terms: &Terms,
    log_pf: &[f64],
    lambda: f64,
    grad: &mut TermsGrad,
) -> Result<(), CoreError> {
    balance::fraction("lambda", lambda)?;
    let flows = balance::flows(terms, "a policy gradient with flows as its baseline")?;
    let (count, transitions) = (terms.len() as f64, terms.log_pf.len() as f64);
    for index in 0..terms.len() {
        let (mut after, mut advantage) = (terms.log_reward[index], 0.0);
        for edge in terms.range(index).rev() {
            let step = flows[edge] + log_pf[edge] - terms.log_pb[edge] - after;
            advantage = step + lambda * advantage;
            after = flows[edge];
            grad.log_pf[edge] = advantage / count;
            grad.log_flow[edge] = 2.0 * advantage / transitions;
        }
    }
    Ok(())
}

/// Switches of [`entropic_ppo`], with the values of arXiv 2606.15793.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntropicPpo {
    /// The ratio is clipped to 1 - clip ..= 1 + clip where that lowers the surrogate; above 0.
    pub clip: f64,
    /// Of the advantages, 0 to 1.
    pub lambda: f64,
    /// Weight of the KL to the policy that drew the batch; 1 is what makes R / Z the optimum.
    pub kl_weight: f64,
}

impl Default for EntropicPpo {
    fn default() -> Self {
        Self {
            clip: 0.2,
            lambda: default_gae(),
            kl_weight: 1.0,
        }
    }
}

/// Entropic proximal policy optimisation: mean over trajectories of the sum over steps of
/// `max(rho A, clip(rho) A) + w KL`, where `rho = P_F / behaviour` and A are the costs (not rewards) of
/// the behaviour policy by generalised advantage estimation.
///
/// Zykova-Myzina et al. 2026, arXiv 2606.15793, equation 20. The KL to the behaviour is estimated from
/// the actions taken by `rho log rho - rho + 1`, which is unbiased, never negative and without slope at
/// rho = 1; the paper sums it over all actions of a state, which the terms do not hold. Plain PPO with an
/// entropy bonus does not have R / Z as its optimum. At rho = 1 the gradient is that of
/// [`policy_gradient`] with [`Baseline::Gae`]. The critic learns as it does there.
///
/// # Errors
/// Where the batch is empty, a term is not finite, a constant is out of range, the model has no flows,
/// or `given.log_pf_behaviour` is missing.
pub fn entropic_ppo(terms: &Terms, given: &Given, config: EntropicPpo) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    balance::not_negative("clip", config.clip)?;
    balance::not_negative("kl_weight", config.kl_weight)?;
    let field = &given.log_pf_behaviour;
    let behaviour = balance::edges(terms, field, "log_pf_behaviour", "entropic PPO")?;
    let count = terms.len() as f64;
    let mut grad = TermsGrad::zeros(terms);
    advantages(terms, behaviour, config.lambda, &mut grad)?;
    let mut per_trajectory = Vec::with_capacity(terms.len());
    for index in 0..terms.len() {
        let mut sum = 0.0;
        for edge in terms.range(index) {
            let advantage = grad.log_pf[edge] * count;
            let free = terms.log_pf[edge] - behaviour[edge];
            let log_rho = free.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO);
            let rho = log_rho.exp();
            let held = rho.clamp(1.0 - config.clip, 1.0 + config.clip);
            let clipped = held * advantage > rho * advantage;
            let surrogate = if clipped { held } else { rho } * advantage;
            sum += surrogate + config.kl_weight * (rho * log_rho - rho + 1.0);
            let mut slope = config.kl_weight * rho * log_rho;
            if !clipped {
                slope += rho * advantage;
            }
            // Held exponents have no slope.
            grad.log_pf[edge] = if free == log_rho { slope / count } else { 0.0 };
        }
        per_trajectory.push(sum);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}
