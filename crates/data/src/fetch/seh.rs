//! The weights of the sEH proxy: pickled NumPy arrays to safetensors.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use safetensors::tensor::{Dtype, TensorView};

use super::pickle::{Node, Pickle};
use crate::manifest::MAX_BYTES;

/// The arrays of the pickled list, in its order, by the names of the network's layers (`mpnn_v3`
/// of arXiv 2106.04399's code). Those without a name belong to heads that the proxy does not use.
const NAMES: [Option<&str>; 22] = [
    Some("lin0.weight"),
    Some("lin0.bias"),
    Some("conv.lin.weight"),
    Some("conv.bias"),
    Some("conv.nn.0.weight"),
    Some("conv.nn.0.bias"),
    Some("conv.nn.2.weight"),
    Some("conv.nn.2.bias"),
    Some("gru.weight_ih_l0"),
    Some("gru.weight_hh_l0"),
    Some("gru.bias_ih_l0"),
    Some("gru.bias_hh_l0"),
    None,
    None,
    None,
    None,
    Some("set2set.lstm.weight_ih_l0"),
    Some("set2set.lstm.weight_hh_l0"),
    Some("set2set.lstm.bias_ih_l0"),
    Some("set2set.lstm.bias_hh_l0"),
    Some("lin3.weight"),
    Some("lin3.bias"),
];

/// Converts the compressed pickle.
pub(super) fn weights(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(MAX_BYTES)
        .read_to_end(&mut plain)
        .map_err(|error| format!("it is not compressed as expected: {error}"))?;
    let pickle = Pickle::read(&plain)?;
    let Node::List(list) = pickle.root() else {
        return Err("it is no list".to_owned());
    };
    if list.len() != NAMES.len() {
        return Err(format!("it has {} arrays, not {}", list.len(), NAMES.len()));
    }
    let mut tensors = BTreeMap::new();
    for (at, (id, name)) in list.iter().zip(NAMES).enumerate() {
        let (shape, data) = array(&pickle, pickle.node(*id))
            .ok_or_else(|| format!("item {at} is no array of float32 in C order"))?;
        if let Some(name) = name {
            let view = TensorView::new(Dtype::F32, shape, data)
                .map_err(|error| format!("item {at}: {error}"))?;
            tensors.insert(name, view);
        }
    }
    safetensors::serialize(tensors, None).map_err(|error| error.to_string())
}

/// Shape and bytes of a pickled array: `_reconstruct(...)` with the state
/// (version, shape, dtype, Fortran order, bytes).
fn array<'a>(pickle: &'a Pickle, node: &Node) -> Option<(Vec<usize>, &'a [u8])> {
    let names = [
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
    ];
    let (_, Some(Node::Tuple(state))) = pickle.call(node, &names)? else {
        return None;
    };
    let [_, shape, dtype, fortran, bytes] = state.as_slice() else {
        return None;
    };
    let (Node::Tuple(shape), Node::Bool(false), Node::Bytes(bytes)) = (
        pickle.node(*shape),
        pickle.node(*fortran),
        pickle.node(*bytes),
    ) else {
        return None;
    };
    let shape = shape
        .iter()
        .map(|id| match pickle.node(*id) {
            Node::Int(length) => usize::try_from(*length).ok(),
            _ => None,
        })
        .collect::<Option<Vec<usize>>>()?;
    pickle
        .is_f32(pickle.node(*dtype))
        .then_some((shape, bytes.as_slice()))
}
