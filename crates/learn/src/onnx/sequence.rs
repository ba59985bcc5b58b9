//! The sequence transformer as a graph.

use anabranch_core::encode::{TokenEncoded, TokenSlot};
use anabranch_core::{Frontier, Move};

use super::graph::{Attribute, Graph, Size, Values, has};
use super::transformer::{blocks, condition, whole, whole_output, with_whole};
use super::{Array, Encoded, Export, Place};
use crate::policy::{Model, SequenceTransformer};

/// An output and the length of its last axis, where there is one.
type Wide = Option<(usize, usize)>;

const FORWARD: &str = "Unnormalised log P_F of the actions at each position; leave out what is not legal and apply \
                       one softmax over all forward scores of the state, stop among them.";
const WHOLE: &str =
    "Unnormalised log P_F of the actions of the whole sequence, under the same softmax.";
const BACKWARD: &str = "Unnormalised log P_B of what can have led into the state, by position; one softmax over all backward scores.";
const WHOLE_BACKWARD: &str =
    "Unnormalised log P_B of what the whole can have undergone, under the same softmax.";

impl<E: TokenEncoded> Export for SequenceTransformer<E> {
    fn graph(&self) -> Graph {
        let params = self.params();
        let (shape, learned, flow) = self.sequence();
        let mut graph = Graph::default();
        let states = || Size::Free("states");
        let positions = || Size::Fixed(shape.positions);
        let tokens = graph.input(
            "tokens",
            vec![states(), positions()],
            true,
            "The token at each position of each state.",
        );
        let given = condition(&mut graph, params, self.conditions());
        let table = graph.parameter(params, "policy.tokens");
        let x = graph.op_with(
            "Gather",
            &[&table, &tokens],
            vec![("axis", Attribute::Whole(0))],
        );
        let places = graph.parameter(params, "policy.positions");
        let x = graph.op("Add", &[&x, &places]);
        let row = graph.slice(&table, 0, shape.tokens as i64, shape.tokens as i64 + 1);
        let mut x = with_whole(&mut graph, &x, &row);
        if let Some(given) = &given {
            x = graph.op("Add", &[&x, &given.token]);
        }
        let x = blocks(
            &mut graph,
            params,
            self.attention_heads(),
            x,
            given.as_ref(),
            None,
            None,
        );
        let others = graph.slice(&x, 1, 1, i64::from(i32::MAX));
        let sum = graph.sum(&others, 1);
        let share = graph.number("share", 1.0 / shape.positions as f32);
        let mean = graph.op("Mul", &[&sum, &share]);
        let h = whole(&mut graph, params, &x, &mean);
        let (pa, pp) = (shape.position_actions, shape.position_parents);
        let (wa, wp) = (shape.whole_actions, shape.whole_parents);
        let at = |graph: &mut Graph, name, columns: std::ops::Range<usize>, meaning| {
            if !columns.is_empty() {
                let out = vec![states(), positions(), Size::Fixed(columns.len())];
                let scores = graph.linear_columns(params, "policy.node_head", &others, columns);
                graph.output(name, &scores, out, meaning);
            }
        };
        let of_whole = |graph: &mut Graph, name, columns: std::ops::Range<usize>, meaning| {
            if !columns.is_empty() {
                let out = vec![states(), Size::Fixed(columns.len())];
                let scores = graph.linear_columns(params, "policy.graph_head", &h, columns);
                graph.output(name, &scores, out, meaning);
            }
        };
        at(&mut graph, "position_forward", 0..pa, FORWARD);
        of_whole(&mut graph, "whole_forward", 0..wa, WHOLE);
        let stop = "Unnormalised log P_F of stopping, under the same softmax.";
        whole_output(&mut graph, params, &h, wa, "stop", stop);
        if learned {
            at(&mut graph, "position_backward", pa..pa + pp, BACKWARD);
            of_whole(
                &mut graph,
                "whole_backward",
                wa + 2..wa + 2 + wp,
                WHOLE_BACKWARD,
            );
        }
        if flow {
            whole_output(
                &mut graph,
                params,
                &h,
                wa + 1,
                "log_flow",
                "log F(s), nats.",
            );
        }
        graph.log_z(params, given.as_ref().map(|given| given.input.as_str()));
        graph
    }

    fn encode(&self, frontier: &Frontier<'_, E>) -> Encoded {
        let (shape, learned, flow) = self.sequence();
        let (count, long) = (frontier.len(), shape.positions);
        let mut tokens = Vec::with_capacity(count * long);
        for state in &frontier.states {
            frontier.env.tokens(state, &mut tokens);
        }
        let mut inputs = vec![Array {
            shape: vec![count, long],
            values: Values::Whole(tokens.into_iter().map(i64::from).collect()),
        }];
        if self.conditions() > 0 {
            let conditions = frontier.conditions.clone();
            inputs.push(Array::floats(&[count, self.conditions()], conditions));
        }
        let mut outputs: Vec<Vec<usize>> = Vec::new();
        let mut port = |wide: usize, by_position: bool| {
            (wide > 0).then(|| {
                outputs.push(match by_position {
                    true => vec![count, long, wide],
                    false => vec![count, wide],
                });
                (outputs.len() - 1, wide)
            })
        };
        let forward = (
            port(shape.position_actions, true),
            port(shape.whole_actions, false),
        );
        let stop = port(1, false);
        let backward = match learned {
            true => (
                port(shape.position_parents, true),
                port(shape.whole_parents, false),
            ),
            false => (None, None),
        };
        let log_flow = if flow { port(1, false) } else { None };
        let log_z = has(self.params(), "log_z.in.weight").then(|| port(1, false));
        // These have no last axis.
        for (output, _) in [stop, log_flow, log_z.flatten()].into_iter().flatten() {
            outputs[output] = vec![count];
        }
        let place = |row: usize, ports: (Wide, Wide), slot| {
            let missing = (usize::MAX, 0);
            match slot {
                TokenSlot::Position {
                    position,
                    output: column,
                } => {
                    let (output, wide) = ports.0.unwrap_or(missing);
                    Place {
                        output,
                        index: (row * long + position) * wide + column,
                    }
                }
                TokenSlot::Whole { output: column } => {
                    let (output, wide) = ports.1.unwrap_or(missing);
                    Place {
                        output,
                        index: row * wide + column,
                    }
                }
            }
        };
        let (mut moves, mut parents) = (Vec::new(), Vec::new());
        for (row, state) in frontier.states.iter().enumerate() {
            for edge in frontier.moves.row(row) {
                moves.push(match *edge {
                    Move::Apply(action) => {
                        place(row, forward, frontier.env.action_slot(state, action))
                    }
                    Move::Stop => Place {
                        output: stop.map_or(0, |port| port.0),
                        index: row,
                    },
                });
            }
            if learned {
                let entered = frontier.parents.row(row).iter();
                parents.extend(
                    entered.map(|a| place(row, backward, frontier.env.parent_slot(state, *a))),
                );
            }
        }
        Encoded {
            inputs,
            outputs,
            moves,
            parents: learned.then_some(parents),
            log_flow: log_flow
                .map(|(output, _)| (0..count).map(|index| Place { output, index }).collect()),
        }
    }
}
