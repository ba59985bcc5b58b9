"""gfnx: trajectory balance on its own environments, sampling and update compiled as one step.

Sizes and networks follow its baselines (tb_hypergrid, tb_tfbind, tb_ising, tb_bitseq), without
exploration, metrics and logging. As in its baselines the loop over the steps is compiled as well.
"""

from __future__ import annotations

import time
from typing import Any, Callable, NamedTuple

from protocol import Arguments, Done, Workload, arguments, refuse, serve

ARGS: Arguments = arguments()

import equinox as eqx  # noqa: E402  after the processors are chosen
import gfnx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402

# Scores of one observation: forward and backward logits.
Policy = Callable[[Any], tuple[jax.Array, jax.Array]]

# Steps are handed over that take about as long.
AHEAD_SECONDS = 0.2
HIDDEN = 256


class Settings(NamedTuple):
    """What the workloads differ in."""

    env: Any
    model: eqx.Module
    batch: int
    # Whether the last move of a trajectory is one of stopping.
    stops: bool
    optimizer: optax.GradientTransformation = optax.adam(1e-3)
    log_z_rate: float = 0.1


class MlpPolicy(eqx.Module):
    """Two hidden layers, both heads on them."""

    network: eqx.nn.MLP
    forward_actions: int
    encode: Callable = eqx.field(static=True)

    def __init__(self, features: int, env: Any, key: jax.Array, encode: Callable):
        self.forward_actions = env.action_space.n
        outputs = self.forward_actions + env.backward_action_space.n
        self.network = eqx.nn.MLP(features, outputs, HIDDEN, 2, key=key)
        self.encode = encode

    def __call__(self, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = self.network(self.encode(obs))
        return logits[: self.forward_actions], logits[self.forward_actions :]


class TransformerPolicy(eqx.Module):
    """gfnx's encoder with a head over the words at each place; P_B is uniform, as in tb_bitseq."""

    encoder: gfnx.networks.Encoder
    head: eqx.nn.Linear
    places: int = eqx.field(static=True)

    def __init__(self, env: Any, key: jax.Array):
        encoder_key, head_key = jax.random.split(key)
        self.encoder = gfnx.networks.Encoder(
            vocab_size=env.ntoken,
            max_length=env.max_length + 1,
            embedding_size=64,
            hidden_size=64,
            intermediate_size=64,
            num_layers=3,
            num_heads=8,
            dropout_rate=0.0,
            attention_dropout_rate=0.0,
            pad_id=-1,
            key=encoder_key,
        )
        self.head = eqx.nn.Linear(64, env.nchar, key=head_key)
        self.places = env.max_length

    def __call__(self, obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        positions = jnp.arange(obs.shape[0])
        layers = self.encoder(obs, positions, enable_dropout=False, key=None)["layers_out"]
        forward = jax.vmap(self.head)(layers[-1][1:]).ravel()
        return forward, jnp.zeros(self.places)


class InventedTable(gfnx.TFBind8RewardModule):
    """The rewards of bench/src/workload/tfbind8.rs in place of the data file."""

    def init(self, rng_key: jax.Array, dummy_state: Any) -> dict[str, jax.Array]:
        import numpy as np

        spread = (np.arange(4**8) * 0.618033988749895) % 1.0
        return {"rewards": jnp.asarray(np.maximum(10 * spread**3, 1e-3), dtype=jnp.float32)}


class FixedIsing(gfnx.IsingRewardModule):
    """A torus with fixed couplings, sigma = 0.2 on every bond."""

    def init(self, rng_key: jax.Array, dummy_state: Any) -> Any:
        params = super().init(rng_key, dummy_state)
        side = round(dummy_state.state.shape[-1] ** 0.5)
        return params.replace(J=jnp.asarray(gfnx.utils.get_true_ising_J(side, 0.2)))


def settings(kind: str, numbers: list[int], key: jax.Array) -> Settings:
    def plain(obs: jax.Array) -> jax.Array:
        return obs

    def one_hot(obs: jax.Array) -> jax.Array:
        return jax.nn.one_hot(obs[1:], 5).ravel()

    if kind in ("hypergrid", "exact"):
        dims, side = numbers[:2]
        reward = gfnx.GeneralHypergridRewardModule(R0=0.1, R1=0.5, R2=2.0)
        env = gfnx.HypergridEnvironment(reward, dim=dims, side=side)
        model = MlpPolicy(dims * side, env, key, plain)
        return Settings(env, model, numbers[2] if len(numbers) > 2 else 16, stops=True)
    if kind == "tfbind8":
        env = gfnx.TFBind8Environment(InventedTable())
        return Settings(env, MlpPolicy(5 * 8, env, key, one_hot), numbers[0], stops=False)
    if kind == "ising":
        env = gfnx.IsingEnvironment(FixedIsing(), dim=numbers[0] ** 2)
        return Settings(env, MlpPolicy(numbers[0] ** 2, env, key, plain), numbers[1], stops=False)
    if kind == "bitseq":
        bits, word, batch = numbers
        reward = gfnx.BitseqRewardModule(
            sentence_len=bits, k=word, mode_set_size=60, reward_exponent=3.0
        )
        env = gfnx.BitseqEnvironment(reward, n=bits, k=word)
        adam = optax.adamw(1e-3, weight_decay=1e-5)
        model = TransformerPolicy(env, key)
        return Settings(env, model, batch, stops=False, optimizer=adam, log_z_rate=5e-2)
    refuse(f"gfnx has no environment for {kind}")
    raise AssertionError


class Training(Workload):
    """Trajectory balance; a unit is as many steps as take about AHEAD_SECONDS."""

    def __init__(self, chosen: Settings):
        key = jax.random.PRNGKey(1)
        self.env, self.batch, self.stops = chosen.env, chosen.batch, chosen.stops
        self.env_params = self.env.init(jax.random.PRNGKey(2))
        weights, self.static = eqx.partition(chosen.model, eqx.is_inexact_array)
        params = {"model": weights, "log_z": jnp.array(0.0)}
        labels = {"model": jax.tree.map(lambda _: "model", weights), "log_z": "log_z"}
        self.optimizer = optax.multi_transform(
            {"model": chosen.optimizer, "log_z": optax.adam(chosen.log_z_rate)}, labels
        )
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(params))
        self.state = (key, params, self.optimizer.init(params), jnp.array(0))
        self.compiled = jax.jit(self.loop, donate_argnums=1)
        self.steps = 1
        self.advance()
        while True:
            begin = time.perf_counter()
            self.advance()
            if time.perf_counter() - begin > AHEAD_SECONDS / 2:
                break
            self.steps *= 2

    def policy(self, weights: Any) -> Policy:
        return eqx.combine(weights, self.static)

    def rollout_policy(self, key: jax.Array, obs: Any, weights: Any) -> tuple[jax.Array, dict]:
        forward, backward = jax.vmap(self.policy(weights))(obs)
        return forward, {"forward_logits": forward, "backward_logits": backward}

    def loss(self, params: dict, data: Any) -> jax.Array:
        """Mean squared residual of trajectory balance over padded trajectories."""
        env, env_params = self.env, self.env_params
        forward, backward = jax.vmap(jax.vmap(self.policy(params["model"])))(data.obs)
        over_time = {"in_axes": (1, None), "out_axes": 1}
        invalid = jax.vmap(env.get_invalid_mask, **over_time)(data.state, env_params)
        log_pf = jax.nn.log_softmax(gfnx.utils.mask_logits(forward, invalid), axis=-1)
        log_pf = jnp.take_along_axis(log_pf, data.action[..., None], axis=-1)[..., 0]
        log_pf = jnp.where(data.pad, 0.0, log_pf).sum(axis=1)

        before = jax.tree.map(lambda x: x[:, :-1], data.state)
        after = jax.tree.map(lambda x: x[:, 1:], data.state)
        back = jax.vmap(env.get_backward_action, in_axes=(1, 1, 1, None), out_axes=1)(
            before, data.action[:, :-1], after, env_params
        )
        invalid = jax.vmap(env.get_invalid_backward_mask, **over_time)(after, env_params)
        log_pb = jax.nn.log_softmax(gfnx.utils.mask_logits(backward[:, 1:], invalid), axis=-1)
        log_pb = jnp.take_along_axis(log_pb, back[..., None], axis=-1)[..., 0]
        pad = data.pad[:, :-1]
        log_pb = jnp.where(pad, 0.0, log_pb).sum(axis=1)
        log_reward = jnp.where(pad, 0.0, data.log_gfn_reward[:, :-1]).sum(axis=1)
        residual = params["log_z"] + log_pf - log_pb - log_reward
        return jnp.mean(residual**2)

    def step(self, state: tuple) -> tuple:
        key, params, memory, moves = state
        key, sample_key = jax.random.split(key)
        data, info = gfnx.utils.forward_rollout(
            rng_key=sample_key,
            num_envs=self.batch,
            policy_fn=self.rollout_policy,
            policy_params=params["model"],
            env=self.env,
            env_params=self.env_params,
        )
        grads = jax.grad(self.loss)(params, data)
        updates, memory = self.optimizer.update(grads, memory, params)
        moves = moves + info["trajectory_length"].sum()
        return key, optax.apply_updates(params, updates), memory, moves

    def loop(self, steps: jax.Array, state: tuple) -> tuple:
        return jax.lax.fori_loop(0, steps, lambda _, state: self.step(state), state)

    def advance(self) -> int:
        """Does the steps of a unit; the moves of their trajectories."""
        before = int(self.state[3])
        self.state = self.compiled(jnp.array(self.steps), self.state)
        jax.block_until_ready(self.state)
        return int(self.state[3]) - before

    def unit(self) -> Done:
        trajectories = self.steps * self.batch
        moves = self.advance() - trajectories * self.stops
        return Done(self.steps, trajectories, moves)


class Exact(Workload):
    """gfnx's exact terminating distribution of a policy that was trained a little."""

    def __init__(self, training: Training):
        while training.steps < 200:
            training.steps *= 2
        training.advance()
        self.weights, env_params = training.state[1]["model"], training.env_params
        if not hasattr(jax, "tree_map"):  # gfnx 0.0.1 asks for what jax 0.7 has dropped
            jax.tree_map = jax.tree.map
        module = gfnx.metrics.ExactDistributionMetricsModule(
            metrics=["tv"],
            env=training.env,
            fwd_policy_fn=training.rollout_policy,
            batch_size=1024,
        )
        key = jax.random.PRNGKey(0)
        self.metrics = module.init(key, module.InitArgs(env_params=env_params))

        def process(metrics: Any, weights: Any) -> Any:
            args = module.ProcessArgs(policy_params=weights, env_params=env_params)
            return module.process(metrics, key, args)

        self.process = jax.jit(process)

    def unit(self) -> Done:
        jax.block_until_ready(self.process(self.metrics, self.weights).exact_distribution)
        return Done(1)


def main() -> None:
    chosen = settings(ARGS.kind, ARGS.numbers, jax.random.PRNGKey(0))
    training = Training(chosen)
    serve(Exact(training) if ARGS.kind == "exact" else training, ARGS.warm_up)


if __name__ == "__main__":
    main()
