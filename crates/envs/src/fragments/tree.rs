//! The state: a tree of fragments in numbered slots.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// Slots of a tree, and so the most fragments it can have.
pub const MAX_NODES: usize = 16;

const EMPTY: u16 = u16::MAX;
const NO_EDGE: Edge = Edge {
    a: 0,
    b: 0,
    stem_a: None,
    stem_b: None,
};

/// Two joined fragments. Ends are decided one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The lower slot.
    pub a: u8,
    /// The higher slot.
    pub b: u8,
    /// Which stem of the fragment at `a` is used, once that is decided.
    pub stem_a: Option<u8>,
    /// Which stem of the fragment at `b` is used, once that is decided.
    pub stem_b: Option<u8>,
}

/// A junction tree of at most [`MAX_NODES`] fragments; plain data without heap memory.
///
/// A fragment keeps its slot for as long as it is there, so that taking an action back restores the
/// tree exactly. Equality is equality of slots; trees that differ only in the numbering are told
/// together by [`Fragments::key`](super::Fragments::key).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Tree {
    slots: [u16; MAX_NODES],
    edges: [Edge; MAX_NODES - 1],
    num_edges: u8,
}

/// How a tree is written to a file.
#[derive(Serialize, Deserialize)]
struct Parts {
    nodes: Vec<(u8, u16)>,
    edges: Vec<Edge>,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The tree without fragments.
    pub const fn new() -> Self {
        Self {
            slots: [EMPTY; MAX_NODES],
            edges: [NO_EDGE; MAX_NODES - 1],
            num_edges: 0,
        }
    }

    /// A tree of `nodes` (slot, fragment) and `edges` in any order.
    ///
    /// # Errors
    /// [`EnvError::BadTree`] for slots out of range or given twice, and for edges that do not make one
    /// tree of the nodes. Whether the fragments and stems exist is for
    /// [`Fragments::check`](super::Fragments::check) to say.
    pub fn from_parts(nodes: &[(u8, u16)], edges: &[Edge]) -> Result<Self, EnvError> {
        let bad = |reason: String| EnvError::BadTree { reason };
        let mut tree = Self::new();
        for &(slot, fragment) in nodes {
            match tree.slots.get_mut(usize::from(slot)) {
                Some(place) if *place == EMPTY && fragment != EMPTY => *place = fragment,
                _ => return Err(bad(format!("slot {slot} cannot take fragment {fragment}"))),
            }
        }
        if edges.len() != nodes.len().saturating_sub(1) {
            return Err(bad(format!(
                "{} nodes and {} edges",
                nodes.len(),
                edges.len()
            )));
        }
        // With one edge fewer than nodes, it is a tree unless some edge closes a cycle.
        let mut piece: [usize; MAX_NODES] = std::array::from_fn(|i| i);
        for edge in edges {
            if tree.fragment(edge.a).is_none() || tree.fragment(edge.b).is_none() {
                return Err(bad(format!(
                    "an edge joins slots {} and {}, of which one is empty",
                    edge.a, edge.b
                )));
            }
            let (from, to) = (piece[usize::from(edge.a)], piece[usize::from(edge.b)]);
            if from == to {
                return Err(bad(format!(
                    "the edge between slots {} and {} closes a ring",
                    edge.a, edge.b
                )));
            }
            piece
                .iter_mut()
                .filter(|p| **p == from)
                .for_each(|p| *p = to);
            let ordered = if edge.a < edge.b {
                *edge
            } else {
                Edge {
                    a: edge.b,
                    b: edge.a,
                    stem_a: edge.stem_b,
                    stem_b: edge.stem_a,
                }
            };
            tree.insert_edge(ordered);
        }
        Ok(tree)
    }

    /// Number of fragments.
    pub fn len(&self) -> usize {
        self.slots.iter().filter(|f| **f != EMPTY).count()
    }

    /// True without fragments.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|f| *f == EMPTY)
    }

    /// The fragment in `slot`, if there is one.
    pub fn fragment(&self, slot: u8) -> Option<u16> {
        self.slots
            .get(usize::from(slot))
            .copied()
            .filter(|f| *f != EMPTY)
    }

    /// Occupied slots in order, each with its fragment.
    pub fn nodes(&self) -> impl Iterator<Item = (u8, u16)> + '_ {
        (0_u8..)
            .zip(self.slots)
            .filter(|(_, fragment)| *fragment != EMPTY)
    }

    /// Edges, sorted by their slots.
    pub fn edges(&self) -> &[Edge] {
        &self.edges[..usize::from(self.num_edges)]
    }

    /// Number of edges at `slot`.
    pub fn degree(&self, slot: u8) -> usize {
        self.edges()
            .iter()
            .filter(|edge| edge.a == slot || edge.b == slot)
            .count()
    }

    /// Whether the ends of all edges are decided.
    pub fn ends_set(&self) -> bool {
        self.edges()
            .iter()
            .all(|edge| edge.stem_a.is_some() && edge.stem_b.is_some())
    }

    /// The lowest slot without a fragment.
    pub fn free_slot(&self) -> Option<u8> {
        (0_u8..)
            .zip(self.slots)
            .find(|(_, f)| *f == EMPTY)
            .map(|(slot, _)| slot)
    }

    /// Whether nothing stands in the way of putting a fragment into `slot`.
    pub(crate) fn is_free(&self, slot: u8) -> bool {
        self.slots.get(usize::from(slot)) == Some(&EMPTY)
    }

    pub(crate) fn put(&mut self, slot: u8, fragment: u16, host: Option<u8>) {
        if !self.is_free(slot) || host.is_some_and(|host| self.fragment(host).is_none()) {
            return;
        }
        self.slots[usize::from(slot)] = fragment;
        if let Some(host) = host {
            self.insert_edge(Edge {
                a: host.min(slot),
                b: host.max(slot),
                stem_a: None,
                stem_b: None,
            });
        }
    }

    /// Removes the leaf in `slot` together with its edge.
    pub(crate) fn take(&mut self, slot: u8) {
        if self.fragment(slot).is_none() {
            return;
        }
        self.slots[usize::from(slot)] = EMPTY;
        let count = usize::from(self.num_edges);
        if let Some(place) = self.edges().iter().position(|e| e.a == slot || e.b == slot) {
            self.edges.copy_within(place + 1..count, place);
            self.edges[count - 1] = NO_EDGE;
            self.num_edges -= 1;
        }
    }

    /// The end at `node` of the edge to `neighbour`.
    pub(crate) fn end_mut(&mut self, node: u8, neighbour: u8) -> Option<&mut Option<u8>> {
        let count = usize::from(self.num_edges);
        self.edges[..count].iter_mut().find_map(|edge| {
            if (edge.a, edge.b) == (node, neighbour) {
                Some(&mut edge.stem_a)
            } else if (edge.b, edge.a) == (node, neighbour) {
                Some(&mut edge.stem_b)
            } else {
                None
            }
        })
    }

    fn insert_edge(&mut self, edge: Edge) {
        let count = usize::from(self.num_edges);
        let place = self
            .edges()
            .partition_point(|e| (e.a, e.b) < (edge.a, edge.b));
        self.edges.copy_within(place..count, place + 1);
        self.edges[place] = edge;
        self.num_edges += 1;
    }
}

/// `{0:65 1:1 | 0.3-1.0}`: slots with fragments, then edges with stems, `?` where undecided.
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |stem: Option<u8>| stem.map_or_else(|| "?".to_owned(), |s| s.to_string());
        f.write_str("{")?;
        for (i, (slot, fragment)) in self.nodes().enumerate() {
            write!(f, "{}{slot}:{fragment}", if i > 0 { " " } else { "" })?;
        }
        for (i, edge) in self.edges().iter().enumerate() {
            let before = if i > 0 { " " } else { " | " };
            write!(
                f,
                "{before}{}.{}-{}.{}",
                edge.a,
                end(edge.stem_a),
                edge.b,
                end(edge.stem_b)
            )?;
        }
        f.write_str("}")
    }
}

impl TryFrom<Parts> for Tree {
    type Error = EnvError;

    fn try_from(parts: Parts) -> Result<Self, EnvError> {
        Self::from_parts(&parts.nodes, &parts.edges)
    }
}

impl From<Tree> for Parts {
    fn from(tree: Tree) -> Self {
        Self {
            nodes: tree.nodes().collect(),
            edges: tree.edges().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_restores_exactly() {
        let mut tree = Tree::new();
        tree.put(3, 7, None);
        let one = tree.clone();
        tree.put(0, 8, Some(3));
        let two = tree.clone();
        tree.put(1, 9, Some(3));
        tree.take(1);
        assert_eq!(tree, two);
        tree.take(0);
        assert_eq!(tree, one);
        tree.take(3);
        assert_eq!(tree, Tree::new());
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let edge = |a, b| Edge {
            a,
            b,
            stem_a: None,
            stem_b: None,
        };
        assert!(Tree::from_parts(&[(0, 1), (0, 2)], &[edge(0, 1)]).is_err());
        assert!(Tree::from_parts(&[(0, 1), (1, 2)], &[]).is_err());
        assert!(Tree::from_parts(&[(0, 1), (1, 2)], &[edge(0, 2)]).is_err());
        assert!(Tree::from_parts(&[(0, 1), (1, 2)], &[edge(1, 1)]).is_err());
        assert!(Tree::from_parts(&[(16, 1)], &[]).is_err());
        let ring = [edge(0, 1), edge(1, 2), edge(2, 0)];
        assert!(Tree::from_parts(&[(0, 1), (1, 1), (2, 1), (3, 1)], &ring).is_err());
        let turned = Edge {
            a: 4,
            b: 2,
            stem_a: Some(1),
            stem_b: None,
        };
        let tree = Tree::from_parts(&[(4, 0), (2, 5)], &[turned]);
        assert_eq!(format!("{:?}", tree.unwrap()), "{2:5 4:0 | 2.?-4.1}");
    }
}
