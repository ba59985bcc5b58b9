//! Guides: distributions over the ways to build a given object that credit what good objects share.

use anabranch_core::rng::Stream;
use anabranch_core::{Discrete, Environment, Move, Trajectories};
use rand::RngExt;

/// Scores below this are raised to it (Shen et al. 2023, public code).
const SMALLEST: f64 = 1e-5;

/// The substructure guide of Shen et al. 2023 (arXiv 2305.07170): from a state on the way to x, a child
/// that is still part of x is taken in proportion to the mean reward of the known objects, x left out,
/// that contain it, to the power of `temperature`; uniformly where no known object contains any child.
pub struct SubstructureGuide<'a, E: Environment, C> {
    env: &'a E,
    /// Whether the second state can be reached from the first.
    contains: C,
    known: Vec<(E::State, f64)>,
    temperature: f64,
}

impl<'a, E, C> SubstructureGuide<'a, E, C>
where
    E: Discrete,
    C: Fn(&E::State, &E::State) -> bool,
{
    /// `known` are distinct finished objects with their rewards R(x); `contains(part, whole)` says
    /// whether `whole` can be built on from `part`.
    pub fn new(env: &'a E, contains: C, known: Vec<(E::State, f64)>, temperature: f64) -> Self {
        Self {
            env,
            contains,
            known,
            temperature,
        }
    }

    /// The listed actions of `state` that lead towards `object`, their children, and the
    /// log-probability of each.
    ///
    /// # Complexity
    /// One containment test for each child and known object.
    fn steps(
        &self,
        state: &E::State,
        object: &E::State,
    ) -> (Vec<E::Action>, Vec<E::State>, Vec<f64>) {
        let mut actions = Vec::new();
        self.env.actions(state, &mut actions);
        let (mut kept, mut children) = (Vec::new(), Vec::new());
        for action in actions {
            let mut child = state.clone();
            self.env.step(&mut child, action);
            if (self.contains)(&child, object) {
                kept.push(action);
                children.push(child);
            }
        }
        let means: Vec<f64> = children
            .iter()
            .map(|child| {
                let (mut sum, mut count) = (0.0, 0_usize);
                for (other, reward) in &self.known {
                    if other != object && (self.contains)(child, other) {
                        sum += reward;
                        count += 1;
                    }
                }
                if count == 0 { 0.0 } else { sum / count as f64 }
            })
            .collect();
        let any = means.iter().any(|&m| m > 0.0);
        let mut log_p: Vec<f64> = means
            .iter()
            .map(|m| match any {
                true => self.temperature * m.max(SMALLEST).ln(),
                false => 0.0,
            })
            .collect();
        anabranch_core::logspace::log_softmax(&mut log_p);
        (kept, children, log_p)
    }

    /// One trajectory to `object`, drawn from the guide, with its log-probability given the object.
    ///
    /// Returns `None` where no listed action leads on although `object` is not reached: `contains` and
    /// the environment disagree then.
    pub fn draw(&self, object: &E::State, rng: &mut Stream) -> Option<(Trajectories<E>, f64)> {
        let mut state = self.env.source();
        let (mut states, mut moves, mut total) = (Vec::new(), Vec::new(), 0.0);
        while state != *object {
            let (actions, children, log_p) = self.steps(&state, object);
            let mut left: f64 = rng.random();
            let mut choice = log_p.len().checked_sub(1)?;
            for (index, p) in log_p.iter().enumerate() {
                left -= p.exp();
                if left < 0.0 {
                    choice = index;
                    break;
                }
            }
            total += log_p[choice];
            states.push(state);
            moves.push(Move::Apply(actions[choice]));
            state = children[choice].clone();
        }
        states.push(state);
        moves.push(Move::Stop);
        let mut out = Trajectories::default();
        out.push(states, moves, &[]);
        Some((out, total))
    }

    /// Log-probability of each trajectory given its object, `[B]`; negative infinity where one goes over
    /// an edge that the guide never takes.
    pub fn log_probabilities(&self, trajectories: &Trajectories<E>) -> Vec<f64> {
        (0..trajectories.len())
            .map(|i| {
                let object = trajectories.object(i);
                let states = trajectories.states.row(i);
                let edges = states.iter().zip(&states[1..]);
                edges
                    .map(|(from, to)| {
                        let (_, children, log_p) = self.steps(from, object);
                        let place = children.iter().position(|child| child == to);
                        place.map_or(f64::NEG_INFINITY, |place| log_p[place])
                    })
                    .sum()
            })
            .collect()
    }
}
