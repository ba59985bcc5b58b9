//! A model in training, one step at a time.

use anabranch_core::objective::Objective;
use anabranch_core::{Environment, Seed, Trajectories};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Exploration, Model};
use anabranch_learn::step::{record, sample};
use anyhow::Result;

use crate::workload::{Done, Workload};

/// Learning rates of the policy and of log Z, those of torchgfn's and gfnx's hypergrid examples.
const RATES: (f64, f64) = (1e-3, 0.1);

type State<E> = <E as Environment>::State;
/// `[B]` log R of finished objects.
type LogReward<E> = Box<dyn Fn(&[State<E>]) -> Result<Vec<f64>> + Send>;
/// Nodes of a state's graph.
type Nodes<E> = fn(&State<E>) -> usize;

/// A model that is trained by trajectory balance on what it samples, without exploration.
pub struct Training<M: Model> {
    env: M::Env,
    model: M,
    adam: Adam,
    log_reward: LogReward<M::Env>,
    batch: usize,
    step: u64,
    nodes: Option<Nodes<M::Env>>,
}

impl<M: Model> Training<M> {
    /// Trains `model` on `batch` trajectories a step.
    pub fn new(env: M::Env, model: M, batch: usize, log_reward: LogReward<M::Env>) -> Self {
        let adam = Adam::new(AdamConfig::with_rates(RATES.0, RATES.1), model.params());
        Self {
            env,
            model,
            adam,
            log_reward,
            batch,
            step: 0,
            nodes: None,
        }
    }

    /// With another optimiser than Adam at the usual rates.
    #[must_use]
    pub fn with_optimizer(mut self, config: AdamConfig) -> Self {
        self.adam = Adam::new(config, self.model.params());
        self
    }

    /// Also counts graphs, and their nodes by `nodes`.
    #[must_use]
    pub fn counting(mut self, nodes: Nodes<M::Env>) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// What is sampled.
    pub fn env(&self) -> &M::Env {
        &self.env
    }

    /// The model as it is now.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Samples the trajectories of the next step and changes nothing.
    ///
    /// # Errors
    /// Where the policy cannot score.
    pub fn sample(&self) -> Result<Trajectories<M::Env>> {
        let at = (Seed::new(0), "rollout", self.step);
        Ok(sample(&self.env, &self.model, &[], self.batch, at)?)
    }

    /// One step: samples, scores, updates. The only place that says how this library trains.
    ///
    /// # Errors
    /// Where a score, a reward or a gradient is not finite.
    pub fn step(&mut self) -> Result<Done> {
        let at = (Seed::new(0), "rollout", self.step);
        let (env, model) = (&self.env, &self.model);
        let recorded = record(env, model, Exploration::NONE, &[], self.batch, at)?;
        let done = self.done(recorded.trajectories());
        let log_reward = (self.log_reward)(&recorded.trajectories().objects())?;
        let objective = Objective::TrajectoryBalance;
        recorded
            .differentiate(|terms| objective.loss(terms), &log_reward)?
            .apply(&mut self.model, &mut self.adam)?;
        self.step += 1;
        Ok(done)
    }

    fn done(&self, trajectories: &Trajectories<M::Env>) -> Done {
        let visited = trajectories.states.items();
        let count = trajectories.len();
        let (graphs, nodes) = self.nodes.map_or((0, 0), |nodes| {
            (visited.len(), visited.iter().map(nodes).sum())
        });
        Done {
            units: 1,
            trajectories: count as u64,
            moves: (visited.len() - count) as u64,
            graphs: graphs as u64,
            nodes: nodes as u64,
        }
    }
}

impl<M: Model> Workload for Training<M> {
    fn parameters(&self) -> usize {
        self.model.params().num_values()
    }

    fn freeze(&mut self) {
        self.adam = Adam::new(AdamConfig::with_rates(0.0, 0.0), self.model.params());
    }

    fn unit(&mut self) -> Result<Done> {
        self.step()
    }
}
