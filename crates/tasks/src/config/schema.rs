//! Every setting of a run.
//!
//! What a key may hold and what `gfn train <task> --dry-run` prints above it stands in
//! [`keys`](super::keys); the defaults of each task stand in [`defaults`](super::defaults).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anabranch_oracles::{CommandLine, Desirability, Side, Transform};
use serde::{Deserialize, Serialize, Serializer};

use super::docking::DockingConfig;
use super::onnx::OnnxConfig;
use super::oracle::OracleConfig;

/// Which problem is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskName {
    /// Molecules as junction trees of fragments.
    Fragments,
    /// Cells of a grid.
    Hypergrid,
    /// Bit strings built word by word.
    BitSequence,
    /// DNA of length 8 with measured binding.
    Tfbind8,
    /// Molecules of five blocks with their gaps.
    Qm9,
    /// Directed acyclic graphs that explain data.
    Dag,
    /// Sequences over any alphabet.
    Sequences,
}

/// A run's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is sampled: fragments, hypergrid, bit_sequence, tfbind8, qm9, dag or sequences.
    pub task: TaskName,
    /// Governs everything random; the same seed gives the same bytes.
    pub seed: u64,
    /// Training steps.
    pub steps: u64,
    /// Trajectories sampled in each step.
    pub batch: usize,
    /// Settings of the environment; only the keys of the chosen task stand here.
    pub env: EnvConfig,
    /// What a finished object is worth.
    pub reward: RewardConfig,
    /// How a score of one's own is asked; where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oracle: Option<OracleConfig>,
    /// What is docked into, and how; where molecules are docked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docking: Option<DockingConfig>,
    /// What the model of `reward.onnx` sees and gives; where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx: Option<OnnxConfig>,
    /// The network.
    pub policy: PolicyConfig,
    /// What is minimised.
    pub objective: ObjectiveConfig,
    /// How it is minimised.
    pub optimizer: OptimizerConfig,
    /// How sampling differs from the policy during training.
    pub exploration: ExplorationConfig,
    /// Past objects that are trained on again.
    pub replay: ReplayConfig,
    /// What is written.
    pub output: OutputConfig,
}

impl Config {
    /// Whether objects are scored by a function of the program that began the run, which no file can name.
    #[must_use]
    pub fn is_scored_by_function(&self) -> bool {
        self.oracle.is_some() && super::rules::scored_elsewhere(self).is_none()
    }
}

/// Settings of the environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EnvConfig {
    /// Of `fragments`.
    Fragments(FragmentsConfig),
    /// Of `hypergrid`.
    Hypergrid(HypergridConfig),
    /// Of `bit_sequence`.
    BitSequence(BitSequenceConfig),
    /// Of `tfbind8` and `qm9`.
    Table(TableConfig),
    /// Of `dag`.
    Dag(DagConfig),
    /// Of `sequences`.
    Sequences(SequencesConfig),
}

/// Junction trees of fragments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FragmentsConfig {
    /// Largest number of fragments in a molecule, 1 to 16.
    pub max_nodes: usize,
    /// "rp72" for the 72 fragments of recursionpharma/gflownet, or a JSON file of
    /// [{"smiles": "...", "stems": [atom indices]}, ...].
    pub vocabulary: String,
}

/// Which states of the grid are terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalConfig {
    /// Every cell; only stopping ends a trajectory.
    All,
    /// The convention of 2021: reaching the border ends it too.
    Border,
}

/// Which reward the grid has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GridReward {
    /// Boxes near the corners (arXiv 2106.04399).
    Corners,
    /// Products of cosines under a bell (the same paper's code).
    Cosine,
}

/// The hypergrid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HypergridConfig {
    /// Number of dimensions D.
    pub dims: usize,
    /// Cells along each dimension H.
    pub side: usize,
    /// Which cells are terminal: all, or border for the convention of 2021.
    pub terminal: TerminalConfig,
    /// corners or cosine.
    pub reward: GridReward,
    /// Reward of every cell, R0.
    pub r0: f64,
    /// Added in the outer boxes, R1.
    pub r1: f64,
    /// Added in the modes, R2.
    pub r2: f64,
}

/// How far a bit string is from a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BitDistance {
    /// Differing bits (gfnx).
    Hamming,
    /// Insertions, deletions and substitutions (arXiv 2201.13259).
    Edit,
}

/// Bit sequences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitSequenceConfig {
    /// Length n in bits, a multiple of 8.
    pub bits: usize,
    /// Word size k in bits; divides n.
    pub word: usize,
    /// Number of modes, drawn from the seed.
    pub modes: usize,
    /// log R = -sharpness * distance / n.
    pub sharpness: f64,
    /// hamming or edit.
    pub distance: BitDistance,
}

/// In which order a sequence is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequenceOrder {
    /// From left to right: one way to each sequence.
    Append,
    /// At either end (arXiv 2305.07170).
    PrependAppend,
    /// Anywhere (arXiv 2305.07170).
    Insertion,
}

/// Sequences whose scores stand in a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// append, prepend_append or insertion.
    pub order: SequenceOrder,
}

/// How well a graph explains data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DagScore {
    /// Marginal likelihood under a normal-Wishart prior.
    Bge,
    /// Marginal likelihood with normal weights and known noise.
    LinearGaussian,
}

/// Structure learning (arXiv 2202.13903).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DagConfig {
    /// Number of variables of random data; a file has its own.
    pub variables: usize,
    /// Mean number of edges for each variable of the graph that random data come from.
    pub edges_per_variable: f64,
    /// Rows of random data.
    pub observations: usize,
    /// bge or linear_gaussian.
    pub score: DagScore,
    /// "random", or a CSV file: a header of names and one row of numbers for each observation.
    pub data: String,
}

/// Sequences over any alphabet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequencesConfig {
    /// dna, rna, protein, the letters themselves, or a JSON list of tokens.
    pub alphabet: String,
    /// Fewest letters.
    pub min_length: usize,
    /// Most letters.
    pub max_length: usize,
    /// append, prepend_append or insertion.
    pub order: SequenceOrder,
}

/// What a finished object is worth: R^beta.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardConfig {
    /// Inverse temperature: a number, or a distribution that the policy is conditioned on:
    /// {uniform = [low, high]}, {log_uniform = [low, high]}, {gamma = [shape, scale]},
    /// {beta = [a, b]}.
    pub beta: BetaConfig,
    /// Smallest reward; keeps the logarithm finite.
    pub floor: f64,
    /// How the properties of a molecule become one reward: product (weights are exponents) or sum.
    pub combine: Combine,
    /// A program that scores: its words, or a line for the shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandLine>,
    /// An endpoint that scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A model in an ONNX file that scores molecules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx: Option<String>,
    /// The score of a sequence: tfbind8, `rna:<landscape>`, amp or none. Of fragments: docking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_in: Option<String>,
    /// Molecules that `similarity` is to, as SMILES.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Vec<String>>,
    /// What `substructure` looks for, as SMARTS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smarts: Option<Vec<String>>,
    /// What is wanted of each value of one's own score, and of each measure of molecules, by name.
    #[serde(flatten)]
    pub properties: BTreeMap<String, PropertyConfig>,
}

/// How scores are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// Product of scores to the power of their weights.
    Product,
    /// Weighted arithmetic mean.
    Sum,
    /// Product of scores to the power of their shares of all weights.
    GeometricMean,
    /// What is left by the worst weighted distance from 1.
    Tchebycheff,
}

/// The inverse temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BetaConfig {
    /// One for all trajectories.
    Fixed(f64),
    /// Drawn for each trajectory and fed to the policy.
    Drawn(BetaDistribution),
}

/// Where inverse temperatures are drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaDistribution {
    /// Between two numbers.
    Uniform([f64; 2]),
    /// Between two positive numbers, even in the logarithm.
    LogUniform([f64; 2]),
    /// Shape and scale.
    Gamma([f64; 2]),
    /// The two shapes, on 0 to 1.
    Beta([f64; 2]),
}

/// What is wanted of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The more the better, from `low` (worth 0) to `high` (worth 1).
    Higher,
    /// The less the better, from `high` (worth 0) to `low` (worth 1).
    Lower,
    /// Worth 1 from `low` to `high`, falling to 0 over `margin` on both sides.
    Window,
    /// A sigmoid: worth 0.1 at `low` and 0.9 at `high`; with `low` above `high` it falls.
    Sigmoid,
    /// A step: worth 1 from `low` on, 0 below.
    Above,
    /// A step: worth 1 up to `high`, 0 above.
    Below,
    /// The value itself, which must not be below 0.
    Raw,
}

/// One property of the reward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertyConfig {
    /// Exponent in a product, share in a sum; 0 turns the property off.
    pub weight: f64,
    /// higher, lower or window.
    pub direction: Direction,
    /// Lower end, in the descriptor's unit.
    pub low: f64,
    /// Upper end, in the descriptor's unit.
    pub high: f64,
    /// Width over which a window falls off, in the descriptor's unit.
    pub margin: f64,
    /// Exponent of the score; 2 sharpens, 0.5 softens.
    #[serde(default = "one")]
    pub power: f64,
}

fn one() -> f64 {
    1.0
}

impl PropertyConfig {
    /// From the value to its score.
    #[must_use]
    pub fn transform(&self) -> Transform {
        let Self {
            low, high, margin, ..
        } = *self;
        let desirability = match self.direction {
            Direction::Higher => Desirability::Higher { low, high },
            Direction::Lower => Desirability::Lower { low, high },
            Direction::Window => Desirability::Window { low, high, margin },
            Direction::Sigmoid => Desirability::SigmoidBetween { low, high },
            Direction::Above => Desirability::Step {
                threshold: low,
                side: Side::Above,
            },
            Direction::Below => Desirability::Step {
                threshold: high,
                side: Side::Below,
            },
            Direction::Raw => Desirability::Raw,
        };
        Transform::new(desirability).with_power(self.power)
    }
}

impl From<Combine> for anabranch_oracles::Combine {
    fn from(combine: Combine) -> Self {
        match combine {
            Combine::Product => Self::Product,
            Combine::Sum => Self::Sum,
            Combine::GeometricMean => Self::GeometricMean,
            Combine::Tchebycheff => Self::Tchebycheff,
        }
    }
}

/// Which backward policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackwardName {
    /// Every parent alike; the optimum is unique.
    Uniform,
    /// A head of the network, trained by the objective together with P_F.
    Learned,
    /// A head of the network, trained to make the sampled trajectories likely (arXiv 2410.15474); the
    /// objective leaves it alone.
    TrajectoryLikelihood,
}

impl BackwardName {
    /// Whether the network has a backward head.
    #[must_use]
    pub const fn is_learned(self) -> bool {
        !matches!(self, Self::Uniform)
    }
}

/// Which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkName {
    /// A perceptron over all positions.
    Mlp,
    /// An encoder with a token for each position.
    Transformer,
}

/// The network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// mlp or transformer; sequences only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkName>,
    /// Width of the hidden layers or tokens.
    pub width: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads; graph transformer only.
    pub heads: usize,
    /// uniform, learned or trajectory_likelihood.
    pub backward: BackwardName,
    /// Whether the heads stand on one trunk; perceptron only.
    pub shared_trunk: bool,
    /// First value of log Z, in nats.
    pub log_z: f64,
}

/// Which objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectiveName {
    /// arXiv 2201.13259.
    TrajectoryBalance,
    /// arXiv 2111.09266.
    DetailedBalance,
    /// arXiv 2209.12782.
    SubTrajectoryBalance,
    /// arXiv 2302.05446, VarGrad.
    LogPartitionVariance,
    /// arXiv 2106.04399; the scores are log edge flows.
    FlowMatching,
    /// arXiv 2202.13903; every state is an object.
    ModifiedDetailedBalance,
    /// arXiv 2302.01687; every state is an object.
    ForwardLookingDetailedBalance,
    /// arXiv 2302.01687; every state is an object.
    ForwardLookingSubTrajectoryBalance,
    /// arXiv 2310.12934, a dueling network.
    SoftQLearning,
    /// arXiv 2210.00580, reverse KL with a leave-one-out baseline; on-policy.
    PolicyGradient,
}

/// What a residual costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResidualName {
    /// d^2.
    Squared,
    /// |d|.
    Absolute,
    /// d^2 / 2 up to the scale, a straight line beyond.
    Huber,
    /// 2 (cosh d - 1).
    ShiftedCosh,
    /// (e^(a d) - a d - 1) / a^2 with the scale as a.
    Linex,
}

/// What is minimised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// trajectory_balance, detailed_balance, sub_trajectory_balance, log_partition_variance,
    /// flow_matching, modified_detailed_balance, forward_looking_detailed_balance,
    /// forward_looking_sub_trajectory_balance, soft_q_learning or policy_gradient.
    pub name: ObjectiveName,
    /// squared, absolute, huber, shifted_cosh or linex.
    pub residual: ResidualName,
    /// Where a Huber residual becomes straight, or how steep a Linex one is.
    pub residual_scale: f64,
    /// Weight of length in sub-trajectory balance.
    pub lambda: f64,
}

/// How it is minimised: Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Learning rate of the policy.
    pub learning_rate: f64,
    /// Steps in which it halves; 0 keeps it.
    pub half_life: f64,
    /// Learning rate of log Z.
    pub log_z_learning_rate: f64,
    /// Steps in which it halves; 0 keeps it.
    pub log_z_half_life: f64,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest norm of the gradient; 0 turns clipping off.
    pub clip_norm: f64,
}

/// How sampling differs from the policy during training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplorationConfig {
    /// Probability of a uniformly random move at each step of a trajectory.
    pub epsilon: f64,
    /// Steps in which it halves; 0 keeps it.
    pub epsilon_half_life: f64,
    /// Divides the scores; above 1 explores.
    pub temperature: f64,
    /// Share of the old weights kept in the moving average that samples; 0 samples from the newest.
    pub lag: f64,
}

/// Which replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayKind {
    /// None.
    Off,
    /// Oldest goes first, all are equally likely.
    Uniform,
    /// By rank of reward: the best of N is drawn with weight N, the worst with 1, and leaves first.
    Prioritised,
    /// Half of each sample from the best tenth, half from the rest (PRT, arXiv 2305.07170); the worst
    /// leaves first.
    TopTenth,
}

/// Past objects that are trained on again, with trajectories redrawn from P_B.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayConfig {
    /// off, uniform, prioritised or top_tenth.
    pub kind: ReplayKind,
    /// Objects kept.
    pub capacity: usize,
    /// Trajectories added to each step's batch.
    pub batch: usize,
    /// Objects needed before it begins.
    pub warmup: usize,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// Where runs go; a run never overwrites another.
    #[serde(serialize_with = "readable")]
    pub folder: PathBuf,
    /// Objects sampled when training ends.
    pub samples: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints kept.
    pub keep_checkpoints: usize,
}

/// A path as text; bytes that are no text are replaced, where serde would fail.
fn readable<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}
