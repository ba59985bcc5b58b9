//! Small environments and trajectories that the tests of this crate share.
#![allow(dead_code, reason = "each test file uses its part")]

use anabranch_core::exact::{Dag, Solution};
use anabranch_core::rng::Stream;
use anabranch_core::{Discrete, Enumerable, Environment, Given, Ragged, Terms};
use rand::RngExt;

/// The corner of a two-dimensional grid: each action adds one to a coordinate; stop anywhere.
pub struct Grid {
    pub side: usize,
}

impl Environment for Grid {
    type State = [usize; 2];
    type Action = usize;

    fn source(&self) -> [usize; 2] {
        [0, 0]
    }

    fn can_stop(&self, _: &[usize; 2]) -> bool {
        true
    }

    fn step(&self, state: &mut [usize; 2], action: usize) {
        state[action] += 1;
    }

    fn undo(&self, state: &mut [usize; 2], action: usize) {
        state[action] -= 1;
    }
}

impl Discrete for Grid {
    fn actions(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        out.extend((0..2).filter(|&d| state[d] + 1 < self.side));
    }

    fn parents(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        out.extend((0..2).filter(|&d| state[d] > 0));
    }
}

impl Enumerable for Grid {
    fn states(&self) -> Vec<[usize; 2]> {
        let column = |y| (0..self.side).map(move |x| [x, y]);
        (0..self.side).flat_map(column).collect()
    }

    fn index(&self, state: &[usize; 2]) -> usize {
        state[0] + self.side * state[1]
    }
}

/// A random DAG whose edges have numbers: edges may skip layers and several may join one pair.
pub struct Layered {
    /// Edge `a` leads from `edges[a].0` to `edges[a].1`.
    pub edges: Vec<(usize, usize)>,
    /// Whether each state is a complete object.
    pub stops: Vec<bool>,
}

impl Layered {
    /// `layers` layers of `width` states after the source.
    pub fn random(layers: usize, width: usize, stream: &mut Stream) -> Self {
        let count = 1 + layers * width;
        let layer = |state: usize| state.div_ceil(width);
        let mut edges = Vec::new();
        for to in 1..count {
            // One parent in the layer just before keeps every state reachable.
            let previous: Vec<usize> = (0..to).filter(|&s| layer(s) + 1 == layer(to)).collect();
            edges.push((previous[stream.random_range(0..previous.len())], to));
            for _ in 0..stream.random_range(0..4) {
                let earlier = (0..to).filter(|&s| layer(s) < layer(to)).count();
                edges.push((stream.random_range(0..earlier), to));
            }
        }
        let leads_on = |state| edges.iter().any(|&(from, _)| from == state);
        let stops = (0..count)
            .map(|s| !leads_on(s) || stream.random())
            .collect();
        Self { edges, stops }
    }
}

impl Environment for Layered {
    type State = usize;
    type Action = usize;

    fn source(&self) -> usize {
        0
    }

    fn can_stop(&self, state: &usize) -> bool {
        self.stops[*state]
    }

    fn step(&self, state: &mut usize, action: usize) {
        assert_eq!(*state, self.edges[action].0);
        *state = self.edges[action].1;
    }

    fn undo(&self, state: &mut usize, action: usize) {
        assert_eq!(*state, self.edges[action].1);
        *state = self.edges[action].0;
    }
}

impl Discrete for Layered {
    fn actions(&self, state: &usize, out: &mut Vec<usize>) {
        out.extend((0..self.edges.len()).filter(|&a| self.edges[a].0 == *state));
    }

    fn parents(&self, state: &usize, out: &mut Vec<usize>) {
        // Backwards, so that a parent's place is not that of its action.
        out.extend(
            (0..self.edges.len())
                .rev()
                .filter(|&a| self.edges[a].1 == *state),
        );
    }
}

impl Enumerable for Layered {
    fn states(&self) -> Vec<usize> {
        (0..self.stops.len()).collect()
    }

    fn index(&self, state: &usize) -> usize {
        *state
    }
}

/// Two counters up to `most` that nobody can tell apart: (1, 0) and (0, 1) are one object, and equal
/// counters have one action and one parent between them.
pub struct Pairs {
    pub most: usize,
    /// List the parents of equal counters twice: the bias by |Aut(x)|.
    pub count_parents_twice: bool,
}

impl Pairs {
    fn slots(state: &[usize; 2]) -> std::ops::Range<usize> {
        if state[0] == state[1] { 0..1 } else { 0..2 }
    }
}

impl Environment for Pairs {
    type State = [usize; 2];
    type Action = usize;

    fn source(&self) -> [usize; 2] {
        [0, 0]
    }

    fn can_stop(&self, _: &[usize; 2]) -> bool {
        true
    }

    fn step(&self, state: &mut [usize; 2], action: usize) {
        state[action] += 1;
    }

    fn undo(&self, state: &mut [usize; 2], action: usize) {
        state[action] -= 1;
    }
}

impl Discrete for Pairs {
    fn actions(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        out.extend(Self::slots(state).filter(|&slot| state[slot] < self.most));
    }

    fn parents(&self, state: &[usize; 2], out: &mut Vec<usize>) {
        let slots = if self.count_parents_twice {
            0..2
        } else {
            Self::slots(state)
        };
        out.extend(slots.filter(|&slot| state[slot] > 0));
    }

    fn listed_action(&self, parent: &[usize; 2], action: usize) -> usize {
        if parent[0] == parent[1] { 0 } else { action }
    }

    fn listed_parent(&self, child: &[usize; 2], action: usize) -> usize {
        if child[0] == child[1] && !self.count_parents_twice {
            0
        } else {
            action
        }
    }
}

impl Enumerable for Pairs {
    fn states(&self) -> Vec<[usize; 2]> {
        // The smaller counter first, so that the first step from the source leaves the listed ones.
        (0..=self.most)
            .flat_map(|high| (0..=high).map(move |low| [low, high]))
            .collect()
    }

    fn index(&self, state: &[usize; 2]) -> usize {
        let (low, high) = (state[0].min(state[1]), state[0].max(state[1]));
        high * (high + 1) / 2 + low
    }
}

/// `[n]` standard-normal-like numbers: sums of uniforms are good enough to disturb with.
pub fn noise(stream: &mut Stream, n: usize) -> Vec<f64> {
    let one = |stream: &mut Stream| (0..12).map(|_| stream.random::<f64>()).sum::<f64>() - 6.0;
    (0..n).map(|_| one(stream)).collect()
}

/// Random terms with flows of one trajectory for each length.
pub fn random_terms(stream: &mut Stream, lengths: &[usize]) -> Terms {
    let rows = |stream: &mut Stream| -> Ragged<f64> {
        lengths.iter().map(|&n| noise(stream, n)).collect()
    };
    let (log_pf, log_pb, flows) = (rows(stream), rows(stream), rows(stream));
    let (log_z, log_reward) = (noise(stream, lengths.len()), noise(stream, lengths.len()));
    let mut terms = Terms::new(log_pf, log_pb, log_z, log_reward);
    terms.log_flow = Some(flows.items().to_vec());
    terms.log_stop = Some(noise(stream, flows.items().len()));
    terms
}

/// Random constants beside `terms`, all of them; the first half of the trajectories is one group.
pub fn random_given(stream: &mut Stream, terms: &Terms) -> Given {
    let (edges, objects) = (terms.log_pf.len(), terms.len());
    Given {
        log_reward_at: Some(noise(stream, edges)),
        log_prior: Some(noise(stream, objects)),
        log_guide: Some(noise(stream, objects)),
        log_flow_target: Some(noise(stream, edges)),
        log_pf_target: Some(noise(stream, edges)),
        log_pf_behaviour: Some(noise(stream, edges)),
        log_path_count: Some(noise(stream, objects)),
        group: Some((0..objects).map(|b| 2 * b / objects.max(1)).collect()),
    }
}

/// One way of building an object: the numbers of its states and of the moves that left them.
pub struct Path {
    pub states: Vec<usize>,
    pub moves: Vec<usize>,
}

/// Every complete trajectory, by depth-first search.
pub fn all_paths<S>(dag: &Dag<S>) -> Vec<Path> {
    let mut out = Vec::new();
    let mut open = vec![(vec![0], Vec::new())];
    while let Some((states, moves)) = open.pop() {
        let last = *states.last().unwrap();
        for index in dag.moves(last) {
            let mut moves: Vec<usize> = moves.clone();
            let mut states: Vec<usize> = states.clone();
            moves.push(index);
            match dag.child(index) {
                Some(child) => {
                    states.push(child);
                    open.push((states, moves));
                }
                None => out.push(Path { states, moves }),
            }
        }
    }
    out
}

/// The terms of `paths` under `solution` and `log_pb` `[P]`.
pub fn terms_of<S>(
    dag: &Dag<S>,
    paths: &[Path],
    solution: &Solution,
    log_pb: &[f64],
    log_reward: &[f64],
) -> Terms {
    let back = |&index: &usize| {
        dag.parent_of_move(index)
            .map_or(0.0, |parent| log_pb[parent])
    };
    let rows = |f: &dyn Fn(&Path) -> Vec<f64>| -> Ragged<f64> { paths.iter().map(f).collect() };
    let mut terms = Terms::new(
        rows(&|path| {
            path.moves
                .iter()
                .map(|&index| solution.log_pf[index])
                .collect()
        }),
        rows(&|path| path.moves.iter().map(back).collect()),
        vec![solution.log_z; paths.len()],
        paths
            .iter()
            .map(|path| log_reward[*path.states.last().unwrap()])
            .collect(),
    );
    let flows = rows(&|path| path.states.iter().map(|&s| solution.log_flow[s]).collect());
    terms.log_flow = Some(flows.items().to_vec());
    terms
}

/// `[P]` random backward policy, normalised for each state.
pub fn random_log_pb<S>(dag: &Dag<S>, stream: &mut Stream) -> Vec<f64> {
    let mut out = noise(stream, dag.num_parents());
    for state in 0..dag.len() {
        anabranch_core::logspace::log_softmax(&mut out[dag.parents(state)]);
    }
    out
}

/// `[M]` random forward policy, normalised for each state.
pub fn random_log_pf<S>(dag: &Dag<S>, stream: &mut Stream) -> Vec<f64> {
    let mut out = noise(stream, dag.num_moves());
    for state in 0..dag.len() {
        anabranch_core::logspace::log_softmax(&mut out[dag.moves(state)]);
    }
    out
}

/// `[N]` random log-rewards, negative infinity where a state is no object.
pub fn random_log_reward<S>(dag: &Dag<S>, stream: &mut Stream) -> Vec<f64> {
    let values = noise(stream, dag.len());
    let kept = values.into_iter().enumerate();
    kept.map(|(s, r)| {
        if dag.can_stop(s) {
            r
        } else {
            f64::NEG_INFINITY
        }
    })
    .collect()
}

/// Panics with both numbers where `got` is not within `tolerance` of `expected`, relative above one.
#[track_caller]
pub fn assert_close(got: f64, expected: f64, tolerance: f64) {
    let error = (got - expected).abs() / expected.abs().max(1.0);
    assert!(
        error <= tolerance,
        "got {got}, expected {expected}, error {error:e}"
    );
}
