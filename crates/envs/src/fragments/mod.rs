//! Molecules from fragments: junction trees, built one fragment and one bond end at a time.
//!
//! The environment of Recursion's `gflownet` (`seh_frag`): add a fragment next to one that is there,
//! later decide, end by end, through which stems the two are joined. An object is a junction tree *up
//! to isomorphism*, symmetries of the fragments included; edges are counted as orbits in both
//! directions. `docs/adr/0001-isomorphic-actions.md` says why, and what it means for molecules that
//! several trees give.

mod encode;
mod enumerate;
mod orbit;
mod symmetry;
mod tree;

use anabranch_chem::{Molecule, Vocabulary, assemble};
use anabranch_core::{Discrete, Environment};

pub use self::enumerate::EnumeratedFragments;
pub use self::tree::{Edge, MAX_NODES, Tree};

use self::orbit::Codes;
use self::symmetry::Piece;
use crate::EnvError;

/// An edge of the environment, by slots of the tree that it acts on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Action {
    /// Puts a fragment into an empty slot.
    AddNode {
        /// The slot it is joined to, both ends undecided; none for the first fragment.
        host: Option<u8>,
        /// Number of the fragment in the vocabulary.
        fragment: u16,
        /// The slot it takes. Which of the empty slots is taken makes no difference to the object.
        slot: u8,
    },
    /// Decides through which stem a fragment is joined to a neighbour.
    SetStem {
        /// The slot whose end is decided.
        node: u8,
        /// The slot at the other end of the edge.
        neighbour: u8,
        /// Which of the stems of the fragment in `node`; a stem joins once.
        stem: u8,
    },
}

/// The junction-tree environment over a vocabulary of fragments.
#[derive(Clone, Debug)]
pub struct Fragments {
    vocabulary: Vocabulary,
    pieces: Vec<Piece>,
    max_stems: usize,
    max_nodes: usize,
    min_nodes: usize,
}

impl Fragments {
    /// Trees of 1 to `max_nodes` fragments.
    ///
    /// The symmetries of each fragment are found here, some milliseconds for each with many stems.
    ///
    /// # Errors
    /// `max_nodes` outside 1 to [`MAX_NODES`]; a vocabulary of more than 65,000 fragments; a fragment
    /// that is no molecule any more once all of its stems are used.
    pub fn new(vocabulary: Vocabulary, max_nodes: usize) -> Result<Self, EnvError> {
        if !(1..=MAX_NODES).contains(&max_nodes) {
            return Err(EnvError::out_of_range(
                "max_nodes",
                max_nodes,
                format!("1 to {MAX_NODES}"),
            ));
        }
        if vocabulary.len() > 65_000 {
            return Err(EnvError::out_of_range(
                "vocabulary size",
                vocabulary.len(),
                "at most 65000",
            ));
        }
        let pieces = symmetry::pieces(&vocabulary)?;
        let max_stems = pieces.iter().map(Piece::num_stems).max().unwrap_or(0);
        Ok(Self {
            vocabulary,
            pieces,
            max_stems,
            max_nodes,
            min_nodes: 1,
        })
    }

    /// The 72 fragments of Recursion's `gflownet`, at most 9 in a molecule.
    pub fn rp72() -> Self {
        Self::new(Vocabulary::rp72(), 9).expect("a test builds the built-in vocabulary")
    }

    /// The same environment with stopping forbidden below `min_nodes` fragments (the 2021 paper: 2).
    ///
    /// # Errors
    /// `min_nodes` outside 1 to `max_nodes`, and above 2 where a fragment has a single stem: two such
    /// fragments joined would be a dead end.
    pub fn with_min_nodes(mut self, min_nodes: usize) -> Result<Self, EnvError> {
        let dead_ends = self.pieces.iter().any(|piece| piece.num_stems() < 2);
        let limit = if dead_ends {
            self.max_nodes.min(2)
        } else {
            self.max_nodes
        };
        if !(1..=limit).contains(&min_nodes) {
            return Err(EnvError::out_of_range(
                "min_nodes",
                min_nodes,
                format!(
                    "1 to {limit} with this vocabulary and max_nodes {}",
                    self.max_nodes
                ),
            ));
        }
        self.min_nodes = min_nodes;
        Ok(self)
    }

    /// The fragments.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Most fragments of a tree.
    pub fn max_nodes(&self) -> usize {
        self.max_nodes
    }

    /// Fewest fragments of a finished tree.
    pub fn min_nodes(&self) -> usize {
        self.min_nodes
    }

    /// Most stems of a fragment.
    pub fn max_stems(&self) -> usize {
        self.max_stems
    }

    /// Number of stem permutations of `fragment` that its symmetry allows; 1 without symmetry, and 0
    /// if there is no such fragment.
    pub fn symmetry_order(&self, fragment: usize) -> usize {
        self.pieces.get(fragment).map_or(0, Piece::order)
    }

    /// Whether `tree` belongs to this environment; for trees that come from a file.
    ///
    /// # Errors
    /// [`EnvError::BadTree`] for unknown fragments and stems, a stem used twice, more edges at a
    /// fragment than it has stems, and too many fragments.
    pub fn check(&self, tree: &Tree) -> Result<(), EnvError> {
        let bad = |reason: String| Err(EnvError::BadTree { reason });
        if tree.len() > self.max_nodes {
            return bad(format!(
                "{} fragments, at most {} allowed",
                tree.len(),
                self.max_nodes
            ));
        }
        for (slot, fragment) in tree.nodes() {
            let Some(piece) = self.pieces.get(usize::from(fragment)) else {
                return bad(format!("there is no fragment {fragment}"));
            };
            if tree.degree(slot) > piece.num_stems() {
                return bad(format!(
                    "slot {slot} has more edges than fragment {fragment} has stems"
                ));
            }
            let mut used = 0_u64;
            for edge in tree.edges() {
                let stem = match (edge.a == slot, edge.b == slot) {
                    (true, _) => edge.stem_a,
                    (_, true) => edge.stem_b,
                    _ => None,
                };
                if let Some(stem) = stem {
                    if usize::from(stem) >= piece.num_stems() || used & (1 << stem) != 0 {
                        return bad(format!(
                            "stem {stem} of slot {slot} is used twice or does not exist"
                        ));
                    }
                    used |= 1 << stem;
                }
            }
        }
        Ok(())
    }

    /// A code of the object: equal for isomorphic trees (of any stage, finished or not), different
    /// otherwise up to a collision of 128 bits.
    ///
    /// # Panics
    /// Like everything that lists edges, if `tree` does not pass [`check`](Self::check).
    pub fn key(&self, tree: &Tree) -> u128 {
        Codes::new(&self.pieces, tree).key()
    }

    /// The one tree that stands for all trees isomorphic to `tree`.
    pub fn canonical(&self, tree: &Tree) -> Tree {
        Codes::new(&self.pieces, tree).canonical()
    }

    /// `[slot][stem]` label of each stem under the symmetry of its fragment, such that isomorphic trees
    /// get the same labels; `None` for empty slots.
    ///
    /// What a network sees of a stem is its label, never its index.
    pub fn canonical_stems(&self, tree: &Tree) -> [Option<Vec<u8>>; MAX_NODES] {
        let codes = Codes::new(&self.pieces, tree);
        let mut out = [const { None }; MAX_NODES];
        for (slot, fragment) in tree.nodes() {
            let stems = self.pieces[usize::from(fragment)].num_stems();
            let labels = (0..stems)
                .map(|stem| codes.label(slot, stem as u8))
                .collect();
            out[usize::from(slot)] = Some(labels);
        }
        out
    }

    /// The molecule of a finished tree.
    ///
    /// # Errors
    /// A tree whose ends are not all decided, an empty tree, and whatever the chemistry refuses.
    pub fn molecule(&self, tree: &Tree) -> Result<Molecule, EnvError> {
        let unfinished = || EnvError::NotComplete {
            object: format!("{tree:?}"),
            what: "molecule",
        };
        let mut place = [0_usize; MAX_NODES];
        let mut nodes = Vec::with_capacity(MAX_NODES);
        for (slot, fragment) in tree.nodes() {
            place[usize::from(slot)] = nodes.len();
            nodes.push(usize::from(fragment));
        }
        let mut edges = Vec::with_capacity(tree.edges().len());
        for edge in tree.edges() {
            let (stem_a, stem_b) = edge.stem_a.zip(edge.stem_b).ok_or_else(unfinished)?;
            edges.push((
                place[usize::from(edge.a)],
                place[usize::from(edge.b)],
                usize::from(stem_a),
                usize::from(stem_b),
            ));
        }
        if nodes.is_empty() {
            return Err(unfinished());
        }
        Ok(assemble(&self.vocabulary, &nodes, &edges)?)
    }
}

impl Environment for Fragments {
    type State = Tree;
    type Action = Action;

    fn source(&self) -> Tree {
        Tree::new()
    }

    fn can_stop(&self, state: &Tree) -> bool {
        state.len() >= self.min_nodes && state.ends_set()
    }

    fn step(&self, state: &mut Tree, action: Action) {
        match action {
            Action::AddNode {
                host,
                fragment,
                slot,
            } => {
                debug_assert!(state.is_free(slot), "{action:?} on {state:?}");
                debug_assert_eq!(host.is_none(), state.is_empty(), "{action:?} on {state:?}");
                state.put(slot, fragment, host);
            }
            Action::SetStem {
                node,
                neighbour,
                stem,
            } => {
                let end = state.end_mut(node, neighbour);
                debug_assert!(
                    matches!(end, Some(None)),
                    "{action:?} needs an undecided end"
                );
                if let Some(end) = end {
                    *end = Some(stem);
                }
            }
        }
    }

    fn undo(&self, state: &mut Tree, action: Action) {
        match action {
            Action::AddNode { slot, .. } => {
                debug_assert!(state.degree(slot) <= 1, "{action:?} from {state:?}");
                state.take(slot);
            }
            Action::SetStem {
                node,
                neighbour,
                stem,
            } => {
                let end = state.end_mut(node, neighbour);
                debug_assert!(
                    end.as_deref() == Some(&Some(stem)),
                    "{action:?} was not taken"
                );
                if let Some(end) = end {
                    *end = None;
                }
            }
        }
    }
}

/// One action for each orbit, in an order that does not depend on the numbering of the slots: the i-th
/// entries of the lists of two isomorphic trees are the same edge.
impl Discrete for Fragments {
    fn actions(&self, state: &Tree, out: &mut Vec<Action>) {
        let fragments = 0..self.pieces.len() as u16;
        let Some(slot) = state.free_slot().filter(|_| state.len() < self.max_nodes) else {
            return Codes::new(&self.pieces, state).settings(|action, _| {
                out.push(action);
                true
            });
        };
        if state.is_empty() {
            out.extend(fragments.map(|fragment| Action::AddNode {
                host: None,
                fragment,
                slot,
            }));
            return;
        }
        let codes = Codes::new(&self.pieces, state);
        codes.hosts(|host, _| {
            let host = Some(host);
            out.extend(fragments.clone().map(|fragment| Action::AddNode {
                host,
                fragment,
                slot,
            }));
            true
        });
        codes.settings(|action, _| {
            out.push(action);
            true
        });
    }

    fn parents(&self, state: &Tree, out: &mut Vec<Action>) {
        if state.is_empty() {
            return;
        }
        Codes::new(&self.pieces, state).removals(|action, _| {
            out.push(action);
            true
        });
    }

    fn listed_action(&self, parent: &Tree, action: Action) -> Action {
        let mut listed = action;
        match action {
            Action::AddNode { host, fragment, .. } => {
                let slot = parent.free_slot().unwrap_or_default();
                listed = Action::AddNode {
                    host,
                    fragment,
                    slot,
                };
                if let Some(host) = host {
                    let codes = Codes::new(&self.pieces, parent);
                    let wanted = codes.rooted(host);
                    codes.hosts(|host, code| {
                        if code == wanted {
                            listed = Action::AddNode {
                                host: Some(host),
                                fragment,
                                slot,
                            };
                        }
                        code != wanted
                    });
                }
            }
            Action::SetStem {
                node,
                neighbour,
                stem,
            } => {
                let codes = Codes::new(&self.pieces, parent);
                let wanted = codes.marked(node, neighbour, stem);
                codes.settings(|candidate, code| {
                    if Some(code) == wanted {
                        listed = candidate;
                    }
                    Some(code) != wanted
                });
            }
        }
        listed
    }

    fn listed_parent(&self, child: &Tree, action: Action) -> Action {
        let codes = Codes::new(&self.pieces, child);
        let wanted = match action {
            Action::AddNode { slot, .. } => Some(codes.rooted(slot)),
            Action::SetStem {
                node,
                neighbour,
                stem,
            } => codes.marked(node, neighbour, stem),
        };
        let mut listed = action;
        codes.removals(|candidate, code| {
            let same_kind = matches!(candidate, Action::AddNode { .. })
                == matches!(action, Action::AddNode { .. });
            let found = same_kind && Some(code) == wanted;
            if found {
                listed = candidate;
            }
            !found
        });
        listed
    }
}
