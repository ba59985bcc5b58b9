//! The hypergrid as a task.

use anabranch_core::Enumerable;
use anabranch_core::Reward;
use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_envs::hypergrid::{Cell, Corners, Cosines, Hypergrid, Terminal};
use anabranch_learn::policy::Perceptron;

use crate::config::Config;
use crate::config::schema::{GridReward, HypergridConfig, TerminalConfig};
use crate::error::{Result, TaskError};
use crate::export::{Names, names};
use crate::task::{Column, Described, EXACT_LIMIT, Scored, Task, mlp_config};

enum CellReward {
    Corners(Corners),
    Cosines(Cosines),
}

/// See the module's description.
pub struct HypergridTask {
    grid: Hypergrid,
    reward: CellReward,
}

impl HypergridTask {
    /// Sets up grid and reward.
    ///
    /// # Errors
    /// Where the sizes or the rewards are impossible.
    pub fn new(config: &HypergridConfig) -> Result<Self> {
        let terminal = match config.terminal {
            TerminalConfig::All => Terminal::All,
            TerminalConfig::Border => Terminal::Border,
        };
        let grid = Hypergrid::new(config.dims, config.side, terminal)?;
        let reward = match config.reward {
            GridReward::Corners => {
                CellReward::Corners(Corners::new(grid, config.r0, config.r1, config.r2)?)
            }
            GridReward::Cosine => CellReward::Cosines(grid.cosines()),
        };
        Ok(Self { grid, reward })
    }
}

impl Task for HypergridTask {
    type Env = Hypergrid;
    type Model = Perceptron<Hypergrid>;

    fn env(&self) -> &Hypergrid {
        &self.grid
    }

    fn model(&self, config: &Config, conditions: usize, rng: &mut Stream) -> Self::Model {
        let log_z = config.policy.log_z;
        Perceptron::new(&self.grid, conditions, mlp_config(config), log_z, rng)
    }

    fn object_name(&self) -> &'static str {
        "cell"
    }

    fn columns(&self) -> Vec<Column> {
        let column = |name: &str| Column {
            name: name.into(),
            unit: "",
        };
        vec![column("distance_to_corner"), column("mode")]
    }

    fn score(&self, cell: &Cell) -> Result<Scored> {
        let objects = [*cell];
        let log_reward = match &self.reward {
            CellReward::Corners(reward) => reward.log_reward(&objects),
            CellReward::Cosines(reward) => reward.log_reward(&objects),
        };
        let log_reward = log_reward.map_err(|e| TaskError::Request(e.to_string()))?[0];
        let last = self.grid.side() - 1;
        let steps = self
            .grid
            .coordinates(cell)
            .iter()
            .map(|&c| usize::from(c).min(last - usize::from(c)));
        Ok(Scored {
            log_reward,
            log_multiplicity: 0.0,
            values: vec![
                steps.sum::<usize>() as f64,
                f64::from(self.grid.is_mode(cell)),
            ],
        })
    }

    fn describe(&self, cell: &Cell) -> Result<Described> {
        let text: Vec<String> = self
            .grid
            .coordinates(cell)
            .iter()
            .map(u16::to_string)
            .collect();
        Ok(Described {
            text: text.join(" "),
            molecule: None,
        })
    }

    fn names(&self, _config: &Config) -> Names {
        let (dims, side) = (self.grid.dims(), self.grid.side());
        let cells = |d| (0..side).map(move |c| format!("coordinate {d} is {c}"));
        names::fixed(
            (0..dims).flat_map(cells).collect(),
            (0..dims).map(|d| format!("raise coordinate {d}")).collect(),
        )
    }

    fn dag(&self) -> Result<Option<Dag<Cell>>> {
        if self.grid.num_states() > EXACT_LIMIT {
            return Ok(None);
        }
        Ok(Some(Dag::new(&self.grid)?))
    }
}
