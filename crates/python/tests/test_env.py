"""Environments, one state at a time and many with numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anabranch as ab
from anabranch import env as envs

ALL = [
    envs.Hypergrid(2, 4),
    envs.Hypergrid(2, 4, border=True),
    envs.BitSequence(4, 2),
    envs.Sequence("AC", 3),
    envs.Sequence("AC", 3, min_length=1),
    envs.Sequence("AC", 3, order="prepend_append"),
    envs.Sequence("AC", 3, order="insertion"),
    envs.Subsets(4, 3),
    envs.Bags(3, 3),
]


@pytest.mark.parametrize("env", ALL, ids=repr)
def test_every_edge_is_there_from_both_ends(env: ab.Environment) -> None:
    states = env.enumerate()
    assert states[0] == env.source() and len(set(states)) == len(states)
    seen = set(states)
    for state in states:
        for action in env.actions(state):
            child = env.step(state, action)
            assert child in seen
            assert any(env.undo(child, back) == state for back in env.parents(child))
    assert env.check(0, 20, 1000)["all_states"] == len(states)


@pytest.mark.parametrize("env", ALL, ids=repr)
def test_arrays_say_the_same_as_single_states(env: ab.Environment) -> None:
    states = env.enumerate()
    features, masks = env.features(states), env.masks(states)
    assert features.shape == (len(states), env.num_features) and features.dtype == np.float32
    assert env.num_actions is not None and masks.shape == (len(states), env.num_actions + 1)
    assert len(np.unique(features, axis=0)) == len(states)
    frontier = env.frontier(states)
    np.testing.assert_array_equal(frontier.features, features)
    assert frontier.move_rows is not None and frontier.parent_rows is not None
    for i, state in enumerate(states):
        rows = env.action_rows(state)
        assert sorted(set(rows)) == sorted(np.flatnonzero(masks[i, :-1]))
        assert masks[i, -1] == env.can_stop(state)
        own = slice(frontier.move_offsets[i], frontier.move_offsets[i + 1])
        stop = [env.num_actions] if env.can_stop(state) else []
        assert frontier.move_rows[own].tolist() == rows.tolist() + stop
        assert frontier.moves[own] == env.actions(state) + [None] * len(stop)
        assert (frontier.move_states[own] == i).all()
        back = slice(frontier.parent_offsets[i], frontier.parent_offsets[i + 1])
        assert frontier.parents[back] == env.parents(state)


def test_states_are_plain_values() -> None:
    grid = envs.Hypergrid(3, 5)
    assert grid.source() == (0, 0, 0) and grid.step((0, 0, 0), 1) == (0, 1, 0)
    bits = envs.BitSequence(4, 2)
    assert bits.step("01", "11") == "0111" and bits.undo("0111", "11") == "01"
    dna = envs.Sequence("ACGT", 4, order="insertion")
    assert dna.step("AT", (1, "G")) == "AGT"
    assert envs.Subsets(5, 3).step((1,), 0) == (0, 1)
    assert envs.Bags(2, 3).step((1, 0), 1) == (1, 1)


def test_fragments_are_molecules() -> None:
    env = envs.Fragments(3)
    state = env.step(env.source(), env.actions(env.source())[65])
    assert env.can_stop(state) and env.text(state) == "c1ccccc1"
    assert len(env.actions(env.source())) == 72
    assert env.undo(state, env.parents(state)[0]) == env.source()
    assert env.num_features is None
    with pytest.raises(ab.EnvError, match="no feature vectors"):
        env.features([state])
    assert env.frontier([state]).features is None
    hash(state)


@pytest.mark.parametrize(
    ("env", "bad"),
    [
        (envs.Hypergrid(2, 4), (0, 4)),
        (envs.Hypergrid(2, 4), (0, 0, 0)),
        (envs.Hypergrid(2, 4), (-1, 0)),
        (envs.Hypergrid(2, 4), "00"),
        (envs.BitSequence(4, 2), "011"),
        (envs.BitSequence(4, 2), "0a"),
        (envs.BitSequence(4, 2), "000000"),
        (envs.Sequence("AC", 3), "AG"),
        (envs.Sequence("AC", 3), "AAAA"),
        (envs.Subsets(4, 2), (1, 1)),
        (envs.Subsets(4, 2), (0, 1, 2)),
        (envs.Subsets(4, 2), (4,)),
        (envs.Bags(2, 3), (2, 2)),
        (envs.Bags(2, 3), (1,)),
        (envs.Fragments(3), (((0, 1000),), ())),
        (envs.Fragments(3), None),
    ],
    ids=repr,
)
def test_what_is_no_state_is_refused(env: ab.Environment, bad: Any) -> None:
    for ask in (env.actions, env.parents, env.can_stop, env.text):
        with pytest.raises((TypeError, ab.EnvError)):
            ask(bad)


def test_illegal_actions_are_refused() -> None:
    grid = envs.Hypergrid(2, 4)
    with pytest.raises(ab.EnvError, match="not among the actions"):
        grid.step((3, 0), 0)
    with pytest.raises(ab.EnvError, match="not among the parents"):
        grid.undo((0, 0), 0)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ab.EnvError, match="dim"):
        envs.Hypergrid(0, 4)
    with pytest.raises(ValueError, match="twice"):
        envs.Sequence("AA", 3)
    with pytest.raises(ValueError, match="order is"):
        envs.Sequence("AC", 3, order="sideways")
    with pytest.raises(ab.EnvError, match="more than 10 states"):
        envs.Hypergrid(2, 4).enumerate(10)
