//! Rooted binary trees over n taxa, joined from the leaves upwards.
//!
//! Zhou et al. 2024, PhyloGFN (arXiv 2310.08774), with parsimony as the reward: a state is a forest, an
//! action joins two trees under a new root, and one tree is an object. There are (2n - 3)!! of them.

mod alignment;
mod parsimony;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Discrete, Environment};
use serde::{Deserialize, Serialize};

pub use self::alignment::Alignment;
pub use self::parsimony::Parsimony;
use crate::EnvError;

/// Most taxa of a forest.
pub const MAX_TAXA: usize = 32;

/// A forest of rooted binary trees as the sets of taxa below its inner nodes: bit i stands for taxon i.
///
/// The sets say all: in every forest each is inside another or apart from it. Goes to files as their
/// list; sets that cross are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct Forest {
    /// In increasing order; every set is larger as a number than its subsets.
    clades: Vec<u32>,
}

impl Forest {
    /// The forest with inner nodes above the sets `clades` of taxa, in any order.
    ///
    /// # Errors
    /// A set given twice or that is not two trees of the rest joined, which is so whenever sets cross.
    pub fn from_clades(clades: &[u32]) -> Result<Self, EnvError> {
        let mut clades = clades.to_vec();
        clades.sort_unstable();
        let mut out = Self::default();
        for clade in clades {
            let below: Vec<u32> = out
                .roots(MAX_TAXA)
                .filter(|root| root & clade != 0)
                .collect();
            let whole = below.len() == 2 && below[0] | below[1] == clade;
            if !whole {
                return Err(EnvError::BadGraph {
                    reason: format!(
                        "the set {clade:#b} of taxa is not two trees joined; give one set for each inner \
                         node of a binary forest"
                    ),
                });
            }
            out.clades.push(clade);
        }
        Ok(out)
    }

    /// The sets of taxa below the inner nodes, every set after its subsets.
    pub fn clades(&self) -> &[u32] {
        &self.clades
    }

    /// The trees as sets of the first `taxa` taxa, in the order of their first taxon.
    pub fn roots(&self, taxa: usize) -> impl Iterator<Item = u32> + '_ {
        (0..taxa).filter_map(|taxon| {
            let leaf = 1_u32 << taxon;
            let root = self.root_of(leaf);
            (root & (leaf - 1) == 0).then_some(root)
        })
    }

    /// The two subtrees below an inner node, that with the first taxon first.
    pub fn children(&self, clade: u32) -> (u32, u32) {
        let below = |leaf: u32| {
            let inside = |c: &&u32| *c & leaf != 0 && **c != clade && *c & !clade == 0;
            self.clades
                .iter()
                .rev()
                .find(inside)
                .copied()
                .unwrap_or(leaf)
        };
        let first = below(clade & clade.wrapping_neg());
        (first, clade & !first)
    }

    /// The largest set that holds `leaf`: of nested sets the largest number.
    fn root_of(&self, leaf: u32) -> u32 {
        let holding = self.clades.iter().rev().find(|&clade| clade & leaf != 0);
        holding.copied().unwrap_or(leaf)
    }

    /// Number of taxa in the smallest tree part that holds both, 0 where none does.
    fn common(&self, one: usize, other: usize) -> u32 {
        let both = 1 << one | 1 << other;
        let holding = self.clades.iter().find(|&clade| clade & both == both);
        holding.map_or(0, |clade| clade.count_ones())
    }
}

impl TryFrom<Vec<u32>> for Forest {
    type Error = EnvError;

    fn try_from(clades: Vec<u32>) -> Result<Self, EnvError> {
        Self::from_clades(&clades)
    }
}

impl From<Forest> for Vec<u32> {
    fn from(forest: Forest) -> Self {
        forest.clades
    }
}

/// Two trees under one new root, as sets of taxa; `left` has the first taxon of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Join {
    /// One tree.
    pub left: u32,
    /// The other tree.
    pub right: u32,
}

/// Forests over n taxa; complete as one tree.
///
/// ```
/// use anabranch_core::{Discrete, Environment};
/// use anabranch_envs::phylogeny::Phylogeny;
///
/// let env = Phylogeny::new(4)?;
/// let mut actions = Vec::new();
/// env.actions(&env.source(), &mut actions);
/// assert_eq!(actions.len(), 6); // any two of four
/// # Ok::<(), anabranch_envs::EnvError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phylogeny {
    taxa: usize,
}

impl Phylogeny {
    /// Forests over `taxa` taxa; up to seven can be written down by
    /// [`Enumerated`](crate::Enumerated) (10,395 trees).
    ///
    /// # Errors
    /// `taxa` outside 2 to [`MAX_TAXA`].
    pub fn new(taxa: usize) -> Result<Self, EnvError> {
        check_taxa(taxa)?;
        Ok(Self { taxa })
    }

    /// Number of taxa n.
    pub fn taxa(&self) -> usize {
        self.taxa
    }

    /// The tree in Newick notation with the given names of the taxa, `[n]`, or several trees, a line
    /// each.
    ///
    /// # Panics
    /// If there is no name for a taxon.
    pub fn newick(&self, forest: &Forest, names: &[String]) -> String {
        let trees = forest
            .roots(self.taxa)
            .map(|root| write(forest, root, names) + ";");
        trees.collect::<Vec<_>>().join("\n")
    }
}

fn write(forest: &Forest, clade: u32, names: &[String]) -> String {
    if clade.count_ones() == 1 {
        return names[clade.trailing_zeros() as usize].clone();
    }
    let (left, right) = forest.children(clade);
    format!(
        "({},{})",
        write(forest, left, names),
        write(forest, right, names)
    )
}

fn check_taxa(taxa: usize) -> Result<(), EnvError> {
    if (2..=MAX_TAXA).contains(&taxa) {
        return Ok(());
    }
    Err(EnvError::out_of_range(
        "taxa",
        taxa,
        format!("2 to {MAX_TAXA}"),
    ))
}

impl Environment for Phylogeny {
    type State = Forest;
    type Action = Join;

    fn source(&self) -> Forest {
        Forest::default()
    }

    fn can_stop(&self, state: &Forest) -> bool {
        state.clades.len() + 1 == self.taxa
    }

    fn step(&self, state: &mut Forest, action: Join) {
        let clade = action.left | action.right;
        let place = state.clades.partition_point(|&c| c < clade);
        state.clades.insert(place, clade);
    }

    fn undo(&self, state: &mut Forest, action: Join) {
        let clade = action.left | action.right;
        debug_assert!(state.clades.contains(&clade), "{state:?} has no {clade:#b}");
        state.clades.retain(|&c| c != clade);
    }
}

impl Discrete for Phylogeny {
    fn actions(&self, state: &Forest, out: &mut Vec<Join>) {
        let roots: Vec<u32> = state.roots(self.taxa).collect();
        for (place, &left) in roots.iter().enumerate() {
            out.extend(roots[place + 1..].iter().map(|&right| Join { left, right }));
        }
    }

    fn parents(&self, state: &Forest, out: &mut Vec<Join>) {
        let joined = state.roots(self.taxa).filter(|root| root.count_ones() > 1);
        out.extend(joined.map(|root| {
            let (left, right) = state.children(root);
            Join { left, right }
        }));
    }
}

/// For every pair of taxa the share of the taxa in the smallest clade that holds both, 0 where none
/// does: n (n - 1) / 2 features from which the forest can be read. As many actions: a tree is named by
/// its first taxon, and a join by the two, forward and backward.
impl VectorEncoded for Phylogeny {
    fn num_features(&self) -> usize {
        self.taxa * (self.taxa - 1) / 2
    }

    fn features(&self, state: &Forest, mut set: impl FnMut(usize, f32)) {
        for j in 1..self.taxa {
            for i in 0..j {
                set(pair(i, j), state.common(i, j) as f32 / self.taxa as f32);
            }
        }
    }

    fn num_actions(&self) -> usize {
        self.taxa * (self.taxa - 1) / 2
    }

    fn action_index(&self, action: Join) -> usize {
        let first = |tree: u32| tree.trailing_zeros() as usize;
        pair(first(action.left), first(action.right))
    }
}

/// The number of the pair i < j.
fn pair(i: usize, j: usize) -> usize {
    j * (j - 1) / 2 + i
}
