//! Sub-trajectory balance.

use super::balance;
use crate::error::CoreError;
use crate::terms::{Loss, Terms, TermsGrad};

/// Sub-trajectory balance: for every pair i < j of a trajectory's states, sink included, the square of
/// `log F(s_i) + sum log P_F - log F(s_j) - sum log P_B`, weighted by lambda^(j - i - 1), the weights
/// of one trajectory summing to one; mean over trajectories.
///
/// Madan et al. 2022, arXiv 2209.12782, equation 12. With lambda = 0 the weight of a single transition
/// is 1 and all others 0 (torchgfn's convention; lambda^(j - i) would be 0/0).
///
/// # Complexity
/// Linear in the length: the weights are a geometric recurrence in j.
///
/// # Errors
/// Where the batch is empty, a term is not finite, the model has no flows, or lambda is negative or
/// not finite.
pub fn sub_trajectory_balance(terms: &Terms, lambda: f64) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    if !(lambda.is_finite() && lambda >= 0.0) {
        return Err(CoreError::BadConstant {
            name: "lambda",
            value: lambda,
            expected: "a number of at least 0",
        });
    }
    let flows = balance::flows(terms, "sub-trajectory balance")?;
    let count = terms.len() as f64;
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    let (mut u, mut du) = (Vec::new(), Vec::new());
    for index in 0..terms.len() {
        balance::potentials(terms, flows, index, &mut u);
        let value = weighted_pairs(&mut u, lambda, &mut du);
        for slope in &mut du {
            *slope /= count;
        }
        per_trajectory.push(value);
        balance::pull_back(terms, index, &du, &mut grad);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() / count,
        grad,
        per_trajectory,
    })
}

/// Weighted mean over pairs i < j of (u_i - u_j)^2, and its gradient; `u` is centred on the way, which
/// changes no difference but keeps the squares small.
///
/// The weight of a pair is a product of three: what the running sum multiplies by at each step, what i
/// enters it with and what j takes it out with. Above lambda = 1 everything is divided by
/// lambda^(n - 1), the weight of the whole trajectory, so that no power overflows.
fn weighted_pairs(u: &mut [f64], lambda: f64, du: &mut Vec<f64>) -> f64 {
    let edges = u.len() - 1;
    let decay = lambda.min(1.0);
    let shrink = lambda.max(1.0).recip();
    let power = |distance: usize| shrink.powf(distance as f64);
    let centre = u.iter().sum::<f64>() / u.len() as f64;
    u.iter_mut().for_each(|v| *v -= centre);
    du.clear();
    du.resize(u.len(), 0.0);
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
    du.iter_mut().for_each(|v| *v /= total_weight);
    value / total_weight
}
