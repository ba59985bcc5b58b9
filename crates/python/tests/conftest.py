"""What the tests share."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import anabranch as ab


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ab.Run:
    """A small run of a task."""
    folder = tmp_path_factory.mktemp("runs")
    return ab.train(
        "hypergrid",
        steps=30,
        seed=7,
        folder=folder,
        batch=8,
        progress=False,
        env={"side": 4, "dims": 2},
        policy={"width": 16},
        output={"samples": 10, "checkpoint_every": 10},
    )


@pytest.fixture(scope="session")
def molecules(tmp_path_factory: pytest.TempPathFactory) -> ab.Run:
    """A run that has hardly begun, of molecules."""
    folder: Path = tmp_path_factory.mktemp("molecules")
    return ab.train(
        "fragments",
        steps=2,
        seed=7,
        folder=folder,
        batch=4,
        progress=False,
        close=False,
        env={"max_nodes": 3},
        policy={"width": 16, "layers": 1},
    )


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[float], None]]:
    """Sends this process SIGINT after so many seconds, as a terminal does.

    A shell starts what it runs in the background with SIGINT ignored, and Python leaves that so.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timers: list[threading.Timer] = []

    def later(seconds: float) -> None:
        timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
        timers.append(timer)
        timer.start()

    yield later
    for timer in timers:
        timer.join()
    signal.signal(signal.SIGINT, before)
