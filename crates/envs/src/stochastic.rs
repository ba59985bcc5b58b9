//! A grid on which moves go astray: the agent chooses, then chance decides.
//!
//! Bengio et al. 2023 (arXiv 2111.09266), section on stochastic environments. Even states are cells,
//! where the agent acts; odd states are cells with a choice, where the forward policy is chance itself
//! and is not learned.

use anabranch_core::encode::VectorEncoded;
use anabranch_core::exact::{self, Dag};
use anabranch_core::logspace::log_softmax;
use anabranch_core::{Discrete, Enumerable, Environment, Reward, RewardError, Seed};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::EnvError;

/// A cell and, at odd steps, the direction that was chosen there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoisyCell {
    /// Both coordinates, each counted from 0.
    pub cell: [u8; 2],
    /// The chosen dimension, 0 or 1; `None` where the agent is to choose.
    pub chosen: Option<u8>,
}

/// A choice of the agent or an outcome of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoisyMove {
    /// The agent chooses to move along a dimension.
    Choose(u8),
    /// A move happens.
    Land {
        /// The dimension that had been chosen.
        chosen: u8,
        /// The dimension of the move.
        moved: u8,
    },
}

/// A 2-D grid of side H from the corner (0, 0); with probability `noise` a move is replaced by one drawn
/// evenly from those that the cell allows, the chosen one among them. Every cell is an object.
///
/// ```
/// use anabranch_envs::stochastic::{NoisyCell, NoisyGrid};
///
/// let env = NoisyGrid::new(6, 0.2)?;
/// let odd = NoisyCell { cell: [2, 3], chosen: Some(1) };
/// let outcomes = env.chance(&odd).expect("chance decides in odd states");
/// assert!((outcomes[0].exp() - 0.1).abs() < 1e-12 && (outcomes[1].exp() - 0.9).abs() < 1e-12);
/// # Ok::<(), anabranch_envs::EnvError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoisyGrid {
    side: usize,
    noise: f64,
}

impl NoisyGrid {
    /// A grid of `side` x `side` cells.
    ///
    /// # Errors
    /// `side` outside 2 to 255, or `noise` that is not above 0 and at most 1; without noise use the
    /// [`Hypergrid`](crate::hypergrid::Hypergrid).
    pub fn new(side: usize, noise: f64) -> Result<Self, EnvError> {
        if !(2..=255).contains(&side) {
            return Err(EnvError::out_of_range("side", side, "2 to 255"));
        }
        if !(noise > 0.0 && noise <= 1.0) {
            let expected = "above 0 and at most 1; without noise use the hypergrid";
            return Err(EnvError::out_of_range("noise", noise, expected));
        }
        Ok(Self { side, noise })
    }

    /// Cells along each dimension, H.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Probability that a move is replaced.
    pub fn noise(&self) -> f64 {
        self.noise
    }

    /// Log-probabilities in nats of the outcomes of an odd state, in the order of
    /// [`actions`](Discrete::actions); `None` in an even one, where the agent decides.
    pub fn chance(&self, state: &NoisyCell) -> Option<Vec<f64>> {
        let chosen = state.chosen?;
        let count = self.allowed(state.cell).count() as f64;
        let log_p = |moved: u8| {
            let kept = if moved == chosen {
                1.0 - self.noise
            } else {
                0.0
            };
            (kept + self.noise / count).ln()
        };
        Some(self.allowed(state.cell).map(log_p).collect())
    }

    /// `[M]` log P_F of the agent's policy `agent` `[M]` with chance in place of what it says in odd
    /// states.
    ///
    /// # Panics
    /// If `agent` is not of length M.
    pub fn with_chance(&self, dag: &Dag<NoisyCell>, agent: &[f64]) -> Vec<f64> {
        assert_eq!(agent.len(), dag.num_moves(), "one score a move");
        let mut out = agent.to_vec();
        for (number, state) in dag.states().iter().enumerate() {
            if let Some(log_p) = self.chance(state) {
                out[dag.moves(number)].copy_from_slice(&log_p);
            }
        }
        out
    }

    /// `[N]` log-probability in nats that the agent's policy `agent` `[M]` ends in each state under the
    /// noise; what `agent` says in odd states is not looked at.
    ///
    /// # Panics
    /// If `agent` is not of length M.
    pub fn terminating_distribution(&self, dag: &Dag<NoisyCell>, agent: &[f64]) -> Vec<f64> {
        exact::terminating_distribution(dag, &self.with_chance(dag, agent))
    }

    /// `[M]` a random policy: the softmax of `spread` times numbers drawn evenly from -1 to 1, and
    /// chance in odd states.
    pub fn random_policy(&self, dag: &Dag<NoisyCell>, spread: f64, seed: Seed) -> Vec<f64> {
        let mut stream = seed.stream("noisy_grid_policy", &[self.side as u64]);
        let mut draw = || spread * (2.0 * stream.random::<f64>() - 1.0);
        let mut agent: Vec<f64> = (0..dag.num_moves()).map(|_| draw()).collect();
        for state in 0..dag.len() {
            log_softmax(&mut agent[dag.moves(state)]);
        }
        self.with_chance(dag, &agent)
    }

    /// The reward that the policy `agent` `[M]` realises: log R(x) = log p(x). Not every reward can be
    /// matched when moves go astray; this one can.
    ///
    /// # Panics
    /// If `agent` is not of length M.
    pub fn realisable_reward(&self, dag: &Dag<NoisyCell>, agent: &[f64]) -> Realisable {
        Realisable {
            grid: *self,
            log_p: self.terminating_distribution(dag, agent),
        }
    }

    fn allowed(&self, cell: [u8; 2]) -> impl Iterator<Item = u8> {
        let last = self.side - 1;
        (0..2_u8).filter(move |&i| usize::from(cell[usize::from(i)]) < last)
    }
}

/// log R(x) = log p(x) of a policy under the noise; sums to one over the cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Realisable {
    grid: NoisyGrid,
    /// `[N]`
    log_p: Vec<f64>,
}

impl Reward<NoisyCell> for Realisable {
    fn log_reward(&self, objects: &[NoisyCell]) -> Result<Vec<f64>, RewardError> {
        let value = |state: &NoisyCell| {
            let value = self.log_p.get(self.grid.index(state)).copied();
            let value = value.unwrap_or(f64::NEG_INFINITY);
            if value.is_finite() {
                Ok(value)
            } else {
                Err(RewardError::NotFinite {
                    object: format!("{state:?}"),
                    value,
                })
            }
        };
        objects.iter().map(value).collect()
    }
}

impl Environment for NoisyGrid {
    type State = NoisyCell;
    type Action = NoisyMove;

    fn source(&self) -> NoisyCell {
        NoisyCell {
            cell: [0; 2],
            chosen: None,
        }
    }

    fn can_stop(&self, state: &NoisyCell) -> bool {
        state.chosen.is_none()
    }

    fn step(&self, state: &mut NoisyCell, action: NoisyMove) {
        match action {
            NoisyMove::Choose(dimension) => state.chosen = Some(dimension),
            NoisyMove::Land { chosen, moved } => {
                debug_assert_eq!(state.chosen, Some(chosen));
                state.chosen = None;
                state.cell[usize::from(moved)] += 1;
            }
        }
    }

    fn undo(&self, state: &mut NoisyCell, action: NoisyMove) {
        match action {
            NoisyMove::Choose(dimension) => {
                debug_assert_eq!(state.chosen, Some(dimension));
                state.chosen = None;
            }
            NoisyMove::Land { chosen, moved } => {
                state.chosen = Some(chosen);
                state.cell[usize::from(moved)] -= 1;
            }
        }
    }
}

impl Discrete for NoisyGrid {
    fn actions(&self, state: &NoisyCell, out: &mut Vec<NoisyMove>) {
        let allowed = self.allowed(state.cell);
        match state.chosen {
            None => out.extend(allowed.map(NoisyMove::Choose)),
            Some(chosen) => out.extend(allowed.map(|moved| NoisyMove::Land { chosen, moved })),
        }
    }

    fn parents(&self, state: &NoisyCell, out: &mut Vec<NoisyMove>) {
        if let Some(chosen) = state.chosen {
            out.push(NoisyMove::Choose(chosen));
            return;
        }
        for moved in (0..2_u8).filter(|&i| state.cell[usize::from(i)] > 0) {
            let mut before = state.cell;
            before[usize::from(moved)] -= 1;
            let choices = self.allowed(before);
            out.extend(choices.map(|chosen| NoisyMove::Land { chosen, moved }));
        }
    }
}

/// Cells by row, and after each cell the choices there.
impl Enumerable for NoisyGrid {
    fn states(&self) -> Vec<NoisyCell> {
        let side = self.side as u8;
        let cells = (0..side).flat_map(|x| (0..side).map(move |y| [x, y]));
        cells
            .flat_map(|cell| {
                let choices = self.allowed(cell).map(Some);
                std::iter::once(None)
                    .chain(choices)
                    .map(move |chosen| NoisyCell { cell, chosen })
            })
            .collect()
    }

    fn index(&self, state: &NoisyCell) -> usize {
        let [x, y] = state.cell.map(usize::from);
        // A cell has a state for itself and one for each choice: 3, on a border 2, in the corner 1.
        let each = if x + 1 < self.side { 3 } else { 2 };
        let cell = x * (3 * self.side - 1) + y * each;
        let choice = state
            .chosen
            .and_then(|chosen| self.allowed(state.cell).position(|i| i == chosen));
        cell + choice.map_or(0, |place| place + 1)
    }

    /// H^2 cells and 2 H (H - 1) choices.
    fn num_states(&self) -> usize {
        self.side * self.side + 2 * self.side * (self.side - 1)
    }
}

/// Two one-hot blocks of length H, then the choice one-hot, zeros where there is none. Six actions:
/// choose 0 or 1, then 2 + 2 chosen + moved.
impl VectorEncoded for NoisyGrid {
    fn num_features(&self) -> usize {
        2 * self.side + 2
    }

    fn features(&self, state: &NoisyCell, mut set: impl FnMut(usize, f32)) {
        set(usize::from(state.cell[0]), 1.0);
        set(self.side + usize::from(state.cell[1]), 1.0);
        if let Some(chosen) = state.chosen {
            set(2 * self.side + usize::from(chosen), 1.0);
        }
    }

    fn num_actions(&self) -> usize {
        6
    }

    fn action_index(&self, action: NoisyMove) -> usize {
        match action {
            NoisyMove::Choose(dimension) => usize::from(dimension),
            NoisyMove::Land { chosen, moved } => 2 + 2 * usize::from(chosen) + usize::from(moved),
        }
    }
}
