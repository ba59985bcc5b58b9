//! Objectives with their constants, as a configuration names them.

use serde::{Deserialize, Serialize};

use super::policy_gradient::{self as gradient, Baseline, EntropicPpo};
use super::sub_trajectory_balance::default_lambda;
use super::*;
use crate::terms::Loss;

/// An objective with its constants: what a configuration names. Every constant has a default, the
/// field's, so `{"soft_q_learning": {}}` is complete.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// [`trajectory_balance`] (arXiv 2201.13259, equation 14).
    TrajectoryBalance,
    /// [`detailed_balance`] (arXiv 2111.09266), mean over transitions.
    DetailedBalance,
    /// [`sub_trajectory_balance`] (arXiv 2209.12782).
    SubTrajectoryBalance {
        /// Weight of a sub-trajectory of length n is lambda^(n - 1).
        #[serde(default = "default_lambda")]
        lambda: f64,
    },
    /// [`log_partition_variance`] (arXiv 2302.05446), one mean for each of `given.group` where there are
    /// groups.
    LogPartitionVariance,
    /// [`conditional_log_partition_variance`].
    ConditionalLogPartitionVariance,
    /// One of the above with another cost of its residuals and all of its switches.
    Shaped {
        /// Which residuals.
        balance: Balance,
        /// Their cost.
        #[serde(default)]
        residual: Residual,
    },
    /// [`weighted_log_partition_variance`].
    WeightedLogPartitionVariance {
        /// 0: as drawn; 1: under the target.
        #[serde(default = "one")]
        power: f64,
    },
    /// [`modified_detailed_balance`] (arXiv 2202.13903); every state is an object.
    ModifiedDetailedBalance {
        /// How transitions become one number.
        #[serde(default)]
        reduction: TransitionReduction,
        /// Cost of a residual.
        #[serde(default)]
        residual: Residual,
    },
    /// [`forward_looking_detailed_balance`] (arXiv 2302.01687).
    ForwardLookingDetailedBalance {
        /// How transitions become one number.
        #[serde(default)]
        reduction: TransitionReduction,
        /// Cost of a residual.
        #[serde(default)]
        residual: Residual,
    },
    /// [`forward_looking_sub_trajectory_balance`] (arXiv 2302.01687).
    ForwardLookingSubTrajectoryBalance {
        /// How sub-trajectories are weighted.
        #[serde(default)]
        weighting: SubTrajectoryWeighting,
        /// Cost of a residual.
        #[serde(default)]
        residual: Residual,
    },
    /// [`guided_trajectory_balance`] (arXiv 2305.07170), the step of P_F.
    GuidedTrajectoryBalance {
        /// Share of P_B in the target, 0 to 1.
        #[serde(default)]
        weight: f64,
        /// Cost of a residual.
        #[serde(default)]
        residual: Residual,
    },
    /// [`backward_guidance`] (arXiv 2305.07170), the step of P_B.
    BackwardGuidance {
        /// Cost of a residual.
        #[serde(default)]
        residual: Residual,
    },
    /// [`relative_trajectory_balance`] (arXiv 2405.20971), by default with the factor 1/2 of the
    /// published code.
    RelativeTrajectoryBalance {
        /// Cost of a residual.
        #[serde(default = "half_squared")]
        residual: Residual,
    },
    /// [`relative_log_partition_variance`] (arXiv 2405.20971).
    RelativeLogPartitionVariance {
        /// The mean that stands for log Z.
        #[serde(default)]
        centre: Centre,
        /// Cost of a residual.
        #[serde(default = "half_squared")]
        residual: Residual,
    },
    /// [`trust_path_consistency`] (arXiv 2509.01632).
    TrustPathConsistency {
        /// 1 / beta.
        #[serde(default = "one")]
        alpha: f64,
        /// Cost of a residual.
        #[serde(default = "half_squared")]
        residual: Residual,
    },
    /// [`soft_q_learning`] (arXiv 2310.12934).
    SoftQLearning(SoftQ),
    /// [`path_consistency`] (arXiv 1702.08892).
    PathConsistency {
        /// The reward of a step.
        #[serde(default)]
        correction: Correction,
        /// How sub-trajectories are weighted.
        #[serde(default)]
        weighting: SubTrajectoryWeighting,
        /// Cost of a residual.
        #[serde(default)]
        residual: Residual,
    },
    /// [`policy_gradient`] (arXiv 2210.00580).
    PolicyGradient {
        /// What lowers the variance.
        #[serde(default)]
        baseline: Baseline,
    },
    /// [`entropic_ppo`] (arXiv 2606.15793).
    EntropicPpo(EntropicPpo),
    /// [`maximum_likelihood`], the forward KL.
    MaximumLikelihood {
        /// How much each trajectory counts.
        #[serde(default)]
        weights: LikelihoodWeights,
    },
    /// [`backward_likelihood`]: trajectory likelihood maximisation (arXiv 2410.15474) and the pessimistic
    /// backward policy (arXiv 2405.16012), which differ in where the trajectories come from.
    #[serde(alias = "trajectory_likelihood", alias = "pessimistic")]
    BackwardLikelihood,
    /// [`path_count_balance`] (arXiv 2312.14331).
    PathCountBalance {
        /// Over which sub-trajectories.
        #[serde(default)]
        over: PathCountLoss,
        /// Cost of a residual.
        #[serde(default)]
        residual: Residual,
    },
}

/// The residuals of the balance objectives that have short names of their own in [`Objective`], with
/// their switches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// [`trajectory_balance_with`].
    TrajectoryBalance,
    /// [`detailed_balance_with`].
    DetailedBalance {
        /// How transitions become one number.
        #[serde(default)]
        reduction: TransitionReduction,
    },
    /// [`sub_trajectory_balance_with`].
    SubTrajectoryBalance {
        /// How sub-trajectories are weighted.
        #[serde(default)]
        weighting: SubTrajectoryWeighting,
    },
    /// [`log_partition_variance_by`], groups from `given.group`.
    LogPartitionVariance {
        /// The mean that stands for log Z.
        #[serde(default)]
        centre: Centre,
    },
    /// [`conditional_log_partition_variance_with`].
    ConditionalLogPartitionVariance {
        /// The mean that stands for what is left of log Z.
        #[serde(default)]
        centre: Centre,
    },
}

fn one() -> f64 {
    1.0
}

fn half_squared() -> Residual {
    Residual::HalfSquared
}

impl Objective {
    /// Whether the model needs a state-flow head; for [`PathCountBalance`](Self::PathCountBalance) it
    /// stands for log n(s).
    pub fn needs_flow(&self) -> bool {
        match self {
            Self::Shaped { balance, .. } => matches!(
                balance,
                Balance::DetailedBalance { .. } | Balance::SubTrajectoryBalance { .. }
            ),
            Self::PolicyGradient { baseline } => {
                matches!(baseline, Baseline::Flow | Baseline::Gae { .. })
            }
            Self::DetailedBalance
            | Self::SubTrajectoryBalance { .. }
            | Self::ForwardLookingDetailedBalance { .. }
            | Self::ForwardLookingSubTrajectoryBalance { .. }
            | Self::SoftQLearning(_)
            | Self::PathConsistency { .. }
            | Self::EntropicPpo(_)
            | Self::PathCountBalance { .. } => true,
            _ => false,
        }
    }

    /// Whether log Z is a parameter of the loss.
    pub fn needs_log_z(&self) -> bool {
        matches!(
            self,
            Self::TrajectoryBalance
                | Self::Shaped {
                    balance: Balance::TrajectoryBalance,
                    ..
                }
                | Self::GuidedTrajectoryBalance { .. }
                | Self::RelativeTrajectoryBalance { .. }
                | Self::TrustPathConsistency { .. }
                | Self::PolicyGradient {
                    baseline: Baseline::LogZ
                }
        )
    }

    /// Whether `terms.log_stop` must be there.
    pub fn needs_stop(&self) -> bool {
        matches!(self, Self::ModifiedDetailedBalance { .. })
    }

    /// Whether `given.log_reward_at` must be there.
    pub fn needs_state_rewards(&self) -> bool {
        matches!(
            self,
            Self::ModifiedDetailedBalance { .. }
                | Self::ForwardLookingDetailedBalance { .. }
                | Self::ForwardLookingSubTrajectoryBalance { .. }
        )
    }

    /// Whether P_B is a reward of this objective: it then gets no gradient here and should not change,
    /// or change slowly by a loss of its own.
    pub fn needs_fixed_backward(&self) -> bool {
        matches!(
            self,
            Self::SoftQLearning(_)
                | Self::PathConsistency { .. }
                | Self::PolicyGradient { .. }
                | Self::EntropicPpo(_)
        )
    }

    /// Whether `given.log_prior` must be there.
    pub fn needs_prior(&self) -> bool {
        matches!(
            self,
            Self::RelativeTrajectoryBalance { .. }
                | Self::RelativeLogPartitionVariance { .. }
                | Self::TrustPathConsistency { .. }
        )
    }

    /// Whether `given.log_guide` must be there.
    pub fn needs_guide(&self) -> bool {
        matches!(
            self,
            Self::GuidedTrajectoryBalance { .. } | Self::BackwardGuidance { .. }
        )
    }

    /// Whether `given.log_pf_behaviour` must be there.
    pub fn needs_behaviour(&self) -> bool {
        matches!(self, Self::EntropicPpo(_))
    }

    /// Whether `given.log_path_count` must be there.
    pub fn needs_path_counts(&self) -> bool {
        match self {
            Self::SoftQLearning(config) => config.correction == Correction::PathCounts,
            Self::PathConsistency { correction, .. } => *correction == Correction::PathCounts,
            _ => false,
        }
    }

    /// Whether the optimum is the target for trajectories from anywhere with full support. The others
    /// need trajectories of P_F ([`PolicyGradient`](Self::PolicyGradient),
    /// [`BackwardLikelihood`](Self::BackwardLikelihood)), of the behaviour policy, or of the target.
    pub fn is_off_policy(&self) -> bool {
        !matches!(
            self,
            Self::PolicyGradient { .. }
                | Self::EntropicPpo(_)
                | Self::MaximumLikelihood { .. }
                | Self::BackwardLikelihood
        )
    }

    /// Value and gradient of an objective that needs nothing beside the terms.
    ///
    /// # Errors
    /// Where the terms are empty, not finite, or lack what the objective needs.
    pub fn loss(&self, terms: &Terms) -> Result<Loss, CoreError> {
        self.loss_given(terms, &Given::default())
    }

    /// Value and gradient.
    ///
    /// # Errors
    /// Where the terms are empty, not finite, or lack what the objective needs, or `given` does.
    pub fn loss_given(&self, terms: &Terms, given: &Given) -> Result<Loss, CoreError> {
        let squared = Residual::Squared;
        match *self {
            Self::TrajectoryBalance => trajectory_balance(terms),
            Self::DetailedBalance => detailed_balance(terms, TransitionReduction::Mean),
            Self::SubTrajectoryBalance { lambda } => sub_trajectory_balance(terms, lambda),
            Self::LogPartitionVariance => {
                let centre = Centre::default();
                log_partition_variance_by(terms, &groups(terms, given), centre, squared)
            }
            Self::ConditionalLogPartitionVariance => conditional_log_partition_variance(terms),
            Self::Shaped { balance, residual } => balance.loss(terms, given, residual),
            Self::WeightedLogPartitionVariance { power } => {
                weighted_log_partition_variance(terms, given, power)
            }
            Self::ModifiedDetailedBalance {
                reduction,
                residual,
            } => modified_detailed_balance(terms, given, reduction, residual),
            Self::ForwardLookingDetailedBalance {
                reduction,
                residual,
            } => forward_looking_detailed_balance(terms, given, reduction, residual),
            Self::ForwardLookingSubTrajectoryBalance {
                weighting,
                residual,
            } => forward_looking_sub_trajectory_balance(terms, given, weighting, residual),
            Self::GuidedTrajectoryBalance { weight, residual } => {
                guided_trajectory_balance(terms, given, weight, residual)
            }
            Self::BackwardGuidance { residual } => backward_guidance(terms, given, residual),
            Self::RelativeTrajectoryBalance { residual } => {
                relative_trajectory_balance(terms, given, residual)
            }
            Self::RelativeLogPartitionVariance { centre, residual } => {
                let groups = groups(terms, given);
                relative_log_partition_variance(terms, given, &groups, centre, residual)
            }
            Self::TrustPathConsistency { alpha, residual } => {
                trust_path_consistency(terms, given, alpha, residual)
            }
            Self::SoftQLearning(config) => soft_q_learning(terms, given, config),
            Self::PathConsistency {
                correction,
                weighting,
                residual,
            } => path_consistency(terms, given, correction, weighting, residual),
            Self::PolicyGradient { baseline } => gradient::policy_gradient(terms, baseline),
            Self::EntropicPpo(config) => gradient::entropic_ppo(terms, given, config),
            Self::MaximumLikelihood { weights } => maximum_likelihood(terms, given, weights),
            Self::BackwardLikelihood => backward_likelihood(terms),
            Self::PathCountBalance { over, residual } => path_count_balance(terms, over, residual),
        }
    }
}

impl Balance {
    fn loss(self, terms: &Terms, given: &Given, residual: Residual) -> Result<Loss, CoreError> {
        match self {
            Self::TrajectoryBalance => trajectory_balance_with(terms, residual),
            Self::DetailedBalance { reduction } => {
                detailed_balance_with(terms, reduction, residual)
            }
            Self::SubTrajectoryBalance { weighting } => {
                sub_trajectory_balance_with(terms, weighting, residual)
            }
            Self::LogPartitionVariance { centre } => {
                log_partition_variance_by(terms, &groups(terms, given), centre, residual)
            }
            Self::ConditionalLogPartitionVariance { centre } => {
                conditional_log_partition_variance_with(terms, centre, residual)
            }
        }
    }
}

/// `[B]` the groups given, or one for all.
fn groups(terms: &Terms, given: &Given) -> Vec<usize> {
    let one = || vec![0; terms.offsets.len().saturating_sub(1)];
    given.group.clone().unwrap_or_else(one)
}
