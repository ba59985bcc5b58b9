//! What a pass holds until its gradient is asked for.

use super::batch::Slot;
pub(super) use crate::policy::panels::Lease;

/// One round of messages.
pub(super) struct Round<'a> {
    /// `[nodes, 2 W]` states before the round, and what came in.
    pub(super) states: Lease<'a>,
    /// `[edges, W]` messages.
    pub(super) sent: Lease<'a>,
    /// `[nodes, W]` by how much the states move.
    pub(super) update: Lease<'a>,
}

/// A layer of units below each kind of head.
pub(super) struct Hidden<'a> {
    /// `[graphs, W]`
    pub(super) graph: Lease<'a>,
    /// `[nodes, W]`
    pub(super) node: Lease<'a>,
    /// `[scored edges, W]`
    pub(super) edge: Lease<'a>,
}

/// Everything that a pass computed.
pub(super) struct Pass<'a> {
    pub(super) rounds: Vec<Round<'a>>,
    /// `[nodes, W]` last states.
    pub(super) states: Lease<'a>,
    /// `[graphs, W + C]` sums of the nodes, and the condition.
    pub(super) pooled: Lease<'a>,
    pub(super) hidden: Hidden<'a>,
    pub(super) outputs: Outputs<'a>,
}

/// Results of the heads, or their gradients.
pub(super) struct Outputs<'a> {
    /// `[graphs, 2]` stop and log-flow.
    pub(super) graph: Lease<'a>,
    /// `[nodes, node actions + node parents]`
    pub(super) node: Lease<'a>,
    /// `[scored edges, edge actions + edge parents]`
    pub(super) edge: Lease<'a>,
}

impl Outputs<'_> {
    /// The score at `slot`.
    pub(super) fn score(&self, slot: Slot) -> f32 {
        let (panels, row, col) = match slot {
            Slot::Graph { row } => (&self.graph, row, 0),
            Slot::Node { row, action } => (&self.node, row, action),
            Slot::Edge { row, action } => (&self.edge, row, action),
        };
        panels.flat()[panels.place(row as usize, usize::from(col))]
    }

    /// The score at `slot`, to write to.
    pub(super) fn score_mut(&mut self, slot: Slot) -> &mut f32 {
        let (panels, row, col) = match slot {
            Slot::Graph { row } => (&mut self.graph, row, 0),
            Slot::Node { row, action } => (&mut self.node, row, action),
            Slot::Edge { row, action } => (&mut self.edge, row, action),
        };
        let place = panels.place(row as usize, usize::from(col));
        &mut panels.flat_mut()[place]
    }

    /// Log F of graph `row`.
    pub(super) fn log_flow(&self, row: u32) -> f32 {
        self.graph.flat()[self.graph.place(row as usize, 1)]
    }

    /// Log F of graph `row`, to write to.
    pub(super) fn log_flow_mut(&mut self, row: u32) -> &mut f32 {
        let place = self.graph.place(row as usize, 1);
        &mut self.graph.flat_mut()[place]
    }

    /// Makes room for gradients.
    pub(super) fn clear(&mut self) {
        for panels in [&mut self.graph, &mut self.node, &mut self.edge] {
            panels.flat_mut().fill(0.0);
        }
    }
}
