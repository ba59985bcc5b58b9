//! Structure learning: the directed acyclic graphs on d labelled variables, one edge at a time.
//!
//! Deleu et al. 2022 (arXiv 2202.13903). Every graph is an object; the reward is a score that is a sum
//! over the variables given their parents, [`LocalScores`], made by [`bge()`] or [`linear_gaussian()`] from
//! a table of [`Data`].

mod bge;
mod cholesky;
mod data;
mod digraph;
mod linear_gaussian;
mod local_scores;
mod posterior;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Discrete, Environment};
use serde::{Deserialize, Serialize};

pub use self::bge::{BgePrior, bge};
pub use self::data::{Data, LinearGaussianNetwork};
pub use self::digraph::{Digraph, MAX_VARIABLES};
pub use self::linear_gaussian::{LinearGaussianPrior, linear_gaussian};
pub use self::local_scores::LocalScores;
pub use self::posterior::{blanket_marginals, edge_marginals, path_marginals};
use crate::EnvError;

/// A directed edge; both ends are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The parent.
    pub from: u8,
    /// The child.
    pub to: u8,
}

impl Edge {
    fn ends(self) -> (usize, usize) {
        (usize::from(self.from), usize::from(self.to))
    }
}

/// The directed acyclic graphs on d variables.
///
/// ```
/// use anabranch_core::{Discrete, Environment};
/// use anabranch_envs::dag::{Dags, Edge};
///
/// let env = Dags::new(3)?;
/// let mut graph = env.source();
/// env.step(&mut graph, Edge { from: 0, to: 1 });
/// env.step(&mut graph, Edge { from: 1, to: 2 });
/// let mut actions = Vec::new();
/// env.actions(&graph, &mut actions);
/// assert_eq!(actions, [Edge { from: 0, to: 2 }]); // all others would close a cycle
/// # Ok::<(), anabranch_envs::EnvError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dags {
    variables: usize,
}

impl Dags {
    /// The graphs on `variables` variables. Up to five of them,
    /// [`Enumerated`](crate::Enumerated) can write all graphs down: 1, 3, 25, 543, 29,281 (OEIS
    /// A003024).
    ///
    /// # Errors
    /// `variables` outside 1 to [`MAX_VARIABLES`].
    pub fn new(variables: usize) -> Result<Self, EnvError> {
        check_variables(variables)?;
        Ok(Self { variables })
    }

    /// Number of variables d.
    pub fn variables(&self) -> usize {
        self.variables
    }
}

fn check_variables(variables: usize) -> Result<(), EnvError> {
    if (1..=MAX_VARIABLES).contains(&variables) {
        return Ok(());
    }
    Err(EnvError::out_of_range(
        "variables",
        variables,
        format!("1 to {MAX_VARIABLES}"),
    ))
}

impl Environment for Dags {
    type State = Digraph;
    type Action = Edge;

    fn source(&self) -> Digraph {
        Digraph::default()
    }

    fn can_stop(&self, _state: &Digraph) -> bool {
        true
    }

    fn step(&self, state: &mut Digraph, action: Edge) {
        let (from, to) = action.ends();
        state.add(from, to);
    }

    fn undo(&self, state: &mut Digraph, action: Edge) {
        let (from, to) = action.ends();
        state.remove(from, to);
    }
}

impl Discrete for Dags {
    fn actions(&self, state: &Digraph, out: &mut Vec<Edge>) {
        out.extend(pairs(self.variables).filter(|edge| {
            let (from, to) = edge.ends();
            state.can_add(from, to)
        }));
    }

    fn parents(&self, state: &Digraph, out: &mut Vec<Edge>) {
        out.extend(pairs(self.variables).filter(|edge| {
            let (from, to) = edge.ends();
            state.has_edge(from, to)
        }));
    }
}

/// All ordered pairs of `variables` variables, by parent, then child.
fn pairs(variables: usize) -> impl Iterator<Item = Edge> {
    let ends = 0..variables as u8;
    ends.clone()
        .flat_map(move |from| ends.clone().map(move |to| Edge { from, to }))
}

/// The adjacency matrix, d x d with one row for each parent; action i d + j is the edge from i to j.
impl VectorEncoded for Dags {
    fn num_features(&self) -> usize {
        self.variables * self.variables
    }

    fn features(&self, state: &Digraph, mut set: impl FnMut(usize, f32)) {
        for (place, edge) in pairs(self.variables).enumerate() {
            let (from, to) = edge.ends();
            if state.has_edge(from, to) {
                set(place, 1.0);
            }
        }
    }

    fn num_actions(&self) -> usize {
        self.variables * self.variables
    }

    fn action_index(&self, action: Edge) -> usize {
        let (from, to) = action.ends();
        from * self.variables + to
    }
}
