//! The graph transformer as a graph of operators, over padded graphs.

use anabranch_core::encode::{GraphEncoded, GraphSlot};
use anabranch_core::{Frontier, Move};

use super::graph::{Graph, Size, has};
use super::transformer::{Links, blocks, condition, whole, whole_output, with_whole};
use super::{Array, Encoded, Export, Place};
use crate::policy::{Model, NativeGraphTransformer};

const NODE_FORWARD: &str = "Unnormalised log P_F of the actions at each node; leave out what is not legal and apply \
                            one softmax over all forward scores of the state, those of edges and stop among them.";
const EDGE_FORWARD: &str =
    "Unnormalised log P_F of the actions at each directed edge, under the same softmax.";
const NODE_BACKWARD: &str = "Unnormalised log P_B of what can have led into the state, by node; one softmax over all \
                             backward scores of the state.";
const EDGE_BACKWARD: &str = "Unnormalised log P_B by directed edge, under the same softmax.";

impl<E: GraphEncoded> Export for NativeGraphTransformer<E> {
    fn graph(&self) -> Graph {
        let params = self.params();
        let (shape, learned, flow) = self.graph_view();
        let mut graph = Graph::default();
        let (states, nodes, edges) = (
            || Size::Free("states"),
            || Size::Free("nodes"),
            || Size::Free("edges"),
        );
        let (f, fe) = (shape.node_features, shape.edge_features);
        let features = graph.input(
            "nodes",
            vec![states(), nodes(), Size::Fixed(f)],
            false,
            "Features of each node, 1 or 0; rows of zeros where a state has fewer nodes.",
        );
        let mask = graph.input(
            "node_mask",
            vec![states(), nodes()],
            false,
            "1 for each node that is there, 0 for padding. Every state has a node.",
        );
        let from = graph.input(
            "edge_from",
            vec![states(), edges(), nodes()],
            false,
            "1 at the node where each directed edge begins; rows of zeros for padding. At least one row.",
        );
        let to = graph.input(
            "edge_to",
            vec![states(), edges(), nodes()],
            false,
            "1 at the node where each directed edge ends. A bond is two directed edges.",
        );
        let edge_features = graph.input(
            "edges",
            vec![states(), edges(), Size::Fixed(fe)],
            false,
            "Features of each directed edge, 1 or 0.",
        );
        let given = condition(&mut graph, params, self.conditions());
        // Tokens are the nodes, and one for the whole before them.
        let table = graph.parameter(params, "policy.nodes.weight");
        let weight = graph.slice(&table, 0, 0, f as i64);
        let row = graph.slice(&table, 0, f as i64, f as i64 + 1);
        let x = graph.op("MatMul", &[&features, &weight]);
        let x = with_whole(&mut graph, &x, &row);
        let bias = graph.parameter(params, "policy.nodes.bias");
        let mut x = graph.op("Add", &[&x, &bias]);
        if let Some(given) = &given {
            x = graph.op("Add", &[&x, &given.token]);
        }
        let links = links(&mut graph, &from, &to, &edge_features);
        let first = graph.slice(&mask, 1, 0, 1);
        let zero = graph.zeros_like(&first);
        let one = graph.number("one", 1.0);
        let first = graph.op("Add", &[&zero, &one]);
        let all = graph.concat(&[&first, &mask], 1);
        let heads = self.attention_heads();
        let x = blocks(
            &mut graph,
            params,
            heads,
            x,
            given.as_ref(),
            Some(&links),
            Some(&all),
        );
        let others = graph.slice(&x, 1, 1, i64::from(i32::MAX));
        let column = graph.unsqueeze(&mask, 2);
        let present = graph.op("Mul", &[&others, &column]);
        let sum = graph.sum(&present, 1);
        let count = graph.sum(&column, 1);
        let mean = graph.op("Div", &[&sum, &count]);
        let h = whole(&mut graph, params, &x, &mean);

        let a = graph.op("MatMul", &[&from, &others]);
        let a = graph.linear(params, "policy.edge_in.from", &a);
        let b = graph.op("MatMul", &[&to, &others]);
        let weight = graph.parameter(params, "policy.edge_in.to");
        let b = graph.op("MatMul", &[&b, &weight]);
        let weight = graph.parameter(params, "policy.edge_in.features");
        let c = graph.op("MatMul", &[&edge_features, &weight]);
        let e = graph.op("Add", &[&a, &b]);
        let e = graph.op("Add", &[&e, &c]);
        let e = graph.leaky_relu(&e);

        let (na, np) = (shape.node_actions, shape.node_parents);
        let (ea, ep) = (shape.edge_actions, shape.edge_parents);
        let head = |graph: &mut Graph, name, at_node, columns: std::ops::Range<usize>, text| {
            if columns.is_empty() {
                return;
            }
            let (layer, x, axis) = match at_node {
                true => ("policy.node_head", &others, nodes()),
                false => ("policy.edge_head", &e, edges()),
            };
            let out = vec![states(), axis, Size::Fixed(columns.len())];
            let scores = graph.linear_columns(params, layer, x, columns);
            graph.output(name, &scores, out, text);
        };
        head(&mut graph, "node_forward", true, 0..na, NODE_FORWARD);
        head(&mut graph, "edge_forward", false, 0..ea, EDGE_FORWARD);
        let stop = "Unnormalised log P_F of stopping, under the same softmax.";
        whole_output(&mut graph, params, &h, 0, "stop", stop);
        if learned {
            head(
                &mut graph,
                "node_backward",
                true,
                na..na + np,
                NODE_BACKWARD,
            );
            head(
                &mut graph,
                "edge_backward",
                false,
                ea..ea + ep,
                EDGE_BACKWARD,
            );
        }
        if flow {
            whole_output(&mut graph, params, &h, 1, "log_flow", "log F(s), nats.");
        }
        graph.log_z(params, given.as_ref().map(|given| given.input.as_str()));
        graph
    }

    fn encode(&self, frontier: &Frontier<'_, E>) -> Encoded {
        let (shape, learned, flow) = self.graph_view();
        let count = frontier.len();
        let mut graphs = Vec::with_capacity(count);
        for (row, state) in frontier.states.iter().enumerate() {
            let moves = frontier.moves.row(row).iter();
            let actions: Vec<E::Action> = moves
                .filter_map(|edge| match edge {
                    Move::Apply(action) => Some(*action),
                    Move::Stop => None,
                })
                .collect();
            graphs.push(
                frontier
                    .env
                    .graph(state, &actions, frontier.parents.row(row)),
            );
        }
        let n = graphs
            .iter()
            .map(|(g, ..)| g.nodes.len())
            .max()
            .unwrap_or(1)
            .max(1);
        let e = graphs
            .iter()
            .map(|(g, ..)| g.edges.len())
            .max()
            .unwrap_or(1)
            .max(1);
        let (f, fe) = (shape.node_features, shape.edge_features);
        let mut nodes = vec![0.0; count * n * f];
        let mut mask = vec![0.0; count * n];
        let mut from = vec![0.0; count * e * n];
        let mut to = vec![0.0; count * e * n];
        let mut edges = vec![0.0; count * e * fe];
        for (row, (graph, ..)) in graphs.iter().enumerate() {
            for (node, features) in graph.nodes.iter().enumerate() {
                mask[row * n + node] = 1.0;
                for &feature in features {
                    nodes[(row * n + node) * f + usize::from(feature)] = 1.0;
                }
            }
            for (edge, (begin, end, features)) in graph.edges.iter().enumerate() {
                from[(row * e + edge) * n + begin] = 1.0;
                to[(row * e + edge) * n + end] = 1.0;
                for &feature in features {
                    edges[(row * e + edge) * fe + usize::from(feature)] = 1.0;
                }
            }
        }
        let mut inputs = vec![
            Array::floats(&[count, n, f], nodes),
            Array::floats(&[count, n], mask),
            Array::floats(&[count, e, n], from),
            Array::floats(&[count, e, n], to),
            Array::floats(&[count, e, fe], edges),
        ];
        if self.conditions() > 0 {
            let conditions = frontier.conditions.clone();
            inputs.push(Array::floats(&[count, self.conditions()], conditions));
        }
        let mut outputs: Vec<Vec<usize>> = Vec::new();
        let mut port = |axes: &[usize]| {
            (axes.last() != Some(&0)).then(|| {
                outputs.push(axes.to_vec());
                outputs.len() - 1
            })
        };
        let forward = (
            port(&[count, n, shape.node_actions]),
            port(&[count, e, shape.edge_actions]),
        );
        let stop = port(&[count]);
        let backward = match learned {
            true => (
                port(&[count, n, shape.node_parents]),
                port(&[count, e, shape.edge_parents]),
            ),
            false => (None, None),
        };
        let log_flow = if flow { port(&[count]) } else { None };
        if has(self.params(), "log_z.in.weight") {
            port(&[count]);
        }
        let place = |row: usize,
                     ports: (Option<usize>, Option<usize>),
                     wide: (usize, usize),
                     slot: &GraphSlot| {
            match *slot {
                GraphSlot::Node { node, action } => Place {
                    output: ports.0.unwrap_or(usize::MAX),
                    index: (row * n + node) * wide.0 + action,
                },
                GraphSlot::Edge { edge, action } => Place {
                    output: ports.1.unwrap_or(usize::MAX),
                    index: (row * e + edge) * wide.1 + action,
                },
            }
        };
        let (mut moves, mut parents) = (Vec::new(), Vec::new());
        for (row, (_, left, entered)) in graphs.iter().enumerate() {
            let wide = (shape.node_actions, shape.edge_actions);
            moves.extend(left.iter().map(|slot| place(row, forward, wide, slot)));
            if frontier.moves.row(row).len() > left.len() {
                moves.push(Place {
                    output: stop.unwrap_or(0),
                    index: row,
                });
            }
            if learned {
                let wide = (shape.node_parents, shape.edge_parents);
                parents.extend(entered.iter().map(|slot| place(row, backward, wide, slot)));
            }
        }
        Encoded {
            inputs,
            outputs,
            moves,
            parents: learned.then_some(parents),
            log_flow: log_flow
                .map(|output| (0..count).map(|index| Place { output, index }).collect()),
        }
    }
}

/// Adjacency and sums of edges, with a row and a column of zeros for the token of the whole.
fn links(graph: &mut Graph, from: &str, to: &str, features: &str) -> Links {
    let turned = graph.transpose(from, &[0, 2, 1]);
    let joined = graph.op("MatMul", &[&turned, to]);
    // Two edges between the same nodes count once.
    let one = graph.number("one", 1.0);
    let joined = graph.op("Min", &[&joined, &one]);
    let column = graph.slice(&joined, 2, 0, 1);
    let column = graph.zeros_like(&column);
    let joined = graph.concat(&[&column, &joined], 2);
    let row = graph.slice(&joined, 1, 0, 1);
    let row = graph.zeros_like(&row);
    let adjacency = graph.concat(&[&row, &joined], 1);
    let sums = graph.op("MatMul", &[&turned, features]);
    let row = graph.slice(&sums, 1, 0, 1);
    let row = graph.zeros_like(&row);
    let incident = graph.concat(&[&row, &sums], 1);
    Links {
        adjacency,
        incident,
    }
}
