//! Scores of graphs against the same densities computed one observation or one matrix at a time.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use anabranch_core::{Discrete, Enumerable, Environment, Reward, Seed};
use anabranch_envs::Enumerated;
use anabranch_envs::dag::{
    BgePrior, Dags, Data, Digraph, LinearGaussianNetwork, LinearGaussianPrior, LocalScores, bge,
    linear_gaussian,
};

fn data(variables: usize, observations: usize) -> Data {
    let network = LinearGaussianNetwork::erdos_renyi(variables, 1.0, Seed::new(1)).unwrap();
    let data = network.sample(observations, Seed::new(2)).unwrap();
    // Shifted, so that the means count.
    let values = data.rows().flat_map(|row| row.iter().map(|v| v + 0.3));
    Data::new(data.names().to_vec(), values.collect()).unwrap()
}

/// log |A| and b^T A^-1 b by Gaussian elimination of a positive definite matrix.
fn eliminate(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> (f64, f64) {
    let (mut log_det, mut quadratic) = (0.0, 0.0);
    for i in 0..b.len() {
        log_det += a[i][i].ln();
        quadratic += b[i] * b[i] / a[i][i];
        let (pivot, below) = (a[i].clone(), b[i]);
        for j in i + 1..b.len() {
            let factor = a[j][i] / pivot[i];
            a[j].iter_mut()
                .zip(&pivot)
                .for_each(|(v, p)| *v -= factor * p);
            b[j] -= factor * below;
        }
    }
    (log_det, quadratic)
}

/// log Gamma(k / 2) by its recurrence.
fn log_gamma_half(k: usize) -> f64 {
    match k {
        1 => 0.5 * PI.ln(),
        2 => 0.0,
        _ => log_gamma_half(k - 2) + (0.5 * (k - 2) as f64).ln(),
    }
}

/// log p of the columns `kept` as the product of the predictive Student densities of a normal-Wishart
/// prior, one observation after the other (Bayes' rule; Murphy 2007, section 8).
fn chain_rule(data: &Data, kept: &[usize], alpha_w: usize) -> f64 {
    let d = data.variables();
    let size = kept.len();
    let t = (alpha_w - d - 1) as f64 / 2.0; // alpha_mu is 1
    let mut kappa = 1.0;
    let mut mean = vec![0.0; size];
    let mut scatter = vec![vec![0.0; size]; size];
    (0..size).for_each(|i| scatter[i][i] = t);
    let mut total = 0.0;
    for (freedom, row) in (alpha_w - (d - size)..).zip(data.rows()) {
        let off: Vec<f64> = kept.iter().zip(&mean).map(|(&i, m)| row[i] - m).collect();
        let v = freedom + 1 - size;
        let scale = (kappa + 1.0) / (kappa * v as f64);
        let matrix = scatter
            .iter()
            .map(|r| r.iter().map(|x| x * scale).collect());
        let (log_det, quadratic) = eliminate(matrix.collect(), off.clone());
        total += log_gamma_half(v + size)
            - log_gamma_half(v)
            - 0.5 * size as f64 * (v as f64 * PI).ln()
            - 0.5 * log_det
            - 0.5 * (v + size) as f64 * (quadratic / v as f64).ln_1p();
        for i in 0..size {
            for j in 0..size {
                scatter[i][j] += kappa / (kappa + 1.0) * off[i] * off[j];
            }
            mean[i] += off[i] / (kappa + 1.0);
        }
        kappa += 1.0;
    }
    total
}

#[test]
fn bge_is_the_product_of_predictive_densities() {
    let data = data(3, 12);
    for alpha_w in [5, 8] {
        let prior = BgePrior {
            alpha_w: Some(alpha_w as f64),
            ..BgePrior::default()
        };
        let scores = bge(&data, prior).unwrap();
        for variable in 0..3 {
            for parents in (0..8_u16).filter(|set| set >> variable & 1 == 0) {
                let set = |mask: u16| (0..3).filter(|i| mask >> i & 1 == 1).collect::<Vec<_>>();
                let expected = chain_rule(&data, &set(parents | 1 << variable), alpha_w)
                    - chain_rule(&data, &set(parents), alpha_w);
                let found = scores.local(variable, parents);
                assert!(
                    (found - expected).abs() < 1e-10,
                    "{variable} {parents:#b} {found} {expected}"
                );
            }
        }
    }
    let default = bge(&data, BgePrior::default()).unwrap();
    let five = BgePrior {
        alpha_mu: 1.0,
        alpha_w: Some(5.0),
    };
    assert_eq!(default.local(0, 2), bge(&data, five).unwrap().local(0, 2));
}

/// Undirected edges and the colliders whose parents are not joined: what a Markov equivalence class
/// shares (Verma and Pearl 1990).
fn equivalence_class(graph: &Digraph) -> (Vec<[usize; 2]>, Vec<[usize; 3]>) {
    let joined = |i, j| graph.has_edge(i, j) || graph.has_edge(j, i);
    let mut skeleton = Vec::new();
    let mut colliders = Vec::new();
    for j in 0..4 {
        for i in 0..j {
            if joined(i, j) {
                skeleton.push([i, j]);
            }
            for k in 0..4 {
                if graph.has_edge(i, k) && graph.has_edge(j, k) && !joined(i, j) {
                    colliders.push([i, j, k]);
                }
            }
        }
    }
    (skeleton, colliders)
}

/// 543 graphs on four variables are 185 classes (Gillispie and Perlman 2002), with one score each.
#[test]
fn bge_is_equal_within_and_only_within_equivalence_classes() {
    let scores = bge(&data(4, 30), BgePrior::default()).unwrap();
    let env = Enumerated::new(Dags::new(4).unwrap(), 1000).unwrap();
    let log_reward = scores.log_reward(env.listed()).unwrap();
    let mut classes: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for (graph, value) in env.listed().iter().zip(&log_reward) {
        classes
            .entry(equivalence_class(graph))
            .or_default()
            .push(*value);
    }
    assert_eq!(classes.len(), 185);
    for values in classes.values() {
        assert!(
            values.iter().all(|v| (v - values[0]).abs() < 1e-9),
            "{values:?}"
        );
    }
    let mut firsts: Vec<f64> = classes.values().map(|values| values[0]).collect();
    firsts.sort_by(f64::total_cmp);
    assert!(firsts.windows(2).all(|pair| pair[1] - pair[0] > 1e-9));
    let chain = |edges: &[(usize, usize)]| scores.log_score(&Digraph::from_edges(edges).unwrap());
    let forward = chain(&[(0, 1), (1, 2)]);
    assert!((forward - chain(&[(1, 0), (2, 1)])).abs() < 1e-9);
    assert!((forward - chain(&[(1, 0), (1, 2)])).abs() < 1e-9);
    assert!((forward - chain(&[(0, 1), (2, 1)])).abs() > 1e-6);
}

/// log N(y; mean X 1, noise I + variance X X^T) with the N x N matrix written out.
#[test]
fn linear_gaussian_is_the_density_with_the_full_covariance() {
    let data = data(4, 7);
    let rows: Vec<&[f64]> = data.rows().collect();
    let priors = [
        LinearGaussianPrior::default(),
        LinearGaussianPrior {
            mean: -0.4,
            variance: 2.5,
            noise_variance: 0.3,
        },
    ];
    for prior in priors {
        let scores = linear_gaussian(&data, prior).unwrap();
        for variable in 0..4 {
            for mask in (0..16_u16).filter(|set| set >> variable & 1 == 0) {
                let parents: Vec<usize> = (0..4).filter(|i| mask >> i & 1 == 1).collect();
                let off = rows
                    .iter()
                    .map(|x| x[variable] - prior.mean * parents.iter().map(|&i| x[i]).sum::<f64>());
                let covariance = rows.iter().enumerate().map(|(a, x)| {
                    let entry = rows.iter().enumerate().map(|(b, z)| {
                        let shared: f64 = parents.iter().map(|&i| x[i] * z[i]).sum();
                        let noise = if a == b { prior.noise_variance } else { 0.0 };
                        noise + prior.variance * shared
                    });
                    entry.collect()
                });
                let (log_det, quadratic) = eliminate(covariance.collect(), off.collect());
                let expected = -0.5 * (quadratic + log_det + 7.0 * (2.0 * PI).ln());
                let found = scores.local(variable, mask);
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{variable} {mask:#b} {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn deltas_are_differences_and_priors_add() {
    let data = data(4, 20);
    let plain = linear_gaussian(&data, LinearGaussianPrior::default()).unwrap();
    let scores = plain
        .clone()
        .with_log_prior(|parents| -0.7 * f64::from(parents));
    let env = Enumerated::new(Dags::new(4).unwrap(), 1000).unwrap();
    let mut actions = Vec::new();
    for graph in env.listed() {
        let before = scores.log_score(graph);
        assert!((before - plain.log_score(graph) + 0.7 * graph.num_edges() as f64).abs() < 1e-9);
        actions.clear();
        env.actions(graph, &mut actions);
        for &edge in &actions {
            let mut child = *graph;
            env.step(&mut child, edge);
            let delta = scores.delta(graph, edge);
            assert!((scores.log_score(&child) - before - delta).abs() < 1e-9);
        }
    }
    assert_eq!(env.num_states(), 543);
}

#[test]
fn bad_settings_and_data_are_refused() {
    let data = data(3, 5);
    let bge_with = |alpha_mu, alpha_w| bge(&data, BgePrior { alpha_mu, alpha_w });
    assert!(bge_with(0.0, None).is_err() && bge_with(1.0, Some(4.0)).is_err());
    let prior = LinearGaussianPrior {
        noise_variance: 0.0,
        ..LinearGaussianPrior::default()
    };
    assert!(linear_gaussian(&data, prior).is_err());
    let huge = Data::new(vec!["a".into(), "b".into()], vec![1e200, 2e200, 3e200, 1.0]).unwrap();
    assert!(bge(&huge, BgePrior::default()).is_err());
    let error = linear_gaussian(&huge, LinearGaussianPrior::default()).unwrap_err();
    assert!(error.to_string().contains("rescale"), "{error}");
    let wide = Digraph::from_edges(&[(0, 5)]).unwrap();
    let scores = LocalScores::new(3, |_, _| Ok(0.0)).unwrap();
    assert!(scores.log_reward(&[wide]).is_err());
}
