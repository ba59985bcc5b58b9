//! Learning GFlowNets from partial episodes for improved convergence and stability (arXiv 2209.12782,
//! 2022).

use crate::recipe::{Claim, Recipe, not_measured, not_written};

pub(super) const RECIPE: Recipe = Recipe {
    name: "subtb",
    title: "Learning GFlowNets from partial episodes for improved convergence and stability",
    arxiv: "2209.12782",
    year: 2022,
    summary: "sub-trajectory balance lies between detailed and trajectory balance, and its gradients \
          vary less",
    about: "Trains sub-trajectory balance where trajectory balance collapses, along the path of lambda \
          between detailed and trajectory balance, and compares the gradients of small batches with \
          those of large ones.",
    claims: &[
        Claim {
            id: "sparse_grid",
            text: "Sub-trajectory balance learns in sparse settings where trajectory balance fails.",
            criterion: "2-D grid of side 32, R0 = 0.001: total variation at lambda 0.9 < 0.05 with every \
                  seed; of trajectory balance > 0.25 with 2 of 3 seeds or more",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "interpolation",
            text: "lambda interpolates between detailed balance and trajectory balance.",
            criterion: "sequence landscape of length 6: mean total variation falls, within 0.004, from \
                  detailed balance over lambda 0.5, 0.9, 1.1, 1.5, 1.9 to trajectory balance",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "gradients",
            text: "Small-batch gradients of sub-trajectory balance estimate the large-batch gradient \
                  of trajectory balance better than its own do.",
            criterion: "mean cosine with the large-batch gradient of trajectory balance: sub-trajectory \
                  balance - trajectory balance >= 0.08 and above detailed balance; bias cosine above \
                  detailed balance; self-consistency - that of trajectory balance >= 0.15",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "early_training",
            text: "Sub-trajectory balance converges faster on the 4-D grid.",
            criterion: "total variation after 64,000 trajectories on the grid of side 8; known not to be \
                  the case at this size",
            gated: false,
            check: not_measured,
        },
    ],
    differs: &[],
    sources: &[],
    run: not_written,
    result: None,
};
