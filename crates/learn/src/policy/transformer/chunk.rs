//! The distinct graphs of a frontier, packed into chunks of rows that are computed together.

use std::collections::HashMap;

use super::kinds::Kinds;
use super::rows::{Lists, padded_rows};

/// Rows of a chunk, about: what layers keep of it then stays in the second cache while it is needed, and
/// products are large enough for their weights to be read seldom.
pub(super) const TOKENS: usize = 128;

/// Where a score is: a row and a column of one head's results.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    chunk: u32,
    pub(super) head: Head,
    pub(super) row: u32,
    pub(super) col: u32,
}

/// The three heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Node,
    Edge,
    Graph,
}

impl Slot {
    pub(super) fn chunk(&self) -> usize {
        self.chunk as usize
    }
}

/// Whole graphs whose tokens are rows of one matrix: of each graph its own token, then its nodes.
#[derive(Default)]
pub(super) struct Chunk {
    /// Rows in whole blocks.
    pub(super) rows: usize,
    /// Graphs in whole blocks.
    pub(super) graphs: usize,
    /// First row of each graph, and the end of the last.
    pub(super) offsets: Vec<u32>,
    /// Tokens to their kind.
    pub(super) kinds: Lists,
    /// Tokens to their graph.
    pub(super) graph: Lists,
    /// Tokens to those that a directed edge leads to, each once.
    pub(super) neighbours: Lists,
    /// The distinct ones of these lists that are not empty, and tokens to theirs: leaves of one node share it.
    pub(super) sets: Lists,
    pub(super) set_of: Lists,
    /// Tokens to the kinds of those that a directed edge leads to.
    pub(super) neighbour_kinds: Lists,
    /// Tokens to the features of the edges that leave them, with how often.
    pub(super) incident: Lists,
    /// `[graphs, C]` without padding.
    pub(super) conditions: Vec<f32>,
    /// Where heads read few of the tokens: the rows that are left of the last block to their tokens. The lists
    /// below then name these rows in the place of tokens.
    pub(super) read: Option<Lists>,
    /// Rows of the node head to tokens.
    pub(super) nodes: Lists,
    /// Rows for the ends of edges to tokens.
    pub(super) ends: Lists,
    /// Rows of the edge head to those of its ends, and to the edge's features.
    pub(super) from: Lists,
    pub(super) to: Lists,
    pub(super) edge_features: Lists,
    /// Rows of the graph head to the graph's token, and to its nodes with the weights of a mean.
    pub(super) whole: Lists,
    pub(super) mean: Lists,
}

impl Chunk {
    fn finish(&mut self) {
        let tokens = self.kinds.len();
        self.rows = padded_rows(tokens);
        self.graphs = padded_rows(self.offsets.len() - 1);
        let kinds: Vec<u32> = self.kinds.named().collect();
        self.neighbour_kinds = self.neighbours.clone();
        self.neighbour_kinds.renumber(&kinds);
        if self.sets.len() > 0 {
            self.sets.pad(padded_rows(self.sets.len()));
        }
        for lists in [
            &mut self.kinds,
            &mut self.graph,
            &mut self.neighbours,
            &mut self.set_of,
            &mut self.neighbour_kinds,
            &mut self.incident,
        ] {
            lists.pad(self.rows);
        }
        self.share_ends(tokens);
        self.leave_unread(tokens);
        for lists in [
            &mut self.nodes,
            &mut self.ends,
            &mut self.from,
            &mut self.to,
            &mut self.edge_features,
            &mut self.whole,
            &mut self.mean,
        ] {
            let count = lists.len();
            if count > 0 {
                lists.pad(padded_rows(count));
            }
        }
    }
}

impl Chunk {
    /// Gives a row to each token at an end of an edge, which several edges share, and lets `from` and `to` name
    /// these rows in the place of tokens.
    fn share_ends(&mut self, tokens: usize) {
        let mut rows = vec![NONE; tokens];
        for token in self.from.named().chain(self.to.named()) {
            let row = &mut rows[token as usize];
            if *row == NONE {
                *row = self.ends.len() as u32;
                self.ends.push([(token, 1.0)]);
            }
        }
        self.from.renumber(&rows);
        self.to.renumber(&rows);
    }

    /// Leaves the tokens that no head reads out of what comes after the last attention.
    fn leave_unread(&mut self, tokens: usize) {
        let mut heads = [
            &mut self.nodes,
            &mut self.ends,
            &mut self.whole,
            &mut self.mean,
        ];
        let mut numbers = vec![NONE; tokens];
        for token in heads.iter().flat_map(|lists| lists.named()) {
            numbers[token as usize] = 0;
        }
        let mut read = Lists::default();
        for (token, number) in numbers.iter_mut().enumerate() {
            if *number != NONE {
                *number = read.len() as u32;
                read.push([(token as u32, 1.0)]);
            }
        }
        let rows = padded_rows(read.len());
        if rows < self.rows {
            for lists in &mut heads {
                lists.renumber(&numbers);
            }
            read.pad(rows);
            self.read = Some(read);
        }
    }
}

/// The chunks of a frontier, and where its scores are.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) chunks: Vec<Chunk>,
    /// `[M]`
    pub(super) moves: Slots,
    /// `[P]`, or none where P_B is uniform.
    pub(super) parents: Slots,
    /// `[N]`, or none without flows.
    pub(super) log_flow: Slots,
}

/// Slots in order, as runs of columns that follow on each other in one row.
#[derive(Default)]
pub(super) struct Slots {
    runs: Vec<Run>,
}

/// `count` slots from `first` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) first: Slot,
    pub(super) count: u32,
}

impl Slots {
    /// Appends a slot.
    #[inline]
    pub(super) fn push(&mut self, slot: Slot) {
        if let Some(Run { first, count }) = self.runs.last_mut() {
            let follows = slot.col == first.col + *count && slot.row == first.row;
            if follows && slot.chunk == first.chunk && slot.head == first.head {
                *count += 1;
                return;
            }
        }
        self.runs.push(Run {
            first: slot,
            count: 1,
        });
    }

    /// Appends the slots of the next `count` columns in the row of the last one.
    pub(super) fn extend_last(&mut self, count: u32) {
        if let Some(last) = self.runs.last_mut() {
            last.count += count;
        }
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Number of slots.
    pub(super) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.count as usize).sum()
    }
}

/// Where a graph is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    chunk: u32,
    graph: u32,
    /// First of the graph's edges in the list of all edges of the open chunk, and its first row.
    first_edge: u32,
    first_row: u32,
}

/// An edge of the graph that is being added.
#[derive(Clone, Copy)]
pub(super) struct Edge<'a> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) features: &'a [u16],
}

/// Puts a batch together; equal graphs with equal conditions come once.
pub(super) struct Builder<'k, 'a> {
    batch: Batch,
    known: HashMap<Box<[u32]>, Place>,
    kinds: &'k mut Kinds<'a>,
    /// For each chunk the rows that its heads have for each token, edge and graph.
    rows: Vec<HeadRows>,
    apart: bool,
}

#[derive(Default)]
struct HeadRows {
    nodes: Vec<u32>,
    edges: Vec<u32>,
    graphs: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl<'k, 'a> Builder<'k, 'a> {
    /// For `states` states, whose kinds of tokens come to `kinds`. Where `apart`, equal graphs are computed
    /// each by itself: for tests.
    pub(super) fn new(states: usize, apart: bool, kinds: &'k mut Kinds<'a>) -> Self {
        Self {
            batch: Batch::default(),
            known: HashMap::with_capacity(if apart { 0 } else { states }),
            kinds,
            rows: Vec::new(),
            apart,
        }
    }

    /// The place of a graph that `key` and `condition` describe in full, if it is known.
    pub(super) fn find(&self, key: &[u32]) -> Option<Place> {
        self.known.get(key).copied()
    }

    /// Opens a graph of `tokens` tokens, its own included.
    pub(super) fn open(&mut self, key: &[u32], tokens: usize, condition: &[f32]) -> Place {
        let full = self.batch.chunks.last();
        if full.is_none_or(|chunk| chunk.kinds.len() + tokens > TOKENS) {
            self.batch.chunks.push(Chunk {
                offsets: vec![0],
                ..Chunk::default()
            });
            self.rows.push(HeadRows::default());
        }
        let last = self.batch.chunks.len() - 1;
        let (chunk, rows) = (&mut self.batch.chunks[last], &mut self.rows[last]);
        let first_row = chunk.kinds.len() as u32;
        let graph = chunk.offsets.len() as u32 - 1;
        chunk.offsets.push(first_row + tokens as u32);
        chunk.conditions.extend_from_slice(condition);
        rows.nodes.resize(first_row as usize + tokens, NONE);
        rows.graphs.push(NONE);
        let place = Place {
            chunk: last as u32,
            graph,
            first_edge: rows.edges.len() as u32,
            first_row,
        };
        if !self.apart {
            self.known.insert(key.into(), place);
        }
        place
    }

    /// Appends a token of the graph that was opened last.
    pub(super) fn token(&mut self, features: &[u32]) {
        let last = self.batch.chunks.len() - 1;
        let chunk = &mut self.batch.chunks[last];
        let graph = chunk.offsets.len() as u32 - 2;
        chunk.kinds.push([(self.kinds.number(features), 1.0)]);
        chunk.graph.push([(graph, 1.0)]);
    }

    /// Appends all edges of the graph that was opened last, between its nodes.
    pub(super) fn edges<'e>(
        &mut self,
        place: Place,
        tokens: usize,
        edges: impl Iterator<Item = Edge<'e>> + Clone,
    ) {
        let chunk = &mut self.batch.chunks[place.chunk as usize];
        let first_set = chunk.sets.len();
        for token in 0..tokens {
            let leaving = edges.clone().filter(|edge| edge.from + 1 == token);
            let mut neighbours: Vec<u32> = Vec::new();
            let mut features: Vec<(u32, f32)> = Vec::new();
            for edge in leaving {
                let row = place.first_row + edge.to as u32 + 1;
                if !neighbours.contains(&row) {
                    neighbours.push(row);
                }
                features.extend(edge.features.iter().map(|f| (u32::from(*f), 1.0)));
            }
            neighbours.sort_unstable();
            chunk.neighbours.push(neighbours.iter().map(|n| (*n, 1.0)));
            chunk.set_of.push((!neighbours.is_empty()).then(|| {
                let known = (first_set..chunk.sets.len()).find(|set| {
                    let members = chunk.sets.row(*set).iter().map(|(n, _)| n);
                    members.eq(&neighbours)
                });
                let set = known.unwrap_or(chunk.sets.len());
                if set == chunk.sets.len() {
                    chunk.sets.push(neighbours.iter().map(|n| (*n, 1.0)));
                }
                (set as u32, 1.0)
            }));
            chunk.incident.push(features);
        }
        let count = self.rows[place.chunk as usize].edges.len() + edges.count();
        self.rows[place.chunk as usize].edges.resize(count, NONE);
    }

    /// Score `col` of node `node` of the graph at `place`.
    pub(super) fn node(&mut self, place: Place, node: usize, col: usize) -> Slot {
        let chunk = &mut self.batch.chunks[place.chunk as usize];
        let token = place.first_row + node as u32 + 1;
        let row = &mut self.rows[place.chunk as usize].nodes[token as usize];
        if *row == NONE {
            *row = chunk.nodes.len() as u32;
            chunk.nodes.push([(token, 1.0)]);
        }
        place.slot(Head::Node, *row, col)
    }

    /// Score `col` of edge `index` of the graph at `place`, which is `edge`.
    pub(super) fn edge(&mut self, place: Place, index: usize, edge: Edge<'_>, col: usize) -> Slot {
        let chunk = &mut self.batch.chunks[place.chunk as usize];
        let row = &mut self.rows[place.chunk as usize].edges[place.first_edge as usize + index];
        if *row == NONE {
            *row = chunk.from.len() as u32;
            chunk
                .from
                .push([(place.first_row + edge.from as u32 + 1, 1.0)]);
            chunk.to.push([(place.first_row + edge.to as u32 + 1, 1.0)]);
            let features = edge.features.iter().map(|f| (u32::from(*f), 1.0));
            chunk.edge_features.push(features);
        }
        place.slot(Head::Edge, *row, col)
    }

    /// Score `col` of the whole graph at `place`.
    pub(super) fn graph(&mut self, place: Place, col: usize) -> Slot {
        let chunk = &mut self.batch.chunks[place.chunk as usize];
        let row = &mut self.rows[place.chunk as usize].graphs[place.graph as usize];
        if *row == NONE {
            *row = chunk.whole.len() as u32;
            let end = chunk.offsets[place.graph as usize + 1];
            let nodes = place.first_row + 1..end;
            let share = 1.0 / nodes.len() as f32;
            chunk.whole.push([(place.first_row, 1.0)]);
            chunk.mean.push(nodes.map(|node| (node, share)));
        }
        place.slot(Head::Graph, *row, col)
    }

    /// The batch under construction, to add slots to.
    pub(super) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    pub(super) fn finish(mut self) -> Batch {
        for chunk in &mut self.batch.chunks {
            chunk.finish();
        }
        self.batch
    }
}

impl Place {
    fn slot(self, head: Head, row: u32, col: usize) -> Slot {
        Slot {
            chunk: self.chunk,
            head,
            row,
            col: col as u32,
        }
    }
}
