"""Environments, one state at a time and many with numpy.

States and actions are plain values that can be hashed: tuples of numbers, or text. Stopping is no action: an
environment says by `can_stop` whether a state is a complete object. `features(states)` is [n, f],
`masks(states)` [n, a + 1] with stopping last, `frontier(states)` everything that a policy scores.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Protocol, runtime_checkable

from . import _native
from ._native import Environment, Frontier

__all__ = [
    "Bags",
    "BitSequence",
    "CustomEnvironment",
    "Environment",
    "Fragments",
    "Frontier",
    "Hypergrid",
    "Sequence",
    "Subsets",
    "check_environment",
    "wrap",
]


@runtime_checkable
class CustomEnvironment(Protocol):
    """What a class must have to be an environment. States and actions can be hashed and compared; `step` and `undo`
    return a new state and are each other's inverse.

    With all of num_features, num_actions, features(state) and action_index(action) besides, a perceptron can be
    trained on it.
    """

    def source(self) -> Hashable:
        """The empty object."""
        ...

    def can_stop(self, state: Any) -> bool:
        """Whether `state` is a complete object."""
        ...

    def step(self, state: Any, action: Any) -> Hashable:
        """The state that a legal action leads to."""
        ...

    def undo(self, state: Any, action: Any) -> Hashable:
        """The state from which `action` led into `state`."""
        ...

    def actions(self, state: Any) -> Iterable[Hashable]:
        """The legal actions of `state`, in a fixed order, each once."""
        ...

    def parents(self, state: Any) -> Iterable[Hashable]:
        """The actions that can have led into `state`; none at the source."""
        ...


def Hypergrid(dims: int = 2, side: int = 8, *, border: bool = False) -> Environment:
    """Cells of a grid, tuples of `dims` numbers below `side`; action i is a step along dimension i. With `border`
    trajectories end at the border only."""
    return _native.hypergrid(dims, side, border)


def BitSequence(bits: int, word: int = 1) -> Environment:
    """Texts of 0 and 1, appended in words of `word` bits; an action is the word."""
    return _native.bit_sequence(bits, word)


def Sequence(
    alphabet: str, length: int, *, min_length: int | None = None, order: str = "append"
) -> Environment:
    """Texts of `length` letters of `alphabet`. `order` is append (an action is the letter; from `min_length` on a
    trajectory may stop), prepend_append ("prepend" or "append", letter) or insertion (place, letter)."""
    return _native.sequence(alphabet, length, min_length, order)


def Subsets(items: int, max_size: int, *, min_size: int = 0) -> Environment:
    """Sets of numbers below `items`, as sorted tuples; an action is the number put in."""
    return _native.subsets(items, max_size, min_size)


def Bags(letters: int, size: int) -> Environment:
    """Bags of exactly `size` letters, as tuples of counts; an action is the letter put in."""
    return _native.bags(letters, size)


def Fragments(max_nodes: int = 9, *, min_nodes: int = 1) -> Environment:
    """Molecules of up to `max_nodes` of 72 fragments. A state is ((slot, fragment), ...), ((slot, slot, stem, stem),
    ...); `text(state)` is its SMILES. Actions are ("add", host, fragment, slot) and ("stem", node, neighbour, stem).
    It has no feature vectors."""
    return _native.fragments(max_nodes, min_nodes)


def wrap(env: CustomEnvironment | Environment) -> Environment:
    """An environment of this library around an object of one's own. Each question about a state is asked once."""
    return env if isinstance(env, Environment) else _native.custom_environment(env, True)


def check_environment(
    env: CustomEnvironment | Environment, *, seed: int = 0, walks: int = 100, limit: int = 20_000
) -> dict[str, Any]:
    """Checks an environment by the laws of the library and returns what was looked at.

    Random walks there and back: the source has no parents, every other state has; `step` and `undo` are inverse; each
    edge is listed from both ends, once. Where there are at most `limit` states, all edges are counted and an exact
    flow is sent through them.

    Raises ConformanceError for the first breach, and whatever the environment raises.
    """
    own = env if isinstance(env, Environment) else _native.custom_environment(env, False)
    return own.check(seed, walks, limit)
