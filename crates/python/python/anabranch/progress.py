"""How far a training is: a line that renews itself on a terminal, a display in a notebook, nothing elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

__all__ = ["Progress"]

_WIDTH = 30


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _notebook() -> Any | None:
    """The display function of IPython, inside a notebook's kernel only."""
    if "IPython" not in sys.modules:
        return None
    try:
        from IPython import get_ipython  # type: ignore[import-not-found, unused-ignore]
        from IPython.display import display  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    shell: Any = get_ipython()
    show: Any = display
    return show if shell is not None and hasattr(shell, "kernel") else None


class _Plain:
    """Text that a notebook shows as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


class Progress:
    """Shows steps of a training; called by the loop ten times a second with its newest step.

    `enabled` is True for terminals and notebooks, False for never. Standard error that is a file gets nothing.
    """

    def __init__(self, enabled: bool = True, stream: TextIO | None = None) -> None:
        self._stream: TextIO = sys.stderr if stream is None else stream
        self._display: Any | None = _notebook() if enabled and stream is None else None
        self._handle: Any | None = None
        terminal = self._display is None and bool(getattr(self._stream, "isatty", lambda: False)())
        self._terminal = enabled and terminal
        self._begun = time.monotonic()
        self._first: int | None = None
        self._written = 0

    @property
    def shown(self) -> bool:
        """Whether anything is shown at all."""
        return self._terminal or self._display is not None

    def line(self, step: int, steps: int, trajectories: int, loss: float, reward: float, log_z: float) -> str:
        """The line for one step."""
        if self._first is None:
            self._first = step - 1
        passed = time.monotonic() - self._begun
        done = step - self._first
        left = passed / done * (steps - step) if done > 0 else 0.0
        filled = _WIDTH * step // max(steps, 1)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        return (
            f"[{bar}] {step}/{steps} steps  {_duration(passed)} < {_duration(left)}  "
            f"reward {reward:.3f}  loss {loss:.2f}  log Z {log_z:.2f}  {trajectories} trajectories"
        )

    def __call__(
        self, step: int, steps: int, trajectories: int, loss: float, reward: float, log_z: float
    ) -> None:
        line = self.line(step, steps, trajectories, loss, reward, log_z)
        if self._display is not None:
            shown = _Plain(line)
            if self._handle is None:
                self._handle = self._display(shown, display_id=True)
            else:
                self._handle.update(shown)
        elif self._terminal:
            self._stream.write("\r" + line.ljust(self._written))
            self._stream.flush()
            self._written = len(line)

    def close(self) -> None:
        """Leaves the last line standing."""
        if self._terminal and self._written:
            self._stream.write("\n")
            self._stream.flush()
