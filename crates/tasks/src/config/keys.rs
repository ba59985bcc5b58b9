//! Every key with what it may hold and what it means, in the order they are printed.
//!
//! Stands beside [`schema`](super::schema); a test holds the two together.

use std::fmt;

use anabranch_chem::Descriptor;

/// What a key may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// A whole number, ends included.
    Integer(u64, u64),
    /// A finite number between two ends.
    Number(End, End),
    /// One of these names.
    Choice(&'static [&'static str]),
    /// true or false.
    Flag,
    /// Any text that is not empty.
    Text,
    /// Any text.
    AnyText,
    /// Names, at least one.
    Names,
    /// Names, or none.
    AnyNames,
    /// A text, or several; none empty.
    Texts,
    /// The words of a command, or a line for the shell.
    Command,
    /// What becomes of a failure.
    Fate,
    /// An inverse temperature: a number or a distribution.
    Beta,
}

/// An end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// Belongs to the range.
    To(f64),
    /// Does not.
    Open(f64),
}

impl Allowed {
    /// Whether a number lies in the range of a [`Allowed::Number`].
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        let Self::Number(low, high) = self else {
            return false;
        };
        let above = match low {
            End::To(end) => value >= end,
            End::Open(end) => value > end,
        };
        let below = match high {
            End::To(end) => value <= end,
            End::Open(end) => value < end,
        };
        above && below
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, high) => {
                match low {
                    End::To(end) => write!(f, "a number from {end:?}")?,
                    End::Open(end) => write!(f, "a number above {end:?}")?,
                }
                match high {
                    End::To(end) => write!(f, " to {end:?}"),
                    End::Open(end) => write!(f, " to below {end:?}"),
                }
            }
            Self::Choice(names) => write!(f, "one of {}", names.join(", ")),
            Self::Flag => f.write_str("true or false"),
            Self::Text => f.write_str("a text that is not empty"),
            Self::AnyText => f.write_str("a text, or \"\" for none"),
            Self::Names => f.write_str("a list of names, such as [\"affinity\", \"selectivity\"]"),
            Self::AnyNames => {
                f.write_str("a list of names, such as [\"mw\", \"logp\"], or [] for none")
            }
            Self::Texts => f.write_str("a text, or a list of texts, such as [\"CCO\", \"CCN\"]"),
            Self::Command => f.write_str(
                "a list of words, such as [\"python3\", \"score.py\"], or a line for the shell",
            ),
            Self::Fate => f.write_str(
                "floor, drop or stop, or one of them after retries: \"retry 2 then floor\"",
            ),
            Self::Beta => f.write_str(
                "a number above 0 to 10000, or one of {uniform = [low, high]}, \
                 {log_uniform = [low, high]}, {gamma = [shape, scale]}, {beta = [a, b]} \
                 with numbers above 0",
            ),
        }
    }
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its full name, with dots.
    pub path: &'static str,
    /// What it may hold.
    pub allowed: Allowed,
    /// What it means.
    pub text: &'static str,
}

const fn key(path: &'static str, allowed: Allowed, text: &'static str) -> Key {
    Key {
        path,
        allowed,
        text,
    }
}

const fn whole(low: u64, high: u64) -> Allowed {
    Allowed::Integer(low, high)
}

const fn number(low: f64, high: f64) -> Allowed {
    Allowed::Number(End::To(low), End::To(high))
}

const fn above(low: f64, high: f64) -> Allowed {
    Allowed::Number(End::Open(low), End::To(high))
}

const SHARE: Allowed = Allowed::Number(End::To(0.0), End::Open(1.0));
const INSIDE: Allowed = Allowed::Number(End::Open(0.0), End::Open(1.0));

/// All keys but those of properties.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("task", Allowed::Choice(&["fragments", "hypergrid", "bit_sequence", "tfbind8", "qm9", "dag", "sequences"]), "What is sampled: fragments, hypergrid, bit_sequence, tfbind8, qm9, dag or sequences."),
    key("seed", whole(0, i64::MAX as u64), "Governs everything random; the same seed gives the same bytes."),
    key("steps", whole(1, 1_000_000_000), "Training steps."),
    key("batch", whole(1, 65_536), "Trajectories sampled in each step."),
    key("env.max_nodes", whole(1, 16), "Largest number of fragments in a molecule, 1 to 16."),
    key("env.vocabulary", Allowed::Text, "\"rp72\" for the 72 fragments of recursionpharma/gflownet, or a JSON file of [{\"smiles\": \"...\", \"stems\": [atom indices]}, ...]."),
    key("env.dims", whole(1, 16), "Number of dimensions D."),
    key("env.side", whole(2, 256), "Cells along each dimension H."),
    key("env.terminal", Allowed::Choice(&["all", "border"]), "Which cells are terminal: all, or border for the convention of 2021."),
    key("env.reward", Allowed::Choice(&["corners", "cosine"]), "Which reward the grid has: corners (arXiv 2106.04399) or cosine."),
    key("env.r0", number(0.0, 1e6), "Reward of every cell, R0."),
    key("env.r1", number(0.0, 1e6), "Added in the outer boxes, R1."),
    key("env.r2", number(0.0, 1e6), "Added in the modes, R2."),
    key("env.bits", whole(8, 4096), "Length n in bits, a multiple of 8."),
    key("env.word", whole(1, 16), "Word size k in bits; divides n."),
    key("env.modes", whole(1, 100_000), "Number of modes, drawn from the seed; at most 5^(n/8)."),
    key("env.sharpness", above(0.0, 1e4), "log R = -sharpness * distance / n."),
    key("env.distance", Allowed::Choice(&["hamming", "edit"]), "How far a string is from a mode: hamming (differing bits) or edit (insertions, deletions, substitutions)."),
    key("env.alphabet", Allowed::Text, "The letters: dna, rna, protein, the letters themselves as in \"ACDE\", or a JSON list of tokens as in '[\"Ala\", \"Gly\"]'."),
    key("env.min_length", whole(1, 128), "Fewest letters of a sequence."),
    key("env.max_length", whole(1, 128), "Most letters of a sequence; equal to min_length for one length."),
    key("env.order", Allowed::Choice(&["append", "prepend_append", "insertion"]), "In which order a sequence is put together: append (left to right), prepend_append (at either end) or insertion (anywhere)."),
    key("env.variables", whole(1, 16), "Number of variables of random data; a file has its own."),
    key("env.edges_per_variable", number(0.0, 7.5), "Mean number of edges for each variable of the graph that random data come from."),
    key("env.observations", whole(1, 1_000_000), "Rows of random data, drawn from the seed."),
    key("env.score", Allowed::Choice(&["bge", "linear_gaussian"]), "How well a graph explains the data: bge (normal-Wishart prior; equal for Markov equivalent graphs) or linear_gaussian (normal weights, known noise)."),
    key("env.data", Allowed::Text, "\"random\", or a CSV file: a header of names and one row of numbers for each observation."),
    key("reward.command", Allowed::Command, "A program that scores: its words, or a line for the shell. It reads lines {\"id\": 1, \"smiles\": \"CCO\"} and writes lines {\"id\": 1, \"score\": 0.5}; see docs/your-own-score.md."),
    key("reward.url", Allowed::Text, "An endpoint that scores: it is sent {\"items\": [{\"id\": 1, \"smiles\": \"CCO\"}]} and answers {\"items\": [{\"id\": 1, \"score\": 0.5}]}."),
    key("reward.onnx", Allowed::Text, "A model in an ONNX file that scores molecules: from a fingerprint or descriptors (the section onnx) to the values that oracle.columns names; see docs/guide/onnx.md."),
    key("reward.built_in", Allowed::Text, "The score of a sequence: tfbind8 (DNA 8-mers, needs data), rna:<landscape of FLEXS> as in rna:L14_RNA1, amp (antimicrobial peptides, needs data) or none. The first choice also sets alphabet, lengths and what suits its training. Of fragments: docking (AutoDock Vina; reward.affinity says what is wanted of it)."),
    key("reward.target", Allowed::Texts, "The molecule that reward.similarity is to, as SMILES; the most similar one of several."),
    key("reward.smarts", Allowed::Texts, "The substructure that reward.substructure looks for, as SMARTS; the share that is there of several."),
    key("reward.beta", Allowed::Beta, "Inverse temperature: a number, or a distribution that the policy is conditioned on: {uniform = [low, high]}, {log_uniform = [low, high]}, {gamma = [shape, scale]}, {beta = [a, b]}."),
    key("reward.floor", INSIDE, "Smallest reward; keeps the logarithm finite."),
    key("reward.combine", Allowed::Choice(&["product", "sum", "geometric_mean", "tchebycheff"]), "How scores become one reward: product (weights are exponents), sum (weighted mean), geometric_mean, or tchebycheff (the worst decides)."),
    key("oracle.columns", Allowed::Names, "Names of the values of an answer; reward.<name> says what is wanted of each, by itself the value."),
    key("oracle.protocol", Allowed::Choice(&["json", "lines"]), "json (lines of JSON, in any order) or lines (one object in, one number out, for awk and one-line scripts); commands only."),
    key("oracle.workers", whole(1, 1024), "Processes of the command, or requests at a time."),
    key("oracle.in_flight", whole(1, 1024), "Objects that a process has at a time; more than 1 where it reads ahead."),
    key("oracle.batch", whole(1, 1_000_000), "Most objects of one request to an endpoint, or of one call of a function."),
    key("oracle.timeout", above(0.0, 1e9), "Seconds for one object of a command, or for one request."),
    key("oracle.startup_timeout", above(0.0, 1e9), "Seconds for the first answer of a process: it may have a model to load."),
    key("oracle.retries", whole(0, 1000), "How often a request is repeated after a broken connection, 429 or 5xx; endpoints only."),
    key("oracle.token_env", Allowed::AnyText, "Environment variable that holds the endpoint's bearer token; the token is never written anywhere."),
    key("oracle.version", Allowed::AnyText, "A name for what answers: scores in the store are used again under the same name. By itself the command with the contents of its files, or the address."),
    key("oracle.store", Allowed::AnyText, "The file of scores, which runs may share. By itself scores.sqlite in the run folder."),
    key("oracle.forget_failures", Allowed::Flag, "Whether null, errors and values that are no number are asked again in a new session."),
    key("oracle.compare", whole(1, 1_000_000), "Objects of a random policy that are scored for comparison when training ends."),
    key("oracle.on_null", Allowed::Fate, "The oracle answered null: floor (the smallest reward), drop (its trajectory is left out), stop, or \"retry 2 then floor\"."),
    key("oracle.on_error", Allowed::Fate, "The oracle answered an error."),
    key("oracle.on_nan", Allowed::Fate, "A value is NaN."),
    key("oracle.on_infinity", Allowed::Fate, "A value is an infinity."),
    key("oracle.on_missing_column", Allowed::Fate, "An answer lacks a column."),
    key("oracle.on_timeout", Allowed::Fate, "No answer in time."),
    key("oracle.on_crash", Allowed::Fate, "The worker ended."),
    key("oracle.on_unanswered", Allowed::Fate, "The answer to a batch leaves the object out."),
    key("oracle.on_unreachable", Allowed::Fate, "The endpoint cannot be reached."),
    key("oracle.on_duplicate", Allowed::Choice(&["ignore", "stop"]), "A second answer for one object: ignore (the first one holds) or stop."),
    key("oracle.on_unknown", Allowed::Choice(&["ignore", "stop"]), "An answer for an object that nobody asked about."),
    key("oracle.on_garbage", Allowed::Choice(&["ignore", "stop"]), "What is no answer, on the stream of answers."),
    key("docking.receptor", Allowed::Text, "The receptor: a PDBQT file, plain or .gz, here or in the folder docking of the data."),
    key("docking.box", Allowed::Text, "Where ligands are looked for: a file of lines center_x = 26.8, ... size_z = 30, in Å; here or in the folder docking of the data."),
    key("docking.exhaustiveness", whole(1, 10_000), "Independent searches; time is proportional to it."),
    key("docking.modes", whole(1, 1000), "Most poses that Vina reports; the best one counts."),
    key("docking.seed", whole(1, 2_147_483_647), "Governs the conformer and Vina's searches."),
    key("docking.cpu", whole(0, 1024), "Processors of one docking, 0 for all; 1 where oracle.workers is the number of processors."),
    key("docking.vina", Allowed::Text, "The program AutoDock Vina; Debian's package is autodock-vina."),
    key("onnx.output", Allowed::AnyText, "Which of the model's outputs is the score; \"\" for the only one, or the first of numbers."),
    key("onnx.features", Allowed::Choice(&["morgan", "descriptors"]), "What the model sees of a molecule: morgan (a fingerprint, as RDKit's GetMorganGenerator) or descriptors."),
    key("onnx.radius", whole(0, 16), "Of the fingerprint: bonds from the middle of an environment to its rim."),
    key("onnx.bits", whole(1, 1 << 20), "Of the fingerprint: its length."),
    key("onnx.counts", Allowed::Flag, "Whether the fingerprint says how often an environment is there, rather than whether."),
    key("onnx.descriptors", Allowed::AnyNames, "The descriptors, in the order in which the model wants them: mw, logp, tpsa, hbd, hba, rotatable_bonds, rings, aromatic_rings, heavy_atoms, qed, sa."),
    key("policy.network", Allowed::Choice(&["mlp", "transformer"]), "The network: mlp (a perceptron over all positions) or transformer (attention between positions; slower)."),
    key("policy.width", whole(1, 8192), "Width of the hidden layers or tokens; of a transformer a multiple of heads."),
    key("policy.layers", whole(1, 64), "Number of layers."),
    key("policy.heads", whole(1, 64), "Attention heads; transformers only."),
    key("policy.backward", Allowed::Choice(&["uniform", "learned", "trajectory_likelihood"]), "The backward policy: uniform, learned (by the objective, together with P_F) or trajectory_likelihood (by the likelihood of sampled trajectories, arXiv 2410.15474)."),
    key("policy.shared_trunk", Allowed::Flag, "Whether the heads stand on one trunk; perceptron only."),
    key("policy.log_z", number(-1e4, 1e4), "First value of log Z, in nats."),
    key("objective.name", Allowed::Choice(&["trajectory_balance", "detailed_balance", "sub_trajectory_balance", "log_partition_variance", "flow_matching", "modified_detailed_balance", "forward_looking_detailed_balance", "forward_looking_sub_trajectory_balance", "soft_q_learning", "policy_gradient"]), "What is minimised: trajectory_balance, detailed_balance, sub_trajectory_balance, log_partition_variance (which needs a batch of 2), flow_matching, soft_q_learning, policy_gradient (on-policy only), or, where every state is an object, modified_detailed_balance, forward_looking_detailed_balance or forward_looking_sub_trajectory_balance."),
    key("objective.residual", Allowed::Choice(&["squared", "absolute", "huber", "shifted_cosh", "linex"]), "What a residual d costs: squared, absolute, huber (d^2/2, straight beyond the scale), shifted_cosh or linex; policy_gradient has none."),
    key("objective.residual_scale", above(0.0, 1e6), "Where a huber residual becomes straight, or how steep a linex one is."),
    key("objective.lambda", above(0.0, 100.0), "Weight of length in sub_trajectory_balance and its forward-looking form."),
    key("optimizer.learning_rate", above(0.0, 10.0), "Learning rate of the policy."),
    key("optimizer.half_life", number(0.0, 1e12), "Steps in which it halves; 0 keeps it."),
    key("optimizer.log_z_learning_rate", number(0.0, 100.0), "Learning rate of log Z."),
    key("optimizer.log_z_half_life", number(0.0, 1e12), "Steps in which it halves; 0 keeps it."),
    key("optimizer.beta1", SHARE, "Decay of the mean of gradients."),
    key("optimizer.beta2", SHARE, "Decay of the mean of squared gradients."),
    key("optimizer.epsilon", above(0.0, 1.0), "Added to the root of the mean square."),
    key("optimizer.weight_decay", number(0.0, 1.0), "Decoupled weight decay."),
    key("optimizer.clip_norm", number(0.0, 1e9), "Largest norm of the gradient; 0 turns clipping off."),
    key("exploration.epsilon", number(0.0, 1.0), "Probability of a uniformly random move at each step of a trajectory."),
    key("exploration.epsilon_half_life", number(0.0, 1e12), "Steps in which it halves; 0 keeps it."),
    key("exploration.temperature", above(0.0, 1000.0), "Divides the scores; above 1 explores."),
    key("exploration.lag", SHARE, "Share of the old weights kept in the moving average that samples; 0 samples from the newest."),
    key("replay.kind", Allowed::Choice(&["off", "uniform", "prioritised", "top_tenth"]), "off, uniform (all kept objects equally likely), prioritised (by rank of reward: the best of N is drawn with weight N, the worst with 1, and the worst leaves first) or top_tenth (half from the best tenth, half from the rest; arXiv 2305.07170)."),
    key("replay.capacity", whole(1, 100_000_000), "Objects kept; at least warmup."),
    key("replay.batch", whole(1, 65_536), "Trajectories added to each step's batch."),
    key("replay.warmup", whole(1, 100_000_000), "Objects needed before it begins; at least the replay batch."),
    key("output.folder", Allowed::Text, "Where runs go; a run never overwrites another."),
    key("output.samples", whole(0, 10_000_000), "Objects sampled when training ends."),
    key("output.checkpoint_every", whole(1, 1_000_000_000), "Steps between checkpoints."),
    key("output.keep_checkpoints", whole(1, 10_000), "Checkpoints kept."),
];

/// The keys of one property, without `reward.<descriptor>.` before them.
#[rustfmt::skip]
pub const PROPERTY_KEYS: &[Key] = &[
    key("weight", number(0.0, 1000.0), "Exponent in a product, share in a sum; 0 turns the property off."),
    key("direction", Allowed::Choice(&["higher", "lower", "window", "sigmoid", "above", "below", "raw"]), "higher (worth 0 at low, 1 at high), lower (worth 1 at low, 0 at high), window (worth 1 from low to high), sigmoid (0.1 at low, 0.9 at high; low above high falls), above (a step at low), below (a step at high) or raw (the value itself)."),
    key("low", number(-1e9, 1e9), "Lower end, in the descriptor's unit."),
    key("high", number(-1e9, 1e9), "Upper end, in the descriptor's unit."),
    key("margin", number(0.0, 1e9), "Width over which a window falls off on both sides, in the descriptor's unit."),
    key("power", above(0.0, 100.0), "Exponent of the score: 2 sharpens, 0.5 softens."),
];

/// The tables, with what stands in them.
pub const SECTIONS: &[(&str, &str)] = &[
    ("env", "Settings of the environment."),
    ("reward", "What a finished object is worth: R^beta."),
    (
        "oracle",
        "How a score of one's own is asked, and what becomes of what is no score.",
    ),
    (
        "docking",
        "What molecules are docked into, and how thoroughly.",
    ),
    ("onnx", "What the model of reward.onnx sees and gives."),
    ("policy", "The network."),
    ("objective", "What is minimised."),
    ("optimizer", "How it is minimised: Adam."),
    (
        "exploration",
        "How sampling differs from the policy during training.",
    ),
    (
        "replay",
        "Past objects that are trained on again, with trajectories redrawn from P_B.",
    ),
    ("output", "What is written."),
];

/// What a descriptor is, with its unit.
#[must_use]
pub fn descriptor_text(descriptor: Descriptor) -> &'static str {
    match descriptor {
        Descriptor::Qed => "Drug-likeness (QED), 0 to 1.",
        Descriptor::Sa => "Synthetic accessibility, 1 (easy) to 10 (hard).",
        Descriptor::Mw => "Molecular weight, in Da.",
        Descriptor::LogP => "Octanol-water partition coefficient (Crippen), base-10 logarithm.",
        Descriptor::Tpsa => "Topological polar surface area, in Å².",
        Descriptor::Hbd => "Hydrogen-bond donors.",
        Descriptor::Hba => "Hydrogen-bond acceptors.",
        Descriptor::RotatableBonds => "Rotatable bonds.",
        Descriptor::Rings => "Rings.",
        Descriptor::AromaticRings => "Aromatic rings.",
        Descriptor::HeavyAtoms => "Atoms that are not hydrogen.",
    }
}

/// What a measure is that is no descriptor, with its unit.
#[must_use]
pub fn measure_text(name: &str) -> &'static str {
    match name {
        "seh" => {
            "Binding to soluble epoxide hydrolase by the sEH proxy (needs data), mostly 0 to 8."
        }
        "similarity" => {
            "Tanimoto similarity (Morgan, radius 2, 2048 bits) to reward.target, 0 to 1."
        }
        _ => "Share of the substructures reward.smarts that the molecule has, 0 to 1.",
    }
}

/// The key of a full path; a property's field is found under any name.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    if let Some(key) = KEYS.iter().find(|key| key.path == path) {
        return Some(key);
    }
    let (name, field) = path.strip_prefix("reward.")?.split_once('.')?;
    if name.is_empty() {
        return None;
    }
    PROPERTY_KEYS.iter().find(|key| key.path == field)
}
