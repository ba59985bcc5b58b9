//! Investigating Generalization Behaviours of Generative Flow Networks (arXiv 2402.05309, 2024).

use crate::recipe::{Claim, Recipe, not_measured, not_written};

pub(super) const RECIPE: Recipe = Recipe {
    name: "generalization",
    title: "Investigating Generalization Behaviours of Generative Flow Networks",
    arxiv: "2402.05309",
    year: 2024,
    summary: "flows of structured rewards are learnable and generalise; off-policy data costs p(x) more \
          than the reward",
    about: "All connected graphs of two colours with up to 6 nodes, so that p(x) is exact. Networks \
          regress the true policy on nine tenths of the states, with true and with shuffled rewards; \
          others train on policy and on fixed sets of trajectories.",
    claims: &[
        Claim {
            id: "exactness",
            text: "With the true flows the sampler is exact.",
            criterion: "a table set to the true flows: largest |p - p*| < 1e-6 and Jensen-Shannon \
                  divergence < 1e-9",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "distillation",
            text: "Flows of structured rewards are learnable and generalise; de-structured ones are \
                  memorised.",
            criterion: "error of log P_F on held-out states < 1.5 x that on training states for the \
                  rewards count and neighbors; test error with shuffled rewards >= 2 x the true one \
                  at equal updates, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "on_policy",
            text: "Training on policy reaches a better p(x) than any fixed set of trajectories.",
            criterion: "rewards neighbors and cliques: Jensen-Shannon divergence <= 0.7 x that of offline \
                  uniform data and <= that of offline data from R/Z, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "reward_robust",
            text: "The reward that is implicitly learned survives offline training where p(x) does not.",
            criterion: "|log R_hat - log R| offline <= 1.5 x on policy while the Jensen-Shannon divergence \
                  is >= 1.4 x worse, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "difficulty",
            text: "The rewards are ordered by difficulty.",
            criterion: "Jensen-Shannon divergence on policy: count < neighbors < cliques, with every seed",
            gated: true,
            check: not_measured,
        },
    ],
    differs: &[],
    sources: &[],
    run: not_written,
    result: None,
};
