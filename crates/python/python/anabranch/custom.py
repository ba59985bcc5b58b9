"""Training any environment, in memory, by a policy of the library or one of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, Union

import numpy as np
import numpy.typing as npt

from . import _native
from .env import CustomEnvironment, Environment, Frontier, check_environment, wrap
from .objectives import Spec, _spec
from .progress import Progress

__all__ = ["Policy", "Sampler", "TorchPolicy", "train_custom"]

FloatArray = npt.NDArray[np.float64]
Scores = Union[npt.ArrayLike, Mapping[str, Any]]
"""[M] scores of the moves, or a dictionary with moves [M] and, where there are any, parents [P] and log_flow [N]."""

Pullback = Callable[[dict[str, FloatArray]], Any]
"""Takes the loss's gradient with respect to the scores, by the same names."""


class Policy(Protocol):
    """What a policy of one's own has.

    Beside these two either `step()`, which changes its parameters by the gradients that its pullbacks have left; or
    `parameters()` -> name -> array and `load(arrays)`: then pullbacks return name -> gradient, and Adam here changes
    the parameters. log Z is a parameter here in both cases.
    """

    def scores(self, frontier: Frontier) -> Scores:
        """Scores without a way back; for sampling."""
        ...

    def forward(self, frontier: Frontier) -> tuple[Scores, Pullback]:
        """Scores with the way back."""
        ...


class Sampler:
    """A trained policy of an environment."""

    def __init__(self, native: _native.Sampler) -> None:
        self._native = native

    def sample(self, n: int = 1000, *, seed: int = 0) -> list[Any]:
        """`n` objects, as states of the environment."""
        return self._native.sample(n, seed)

    def distribution(self, *, limit: int = 100_000) -> tuple[list[Any], FloatArray]:
        """Every object, and [n] log-probabilities with which the policy draws them; for environments of at most
        `limit` states."""
        return self._native.distribution(limit)

    @property
    def log_z(self) -> float:
        """The learned log Z, in nats; meaningful for objectives that learn it."""
        return self._native.log_z

    @property
    def history(self) -> dict[str, FloatArray]:
        """loss, log_z and log_reward, [steps] each: means over the batch."""
        return self._native.history


def train_custom(
    env: CustomEnvironment | Environment,
    log_reward: Callable[[list[Any]], npt.ArrayLike],
    *,
    policy: Policy | Literal["auto", "mlp", "table"] = "auto",
    objective: Spec = "trajectory_balance",
    steps: int = 1000,
    batch: int = 16,
    learning_rate: float = 1e-3,
    log_z_learning_rate: float = 1e-1,
    log_z: float = 0.0,
    backward: Literal["uniform", "learned"] = "uniform",
    epsilon: float = 0.0,
    hidden: int = 128,
    layers: int = 2,
    limit: int = 100_000,
    seed: int = 0,
    threads: int | None = None,
    progress: bool = True,
    check: bool = True,
) -> Sampler:
    """Trains a policy that draws objects of `env` with probability proportional to exp(log_reward).

    `log_reward` gets a list of states and returns one finite number for each. `policy` is mlp (a perceptron over the
    environment's features), table (one number for each edge, for at most `limit` states), auto (mlp where there are
    features) or an object of one's own. `objective` is named as in `objectives.evaluate`.

    An environment of one's own is walked through a few times first, as by `check_environment`, unless `check` is
    False: one that breaks the laws would be trained towards a wrong distribution, or never stop.

    Ctrl-C raises KeyboardInterrupt; its attribute `sampler` is what was trained until then.
    """
    if check and not isinstance(env, Environment):
        check_environment(env, seed=seed, walks=4, limit=1)
    own = wrap(env)
    chosen: Any = policy
    if isinstance(policy, str) and policy == "auto":
        chosen = "table" if own.num_features is None else "mlp"
    scripted = not isinstance(chosen, str) or not isinstance(env, Environment)
    bar = Progress(progress)
    try:
        native = _native.train_environment(
            own,
            log_reward,
            chosen,
            _spec(objective),
            steps,
            batch,
            learning_rate,
            log_z_learning_rate,
            log_z,
            backward == "learned",
            epsilon,
            hidden,
            layers,
            limit,
            seed,
            1 if scripted else threads,
            bar if bar.shown else None,
        )
    finally:
        bar.close()
    sampler = Sampler(native)
    raised = native.interrupted()
    if raised is not None:
        raised.sampler = sampler
        raise raised
    return sampler


class TorchPolicy:
    """A torch module as a policy. torch is imported where this is made, and is no dependency of the package.

    `module` maps features [n, f] to [n, a + 1] scores of the table of actions with stopping last; with `backward`
    they are followed by a scores of parents, with `flow` by one log F(s): [n, a + 1 (+ a) (+ 1)].
    """

    def __init__(
        self,
        module: Any,
        env: CustomEnvironment | Environment,
        *,
        optimizer: Any = None,
        learning_rate: float = 1e-3,
        backward: bool = False,
        flow: bool = False,
    ) -> None:
        import torch  # type: ignore[import-not-found, unused-ignore] # pyright: ignore[reportMissingImports]

        self._torch: Any = torch
        own = wrap(env)
        if own.num_actions is None:
            raise ValueError(f"{own!r} has no feature vectors; write a policy that reads frontier.states")
        self._actions: int = own.num_actions
        self.module: Any = module
        self._backward = backward
        self._flow = flow
        self._optimizer: Any = (
            self._torch.optim.Adam(module.parameters(), lr=learning_rate) if optimizer is None else optimizer
        )

    def _scores(self, frontier: Frontier) -> dict[str, Any]:
        torch = self._torch
        parameter = next(iter(self.module.parameters()), None)
        kind = {} if parameter is None else {"dtype": parameter.dtype, "device": parameter.device}
        output = self.module(torch.as_tensor(frontier.features, **kind))
        width = self._actions + 1 + self._actions * self._backward + int(self._flow)
        if output.shape[-1] != width:
            raise ValueError(f"the module gives {output.shape[-1]} numbers for a state; {width} are needed")

        def gather(states: Any, rows: Any, first: int) -> Any:
            at = torch.as_tensor(states, device=output.device)
            return output[at, torch.as_tensor(rows, device=output.device) + first]

        scores: dict[str, Any] = {"moves": gather(frontier.move_states, frontier.move_rows, 0)}
        if self._backward:
            scores["parents"] = gather(frontier.parent_states, frontier.parent_rows, self._actions + 1)
        if self._flow:
            scores["log_flow"] = output[:, -1]
        return scores

    def _arrays(self, scores: dict[str, Any]) -> dict[str, FloatArray]:
        return {name: value.detach().cpu().double().numpy() for name, value in scores.items()}

    def scores(self, frontier: Frontier) -> dict[str, FloatArray]:
        """Scores without a way back."""
        with self._torch.no_grad():
            return self._arrays(self._scores(frontier))

    def forward(self, frontier: Frontier) -> tuple[dict[str, FloatArray], Pullback]:
        """Scores, and a pullback that adds to the gradients of the module's parameters."""
        torch = self._torch
        with torch.enable_grad():
            scores = self._scores(frontier)

        def pullback(gradients: dict[str, FloatArray]) -> None:
            names = [name for name in scores if name in gradients]
            if not names:
                return
            torch.autograd.backward(
                [scores[name] for name in names],
                [
                    torch.as_tensor(gradients[name], dtype=scores[name].dtype, device=scores[name].device)
                    for name in names
                ],
            )

        return self._arrays(scores), pullback

    def step(self) -> None:
        """One step of the optimiser, which then forgets the gradients."""
        self._optimizer.step()
        self._optimizer.zero_grad()
