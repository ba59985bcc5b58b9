"""The package as one uses it; looked at by mypy and pyright, never run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import anabranch as ab

run: ab.Run = ab.train("fragments", steps=10, seed=7, env={"max_nodes": 4}, batch=8)
samples: ab.Samples = run.sample(10, seed=1)
first: str = samples[0]
some: ab.Samples = samples[1:3]
rewards: npt.NDArray[np.float64] = samples.reward
frame: Any = samples.to_pandas()
figures: dict[str, Any] = ab.load(run.path).evaluate()
page = run.report("report.html").read_text()
run.resume(steps=20)

value, gradient = ab.objectives.trajectory_balance([-1.0], [0.0], [0.0], 0.5, [0, 1])
total: float = value + float(gradient["log_z"])

grid: ab.Environment = ab.env.Hypergrid(2, 8)
mask: npt.NDArray[np.bool_] = grid.masks(grid.enumerate())
prints: npt.NDArray[np.uint8] = ab.chem.fingerprints(["CCO"], 2, 1024, errors="nan")


class Count:
    """Counts to three."""

    def source(self) -> int:
        return 0

    def can_stop(self, state: int) -> bool:
        return True

    def step(self, state: int, action: str) -> int:
        return state + 1

    def undo(self, state: int, action: str) -> int:
        return state - 1

    def actions(self, state: int) -> list[str]:
        return ["one"] if state < 3 else []

    def parents(self, state: int) -> list[str]:
        return ["one"] if state > 0 else []


looked_at: dict[str, Any] = ab.check_environment(Count())
sampler: ab.Sampler = ab.train_custom(Count(), lambda states: [float(s) for s in states], steps=5)
states, log_p = sampler.distribution()
try:
    ab.config("no such task")
except ab.ConfigError as error:
    message: str = str(error)
