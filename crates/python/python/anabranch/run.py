"""Runs: train a task into a folder, then draw, evaluate and report from it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union, cast, overload

import numpy as np
import numpy.typing as npt

from . import _native
from .progress import Progress
from .reward import Reward, named

__all__ = ["Run", "Samples", "config", "load", "report", "train"]

Setting = Union[bool, int, float, str, Sequence[Any], Mapping[str, Any]]
"""A value of a setting; a mapping stands for the settings below it."""

PathLike = Union[str, "os.PathLike[str]"]

FloatArray = npt.NDArray[np.float64]

Callback = Callable[[dict[str, float]], object]
"""Gets the numbers of a step."""

_TOLD = ("step", "steps", "trajectories", "loss", "reward", "log_z")

_METRICS = (
    "loss",
    "log_z",
    "reward",
    "log_reward",
    "best_reward",
    "length",
    "log_pf",
    "gradient_norm",
)


def _toml(value: Any) -> str:
    """`value` as settings write it."""
    if isinstance(value, np.generic):
        plain: Any = value.item()
        return _toml(plain)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (str, os.PathLike)):
        path: Any = value
        return json.dumps(os.fspath(path))
    if isinstance(value, Sequence):
        items: Sequence[Any] = value
        return "[" + ", ".join(_toml(item) for item in items) + "]"
    raise TypeError(f"{value!r} cannot be a setting; give a number, a text, a list or a dict")


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """`key=value` of each setting; dictionaries are the tables below their key."""
    for key, value in settings.items():
        path = prefix + key
        if isinstance(value, Mapping):
            inner = cast("Mapping[str, Any]", value)
            yield from _flatten(inner, path + ".")
        else:
            yield f"{path}={_toml(value)}"


def _overrides(
    steps: int | None,
    seed: int | None,
    folder: PathLike | None,
    settings: Mapping[str, Any],
) -> list[str]:
    out: list[str] = []
    if steps is not None:
        out.append(f"steps={_toml(steps)}")
    if seed is not None:
        out.append(f"seed={_toml(seed)}")
    if folder is not None:
        out.append(f"output.folder={_toml(folder)}")
    return out + list(_flatten(settings))


class Samples(Sequence[str]):
    """Objects drawn from a run, as texts; their rewards and properties are numpy arrays."""

    def __init__(self, table: _native.Table) -> None:
        self._table = table
        self._texts: list[str] = table.texts()

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Samples: ...
    def __getitem__(self, index: int | slice) -> str | Samples:
        if isinstance(index, slice):
            places = list(range(len(self))[index])
            return Samples(self._table.take(places))
        return self._texts[index]

    def __repr__(self) -> str:
        shown = ", ".join(self._texts[:3])
        more = ", ..." if len(self) > 3 else ""
        return f"Samples({len(self)} {self._table.object}: {shown}{more})"

    @property
    def object(self) -> str:
        """What an object is: smiles, cell, bits, ..."""
        return self._table.object

    @property
    def objects(self) -> list[str]:
        """The objects as text, in the order drawn."""
        return list(self._texts)

    @property
    def smiles(self) -> list[str]:
        """The objects, where they are molecules."""
        if self._table.object != "smiles":
            raise AttributeError(f"these objects are no molecules but {self._table.object}; use .objects")
        return list(self._texts)

    @property
    def reward(self) -> FloatArray:
        """[n] rewards, not raised to beta."""
        return self._table.column("reward")

    @property
    def log_reward(self) -> FloatArray:
        """[n] logarithms of the rewards."""
        return self._table.column("log_reward")

    @property
    def columns(self) -> list[str]:
        """Titles of the number columns: reward, log_reward, and the task's properties."""
        return self._table.titles[1:]

    def column(self, title: str) -> FloatArray:
        """[n] values of a column. KeyError for one that is not there."""
        return self._table.column(title)

    def to_dict(self) -> dict[str, Any]:
        """Title -> list of texts, or numpy array."""
        columns: dict[str, Any] = {self._table.object: list(self._texts)}
        columns.update({title: self.column(title) for title in self.columns})
        return columns

    def to_pandas(self) -> Any:
        """A pandas DataFrame; pandas has to be installed."""
        try:
            import pandas as pd  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install pandas") from error
        frame: Any = pd.DataFrame(self.to_dict())  # pyright: ignore[reportUnknownMemberType]
        return frame

    def _write(self, path: PathLike, extension: str, overwrite: bool) -> Path:
        path = Path(path)
        if path.suffix.lower() != extension:
            raise ValueError(f"{path} does not end with {extension}; use save() for other formats")
        return self.save(path, overwrite=overwrite)

    def save(self, path: PathLike, *, overwrite: bool = False) -> Path:
        """Writes a file in the format of its extension: .csv .smi .sdf .jsonl .parquet."""
        path = Path(path)
        self._table.write(path, overwrite)
        return path

    def to_csv(self, path: PathLike, *, overwrite: bool = False) -> Path:
        """Writes comma-separated values."""
        return self._write(path, ".csv", overwrite)

    def to_parquet(self, path: PathLike, *, overwrite: bool = False) -> Path:
        """Writes Apache Parquet."""
        return self._write(path, ".parquet", overwrite)

    def to_sdf(self, path: PathLike, *, overwrite: bool = False) -> Path:
        """Writes a structure-data file with 2D coordinates; molecules only."""
        return self._write(path, ".sdf", overwrite)


class Run:
    """A run folder: the same that the program `gfn` reads and writes.

    A run that a function scores is opened with that function, `reward`; see `train`.
    """

    def __init__(self, path: PathLike, reward: Reward | None = None) -> None:
        self._path = Path(path)
        self._reward = named(reward)
        self._config: dict[str, Any] = json.loads(_native.config(self._path))

    def __repr__(self) -> str:
        return f"Run({str(self._path)!r})"

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    @property
    def config(self) -> dict[str, Any]:
        """All settings, resolved, as nested dictionaries."""
        copy: dict[str, Any] = json.loads(json.dumps(self._config))
        return copy

    def resume(
        self,
        *,
        steps: int | None = None,
        threads: int | None = None,
        progress: bool = True,
        callback: Callback | None = None,
        **settings: Setting,
    ) -> Run:
        """Trains on from the newest checkpoint, to `steps` steps in all. Settings are kept for the rest of the
        run; the result has the same bytes as a run that never stopped. `callback` is as in `train`."""
        overrides = _overrides(steps, None, None, settings)
        if overrides:
            _native.reconfigure(self._path, self._reward, overrides)
            self._config = json.loads(_native.config(self._path))
        self._train(threads, progress, callback)
        return self

    def _train(self, threads: int | None, progress: bool, callback: Callback | None) -> None:
        bar = Progress(progress)
        tell = None if callback is None else _teller(callback)
        try:
            _native.train(self._path, threads, self._reward, bar if bar.shown else None, tell)
        finally:
            bar.close()

    def close(self) -> Run:
        """Writes samples and the report into the folder, as `gfn train` does at its end."""
        _native.close(self._path, self._reward)
        return self

    def sample(
        self,
        n: int = 1000,
        *,
        seed: int | None = None,
        beta: float | None = None,
        distinct: bool = True,
        step: int | None = None,
    ) -> Samples:
        """Draws `n` objects; with `distinct` each text comes once. `seed` is the run's own unless given, `beta`
        the sharpest inverse temperature it was trained at, `step` the newest checkpoint."""
        return Samples(_native.sample(self._path, self._reward, n, distinct, seed, beta, step))

    def evaluate(
        self,
        *,
        samples: int = 1000,
        held: int | None = None,
        beta: float | None = None,
        step: int | None = None,
    ) -> dict[str, Any]:
        """How good the sampler is: exact figures where all states can be written down, estimates elsewhere."""
        figures: dict[str, Any] = json.loads(_native.evaluate(self._path, self._reward, samples, held, beta, step))
        return figures

    def report(self, path: PathLike | None = None, *, samples: int = 1000) -> Path:
        """Writes the report as one HTML page; into the run folder where no path is given."""
        page = self._path / "report.html" if path is None else Path(path)
        _native.report([(self._path, self._reward)], page, samples)
        return page

    def to_onnx(
        self, path: PathLike, *, examples: int = 0, overwrite: bool = False, step: int | None = None
    ) -> Path:
        """Writes the policy as an ONNX file and beside it, with the ending .json, what its inputs and outputs mean;
        with `examples` also so many visited states and our own scores of them, as .npz."""
        file = Path(path)
        _native.export(self._path, file, examples, overwrite, step)
        return file

    def metrics(self) -> dict[str, FloatArray]:
        """Name -> [steps] values, with "step" -> [steps] their steps."""
        series = _native.metrics(self._path, list(_METRICS))
        out: dict[str, FloatArray] = {}
        for name, at, values in series:
            if "step" not in out:
                out["step"] = at.astype(np.float64)
            out[name] = values
        return out


def _teller(callback: Callback) -> Callable[..., None]:
    """`callback` for a step's numbers in their order."""

    def tell(*values: float) -> None:
        callback(dict(zip(_TOLD, values, strict=True)))

    return tell


def train(
    task: PathLike,
    *,
    reward: Reward | Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    folder: PathLike | None = None,
    name: str | None = None,
    threads: int | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    close: bool = True,
    **settings: Setting,
) -> Run:
    """Trains a sampler in a new run folder.

    `task` is the name of a task with its defaults, or a TOML file. Further settings are keywords: `batch=64`, a
    dictionary for those below a name, `env={"side": 4}`, or the whole name, `**{"reward.qed": 2}`. `config(task)`
    lists all of them. With `close` samples and a report are written into the folder at the end.

    `reward` is a function of one's own: it gets a list of objects as texts (SMILES for molecules) and returns one
    number for each, not below 0, as a list or an array, or None for an object without a score. Several values are
    a dictionary of such lists; `oracle={"columns": ["affinity", "price"]}` names them, and
    `**{"reward.affinity": {"direction": "lower", "low": -12, "high": -4}}` says what is wanted of one. Each object
    is asked for once and its score kept in the folder before it is used. What the function raises ends the
    training and is raised here, with its traceback. A mapping as `reward` is settings like any other.

    `callback` gets a dictionary for every step, in order and in the thread that called: step, steps, trajectories,
    loss, reward and log_z. This is the place for `wandb.log`, or `mlflow.log_metrics`; what it raises stops and
    saves.

    Ctrl-C saves and raises KeyboardInterrupt with what to type to go on.
    """
    function: Reward | None = None
    if isinstance(reward, Mapping):
        settings = {"reward": reward, **settings}
    elif reward is not None:
        function = reward
    overrides = _overrides(steps, seed, folder, settings)
    command = [Path(sys.argv[0] or "python").name, *sys.argv[1:]]
    path = _native.create(os.fspath(task), overrides, named(function), name, command)
    run = Run(path, function)
    run._train(threads, progress, callback)
    return run.close() if close else run


def config(task: PathLike, **settings: Setting) -> dict[str, Any]:
    """All settings of a task or a TOML file, resolved, without training anything."""
    resolved: dict[str, Any] = json.loads(_native.resolve(os.fspath(task), list(_flatten(settings))))
    return resolved


def load(path: PathLike, *, reward: Reward | None = None) -> Run:
    """Opens a run folder; with its function, where one scored it."""
    return Run(path, reward)


def report(runs: Sequence[Run | PathLike], path: PathLike, *, samples: int = 1000) -> Path:
    """Writes one report of several runs beside each other."""
    opened = [run if isinstance(run, Run) else Run(run) for run in runs]
    page = Path(path)
    _native.report([(run._path, run._reward) for run in opened], page, samples)
    return page
