//! One directed acyclic graph and who descends from whom in it.

use serde::{Deserialize, Serialize};

use super::Edge;
use crate::EnvError;

/// Most variables of a graph.
pub const MAX_VARIABLES: usize = 16;

/// A directed acyclic graph with its transitive closure, both as one bit mask a variable.
///
/// Goes to files as its list of edges; a list that has a cycle is refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "Vec<(usize, usize)>", into = "Vec<(usize, usize)>")]
pub struct Digraph {
    /// Bit i of entry j: there is an edge from i to j.
    parents: [u16; MAX_VARIABLES],
    /// Bit i of entry j: there is a path of at least one edge from i to j.
    ancestors: [u16; MAX_VARIABLES],
}

impl Digraph {
    /// The graph with the edges `(from, to)`.
    ///
    /// # Errors
    /// A variable past [`MAX_VARIABLES`], an edge given twice, or one that closes a cycle.
    pub fn from_edges(edges: &[(usize, usize)]) -> Result<Self, EnvError> {
        let mut out = Self::default();
        for &(from, to) in edges {
            if from.max(to) >= MAX_VARIABLES {
                return Err(EnvError::out_of_range(
                    "variable",
                    from.max(to),
                    format!("below {MAX_VARIABLES}"),
                ));
            }
            if !out.can_add(from, to) {
                return Err(EnvError::BadGraph {
                    reason: format!(
                        "the edge {from} -> {to} is there already or closes a cycle; leave it out"
                    ),
                });
            }
            out.add(from, to);
        }
        Ok(out)
    }

    /// All edges, by parent, then child.
    pub fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        super::pairs(MAX_VARIABLES).filter(|edge| {
            let (from, to) = edge.ends();
            self.has_edge(from, to)
        })
    }

    /// Number of edges.
    pub fn num_edges(&self) -> usize {
        self.parents
            .iter()
            .map(|row| row.count_ones() as usize)
            .sum()
    }

    /// Whether there is an edge.
    pub fn has_edge(&self, from: usize, to: usize) -> bool {
        self.parents[to] >> from & 1 == 1
    }

    /// Whether there is a path of at least one edge.
    pub fn has_path(&self, from: usize, to: usize) -> bool {
        self.ancestors[to] >> from & 1 == 1
    }

    /// Whether each of two different variables is in the Markov blanket of the other: parents,
    /// children, and other parents of children.
    pub fn in_blanket(&self, one: usize, other: usize) -> bool {
        let both = 1 << one | 1 << other;
        let coparents = self.parents.iter().any(|row| row & both == both);
        one != other && (self.has_edge(one, other) || self.has_edge(other, one) || coparents)
    }

    /// Bit i: variable i is a parent of `variable`.
    pub fn parents_of(&self, variable: usize) -> u16 {
        self.parents[variable]
    }

    /// Whether the edge is not there and would close no cycle.
    pub(super) fn can_add(&self, from: usize, to: usize) -> bool {
        from != to && !self.has_edge(from, to) && !self.has_path(to, from)
    }

    /// Adds an edge: what leads to `from` now leads to `to` and to what descends from it
    /// (arXiv 2202.13903, appendix on masks).
    pub(super) fn add(&mut self, from: usize, to: usize) {
        debug_assert!(self.can_add(from, to), "{self:?} {from} -> {to}");
        self.parents[to] |= 1 << from;
        let gained = self.ancestors[from] | 1 << from;
        for (variable, row) in self.ancestors.iter_mut().enumerate() {
            if variable == to || *row >> to & 1 == 1 {
                *row |= gained;
            }
        }
    }

    /// Removes an edge. The closure does not say which paths are left, so it is made anew (Warshall
    /// 1962).
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        debug_assert!(self.has_edge(from, to), "{self:?} {from} -> {to}");
        self.parents[to] &= !(1 << from);
        self.ancestors = self.parents;
        for middle in 0..MAX_VARIABLES {
            let reached = self.ancestors[middle];
            for row in &mut self.ancestors {
                if *row >> middle & 1 == 1 {
                    *row |= reached;
                }
            }
        }
    }
}

impl TryFrom<Vec<(usize, usize)>> for Digraph {
    type Error = EnvError;

    fn try_from(edges: Vec<(usize, usize)>) -> Result<Self, EnvError> {
        Self::from_edges(&edges)
    }
}

impl From<Digraph> for Vec<(usize, usize)> {
    fn from(graph: Digraph) -> Self {
        graph.edges().map(Edge::ends).collect()
    }
}
