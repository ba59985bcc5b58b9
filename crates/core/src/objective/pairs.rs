//! Weighted sums over pairs i < j of a trajectory's states.

use super::residual::Residual;
use super::sub_trajectory_balance::SubTrajectoryWeighting as Weighting;

/// What the weights of one trajectory depend on in the others.
pub(super) struct Lengths {
    trajectories: f64,
    transitions: f64,
    pairs: f64,
    /// `[longest]` number of sub-trajectories of length n + 1.
    of_length: Vec<f64>,
}

impl Lengths {
    /// From the number of edges of each trajectory.
    pub(super) fn new(edges: impl Iterator<Item = usize>) -> Self {
        let (mut trajectories, mut transitions, mut pairs) = (0.0, 0.0, 0.0);
        let mut ends: Vec<f64> = Vec::new();
        for n in edges {
            trajectories += 1.0;
            transitions += n as f64;
            pairs += (n * (n + 1) / 2) as f64;
            if ends.len() < n + 1 {
                ends.resize(n + 1, 0.0);
            }
            ends[n] += 1.0;
        }
        // A trajectory of n edges has n - k + 1 of length k: two running sums from the long end.
        let mut of_length = vec![0.0; ends.len().saturating_sub(1)];
        let (mut longer, mut total) = (0.0, 0.0);
        for length in (1..ends.len()).rev() {
            longer += ends[length];
            total += longer;
            of_length[length - 1] = total;
        }
        Self {
            trajectories,
            transitions,
            pairs,
            of_length,
        }
    }
}

/// Sum over pairs of weight times g(u_i - u_j), and its gradient `[n + 1]` over `du`, both times the
/// number of trajectories, so that a trajectory whose weights do not depend on the others has the same
/// bits in every batch. May shift `u`, which changes no difference.
pub(super) fn weighted(
    u: &mut [f64],
    weighting: Weighting,
    lengths: &Lengths,
    g: Residual,
    du: &mut Vec<f64>,
) -> f64 {
    let edges = u.len() - 1;
    du.clear();
    du.resize(u.len(), 0.0);
    if edges == 0 {
        return 0.0;
    }
    let inside = (edges * (edges + 1) / 2) as f64;
    match weighting {
        Weighting::Transitions => chain(u, lengths.trajectories / lengths.transitions, g, du),
        Weighting::TransitionsWithin => chain(u, (edges as f64).recip(), g, du),
        Weighting::Whole => {
            let d = u[0] - u[edges];
            du[0] = g.slope(d);
            du[edges] = -du[0];
            g.value(d)
        }
        Weighting::GeometricWithin { lambda } => geometric(u, lambda, 1.0, g, du),
        Weighting::EqualWithin => geometric(u, 1.0, 1.0, g, du),
        Weighting::Equal => geometric(u, 1.0, inside * lengths.trajectories / lengths.pairs, g, du),
        Weighting::Geometric { lambda } => {
            let mut weights = powers(lambda, lengths.of_length.len());
            let total = weights.iter().sum::<f64>() / lengths.trajectories;
            for (weight, count) in weights.iter_mut().zip(&lengths.of_length) {
                *weight /= total * count;
            }
            plain(u, &weights, g, du)
        }
    }
}

/// `[n]` lambda^(length - 1) for lengths 1 to n, over the largest of them.
fn powers(lambda: f64, n: usize) -> Vec<f64> {
    let largest = if lambda > 1.0 { n as i32 - 1 } else { 0 };
    (0..n as i32).map(|k| lambda.powi(k - largest)).collect()
}

/// Neighbours only, all with `weight`.
fn chain(u: &[f64], weight: f64, g: Residual, du: &mut [f64]) -> f64 {
    let mut value = 0.0;
    for t in 0..u.len() - 1 {
        let d = u[t] - u[t + 1];
        value += weight * g.value(d);
        let slope = weight * g.slope(d);
        du[t] += slope;
        du[t + 1] -= slope;
    }
    value
}

/// Every pair, with the weight `weights[j - i - 1]`.
fn plain(u: &[f64], weights: &[f64], g: Residual, du: &mut [f64]) -> f64 {
    let mut value = 0.0;
    for j in 1..u.len() {
        for i in 0..j {
            let weight = weights[j - i - 1];
            value += weight * g.value(u[i] - u[j]);
            let slope = weight * g.slope(u[i] - u[j]);
            du[i] += slope;
            du[j] -= slope;
        }
    }
    value
}

/// Every pair, weighted by lambda^(j - i - 1), the weights summing to `total`.
fn geometric(u: &mut [f64], lambda: f64, total: f64, g: Residual, du: &mut [f64]) -> f64 {
    if let Some(factor) = g.square_factor() {
        return squares(u, lambda, total * factor, du);
    }
    let edges = u.len() - 1;
    let mut weights = powers(lambda, edges);
    let sum: f64 = (0..edges).map(|k| weights[k] * (edges - k) as f64).sum();
    weights.iter_mut().for_each(|w| *w *= total / sum);
    plain(u, &weights, g, du)
}

/// The same of (u_i - u_j)^2 in linear time; `u` is centred on the way, which keeps the squares small.
///
/// The weight of a pair is a product of three: what the running sum multiplies by at each step, what i
/// enters it with and what j takes it out with. Above lambda = 1 everything is divided by
/// lambda^(n - 1), the weight of the whole trajectory, so that no power overflows.
fn squares(u: &mut [f64], lambda: f64, total: f64, du: &mut [f64]) -> f64 {
    let edges = u.len() - 1;
    let decay = lambda.min(1.0);
    let shrink = lambda.max(1.0).recip();
    let power = |distance: usize| shrink.powf(distance as f64);
    let centre = u.iter().sum::<f64>() / u.len() as f64;
    u.iter_mut().for_each(|v| *v -= centre);
    let (mut total_weight, mut value) = (0.0, 0.0);
    // Running sums over i < j of weight times 1, u_i, u_i^2.
    let (mut weight, mut first, mut second) = (0.0, 0.0, 0.0);
    for j in 0..u.len() {
        let (enter, leave) = (power(j), power(edges - j));
        total_weight += leave * weight;
        value += leave * (second - 2.0 * u[j] * first + u[j] * u[j] * weight);
        du[j] += 2.0 * leave * (u[j] * weight - first);
        weight = decay * weight + enter;
        first = decay * first + enter * u[j];
        second = decay * second + enter * u[j] * u[j];
    }
    // The same from the other end: the sums are over j > i.
    let (mut weight, mut first) = (0.0, 0.0);
    for i in (0..u.len()).rev() {
        let (enter, leave) = (power(edges - i), power(i));
        du[i] += 2.0 * leave * (u[i] * weight - first);
        weight = decay * weight + enter;
        first = decay * first + enter * u[i];
    }
    let scale = total / total_weight;
    du.iter_mut().for_each(|v| *v *= scale);
    value * scale
}
