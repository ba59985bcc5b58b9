//! The perfect tree: b branches at every node, all leaves at one depth.
//!
//! The smallest environment with one trajectory an object: P_B is 1, and the flow of a node is the sum of
//! the rewards below it.

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Discrete, Enumerable, Environment, Reward, RewardError};
use serde::{Deserialize, Serialize};

use crate::EnvError;
use crate::counting::{in_range, positive, power, shorter_strings};

/// Most branches of a node.
pub const MAX_BRANCHING: usize = 1 << 16;

/// Most nodes of a tree.
pub const MAX_NODES: usize = 1 << 53;

/// A node by its number: level by level from the root, which is 0, each level from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node(pub u64);

/// A tree with `branching` children at each node that is no leaf; leaves at `depth` are the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerfectTree {
    branching: usize,
    depth: usize,
}

impl PerfectTree {
    /// A tree of `depth` levels below the root.
    ///
    /// # Errors
    /// `branching` outside 2 to [`MAX_BRANCHING`], or `depth` of 0 or with more than [`MAX_NODES`] nodes.
    pub fn new(branching: usize, depth: usize) -> Result<Self, EnvError> {
        in_range("branching", branching, 2..=MAX_BRANCHING)?;
        if depth == 0 || shorter_strings(branching, depth + 1) > MAX_NODES {
            let expected = format!("at least 1, with at most {MAX_NODES} nodes in all");
            return Err(EnvError::out_of_range("depth", depth, expected));
        }
        Ok(Self { branching, depth })
    }

    /// Children of a node b.
    pub fn branching(&self) -> usize {
        self.branching
    }

    /// Levels below the root.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Number of leaves, b^depth.
    pub fn num_leaves(&self) -> usize {
        power(self.branching, self.depth)
    }

    /// The place of a leaf among the leaves, from left to right; `None` for an inner node.
    pub fn leaf(&self, node: &Node) -> Option<usize> {
        usize::try_from(node.0)
            .ok()?
            .checked_sub(self.first_leaf())
            .filter(|&leaf| leaf < self.num_leaves())
    }

    fn first_leaf(&self) -> usize {
        shorter_strings(self.branching, self.depth)
    }
}

impl Environment for PerfectTree {
    type State = Node;
    /// Which child, from left to right.
    type Action = u16;

    fn source(&self) -> Node {
        Node(0)
    }

    fn can_stop(&self, state: &Node) -> bool {
        self.leaf(state).is_some()
    }

    fn step(&self, state: &mut Node, action: u16) {
        debug_assert!(self.leaf(state).is_none(), "{state:?} is a leaf");
        state.0 = state.0 * self.branching as u64 + 1 + u64::from(action);
    }

    fn undo(&self, state: &mut Node, action: u16) {
        let (parent, child) = self.way_up(state);
        debug_assert_eq!(child, action);
        state.0 = parent;
    }
}

impl PerfectTree {
    /// The parent of a node that is not the root, and which of its children the node is.
    fn way_up(&self, node: &Node) -> (u64, u16) {
        let branching = self.branching as u64;
        ((node.0 - 1) / branching, ((node.0 - 1) % branching) as u16)
    }
}

impl Discrete for PerfectTree {
    fn actions(&self, state: &Node, out: &mut Vec<u16>) {
        if self.leaf(state).is_none() {
            out.extend((0..self.branching).map(|child| child as u16));
        }
    }

    fn parents(&self, state: &Node, out: &mut Vec<u16>) {
        if state.0 > 0 {
            out.push(self.way_up(state).1);
        }
    }
}

impl Enumerable for PerfectTree {
    fn states(&self) -> Vec<Node> {
        (0..self.num_states() as u64).map(Node).collect()
    }

    fn index(&self, state: &Node) -> usize {
        state.0 as usize
    }

    fn num_states(&self) -> usize {
        shorter_strings(self.branching, self.depth + 1)
    }
}

/// For each level b features, "went to child i", from the root down; all 0 for levels that are not
/// reached. Action i goes to child i.
impl VectorEncoded for PerfectTree {
    fn num_features(&self) -> usize {
        self.branching * self.depth
    }

    fn features(&self, state: &Node, mut set: impl FnMut(usize, f32)) {
        let mut way = Vec::with_capacity(self.depth);
        let mut node = *state;
        while node.0 > 0 {
            let (parent, child) = self.way_up(&node);
            way.push(child);
            node.0 = parent;
        }
        for (level, &child) in way.iter().rev().enumerate() {
            set(level * self.branching + usize::from(child), 1.0);
        }
    }

    fn num_actions(&self) -> usize {
        self.branching
    }

    fn action_index(&self, action: u16) -> usize {
        action.into()
    }
}

/// A reward for each leaf.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafRewards {
    tree: PerfectTree,
    /// `[leaves]`
    rewards: Vec<f64>,
}

impl LeafRewards {
    /// The rewards `[leaves]` of the leaves of `tree`, from left to right.
    ///
    /// # Errors
    /// The wrong number of rewards, or one that is not positive and finite.
    pub fn new(tree: PerfectTree, rewards: Vec<f64>) -> Result<Self, EnvError> {
        let leaves = tree.num_leaves();
        in_range("number of rewards", rewards.len(), leaves..=leaves)?;
        rewards.iter().try_for_each(|&r| positive("a reward", r))?;
        Ok(Self { tree, rewards })
    }
}

impl Reward<Node> for LeafRewards {
    fn log_reward(&self, objects: &[Node]) -> Result<Vec<f64>, RewardError> {
        let score = |node: &Node| {
            let leaf = self.tree.leaf(node).ok_or_else(|| RewardError::Failed {
                object: format!("{node:?}"),
                reason: "it is not a leaf".to_owned(),
            })?;
            Ok(self.rewards[leaf].ln())
        };
        objects.iter().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::exact::{self, Dag};

    use super::*;

    /// (b^(depth + 1) - 1) / (b - 1) nodes.
    #[test]
    fn counts() {
        for (branching, depth, states, leaves) in [
            (2, 1, 3, 2),
            (2, 4, 31, 16),
            (3, 3, 40, 27),
            (10, 2, 111, 100),
        ] {
            let tree = PerfectTree::new(branching, depth).unwrap();
            assert_eq!((tree.num_states(), tree.num_leaves()), (states, leaves));
            let stops = tree.states().into_iter().filter(|s| tree.can_stop(s));
            let places: Vec<usize> = stops.filter_map(|s| tree.leaf(&s)).collect();
            assert!(places.into_iter().eq(0..leaves));
        }
    }

    /// The flow of a node is the sum of the rewards below it.
    #[test]
    fn flows_are_sums() {
        let tree = PerfectTree::new(2, 2).unwrap();
        let rewards = LeafRewards::new(tree, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let dag = Dag::new(&tree).unwrap();
        let log_reward = dag.log_reward(&rewards).unwrap();
        let solution = exact::exact_flows(&dag, &log_reward, &exact::uniform_log_pb(&dag));
        let flows = solution.log_flow.iter().map(|f| f.exp());
        let expected = [10.0, 3.0, 7.0, 1.0, 2.0, 3.0, 4.0];
        assert!(
            flows
                .zip(expected)
                .all(|(f, e): (f64, f64)| (f - e).abs() < 1e-12)
        );
        assert!(rewards.log_reward(&[Node(2)]).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(PerfectTree::new(1, 3).is_err());
        assert!(PerfectTree::new(2, 0).is_err());
        assert!(PerfectTree::new(2, 60).is_err());
        let tree = PerfectTree::new(2, 1).unwrap();
        assert!(LeafRewards::new(tree, vec![1.0]).is_err());
        assert!(LeafRewards::new(tree, vec![1.0, 0.0]).is_err());
    }
}
