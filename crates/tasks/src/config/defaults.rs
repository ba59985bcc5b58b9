//! The settings a task starts from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anabranch_chem::Descriptor;

use super::error::{ConfigError, nearest};
use super::oracle::OracleConfig;
use super::schema::{
    BackwardName, BetaConfig, BitDistance, BitSequenceConfig, Combine, Config, DagConfig, DagScore,
    Direction, EnvConfig, ExplorationConfig, FragmentsConfig, GridReward, HypergridConfig,
    NetworkName, ObjectiveConfig, ObjectiveName, OptimizerConfig, OutputConfig, PolicyConfig,
    PropertyConfig, ReplayConfig, ReplayKind, ResidualName, RewardConfig, SequenceOrder,
    SequencesConfig, TableConfig, TaskName, TerminalConfig,
};

impl TaskName {
    /// Every task.
    pub const ALL: [Self; 7] = [
        Self::Fragments,
        Self::Hypergrid,
        Self::BitSequence,
        Self::Tfbind8,
        Self::Qm9,
        Self::Dag,
        Self::Sequences,
    ];

    /// The name used in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fragments => "fragments",
            Self::Hypergrid => "hypergrid",
            Self::BitSequence => "bit_sequence",
            Self::Tfbind8 => "tfbind8",
            Self::Qm9 => "qm9",
            Self::Dag => "dag",
            Self::Sequences => "sequences",
        }
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TaskName {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        Self::ALL
            .into_iter()
            .find(|task| task.name() == name)
            .ok_or_else(|| ConfigError::UnknownTask {
                name: name.to_owned(),
                nearest: nearest(name, Self::ALL.map(Self::name)),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}

impl Config {
    /// The settings of a task when the user says nothing.
    #[must_use]
    pub fn default_for(task: TaskName) -> Self {
        let common = Self {
            task,
            seed: 0,
            steps: 2000,
            batch: 16,
            env: default_env(task),
            reward: RewardConfig {
                beta: BetaConfig::Fixed(1.0),
                floor: 1e-4,
                combine: Combine::Product,
                command: None,
                url: None,
                onnx: None,
                built_in: None,
                target: None,
                smarts: None,
                properties: BTreeMap::new(),
            },
            oracle: None,
            docking: None,
            onnx: None,
            policy: PolicyConfig {
                network: None,
                width: 256,
                layers: 2,
                heads: 1,
                backward: BackwardName::Uniform,
                shared_trunk: true,
                log_z: 0.0,
            },
            objective: ObjectiveConfig {
                name: ObjectiveName::TrajectoryBalance,
                lambda: 0.9,
                residual: ResidualName::Squared,
                residual_scale: 1.0,
            },
            optimizer: OptimizerConfig {
                learning_rate: 1e-3,
                half_life: 0.0,
                log_z_learning_rate: 0.1,
                log_z_half_life: 0.0,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay: 0.0,
                clip_norm: 10.0,
            },
            exploration: ExplorationConfig {
                epsilon: 0.0,
                epsilon_half_life: 0.0,
                temperature: 1.0,
                lag: 0.0,
            },
            replay: ReplayConfig {
                kind: ReplayKind::Off,
                capacity: 10_000,
                batch: 16,
                warmup: 1000,
            },
            output: OutputConfig {
                folder: PathBuf::from("runs"),
                samples: 1000,
                checkpoint_every: 100,
                keep_checkpoints: 2,
            },
        };
        match task {
            TaskName::Fragments => fragments(common),
            TaskName::Tfbind8 | TaskName::Qm9 => table(common),
            TaskName::Dag => dag(common),
            TaskName::Sequences => sequences(common, NO_SCORE, NetworkName::Mlp),
            TaskName::Hypergrid | TaskName::BitSequence => common,
        }
    }
}

fn fragments(common: Config) -> Config {
    let properties = [Descriptor::Qed, Descriptor::Sa, Descriptor::Mw]
        .into_iter()
        .map(|descriptor| {
            let property = PropertyConfig {
                weight: 1.0,
                ..default_property(descriptor)
            };
            (descriptor.name().to_owned(), property)
        })
        .collect();
    Config {
        steps: 1500,
        batch: 32,
        reward: RewardConfig {
            beta: BetaConfig::Fixed(32.0),
            // At beta 32 a floor of 1e-4 asks for log-probabilities of -295, and squared residuals of
            // that size drown everything else; 0.05 asks for -96, which no sampler ever draws either.
            floor: 0.05,
            properties,
            ..common.reward
        },
        policy: PolicyConfig {
            width: 64,
            layers: 3,
            heads: 2,
            ..common.policy
        },
        // log Z begins some 60 nats from where it ends; the batch mean follows it at once.
        objective: ObjectiveConfig {
            name: ObjectiveName::LogPartitionVariance,
            ..common.objective
        },
        optimizer: OptimizerConfig {
            half_life: 400.0,
            ..common.optimizer
        },
        exploration: ExplorationConfig {
            epsilon: 0.01,
            lag: 0.9,
            ..common.exploration
        },
        ..common
    }
}

fn table(common: Config) -> Config {
    Config {
        steps: 15_000,
        batch: 32,
        optimizer: OptimizerConfig {
            learning_rate: 2e-3,
            half_life: 4000.0,
            ..common.optimizer
        },
        ..common
    }
}

/// What stands for no score.
const NO_SCORE: &str = "none";

/// The settings of `sequences` with a built-in score and a network, when the user says no more.
#[must_use]
pub fn sequences_with(score: &str, network: NetworkName) -> Config {
    let common = Config::default_for(TaskName::Hypergrid);
    let task = TaskName::Sequences;
    let env = default_env(task);
    sequences(
        Config {
            task,
            env,
            ..common
        },
        score,
        network,
    )
}

fn sequences(common: Config, score: &str, network: NetworkName) -> Config {
    // Alphabet, lengths, steps and beta; what is chosen was measured over three seeds
    // (docs/guide/sequences.md).
    let (alphabet, lengths, steps, beta) = match score {
        "tfbind8" => ("dna", (8, 8), 15_000, 3.0),
        "amp" => ("protein", (10, 30), 5_000, 16.0),
        _ => match score.strip_prefix("rna:").map(landscape_length) {
            Some(length) => ("rna", (length, length), 5_000, 24.0),
            None => ("dna", (8, 8), 5_000, 1.0),
        },
    };
    let policy = PolicyConfig {
        network: Some(network),
        ..common.policy
    };
    // A table of measured values has to be learned by heart: a wider network, a larger batch.
    let measured = score == "tfbind8";
    let policy = match network {
        NetworkName::Mlp if measured => PolicyConfig {
            width: 512,
            ..policy
        },
        NetworkName::Mlp => policy,
        NetworkName::Transformer => PolicyConfig {
            width: 64,
            layers: 3,
            heads: 4,
            ..policy
        },
    };
    Config {
        steps,
        batch: if measured { 64 } else { 32 },
        env: EnvConfig::Sequences(SequencesConfig {
            alphabet: alphabet.to_owned(),
            min_length: lengths.0,
            max_length: lengths.1,
            order: SequenceOrder::Append,
        }),
        reward: RewardConfig {
            beta: BetaConfig::Fixed(beta),
            floor: 1e-2,
            built_in: Some(score.to_owned()),
            ..common.reward
        },
        policy,
        objective: ObjectiveConfig {
            name: ObjectiveName::LogPartitionVariance,
            ..common.objective
        },
        optimizer: OptimizerConfig {
            learning_rate: if measured { 2e-3 } else { 1e-3 },
            half_life: steps as f64 / 4.0,
            ..common.optimizer
        },
        exploration: ExplorationConfig {
            epsilon: 0.01,
            ..common.exploration
        },
        ..common
    }
}

/// Length of the strands of a landscape such as `L14_RNA1`; 14 where the name says none.
fn landscape_length(name: &str) -> usize {
    let rest = name.strip_prefix("C20_").unwrap_or(name);
    let digits = rest
        .strip_prefix('L')
        .and_then(|rest| rest.split('_').next());
    let length = digits.and_then(|digits| digits.parse().ok());
    length
        .filter(|length| (1..=128).contains(length))
        .unwrap_or(14)
}

fn dag(common: Config) -> Config {
    Config {
        steps: 12_000,
        batch: 32,
        optimizer: OptimizerConfig {
            learning_rate: 2e-3,
            half_life: 3000.0,
            ..common.optimizer
        },
        exploration: ExplorationConfig {
            epsilon: 0.1,
            ..common.exploration
        },
        ..common
    }
}

fn default_env(task: TaskName) -> EnvConfig {
    match task {
        TaskName::Fragments => EnvConfig::Fragments(FragmentsConfig {
            max_nodes: 9,
            vocabulary: "rp72".to_owned(),
        }),
        TaskName::Hypergrid => EnvConfig::Hypergrid(HypergridConfig {
            dims: 2,
            side: 8,
            terminal: TerminalConfig::All,
            reward: GridReward::Corners,
            r0: 1e-2,
            r1: 0.5,
            r2: 2.0,
        }),
        TaskName::BitSequence => EnvConfig::BitSequence(BitSequenceConfig {
            bits: 120,
            word: 8,
            modes: 60,
            sharpness: 3.0,
            distance: BitDistance::Hamming,
        }),
        TaskName::Tfbind8 | TaskName::Qm9 => EnvConfig::Table(TableConfig {
            order: SequenceOrder::PrependAppend,
        }),
        TaskName::Sequences => EnvConfig::Sequences(SequencesConfig {
            alphabet: "dna".to_owned(),
            min_length: 8,
            max_length: 8,
            order: SequenceOrder::Append,
        }),
        TaskName::Dag => EnvConfig::Dag(DagConfig {
            variables: 5,
            edges_per_variable: 1.0,
            observations: 100,
            score: DagScore::LinearGaussian,
            data: "random".to_owned(),
        }),
    }
}

/// What is wanted of a descriptor when only its weight is given; the weight here is 0.
#[must_use]
pub fn default_property(descriptor: Descriptor) -> PropertyConfig {
    let (direction, low, high, margin) = match descriptor {
        Descriptor::Qed => (Direction::Higher, 0.0, 1.0, 0.0),
        // (10 - SA) / 9 is the normalisation of the field (`papers/molecules.md`).
        Descriptor::Sa => (Direction::Lower, 1.0, 10.0, 0.0),
        // Unguided fragment samplers drift to 600-700 Da.
        Descriptor::Mw => (Direction::Window, 200.0, 500.0, 150.0),
        Descriptor::LogP => (Direction::Window, -0.5, 5.0, 2.0),
        Descriptor::Tpsa => (Direction::Window, 20.0, 140.0, 40.0),
        Descriptor::Hbd => (Direction::Window, 0.0, 5.0, 2.0),
        Descriptor::Hba => (Direction::Window, 0.0, 10.0, 3.0),
        Descriptor::RotatableBonds => (Direction::Window, 0.0, 10.0, 3.0),
        Descriptor::Rings => (Direction::Window, 1.0, 5.0, 2.0),
        Descriptor::AromaticRings => (Direction::Window, 0.0, 3.0, 2.0),
        Descriptor::HeavyAtoms => (Direction::Window, 15.0, 36.0, 10.0),
    };
    PropertyConfig {
        weight: 0.0,
        direction,
        low,
        high,
        margin,
        power: 1.0,
    }
}

/// What is wanted of a measure that is no descriptor when only its weight is given; the weight here is 0.
/// Of the sEH proxy it is y / 8, as in the literature, up to 1.
#[must_use]
pub fn default_measure(name: &str) -> PropertyConfig {
    PropertyConfig {
        weight: 0.0,
        direction: Direction::Higher,
        low: 0.0,
        high: if name == "seh" { 8.0 } else { 1.0 },
        margin: 0.0,
        power: 1.0,
    }
}

/// What is wanted of an affinity in kcal/mol when nothing is said: most drugs dock at -6 to -12.
#[must_use]
pub fn affinity_property() -> PropertyConfig {
    PropertyConfig {
        direction: Direction::Lower,
        low: -12.0,
        high: -4.0,
        ..own_property()
    }
}

/// The settings of docking when nothing is said: an affinity takes seconds to minutes, so fewer are asked.
#[must_use]
pub fn docking_oracle() -> OracleConfig {
    OracleConfig {
        columns: vec!["affinity".to_owned()],
        timeout: 600.0,
        compare: 16,
        ..OracleConfig::default()
    }
}

/// What is wanted of a value of one's own score when nothing is said: the value itself is the reward.
#[must_use]
pub fn own_property() -> PropertyConfig {
    PropertyConfig {
        weight: 1.0,
        direction: Direction::Raw,
        low: 0.0,
        high: 1.0,
        margin: 0.0,
        power: 1.0,
    }
}
