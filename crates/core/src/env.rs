//! What an environment is: one pointed DAG of partial objects, described one state at a time.

use std::fmt::Debug;

/// A pointed directed acyclic graph whose nodes are partial objects.
///
/// Stopping is not an action: it is the edge from a complete object to the sink, with backward
/// probability one, and the library owns it. An environment only answers [`can_stop`](Self::can_stop).
///
/// # What breaks if an implementor lies
/// If [`undo`](Self::undo) is not the exact inverse of [`step`](Self::step), backward sampling visits
/// objects that were never built and every balance objective trains towards a wrong distribution,
/// silently. Run [`conformance::check`](crate::conformance::check) on every environment.
pub trait Environment: Sync {
    /// A partial object. Plain data.
    type State: Clone + Debug + PartialEq + Send + Sync;
    /// An edge out of a state, except stopping.
    type Action: Copy + Eq + Debug + Send + Sync;

    /// The empty object s_0.
    fn source(&self) -> Self::State;
    /// Whether `state` is a complete object, so that a trajectory may end there.
    fn can_stop(&self, state: &Self::State) -> bool;
    /// Applies a legal action.
    fn step(&self, state: &mut Self::State, action: Self::Action);
    /// Takes back an action that led into `state`: the exact inverse of [`step`](Self::step).
    fn undo(&self, state: &mut Self::State, action: Self::Action);
}

/// An environment whose edges can be listed.
///
/// # What breaks if an implementor lies
/// Forward and backward must list the same edges of the same multigraph. Two actions that lead to
/// isomorphic children are two edges in both lists or one in both; otherwise p(x) is silently biased
/// by |Aut(x)|.
pub trait Discrete: Environment {
    /// Appends the legal actions of `state`, in a fixed order.
    fn actions(&self, state: &Self::State, out: &mut Vec<Self::Action>);

    /// Appends the actions that can have led into `state`, in a fixed order; each can be undone.
    fn parents(&self, state: &Self::State, out: &mut Vec<Self::Action>);

    /// The entry of [`actions`](Self::actions)`(parent)` that is the same edge as `action`.
    ///
    /// Differs from `action` only where several labelled actions are one edge, because they lead to
    /// isomorphic children.
    fn listed_action(&self, _parent: &Self::State, action: Self::Action) -> Self::Action {
        action
    }

    /// The entry of [`parents`](Self::parents)`(child)` that is the same edge as `action`, by which
    /// `child` was entered.
    fn listed_parent(&self, _child: &Self::State, action: Self::Action) -> Self::Action {
        action
    }
}

/// An environment small enough to write all of its states down.
pub trait Enumerable: Discrete {
    /// Every reachable state once, in a topological order: no state stands before a parent of it.
    fn states(&self) -> Vec<Self::State>;

    /// The place of `state` in [`states`](Self::states); the same for isomorphic states.
    fn index(&self, state: &Self::State) -> usize;

    /// How many states there are, without listing them where that is possible.
    fn num_states(&self) -> usize {
        self.states().len()
    }
}

/// What can be done in a state: an action of the environment, or to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move<A> {
    /// Go on building.
    Apply(A),
    /// The object is finished: the edge to the sink.
    Stop,
}

/// All legal moves of `state`: the environment's actions in their order, then stopping where allowed.
pub fn moves<E: Discrete>(env: &E, state: &E::State, out: &mut Vec<Move<E::Action>>) {
    let mut actions = Vec::new();
    env.actions(state, &mut actions);
    out.extend(actions.into_iter().map(Move::Apply));
    if env.can_stop(state) {
        out.push(Move::Stop);
    }
}
