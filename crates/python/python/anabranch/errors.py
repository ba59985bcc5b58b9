"""What can go wrong. Every message names the offending value and the remedy."""

from __future__ import annotations

__all__ = [
    "AnabranchError",
    "ChemError",
    "ConfigError",
    "ConformanceError",
    "EnvError",
    "FileError",
    "ObjectiveError",
    "RequestError",
    "RewardError",
    "TrainingError",
]


class AnabranchError(Exception):
    """Any error of this package."""


class ConfigError(AnabranchError, ValueError):
    """Settings that do not exist or cannot be met."""


class EnvError(AnabranchError, ValueError):
    """An environment that cannot be set up, or an action that is not legal."""


class ConformanceError(AnabranchError):
    """An environment breaks its contract."""


class ObjectiveError(AnabranchError, ValueError):
    """Arrays that no objective can be computed from."""


class RewardError(AnabranchError, ValueError):
    """An object without a reward that can be trained on."""


class TrainingError(AnabranchError):
    """A training step failed."""


class ChemError(AnabranchError, ValueError):
    """A molecule that cannot be read or has no such value."""


class FileError(AnabranchError):
    """A run folder or a file that cannot be read or written."""


class RequestError(AnabranchError, ValueError):
    """Something that this run cannot give."""
