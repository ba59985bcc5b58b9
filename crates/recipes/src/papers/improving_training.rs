//! Towards Understanding and Improving GFlowNet Training (arXiv 2305.07170, 2023).

use crate::recipe::{Claim, Recipe, not_measured, not_written};

pub(super) const RECIPE: Recipe = Recipe {
    name: "improving_training",
    title: "Towards Understanding and Improving GFlowNet Training",
    arxiv: "2305.07170",
    year: 2023,
    summary: "prioritised replay, relative edge flows and guided trajectory balance fit the reward \
          sooner",
    about: "Measures how far the mean reward of samples lies from the analytically known one of the \
          target, on bags of letters of which few are worth much. Prioritised replay training, the \
          relative parametrisation of edge flows and guided trajectory balance are each held against \
          training without.",
    claims: &[
        Claim {
            id: "prioritized_replay",
            text: "Prioritised replay training finds and fits high rewards sooner.",
            criterion: "bags (7 letters, size 13): at 250 rounds mean reward >= that without replay + 5 at \
                  equal fresh samples; at 2,000 rounds total variation <= that without replay - 0.2 \
                  at equal gradient samples, with every seed; at 250 rounds mean reward >= that of \
                  uniform replay on average",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "relative_edge_flows",
            text: "The relative edge-flow parametrisation generalises better than one logit for each \
                  action.",
            criterion: "relative error of the mean reward < 5 % in no more fresh samples than with one \
                  logit an action, with 2 of 3 seeds or more",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "guided",
            text: "Guided trajectory balance gives credit to substructures that high rewards share.",
            criterion: "bags (5 letters, size 8): probability under P_F that the repeated letter comes \
                  first 5 times >= 3 x that with uniform P_B; total variation <= that of trajectory \
                  balance with replay + 0.05, with every seed",
            gated: true,
            check: not_measured,
        },
        Claim {
            id: "metric",
            text: "The distribution of rewards tells how well the target is fitted.",
            criterion: "384 samples drawn exactly from the target: |relative error of the mean| < 3 % on \
                  average and Anderson-Darling statistic below its 5 % critical value in 95 % of \
                  trials",
            gated: true,
            check: not_measured,
        },
    ],
    differs: &[],
    sources: &[],
    run: not_written,
    result: None,
};
