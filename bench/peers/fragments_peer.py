"""A graph transformer in PyTorch on trees of fragments: what anabranch's fragments workload does.

No other program's code: the layers are torch_geometric's, put together as recursionpharma/gflownet
does (message passing, attention over edges and a node of the whole graph, feed-forward), a Batch is
built for every step of sampling, and an update scores all visited states in one more.

The actions are those of crates/envs/src/fragments: a fragment next to one that has a free stem, and,
end by end, the stem through which two are joined. Equal actions under symmetry are not told together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol import Done, Workload, arguments, refuse, serve

ARGS = arguments()

import torch  # noqa: E402  after the processors are chosen
import torch_geometric.nn as gnn  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch_geometric.data import Batch, Data  # noqa: E402
from torch_geometric.utils import add_self_loops  # noqa: E402

# Stems of the 72 fragments, in the order of the vocabulary (crates/chem/src/fragment.rs).
STEMS = [
    1, 1, 1, 3, 2, 1, 1, 6, 4, 3, 4, 5, 2, 1, 1, 2, 1, 2, 1, 1, 2, 1, 1, 1,
    1, 1, 1, 2, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 2, 1, 2, 2, 1, 2, 6, 5, 2, 4, 4, 2, 2,
]  # fmt: skip
MAX_NODES = 9
MAX_STEMS = max(STEMS)
NODE_FEATURES = len(STEMS) + 1
EDGE_FEATURES = 2 * (MAX_STEMS + 1)
WIDTH, LAYERS, HEADS = 128, 4, 4
UNSET = -1

# Kinds of actions, each with its table of scores: forward, then backward.
STOP, ADD, SET = 0, 1, 2
REMOVE, CLEAR = 0, 1
Action = tuple[int, int, int]  # kind, row within the graph, column


@dataclass
class Tree:
    """Fragments, and edges of two of them with the stem at each end."""

    nodes: list[int] = field(default_factory=list)
    edges: list[list[int]] = field(default_factory=list)

    def apply(self, action: Action) -> Action:
        """Takes a forward action; the backward action that undoes it in the new tree."""
        kind, row, column = action
        if kind == ADD:
            if self.nodes:
                self.edges.append([row, len(self.nodes), UNSET, UNSET])
            self.nodes.append(column)
            return REMOVE, len(self.nodes) - 1, 0
        end = column // MAX_STEMS
        self.edges[row][2 + end] = column % MAX_STEMS
        return CLEAR, row, end

    def data(self) -> Data:
        """Features and masks, rows as the network scores them."""
        count = max(1, len(self.nodes))
        x = torch.zeros(count, NODE_FEATURES)
        x[torch.arange(count), torch.tensor(self.nodes or [NODE_FEATURES - 1])] = 1.0
        degree = [0] * count
        touched = [False] * count
        used: list[set[int]] = [set() for _ in range(count)]
        for edge in self.edges:
            for end in (0, 1):
                node, stem = edge[end], edge[2 + end]
                degree[node] += 1
                if stem != UNSET:
                    used[node].add(stem)
                if edge[2] != UNSET or edge[3] != UNSET:
                    touched[node] = True
        edge_attr = torch.zeros(2 * len(self.edges), EDGE_FEATURES)
        set_mask = torch.zeros(len(self.edges), 2 * MAX_STEMS, dtype=torch.bool)
        unset_mask = torch.zeros(len(self.edges), 2, dtype=torch.bool)
        pairs: list[tuple[int, int]] = []
        complete = bool(self.nodes)
        for row, (a, b, *stems) in enumerate(self.edges):
            pairs += [(a, b), (b, a)]
            for end, (node, stem) in enumerate(zip((a, b), stems)):
                edge_attr[2 * row, end * (MAX_STEMS + 1) + stem + 1] = 1.0
                edge_attr[2 * row + 1, (1 - end) * (MAX_STEMS + 1) + stem + 1] = 1.0
                if stem != UNSET:
                    unset_mask[row, end] = True
                    continue
                complete = False
                for free in range(STEMS[self.nodes[node]]):
                    set_mask[row, end * MAX_STEMS + free] = free not in used[node]
        room = len(self.nodes) < MAX_NODES
        hosts = [room and d < STEMS[f] for d, f in zip(degree, self.nodes)] or [True]
        leaves = [d <= 1 and not t for d, t in zip(degree, touched)] if self.nodes else [False]
        return Data(
            x=x,
            edge_index=torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T,
            edge_attr=edge_attr,
            stop_mask=torch.tensor([[complete]]),
            add_mask=torch.tensor(hosts)[:, None].expand(-1, len(STEMS)),
            set_mask=set_mask,
            remove_mask=torch.tensor(leaves)[:, None],
            unset_mask=unset_mask,
        )


def mlp(inputs: int, outputs: int, hidden: int = WIDTH) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(), nn.Linear(hidden, outputs))


class Layer(nn.Module):
    """Norm, sums of neighbours, attention over edges, residual; norm, feed-forward, residual."""

    def __init__(self) -> None:
        super().__init__()
        self.sums = gnn.GENConv(WIDTH, WIDTH, num_layers=1, aggr="add", norm=None)
        self.attention = gnn.TransformerConv(
            2 * WIDTH, WIDTH // HEADS, heads=HEADS, edge_dim=WIDTH
        )
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.forward_block = mlp(WIDTH, WIDTH, 4 * WIDTH)
        self.norms = nn.ModuleList(gnn.LayerNorm(WIDTH, affine=False) for _ in range(2))

    def forward(self, h: Tensor, edges: Tensor, e: Tensor, batch: Tensor) -> Tensor:
        x = self.norms[0](h, batch)
        both = torch.cat([x, self.sums(x, edges, e)], dim=1)
        h = h + self.mix(self.attention(both, edges, e))
        return h + self.forward_block(self.norms[1](h, batch))


class GraphTransformer(nn.Module):
    """Scores of every kind of action, flat tables with a row for each graph, node or edge."""

    def __init__(self) -> None:
        super().__init__()
        self.node_in = nn.Linear(NODE_FEATURES, WIDTH)
        self.edge_in = nn.Linear(EDGE_FEATURES, WIDTH)
        self.whole = nn.Parameter(torch.zeros(1, WIDTH))
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.heads = nn.ModuleDict(
            {
                "stop": mlp(2 * WIDTH, 1),
                "add": nn.Linear(WIDTH, len(STEMS)),
                "set": mlp(2 * WIDTH, 2 * MAX_STEMS),
                "remove": nn.Linear(WIDTH, 1),
                "unset": mlp(2 * WIDTH, 2),
            }
        )
        self.log_z = nn.Parameter(torch.zeros(()))

    def forward(self, g: Batch) -> dict[str, Tensor]:
        count = g.x.shape[0]
        h = torch.cat([self.node_in(g.x), self.whole.expand(g.num_graphs, -1)])
        e = self.edge_in(g.edge_attr)
        # One node for the whole graph, joined to every other both ways.
        nodes, wholes = torch.arange(count), g.batch + count
        edges = torch.cat([g.edge_index, torch.stack([nodes, wholes])], dim=1)
        edges = torch.cat([edges, torch.stack([wholes, nodes])], dim=1)
        e = torch.cat([e, e.new_zeros(2 * count, WIDTH)])
        edges, e = add_self_loops(edges, e, fill_value="mean")
        batch = torch.cat([g.batch, torch.arange(g.num_graphs)])
        for layer in self.layers:
            h = layer(h, edges, e, batch)
        h, whole = h[:count], h[count:]
        graph = torch.cat([gnn.global_mean_pool(h, g.batch), whole], dim=1)
        a, b = g.edge_index[:, ::2]
        edge = torch.cat([h[a], h[b]], dim=1)
        parts = {"stop": graph, "add": h, "set": edge, "remove": h, "unset": edge}
        return {name: head(parts[name]) for name, head in self.heads.items()}


class Scored:
    """Log-probabilities over ragged choices: kinds of actions with the graph of each of their rows."""

    def __init__(self, g: Batch, scores: dict[str, Tensor], kinds: tuple[str, ...]):
        edge_graph = g.batch[g.edge_index[0, ::2]]
        graph_of = {"stop": torch.arange(g.num_graphs), "add": g.batch, "remove": g.batch}
        values, owners, self.places, self.starts = [], [], [], []
        edge_counts = torch.bincount(edge_graph, minlength=g.num_graphs)
        edge_start = torch.cumsum(edge_counts, 0) - edge_counts
        first = {"stop": torch.arange(g.num_graphs), "add": g.ptr[:-1], "remove": g.ptr[:-1]}
        for name in kinds:
            rows, columns = getattr(g, f"{name}_mask").nonzero(as_tuple=True)
            values.append(scores[name][rows, columns])
            owners.append(graph_of.get(name, edge_graph)[rows])
            self.places.append((rows, columns))
            self.starts.append(first.get(name, edge_start))
        self.scores = [scores[name] for name in kinds]
        self.values, self.owners = torch.cat(values), torch.cat(owners)
        top = self.values.detach().new_full((g.num_graphs,), -1e30)
        top = top.scatter_reduce(0, self.owners, self.values.detach(), "amax")
        sums = torch.zeros_like(top).index_add(
            0, self.owners, torch.exp(self.values - top[self.owners])
        )
        self.log_sum = top + torch.log(sums.clamp_min(1e-30))

    def draw(self) -> list[Action]:
        """One action for each graph, by the largest of perturbed scores."""
        noise = -torch.log(-torch.log(torch.rand_like(self.values).clamp(1e-12, 1 - 1e-7)))
        perturbed = self.values + noise
        best = torch.full_like(self.log_sum, -1e30)
        best = best.scatter_reduce(0, self.owners, perturbed, "amax")
        chosen = (perturbed == best[self.owners]).nonzero()[:, 0]
        offset, out = 0, [(STOP, 0, 0)] * len(best)
        for kind, (rows, columns) in enumerate(self.places):
            inside = chosen[(chosen >= offset) & (chosen < offset + len(rows))]
            graphs, local = self.owners[inside].tolist(), inside - offset
            starts = self.starts[kind][self.owners[inside]]
            where = (rows[local] - starts).tolist(), columns[local].tolist()
            for graph, row, column in zip(graphs, *where):
                out[graph] = (kind, row, column)
            offset += len(rows)
        return out

    def log_probability(self, graphs: Tensor, actions: list[Action]) -> Tensor:
        """Of an action in each of `graphs`."""
        kinds, rows, columns = torch.tensor(actions).T
        out = self.log_sum.new_zeros(len(actions))
        for kind, scores in enumerate(self.scores):
            here = (kinds == kind).nonzero()[:, 0]
            row = self.starts[kind][graphs[here]] + rows[here]
            out = out.index_put((here,), scores[row, columns[here]])
        return out - self.log_sum[graphs]


class Training(Workload):
    def __init__(self, batch: int):
        self.batch = batch
        self.model = GraphTransformer()
        # Nearly uniform and kept so, as in bench/src/workload/fragments.rs: trajectories stay alike.
        with torch.no_grad():
            for head in self.model.heads.values():
                last = head if isinstance(head, nn.Linear) else head[-1]
                last.weight.mul_(1e-3)
                last.bias.mul_(1e-3)
        weights = [p for name, p in self.model.named_parameters() if name != "log_z"]
        self.optimizer = torch.optim.Adam(
            [{"params": weights, "lr": 0.0}, {"params": [self.model.log_z], "lr": 0.0}]
        )
        self.parameters = sum(p.numel() for p in self.model.parameters())

    @torch.no_grad()
    def sample(self) -> tuple[list[Data], list[Action], list[Action | None], list[int]]:
        """Visited states, the action that left each, the one that goes back from it, its trajectory."""
        trees = [Tree() for _ in range(self.batch)]
        back: list[Action | None] = [None] * self.batch
        active = list(range(self.batch))
        states: list[Data] = []
        forward: list[Action] = []
        backward: list[Action | None] = []
        trajectory: list[int] = []
        while active:
            data = [trees[i].data() for i in active]
            g = Batch.from_data_list(data)
            actions = Scored(g, self.model(g), ("stop", "add", "set")).draw()
            states += data
            forward += actions
            backward += [back[i] for i in active]
            trajectory += active
            going = []
            for i, action in zip(active, actions):
                if action[0] != STOP:
                    back[i] = trees[i].apply(action)
                    going.append(i)
            active = going
        return states, forward, backward, trajectory

    def unit(self) -> Done:
        states, forward, backward, trajectory = self.sample()
        g = Batch.from_data_list(states)
        scores = self.model(g)
        graphs, owner = torch.arange(len(states)), torch.tensor(trajectory)
        log_pf = Scored(g, scores, ("stop", "add", "set")).log_probability(graphs, forward)
        later = torch.tensor([i for i, action in enumerate(backward) if action is not None])
        log_pb = Scored(g, scores, ("remove", "unset")).log_probability(
            later, [action for action in backward if action is not None]
        )
        zeros = log_pf.new_zeros(self.batch)
        residual = self.model.log_z + zeros.index_add(0, owner, log_pf)
        residual = residual - zeros.index_add(0, owner[later], log_pb)  # log R = 0
        self.optimizer.zero_grad()
        residual.square().mean().backward()
        self.optimizer.step()
        return Done(1, self.batch, len(states) - self.batch, len(states), g.x.shape[0])


def main() -> None:
    if ARGS.kind != "fragments":
        refuse(f"only fragments are trained here, not {ARGS.kind}")
    torch.set_num_threads(ARGS.threads)
    torch.manual_seed(0)
    serve(Training(ARGS.numbers[0]), ARGS.warm_up)


if __name__ == "__main__":
    main()
