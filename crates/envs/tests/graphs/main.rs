//! Environments on graphs and trees: counts, rewards and posteriors against plainer computations.

mod anchored;
mod coloured_graph;
mod dag;
mod dag_scores;
mod phylogeny;
mod stochastic;
