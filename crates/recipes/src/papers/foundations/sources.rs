//! Where the constants come from, and what differs from the paper.

use crate::recipe::Source;

pub(super) const DIFFERS: &[&str] = &[
    "The paper proves and does not measure: spaces, networks and budgets are ours, small \
          enough for exact values by enumeration.",
    "The number of updates for the conditional sampler is scaled down (5,000 steps of 64 \
          trajectories; the public script takes 5,000 of 128), and its learning rate falls to 1 \
          % where the script's is constant: at a constant 1e-2 the distance at small exponents \
          stayed near 0.07 (seed 0, 2,000 steps of 32).",
    "What is left of the conditional sampler's distance is at the largest exponent: Gamma(2, 1) lies \
          above 8 in 3 of 1,000 draws and above 16 in 2 of a million, so at 16 the network \
          extrapolates. With half the steps, the first run, the mean of seed 1 was 0.109 and did not \
          meet the criterion; the budget was doubled towards the script's for all seeds.",
    "Flows conditioned on a state are trained on single transitions below evenly drawn \
          anchors, not on trajectories: the theory asks for full support only. State and anchor \
          are one-hot for each coordinate. Anchors of the \
          sets are the 37 subsets whose marginals are asked for.",
    "Conditional entropies come from a sampler of one coordinate conditioned on the \
          other, not from anchors.",
    "The agent that ignores the noise is trained in the same noisy grid, with the \
          probability of chance left out of its loss. The milder mistake, which was tried first, \
          to plan on a grid without noise and to meet the noise afterwards, is recorded beside \
          it (tv_planned_without_noise): it costs about 0.03 with a reward of this spread. The \
          criterion does not say which is meant: the claim is judged by the first and would not \
          hold by the second.",
    "The reward of the stochastic grid has to be realisable and is otherwise free: it \
          comes from one random policy whose scores spread over -3 to 3. At a spread of 10 the \
          agent that knows the noise ended at 0.07 with this budget (seed 0).",
];

pub(super) const SOURCES: &[Source] = &[
    Source {
        constant: "grid of uniqueness, off_policy, free_energy and entropy",
        value: "2 dimensions, side 8, every cell an object, R0 = 0.01",
        origin: "reward of arXiv 2106.04399, section 4.1; the paper itself has no benchmark",
    },
    Source {
        constant: "networks",
        value: "2 hidden layers of 64 units, of 128 with anchors",
        origin: "scaled-down run",
    },
    Source {
        constant: "learning rate",
        value: "1e-3 for networks, 0.05 for tables, falling on a straight line to 1 %",
        origin: "1e-3 is usual for Adam; the rest our choice, one for all seeds",
    },
    Source {
        constant: "uniqueness",
        value: "8,000 steps of 16 trajectories, 10 % uniform moves",
        origin: "scaled-down run",
    },
    Source {
        constant: "off_policy",
        value: "8,000 (table) and 6,000 (MLP) updates of 64 transitions, state and move drawn \
              evenly; 6,000 steps of 16 trajectories on-policy",
        origin: "scaled-down run",
    },
    Source {
        constant: "free_energy",
        value: "20,000 updates of 64 transitions; anchor, state below it and move drawn evenly",
        origin: "scaled-down run",
    },
    Source {
        constant: "entropy: exact values",
        value: "2.637032 and 0.079462 nats; R divided by 4",
        origin: "exact enumeration of the grid (arXiv 2111.09266, entropies)",
    },
    Source {
        constant: "entropy: training",
        value: "8,000 (table) and 6,000 (conditional MLP) updates of 64 transitions",
        origin: "scaled-down run",
    },
    Source {
        constant: "supersets",
        value: "8 items, fields from N(0, 1), couplings from N(0, 1/8), one energy for all seeds; \
              15,000 updates of 64 transitions",
        origin: "our choice; scaled-down run",
    },
    Source {
        constant: "conditional: grid, reward and conditions",
        value: "side 32, border-terminal; weights from Dirichlet(1.5, 1.5), exponent from Gamma(2, \
              1); tested with 11 weights and the exponents 1, 2, 4, 8, 16",
        origin: "GFNOrg/gflownet, cond_grid_dag.py",
    },
    Source {
        constant: "conditional: training",
        value: "3 hidden layers of 64 units, trajectory balance, log Z by a network of its own, \
              first learning rate 1e-2, weight decay 1e-4, 1 % uniform moves",
        origin: "GFNOrg/gflownet, cond_grid_dag.py",
    },
    Source {
        constant: "conditional: budget",
        value: "5,000 steps of 64 trajectories; learning rate falling to 1 %",
        origin: "scaled-down run",
    },
    Source {
        constant: "stochastic",
        value: "side 6, noise 0.2, reward of a random policy (scores drawn evenly from -3 to 3, one \
              for all seeds); 6,000 steps of 16 trajectories, 10 % uniform moves",
        origin: "arXiv 2111.09266, stochastic environments; the spread is our choice; scaled-down \
              run",
    },
];
