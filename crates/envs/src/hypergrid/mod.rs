//! The hypergrid: from the corner of a D-dimensional cube of side H, one step along one axis at a time.
//!
//! Bengio et al. 2021 (arXiv 2106.04399), section 4.1. Two conventions of which cells end a trajectory
//! are in use; they differ in their objects and in log Z, so each is a [`Terminal`] of its own.

mod branin_currin;
mod corners;
mod corrupted;
mod cosines;
mod deceptive;
mod multiplicative_coprime;
mod multiscale;
mod parity;
mod sparse;
mod tiers;
mod uniform_random;

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Discrete, Enumerable, Environment};
use serde::{Deserialize, Serialize};

pub use self::branin_currin::BraninCurrin;
pub use self::corners::Corners;
pub use self::corrupted::Corrupted;
pub use self::cosines::Cosines;
pub use self::deceptive::Deceptive;
pub use self::multiplicative_coprime::MultiplicativeCoprime;
pub use self::multiscale::ConditionalMultiscale;
pub use self::parity::{BitwiseXor, Parity};
pub use self::sparse::Sparse;
pub use self::tiers::{Tiered, Tiers};
pub use self::uniform_random::UniformRandom;
use crate::EnvError;

/// Most dimensions of a grid.
pub const MAX_DIMS: usize = 8;

/// Coordinates, each counted from 0; those past the dimensions of the grid are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell(pub [u16; MAX_DIMS]);

/// Where trajectories end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Terminal {
    /// Every cell is an object, and only stopping ends a trajectory (trajectory balance 2022 and later
    /// code): H^D objects.
    All,
    /// A step onto the border, a coordinate of H - 1, ends the trajectory too (code of the 2021 paper):
    /// (H-1)^D + D (H-1)^(D-1) objects, because cells with two such coordinates are never reached.
    Border,
}

/// A grid of D dimensions and side H.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hypergrid {
    dims: usize,
    side: usize,
    terminal: Terminal,
}

impl Hypergrid {
    /// A grid of `dims` dimensions with `side` cells along each.
    ///
    /// # Errors
    /// `dims` outside 1 to [`MAX_DIMS`], `side` outside 2 to 65,535, or more cells than can be counted.
    pub fn new(dims: usize, side: usize, terminal: Terminal) -> Result<Self, EnvError> {
        if !(1..=MAX_DIMS).contains(&dims) {
            return Err(EnvError::out_of_range(
                "dims",
                dims,
                format!("1 to {MAX_DIMS}"),
            ));
        }
        let countable = side.checked_pow(dims as u32).is_some();
        if !(2..=usize::from(u16::MAX)).contains(&side) || !countable {
            return Err(EnvError::out_of_range(
                "side",
                side,
                format!("2 to 65535, with side^{dims} below 2^64"),
            ));
        }
        Ok(Self {
            dims,
            side,
            terminal,
        })
    }

    /// Number of dimensions D.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Cells along each dimension, H.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Where trajectories end.
    pub fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// `[D]` coordinates of `cell`.
    pub fn coordinates<'a>(&self, cell: &'a Cell) -> &'a [u16] {
        &cell.0[..self.dims]
    }

    /// Whether all coordinates lie in the outer band |x| > 1/2.
    pub fn is_outer(&self, cell: &Cell) -> bool {
        self.coordinates(cell)
            .iter()
            .all(|&c| 2 * self.off_centre(c) > self.side - 1)
    }

    /// Whether all coordinates lie in the band 0.6 < |x| < 0.8: the cells of highest reward.
    pub fn is_mode(&self, cell: &Cell) -> bool {
        self.coordinates(cell).iter().all(|&c| {
            // In integers: at H = 16 and others, cells lie exactly on 0.6, where rounding would decide.
            let tenfold = 10 * self.off_centre(c);
            6 * (self.side - 1) < tenfold && tenfold < 8 * (self.side - 1)
        })
    }

    /// |2c - (H-1)|, which is |x| (H-1) with x = 2c/(H-1) - 1.
    fn off_centre(&self, coordinate: u16) -> usize {
        (2 * usize::from(coordinate)).abs_diff(self.side - 1)
    }

    /// The reward of the papers with its usual r1 = 0.5 and r2 = 2.
    ///
    /// # Errors
    /// `r0` that is not positive and finite.
    pub fn corners(&self, r0: f64) -> Result<Corners, EnvError> {
        Corners::new(*self, r0, 0.5, 2.0)
    }

    /// The oscillating reward `cos_N`.
    pub fn cosines(&self) -> Cosines {
        Cosines::new(*self)
    }

    fn is_border(&self, cell: &Cell) -> bool {
        self.border_count(cell) > 0
    }

    fn border_count(&self, cell: &Cell) -> usize {
        let last = self.side - 1;
        self.coordinates(cell)
            .iter()
            .filter(|&&c| usize::from(c) == last)
            .count()
    }

    /// The number that `coordinates` are in base `base`, the first digit counting least.
    fn digits(coordinates: impl DoubleEndedIterator<Item = u16>, base: usize) -> usize {
        coordinates
            .rev()
            .fold(0, |number, c| number * base + usize::from(c))
    }
}

impl Environment for Hypergrid {
    type State = Cell;
    /// The dimension along which a step is made.
    type Action = usize;

    fn source(&self) -> Cell {
        Cell([0; MAX_DIMS])
    }

    fn can_stop(&self, _state: &Cell) -> bool {
        true
    }

    fn step(&self, state: &mut Cell, action: usize) {
        debug_assert!(
            usize::from(state.0[action]) + 1 < self.side,
            "{state:?} along {action}"
        );
        state.0[action] += 1;
    }

    fn undo(&self, state: &mut Cell, action: usize) {
        debug_assert!(state.0[action] > 0, "{state:?} back along {action}");
        state.0[action] -= 1;
    }
}

impl Discrete for Hypergrid {
    fn actions(&self, state: &Cell, out: &mut Vec<usize>) {
        if self.terminal == Terminal::Border && self.is_border(state) {
            return;
        }
        out.extend((0..self.dims).filter(|&i| usize::from(state.0[i]) + 1 < self.side));
    }

    fn parents(&self, state: &Cell, out: &mut Vec<usize>) {
        let last = self.side - 1;
        let border = self.border_count(state);
        out.extend((0..self.dims).filter(|&i| {
            let at_border = usize::from(usize::from(state.0[i]) == last);
            let parent_moves = self.terminal == Terminal::All || border == at_border;
            state.0[i] > 0 && parent_moves
        }));
    }
}

impl Enumerable for Hypergrid {
    fn states(&self) -> Vec<Cell> {
        let inside = if self.terminal == Terminal::All {
            self.side
        } else {
            self.side - 1
        };
        let cells = |dims: usize| (0..inside.pow(dims as u32)).map(move |number| (dims, number));
        let cell = |(dims, mut number): (usize, usize)| {
            let mut cell = Cell([0; MAX_DIMS]);
            for c in &mut cell.0[..dims] {
                *c = (number % inside) as u16;
                number /= inside;
            }
            cell
        };
        let mut out: Vec<Cell> = cells(self.dims).map(cell).collect();
        if self.terminal == Terminal::Border {
            for i in 0..self.dims {
                out.extend(cells(self.dims - 1).map(cell).map(|mut rest| {
                    rest.0.copy_within(i..self.dims - 1, i + 1);
                    rest.0[i] = (self.side - 1) as u16;
                    rest
                }));
            }
        }
        out
    }

    fn index(&self, state: &Cell) -> usize {
        let coordinates = self.coordinates(state);
        if self.terminal == Terminal::All {
            return Self::digits(coordinates.iter().copied(), self.side);
        }
        let inside = self.side - 1;
        match coordinates.iter().position(|&c| usize::from(c) == inside) {
            None => Self::digits(coordinates.iter().copied(), inside),
            Some(i) => {
                let rest = coordinates[..i]
                    .iter()
                    .chain(&coordinates[i + 1..])
                    .copied();
                let face = inside.pow(self.dims as u32 - 1);
                inside * face + i * face + Self::digits(rest, inside)
            }
        }
    }

    fn num_states(&self) -> usize {
        let inside = self.side - 1;
        let dims = self.dims as u32;
        match self.terminal {
            Terminal::All => self.side.pow(dims),
            Terminal::Border => inside.pow(dims) + self.dims * inside.pow(dims - 1),
        }
    }
}

/// D one-hot blocks of length H; action i is a step along dimension i.
impl VectorEncoded for Hypergrid {
    fn num_features(&self) -> usize {
        self.dims * self.side
    }

    fn features(&self, state: &Cell, mut set: impl FnMut(usize, f32)) {
        for (dim, &c) in self.coordinates(state).iter().enumerate() {
            set(dim * self.side + usize::from(c), 1.0);
        }
    }

    fn num_actions(&self) -> usize {
        self.dims
    }

    fn action_index(&self, action: usize) -> usize {
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D, H, cells that the border convention reaches, mode cells, log Z at r0 = 1e-1 .. 1e-4 where all
    /// cells are objects: exact enumeration in rational box tests, golden table for arXiv 2106.04399.
    const GOLDEN: [(usize, usize, usize, usize, [f64; 4]); 10] = [
        (2, 8, 63, 4, [3.109061, 2.811809, 2.776581, 2.772989]),
        (2, 16, 255, 4, [4.183576, 3.750915, 3.695259, 3.689519]),
        (2, 20, 399, 16, [4.804021, 4.454347, 4.411585, 4.407207]),
        (2, 32, 1023, 36, [5.711751, 5.348250, 5.303424, 5.298829]),
        (2, 64, 4095, 144, [7.098045, 6.734544, 6.689719, 6.685124]),
        (3, 8, 490, 8, [4.597138, 3.972554, 3.881811, 3.872267]),
        (4, 8, 3773, 16, [6.344934, 5.303106, 5.100452, 5.077731]),
        (3, 16, 4050, 8, [6.524443, 5.746075, 5.620749, 5.607307]),
        (4, 16, 64125, 16, [9.063417, 7.914018, 7.671145, 7.643269]),
        (4, 20, 157757, 256, [9.976366, 8.869539, 8.643297, 8.617581]),
    ];

    #[test]
    fn counts_and_log_z_are_the_golden_ones() {
        for (dims, side, border, modes, log_z) in GOLDEN {
            let grid = Hypergrid::new(dims, side, Terminal::All).unwrap();
            let cells = grid.states();
            assert_eq!(cells.len(), side.pow(dims as u32));
            assert_eq!(
                cells.iter().filter(|c| grid.is_mode(c)).count(),
                modes,
                "{dims} {side}"
            );
            for (r0, expected) in [1e-1, 1e-2, 1e-3, 1e-4].into_iter().zip(log_z) {
                let reward = grid.corners(r0).unwrap();
                let z: f64 = cells.iter().map(|c| reward.reward(c)).sum();
                assert!(
                    (z.ln() - expected).abs() < 1e-6,
                    "{dims} {side} {r0}: {}",
                    z.ln()
                );
            }
            let grid = Hypergrid::new(dims, side, Terminal::Border).unwrap();
            assert_eq!(grid.num_states(), border);
        }
    }

    #[test]
    fn index_is_the_place_and_parents_come_first() {
        for (dims, side) in [(1, 2), (1, 5), (2, 2), (2, 5), (3, 4), (4, 3)] {
            for terminal in [Terminal::All, Terminal::Border] {
                let grid = Hypergrid::new(dims, side, terminal).unwrap();
                let states = grid.states();
                assert_eq!(states.len(), grid.num_states());
                for (i, state) in states.iter().enumerate() {
                    assert_eq!(grid.index(state), i);
                    let mut parents = Vec::new();
                    grid.parents(state, &mut parents);
                    assert_eq!(parents.is_empty(), i == 0, "{grid:?} {state:?}");
                    for action in parents {
                        let mut parent = *state;
                        grid.undo(&mut parent, action);
                        assert!(grid.index(&parent) < i);
                        let mut actions = Vec::new();
                        grid.actions(&parent, &mut actions);
                        assert!(actions.contains(&action), "{grid:?} {parent:?}");
                    }
                }
            }
        }
    }

    /// Cells exactly on |x| = 1/2 (H = 5: 1 and 3) are inside, those on 0.6 and 0.8 (H = 11) no modes.
    #[test]
    fn bands_are_open() {
        let picked = |side, test: fn(&Hypergrid, &Cell) -> bool| {
            let grid = Hypergrid::new(1, side, Terminal::All).unwrap();
            let cells = grid.states();
            let chosen = cells.iter().filter(|c| test(&grid, c)).map(|c| c.0[0]);
            chosen.collect::<Vec<u16>>()
        };
        assert_eq!(picked(5, Hypergrid::is_outer), [0, 4]);
        assert_eq!(picked(11, Hypergrid::is_mode), [0_u16; 0]);
        assert_eq!(picked(8, Hypergrid::is_mode), [1, 6]);
    }

    #[test]
    fn bad_sizes_are_refused() {
        assert!(Hypergrid::new(0, 8, Terminal::All).is_err());
        assert!(Hypergrid::new(9, 8, Terminal::All).is_err());
        assert!(Hypergrid::new(2, 1, Terminal::All).is_err());
        assert!(Hypergrid::new(8, 300, Terminal::All).is_err());
        let grid = Hypergrid::new(2, 8, Terminal::All).unwrap();
        assert!(grid.corners(0.0).is_err());
        assert!(grid.corners(f64::NAN).is_err());
    }
}
