//! States as sequences of tokens.

use std::marker::PhantomData;

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot};
use anabranch_core::rng::Stream;
use anabranch_core::{Frontier, Move};
use serde::{Deserialize, Serialize};

use super::chunk::{Batch, Builder, Place, Slot};
use super::kinds::Kinds;
use super::linear::Linear;
use super::network::{Network, Sizes};
use super::{Transformer, View};
use crate::params::Params;
use crate::policy::log_z::LogZ;

/// Sizes of a [`SequenceTransformer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SequenceTransformerConfig {
    /// Width of a token; a multiple of `heads`.
    pub width: usize,
    /// Number of blocks of attention.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Units of the hidden layer of a block's feed-forward part; four times the width is common.
    pub feed_forward: usize,
    /// Whether P_B is learned; uniform otherwise.
    pub learned_backward: bool,
    /// Whether there is a flow head.
    pub flow: bool,
}

impl Default for SequenceTransformerConfig {
    fn default() -> Self {
        Self {
            width: 64,
            layers: 3,
            heads: 8,
            feed_forward: 256,
            learned_backward: false,
            flow: false,
        }
    }
}

/// States as sequences over a fixed number of positions.
pub struct Sequences<E> {
    shape: TokenShape,
    learned_backward: bool,
    flow: bool,
    env: PhantomData<fn() -> E>,
}

impl<E> Clone for Sequences<E> {
    fn clone(&self) -> Self {
        Self {
            env: PhantomData,
            ..*self
        }
    }
}

/// An encoder over all positions of a sequence and one token for the whole of it: every token attends to
/// every other. A block is norm, attention, residual; norm, feed-forward layers with LeakyReLU
/// between them, residual. Scores at a position are linear in its last norm; those of the whole, among
/// them stopping and log F(s), come from its own token and the mean of the positions through one hidden
/// layer. A condition is added to every token, and scales and shifts the norms.
pub type SequenceTransformer<E> = Transformer<Sequences<E>>;

/// Bound of the first embeddings. A token has one row of each table, so that the rule for linear layers
/// would leave it next to nothing.
const EMBEDDING: f32 = 0.5;

impl<E: TokenEncoded> Transformer<Sequences<E>> {
    /// Draws the first weights. `conditions` is `C`, the length of a conditioning vector, and `log_z`
    /// the first value of log Z in nats.
    ///
    /// # Panics
    /// If the width is not a multiple of the heads.
    pub fn new(
        env: &E,
        conditions: usize,
        config: SequenceTransformerConfig,
        log_z: f64,
        rng: &mut Stream,
    ) -> Self {
        assert!(
            config.heads > 0 && config.width.is_multiple_of(config.heads),
            "width {} is not a multiple of {} heads",
            config.width,
            config.heads
        );
        let view = Sequences {
            shape: env.token_shape(),
            learned_backward: config.learned_backward,
            flow: config.flow,
            env: PhantomData,
        };
        let mut params = Params::new();
        view.declare(conditions, config, &mut params, rng);
        let log_z = LogZ::declare(conditions, log_z, &mut params, rng);
        let sizes = Sizes {
            width: config.width,
            blocks: config.layers,
            heads: config.heads,
            conditions,
            edges: None,
        };
        let table = Linear::default().weight(&params, "policy.tokens", (0, 0), (1, 1));
        let positions = view.first_position() as usize;
        let table = table.weight(&params, "policy.positions", (positions, 0), (1, 1));
        Self {
            network: Network::new(sizes, params, table),
            view,
            log_z,
            apart: false,
        }
    }
}

impl<E> Transformer<Sequences<E>> {
    /// Sizes of the encoding, whether there is a backward head, and a flow head.
    pub(crate) fn sequence(&self) -> (TokenShape, bool, bool) {
        let view = &self.view;
        (view.shape, view.learned_backward, view.flow)
    }
}

impl<E: TokenEncoded> Sequences<E> {
    fn declare(
        &self,
        conditions: usize,
        config: SequenceTransformerConfig,
        params: &mut Params,
        rng: &mut Stream,
    ) {
        let (w, shape) = (config.width, self.shape);
        // The last token is that of the whole.
        params.uniform_within("policy.tokens", [shape.tokens + 1, w], EMBEDDING, rng);
        params.uniform_within("policy.positions", [shape.positions, w], EMBEDDING, rng);
        if conditions > 0 {
            params.linear("policy.condition.in", conditions, w, rng);
            params.linear("policy.condition.out", w, w, rng);
        }
        for layer in 0..config.layers {
            let name = |part: &str| format!("policy.layer{layer}.{part}");
            if conditions > 0 {
                params.constant(name("film.weight"), [w, 2 * w], 0.0);
                params.constant(name("film.bias"), [1, 2 * w], 0.0);
            }
            params.linear(&name("qkv"), w, 3 * w, rng);
            params.linear(&name("mix"), w, w, rng);
            params.linear(&name("up"), w, config.feed_forward, rng);
            params.linear(&name("down"), config.feed_forward, w, rng);
        }
        let backward = usize::from(self.learned_backward);
        let outputs = shape.position_actions + backward * shape.position_parents;
        params.linear("policy.node_head", w, outputs, rng);
        params.linear("policy.graph_in", 2 * w, w, rng);
        let outputs = self.whole_parents() + backward * shape.whole_parents;
        params.linear("policy.graph_head", w, outputs, rng);
    }

    /// Row of the first position in the table.
    fn first_position(&self) -> u32 {
        self.shape.tokens as u32 + 1
    }

    /// Outputs of the whole are its actions, stopping, log F(s), its parents.
    fn stop(&self) -> usize {
        self.shape.whole_actions
    }

    fn whole_parents(&self) -> usize {
        self.stop() + 2
    }

    fn add(
        &self,
        tokens: &[u32],
        key: &[u32],
        condition: &[f32],
        builder: &mut Builder<'_, '_>,
    ) -> Place {
        let place = builder.open(key, tokens.len() + 1, condition);
        builder.token(&[self.shape.tokens as u32]);
        for (position, token) in (self.first_position()..).zip(tokens) {
            builder.token(&[*token, position]);
        }
        place
    }

    fn slot(
        &self,
        builder: &mut Builder<'_, '_>,
        place: Place,
        slot: TokenSlot,
        parent: bool,
    ) -> Slot {
        match slot {
            TokenSlot::Position { position, output } => {
                let skip = usize::from(parent) * self.shape.position_actions;
                builder.node(place, position, skip + output)
            }
            TokenSlot::Whole { output } => {
                let skip = usize::from(parent) * self.whole_parents();
                builder.graph(place, skip + output)
            }
        }
    }
}

impl<E: TokenEncoded> View for Sequences<E> {
    type Env = E;

    #[allow(private_interfaces, reason = "implemented here only")]
    fn batch(&self, frontier: &Frontier<'_, E>, apart: bool, kinds: &mut Kinds<'_>) -> Batch {
        let mut builder = Builder::new(frontier.len(), apart, kinds);
        let (mut key, mut tokens) = (Vec::new(), Vec::new());
        for (row, state) in frontier.states.iter().enumerate() {
            tokens.clear();
            frontier.env.tokens(state, &mut tokens);
            debug_assert_eq!(tokens.len(), self.shape.positions);
            let condition = frontier.condition(row);
            key.clear();
            key.extend_from_slice(&tokens);
            key.extend(condition.iter().map(|value| value.to_bits()));
            let place = builder.find(&key);
            let place = place.unwrap_or_else(|| self.add(&tokens, &key, condition, &mut builder));
            // Actions mostly come in the order of their scores: only the first of a run is looked up.
            let mut next = TokenSlot::Whole { output: 0 };
            let mut more = 0;
            for edge in frontier.moves.row(row) {
                let slot = match *edge {
                    Move::Apply(action) => frontier.env.action_slot(state, action),
                    Move::Stop => TokenSlot::Whole {
                        output: self.stop(),
                    },
                };
                if let (
                    TokenSlot::Position { position, output },
                    TokenSlot::Position {
                        position: at,
                        output: following,
                    },
                ) = (slot, &mut next)
                    && position == *at
                    && output == *following
                {
                    *following += 1;
                    more += 1;
                    continue;
                }
                builder.batch().moves.extend_last(more);
                more = 0;
                let found = self.slot(&mut builder, place, slot, false);
                builder.batch().moves.push(found);
                next = slot;
                if let TokenSlot::Position { output, .. } = &mut next {
                    *output += 1;
                }
            }
            builder.batch().moves.extend_last(more);
            if self.learned_backward {
                for action in frontier.parents.row(row) {
                    let slot = frontier.env.parent_slot(state, *action);
                    let slot = self.slot(&mut builder, place, slot, true);
                    builder.batch().parents.push(slot);
                }
            }
            if self.flow {
                let slot = builder.graph(place, self.stop() + 1);
                builder.batch().log_flow.push(slot);
            }
        }
        builder.finish()
    }

    fn heads(&self) -> (bool, bool) {
        (self.learned_backward, self.flow)
    }
}
