//! GFlowNet Foundations (arXiv 2111.09266, 2021).

mod anchors;
mod balance;
mod conditional;
mod entropy;
mod noise;
mod sources;
mod tables;

use crate::context::Context;
use crate::recipe::{Claim, Recipe};

pub(super) const RECIPE: Recipe = Recipe {
    name: "foundations",
    title: "GFlowNet Foundations",
    arxiv: "2111.09266",
    year: 2021,
    summary: "the identities of the theory hold in numbers: uniqueness, free energies, entropies, \
          marginals",
    about: "The paper has no benchmark: each of its identities is trained for and held against the \
          value computed by dynamic programming. Small spaces, so that every number is exact.",
    claims: &[
        Claim {
            id: "uniqueness",
            text: "The reward and the backward policy determine the flow.",
            criterion: "tabular detailed balance on the 2-D grid of side 8, with uniform and with \
                  maximum-entropy P_B: total variation < 0.005 and largest |log F - exact| < 0.02 \
                  with every seed",
            gated: true,
            check: |m| {
                m.verdict(
                    m.every_under("tv_", |v| v < 0.005)
                        && m.every_under("log_flow_error_", |v| v < 0.02),
                )
            },
        },
        Claim {
            id: "off_policy",
            text: "Detailed balance learns from any data of full support.",
            criterion: "trained only on uniformly random transitions, a table reaches a total variation < \
                  0.02 with every seed; an MLP is recorded beside it",
            gated: true,
            check: |m| m.verdict(m.every("tv_table", |v| v < 0.02)),
        },
        Claim {
            id: "free_energy",
            text: "Flows conditioned on a state give free energies, which the flow itself does not.",
            criterion: "mean |log F_s(s) - exact| over all 64 anchors < 0.1 nats, and the ordinary log \
                  F(s) misses by > 0.5 nats, with every seed",
            gated: true,
            check: |m| {
                m.verdict(
                    m.every("mean_error", |v| v < 0.1)
                        && m.every("ordinary_flow_misses", |v| v > 0.5),
                )
            },
        },
        Claim {
            id: "entropy",
            text: "Training on -R log R as well gives entropy and mutual information.",
            criterion: "entropy within 0.05 nats of 2.637 and mutual information within 0.05 of 0.0795, \
                  with every seed",
            gated: true,
            check: |m| {
                m.verdict(
                    m.every("entropy_error", |v| v < 0.05)
                        && m.every("mutual_information_error", |v| v < 0.05),
                )
            },
        },
        Claim {
            id: "conditional",
            text: "One network learns the samplers of a family of rewards.",
            criterion: "mean total variation over 55 preference vectors < 0.1 and at least 3 x lower than \
                  without the condition, with every seed",
            gated: true,
            check: |m| {
                m.verdict(
                    m.every("tv_conditional", |v| v < 0.1)
                        && m.every_pair("tv_conditional", "tv_unconditional", |a, b| b >= 3.0 * a),
                )
            },
        },
        Claim {
            id: "supersets",
            text: "State-conditional flows give marginals over all supersets.",
            criterion: "on sets of 8 elements: log marginal of every subset of size up to 2 within 0.1 \
                  nats of enumeration, with every seed",
            gated: true,
            check: |m| m.verdict(m.every("largest_error", |v| v < 0.1)),
        },
        Claim {
            id: "stochastic",
            text: "Detailed balance extends to stochastic environments whose noise is known.",
            criterion: "2-D grid of side 6 with 20 % random moves: total variation < 0.03 with the known \
                  noise and > 0.1 where it is ignored, with every seed",
            gated: true,
            check: |m| {
                m.verdict(
                    m.every("tv_known_noise", |v| v < 0.03)
                        && m.every("tv_noise_ignored", |v| v > 0.1),
                )
            },
        },
    ],
    differs: sources::DIFFERS,
    sources: sources::SOURCES,
    run,
    result: Some(include_str!("../../results/foundations.json")),
};

fn run(context: &mut Context) -> anyhow::Result<()> {
    tables::uniqueness(context)?;
    tables::off_policy(context)?;
    entropy::run(context)?;
    noise::run(context)?;
    anchors::supersets(context)?;
    conditional::run(context)?;
    anchors::free_energy(context)
}
