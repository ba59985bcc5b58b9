"""Functions that score, and how stored scores know theirs again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import CodeType
from typing import Any, Union

__all__ = ["Reward", "named"]

Reward = Callable[[list[str]], Any]
"""From n objects as texts to n numbers, or to a dictionary of such columns."""


def _parts(code: CodeType) -> list[Union[bytes, str]]:
    """What a function computes, as far as its own code says it; no addresses, no line numbers."""
    parts: list[Union[bytes, str]] = [code.co_code, *code.co_names]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            parts += _parts(constant)
        elif not isinstance(constant, (set, frozenset)):
            parts.append(repr(constant))
        else:
            parts += sorted(repr(item) for item in constant)
    return parts


def named(reward: Reward | None) -> tuple[Reward, str] | None:
    """`reward` with a name that changes with its code, so that scores of another function are not taken for its
    own. What it calls is not looked at: `oracle={"version": "2"}` names a score by hand."""
    if reward is None:
        return None
    if not callable(reward):
        raise TypeError(f"reward is {reward!r}; give a function of a list of objects, or a dictionary of settings")
    name = getattr(reward, "__qualname__", type(reward).__qualname__)
    code = getattr(reward, "__code__", None)
    if not isinstance(code, CodeType):
        return reward, str(name)
    digest = hashlib.sha256()
    for part in _parts(code):
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return reward, f"{name} {digest.hexdigest()[:16]}"
