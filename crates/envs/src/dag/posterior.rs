//! Features of graphs averaged over a distribution (arXiv 2202.13903, section 5 on marginals).

use super::Digraph;

/// `[d, d]` probability of each edge from i to j under the distribution `log_p` `[N]` (nats) over
/// `graphs` `[N]`.
///
/// # Panics
/// If the lengths differ.
pub fn edge_marginals(variables: usize, graphs: &[Digraph], log_p: &[f64]) -> Vec<f64> {
    marginals(variables, graphs, log_p, Digraph::has_edge)
}

/// `[d, d]` probability of a directed path from i to j; see [`edge_marginals`].
///
/// # Panics
/// If the lengths differ.
pub fn path_marginals(variables: usize, graphs: &[Digraph], log_p: &[f64]) -> Vec<f64> {
    marginals(variables, graphs, log_p, Digraph::has_path)
}

/// `[d, d]` probability that i is in the Markov blanket of j, a symmetric matrix; see
/// [`edge_marginals`].
///
/// # Panics
/// If the lengths differ.
pub fn blanket_marginals(variables: usize, graphs: &[Digraph], log_p: &[f64]) -> Vec<f64> {
    marginals(variables, graphs, log_p, Digraph::in_blanket)
}

fn marginals(
    variables: usize,
    graphs: &[Digraph],
    log_p: &[f64],
    feature: impl Fn(&Digraph, usize, usize) -> bool,
) -> Vec<f64> {
    assert_eq!(graphs.len(), log_p.len(), "one probability a graph");
    let mut out = vec![0.0; variables * variables];
    for (graph, p) in graphs.iter().zip(log_p) {
        let p = p.exp();
        for (place, value) in out.iter_mut().enumerate() {
            if feature(graph, place / variables, place % variables) {
                *value += p;
            }
        }
    }
    out
}
