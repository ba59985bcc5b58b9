//! The numbers that an objective is a function of, and its gradient in the same shape.

use crate::ragged::Ragged;

/// Log-probabilities and flows of `B` trajectories with `E` edges in all, in nats.
///
/// Edge `t` of a trajectory leaves its state s_t; the last edge is stopping. What an entry means does
/// not depend on where it came from: a network, a table, or a formula.
#[derive(Clone, Debug)]
pub struct Terms {
    /// `[B + 1]` where each trajectory's edges begin in the flat arrays.
    pub offsets: Vec<usize>,
    /// `[E]` log P_F of the move that left each state.
    pub log_pf: Vec<f64>,
    /// `[E]` log P_B of coming back over that edge; 0 for stopping.
    pub log_pb: Vec<f64>,
    /// `[E]` log F(s_t) of the state that each edge leaves, where the model has flows.
    pub log_flow: Option<Vec<f64>>,
    /// `[E]` log P_F(stop | s_t) in the state that each edge leaves, negative infinity where a
    /// trajectory cannot stop; what modified detailed balance needs beside the edges gone over.
    pub log_stop: Option<Vec<f64>>,
    /// `[B]` log Z of each trajectory's condition.
    pub log_z: Vec<f64>,
    /// `[B]` log R(x), already tempered.
    pub log_reward: Vec<f64>,
}

/// What some objectives know beside [`Terms`]: numbers of the data or of frozen models, in nats, that
/// take no gradient. All optional; an objective that needs one says so in an error.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `[E]` log R(s_t), or the part of the log-reward known at s_t, of the state that each edge leaves.
    pub log_reward_at: Option<Vec<f64>>,
    /// `[B]` log-probability of each trajectory under a frozen prior policy, stopping included.
    pub log_prior: Option<Vec<f64>>,
    /// `[B]` log-probability of each trajectory, given its object, under a guide.
    pub log_guide: Option<Vec<f64>>,
    /// `[E]` log F(s_t) by a target network.
    pub log_flow_target: Option<Vec<f64>>,
    /// `[E]` log P_F of the move that left each state, by a target network.
    pub log_pf_target: Option<Vec<f64>>,
    /// `[E]` log P_F of the move that left each state, by the policy that drew the trajectories.
    pub log_pf_behaviour: Option<Vec<f64>>,
    /// `[B]` log n(x), the number of ways to build each trajectory's object.
    pub log_path_count: Option<Vec<f64>>,
    /// `[B]` number of each trajectory's condition; trajectories with equal ones share log Z.
    pub group: Option<Vec<usize>>,
}

/// dL/d[`Terms`], with the same shapes. The reward is data and has no gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct TermsGrad {
    /// `[E]`
    pub log_pf: Vec<f64>,
    /// `[E]`
    pub log_pb: Vec<f64>,
    /// `[E]`, zero where the objective does not use flows.
    pub log_flow: Vec<f64>,
    /// `[E]`, zero where the objective does not use them.
    pub log_stop: Vec<f64>,
    /// `[B]`
    pub log_z: Vec<f64>,
}

/// Value of an objective with its gradient.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Mean loss of the batch.
    pub value: f64,
    /// Gradient of `value`.
    pub grad: TermsGrad,
    /// `[B]` loss of each trajectory alone, before the mean.
    pub per_trajectory: Vec<f64>,
}

impl Terms {
    /// Number of trajectories `B`.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// True without trajectories.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The edges of trajectory `index` in the flat arrays.
    pub fn range(&self, index: usize) -> std::ops::Range<usize> {
        self.offsets[index]..self.offsets[index + 1]
    }

    /// `[B]` sum over edges of log P_F.
    pub fn sum_log_pf(&self) -> Vec<f64> {
        self.sums(&self.log_pf)
    }

    /// `[B]` sum over edges of log P_B.
    pub fn sum_log_pb(&self) -> Vec<f64> {
        self.sums(&self.log_pb)
    }

    /// `[B]` each trajectory's own estimate of log Z: log R(x) + sum log P_B - sum log P_F.
    ///
    /// All equal log Z exactly where trajectory balance holds (Malkin et al. 2022,
    /// arXiv 2201.13259).
    pub fn log_z_estimates(&self) -> Vec<f64> {
        (0..self.len())
            .map(|index| {
                let passed = self
                    .range(index)
                    .map(|edge| self.log_pf[edge] - self.log_pb[edge]);
                self.log_reward[index] - passed.sum::<f64>()
            })
            .collect()
    }

    fn sums(&self, values: &[f64]) -> Vec<f64> {
        (0..self.len())
            .map(|i| values[self.range(i)].iter().sum())
            .collect()
    }

    /// Terms without flows from `[B]` rows of edges.
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn new(
        log_pf: Ragged<f64>,
        log_pb: Ragged<f64>,
        log_z: Vec<f64>,
        log_reward: Vec<f64>,
    ) -> Self {
        assert_eq!(
            log_pf.offsets(),
            log_pb.offsets(),
            "the same edges forward and backward"
        );
        assert_eq!(log_pf.len(), log_z.len(), "one log Z a trajectory");
        assert_eq!(log_pf.len(), log_reward.len(), "one reward a trajectory");
        Self {
            offsets: log_pf.offsets().to_vec(),
            log_pf: log_pf.items().to_vec(),
            log_pb: log_pb.items().to_vec(),
            log_flow: None,
            log_stop: None,
            log_z,
            log_reward,
        }
    }
}

impl TermsGrad {
    /// A gradient of zeros for `terms`.
    pub fn zeros(terms: &Terms) -> Self {
        Self {
            log_pf: vec![0.0; terms.log_pf.len()],
            log_pb: vec![0.0; terms.log_pb.len()],
            log_flow: vec![0.0; terms.log_pf.len()],
            log_stop: vec![0.0; terms.log_pf.len()],
            log_z: vec![0.0; terms.len()],
        }
    }
}
