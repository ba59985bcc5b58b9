"""GFlowNets: samplers that draw diverse objects with probability proportional to their reward.

>>> import anabranch as ab
>>> run = ab.train("hypergrid", steps=200, seed=7, folder="runs")
>>> run.sample(100).to_csv("cells.csv")

Runs are in folders, the same that the program `gfn` reads and writes: `train`, `load`, `Run`, `Samples`.
One level lower: `env` (environments), `train_custom` (any of them on any log-reward), `objectives` (functions of arrays),
`chem` (molecules), `check_environment` (the laws).
"""

from . import chem, env, errors, objectives
from ._native import __version__
from .custom import Policy, Sampler, TorchPolicy, train_custom
from .env import CustomEnvironment, Environment, check_environment
from .errors import (
    AnabranchError,
    ChemError,
    ConfigError,
    ConformanceError,
    EnvError,
    FileError,
    ObjectiveError,
    RequestError,
    RewardError,
    TrainingError,
)
from .run import Run, Samples, config, load, report, train

__all__ = [
    "AnabranchError",
    "ChemError",
    "ConfigError",
    "ConformanceError",
    "CustomEnvironment",
    "EnvError",
    "Environment",
    "FileError",
    "ObjectiveError",
    "Policy",
    "RequestError",
    "RewardError",
    "Run",
    "Sampler",
    "Samples",
    "TorchPolicy",
    "TrainingError",
    "__version__",
    "chem",
    "check_environment",
    "config",
    "env",
    "errors",
    "load",
    "objectives",
    "report",
    "train",
    "train_custom",
]
