"""torchgfn: trajectory balance on its own environments, as its train_hypergrid example trains.

Trajectories keep the log-probabilities they were sampled with, so that an update scores only the
backward policy anew.
"""

from __future__ import annotations

from protocol import Done, Workload, arguments, refuse, serve

ARGS = arguments()

import torch  # noqa: E402  after the processors are chosen
from gfn.estimators import DiscretePolicyEstimator  # noqa: E402
from gfn.gflownet import TBGFlowNet  # noqa: E402
from gfn.gym import DiscreteEBM, HyperGrid  # noqa: E402
from gfn.gym.discrete_ebm import IsingModel  # noqa: E402
from gfn.preprocessors import KHotPreprocessor  # noqa: E402
from gfn.samplers import Sampler  # noqa: E402
from gfn.utils.modules import MLP  # noqa: E402

HIDDEN = {"hidden_dim": 256, "n_hidden_layers": 2}


def torus(side: int, coupling: float) -> torch.Tensor:
    """Couplings between neighbours, every bond in both triangles of the matrix."""
    bonds = torch.zeros(side * side, side * side)
    for row in range(side):
        for column in range(side):
            here = row * side + column
            for there in ((row + 1) % side * side + column, row * side + (column + 1) % side):
                bonds[here, there] = bonds[there, here] = coupling
    return bonds


class Training(Workload):
    def __init__(self, kind: str, numbers: list[int]):
        if kind == "hypergrid":
            dims, side, self.batch = numbers
            self.env = HyperGrid(
                ndim=dims,
                height=side,
                reward_fn_str="original",
                reward_fn_kwargs={"R0": 0.1, "R1": 0.5, "R2": 2.0},
                calculate_partition=False,
                store_all_states=False,
                debug=False,
            )
            encoder = KHotPreprocessor(height=side, ndim=dims)
            features = encoder.output_dim
        elif kind == "ising":
            side, self.batch = numbers
            energy = IsingModel(torus(side, 0.2))
            self.env = DiscreteEBM(side * side, energy=energy, alpha=1.0, debug=False)
            encoder, features = None, side * side
        elif kind == "exact":
            refuse("no exact terminating distribution; it estimates one from samples")
        else:
            refuse(f"torchgfn has no environment for {kind}")
        forward = MLP(features, self.env.n_actions, **HIDDEN)
        backward = MLP(features, self.env.n_actions - 1, trunk=forward.trunk)
        estimators = [
            DiscretePolicyEstimator(
                module, self.env.n_actions, preprocessor=encoder, is_backward=is_backward
            )
            for module, is_backward in ((forward, False), (backward, True))
        ]
        self.gflownet = TBGFlowNet(pf=estimators[0], pb=estimators[1], init_logZ=0.0)
        self.sampler = Sampler(estimator=estimators[0])
        self.optimizer = torch.optim.Adam(self.gflownet.pf_pb_parameters(), lr=1e-3)
        log_z = {"params": self.gflownet.logz_parameters(), "lr": 0.1}
        self.optimizer.add_param_group(log_z)
        self.parameters = sum(p.numel() for p in set(self.gflownet.parameters()))

    def unit(self) -> Done:
        trajectories = self.sampler.sample_trajectories(
            self.env, n=self.batch, save_logprobs=True, save_estimator_outputs=False
        )
        self.optimizer.zero_grad()
        loss = self.gflownet.loss_from_trajectories(
            self.env, trajectories, recalculate_all_logprobs=False
        )
        loss.backward()
        self.optimizer.step()
        # The last move of each stops.
        moves = int(trajectories.terminating_idx.sum()) - self.batch
        return Done(1, self.batch, moves)


def main() -> None:
    torch.set_num_threads(ARGS.threads)
    torch.manual_seed(0)
    serve(Training(ARGS.kind, ARGS.numbers), ARGS.warm_up)


if __name__ == "__main__":
    main()
