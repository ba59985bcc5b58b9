"""Objectives as pure functions of arrays, in float64: (value, gradient by name).

A batch of B trajectories has E edges in all, stopping among them. `log_pf`, `log_pb`, `log_flow` and `log_stop` are
[E], `log_reward` is [B], `offsets` [B + 1] says where the edges of each trajectory begin. `log_flow[t]` belongs to the
state that edge t leaves. Stopping has log_pb 0. `log_z` is [B], or one number for all: its gradient has the same form.

Trajectories in padded [T, B] arrays are packed by `pack` and unpacked by `unpack`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _native

__all__ = [
    "backward_guidance",
    "backward_likelihood",
    "conditional_log_partition_variance",
    "detailed_balance",
    "entropic_ppo",
    "evaluate",
    "flow_matching",
    "forward_looking_detailed_balance",
    "forward_looking_sub_trajectory_balance",
    "guided_trajectory_balance",
    "log_partition_variance",
    "maximum_likelihood",
    "modified_detailed_balance",
    "needs",
    "pack",
    "path_consistency",
    "path_count_balance",
    "policy_gradient",
    "relative_log_partition_variance",
    "relative_trajectory_balance",
    "soft_q_learning",
    "sub_trajectory_balance",
    "trajectory_balance",
    "trust_path_consistency",
    "unpack",
    "weighted_log_partition_variance",
]

FloatArray = npt.NDArray[np.float64]
Gradient = dict[str, Any]
"""Name of an array -> gradient in its shape (a float where a single log_z was given)."""

Loss = tuple[float, Gradient]

Spec = Union[str, Mapping[str, Any]]
"""A name, or a name with its constants: "squared", {"huber": {"delta": 0.5}}."""


def evaluate(
    objective: Spec,
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    *,
    offsets: npt.ArrayLike,
    log_z: npt.ArrayLike | None = None,
    log_flow: npt.ArrayLike | None = None,
    log_stop: npt.ArrayLike | None = None,
    log_reward_at: npt.ArrayLike | None = None,
    log_prior: npt.ArrayLike | None = None,
    log_guide: npt.ArrayLike | None = None,
    log_flow_target: npt.ArrayLike | None = None,
    log_pf_target: npt.ArrayLike | None = None,
    log_pf_behaviour: npt.ArrayLike | None = None,
    log_path_count: npt.ArrayLike | None = None,
    group: npt.ArrayLike | None = None,
) -> Loss:
    """Value and gradient of any objective, named as settings name it: "trajectory_balance", or with constants
    {"sub_trajectory_balance": {"lambda": 0.9}}. Gradients come for log_pf, log_pb and those of log_z, log_flow and
    log_stop that are given."""
    rewards = np.asarray(log_reward, dtype=np.float64)
    single = log_z is None or np.ndim(log_z) == 0
    if log_z is None:
        if "log_z" in needs(objective):
            raise ValueError(f"{objective} needs log_z")
        per_trajectory = np.zeros(rewards.shape)
    else:
        per_trajectory = np.broadcast_to(np.asarray(log_z, dtype=np.float64), rewards.shape)
    terms: dict[str, Any] = {
        "log_pf": log_pf,
        "log_pb": log_pb,
        "log_reward": rewards,
        "log_z": per_trajectory,
        "log_flow": log_flow,
        "log_stop": log_stop,
    }
    given: dict[str, Any] = {
        "log_reward_at": log_reward_at,
        "log_prior": log_prior,
        "log_guide": log_guide,
        "log_flow_target": log_flow_target,
        "log_pf_target": log_pf_target,
        "log_pf_behaviour": log_pf_behaviour,
        "log_path_count": log_path_count,
        "group": group,
    }
    value, gradient = _native.objective_loss(_spec(objective), np.asarray(offsets), terms, given)
    if log_z is None:
        del gradient["log_z"]
    elif single:
        gradient["log_z"] = float(np.sum(gradient["log_z"]))
    return value, gradient


def needs(objective: Spec) -> list[str]:
    """What an objective needs beside log_pf, log_pb and log_reward."""
    return _native.objective_needs(_spec(objective))


def _spec(objective: Spec) -> str:
    if isinstance(objective, str):
        return json.dumps(_COMPLETE.get(objective, objective))
    return json.dumps(objective)


# Objectives with constants are tables; an empty one has the defaults.
_COMPLETE: dict[str, dict[str, dict[str, Any]]] = {
    name: {name: {}}
    for name in (
        "sub_trajectory_balance",
        "weighted_log_partition_variance",
        "modified_detailed_balance",
        "forward_looking_detailed_balance",
        "forward_looking_sub_trajectory_balance",
        "guided_trajectory_balance",
        "backward_guidance",
        "relative_trajectory_balance",
        "relative_log_partition_variance",
        "trust_path_consistency",
        "soft_q_learning",
        "path_consistency",
        "policy_gradient",
        "entropic_ppo",
        "maximum_likelihood",
        "path_count_balance",
    )
}


def trajectory_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_z: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    residual: Spec = "squared",
) -> Loss:
    """Trajectory balance (Malkin et al. 2022, arXiv 2201.13259): the mean over trajectories of
    (log Z + sum log P_F - log R - sum log P_B)^2."""
    spec = {"shaped": {"balance": "trajectory_balance", "residual": residual}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets, log_z=log_z)


def detailed_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_flow: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    reduction: str = "mean",
    residual: Spec = "squared",
) -> Loss:
    """Detailed balance (Bengio et al. 2021, arXiv 2111.09266). `reduction` is mean (over transitions), half_mean or
    trajectory_sum."""
    balance = {"detailed_balance": {"reduction": reduction}}
    spec = {"shaped": {"balance": balance, "residual": residual}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets, log_flow=log_flow)


def sub_trajectory_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_flow: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    weighting: Spec = "geometric_within",
    lambda_: float = 0.9,
    residual: Spec = "squared",
) -> Loss:
    """Sub-trajectory balance (Madan et al. 2022, arXiv 2209.12782). `weighting` is geometric_within, geometric (both
    with `lambda_`), equal, equal_within, transitions, transitions_within or whole."""
    balance = {"sub_trajectory_balance": {"weighting": _weighting(weighting, lambda_)}}
    spec = {"shaped": {"balance": balance, "residual": residual}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets, log_flow=log_flow)


def _weighting(weighting: Spec, lambda_: float) -> Spec:
    if weighting in ("geometric", "geometric_within"):
        return {str(weighting): {"lambda": lambda_}}
    return weighting


def log_partition_variance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    group: npt.ArrayLike | None = None,
    mean: str = "attached",
    leave_one_out: bool = False,
    residual: Spec = "squared",
) -> Loss:
    """The variance of the trajectories' estimates of log Z (Zhang et al. 2023, arXiv 2302.05446; VarGrad).
    Trajectories of one `group` share log Z. `mean` is attached or detached."""
    centre = {"mean": mean, "leave_one_out": leave_one_out}
    balance = {"log_partition_variance": {"centre": centre}}
    spec = {"shaped": {"balance": balance, "residual": residual}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets, group=group)


def conditional_log_partition_variance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_z: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    mean: str = "attached",
    leave_one_out: bool = False,
    residual: Spec = "squared",
) -> Loss:
    """As `log_partition_variance` around a learned log Z of each trajectory's condition."""
    centre = {"mean": mean, "leave_one_out": leave_one_out}
    balance = {"conditional_log_partition_variance": {"centre": centre}}
    spec = {"shaped": {"balance": balance, "residual": residual}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets, log_z=log_z)


def weighted_log_partition_variance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    power: float = 1.0,
) -> Loss:
    """The variance under the target where `power` is 1, as drawn where it is 0."""
    spec = {"weighted_log_partition_variance": {"power": power}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets)


def modified_detailed_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_stop: npt.ArrayLike,
    log_reward_at: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    reduction: str = "mean",
    residual: Spec = "squared",
) -> Loss:
    """Modified detailed balance (Deleu et al. 2022, arXiv 2202.13903), where every state is an object: `log_stop` [E]
    is log P_F(stop) and `log_reward_at` [E] log R of the state that each edge leaves."""
    spec = {"modified_detailed_balance": {"reduction": reduction, "residual": residual}}
    at = np.asarray(log_reward_at, dtype=np.float64)
    last = np.asarray(offsets, dtype=np.int64)[1:] - 1
    rewards = at[last] if len(last) and last.min() >= 0 and last.max() < len(at) else np.zeros(len(last))
    return evaluate(
        spec, log_pf, log_pb, rewards, offsets=offsets, log_stop=log_stop, log_reward_at=at
    )


def forward_looking_detailed_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_flow: npt.ArrayLike,
    log_reward_at: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    reduction: str = "mean",
    residual: Spec = "squared",
) -> Loss:
    """Detailed balance with flows log_flow + log_reward_at (Pan et al. 2023, arXiv 2302.01687)."""
    spec = {"forward_looking_detailed_balance": {"reduction": reduction, "residual": residual}}
    return evaluate(
        spec,
        log_pf,
        log_pb,
        log_reward,
        offsets=offsets,
        log_flow=log_flow,
        log_reward_at=log_reward_at,
    )


def forward_looking_sub_trajectory_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_flow: npt.ArrayLike,
    log_reward_at: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    weighting: Spec = "geometric_within",
    lambda_: float = 0.9,
    residual: Spec = "squared",
) -> Loss:
    """Sub-trajectory balance with flows log_flow + log_reward_at (Pan et al. 2023, arXiv 2302.01687)."""
    constants = {"weighting": _weighting(weighting, lambda_), "residual": residual}
    return evaluate(
        {"forward_looking_sub_trajectory_balance": constants},
        log_pf,
        log_pb,
        log_reward,
        offsets=offsets,
        log_flow=log_flow,
        log_reward_at=log_reward_at,
    )


def guided_trajectory_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_z: npt.ArrayLike,
    log_guide: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    weight: float = 0.0,
    residual: Spec = "squared",
) -> Loss:
    """Guided trajectory balance, the step of P_F (Shen et al. 2023, arXiv 2305.07170)."""
    spec = {"guided_trajectory_balance": {"weight": weight, "residual": residual}}
    return evaluate(
        spec, log_pf, log_pb, log_reward, offsets=offsets, log_z=log_z, log_guide=log_guide
    )


def backward_guidance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_guide: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    residual: Spec = "squared",
) -> Loss:
    """Guided trajectory balance, the step of P_B (Shen et al. 2023, arXiv 2305.07170)."""
    spec = {"backward_guidance": {"residual": residual}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets, log_guide=log_guide)


def relative_trajectory_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_z: npt.ArrayLike,
    log_prior: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    residual: Spec = "half_squared",
) -> Loss:
    """Relative trajectory balance (Venkatraman et al. 2024, arXiv 2405.20971)."""
    spec = {"relative_trajectory_balance": {"residual": residual}}
    return evaluate(
        spec, log_pf, log_pb, log_reward, offsets=offsets, log_z=log_z, log_prior=log_prior
    )


def relative_log_partition_variance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_prior: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    mean: str = "attached",
    leave_one_out: bool = False,
    residual: Spec = "half_squared",
) -> Loss:
    """Relative trajectory balance with the batch's mean for log Z."""
    centre = {"mean": mean, "leave_one_out": leave_one_out}
    spec = {"relative_log_partition_variance": {"centre": centre, "residual": residual}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets, log_prior=log_prior)


def trust_path_consistency(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_z: npt.ArrayLike,
    log_prior: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    alpha: float = 1.0,
    residual: Spec = "half_squared",
) -> Loss:
    """Trust path consistency (arXiv 2509.01632)."""
    spec = {"trust_path_consistency": {"alpha": alpha, "residual": residual}}
    return evaluate(
        spec, log_pf, log_pb, log_reward, offsets=offsets, log_z=log_z, log_prior=log_prior
    )


def soft_q_learning(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_flow: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    correction: str = "backward_policy",
    munchausen: Mapping[str, float] | None = None,
    terminal_weight: float = 1.0,
    residual: Spec = "squared",
    log_flow_target: npt.ArrayLike | None = None,
    log_pf_target: npt.ArrayLike | None = None,
    log_path_count: npt.ArrayLike | None = None,
) -> Loss:
    """Soft Q-learning, with Munchausen's term where its constants are given (Tiapkin et al. 2023, arXiv 2310.12934).
    `correction` is backward_policy, none or path_counts."""
    constants = {
        "correction": correction,
        "munchausen": None if munchausen is None else dict(munchausen),
        "terminal_weight": terminal_weight,
        "residual": residual,
    }
    return evaluate(
        {"soft_q_learning": constants},
        log_pf,
        log_pb,
        log_reward,
        offsets=offsets,
        log_flow=log_flow,
        log_flow_target=log_flow_target,
        log_pf_target=log_pf_target,
        log_path_count=log_path_count,
    )


def path_consistency(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_flow: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    correction: str = "backward_policy",
    weighting: Spec = "geometric_within",
    lambda_: float = 0.9,
    residual: Spec = "squared",
    log_path_count: npt.ArrayLike | None = None,
) -> Loss:
    """Path consistency learning (Nachum et al. 2017, arXiv 1702.08892)."""
    constants = {
        "correction": correction,
        "weighting": _weighting(weighting, lambda_),
        "residual": residual,
    }
    return evaluate(
        {"path_consistency": constants},
        log_pf,
        log_pb,
        log_reward,
        offsets=offsets,
        log_flow=log_flow,
        log_path_count=log_path_count,
    )


def policy_gradient(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    baseline: Spec = "leave_one_out",
    log_z: npt.ArrayLike | None = None,
    log_flow: npt.ArrayLike | None = None,
) -> Loss:
    """The gradient of the reverse KL by the score function (Malkin et al. 2023, arXiv 2210.00580). `baseline` is
    batch_mean, leave_one_out, log_z, flow or {"gae": {"lambda": ...}}. Trajectories must come from the policy."""
    spec = {"policy_gradient": {"baseline": baseline}}
    return evaluate(
        spec, log_pf, log_pb, log_reward, offsets=offsets, log_z=log_z, log_flow=log_flow
    )


def entropic_ppo(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_flow: npt.ArrayLike,
    log_pf_behaviour: npt.ArrayLike,
    offsets: npt.ArrayLike,
    **constants: float,
) -> Loss:
    """Entropic PPO (arXiv 2606.15793); constants are clip, lambda and kl_weight."""
    return evaluate(
        {"entropic_ppo": constants},
        log_pf,
        log_pb,
        log_reward,
        offsets=offsets,
        log_flow=log_flow,
        log_pf_behaviour=log_pf_behaviour,
    )


def maximum_likelihood(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    weights: str = "uniform",
) -> Loss:
    """The forward KL on trajectories of the target; `weights` is uniform or importance."""
    spec = {"maximum_likelihood": {"weights": weights}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets)


def backward_likelihood(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    offsets: npt.ArrayLike,
) -> Loss:
    """Trajectory likelihood maximisation of P_B (arXiv 2410.15474, 2405.16012)."""
    return evaluate("backward_likelihood", log_pf, log_pb, log_reward, offsets=offsets)


def path_count_balance(
    log_pf: npt.ArrayLike,
    log_pb: npt.ArrayLike,
    log_reward: npt.ArrayLike,
    log_flow: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    over: str = "transition",
    residual: Spec = "squared",
) -> Loss:
    """Balance of the number of paths, log_flow standing for log n(s) (arXiv 2312.14331). `over` is transition,
    sub_trajectory, from_source or trajectory."""
    spec = {"path_count_balance": {"over": over, "residual": residual}}
    return evaluate(spec, log_pf, log_pb, log_reward, offsets=offsets, log_flow=log_flow)


def flow_matching(
    inflow: npt.ArrayLike,
    inflow_offsets: npt.ArrayLike,
    outflow: npt.ArrayLike,
    outflow_offsets: npt.ArrayLike,
    leaf: npt.ArrayLike,
    stop: npt.ArrayLike = (),
    stop_log_reward: npt.ArrayLike = (),
    *,
    log_epsilon: float | None = None,
    leaf_weight: float = 1.0,
    mean: str = "all",
    residual: Spec = "squared",
) -> Loss:
    """Flow matching (Bengio et al. 2021, arXiv 2106.04399) over S states: log flows of the edges into and out of each,
    ragged by offsets [S + 1]; `leaf` [S] marks states that can only stop, whose one outflow is log R. `stop` [K] and
    `stop_log_reward` [K] are stop edges beside other moves. `mean` is all or by_kind."""
    config = {
        "log_epsilon": log_epsilon,
        "leaf_weight": leaf_weight,
        "mean": mean,
        "residual": residual,
    }
    return _native.flow_matching_loss(
        json.dumps(config),
        np.asarray(inflow, dtype=np.float64),
        np.asarray(inflow_offsets),
        np.asarray(outflow, dtype=np.float64),
        np.asarray(outflow_offsets),
        np.asarray(leaf, dtype=np.bool_),
        np.asarray(stop, dtype=np.float64),
        np.asarray(stop_log_reward, dtype=np.float64),
    )


def pack(padded: npt.ArrayLike, lengths: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """The flat [E] array and its offsets [B + 1] of a padded [T, B] one, of which trajectory b fills `lengths[b]`."""
    values = np.asarray(padded, dtype=np.float64)
    counts = np.asarray(lengths, dtype=np.int64)
    if values.ndim != 2 or counts.shape != values.shape[1:]:
        raise ValueError(f"padded has shape {values.shape} and lengths {counts.shape}; give [T, B] and [B]")
    if len(counts) and (counts.min() < 0 or counts.max() > values.shape[0]):
        raise ValueError(f"lengths must be from 0 to {values.shape[0]}")
    inside = np.arange(values.shape[0])[None, :] < counts[:, None]
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return np.ascontiguousarray(values.T[inside]), offsets


def unpack(flat: npt.ArrayLike, offsets: npt.ArrayLike, *, fill: float = 0.0) -> FloatArray:
    """The padded [T, B] array of a flat [E] one; `fill` stands past the end of a trajectory."""
    values = np.asarray(flat, dtype=np.float64)
    counts = np.diff(np.asarray(offsets, dtype=np.int64))
    if len(counts) == 0 or counts.min() < 0 or counts.sum() != len(values):
        raise ValueError(f"{len(values)} entries do not fit trajectories of {counts.tolist()}")
    inside: npt.NDArray[np.bool_] = np.arange(int(counts.max()))[None, :] < counts[:, None]
    out = np.full((len(counts), int(counts.max())), fill)
    out[inside] = values
    return np.ascontiguousarray(out.T)
