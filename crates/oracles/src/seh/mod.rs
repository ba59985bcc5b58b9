//! The proxy for binding to soluble epoxide hydrolase (sEH) of Bengio et al., arXiv 2106.04399: the
//! reward of most molecule experiments in the literature on GFlowNets, as a native network.
//!
//! A message passing network over heavy atoms predicts y, a docking score scaled so that greater is
//! better: y = 4 - (min(0, d) + 8.6) / 1.10 for an AutoDock Vina score d in kcal/mol. Most molecules
//! have y from 0 to 8. With x_i the atoms' vectors `[64]`, twelve times, with the same weights:
//!
//! ```text
//! m_i = LeakyReLU(x_i W + mean over neighbours j of x_j Theta(type of bond ij) + b)
//! x_i = GRU(m_i, x_i)
//! ```
//!
//! then Set2Set with three steps (Vinyals et al., arXiv 1511.06391) and a linear layer. The weights are
//! those that the authors published; they are a file of data, `seh/seh_proxy.safetensors` in a data
//! folder ([`data_file`](anabranch_core::data::data_file)), and no part of this crate.
//!
//! It agrees with the original on PyTorch to 1e-4 and takes a small part of its time, for three
//! reasons, all exact: Theta is computed once for each of the four types of bonds and not for each
//! bond in each round; neighbours are summed by type before they are multiplied; and the first layer
//! adds the few rows of its matrix that an atom's features select.
//!
//! ```no_run
//! use anabranch_chem::Molecule;
//! use anabranch_oracles::seh::SehProxy;
//!
//! let proxy = SehProxy::load()?;
//! let benzene = Molecule::from_smiles("c1ccccc1")?;
//! assert!((proxy.predict_one(&benzene)? - 0.928755).abs() < 1e-4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod features;
mod gates;
mod network;
mod product;
mod reward;
mod weights;

pub use error::SehError;
pub use network::SehProxy;
pub use reward::SehReward;
