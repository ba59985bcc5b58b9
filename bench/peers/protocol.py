"""What every script here says to `cargo xtask bench`; the Rust side is bench/src/protocol.rs.

A script sets its workload up, warms up, prints {"ready": true, ...}, and answers each line
`go <seconds>` or `go <seconds> <units>` of its input with one line of JSON. In between it waits.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass
class Done:
    """What one unit came to; zeros where a workload has no such thing."""

    units: int = 0
    trajectories: int = 0
    moves: int = 0
    graphs: int = 0
    nodes: int = 0

    def add(self, other: Done) -> None:
        for field in vars(self):
            setattr(self, field, getattr(self, field) + getattr(other, field))


class Workload(ABC):
    """Something that can be done again and again, each time from where it was."""

    parameters: int = 0

    @abstractmethod
    def unit(self) -> Done:
        """Does the smallest measured piece."""


@dataclass
class Arguments:
    """The command line, which is the same for every script."""

    kind: str
    numbers: list[int]
    threads: int
    warm_up: float
    molecules: str | None


def arguments() -> Arguments:
    """Reads the command line and keeps this process to its share of processors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", help="as bench/src/workload/name.rs reads it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warm-up", type=float, default=1.0)
    parser.add_argument("--molecules", help="a file of one SMILES a line")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[: args.threads])
    kind, _, rest = args.workload.partition("-")
    if kind == "molecules":
        kind, rest = args.workload, ""
    numbers = [int(number) for number in re.findall(r"\d+", rest)]
    return Arguments(kind, numbers, args.threads, args.warm_up, args.molecules)


def refuse(reason: str) -> None:
    """Ends with a reason that becomes the row of the table."""
    print(f"error: {reason}", file=sys.stderr)
    raise SystemExit(2)


def peak_rss_mib() -> float | None:
    """The largest resident set so far."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def measure(
    workload: Workload, seconds: float, units: float = math.inf
) -> dict[str, float | int | None]:
    """Does units until `seconds` are over or `units` are done, one at least."""
    total = Done()
    begin = time.perf_counter()
    while True:
        total.add(workload.unit())
        elapsed = time.perf_counter() - begin
        if elapsed >= seconds or total.units >= units:
            break
    answer: dict[str, float | int | None] = {
        "units": total.units,
        "seconds": elapsed,
        "peak_rss_mb": peak_rss_mib(),
    }
    if total.moves:
        answer["length"] = total.moves / total.trajectories
    if total.graphs:
        answer["graphs"] = total.graphs / total.units
        answer["nodes"] = total.nodes / total.units
    return answer


def serve(workload: Workload, warm_up: float) -> None:
    """Answers standard input until it ends."""
    measure(workload, warm_up)
    say({"ready": True, "parameters": workload.parameters})
    for line in sys.stdin:
        word, *numbers = line.split()
        if word != "go" or len(numbers) not in (1, 2):
            refuse(f"`{line.strip()}` was said; expected `go <seconds>` or `go <seconds> <units>`")
        say(measure(workload, *map(float, numbers)))


def say(what: dict) -> None:
    print(json.dumps(what), flush=True)
