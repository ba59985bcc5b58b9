"""Objectives as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import anabranch as ab
from anabranch import objectives

OFFSETS = np.array([0, 2, 3, 7])
RNG = np.random.default_rng(3)
EDGES = {name: RNG.normal(size=7) for name in ("log_pf", "log_pb", "log_flow", "log_stop", "log_reward_at")}
OBJECTS = {name: RNG.normal(size=3) for name in ("log_reward", "log_z", "log_prior", "log_guide")}
ALL = {**EDGES, **OBJECTS}

CASES: list[tuple[Callable[..., objectives.Loss], list[str], dict[str, Any]]] = [
    (objectives.trajectory_balance, ["log_pf", "log_pb", "log_reward", "log_z"], {}),
    (objectives.trajectory_balance, ["log_pf", "log_pb", "log_reward", "log_z"], {"residual": {"huber": {"delta": 0.5}}}),
    (objectives.detailed_balance, ["log_pf", "log_pb", "log_reward", "log_flow"], {}),
    (objectives.detailed_balance, ["log_pf", "log_pb", "log_reward", "log_flow"], {"reduction": "trajectory_sum"}),
    (objectives.sub_trajectory_balance, ["log_pf", "log_pb", "log_reward", "log_flow"], {}),
    (objectives.sub_trajectory_balance, ["log_pf", "log_pb", "log_reward", "log_flow"], {"weighting": "geometric", "lambda_": 0.5}),
    (objectives.sub_trajectory_balance, ["log_pf", "log_pb", "log_reward", "log_flow"], {"weighting": "equal", "residual": "shifted_cosh"}),
    (objectives.log_partition_variance, ["log_pf", "log_pb", "log_reward"], {}),
    (objectives.conditional_log_partition_variance, ["log_pf", "log_pb", "log_reward", "log_z"], {}),
    (objectives.modified_detailed_balance, ["log_pf", "log_pb", "log_stop", "log_reward_at"], {}),
    (objectives.forward_looking_detailed_balance, ["log_pf", "log_pb", "log_reward", "log_flow", "log_reward_at"], {}),
    (objectives.forward_looking_sub_trajectory_balance, ["log_pf", "log_pb", "log_reward", "log_flow", "log_reward_at"], {}),
    (objectives.guided_trajectory_balance, ["log_pf", "log_pb", "log_reward", "log_z", "log_guide"], {"weight": 0.0}),
    (objectives.backward_guidance, ["log_pf", "log_pb", "log_reward", "log_guide"], {}),
    (objectives.relative_trajectory_balance, ["log_pf", "log_pb", "log_reward", "log_z", "log_prior"], {}),
    (objectives.relative_log_partition_variance, ["log_pf", "log_pb", "log_reward", "log_prior"], {}),
    (objectives.trust_path_consistency, ["log_pf", "log_pb", "log_reward", "log_z", "log_prior"], {"alpha": 0.5}),
    (objectives.path_count_balance, ["log_pf", "log_pb", "log_reward", "log_flow"], {}),
]
# These hold some of their inputs constant on purpose (semi-gradients and score functions).
SEMI: list[tuple[Callable[..., objectives.Loss], list[str], dict[str, Any]]] = [
    (objectives.soft_q_learning, ["log_pf", "log_pb", "log_reward", "log_flow"], {}),
    (objectives.soft_q_learning, ["log_pf", "log_pb", "log_reward", "log_flow"], {"munchausen": {}}),
    (objectives.path_consistency, ["log_pf", "log_pb", "log_reward", "log_flow"], {}),
    (objectives.policy_gradient, ["log_pf", "log_pb", "log_reward"], {}),
    (objectives.maximum_likelihood, ["log_pf", "log_pb", "log_reward"], {}),
    (objectives.backward_likelihood, ["log_pf", "log_pb", "log_reward"], {}),
    (objectives.weighted_log_partition_variance, ["log_pf", "log_pb", "log_reward"], {"power": 0.0}),
]


def _id(case: Any) -> str:
    return f"{case[0].__name__}-{'-'.join(map(str, case[2].values()))}"


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_gradients_are_those_of_the_value(case: Any) -> None:
    function, names, constants = case
    arrays = {name: ALL[name] for name in names}
    value, gradient = function(**arrays, offsets=OFFSETS, **constants)
    assert np.isfinite(value)
    fixed = {"guided_trajectory_balance": {"log_pb"}, "trust_path_consistency": {"log_pb"}}
    for name in set(gradient) & set(names) - fixed.get(function.__name__, set()):
        for place in range(len(arrays[name])):
            step = np.zeros_like(arrays[name])
            step[place] = 1e-6
            up, down = (
                function(**{**arrays, name: arrays[name] + sign * step}, offsets=OFFSETS, **constants)[0]
                for sign in (1, -1)
            )
            assert gradient[name][place] == pytest.approx((up - down) / 2e-6, abs=2e-5), (name, place)


@pytest.mark.parametrize("case", SEMI, ids=_id)
def test_the_others_have_values_and_gradients(case: Any) -> None:
    function, names, constants = case
    value, gradient = function(**{name: ALL[name] for name in names}, offsets=OFFSETS, **constants)
    assert np.isfinite(value)
    assert gradient["log_pf"].shape == (7,) and np.isfinite(gradient["log_pf"]).all()


def test_trajectory_balance_by_hand() -> None:
    value, gradient = objectives.trajectory_balance([-0.7, -0.1], [-0.5, 0.0], [0.2], 1.0, [0, 2])
    assert value == pytest.approx(0.25)
    assert gradient["log_z"] == pytest.approx(1.0) and isinstance(gradient["log_z"], float)
    np.testing.assert_allclose(gradient["log_pf"], [1.0, 1.0])
    np.testing.assert_allclose(gradient["log_pb"], [-1.0, -1.0])


def test_one_log_z_is_the_sum_of_many() -> None:
    arrays = (EDGES["log_pf"], EDGES["log_pb"], OBJECTS["log_reward"])
    one = objectives.trajectory_balance(*arrays, 0.3, OFFSETS)
    many = objectives.trajectory_balance(*arrays, np.full(3, 0.3), OFFSETS)
    assert one[0] == many[0] and one[1]["log_z"] == pytest.approx(many[1]["log_z"].sum())


def test_types_and_strides_do_not_matter() -> None:
    wide = np.asfortranarray(np.stack([EDGES["log_pf"], EDGES["log_pb"]], axis=1))
    strided = objectives.trajectory_balance(wide[:, 0], wide[:, 1], OBJECTS["log_reward"], 0.0, list(OFFSETS))
    plain = objectives.trajectory_balance(EDGES["log_pf"], EDGES["log_pb"], OBJECTS["log_reward"], 0.0, OFFSETS)
    assert strided[0] == plain[0]
    single = objectives.trajectory_balance(
        EDGES["log_pf"].astype(np.float32), EDGES["log_pb"], OBJECTS["log_reward"], 0, OFFSETS.astype(np.int32)
    )
    assert single[0] == pytest.approx(plain[0], rel=1e-5)


def test_padded_arrays_there_and_back() -> None:
    padded = np.arange(12.0).reshape(4, 3)
    flat, offsets = objectives.pack(padded, [2, 1, 4])
    assert flat.tolist() == [0, 3, 1, 2, 5, 8, 11] and offsets.tolist() == [0, 2, 3, 7]
    again = objectives.unpack(flat, offsets, fill=-1)
    assert again.tolist() == [[0, 1, 2], [3, -1, 5], [-1, -1, 8], [-1, -1, 11]]
    with pytest.raises(ValueError, match="lengths must be"):
        objectives.pack(padded, [5, 1, 1])
    with pytest.raises(ValueError, match="do not fit"):
        objectives.unpack(flat, [0, 2, 3])


def test_flow_matching() -> None:
    # One inner state with two edges in and two out, and a leaf of reward 2.
    inflow, outflow = np.log([0.5, 1.5, 2.0]), np.log([1.0, 2.0, 2.0])
    value, gradient = objectives.flow_matching(inflow, [0, 2, 3], outflow, [0, 2, 3], [False, True])
    assert value == pytest.approx(np.log(2 / 3) ** 2 / 2)
    for place in range(3):
        step = np.eye(3)[place] * 1e-6
        up, down = (
            objectives.flow_matching(inflow + s * step, [0, 2, 3], outflow, [0, 2, 3], [False, True])[0]
            for s in (1, -1)
        )
        assert gradient["inflow"][place] == pytest.approx((up - down) / 2e-6, abs=1e-6)


@pytest.mark.parametrize("offsets", [[0, 2], [1, 7], [0, 5, 3, 7], [], [0, 7, 8], [-1, 7]])
def test_impossible_offsets_are_refused(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="offsets must begin with 0|empty|trajectories|entries"):
        objectives.log_partition_variance(
            EDGES["log_pf"], EDGES["log_pb"], np.zeros(max(len(offsets) - 1, 0)), np.array(offsets, dtype=int)
        )


def test_impossible_arrays_are_refused() -> None:
    pf, pb, reward = EDGES["log_pf"], EDGES["log_pb"], OBJECTS["log_reward"]
    with pytest.raises(ab.ObjectiveError, match="log_pb has 6 entries"):
        objectives.trajectory_balance(pf, pb[:6], reward, 0.0, OFFSETS)
    with pytest.raises(ab.ObjectiveError, match="log_reward is inf"):
        objectives.trajectory_balance(pf, pb, [0.0, np.inf, 0.0], 0.0, OFFSETS)
    with pytest.raises(ValueError, match="one dimension"):
        objectives.trajectory_balance(pf[:, None], pb, reward, 0.0, OFFSETS)
    with pytest.raises(ab.ObjectiveError, match="needs log F"):
        objectives.evaluate("detailed_balance", pf, pb, reward, offsets=OFFSETS)
    with pytest.raises(ValueError, match="needs log_z"):
        objectives.evaluate("trajectory_balance", pf, pb, reward, offsets=OFFSETS)
    with pytest.raises(ValueError, match="no objective is"):
        objectives.evaluate("trajectory_ballance", pf, pb, reward, offsets=OFFSETS)
    with pytest.raises(ab.ObjectiveError, match="no trajectories"):
        objectives.trajectory_balance([], [], [], 0.0, [0])


def test_needs() -> None:
    assert objectives.needs("trajectory_balance") == ["log_z"]
    assert objectives.needs("modified_detailed_balance") == ["log_stop", "log_reward_at"]
    assert objectives.needs({"relative_trajectory_balance": {}}) == ["log_z", "log_prior"]
