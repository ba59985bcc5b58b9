//! The perceptron as a graph.

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Frontier, Move};

use super::graph::{Graph, Size, columns_of, has};
use super::{Array, Encoded, Export, Place};
use crate::policy::{Model, Perceptron};

impl<E: VectorEncoded> Export for Perceptron<E> {
    fn graph(&self) -> Graph {
        let params = self.params();
        let mut graph = Graph::default();
        let states = || Size::Free("states");
        let wide = self.features();
        let features = graph.input(
            "features",
            vec![states(), Size::Fixed(wide)],
            false,
            "Features of each state.",
        );
        let condition = (self.conditions() > 0).then(|| {
            graph.input(
                "condition",
                vec![states(), Size::Fixed(self.conditions())],
                false,
                "What the policy is told of the inverse temperature, of each state.",
            )
        });
        let x = match &condition {
            None => features,
            Some(condition) => graph.concat(&[&features, condition], 1),
        };
        let mut trunks: Vec<(String, String)> = Vec::new();
        for (head, output, meaning) in [
            (
                "forward",
                "forward",
                "Unnormalised log P_F of each action, stopping last; leave out what is not legal and apply a softmax.",
            ),
            (
                "backward",
                "backward",
                "Unnormalised log P_B of each action that can have led into the state; leave out what cannot and \
                 apply a softmax.",
            ),
            ("flow", "log_flow", "log F(s), nats."),
        ] {
            let name = format!("policy.{head}.head");
            let wide = columns_of(params, &format!("{name}.weight"));
            if wide == 0 {
                continue;
            }
            let trunk = match has(params, "policy.trunk.0.weight") {
                true => "trunk",
                false => head,
            };
            let known = trunks.iter().find(|(known, _)| known == trunk);
            let top = match known {
                Some((_, top)) => top.clone(),
                None => {
                    let mut h = x.clone();
                    for layer in 0.. {
                        let name = format!("policy.{trunk}.{layer}");
                        if !has(params, &format!("{name}.weight")) {
                            break;
                        }
                        h = graph.linear(params, &name, &h);
                        h = graph.leaky_relu(&h);
                    }
                    trunks.push((trunk.into(), h.clone()));
                    h
                }
            };
            let scores = graph.linear(params, &name, &top);
            let shape = vec![states(), Size::Fixed(wide)];
            if output == "log_flow" {
                let flow = graph.reshape(&scores, &[-1]);
                graph.output(output, &flow, vec![states()], meaning);
            } else {
                graph.output(output, &scores, shape, meaning);
            }
        }
        graph.log_z(params, condition.as_deref());
        graph
    }

    fn encode(&self, frontier: &Frontier<'_, E>) -> Encoded {
        let (count, wide) = (frontier.len(), self.features());
        let mut features = vec![0.0; count * wide];
        for (row, state) in features.chunks_mut(wide).zip(&frontier.states) {
            frontier.env.fill_features(state, row);
        }
        let mut inputs = vec![Array::floats(&[count, wide], features)];
        if self.conditions() > 0 {
            let conditions = frontier.conditions.clone();
            inputs.push(Array::floats(&[count, self.conditions()], conditions));
        }
        let params = self.params();
        let actions = frontier.env.num_actions();
        let mut outputs = vec![vec![count, actions + 1]];
        let mut moves = Vec::new();
        for row in 0..count {
            moves.extend(frontier.moves.row(row).iter().map(|edge| Place {
                output: 0,
                index: row * (actions + 1)
                    + match *edge {
                        Move::Apply(action) => frontier.env.action_index(action),
                        Move::Stop => actions,
                    },
            }));
        }
        let parents = has(params, "policy.backward.head.weight").then(|| {
            let output = outputs.len();
            outputs.push(vec![count, actions]);
            let rows = (0..count).flat_map(|row| {
                let parents = frontier.parents.row(row).iter();
                parents.map(move |action| Place {
                    output,
                    index: row * actions + frontier.env.action_index(*action),
                })
            });
            rows.collect()
        });
        let log_flow = has(params, "policy.flow.head.weight").then(|| {
            let output = outputs.len();
            outputs.push(vec![count]);
            (0..count).map(|index| Place { output, index }).collect()
        });
        if has(params, "log_z.in.weight") {
            outputs.push(vec![count]);
        }
        Encoded {
            inputs,
            outputs,
            moves,
            parents,
            log_flow,
        }
    }
}
