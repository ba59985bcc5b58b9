//! What tokens of one kind share. Tokens with the same features are alike until the first attention, so that
//! what comes before it is computed once for each kind, over all passes of a tape.

use std::collections::HashMap;

use super::linear::Sums;
use super::network::{Network, Part, TABLE, at};
use super::norm::NormBack;
use super::rows::{Lists, padded_rows};
use crate::policy::kernels::Finish;
use crate::policy::panels::{Lease, Panels};
use crate::simd::dispatch;

/// The kinds of tokens of some passes.
pub(super) struct Kinds<'a> {
    network: &'a Network,
    numbers: HashMap<Box<[u32]>, u32>,
    /// Kinds to rows of the table of features.
    features: Lists,
    /// Kinds that are computed.
    done: usize,
    /// `[>= kinds, W]` as they enter the first block; zeros past the last kind, here and below.
    tokens: Lease<'a>,
    /// None where they enter it with a condition, or there is no block.
    first: Option<First<'a>>,
}

/// What the first block of attention computes of each kind.
struct First<'a> {
    /// `[>= kinds, W]`
    norm: Lease<'a>,
    /// `[>= kinds]`, whole blocks.
    inverse: Vec<f32>,
    /// `[>= kinds, 3 W]` queries, keys and values that a token has of itself.
    own: Lease<'a>,
    /// The same that a token gives to those whose neighbour it is.
    neighbours: Option<Lease<'a>>,
}

/// Sums of the gradients of [`Kinds`], laid out as they are.
pub(super) struct KindSums<'a> {
    pub(super) tokens: Lease<'a>,
    pub(super) own: Option<Lease<'a>>,
    pub(super) neighbours: Option<Lease<'a>>,
}

impl<'a> Kinds<'a> {
    /// None yet.
    pub(super) fn new(network: &'a Network) -> Self {
        let none = |panels: usize| network.stale(0, panels);
        let (one, three) = (network.panels(), 3 * network.panels());
        let first = network.sizes.by_kind().then(|| First {
            norm: none(one),
            inverse: Vec::new(),
            own: none(three),
            neighbours: network.sizes.edges.map(|_| none(three)),
        });
        Self {
            network,
            numbers: HashMap::new(),
            features: Lists::default(),
            done: 0,
            tokens: none(one),
            first,
        }
    }

    /// The kind of tokens with `features`.
    pub(super) fn number(&mut self, features: &[u32]) -> u32 {
        if let Some(kind) = self.numbers.get(features) {
            return *kind;
        }
        let kind = self.features.len() as u32;
        self.features.push(features.iter().map(|f| (*f, 1.0)));
        self.numbers.insert(features.into(), kind);
        kind
    }

    /// Computes the kinds that are new since the last time.
    pub(super) fn compute(&mut self) {
        let (network, before) = (self.network, self.done);
        let mut new = Lists::default();
        for kind in before..self.features.len() {
            new.push(self.features.row(kind).iter().copied());
        }
        let count = new.len();
        if count == 0 {
            return;
        }
        new.pad(padded_rows(count));
        let tokens = network.picked([(&new, &network.packed()[TABLE].weight)]);
        if let Some(first) = &mut self.first {
            let mut norm = network.stale(tokens.rows(), network.panels());
            let inverse = network.norm(&tokens, &mut norm);
            first.inverse.truncate(before);
            first.inverse.extend(inverse);
            let rows = padded_rows(first.inverse.len());
            first.inverse.resize(rows, 0.0);
            let own = network.multiply(at(0, Part::Qkv), &norm, Finish::Keep);
            append(network, &mut first.own, before, &own);
            if let Some(neighbours) = &mut first.neighbours {
                let new = network.multiply(at(0, Part::Neighbours), &norm, Finish::Keep);
                append(network, neighbours, before, &new);
            }
            append(network, &mut first.norm, before, &norm);
        }
        append(network, &mut self.tokens, before, &tokens);
        self.done += count;
    }

    /// `[>= kinds, W]` as they enter the first block.
    pub(super) fn tokens(&self) -> &Panels {
        &self.tokens
    }

    /// `[>= kinds, 3 W]` first queries, keys and values that a token has of itself, and that it gives to those
    /// whose neighbour it is; None where kinds do not have them.
    pub(super) fn first(&self) -> Option<(&Panels, Option<&Panels>)> {
        let first = self.first.as_ref()?;
        Some((&first.own, first.neighbours.as_deref()))
    }

    /// Zeros for sums of gradients.
    pub(super) fn sums(&self) -> KindSums<'a> {
        let zeros = |like: &Lease<'a>| {
            let mut zeros = self.network.stale(like.rows(), like.count());
            zeros.flat_mut().fill(0.0);
            zeros
        };
        let first = self.first.as_ref();
        KindSums {
            tokens: zeros(&self.tokens),
            own: first.map(|first| zeros(&first.own)),
            neighbours: first.and_then(|first| first.neighbours.as_ref().map(zeros)),
        }
    }

    /// Adds the gradients of the parameters from those of the kinds to the sums of all layers.
    pub(super) fn backward(&self, kinds: KindSums<'_>, sums: &mut [Sums]) {
        let network = self.network;
        let KindSums {
            mut tokens,
            own,
            neighbours,
        } = kinds;
        if let (Some(first), Some(own)) = (&self.first, own) {
            let mut norm = self.step_back(at(0, Part::Qkv), first, &own, None, sums);
            if let Some(neighbours) = neighbours {
                let layer = at(0, Part::Neighbours);
                norm = self.step_back(layer, first, &neighbours, Some(&norm), sums);
            }
            dispatch(NormBack {
                y: &first.norm,
                inverse: &first.inverse,
                grad: &norm,
                width: network.sizes.width,
                out: &mut tokens,
            });
        }
        let weight = &mut sums[TABLE].weight;
        let reversed = self.features.reversed(weight.rows());
        network.add_rows([(&reversed, &tokens)], weight);
    }

    /// Through one of the first products; `others` are added.
    fn step_back(
        &self,
        layer: usize,
        first: &First<'_>,
        grad: &Panels,
        others: Option<&Panels>,
        sums: &mut [Sums],
    ) -> Lease<'a> {
        self.network.learn(layer, &first.norm, grad, sums);
        let finish = others.map_or(Finish::Keep, Finish::Add);
        self.network.descend(layer, grad, finish)
    }
}

/// Writes `new` after the first `before` rows of `table`, which is made larger where it is too small.
fn append<'a>(network: &'a Network, table: &mut Lease<'a>, before: usize, new: &Panels) {
    let rows = before + new.rows();
    if table.rows() < rows {
        let step = (rows.next_power_of_two() / 4).max(16);
        let mut larger = network.stale(rows.next_multiple_of(step), table.count());
        for panel in 0..table.count() {
            let (old, room) = larger.panel_mut(panel).split_at_mut(before);
            old.copy_from_slice(&table.panel(panel)[..before]);
            room.fill(Default::default());
        }
        *table = larger;
    }
    for panel in 0..new.count() {
        table.panel_mut(panel)[before..rows].copy_from_slice(new.panel(panel));
    }
}
