//! What can be measured.

mod bags;
mod bit_sequence;
mod exact;
mod fragments;
mod hypergrid;
mod ising;
mod molecules;
mod name;
mod tfbind8;

use std::ops::AddAssign;
use std::path::PathBuf;

use anabranch_core::Seed;
use anabranch_core::encode::VectorEncoded;
use anabranch_learn::policy::{MlpConfig, Perceptron};
use anyhow::Result;

pub use self::exact::ExactGrid;
pub use self::fragments::{fragments, message_passing};
pub use self::hypergrid::{hypergrid, hypergrid_on_burn};
pub use self::molecules::{Chemistry, Molecules};
pub use self::name::Name;

/// What one unit came to; zeros where a workload has no such thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Units done.
    pub units: u64,
    /// Trajectories sampled.
    pub trajectories: u64,
    /// Their moves, without stopping.
    pub moves: u64,
    /// Graphs scored for the update.
    pub graphs: u64,
    /// Nodes of those graphs.
    pub nodes: u64,
}

impl AddAssign for Done {
    fn add_assign(&mut self, other: Self) {
        self.units += other.units;
        self.trajectories += other.trajectories;
        self.moves += other.moves;
        self.graphs += other.graphs;
        self.nodes += other.nodes;
    }
}

/// Something that can be done again and again, each time from where it was.
pub trait Workload {
    /// Numbers that are trained; 0 where nothing is.
    fn parameters(&self) -> usize {
        0
    }

    /// From now on a training step does all of its work and leaves the policy as it is, so that trajectories
    /// stay alike however long is measured.
    fn freeze(&mut self) {}

    /// The smallest measured piece: a training step, a pass over the molecules, an evaluation.
    ///
    /// # Errors
    /// Where it fails; the measurement is over then.
    fn unit(&mut self) -> Result<Done>;
}

/// What a workload needs from outside.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// A file of one SMILES a line, for the workloads over molecules.
    pub molecules: Option<PathBuf>,
}

/// Two hidden layers of 256 units, a forward and a backward head on them: the network of the examples of
/// torchgfn and gfnx.
const NETWORK: MlpConfig = MlpConfig {
    hidden: 256,
    layers: 2,
    learned_backward: true,
    shared_trunk: true,
    flow: false,
};

fn perceptron<E: VectorEncoded>(env: &E) -> Perceptron<E> {
    let mut rng = Seed::new(1).stream("init", &[]);
    Perceptron::new(env, 0, NETWORK, 0.0, &mut rng)
}
