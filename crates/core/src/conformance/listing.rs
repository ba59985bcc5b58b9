//! What an enumerable environment lists, checked as a whole.

use std::fmt::Debug;

use super::{Report, broken, ensure};
use crate::env::Enumerable;
use crate::error::CoreError;

/// Checks that an enumerable environment lists every state once, in a topological order, and counts
/// the same edges forward and backward: for every pair of states, as many actions lead from the one to
/// the other as parents lead back.
///
/// `longest` in the report is exact. States are compared by their index, so isomorphic states count as
/// one.
///
/// # Errors
/// [`CoreError::Conformance`] for the first breach, naming the states.
///
/// # Complexity
/// Sorts all edges.
pub fn check_edges_counted_alike<E: Enumerable>(env: &E) -> Result<Report, CoreError> {
    let states = env.states();
    check_listing(env, &states)?;
    let mut forward = actions_as_pairs(env, &states)?;
    let mut backward = parents_as_pairs(env, &states)?;
    let mut moves_before = vec![0_usize; states.len()];
    for &(from, to) in &forward {
        moves_before[to] = moves_before[to].max(moves_before[from] + 1);
    }
    let stops = (0..states.len()).filter(|&here| env.can_stop(&states[here]));
    let longest = stops.map(|here| moves_before[here] + 1).max();
    let edges = forward.len() + backward.len();
    forward.sort_unstable();
    backward.sort_unstable();
    if forward != backward {
        return Err(uneven(&states, &forward, &backward));
    }
    Ok(Report {
        states: states.len(),
        edges,
        longest: longest.unwrap_or(0),
    })
}

/// Every action as (from, to) by index, in the order of `states`.
fn actions_as_pairs<E: Enumerable>(
    env: &E,
    states: &[E::State],
) -> Result<Vec<(usize, usize)>, CoreError> {
    let (mut out, mut actions) = (Vec::new(), Vec::new());
    for (here, state) in states.iter().enumerate() {
        actions.clear();
        env.actions(state, &mut actions);
        for &action in &actions {
            let mut child = state.clone();
            env.step(&mut child, action);
            let to = env.index(&child);
            let wrong =
                |what| format!("{action:?} leads from {state:?} to {child:?}, which {what}");
            ensure(to < states.len(), || wrong("states() does not list"))?;
            ensure(to > here, || wrong("states() lists before it"))?;
            check_alike(env, &child, &states[to])?;
            out.push((here, to));
        }
    }
    Ok(out)
}

/// Every parent as (from, to) by index, in the order of `states`.
fn parents_as_pairs<E: Enumerable>(
    env: &E,
    states: &[E::State],
) -> Result<Vec<(usize, usize)>, CoreError> {
    let (mut out, mut parents) = (Vec::new(), Vec::new());
    for (here, state) in states.iter().enumerate() {
        parents.clear();
        env.parents(state, &mut parents);
        for &action in &parents {
            let mut parent = state.clone();
            env.undo(&mut parent, action);
            let from = env.index(&parent);
            ensure(from < here, || {
                format!(
                    "undoing {action:?} in {state:?} gives {parent:?}, which is not listed before it"
                )
            })?;
            out.push((from, here));
        }
    }
    Ok(out)
}

fn check_listing<E: Enumerable>(env: &E, states: &[E::State]) -> Result<(), CoreError> {
    ensure(states.first() == Some(&env.source()), || {
        format!(
            "states() begins with {:?}, not with the source",
            states.first()
        )
    })?;
    let count = env.num_states();
    ensure(count == states.len(), || {
        format!(
            "num_states() is {count} and states() lists {}",
            states.len()
        )
    })?;
    for (place, state) in states.iter().enumerate() {
        let index = env.index(state);
        ensure(index == place, || {
            format!("index({state:?}) is {index} and states() lists it at {place}")
        })?;
    }
    Ok(())
}

/// States with one index have as many edges as each other, or they are not isomorphic.
fn check_alike<E: Enumerable>(
    env: &E,
    state: &E::State,
    other: &E::State,
) -> Result<(), CoreError> {
    if state == other {
        return Ok(());
    }
    let shape = |state| {
        let (mut actions, mut parents) = (Vec::new(), Vec::new());
        env.actions(state, &mut actions);
        env.parents(state, &mut parents);
        (actions.len(), parents.len(), env.can_stop(state))
    };
    ensure(shape(state) == shape(other), || {
        format!("{state:?} and {other:?} have one index but not the same numbers of edges")
    })
}

/// The first pair of states whose edges differ in number; both lists are sorted.
fn uneven<S: Debug>(
    states: &[S],
    forward: &[(usize, usize)],
    backward: &[(usize, usize)],
) -> CoreError {
    let place = forward
        .iter()
        .zip(backward)
        .take_while(|(f, b)| f == b)
        .count();
    let first = [forward.get(place), backward.get(place)]
        .into_iter()
        .flatten()
        .min();
    let &pair = first.expect("the lists differ, so one goes on");
    let count = |edges: &[(usize, usize)]| edges.iter().filter(|&&edge| edge == pair).count();
    broken(format!(
        "{} actions lead from {:?} to {:?} and {} parents lead back; both must count the same edges",
        count(forward),
        states[pair.0],
        states[pair.1],
        count(backward),
    ))
}
