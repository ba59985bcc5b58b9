//! The network against the formulas of the original, computed plainly in f64 with weights drawn at
//! random: every edge has its own matrix, and no matrices are joined.

use std::collections::BTreeMap;
use std::path::Path;

use anabranch_chem::{BondOrder, Hybridization, Molecule};
use anabranch_core::{Reward, Seed};
use anabranch_oracles::seh::{SehError, SehProxy, SehReward};
use rand::RngExt;
use safetensors::{Dtype, tensor::TensorView};

const SHAPES: &[(&str, &[usize])] = &[
    ("lin0.weight", &[64, 71]),
    ("lin0.bias", &[64]),
    ("conv.lin.weight", &[64, 64]),
    ("conv.bias", &[64]),
    ("conv.nn.0.weight", &[128, 4]),
    ("conv.nn.0.bias", &[128]),
    ("conv.nn.2.weight", &[4096, 128]),
    ("conv.nn.2.bias", &[4096]),
    ("gru.weight_ih_l0", &[192, 64]),
    ("gru.weight_hh_l0", &[192, 64]),
    ("gru.bias_ih_l0", &[192]),
    ("gru.bias_hh_l0", &[192]),
    ("set2set.lstm.weight_ih_l0", &[256, 128]),
    ("set2set.lstm.weight_hh_l0", &[256, 64]),
    ("set2set.lstm.bias_ih_l0", &[256]),
    ("set2set.lstm.bias_hh_l0", &[256]),
    ("lin3.weight", &[1, 128]),
    ("lin3.bias", &[1]),
];

type Arrays = BTreeMap<&'static str, Vec<f32>>;

fn random_arrays() -> Arrays {
    let mut rng = Seed::new(3).stream("weights", &[]);
    let mut draw = |&(name, shape): &(&'static str, &[usize])| {
        let columns = *shape.last().expect("arrays have a shape");
        // Large enough that every part shows in the output.
        let bound = if shape.len() > 1 {
            1.7 / (columns as f64).sqrt()
        } else {
            0.3
        };
        let count = shape.iter().product();
        let numbers = (0..count).map(|_| rng.random_range(-bound..bound) as f32);
        (name, numbers.collect())
    };
    SHAPES.iter().map(&mut draw).collect()
}

fn save(arrays: &Arrays, file: &Path) {
    let bytes: BTreeMap<&str, Vec<u8>> = arrays
        .iter()
        .map(|(&name, numbers)| (name, numbers.iter().flat_map(|x| x.to_le_bytes()).collect()))
        .collect();
    let views = SHAPES.iter().filter_map(|&(name, shape)| {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes.get(name)?);
        Some((name, view.unwrap()))
    });
    safetensors::serialize_to_file(views, None, file).unwrap();
}

fn leaky(x: f64) -> f64 {
    if x > 0.0 { x } else { 0.01 * x }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `weight @ x + bias`.
fn layer(arrays: &Arrays, weight: &str, bias: &str, x: &[f64]) -> Vec<f64> {
    let rows = arrays[weight].chunks_exact(x.len());
    let products = rows.map(|row| {
        row.iter()
            .zip(x)
            .map(|(&w, x)| f64::from(w) * x)
            .sum::<f64>()
    });
    products
        .zip(&arrays[bias])
        .map(|(sum, &bias)| sum + f64::from(bias))
        .collect()
}

fn features(molecule: &Molecule) -> Vec<Vec<f64>> {
    let graph = molecule.graph().unwrap();
    let one = |atom: &anabranch_chem::Atom| {
        let mut x = vec![0.0; 71];
        let kinds = ["H", "C", "N", "O", "F"];
        x[kinds.iter().position(|&k| k == atom.symbol).unwrap_or(5)] = 1.0;
        x[9] = f64::from(u8::from(atom.aromatic));
        let hybrids = [Hybridization::Sp, Hybridization::Sp2, Hybridization::Sp3];
        if let Some(at) = hybrids.iter().position(|&h| h == atom.hybridization) {
            x[10 + at] = 1.0;
        }
        x[13] = f64::from(atom.hydrogens);
        x[14 + usize::from(atom.atomic_number) - 1] = 1.0;
        x
    };
    graph.atoms.iter().map(one).collect()
}

fn plain(arrays: &Arrays, molecule: &Molecule) -> f64 {
    let graph = molecule.graph().unwrap();
    let mut edges = Vec::new();
    for bond in &graph.bonds {
        let mut feature = vec![0.0; 4];
        feature[match bond.order {
            BondOrder::Single => 0,
            BondOrder::Double => 1,
            BondOrder::Triple => 2,
            _ => 3,
        }] = 1.0;
        let [a, b] = bond.atoms;
        edges.push((a, b, feature.clone()));
        edges.push((b, a, feature));
    }
    if edges.is_empty() {
        edges.push((0, 0, vec![0.0; 4]));
    }
    let first = |x: &Vec<f64>| layer(arrays, "lin0.weight", "lin0.bias", x);
    let mut vectors: Vec<Vec<f64>> = features(molecule)
        .iter()
        .map(|x| first(x).into_iter().map(leaky).collect())
        .collect();
    for _ in 0..12 {
        let mut messages = Vec::new();
        for (atom, vector) in vectors.iter().enumerate() {
            let mut message = layer(arrays, "conv.lin.weight", "conv.bias", vector);
            let here: Vec<_> = edges.iter().filter(|edge| edge.0 == atom).collect();
            for (_, neighbour, feature) in &here {
                let between = layer(arrays, "conv.nn.0.weight", "conv.nn.0.bias", feature);
                let between: Vec<f64> = between.into_iter().map(leaky).collect();
                let theta = layer(arrays, "conv.nn.2.weight", "conv.nn.2.bias", &between);
                for (x, row) in vectors[*neighbour].iter().zip(theta.chunks_exact(64)) {
                    for (message, theta) in message.iter_mut().zip(row) {
                        *message += x * theta / here.len() as f64;
                    }
                }
            }
            messages.push(message.into_iter().map(leaky).collect::<Vec<f64>>());
        }
        for (vector, message) in vectors.iter_mut().zip(&messages) {
            let from_message = layer(arrays, "gru.weight_ih_l0", "gru.bias_ih_l0", message);
            let from_state = layer(arrays, "gru.weight_hh_l0", "gru.bias_hh_l0", vector);
            for at in 0..64 {
                let r = sigmoid(from_message[at] + from_state[at]);
                let z = sigmoid(from_message[64 + at] + from_state[64 + at]);
                let candidate = (from_message[128 + at] + r * from_state[128 + at]).tanh();
                vector[at] = (1.0 - z) * candidate + z * vector[at];
            }
        }
    }
    let (mut star, mut hidden, mut memory) = (vec![0.0; 128], vec![0.0; 64], vec![0.0; 64]);
    for _ in 0..3 {
        let (ih, hh) = ("set2set.lstm.weight_ih_l0", "set2set.lstm.weight_hh_l0");
        let from_star = layer(arrays, ih, "set2set.lstm.bias_ih_l0", &star);
        let from_hidden = layer(arrays, hh, "set2set.lstm.bias_hh_l0", &hidden);
        let gate = |at: usize| from_star[at] + from_hidden[at];
        for at in 0..64 {
            let [i, f, g, o] = [0, 1, 2, 3].map(|which| gate(64 * which + at));
            memory[at] = sigmoid(f) * memory[at] + sigmoid(i) * g.tanh();
            hidden[at] = sigmoid(o) * memory[at].tanh();
        }
        let dot = |x: &Vec<f64>| x.iter().zip(&hidden).map(|(x, q)| x * q).sum::<f64>();
        let weights: Vec<f64> = vectors.iter().map(|x| dot(x).exp()).collect();
        let sum: f64 = weights.iter().sum();
        star[..64].copy_from_slice(&hidden);
        for at in 0..64 {
            let weighted = vectors.iter().zip(&weights).map(|(x, w)| x[at] * w);
            star[64 + at] = weighted.sum::<f64>() / sum;
        }
    }
    layer(arrays, "lin3.weight", "lin3.bias", &star)[0]
}

#[test]
fn the_network_is_the_one_of_the_formulas() {
    let arrays = random_arrays();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    save(&arrays, &file);
    let proxy = SehProxy::from_file(&file).unwrap();
    let smiles = [
        "C",
        "[Na+].[Cl-]",
        "C#CC(=O)Nc1ccc(Br)cc1",
        "[2H]OC1CC1",
        "CC.C=O",
    ];
    let molecules: Vec<Molecule> = smiles
        .iter()
        .map(|smiles| Molecule::from_smiles(smiles).unwrap())
        .collect();
    let expected: Vec<f64> = molecules.iter().map(|m| plain(&arrays, m)).collect();
    for (at, found) in proxy.predict(&molecules).into_iter().enumerate() {
        let found = found.unwrap();
        let error = (found - expected[at]).abs();
        assert!(
            error < 2e-5,
            "{}: {found}, expected {}",
            smiles[at],
            expected[at]
        );
    }
    // The molecules differ by far more than the tolerance.
    let mut sorted = expected.clone();
    sorted.sort_by(f64::total_cmp);
    assert!(
        sorted.windows(2).all(|pair| pair[1] - pair[0] > 1e-3),
        "{sorted:?}"
    );

    let reward = SehReward::new(proxy);
    let logs = reward.log_reward(&molecules).unwrap();
    for (log, y) in logs.iter().zip(&expected) {
        let r = (y / 8.0).clamp(1e-4, 100.0);
        assert!((log - r.ln()).abs() < 1e-3, "{log} {r}");
    }
    assert_eq!(reward.with_range(1e-3, 1.0).of(20.0), 1.0);
}

#[test]
fn a_file_that_is_not_the_weights_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    let refusal = |file: &Path| SehProxy::from_file(file).unwrap_err();
    assert!(matches!(refusal(&file), SehError::Unreadable { .. }));
    std::fs::write(&file, b"no weights").unwrap();
    assert!(matches!(refusal(&file), SehError::BadWeights { .. }));
    let mut arrays = random_arrays();
    arrays.remove("lin3.bias");
    save(&arrays, &file);
    let error = refusal(&file).to_string();
    assert!(error.contains("there is no array lin3.bias"), "{error}");
    arrays.insert("lin3.bias", vec![f32::NAN]);
    save(&arrays, &file);
    let error = refusal(&file).to_string();
    assert!(error.contains("lin3.bias holds NaN"), "{error}");
}

#[test]
fn a_molecule_that_is_refused_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    save(&random_arrays(), &file);
    let reward = SehReward::new(SehProxy::from_file(&file).unwrap());
    let lead = Molecule::from_smiles("CC[Pb]").unwrap();
    let error = reward.log_reward(&[lead]).unwrap_err().to_string();
    assert!(
        error.contains("Pb") && error.contains("C[CH2][Pb]"),
        "{error}"
    );
}
