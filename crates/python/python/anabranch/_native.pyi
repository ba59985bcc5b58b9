from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

__version__: str
commit: str

_Path = str | PathLike[str]
_Float = npt.NDArray[np.float64]
_Whole = npt.NDArray[np.int64]

# A function that scores, and the name of what it computes.
_Reward = tuple[Callable[[list[str]], Any], str] | None

def resolve(task: str, settings: list[str]) -> str: ...
def create(
    task: str, settings: list[str], reward: _Reward, name: str | None, command: list[str]
) -> Path: ...
def config(path: _Path) -> str: ...
def reconfigure(path: _Path, reward: _Reward, settings: list[str]) -> None: ...
def train(
    path: _Path,
    threads: int | None,
    reward: _Reward,
    look: Callable[..., None] | None,
    callback: Callable[..., None] | None,
) -> None: ...
def close(path: _Path, reward: _Reward) -> None: ...
def evaluate(
    path: _Path,
    reward: _Reward,
    samples: int,
    held: int | None,
    beta: float | None,
    step: int | None,
) -> str: ...
def report(folders: list[tuple[Path, _Reward]], page: _Path, samples: int) -> None: ...
def export(path: _Path, file: _Path, examples: int, overwrite: bool, step: int | None) -> None: ...
def metrics(
    path: _Path, names: list[str]
) -> list[tuple[str, npt.NDArray[np.uint64], _Float]]: ...
def sample(
    path: _Path,
    reward: _Reward,
    count: int,
    distinct: bool,
    seed: int | None,
    beta: float | None,
    step: int | None,
) -> Table: ...
@final
class Table:
    def __len__(self) -> int: ...
    @property
    def object(self) -> str: ...
    @property
    def titles(self) -> list[str]: ...
    def texts(self) -> list[str]: ...
    def column(self, title: str) -> _Float: ...
    def take(self, places: list[int]) -> Table: ...
    def write(self, path: _Path, overwrite: bool) -> None: ...

def objective_loss(
    objective: str, at: npt.NDArray[Any], terms: dict[str, Any], given: dict[str, Any]
) -> tuple[float, dict[str, Any]]: ...
def objective_needs(objective: str) -> list[str]: ...
def flow_matching_loss(
    config: str,
    inflow: _Float,
    inflow_offsets: npt.NDArray[Any],
    outflow: _Float,
    outflow_offsets: npt.NDArray[Any],
    leaf: npt.NDArray[np.bool_],
    stop: _Float,
    stop_log_reward: _Float,
) -> tuple[float, dict[str, Any]]: ...
def canonical(smiles: list[str], nan: bool) -> list[str | None]: ...
def scaffold(smiles: list[str], nan: bool) -> list[str | None]: ...
def descriptor(name: str, smiles: list[str], nan: bool) -> _Float: ...
def descriptors(smiles: list[str], nan: bool) -> dict[str, _Float]: ...
def fingerprints(
    smiles: list[str], radius: int, bits: int, nan: bool
) -> npt.NDArray[np.uint8]: ...
def tanimoto_matrix(
    left: list[str], right: list[str] | None, radius: int, bits: int, nan: bool
) -> _Float: ...
@final
class Frontier:
    """N states with their M moves and P parents, as arrays."""
    def __len__(self) -> int: ...
    @property
    def states(self) -> list[Any]:
        """[N] states."""
    @property
    def features(self) -> npt.NDArray[np.float32] | None:
        """[N, F], where the environment has features."""
    @property
    def move_offsets(self) -> _Whole:
        """[N + 1]: moves of state i are entries move_offsets[i] to move_offsets[i + 1]."""
    @property
    def move_states(self) -> _Whole:
        """[M] the state of each move."""
    @property
    def move_rows(self) -> _Whole | None:
        """[M] rows of the table of actions, its length for stopping."""
    @property
    def moves(self) -> list[Any]:
        """[M] actions, None for stopping."""
    @property
    def parent_offsets(self) -> _Whole:
        """[N + 1]"""
    @property
    def parent_states(self) -> _Whole:
        """[P] the state of each parent."""
    @property
    def parent_rows(self) -> _Whole | None:
        """[P] rows of the table of actions."""
    @property
    def parents(self) -> list[Any]:
        """[P] actions."""

@final
class Environment:
    """An environment. States and actions are plain values: tuples of numbers, or text."""
    def source(self) -> Any:
        """The empty object."""
    def actions(self, state: Any) -> list[Any]:
        """The legal actions of a state; stopping is not among them."""
    def parents(self, state: Any) -> list[Any]:
        """The actions that can have led into a state."""
    def can_stop(self, state: Any) -> bool:
        """Whether a state is a complete object."""
    def step(self, state: Any, action: Any) -> Any:
        """The state that a legal action leads to. EnvError for another one."""
    def undo(self, state: Any, action: Any) -> Any:
        """The state from which an action led into this one."""
    def text(self, state: Any) -> str:
        """The object as people read it: SMILES, or the state as text."""
    @property
    def num_features(self) -> int | None:
        """Length of a feature vector; None without features."""
    @property
    def num_actions(self) -> int | None:
        """Rows of the table of actions; None without features."""
    def features(self, states: list[Any]) -> npt.NDArray[np.float32]:
        """[n, f] features."""
    def masks(self, states: list[Any]) -> npt.NDArray[np.bool_]:
        """[n, a + 1] which moves are legal: the rows of the table of actions, then stopping."""
    def action_rows(self, state: Any) -> _Whole:
        """Rows of actions(state) in the table of actions."""
    def frontier(self, states: list[Any]) -> Frontier:
        """The states with all edges into and out of them, as arrays."""
    def enumerate(self, limit: int = 1_000_000) -> list[Any]:
        """Every reachable state, parents first. EnvError where there are more than `limit`."""
    def check(self, seed: int, walks: int, limit: int) -> dict[str, Any]: ...

def custom_environment(object: Any, cached: bool) -> Environment: ...
def hypergrid(dims: int, side: int, border: bool) -> Environment: ...
def bit_sequence(bits: int, word: int) -> Environment: ...
def sequence(
    alphabet: str, length: int, min_length: int | None, order: str
) -> Environment: ...
def subsets(items: int, max_size: int, min_size: int) -> Environment: ...
def bags(letters: int, size: int) -> Environment: ...
def fragments(max_nodes: int, min_nodes: int) -> Environment: ...
@final
class Sampler:
    def sample(self, count: int, seed: int) -> list[Any]: ...
    def distribution(self, limit: int) -> tuple[list[Any], _Float]: ...
    @property
    def history(self) -> dict[str, _Float]: ...
    @property
    def log_z(self) -> float: ...
    def interrupted(self) -> Any | None: ...

def train_environment(
    env: Environment,
    log_reward: Callable[[list[Any]], Any],
    policy: Any,
    objective: str,
    steps: int,
    batch: int,
    learning_rate: float,
    log_z_learning_rate: float,
    log_z: float,
    learned_backward: bool,
    epsilon: float,
    hidden: int,
    layers: int,
    limit: int,
    seed: int,
    threads: int | None,
    look: Callable[..., None] | None,
) -> Sampler: ...
