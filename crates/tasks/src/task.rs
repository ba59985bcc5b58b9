//! What a task is: an environment, a model for it, and what its objects are worth.

use std::collections::BTreeSet;

use anabranch_chem::Molecule;
use anabranch_core::env::Environment;
use anabranch_core::exact::Dag;
use anabranch_core::objective::{
    Balance, Baseline, Centre, Objective, Residual, SoftQ, SubTrajectoryWeighting,
    TransitionReduction,
};
use anabranch_core::rng::Stream;
use anabranch_core::{Discrete, Seed};
use anabranch_learn::onnx::Export;
use anabranch_learn::policy::MlpConfig;
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bit_sequence::BitSequenceTask;
use crate::condition::Conditioner;
use crate::config::Config;
use crate::config::schema::{
    BetaConfig, EnvConfig, ObjectiveName, ResidualName, SequenceOrder, TaskName,
};
use crate::dag::DagTask;
use crate::error::Result;
use crate::export::Names;
use crate::fragments::FragmentsTask;
use crate::hypergrid::HypergridTask;
use crate::own_score::{Surroundings, WithOwnScore};
use crate::sequences::{Alphabet, with_sequences};
use crate::table::{self, TableTask};
use anabranch_envs::sequence::{AppendSequence, EdgeCount, Insertion, PrependAppend};

/// A state of a task's environment.
pub type State<T> = <<T as Task>::Env as Environment>::State;

/// The trained model of a task.
pub type TaskModel<T> = <T as Task>::Model;

/// A measured property of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in files.
    pub name: String,
    /// Its unit, or empty.
    pub unit: &'static str,
}

/// What a finished object is worth, before any inverse temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// log R(x) in nats.
    pub log_reward: f64,
    /// Logarithm of the number of states that are this same object to its user; the target of each is
    /// R(x)^beta divided by that number.
    pub log_multiplicity: f64,
    /// One value for each of the task's columns.
    pub values: Vec<f64>,
}

impl Scored {
    /// log of the target's unnormalised probability at inverse temperature `beta`, in nats.
    pub fn log_target(&self, beta: f64) -> f64 {
        beta * self.log_reward - self.log_multiplicity
    }
}

/// A finished object as people read it.
#[derive(Clone, Debug)]
pub struct Described {
    /// Canonical text: the same for the same object.
    pub text: String,
    /// The molecule, where it is one.
    pub molecule: Option<Molecule>,
}

/// A ready pairing of environment, model and reward.
pub trait Task: Sync {
    /// What is sampled.
    type Env: Discrete<State: Serialize + DeserializeOwned>;
    /// What scores its edges and is trained.
    type Model: Export<Env = Self::Env>;

    /// The environment.
    fn env(&self) -> &Self::Env;

    /// The model as the settings want it, for conditioning vectors of length `conditions`, with its first
    /// weights.
    fn model(&self, config: &Config, conditions: usize, rng: &mut Stream) -> Self::Model;

    /// Name of an object's text in files: smiles, cell, bits.
    fn object_name(&self) -> &'static str;

    /// The properties measured of each object.
    fn columns(&self) -> Vec<Column>;

    /// Reward and properties of a finished object.
    ///
    /// # Errors
    /// Where the object has no score.
    fn score(&self, object: &State<Self>) -> Result<Scored>;

    /// As [`score`](Self::score) for `[N]` objects; None where the trajectory of an object without a score
    /// is to be left out.
    ///
    /// # Errors
    /// Where a score fails in a way that is to stop the run.
    fn score_all(&self, objects: &[State<Self>]) -> Result<Vec<Option<Scored>>> {
        let scored = objects
            .par_iter()
            .map(|object| self.score(object).map(Some));
        scored.collect()
    }

    /// Whether scores come from outside and take their time: they are asked for in whole batches, and no
    /// more of them than are needed.
    fn asks(&self) -> bool {
        false
    }

    /// How a question calls an object, and whether that is JSON rather than text.
    fn question_field(&self) -> (&'static str, bool) {
        (self.object_name(), false)
    }

    /// An object as a question puts it: canonical, the same for the same object.
    ///
    /// # Errors
    /// Where the object cannot be written.
    fn question(&self, object: &State<Self>) -> Result<String> {
        Ok(self.describe(object)?.text)
    }

    /// A code that only equal objects share, where a score costs more than to look it up by the code.
    fn key(&self, _object: &State<Self>) -> Option<u128> {
        None
    }

    /// Text, and molecule where it is one, of a finished object.
    ///
    /// # Errors
    /// Where the object cannot be written.
    fn describe(&self, object: &State<Self>) -> Result<Described>;

    /// All states, where they are few enough to be written down.
    ///
    /// # Errors
    /// Where the environment breaks its contract.
    fn dag(&self) -> Result<Option<Dag<State<Self>>>>;

    /// What stands at each place of the inputs and outputs of an exported policy.
    fn names(&self, _config: &Config) -> Names {
        Names::new()
    }

    /// The letters of objects that are sequences, so that the report can show logos.
    fn alphabet(&self) -> Option<&Alphabet> {
        None
    }

    /// What a reader should know of the score beside the settings: names and values.
    fn facts(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Texts of objects that were known before, where the score was made from some.
    fn known(&self) -> Option<&BTreeSet<String>> {
        None
    }
}

/// Most states whose exact distribution is computed.
pub const EXACT_LIMIT: usize = 1_000_000;

/// Something to be done with whichever task a configuration names.
pub trait Visit {
    /// What comes out.
    type Out;
    /// Does it.
    ///
    /// # Errors
    /// As the visitor says.
    fn visit<T: Task>(self, task: &T) -> Result<Self::Out>;
}

/// A visitor of tasks whose reward may be a score of one's own.
pub(crate) struct Judge<'a, V> {
    config: &'a Config,
    around: &'a Surroundings,
    visitor: V,
}

impl<V: Visit> Judge<'_, V> {
    /// Hands the task on with the reward of the settings.
    ///
    /// # Errors
    /// Where the score cannot be set up, and where the visitor fails.
    pub(crate) fn visit<T: Task>(self, task: T) -> Result<V::Out> {
        let task = WithOwnScore::new(task, self.config, self.around)?;
        self.visitor.visit(&task)
    }
}

/// Sets up the task of `config` and hands it to `visitor`; `around` is for a score of one's own.
///
/// # Errors
/// Where the settings cannot be met, and where the visitor fails.
pub fn with_task<V: Visit>(config: &Config, around: &Surroundings, visitor: V) -> Result<V::Out> {
    let visitor = Judge {
        config,
        around,
        visitor,
    };
    match &config.env {
        EnvConfig::Fragments(env) => visitor.visit(FragmentsTask::new(
            env,
            &config.reward,
            config.oracle.is_some(),
        )?),
        EnvConfig::Hypergrid(env) => visitor.visit(HypergridTask::new(env)?),
        EnvConfig::BitSequence(env) => {
            visitor.visit(BitSequenceTask::new(env, Seed::new(config.seed))?)
        }
        EnvConfig::Dag(env) => visitor.visit(DagTask::new(env, Seed::new(config.seed))?),
        EnvConfig::Sequences(env) => with_sequences(env, config, visitor),
        EnvConfig::Table(env) => {
            let (table, object) = match config.task {
                TaskName::Qm9 => (table::qm9()?, "blocks"),
                _ => (table::tfbind8()?, "dna"),
            };
            let (letters, length) = (table.letters(), table.length());
            match env.order {
                SequenceOrder::Append => {
                    let env = AppendSequence::new(letters, length)?;
                    visitor.visit(TableTask::new(env, table, object)?)
                }
                SequenceOrder::PrependAppend => {
                    let env = PrependAppend::new(letters, length, EdgeCount::Actions)?;
                    visitor.visit(TableTask::new(env, table, object)?)
                }
                SequenceOrder::Insertion => {
                    let env = Insertion::new(letters, length)?;
                    visitor.visit(TableTask::new(env, table, object)?)
                }
            }
        }
    }
}

/// The objective of the settings.
pub fn objective(config: &Config) -> Objective {
    let residual = residual(config);
    let weighting = SubTrajectoryWeighting::GeometricWithin {
        lambda: config.objective.lambda,
    };
    let reduction = TransitionReduction::Mean;
    let centre = Centre::default();
    let balance = match config.objective.name {
        // Flow matching has terms of its own and never asks for this.
        ObjectiveName::TrajectoryBalance | ObjectiveName::FlowMatching => {
            Balance::TrajectoryBalance
        }
        ObjectiveName::DetailedBalance => Balance::DetailedBalance { reduction },
        ObjectiveName::SubTrajectoryBalance => Balance::SubTrajectoryBalance { weighting },
        ObjectiveName::LogPartitionVariance => match config.reward.beta {
            BetaConfig::Fixed(_) => Balance::LogPartitionVariance { centre },
            BetaConfig::Drawn(_) => Balance::ConditionalLogPartitionVariance { centre },
        },
        ObjectiveName::ModifiedDetailedBalance => {
            return Objective::ModifiedDetailedBalance {
                reduction,
                residual,
            };
        }
        ObjectiveName::ForwardLookingDetailedBalance => {
            return Objective::ForwardLookingDetailedBalance {
                reduction,
                residual,
            };
        }
        ObjectiveName::ForwardLookingSubTrajectoryBalance => {
            return Objective::ForwardLookingSubTrajectoryBalance {
                weighting,
                residual,
            };
        }
        ObjectiveName::SoftQLearning => {
            return Objective::SoftQLearning(SoftQ {
                residual,
                ..SoftQ::default()
            });
        }
        ObjectiveName::PolicyGradient => {
            return Objective::PolicyGradient {
                baseline: Baseline::LeaveOneOut,
            };
        }
    };
    Objective::Shaped { balance, residual }
}

/// What a residual costs by the settings.
pub(crate) fn residual(config: &Config) -> Residual {
    let scale = config.objective.residual_scale;
    match config.objective.residual {
        ResidualName::Squared => Residual::Squared,
        ResidualName::Absolute => Residual::Absolute,
        ResidualName::Huber => Residual::Huber { delta: scale },
        ResidualName::ShiftedCosh => Residual::ShiftedCosh,
        ResidualName::Linex => Residual::Linex { a: scale },
    }
}

/// Sizes of a perceptron as the settings want it.
pub(crate) fn mlp_config(config: &Config) -> MlpConfig {
    MlpConfig {
        hidden: config.policy.width,
        layers: config.policy.layers,
        learned_backward: config.policy.backward.is_learned(),
        shared_trunk: config.policy.shared_trunk,
        flow: objective(config).needs_flow(),
    }
}

/// The model of a task with its first weights.
pub fn new_model<T: Task>(task: &T, config: &Config) -> TaskModel<T> {
    let conditions = Conditioner::new(&config.reward.beta).width();
    let mut rng = Seed::new(config.seed).stream("init", &[]);
    task.model(config, conditions, &mut rng)
}
