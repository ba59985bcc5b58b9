//! An environment whose graphs are drawn once.

use anabranch_core::encode::{Graph, GraphEncoded, GraphShape, GraphSlot};
use anabranch_core::exact::Dag;
use anabranch_core::{Discrete, Enumerable, Environment, Frontier, Move};

/// An enumerable environment written down: states and actions are numbers, edges and graphs are looked
/// up.
///
/// Where edges are found by canonical labelling, training on this one is several times faster and draws
/// the same values: states, moves and parents stand in the order of the environment that it is made of.
pub struct Numbered<S> {
    dag: Dag<S>,
    /// `[M]` the state that each move leaves.
    origins: Vec<usize>,
    /// `[P]` the move that is the same edge as each parent.
    moves: Vec<usize>,
    shape: GraphShape,
    /// `[N]` graph with the slots of moves (stopping has none) and of parents.
    drawings: Vec<(Graph, Vec<GraphSlot>, Vec<GraphSlot>)>,
}

impl<S: Clone + std::fmt::Debug + PartialEq + Send + Sync> Numbered<S> {
    /// Writes down `env`.
    ///
    /// # Errors
    /// Where the environment breaks its contract.
    pub fn new<E: Enumerable<State = S> + GraphEncoded>(env: &E) -> anyhow::Result<Self> {
        let dag = Dag::new(env)?;
        let mut origins = Vec::with_capacity(dag.num_moves());
        let mut moves = vec![0; dag.num_parents()];
        let mut drawings = Vec::with_capacity(dag.len());
        for (number, state) in dag.states().iter().enumerate() {
            for index in dag.moves(number) {
                origins.push(number);
                if let Some(parent) = dag.parent_of_move(index) {
                    moves[parent] = index;
                }
            }
            let here = Frontier::new(env, vec![state.clone()], Vec::new());
            let actions = here.moves.items().iter().filter_map(|m| match m {
                Move::Apply(action) => Some(*action),
                Move::Stop => None,
            });
            drawings.push(env.graph(state, &actions.collect::<Vec<_>>(), here.parents.items()));
        }
        Ok(Self {
            dag,
            origins,
            moves,
            shape: env.graph_shape(),
            drawings,
        })
    }

    /// States and edges of the environment that it is made of.
    pub fn dag(&self) -> &Dag<S> {
        &self.dag
    }
}

impl<S: Sync> Environment for Numbered<S> {
    type State = usize;
    /// A move of the [`dag`](Numbered::dag).
    type Action = usize;

    fn source(&self) -> usize {
        0
    }

    fn can_stop(&self, state: &usize) -> bool {
        self.dag.can_stop(*state)
    }

    fn step(&self, state: &mut usize, action: usize) {
        *state = self.dag.child(action).expect("stopping is no action");
    }

    fn undo(&self, state: &mut usize, action: usize) {
        *state = self.origins[action];
    }
}

impl<S: Sync> Discrete for Numbered<S> {
    fn actions(&self, state: &usize, out: &mut Vec<usize>) {
        let moves = self.dag.moves(*state);
        out.extend(moves.filter(|&index| self.dag.child(index).is_some()));
    }

    fn parents(&self, state: &usize, out: &mut Vec<usize>) {
        out.extend_from_slice(&self.moves[self.dag.parents(*state)]);
    }
}

impl<S: Sync> Enumerable for Numbered<S> {
    fn states(&self) -> Vec<usize> {
        (0..self.dag.len()).collect()
    }

    fn index(&self, state: &usize) -> usize {
        *state
    }

    fn num_states(&self) -> usize {
        self.dag.len()
    }
}

impl<S: Sync> GraphEncoded for Numbered<S> {
    fn graph_shape(&self) -> GraphShape {
        self.shape
    }

    fn graph(
        &self,
        state: &usize,
        actions: &[usize],
        parents: &[usize],
    ) -> (Graph, Vec<GraphSlot>, Vec<GraphSlot>) {
        let (graph, forward, backward) = &self.drawings[*state];
        let first = self.dag.moves(*state).start;
        let own = self.dag.parents(*state);
        let parent = |&edge: &usize| {
            let at = self.moves[own.clone()].iter().position(|&m| m == edge);
            backward[at.expect("a parent comes from the list of them")]
        };
        (
            graph.clone(),
            actions.iter().map(|&edge| forward[edge - first]).collect(),
            parents.iter().map(parent).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::Seed;
    use anabranch_core::conformance;
    use anabranch_envs::Enumerated;
    use anabranch_envs::coloured_graph::ColouredGraphs;
    use anabranch_learn::policy::{MessagePassing, MessagePassingConfig, Policy};

    #[test]
    fn numbers_stand_for_the_graphs() {
        let env = ColouredGraphs::new(4).expect("few nodes");
        let env = Enumerated::new(env, 100).expect("66 states");
        let numbered = Numbered::new(&env).expect("writes down");
        conformance::check_edges_counted_alike(&numbered).expect("a sound environment");
        let config = MessagePassingConfig {
            width: 8,
            learned_backward: true,
            flow: true,
            ..MessagePassingConfig::default()
        };
        let mut rng = Seed::new(0).stream("init", &[]);
        let plain = MessagePassing::new(&env, 0, config, 0.0, &mut rng);
        let mut rng = Seed::new(0).stream("init", &[]);
        let fast = MessagePassing::new(&numbered, 0, config, 0.0, &mut rng);
        let plain = plain.scores(&Frontier::new(&env, env.states(), Vec::new()));
        let fast = fast.scores(&Frontier::new(&numbered, numbered.states(), Vec::new()));
        assert_eq!(plain.expect("scores"), fast.expect("scores"));
    }
}
