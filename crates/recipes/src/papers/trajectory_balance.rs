//! Trajectory Balance: Improved Credit Assignment in GFlowNets (arXiv 2201.13259, 2022).

use crate::recipe::{Claim, Recipe, not_measured, not_written};

pub(super) const RECIPE: Recipe = Recipe {
    name: "trajectory_balance",
    title: "Trajectory Balance: Improved Credit Assignment in GFlowNets",
    arxiv: "2201.13259",
    year: 2022,
    summary: "trajectory balance assigns credit along sequences better than per-step objectives, and may \
          collapse",
    about: "Compares trajectory balance with detailed balance and flow matching on random sequence \
          landscapes and on bit sequences, by exact total variation. Also shows where it fails: on a \
          wide sparse grid it collapses onto some corners while the mean reward looks perfect, and \
          replay cures it.",
    claims: &[
        Claim {
            id: "credit_assignment",
            text: "Trajectory balance learns long sequences faster than detailed balance and flow \
                  matching.",
            criterion: "sequences of 4 letters, lengths 6 and 8: total variation <= 0.6 x the smaller of \
                  detailed balance and flow matching, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "bit_sequences",
            text: "On bit sequences trajectory balance fits the reward best for every word length.",
            criterion: "16 bits, words of 1, 2, 4 and 8 bits: total variation <= 0.65 x the smaller of \
                  detailed balance and flow matching; Pearson correlation of log p and log R higher \
                  by >= 0.05; all 8 modes visited, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "grid",
            text: "Trajectory balance converges faster than detailed balance and flow matching on the \
                  hypergrid.",
            criterion: "total variations after 64,000 trajectories on the 4-D grid of side 8 at three R0; \
                  known not to be the case at this size",
            gated: false,
            check: not_measured,
        },
        Claim {
            id: "collapse",
            text: "(a limitation) On-policy trajectory balance collapses on wide sparse grids; replay \
                  cures it.",
            criterion: "2-D grid of side 32, R0 = 0.001: total variation > 0.25 on policy with 2 of 3 \
                  seeds or more, and < 0.05 with half replay with every seed",
            gated: true,
            check: not_measured,
        },
    ],
    differs: &[],
    sources: &[],
    run: not_written,
    result: None,
};
