"""Our objectives beside torchgfn's own, on the same trajectories and log-probabilities.

Policies and flows are tables over the cells of torchgfn's grid, so that gradients with respect to the same numbers can
be compared. Needs torch and torchgfn, which are no dependencies: without them this file is left out, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from anabranch import objectives

torch: Any = pytest.importorskip("torch", reason="LEFT OUT: torch is not installed, nothing was compared with torchgfn")
pytest.importorskip("gfn", reason="LEFT OUT: torchgfn is not installed, nothing was compared with it")

from gfn.estimators import DiscretePolicyEstimator, ScalarEstimator  # noqa: E402
from gfn.gflownet import (  # noqa: E402
    DBGFlowNet,
    LogPartitionVarianceGFlowNet,
    ModifiedDBGFlowNet,
    SubTBGFlowNet,
    TBGFlowNet,
)
from gfn.gym import HyperGrid  # noqa: E402
from gfn.samplers import Sampler  # noqa: E402

TOLERANCE = 1e-6
SIDE, DIMS, BATCH = 8, 2, 12


@pytest.fixture(autouse=True)
def float64() -> Any:
    """torchgfn computes in torch's default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def cells(states: Any) -> Any:
    """[...] number of each cell."""
    return (states.long() * torch.tensor([SIDE**i for i in range(DIMS)])).sum(-1)


class Table(torch.nn.Module):
    """One row of numbers for each cell."""

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.values = torch.nn.Parameter(torch.randn(SIDE**DIMS, width, generator=generator))
        self.input_dim = DIMS
        self.output_dim = width

    def forward(self, states: Any) -> Any:
        return self.values[cells(states)]


class Setting:
    """The grid, tables for P_F, P_B and log F, and trajectories of a policy that is not the tables'."""

    def __init__(self) -> None:
        torch.manual_seed(5)
        self.env = HyperGrid(ndim=DIMS, height=SIDE)
        actions = self.env.n_actions
        self.forward, self.backward, self.flow = Table(actions, 1), Table(actions - 1, 2), Table(1, 3)
        self.pf = DiscretePolicyEstimator(self.forward, actions)
        self.pb = DiscretePolicyEstimator(self.backward, actions, is_backward=True)
        self.log_f = ScalarEstimator(self.flow)
        explorer = Table(actions, 4)
        # Long trajectories: where each state has one parent, P_B would have no gradient to compare.
        explorer.values.data[:, -1] -= 3.0
        other = DiscretePolicyEstimator(explorer, actions)
        self.trajectories = Sampler(estimator=other).sample_trajectories(self.env, n=BATCH, save_logprobs=False)
        self.log_z = torch.nn.Parameter(torch.tensor(0.7))

    @property
    def tables(self) -> list[Any]:
        return [self.forward.values, self.backward.values, self.flow.values, self.log_z]

    def arrays(self) -> dict[str, Any]:
        """The terms of the trajectories as tensors that depend on the tables, plainly."""
        visited = self.trajectories.states.tensor
        taken = self.trajectories.actions.tensor.squeeze(-1)
        stop = self.env.n_actions - 1
        rows: dict[str, list[Any]] = {n: [] for n in ("log_pf", "log_pb", "log_flow", "log_stop", "log_reward_at")}
        offsets = [0]
        for b in range(BATCH):
            length = int(self.trajectories.terminating_idx[b])
            for t in range(length):
                cell = visited[t, b]
                legal = torch.cat([cell < SIDE - 1, torch.tensor([True])])
                log_pf = self.forward(cell).masked_fill(~legal, -torch.inf).log_softmax(-1)
                action = int(taken[t, b])
                rows["log_pf"].append(log_pf[action])
                rows["log_stop"].append(log_pf[stop])
                rows["log_flow"].append(self.flow(cell)[0])
                rows["log_reward_at"].append(self.env.log_reward(self.env.states_from_tensor(cell[None]))[0])
                if action == stop:
                    rows["log_pb"].append(torch.zeros(()))
                else:
                    after = visited[t + 1, b]
                    back = self.backward(after).masked_fill(after == 0, -torch.inf).log_softmax(-1)
                    rows["log_pb"].append(back[action])
            assert int(taken[length - 1, b]) == stop
            offsets.append(offsets[-1] + length)
        out: dict[str, Any] = {name: torch.stack(values) for name, values in rows.items()}
        out["offsets"] = np.array(offsets)
        out["log_reward"] = self.trajectories.log_rewards
        out["log_z"] = self.log_z
        return out


def ours(function: Callable[..., objectives.Loss], setting: Setting, names: list[str], **constants: Any) -> Any:
    """Our value, and its gradient taken on to the tables by torch."""
    terms = setting.arrays()
    given = {name: terms[name].detach().numpy() for name in names}
    value, gradient = function(**given, offsets=terms["offsets"], **constants)
    # d value / d tables: the pullback of our gradient.
    scalar = sum(
        (terms[name] * torch.as_tensor(gradient[name])).sum()
        for name in names
        if name in gradient and terms[name].requires_grad
    )
    return value, torch.autograd.grad(scalar, setting.tables, allow_unused=True)


def theirs(gflownet: Any, setting: Setting) -> Any:
    samples = gflownet.to_training_samples(setting.trajectories)
    loss = gflownet.loss(setting.env, samples, recalculate_all_logprobs=True)
    return loss.item(), torch.autograd.grad(loss, setting.tables, allow_unused=True)


def compare(one: Any, other: Any) -> None:
    (value, gradients), (expected, expectations) = one, other
    assert value == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)
    touched = 0
    for gradient, expectation in zip(gradients, expectations):
        if gradient is None or expectation is None:
            # A table that one side does not use must not matter to the other.
            rest = gradient if expectation is None else expectation
            assert rest is None or float(rest.abs().max()) < TOLERANCE
            continue
        touched += 1
        torch.testing.assert_close(gradient, expectation, rtol=TOLERANCE, atol=TOLERANCE)
        assert float(expectation.abs().max()) > 1e-3
    assert touched >= 2


PLAIN = ["log_pf", "log_pb", "log_reward"]


def test_trajectory_balance() -> None:
    s = Setting()
    net = TBGFlowNet(s.pf, s.pb, logZ=s.log_z)
    compare(ours(objectives.trajectory_balance, s, [*PLAIN, "log_z"]), theirs(net, s))


def test_log_partition_variance() -> None:
    s = Setting()
    net = LogPartitionVarianceGFlowNet(s.pf, s.pb)
    compare(ours(objectives.log_partition_variance, s, PLAIN), theirs(net, s))


def test_detailed_balance() -> None:
    s = Setting()
    net = DBGFlowNet(s.pf, s.pb, s.log_f)
    compare(ours(objectives.detailed_balance, s, [*PLAIN, "log_flow"]), theirs(net, s))


def test_forward_looking_detailed_balance() -> None:
    s = Setting()
    net = DBGFlowNet(s.pf, s.pb, s.log_f, forward_looking=True)
    names = [*PLAIN, "log_flow", "log_reward_at"]
    compare(ours(objectives.forward_looking_detailed_balance, s, names), theirs(net, s))


def test_modified_detailed_balance() -> None:
    s = Setting()
    net = ModifiedDBGFlowNet(s.pf, s.pb)
    names = ["log_pf", "log_pb", "log_stop", "log_reward_at"]
    compare(ours(objectives.modified_detailed_balance, s, names), theirs(net, s))


@pytest.mark.parametrize(
    ("theirs_name", "ours_name"),
    [
        ("geometric_within", "geometric_within"),
        ("geometric", "geometric"),
        ("equal_within", "equal_within"),
        ("equal", "equal"),
        ("DB", "transitions"),
        ("ModifiedDB", "transitions_within"),
        ("TB", "whole"),
    ],
)
def test_sub_trajectory_balance(theirs_name: str, ours_name: str) -> None:
    s = Setting()
    net = SubTBGFlowNet(s.pf, s.pb, s.log_f, weighting=theirs_name, lamda=0.8)
    names = [*PLAIN, "log_flow"]
    own = ours(objectives.sub_trajectory_balance, s, names, weighting=ours_name, lambda_=0.8)
    compare(own, theirs(net, s))


def test_a_torch_policy_is_trained_by_our_loop() -> None:
    import anabranch as ab

    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    grid = ab.env.Hypergrid(2, 4)
    module = torch.nn.Sequential(torch.nn.Linear(grid.num_features, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3 + 2 + 1))
    policy = ab.TorchPolicy(module, grid, learning_rate=1e-2, backward=True, flow=True)
    for objective in ("trajectory_balance", "sub_trajectory_balance"):
        sampler = ab.train_custom(
            grid,
            lambda states: [0.3 * sum(c) for c in states],
            policy=policy,
            objective=objective,
            steps=300,
            batch=16,
            progress=False,
        )
        states, log_p = sampler.distribution()
        weights = np.exp([0.3 * sum(c) for c in states])
        assert 0.5 * np.abs(np.exp(log_p) - weights / weights.sum()).sum() < 0.1


def test_torch_may_be_imported_before_and_after() -> None:
    """Both bring allocators and threads of their own."""
    import subprocess
    import sys

    for order in ("torch, anabranch", "anabranch, torch"):
        code = f"import {order}; import anabranch as ab, torch; ab.chem.qed(['CCO'] * 50); torch.ones(9) @ torch.ones(9)"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
