//! Flow Network based Generative Models for Non-Iterative Diverse Candidate Generation (arXiv
//! 2106.04399, 2021).

use crate::recipe::{Claim, Recipe, not_measured, not_written};

pub(super) const RECIPE: Recipe = Recipe {
    name: "flow_matching",
    title: "Flow Network based Generative Models for Non-Iterative Diverse Candidate Generation",
    arxiv: "2106.04399",
    year: 2021,
    summary: "flow matching samples R/Z on a grid where Markov chains miss modes",
    about: "Trains flow matching on the hypergrid (4 dimensions, side 8) at three depths of the \
          valleys between its corners, and measures the exact total variation to R/Z. Metropolis \
          chains get the same number of visited states. A soft-value learner without the sum over \
          parents shows the bias that the paper warns of.",
    claims: &[
        Claim {
            id: "converges",
            text: "Flow matching samples objects in proportion to their reward.",
            criterion: "exact total variation <= 0.12 and 16 of 16 modes at R0 = 0.1, 0.01 and 0.001, with \
                  every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "beats_mcmc",
            text: "Flow matching finds all modes where a local sampler is stuck.",
            criterion: "total variation of 16 Metropolis chains at as many visited states >= 2 x that of \
                  flow matching at every R0, and below 16 modes at R0 = 0.001, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "path_count_bias",
            text: "Soft values without the sum over parents are biased by the number of ways to build \
                  an object.",
            criterion: "on the grid of 2 dimensions and side 8, R0 = 0.01: the policy of uncorrected soft \
                  values has a total variation to R/Z within 0.03 of 0.742, the value of p(x) \
                  proportional to n(x) R(x), with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "ppo_collapses",
            text: "PPO finds fewer modes than flow matching.",
            criterion: "modes of PPO with an entropy bonus < modes of flow matching at R0 = 0.001, with \
                  every seed",
            gated: true,
            check: not_measured,
        },
    ],
    differs: &[],
    sources: &[],
    run: not_written,
    result: None,
};
