//! The contract of an environment, checked by walking through it.
//!
//! An environment that lies about an edge does not crash: it trains towards a wrong distribution.
//! Every environment therefore has a test that calls [`check`], and a small instance of every
//! enumerable one also calls [`check_edges_counted_alike`].

mod laws;
mod listing;

use std::fmt::Debug;

use rand::RngExt;

pub use laws::{Laws, check_laws};
pub use listing::check_edges_counted_alike;

use crate::env::{Discrete, Move, moves};
use crate::error::CoreError;
use crate::rng::{Seed, Stream};

/// A walk with more steps than this is taken for one that never ends.
pub const MAX_STEPS: usize = 100_000;

/// How many of a walk's latest states each new one is compared with, to find cycles.
const MEMORY: usize = 64;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// States checked; [`check`] counts a state again each time that a walk visits it.
    pub states: usize,
    /// Edges checked, forward and backward listings each counted, stopping not.
    pub edges: usize,
    /// Number of moves of the longest trajectory, stopping included.
    pub longest: usize,
}

/// Walks `walks` times at random from the source to a stop and at random home again, and checks every
/// state on the way:
///
/// - the source is always the same state; it has no parents and every other state has at least one;
/// - `actions` and `parents` append, list the same each time, and list nothing twice;
/// - there is a move: an action, or stopping;
/// - each action leads to another state, from which `undo` returns exactly the same one, and
///   `listed_parent` names it among the child's parents;
/// - each parent is undone and stepped again to exactly the same state, and `listed_action` names it
///   among the parent's actions;
/// - no walk meets a state again or takes more than [`MAX_STEPS`] steps.
///
/// Every second walk stops only one time in sixteen where it could go on, so that long trajectories
/// are seen too.
///
/// ```
/// # use anabranch_core::{Discrete, Environment};
/// use anabranch_core::{Seed, conformance};
/// /// Counts to three; may stop anywhere.
/// struct Count;
/// # impl Environment for Count {
/// #     type State = u8;
/// #     type Action = ();
/// #     fn source(&self) -> u8 { 0 }
/// #     fn can_stop(&self, _: &u8) -> bool { true }
/// #     fn step(&self, state: &mut u8, _: ()) { *state += 1; }
/// #     fn undo(&self, state: &mut u8, _: ()) { *state -= 1; }
/// # }
/// # impl Discrete for Count {
/// #     fn actions(&self, state: &u8, out: &mut Vec<()>) { if *state < 3 { out.push(()); } }
/// #     fn parents(&self, state: &u8, out: &mut Vec<()>) { if *state > 0 { out.push(()); } }
/// # }
/// let report = conformance::check(&Count, Seed::new(0), 20)?;
/// assert_eq!(report.longest, 4);
/// # Ok::<(), anabranch_core::CoreError>(())
/// ```
///
/// # Errors
/// [`CoreError::Conformance`] for the first breach, naming the state and the action.
pub fn check<E: Discrete>(env: &E, seed: Seed, walks: usize) -> Result<Report, CoreError> {
    let source = env.source();
    let again = env.source();
    ensure(source == again, || {
        format!("the source is {source:?} and, asked again, {again:?}")
    })?;
    let mut report = Report::default();
    check_state(env, &source, &source, &mut report)?;
    for walk in 0..walks {
        let mut stream = seed.stream("conformance", &[walk as u64]);
        let object = walk_to_a_stop(env, &source, walk % 2 == 1, &mut stream, &mut report)?;
        walk_home(env, &source, object, &mut stream, &mut report)?;
    }
    Ok(report)
}

fn walk_to_a_stop<E: Discrete>(
    env: &E,
    source: &E::State,
    reluctant: bool,
    stream: &mut Stream,
    report: &mut Report,
) -> Result<E::State, CoreError> {
    let mut state = source.clone();
    let mut path = Vec::new();
    let mut options = Vec::new();
    for steps in 1..=MAX_STEPS {
        options.clear();
        moves(env, &state, &mut options);
        let goes_on = reluctant && options.len() > 1 && stream.random_range(0..16) > 0;
        if goes_on && options.last() == Some(&Move::Stop) {
            options.pop();
        }
        // The state has been checked to have a move.
        match options[stream.random_range(0..options.len())] {
            Move::Stop => {
                report.longest = report.longest.max(steps);
                return Ok(state);
            }
            Move::Apply(action) => {
                path.push(state.clone());
                env.step(&mut state, action);
                refuse_cycle::<E>(&path, &state)?;
                check_state(env, source, &state, report)?;
            }
        }
    }
    Err(broken(format!(
        "a walk forward did not stop within {MAX_STEPS} steps; it reached {state:?}"
    )))
}

fn walk_home<E: Discrete>(
    env: &E,
    source: &E::State,
    mut state: E::State,
    stream: &mut Stream,
    report: &mut Report,
) -> Result<(), CoreError> {
    let mut path = Vec::new();
    let mut parents = Vec::new();
    for _ in 0..MAX_STEPS {
        parents.clear();
        env.parents(&state, &mut parents);
        if parents.is_empty() {
            return Ok(()); // check_state has found this to be the source.
        }
        let action = parents[stream.random_range(0..parents.len())];
        path.push(state.clone());
        env.undo(&mut state, action);
        refuse_cycle::<E>(&path, &state)?;
        check_state(env, source, &state, report)?;
    }
    Err(broken(format!(
        "a walk backward did not reach the source within {MAX_STEPS} steps; it reached {state:?}"
    )))
}

fn refuse_cycle<E: Discrete>(path: &[E::State], state: &E::State) -> Result<(), CoreError> {
    ensure(!path.iter().rev().take(MEMORY).any(|s| s == state), || {
        format!("a walk in one direction met {state:?} again; the graph must have no cycles")
    })
}

fn check_state<E: Discrete>(
    env: &E,
    source: &E::State,
    state: &E::State,
    report: &mut Report,
) -> Result<(), CoreError> {
    let actions = listed(state, "actions", |out| env.actions(state, out))?;
    let parents = listed(state, "parents", |out| env.parents(state, out))?;
    ensure(!actions.is_empty() || env.can_stop(state), || {
        format!("{state:?} has no action and cannot stop")
    })?;
    ensure(state != source || parents.is_empty(), || {
        format!("the source {state:?} has the parents {parents:?}")
    })?;
    ensure(state == source || !parents.is_empty(), || {
        format!("{state:?} has no parents and is not the source {source:?}")
    })?;
    for &action in &actions {
        check_action(env, state, action)?;
    }
    for &action in &parents {
        check_parent(env, state, action)?;
    }
    report.states += 1;
    report.edges += actions.len() + parents.len();
    Ok(())
}

fn check_action<E: Discrete>(
    env: &E,
    state: &E::State,
    action: E::Action,
) -> Result<(), CoreError> {
    let mut child = state.clone();
    env.step(&mut child, action);
    ensure(child != *state, || {
        format!("{action:?} leaves {state:?} as it is")
    })?;
    let mut back = child.clone();
    env.undo(&mut back, action);
    ensure(back == *state, || {
        format!("{action:?} leads from {state:?} to {child:?}, and undoing it gives {back:?}")
    })?;
    let entry = env.listed_parent(&child, action);
    let mut parents = Vec::new();
    env.parents(&child, &mut parents);
    ensure(parents.contains(&entry), || {
        format!(
            "{action:?} leads from {state:?} to {child:?}, where it is listed as {entry:?}, which is \
             not among the parents {parents:?}"
        )
    })
}

fn check_parent<E: Discrete>(
    env: &E,
    state: &E::State,
    action: E::Action,
) -> Result<(), CoreError> {
    let mut parent = state.clone();
    env.undo(&mut parent, action);
    let mut again = parent.clone();
    env.step(&mut again, action);
    ensure(again == *state, || {
        format!("undoing {action:?} in {state:?} gives {parent:?}, and taking it again {again:?}")
    })?;
    let entry = env.listed_action(&parent, action);
    let mut actions = Vec::new();
    env.actions(&parent, &mut actions);
    ensure(actions.contains(&entry), || {
        format!(
            "undoing {action:?} in {state:?} gives {parent:?}, where it is listed as {entry:?}, which \
             is not among the actions {actions:?}"
        )
    })
}

/// What `list` appends, asked twice into one vector, so that clearing it or changing one's mind shows.
fn listed<S: Debug, A: Copy + Eq + Debug>(
    state: &S,
    name: &str,
    list: impl Fn(&mut Vec<A>),
) -> Result<Vec<A>, CoreError> {
    let mut out = Vec::new();
    list(&mut out);
    let count = out.len();
    list(&mut out);
    ensure(
        out.len() == 2 * count && out[..count] == out[count..],
        || format!("{name} of {state:?} must append the same list each time; twice gave {out:?}"),
    )?;
    out.truncate(count);
    for (place, action) in out.iter().enumerate() {
        ensure(!out[..place].contains(action), || {
            format!("{action:?} is twice among the {name} of {state:?}: {out:?}")
        })?;
    }
    Ok(out)
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), CoreError> {
    if holds {
        Ok(())
    } else {
        Err(broken(message()))
    }
}

fn broken(message: String) -> CoreError {
    CoreError::Conformance(message)
}
