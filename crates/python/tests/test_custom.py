"""Environments and policies written in Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import anabranch as ab
from anabranch import env as envs

Word = str


class Words:
    """Words of up to two of the letters a, b, appended; complete from one letter on."""

    length = 2

    def source(self) -> Word:
        return ""

    def can_stop(self, state: Word) -> bool:
        return len(state) > 0

    def step(self, state: Word, action: str) -> Word:
        return state + action

    def undo(self, state: Word, action: str) -> Word:
        return state[:-1]

    def actions(self, state: Word) -> list[str]:
        return ["a", "b"] if len(state) < self.length else []

    def parents(self, state: Word) -> list[str]:
        return [state[-1]] if state else []


class Seen(Words):
    """The same with feature vectors."""

    num_features = 4
    num_actions = 2

    def features(self, state: Word) -> list[float]:
        return [float(state[i : i + 1] == c) for i in range(2) for c in "ab"]

    def action_index(self, action: str) -> int:
        return "ab".index(action)


def log_reward(states: list[Word]) -> list[float]:
    return [float(state.count("a")) for state in states]


def target() -> dict[Word, float]:
    objects = ["".join(p) for n in (1, 2) for p in itertools.product("ab", repeat=n)]
    weights = np.exp(log_reward(objects))
    return dict(zip(objects, np.log(weights / weights.sum())))


def total_variation(sampler: ab.Sampler) -> float:
    states, log_p = sampler.distribution()
    wanted = target()
    assert set(states) == set(wanted)
    return 0.5 * sum(abs(np.exp(p) - np.exp(wanted[s])) for s, p in zip(states, log_p))


def test_a_sound_environment_passes() -> None:
    report = ab.check_environment(Words())
    assert report["all_states"] == 7 and report["objects"] == 6 and report["all_edges"] == 6
    assert report["longest"] == 3
    assert isinstance(Words(), ab.CustomEnvironment)


def breach(**methods: Any) -> Words:
    return type("Broken", (Words,), methods)()


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (breach(undo=lambda self, state, action: state), "undoing"),
        (breach(parents=lambda self, state: []), "no parents|not among the parents"),
        (breach(parents=lambda self, state: ["a"] if state else []), "not among the|undoing"),
        (breach(actions=lambda self, state: ["a", "a"]), "twice"),
        (breach(actions=lambda self, state: [], can_stop=lambda self, state: False), "cannot stop"),
        (breach(source=lambda self, n=itertools.count(): str(next(n))), "source"),
    ],
)
def test_a_broken_environment_is_told_what_it_breaks(env: Words, message: str) -> None:
    with pytest.raises(ab.ConformanceError, match=message):
        ab.check_environment(env, walks=20)


def test_an_exception_of_an_environment_comes_back() -> None:
    def step(self: Words, state: Word, action: str) -> Word:
        raise KeyError(f"no child of {state!r}")

    env = breach(step=step)
    with pytest.raises(KeyError, match="no child of"):
        ab.check_environment(env)
    for check in (True, False):
        with pytest.raises(KeyError, match="no child of"):
            ab.train_custom(env, log_reward, steps=3, progress=False, check=check)
    with pytest.raises(TypeError, match="unhashable"):
        ab.check_environment(breach(source=lambda self: []))
    with pytest.raises(TypeError, match="lacks the methods undo, actions"):
        ab.check_environment(type("Half", (), {n: lambda *a: "" for n in ("source", "can_stop", "step", "parents")})())


def test_a_broken_environment_is_not_trained() -> None:
    with pytest.raises(ab.ConformanceError):
        ab.train_custom(breach(parents=lambda self, state: []), log_reward, steps=3, progress=False)
    ring = breach(
        step=lambda self, state, action: "a" if state == "b" else "b",
        actions=lambda self, state: ["on"],
    )
    with pytest.raises(ab.EnvError, match="cycle"):
        ab.train_custom(ring, log_reward, steps=3, progress=False, check=False)


def test_a_custom_environment_is_like_ours() -> None:
    env = envs.wrap(Seen())
    assert env.enumerate() == ["", "a", "b", "aa", "ab", "ba", "bb"]
    assert env.step("a", "b") == "ab" and env.masks(["", "ab"]).tolist() == [[True, True, False], [False, False, True]]
    assert env.features(["ab"]).tolist() == [[1, 0, 0, 1]]


def test_a_table_learns_the_target() -> None:
    sampler = ab.train_custom(
        Words(), log_reward, steps=400, batch=32, learning_rate=0.05, seed=1, progress=False
    )
    assert total_variation(sampler) < 0.05
    assert sampler.log_z == pytest.approx(np.log(np.exp(log_reward(list(target()))).sum()), abs=0.1)
    assert set(sampler.sample(200)) <= set(target())
    assert sampler.history["loss"].shape == (400,)
    assert sampler.sample(20, seed=3) == sampler.sample(20, seed=3)


@pytest.mark.parametrize("objective", ["trajectory_balance", "detailed_balance", "sub_trajectory_balance"])
def test_a_perceptron_learns_the_target(objective: str) -> None:
    sampler = ab.train_custom(
        Seen(), log_reward, objective=objective, steps=400, batch=16, learning_rate=1e-2, hidden=32, progress=False
    )
    assert total_variation(sampler) < 0.1


def test_our_environments_with_a_reward_in_python() -> None:
    grid = envs.Hypergrid(2, 4)
    sampler = ab.train_custom(
        grid, lambda cells: [float(sum(c)) for c in cells], steps=300, batch=32, hidden=64,
        learning_rate=1e-2, backward="learned", progress=False,
    )
    states, log_p = sampler.distribution()
    weights = np.exp([float(sum(c)) for c in states])
    assert 0.5 * np.abs(np.exp(log_p) - weights / weights.sum()).sum() < 0.1


class Linear:
    """A policy in numpy: one number for each row of features and each action."""

    def __init__(self, env: ab.Environment, ours: bool) -> None:
        assert env.num_features is not None and env.num_actions is not None
        self.weights = np.zeros((env.num_features + 1, env.num_actions + 1))
        self.gradient = np.zeros_like(self.weights)
        self.steps = 0
        if ours:
            self.parameters = lambda: {"weights": self.weights}
            self.load = self._load

    def _load(self, arrays: dict[str, Any]) -> None:
        self.weights = arrays["weights"].astype(float)
        self.steps += 1

    def scores(self, frontier: envs.Frontier) -> Any:
        assert frontier.features is not None
        inputs = np.hstack([frontier.features, np.ones((len(frontier), 1))])
        return (inputs @ self.weights)[frontier.move_states, frontier.move_rows]

    def forward(self, frontier: envs.Frontier) -> Any:
        assert frontier.features is not None
        inputs = np.hstack([frontier.features, np.ones((len(frontier), 1))])

        def pullback(gradients: dict[str, Any]) -> dict[str, Any]:
            slope = np.zeros((len(frontier), self.weights.shape[1]))
            np.add.at(slope, (frontier.move_states, frontier.move_rows), gradients["moves"])
            self.gradient += inputs.T @ slope
            return {"weights": inputs.T @ slope}

        return {"moves": self.scores(frontier)}, pullback

    def step(self) -> None:
        self.weights -= 0.05 * self.gradient
        self.gradient[:] = 0
        self.steps += 1


@pytest.mark.parametrize("ours", [False, True])
def test_a_policy_of_ones_own_learns_the_target(ours: bool) -> None:
    env = envs.wrap(Seen())
    policy = Linear(env, ours)
    sampler = ab.train_custom(
        env, log_reward, policy=policy, steps=600, batch=32, learning_rate=0.05, progress=False
    )
    assert policy.steps == 600
    assert total_variation(sampler) < 0.1


def test_wrong_scores_are_explained() -> None:
    class Wrong:
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def scores(self, frontier: envs.Frontier) -> Any:
            return self.answer

        def forward(self, frontier: envs.Frontier) -> Any:
            return self.answer, lambda gradients: None

        def step(self) -> None: ...

    def train(answer: Any) -> None:
        ab.train_custom(Seen(), log_reward, policy=Wrong(answer), steps=1, progress=False)

    with pytest.raises(ValueError, match="the policy returned 1 moves; the frontier has"):
        train([0.0])
    with pytest.raises(ValueError, match='no entry "moves"'):
        train({})
    with pytest.raises(TypeError, match="scores\\(frontier\\)"):
        ab.train_custom(Seen(), log_reward, policy=object(), steps=1, progress=False)  # type: ignore[arg-type]


def test_wrong_rewards_are_explained() -> None:
    def train(reward: Any) -> None:
        ab.train_custom(Words(), reward, steps=1, progress=False)

    with pytest.raises(ValueError, match="1 numbers for 16 states"):
        train(lambda states: [0.0])
    with pytest.raises(ValueError, match="must be finite"):
        train(lambda states: [-np.inf] * len(states))
    with pytest.raises(ZeroDivisionError) as caught:
        train(lambda states: 1 / 0)
    if hasattr(caught.value, "__notes__"):
        assert "log_reward" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="take policy"):
        ab.train_custom(Words(), log_reward, policy="mlp", steps=1, progress=False)
    with pytest.raises(ValueError, match="batch must be"):
        ab.train_custom(Words(), log_reward, batch=0, progress=False)


def test_ctrl_c_hands_over_what_was_trained(ctrl_c: Callable[[float], None]) -> None:
    ctrl_c(0.7)
    with pytest.raises(KeyboardInterrupt) as caught:
        ab.train_custom(Words(), log_reward, steps=10**9, progress=False)
    sampler: ab.Sampler = caught.value.sampler  # type: ignore[attr-defined]
    assert len(sampler.history["loss"]) > 0 and len(sampler.sample(3)) == 3


def test_modified_detailed_balance_asks_for_every_state() -> None:
    subsets = envs.Subsets(3, 3)
    sampler = ab.train_custom(
        subsets, lambda sets: [0.5 * len(s) for s in sets], objective="modified_detailed_balance",
        steps=300, batch=16, hidden=32, learning_rate=1e-2, progress=False,
    )
    states, log_p = sampler.distribution()
    weights = np.exp([0.5 * len(s) for s in states])
    assert 0.5 * np.abs(np.exp(log_p) - weights / weights.sum()).sum() < 0.1
    with pytest.raises(ValueError, match="every state to be a complete object"):
        ab.train_custom(Words(), log_reward, objective="modified_detailed_balance", steps=1, progress=False)
