//! From trajectories to [`Terms`], and from the gradient of an objective back to a model.

use anabranch_core::{Discrete, Environment, Frontier, Move, Terms, TermsGrad, Trajectories};

use crate::error::{LearnError, Result};
use crate::policy::{Scores, ScoresGrad};
use crate::segment::Softmax;

/// Which listed edges a batch of scored states was left and entered by, with their log-probabilities.
///
/// `[N]` are the scored states. Each belongs to one of the `[E]` edges of some trajectories: the one
/// that leaves it.
pub struct Choices {
    /// `[N]` the edge that left each state.
    edges: Vec<usize>,
    /// `[N]` place of the move that left each state among the state's moves.
    forward: Vec<usize>,
    /// `[N]` place of the action that entered each state among its parents; `None` at sources.
    backward: Vec<Option<usize>>,
    pf: Softmax,
    /// `None` for the uniform backward policy.
    pb: Option<Softmax>,
    /// `[N]` log F(s), where the model has flows.
    log_flow: Option<Vec<f64>>,
}

/// The frontier of every visited state of `trajectories`, in their order: `N` = `E`.
pub fn visited<'a, E: Discrete>(env: &'a E, trajectories: &Trajectories<E>) -> Frontier<'a, E> {
    let conditions = (0..trajectories.len())
        .flat_map(|i| {
            trajectories
                .condition(i)
                .repeat(trajectories.states.row(i).len())
        })
        .collect();
    Frontier::new(env, trajectories.states.items().to_vec(), conditions)
}

impl Choices {
    /// Finds the edges of `trajectories` in `frontier`, which [`visited`] made, and their
    /// log-probabilities under `scores`.
    ///
    /// # Errors
    /// Where the environment does not list an edge that a trajectory went over.
    pub fn new<E: Discrete>(
        frontier: &Frontier<'_, E>,
        trajectories: &Trajectories<E>,
        scores: &Scores,
    ) -> Result<Self> {
        let mut forward = Vec::with_capacity(frontier.len());
        let mut backward = Vec::with_capacity(frontier.len());
        for i in 0..trajectories.len() {
            let moves = trajectories.moves.row(i);
            for (t, row) in trajectories.states.range(i).enumerate() {
                forward.push(forward_place(frontier, row, &moves[t])?);
                let entered = t.checked_sub(1).map(|before| &moves[before]);
                backward.push(backward_place(frontier, row, entered)?);
            }
        }
        let edges = (0..frontier.len()).collect();
        let pf = Softmax::rows(&frontier.moves, &scores.moves);
        Ok(Self::of(edges, forward, backward, pf, frontier, scores))
    }

    /// The choices of one step of a rollout: state `row` of `frontier` was left by the move at place
    /// `forward[row]`, which is edge `edges[row]`, and entered by the move `entered(row)`. `pf` is the
    /// softmax of the moves' scores.
    ///
    /// # Errors
    /// Where the environment does not list an edge among the parents.
    pub(crate) fn of_step<'t, E: Discrete>(
        frontier: &Frontier<'_, E>,
        scores: &Scores,
        pf: Softmax,
        (edges, forward): (Vec<usize>, Vec<usize>),
        entered: impl Fn(usize) -> Option<&'t Move<E::Action>>,
    ) -> Result<Self>
    where
        E::Action: 't,
    {
        let backward = (0..frontier.len())
            .map(|row| backward_place(frontier, row, entered(row)))
            .collect::<Result<_>>()?;
        Ok(Self::of(edges, forward, backward, pf, frontier, scores))
    }

    fn of<E: Discrete>(
        edges: Vec<usize>,
        forward: Vec<usize>,
        backward: Vec<Option<usize>>,
        pf: Softmax,
        frontier: &Frontier<'_, E>,
        scores: &Scores,
    ) -> Self {
        let parents = scores.parents.as_ref();
        Self {
            edges,
            forward,
            backward,
            pf,
            pb: parents.map(|parents| Softmax::rows(&frontier.parents, parents)),
            log_flow: scores.log_flow.clone(),
        }
    }

    /// The terms of the trajectories that [`new`](Self::new) was given, with `[B]` log Z and log R.
    pub fn terms<E: Discrete>(
        &self,
        frontier: &Frontier<'_, E>,
        trajectories: &Trajectories<E>,
        log_z: Vec<f64>,
        log_reward: Vec<f64>,
    ) -> Terms {
        let mut terms = blank(trajectories.states.offsets().to_vec(), log_z, log_reward);
        self.fill(frontier, 0, &mut terms);
        terms
    }

    /// Writes what is known of these edges into `terms`, where edge 0 is number `first`.
    pub(crate) fn fill<E: Discrete>(
        &self,
        frontier: &Frontier<'_, E>,
        first: usize,
        terms: &mut Terms,
    ) {
        let edges = terms.log_pf.len();
        for (row, edge) in self.edges.iter().enumerate() {
            let (edge, range) = (first + edge, frontier.moves.range(row));
            terms.log_pf[edge] = self.pf.log_probs[range.start + self.forward[row]];
            if let (Some(log_stop), Some(at)) = (&mut terms.log_stop, stop_place(frontier, row)) {
                log_stop[edge] = self.pf.log_probs[at];
            }
            if let Some(flow) = &self.log_flow {
                terms.log_flow.get_or_insert_with(|| vec![0.0; edges])[edge] = flow[row];
            }
            // P_B of an edge stands with the state that it leaves; it is scored at the state it enters.
            if let Some(choice) = self.backward[row] {
                let range = frontier.parents.range(row);
                terms.log_pb[edge - 1] = match &self.pb {
                    Some(pb) => pb.log_probs[range.start + choice],
                    None => -(range.len() as f64).ln(),
                };
            }
        }
    }

    /// dL/dscores from dL/dterms.
    pub fn pull_back<E: Discrete>(
        &self,
        frontier: &Frontier<'_, E>,
        grad: &TermsGrad,
    ) -> ScoresGrad {
        self.pull_back_from(frontier, 0, grad)
    }

    /// dL/dscores from dL/dterms, where edge 0 is number `first` of the terms.
    pub(crate) fn pull_back_from<E: Discrete>(
        &self,
        frontier: &Frontier<'_, E>,
        first: usize,
        grad: &TermsGrad,
    ) -> ScoresGrad {
        let mut moves = vec![0.0; self.pf.probs.len()];
        let mut parents = self.pb.as_ref().map(|pb| vec![0.0; pb.probs.len()]);
        for (row, edge) in self.edges.iter().enumerate() {
            let (edge, range) = (first + edge, frontier.moves.range(row));
            let choice = self.forward[row];
            self.pf
                .add_choice_gradient(range.clone(), choice, grad.log_pf[edge], &mut moves);
            // Objectives that do not look at stopping have zeros here.
            let weight = grad.log_stop[edge];
            if weight != 0.0
                && let Some(at) = stop_place(frontier, row)
            {
                let choice = at - range.start;
                self.pf
                    .add_choice_gradient(range, choice, weight, &mut moves);
            }
            if let (Some(pb), Some(parents), Some(choice)) =
                (&self.pb, &mut parents, self.backward[row])
            {
                let range = frontier.parents.range(row);
                pb.add_choice_gradient(range, choice, grad.log_pb[edge - 1], parents);
            }
        }
        let flows = self.edges.iter().map(|edge| grad.log_flow[first + edge]);
        ScoresGrad {
            moves,
            parents,
            log_flow: Some(flows.collect()),
        }
    }
}

/// Terms of trajectories with `offsets`, of whose edges nothing is known yet.
pub(crate) fn blank(offsets: Vec<usize>, log_z: Vec<f64>, log_reward: Vec<f64>) -> Terms {
    let edges = offsets.last().copied().unwrap_or(0);
    Terms {
        offsets,
        log_pf: vec![0.0; edges],
        log_pb: vec![0.0; edges],
        log_flow: None,
        log_stop: Some(vec![f64::NEG_INFINITY; edges]),
        log_z,
        log_reward,
    }
}

/// Copies what `part` knows of its edges into `terms`, where its edge 0 is number `first`.
pub(crate) fn copy_edges(part: &Terms, first: usize, terms: &mut Terms) {
    let all = terms.log_pf.len();
    let edges = first..first + part.log_pf.len();
    terms.log_pf[edges.clone()].copy_from_slice(&part.log_pf);
    terms.log_pb[edges.clone()].copy_from_slice(&part.log_pb);
    if let (Some(to), Some(from)) = (&mut terms.log_stop, &part.log_stop) {
        to[edges.clone()].copy_from_slice(from);
    }
    if let Some(from) = &part.log_flow {
        let to = terms.log_flow.get_or_insert_with(|| vec![0.0; all]);
        to[edges].copy_from_slice(from);
    }
}

/// Place among the moves of state `row` of the move that left it.
fn forward_place<E: Discrete>(
    frontier: &Frontier<'_, E>,
    row: usize,
    left: &Move<E::Action>,
) -> Result<usize> {
    let state = &frontier.states[row];
    let wanted = match *left {
        Move::Stop => Move::Stop,
        Move::Apply(action) => Move::Apply(frontier.env.listed_action(state, action)),
    };
    let place = frontier.moves.row(row).iter().position(|m| *m == wanted);
    place.ok_or_else(|| unlisted::<E>(left, state))
}

/// Place among the parents of state `row` of the move that entered it; `None` at a source.
fn backward_place<E: Discrete>(
    frontier: &Frontier<'_, E>,
    row: usize,
    entered: Option<&Move<E::Action>>,
) -> Result<Option<usize>> {
    let Some(Move::Apply(action)) = entered else {
        return Ok(None);
    };
    let state = &frontier.states[row];
    let wanted = frontier.env.listed_parent(state, *action);
    let place = frontier.parents.row(row).iter().position(|a| *a == wanted);
    match place {
        Some(place) => Ok(Some(place)),
        None => Err(unlisted::<E>(&Move::Apply(*action), state)),
    }
}

/// Where stopping stands among the moves (`[M]`) of state `row`: it is the last one.
fn stop_place<E: Discrete>(frontier: &Frontier<'_, E>, row: usize) -> Option<usize> {
    let last = frontier.moves.range(row).end - 1;
    (frontier.moves.items()[last] == Move::Stop).then_some(last)
}

fn unlisted<E: Environment>(edge: &Move<E::Action>, state: &E::State) -> LearnError {
    let edge = match edge {
        Move::Stop => "Stop".to_string(),
        Move::Apply(action) => format!("{action:?}"),
    };
    LearnError::UnlistedEdge {
        edge,
        state: format!("{state:?}"),
    }
}
