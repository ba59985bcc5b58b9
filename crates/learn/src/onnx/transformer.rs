//! What both transformers have in common.

use super::graph::{Attribute, Graph, Size, Values, columns_of, has};
use crate::params::Params;

/// Added to what must not be attended to.
const NOTHING: f32 = -1e9;

/// A condition on its way to the layers.
pub(super) struct Condition {
    pub(super) input: String,
    /// `[B, 1, W]` what is added to every token.
    pub(super) token: String,
    /// `[B, 1, W]` what scale and shift are computed from.
    active: String,
}

/// Who is joined to whom; the token of the whole to nobody.
pub(super) struct Links {
    /// `[B, T, T]` 1 where an edge leads.
    pub(super) adjacency: String,
    /// `[B, T, Fe]` sums of the features of the edges that leave a token.
    pub(super) incident: String,
}

/// Declares the condition of a network that has one.
pub(super) fn condition(graph: &mut Graph, params: &Params, count: usize) -> Option<Condition> {
    if count == 0 {
        return None;
    }
    let input = graph.input(
        "condition",
        vec![Size::Free("states"), Size::Fixed(count)],
        false,
        "What the policy is told of the inverse temperature, of each state.",
    );
    let h = graph.linear(params, "policy.condition.in", &input);
    let h = graph.leaky_relu(&h);
    let token = graph.linear(params, "policy.condition.out", &h);
    let token = graph.unsqueeze(&token, 1);
    let active = graph.leaky_relu(&token);
    Some(Condition {
        input,
        token,
        active,
    })
}

/// A row of parameters in front of `[B, N, W]` tokens.
pub(super) fn with_whole(graph: &mut Graph, tokens: &str, row: &str) -> String {
    let first = graph.slice(tokens, 1, 0, 1);
    let zeros = graph.zeros_like(&first);
    let whole = graph.op("Add", &[&zeros, row]);
    graph.concat(&[&whole, tokens], 1)
}

/// `[B, T, W]` tokens through all blocks and the last norm. `mask` is `[B, T]`, 1 for tokens that are there.
pub(super) fn blocks(
    graph: &mut Graph,
    params: &Params,
    heads: usize,
    mut x: String,
    condition: Option<&Condition>,
    links: Option<&Links>,
    mask: Option<&str>,
) -> String {
    let width = columns_of(params, "policy.graph_in.weight");
    let hidden = mask.map(|mask| {
        // 0 for what is there.
        let one = graph.number("one", 1.0);
        let missing = graph.op("Sub", &[&one, mask]);
        let nothing = graph.number("nothing", NOTHING);
        let missing = graph.op("Mul", &[&missing, &nothing]);
        let missing = graph.unsqueeze(&missing, 1);
        graph.unsqueeze(&missing, 1)
    });
    let d = (width / heads) as i64;
    let scale = graph.number("head_scale", 1.0 / (d as f32).sqrt());
    for layer in 0.. {
        let name = |part: &str| format!("policy.layer{layer}.{part}");
        if !has(params, &name("qkv.weight")) {
            break;
        }
        let mut h = norm(graph, &x, width);
        if let Some(condition) = condition {
            let active = &condition.active;
            let by = graph.linear_columns(params, &name("film"), active, 0..width);
            let shift = graph.linear_columns(params, &name("film"), active, width..2 * width);
            let scaled = graph.op("Mul", &[&h, &by]);
            h = graph.op("Add", &[&h, &scaled]);
            h = graph.op("Add", &[&h, &shift]);
        }
        let mut weights = vec![name("qkv.weight")];
        if let Some(links) = links {
            let sums = graph.op("MatMul", &[&links.adjacency, &h]);
            h = graph.concat(&[&h, &sums, &links.incident], 2);
            weights.extend([name("neighbours"), name("incident")]);
        }
        let mut part = |index: usize, order: &[i64]| {
            let columns = index * width..(index + 1) * width;
            let weight = graph.columns(params, &weights, columns.clone());
            let bias = graph.columns(params, &[name("qkv.bias")], columns);
            let product = graph.op("MatMul", &[&h, &weight]);
            let all = graph.op("Add", &[&product, &bias]);
            let apart = graph.reshape(&all, &[0, 0, heads as i64, d]);
            graph.transpose(&apart, order)
        };
        let q = part(0, &[0, 2, 1, 3]);
        let k = part(1, &[0, 2, 3, 1]);
        let v = part(2, &[0, 2, 1, 3]);
        let mut logits = graph.op("MatMul", &[&q, &k]);
        logits = graph.op("Mul", &[&logits, &scale]);
        if let Some(links) = links {
            let bias = graph.parameter(params, &name("bond_bias"));
            let bias = graph.reshape(&bias, &[1, heads as i64, 1, 1]);
            let adjacency = graph.unsqueeze(&links.adjacency, 1);
            let bias = graph.op("Mul", &[&adjacency, &bias]);
            logits = graph.op("Add", &[&logits, &bias]);
        }
        if let Some(hidden) = &hidden {
            logits = graph.op("Add", &[&logits, hidden]);
        }
        let last = || vec![("axis", Attribute::Whole(-1))];
        let weights = graph.op_with("Softmax", &[&logits], last());
        let mixed = graph.op("MatMul", &[&weights, &v]);
        let mixed = graph.transpose(&mixed, &[0, 2, 1, 3]);
        let mixed = graph.reshape(&mixed, &[0, 0, width as i64]);
        let mixed = graph.linear(params, &name("mix"), &mixed);
        x = graph.op("Add", &[&x, &mixed]);
        let h = norm(graph, &x, width);
        let h = graph.linear(params, &name("up"), &h);
        let h = graph.leaky_relu(&h);
        let h = graph.linear(params, &name("down"), &h);
        x = graph.op("Add", &[&x, &h]);
    }
    norm(graph, &x, width)
}

/// Layer norm without learned scale.
fn norm(graph: &mut Graph, x: &str, width: usize) -> String {
    let scale = graph.constant("ones", &[width], Values::Float(vec![1.0; width]));
    let shift = graph.constant("zeros", &[width], Values::Float(vec![0.0; width]));
    graph.op_with(
        "LayerNormalization",
        &[x, &scale, &shift],
        vec![
            ("axis", Attribute::Whole(-1)),
            ("epsilon", Attribute::Float(1e-5)),
        ],
    )
}

/// `[B, H]` the hidden layer of what concerns the whole, from its token and the `[B, W]` mean of the others.
pub(super) fn whole(graph: &mut Graph, params: &Params, tokens: &str, mean: &str) -> String {
    let first = graph.slice(tokens, 1, 0, 1);
    let first = graph.reshape(&first, &[0, -1]);
    let h = graph.concat(&[&first, mean], 1);
    let h = graph.linear(params, "policy.graph_in", &h);
    graph.leaky_relu(&h)
}

/// The `[B]` output of one column of the head of the whole.
pub(super) fn whole_output(
    graph: &mut Graph,
    params: &Params,
    h: &str,
    column: usize,
    name: &'static str,
    meaning: &'static str,
) {
    let value = graph.linear_columns(params, "policy.graph_head", h, column..column + 1);
    let value = graph.reshape(&value, &[-1]);
    graph.output(name, &value, vec![Size::Free("states")], meaning);
}
