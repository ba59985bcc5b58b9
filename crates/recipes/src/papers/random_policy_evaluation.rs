//! Random Policy Evaluation Uncovers Policies of Generative Flow Networks (arXiv 2406.02213, 2024).

use crate::recipe::{Claim, Recipe, not_measured, not_written};

pub(super) const RECIPE: Recipe = Recipe {
    name: "random_policy_evaluation",
    title: "Random Policy Evaluation Uncovers Policies of Generative Flow Networks",
    arxiv: "2406.02213",
    year: 2024,
    summary: "the value of the uniform random policy is the flow of a GFlowNet, up to a known factor",
    about: "Checks the identity V = g F by dynamic programming where it must hold and where it must \
          not, then learns flows by evaluating the random policy alone and compares with detailed \
          balance on sequence landscapes.",
    claims: &[
        Claim {
            id: "identity",
            text: "The rescaled value of the uniform policy equals the flow, on trees and wherever \
                  the factor does not depend on the path.",
            criterion: "largest relative |V - g F| < 1e-10 on append-only and prepend/append sequences of \
                  length 4 and on sets of 8; > 0.01 on the 2-D grid",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "reward_matching",
            text: "Evaluating the random policy yields a sampler as good as those of GFlowNets.",
            criterion: "total variation <= 1.3 x that of detailed balance and accuracy >= 97 %, on \
                  append-only and prepend/append sequences of length 6, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "grid_control",
            text: "(a limitation) Off path-invariant graphs the factor form is wrong; flow iteration \
                  with uniform P_B is right.",
            criterion: "2-D grid of side 8, R0 = 0.01: total variation of the factor form > 0.3, of flow \
                  iteration < 0.03, with every seed",
            gated: true,
            check: not_measured,
        },
    ],
    differs: &[],
    sources: &[],
    run: not_written,
    result: None,
};
