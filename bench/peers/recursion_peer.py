"""recursionpharma/gflownet itself: its fragment task with a constant reward.

Needs a checkout of github.com/recursionpharma/gflownet, whose folder `src` ANABRANCH_GFLOWNET names: it
is not on PyPI. Its torch_scatter is compiled for one version of PyTorch, so the four functions that it
uses of it stand here, on PyTorch's own scatter operations; modules that only report or load other
tasks' data (wandb, git, tensorboard, torch_sparse, ...) are replaced by empty ones.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from typing import Any
from unittest.mock import MagicMock

from protocol import Done, Workload, arguments, refuse, serve

ARGS = arguments()

import torch  # noqa: E402  after the processors are chosen
from torch import Tensor  # noqa: E402
from torch_geometric.utils import scatter as pyg_scatter  # noqa: E402


def scatter_max(
    src: Tensor, index: Tensor, dim: int = 0, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Largest value of each group and its row; `out` is where they start from."""
    assert dim == 0 and out is not None
    wide = index[:, None].expand_as(src) if src.dim() > 1 else index
    out = out.scatter_reduce(0, wide, src, "amax")
    rows = torch.arange(len(src)).reshape(-1, *[1] * (src.dim() - 1)).expand_as(src)
    # A row that is not its group's largest is written past the end.
    where = torch.where(src == out.gather(0, wide), wide, len(out))
    found = torch.full((len(out) + 1, *out.shape[1:]), len(src), dtype=torch.long)
    return out, found.scatter_(0, where, rows)[:-1]


def prepare() -> None:
    source = os.environ.get("ANABRANCH_GFLOWNET")
    if not source or not os.path.isdir(os.path.join(source, "gflownet")):
        refuse("not installed: ANABRANCH_GFLOWNET names no folder `src` of recursionpharma/gflownet")
    sys.path.insert(0, str(source))
    own = types.ModuleType("torch_scatter")
    own.scatter = pyg_scatter  # type: ignore[attr-defined]
    own.scatter_sum = own.scatter_add = (  # type: ignore[attr-defined]
        lambda src, index, dim=0, dim_size=None: pyg_scatter(src, index, dim, dim_size)
    )
    own.scatter_max = scatter_max  # type: ignore[attr-defined]
    sys.modules["torch_scatter"] = own
    for name in (
        "torch_sparse", "torch_cluster", "git", "wandb", "requests", "pandas", "botorch",
        "gpytorch", "cvxopt", "tables", "torch.utils.tensorboard", "tensorboard",
    ):  # fmt: skip
        if name.startswith("torch.") or importlib.util.find_spec(name) is None:
            sys.modules[name] = MagicMock()


class Training(Workload):
    """Its context, sampler, network and loss, put together as its trainer does."""

    def __init__(self, batch: int):
        import numpy as np
        from gflownet.algo.trajectory_balance import TrajectoryBalance
        from gflownet.config import Config
        from gflownet.envs.frag_mol_env import FragMolBuildingEnvContext
        from gflownet.envs.graph_building_env import GraphBuildingEnv
        from gflownet.models.graph_transformer import GraphTransformerGFN

        cfg = Config()
        cfg.device = "cpu"
        cfg.model.num_emb, cfg.model.num_layers = 128, 4
        cfg.model.graph_transformer.num_heads = 4
        cfg.algo.max_nodes = 9
        cfg.algo.sampling_tau = 0.0
        cfg.algo.illegal_action_logreward = -75
        cfg.algo.tb.do_parameterize_p_b = True
        cfg.algo.tb.do_sample_p_b = False
        self.batch = batch
        self.ctx = FragMolBuildingEnvContext(max_frags=9, num_cond_dim=1)
        rng = np.random.default_rng(0)
        self.algo = TrajectoryBalance(GraphBuildingEnv(), self.ctx, rng, cfg)
        self.model = GraphTransformerGFN(self.ctx, cfg, num_graph_out=1, do_bck=True)
        log_z = list(self.model.logZ.parameters())
        chosen = {id(p) for p in log_z}
        others = [p for p in self.model.parameters() if id(p) not in chosen]
        self.optimizer = torch.optim.Adam(
            [{"params": others, "lr": 1e-3}, {"params": log_z, "lr": 1e-3}]
        )
        self.parameters = sum(p.numel() for p in self.model.parameters())

    def unit(self) -> Done:
        condition = torch.ones(self.batch, 1)
        with torch.no_grad():
            sampled: list[dict[str, Any]] = self.algo.create_training_data_from_own_samples(
                self.model, self.batch, condition, 0.0
            )
        batch = self.algo.construct_batch(sampled, condition, torch.zeros(self.batch))
        batch.num_offline, batch.num_online = 0, self.batch
        loss, _ = self.algo.compute_batch_losses(self.model, batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        # With a learned P_B its batches hold the finished object once more.
        graphs = int(batch.traj_lens.sum())
        moves = graphs - 2 * self.batch
        return Done(1, self.batch, moves, graphs, batch.x.shape[0])


def main() -> None:
    if ARGS.kind != "fragments":
        refuse(f"only fragments are trained here, not {ARGS.kind}")
    prepare()
    torch.set_num_threads(ARGS.threads)
    torch.manual_seed(0)
    serve(Training(ARGS.numbers[0]), ARGS.warm_up)


if __name__ == "__main__":
    main()
