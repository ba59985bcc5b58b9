//! Maximum entropy GFlowNets with soft Q-learning (arXiv 2312.14331, 2023).

use crate::recipe::{Claim, Recipe, not_measured, not_written};

pub(super) const RECIPE: Recipe = Recipe {
    name: "maxent",
    title: "Maximum entropy GFlowNets with soft Q-learning",
    arxiv: "2312.14331",
    year: 2023,
    summary: "counting the ways to build a state makes soft Q-learning exact and gives flows of largest \
          entropy",
    about: "Trains soft Q-learning on the 2-D grid with and without the correction by n(s), the number \
          of ways to build a state, and trajectory balance with uniform, learned and maximum-entropy \
          P_B. Distances and entropies of trajectories are exact.",
    claims: &[
        Claim {
            id: "correction",
            text: "Soft Q-learning is biased on graphs with several ways to an object, and corrected \
                  by log n(s) or log P_B it is not.",
            criterion: "2-D grid of side 8, R0 = 0.01: total variation without correction within 0.03 of \
                  0.742, with either correction < 0.03, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "entropy",
            text: "Among all flows of a reward, that with P_B = n(s)/n(s') has the largest trajectory \
                  entropy.",
            criterion: "entropy of the trained policy within 2 % of the exact value; maximum entropy - \
                  uniform >= 0.25 nats at side 8 and >= 0.7 at side 16, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "learned_backward",
            text: "A learned P_B has less trajectory entropy than the uniform one.",
            criterion: "lower at side 16; observed, no theorem",
            gated: false,
            check: not_measured,
        },
        Claim {
            id: "learned_n",
            text: "log n can be learned with the same balance losses on the reversed process.",
            criterion: "mean |l - log n| < 0.1 over all 64 cells and P_B within 0.02 of the exact one on \
                  average, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "exploration",
            text: "Maximum entropy finds more modes.",
            criterion: "modes on the 4-D grid of side 8, R0 = 0.001, after 30,000 trajectories >= those \
                  with uniform P_B on average; a weak effect",
            gated: false,
            check: not_measured,
        },
    ],
    differs: &[],
    sources: &[],
    run: not_written,
    result: None,
};
