//! Detailed balance.

use super::balance;
use crate::error::CoreError;
use crate::terms::{Loss, Terms, TermsGrad};

/// How the squared residuals of single transitions become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionReduction {
    /// Mean over all transitions of the batch (torchgfn, alexhernandezgarcia/gflownet).
    Mean,
    /// Half the mean over all transitions (gfnx).
    HalfMean,
    /// Sum over a trajectory's transitions, mean over trajectories (recursionpharma/gflownet).
    TrajectorySum,
}

/// Detailed balance: squares of `log F(s) + log P_F - log F(s') - log P_B` over all transitions, where
/// the flow of the sink is R(x).
///
/// Bengio et al. 2021, arXiv 2111.09266, section 3.
///
/// # Errors
/// Where the batch is empty, a term is not finite, or the model has no flows.
pub fn detailed_balance(terms: &Terms, reduction: TransitionReduction) -> Result<Loss, CoreError> {
    balance::check(terms)?;
    let flows = balance::flows(terms, "detailed balance")?;
    let transitions = terms.log_pf.len() as f64;
    let scale = match reduction {
        TransitionReduction::Mean => 1.0 / transitions,
        TransitionReduction::HalfMean => 0.5 / transitions,
        TransitionReduction::TrajectorySum => 1.0 / terms.len() as f64,
    };
    let mut grad = TermsGrad::zeros(terms);
    let mut per_trajectory = Vec::with_capacity(terms.len());
    let (mut u, mut du) = (Vec::new(), Vec::new());
    for index in 0..terms.len() {
        balance::potentials(terms, flows, index, &mut u);
        du.clear();
        du.resize(u.len(), 0.0);
        let mut sum = 0.0;
        for t in 0..u.len() - 1 {
            let residual = u[t] - u[t + 1];
            sum += residual * residual;
            du[t] += 2.0 * scale * residual;
            du[t + 1] -= 2.0 * scale * residual;
        }
        per_trajectory.push(sum);
        balance::pull_back(terms, index, &du, &mut grad);
    }
    Ok(Loss {
        value: per_trajectory.iter().sum::<f64>() * scale,
        grad,
        per_trajectory,
    })
}
