//! Connected graphs with nodes of two colours, built node by node and edge by edge.
//!
//! The benchmark of Atanackovic and Bengio 2025 (arXiv 2402.05309), section 3: the empty graph and all
//! connected ones of up to seven nodes are objects, 72,297 in all, so that p(x) can be computed exactly.

mod encode;
mod graph;
mod rewards;

use anabranch_core::{Discrete, Environment};

pub use self::graph::{ColouredGraph, MAX_NODES};
use self::graph::{Raw, members};
pub use self::rewards::{GraphReward, Listed, corrupted, shuffled, skewed, skewed_random};
use crate::EnvError;

/// An edge of the state graph: the two graphs that it joins, both canonical.
///
/// All additions that lead from one graph to isomorphic graphs are one edge, as are all removals that
/// lead back: probabilities are summed over "idempotent actions", and parents are counted up to
/// isomorphism (arXiv 2402.05309, appendix on the correction).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    /// The smaller graph.
    pub parent: ColouredGraph,
    /// The larger graph.
    pub child: ColouredGraph,
}

/// One way to make a graph larger, in its canonical labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// A node of `colour` joined to `host`; the first node has no host.
    Node {
        /// The node that the new one is joined to.
        host: Option<usize>,
        /// 0 or 1.
        colour: usize,
    },
    /// An edge between the nodes `from < to`.
    Edge {
        /// The smaller end.
        from: usize,
        /// The larger end.
        to: usize,
    },
}

/// One way to make a graph smaller, in its canonical labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A node that has at most one neighbour.
    Node(usize),
    /// The edge between `from < to`, which lies on a cycle.
    Edge {
        /// The smaller end.
        from: usize,
        /// The larger end.
        to: usize,
    },
}

/// Connected graphs of at most a number of nodes in two colours; every one is an object, the empty one
/// too.
///
/// ```
/// use anabranch_core::Enumerable;
/// use anabranch_envs::Enumerated;
/// use anabranch_envs::coloured_graph::ColouredGraphs;
///
/// let env = Enumerated::new(ColouredGraphs::new(4)?, 1000)?;
/// assert_eq!(env.num_states(), 66);
/// # Ok::<(), anabranch_envs::EnvError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColouredGraphs {
    max_nodes: usize,
}

impl ColouredGraphs {
    /// Graphs of at most `max_nodes` nodes.
    ///
    /// # Errors
    /// `max_nodes` outside 1 to [`MAX_NODES`].
    pub fn new(max_nodes: usize) -> Result<Self, EnvError> {
        if !(1..=MAX_NODES).contains(&max_nodes) {
            return Err(EnvError::out_of_range(
                "max_nodes",
                max_nodes,
                format!("1 to {MAX_NODES}"),
            ));
        }
        Ok(Self { max_nodes })
    }

    /// Most nodes of a graph.
    pub fn max_nodes(&self) -> usize {
        self.max_nodes
    }

    /// Every labelled addition to `state` with the graph that it leads to, nodes before edges. Several
    /// may lead to one graph; [`Discrete::actions`] then lists one edge, which the first stands for.
    pub fn additions(&self, state: &ColouredGraph) -> Vec<(Addition, ColouredGraph)> {
        let grown = self.grown(&state.raw()).into_iter();
        grown.map(|(how, child)| (how, child.canonical())).collect()
    }

    /// Every labelled removal from `state` that leaves a connected graph, with that graph, nodes before
    /// edges.
    ///
    /// The benchmark also asks that both ends of a removed edge have another one. Where the rest is
    /// connected they always do.
    pub fn removals(&self, state: &ColouredGraph) -> Vec<(Removal, ColouredGraph)> {
        let shrunk = shrunk(&state.raw()).into_iter();
        shrunk
            .map(|(how, parent)| (how, parent.canonical()))
            .collect()
    }

    /// The first addition that `action` stands for.
    fn addition(&self, action: Action) -> Addition {
        let grown = self.grown(&action.parent.raw());
        first_to(grown, &action.child).expect("the action comes from a list of its parent's")
    }

    fn grown(&self, raw: &Raw) -> Vec<(Addition, Raw)> {
        let n = raw.nodes;
        let mut out = Vec::new();
        let mut add = |how, change: &dyn Fn(&mut Raw)| {
            let mut child = *raw;
            change(&mut child);
            out.push((how, child));
        };
        // The first node has no host.
        let hosts = (0..n).map(Some).chain((n == 0).then_some(None));
        for host in hosts.filter(|_| n < self.max_nodes) {
            for colour in 0..2 {
                add(Addition::Node { host, colour }, &|child| {
                    child.push(host, colour)
                });
            }
        }
        for to in 1..n {
            for from in (0..to).filter(|&from| raw.neighbours[to] >> from & 1 == 0) {
                add(Addition::Edge { from, to }, &|child| child.join(from, to));
            }
        }
        out
    }
}

fn shrunk(raw: &Raw) -> Vec<(Removal, Raw)> {
    let mut out = Vec::new();
    for node in (0..raw.nodes).filter(|&node| raw.degree(node) <= 1) {
        let mut parent = *raw;
        parent.take(node);
        out.push((Removal::Node(node), parent));
    }
    for to in 1..raw.nodes {
        for from in members(raw.neighbours[to]).filter(|&from| from < to) {
            let mut parent = *raw;
            parent.part(from, to);
            if parent.is_connected() {
                out.push((Removal::Edge { from, to }, parent));
            }
        }
    }
    out
}

/// The first of `options` that leads to `target`. Most others have other degrees, which are seen without
/// a canonical labelling.
fn first_to<A>(options: Vec<(A, Raw)>, target: &ColouredGraph) -> Option<A> {
    let degrees = target.raw().degree_counts();
    let found = options
        .into_iter()
        .find(|(_, graph)| graph.degree_counts() == degrees && graph.canonical() == *target);
    found.map(|(how, _)| how)
}

/// The first removal that `action` stands for.
fn removal(action: Action) -> Removal {
    let shrunk = shrunk(&action.child.raw());
    first_to(shrunk, &action.parent).expect("the action comes from a list of its child's")
}

impl Environment for ColouredGraphs {
    type State = ColouredGraph;
    type Action = Action;

    fn source(&self) -> ColouredGraph {
        ColouredGraph::default()
    }

    fn can_stop(&self, _state: &ColouredGraph) -> bool {
        true
    }

    fn step(&self, state: &mut ColouredGraph, action: Action) {
        debug_assert_eq!(*state, action.parent);
        *state = action.child;
    }

    fn undo(&self, state: &mut ColouredGraph, action: Action) {
        debug_assert_eq!(*state, action.child);
        *state = action.parent;
    }
}

impl Discrete for ColouredGraphs {
    /// # Complexity
    /// A canonical labelling, about a microsecond, for each labelled addition.
    fn actions(&self, state: &ColouredGraph, out: &mut Vec<Action>) {
        let begin = out.len();
        for (_, child) in self.additions(state) {
            let action = Action {
                parent: *state,
                child,
            };
            if !out[begin..].contains(&action) {
                out.push(action);
            }
        }
    }

    fn parents(&self, state: &ColouredGraph, out: &mut Vec<Action>) {
        let begin = out.len();
        for (_, parent) in self.removals(state) {
            let action = Action {
                parent,
                child: *state,
            };
            if !out[begin..].contains(&action) {
                out.push(action);
            }
        }
    }
}
