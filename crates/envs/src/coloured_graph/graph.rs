//! One coloured graph up to isomorphism, as bits.

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// Most nodes of a graph.
pub const MAX_NODES: usize = 7;

/// A graph with nodes of two colours in its canonical labelling: isomorphic graphs are equal.
///
/// Goes to files as the colours and the edges; what is not connected is refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "Written", into = "Written")]
pub struct ColouredGraph {
    nodes: u8,
    /// Bit i: node i has colour 1.
    colours: u8,
    /// Bit `place(i, j)`: there is an edge.
    edges: u32,
}

/// A graph as it stands in files.
#[derive(Serialize, Deserialize)]
struct Written {
    colours: Vec<u8>,
    edges: Vec<(usize, usize)>,
}

/// Bit of the pair i < j among the edges; those of the first n nodes come first.
pub(super) fn place(i: usize, j: usize) -> usize {
    debug_assert!(i < j, "{i} {j}");
    j * (j - 1) / 2 + i
}

impl ColouredGraph {
    /// The graph with the `colours` `[n]`, each 0 or 1, and undirected `edges`.
    ///
    /// # Errors
    /// More than [`MAX_NODES`] nodes, another colour, an edge past the nodes, from a node to itself or
    /// given twice, or a graph that is not connected.
    pub fn new(colours: &[u8], edges: &[(usize, usize)]) -> Result<Self, EnvError> {
        let n = colours.len();
        let bad = |reason| Err(EnvError::BadGraph { reason });
        if n > MAX_NODES {
            return bad(format!("it has {n} nodes; at most {MAX_NODES} can be held"));
        }
        if let Some(colour) = colours.iter().find(|&&colour| colour > 1) {
            return bad(format!("there is the colour {colour}; colours are 0 and 1"));
        }
        let mut raw = Raw {
            nodes: n,
            ..Raw::default()
        };
        for (node, colour) in colours.iter().enumerate() {
            raw.colours |= colour << node;
        }
        for &(i, j) in edges {
            if i == j || i.max(j) >= n {
                return bad(format!(
                    "the edge ({i}, {j}) must join two of the {n} nodes"
                ));
            }
            if raw.neighbours[i] >> j & 1 == 1 {
                return bad(format!("the edge ({i}, {j}) is given twice"));
            }
            raw.join(i, j);
        }
        if !raw.is_connected() {
            return bad("it is not connected; join its parts".to_owned());
        }
        Ok(raw.canonical())
    }

    /// Number of nodes n.
    pub fn num_nodes(&self) -> usize {
        usize::from(self.nodes)
    }

    /// Number of edges.
    pub fn num_edges(&self) -> usize {
        self.edges.count_ones() as usize
    }

    /// Colour of `node`, 0 or 1.
    pub fn colour(&self, node: usize) -> usize {
        usize::from(self.colours >> node & 1)
    }

    /// How many nodes have colour 1.
    pub fn num_ones(&self) -> usize {
        self.colours.count_ones() as usize
    }

    /// Whether two different nodes are joined.
    pub fn has_edge(&self, i: usize, j: usize) -> bool {
        self.edges >> place(i.min(j), i.max(j)) & 1 == 1
    }

    /// `[n]` neighbours of each node as a bit mask, entries past the nodes being 0.
    pub fn neighbours(&self) -> [u8; MAX_NODES] {
        self.raw().neighbours
    }

    pub(super) fn raw(&self) -> Raw {
        let mut raw = Raw {
            nodes: self.num_nodes(),
            colours: self.colours,
            ..Raw::default()
        };
        for j in 1..self.num_nodes() {
            for i in 0..j {
                if self.edges >> place(i, j) & 1 == 1 {
                    raw.join(i, j);
                }
            }
        }
        raw
    }
}

impl TryFrom<Written> for ColouredGraph {
    type Error = EnvError;

    fn try_from(written: Written) -> Result<Self, EnvError> {
        Self::new(&written.colours, &written.edges)
    }
}

impl From<ColouredGraph> for Written {
    fn from(graph: ColouredGraph) -> Self {
        let n = graph.num_nodes();
        let pairs = (1..n).flat_map(|j| (0..j).map(move |i| (i, j)));
        Self {
            colours: (0..n).map(|i| graph.colour(i) as u8).collect(),
            edges: pairs.filter(|&(i, j)| graph.has_edge(i, j)).collect(),
        }
    }
}

/// A graph in any labelling.
#[derive(Clone, Copy, Default)]
pub(super) struct Raw {
    pub(super) nodes: usize,
    pub(super) colours: u8,
    pub(super) neighbours: [u8; MAX_NODES],
}

impl Raw {
    pub(super) fn join(&mut self, i: usize, j: usize) {
        self.neighbours[i] |= 1 << j;
        self.neighbours[j] |= 1 << i;
    }

    pub(super) fn part(&mut self, i: usize, j: usize) {
        self.neighbours[i] &= !(1 << j);
        self.neighbours[j] &= !(1 << i);
    }

    /// Adds a node of `colour` joined to `host`, if there is one.
    pub(super) fn push(&mut self, host: Option<usize>, colour: usize) {
        let node = self.nodes;
        self.nodes += 1;
        self.colours |= (colour as u8) << node;
        if let Some(host) = host {
            self.join(host, node);
        }
    }

    /// Takes out `node`; those after it move up.
    pub(super) fn take(&mut self, node: usize) {
        let low = (1_u8 << node) - 1;
        let squeeze = |mask: u8| (mask & low) | (mask >> 1 & !low);
        self.colours = squeeze(self.colours);
        for i in node + 1..self.nodes {
            self.neighbours[i - 1] = self.neighbours[i];
        }
        self.nodes -= 1;
        self.neighbours[self.nodes] = 0;
        self.neighbours
            .iter_mut()
            .for_each(|mask| *mask = squeeze(*mask));
    }

    pub(super) fn degree(&self, node: usize) -> u32 {
        self.neighbours[node].count_ones()
    }

    /// How many nodes there are of each colour and degree, four bits for each of the two times seven.
    pub(super) fn degree_counts(&self) -> u64 {
        let class = |node: usize| {
            let colour = u32::from(self.colours >> node & 1);
            1_u64 << (4 * (MAX_NODES as u32 * colour + self.degree(node)))
        };
        (0..self.nodes).map(class).sum()
    }

    /// Whether every node can be reached; true of no nodes.
    pub(super) fn is_connected(&self) -> bool {
        let mut reached = u8::from(self.nodes > 0);
        loop {
            let grown = members(reached).fold(reached, |grown, i| grown | self.neighbours[i]);
            if grown == reached {
                return reached.count_ones() as usize == self.nodes;
            }
            reached = grown;
        }
    }

    /// The same graph under its canonical labelling: nodes in the order of an invariant, and among the
    /// orders that this leaves, the one with the least edge bits.
    pub(super) fn canonical(&self) -> ColouredGraph {
        let invariant = self.invariant();
        let mut order = [0, 1, 2, 3, 4, 5, 6];
        let order = &mut order[..self.nodes];
        order.sort_unstable_by_key(|&i| invariant[i]);
        let mut cells = [0_usize; MAX_NODES];
        for (position, &node) in order.iter().enumerate() {
            cells[position] = node;
        }
        let mut search = Search {
            graph: self,
            invariant: &invariant,
            wanted: cells,
            chosen: [0; MAX_NODES],
            best: u32::MAX,
        };
        search.place(0, 0, 0);
        let colour = |(position, &node): (usize, &usize)| (self.colours >> node & 1) << position;
        ColouredGraph {
            nodes: self.nodes as u8,
            colours: order.iter().enumerate().map(colour).sum(),
            edges: search.best,
        }
    }

    /// `[n]` a number for each node that does not depend on labels: colour and degree, then twice mixed
    /// with the sum over the neighbours (Weisfeiler and Leman 1968). Colours sort first.
    fn invariant(&self) -> [u64; MAX_NODES] {
        const COLOUR: u64 = 1 << 63;
        let mut out = [0_u64; MAX_NODES];
        for (node, value) in out.iter_mut().enumerate().take(self.nodes) {
            *value = u64::from(self.colours >> node & 1) << 63 | u64::from(self.degree(node));
        }
        for _ in 0..2 {
            let last = out;
            let mixed = last.map(mix);
            for (node, value) in out.iter_mut().enumerate().take(self.nodes) {
                let around = members(self.neighbours[node]);
                let sum = around.fold(0, |sum: u64, i| sum.wrapping_add(mixed[i]));
                let next = mix(last[node].wrapping_add(mix(sum)));
                *value = (last[node] & COLOUR) | (next & !COLOUR);
            }
        }
        out
    }
}

/// The search for the least edge bits among the labellings that keep the order of the invariant.
struct Search<'a> {
    graph: &'a Raw,
    invariant: &'a [u64; MAX_NODES],
    /// The node whose invariant a position must have.
    wanted: [usize; MAX_NODES],
    chosen: [usize; MAX_NODES],
    best: u32,
}

impl Search<'_> {
    fn place(&mut self, position: usize, used: u8, bits: u32) {
        let n = self.graph.nodes;
        if position == n {
            self.best = self.best.min(bits);
            return;
        }
        let invariant = self.invariant[self.wanted[position]];
        for node in 0..n {
            if used >> node & 1 == 1 || self.invariant[node] != invariant {
                continue;
            }
            let mut grown = bits;
            for i in 0..position {
                let joined = self.graph.neighbours[node] >> self.chosen[i] & 1;
                grown |= u32::from(joined) << place(i, position);
            }
            self.chosen[position] = node;
            self.place(position + 1, used | 1 << node, grown);
        }
    }
}

/// The numbers of the bits that are 1.
pub(super) fn members(mask: u8) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    std::iter::from_fn(move || {
        let place = rest.trailing_zeros() as usize;
        rest &= rest.wrapping_sub(1);
        (place < 8).then_some(place)
    })
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
