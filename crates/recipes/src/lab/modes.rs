//! Which modes of a grid a method has come across.

use std::collections::BTreeSet;

use anabranch_core::Trajectories;
use anabranch_envs::hypergrid::{Cell, Hypergrid};

/// Notes in `found` the cells of highest reward among the objects of `trajectories`: the count of modes
/// against objects drawn of Bengio et al. 2021 (arXiv 2106.04399). At side 8 each of the 2^D modes of a
/// grid is one cell.
pub fn note_modes(
    grid: &Hypergrid,
    trajectories: &Trajectories<Hypergrid>,
    found: &mut BTreeSet<Cell>,
) {
    found.extend(
        trajectories
            .objects()
            .into_iter()
            .filter(|cell| grid.is_mode(cell)),
    );
}
