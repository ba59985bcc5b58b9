//! Codes of rooted trees: which nodes and edge ends are alike under the symmetries of a state.
//!
//! The code of a node seen from a neighbour hashes its fragment, what hangs at each of its stems and
//! what hangs behind undecided ends, the least over the symmetries of the fragment (canonical form of
//! a rooted tree, Aho, Hopcroft and Ullman 1974, with local symmetry groups). Two nodes of a state lie
//! in one orbit iff the codes of the tree rooted at them are equal.

use anabranch_chem::MAX_STEMS;

use super::Action;
use super::symmetry::Piece;
use super::tree::{Edge, MAX_NODES, Tree};

const UNSET: u8 = u8::MAX;
const NONE: u8 = u8::MAX;
const MAX_HALVES: usize = 2 * (MAX_NODES - 1);
/// What stands at a stem where the way up to the root goes, and at a stem that is not used.
const UP: u64 = 0;
const FREE: u64 = u64::MAX;
const MARK: u64 = 0xa5a5_a5a5_a5a5_a5a5;

/// An edge seen from one of its ends.
#[derive(Clone, Copy)]
struct Half {
    neighbour: u8,
    /// The stem used at `node`, or `UNSET`.
    stem: u8,
    /// The same edge seen from `neighbour`.
    back: u8,
    /// Code of all that lies behind this edge, seen from `node`.
    behind: u64,
}

/// All codes of one tree, its canonical order and its canonical stem labels.
pub(crate) struct Codes<'a> {
    pieces: &'a [Piece],
    fragment: [u16; MAX_NODES],
    /// Edges seen from slot `s` are `halves[start[s]..start[s + 1]]`.
    halves: [Half; MAX_HALVES],
    start: [u8; MAX_NODES + 1],
    rooted: [u64; MAX_NODES],
    /// The permutation that labels the stems of each slot, by its place in the group.
    perm: [u16; MAX_NODES],
    /// Slots in canonical order; `[..n]` are in use.
    order: [u8; MAX_NODES],
    rank: [u8; MAX_NODES],
    /// The edge towards the canonical root, seen from each slot; `NONE` at the root.
    up: [u8; MAX_NODES],
    n: usize,
}

impl<'a> Codes<'a> {
    /// # Complexity
    /// One pass for each direction of each edge: the work is (edges) x (degree) x (symmetry order).
    pub(crate) fn new(pieces: &'a [Piece], tree: &Tree) -> Self {
        let half = Half {
            neighbour: 0,
            stem: UNSET,
            back: 0,
            behind: 0,
        };
        let mut codes = Self {
            pieces,
            fragment: [0; MAX_NODES],
            halves: [half; MAX_HALVES],
            start: [0; MAX_NODES + 1],
            rooted: [0; MAX_NODES],
            perm: [0; MAX_NODES],
            order: [0; MAX_NODES],
            rank: [0; MAX_NODES],
            up: [NONE; MAX_NODES],
            n: 0,
        };
        for (slot, fragment) in tree.nodes() {
            codes.fragment[usize::from(slot)] = fragment;
            codes.order[codes.n] = slot;
            codes.n += 1;
        }
        if codes.n > 0 {
            codes.read_edges(tree.edges());
            codes.sweep();
            codes.canonicalise();
        }
        codes
    }

    fn read_edges(&mut self, edges: &[Edge]) {
        for edge in edges {
            self.start[usize::from(edge.a) + 1] += 1;
            self.start[usize::from(edge.b) + 1] += 1;
        }
        for slot in 0..MAX_NODES {
            self.start[slot + 1] += self.start[slot];
        }
        let mut next = self.start;
        for edge in edges {
            let (at_a, at_b) = (next[usize::from(edge.a)], next[usize::from(edge.b)]);
            next[usize::from(edge.a)] += 1;
            next[usize::from(edge.b)] += 1;
            let half = |neighbour, stem: Option<u8>, back| Half {
                neighbour,
                stem: stem.unwrap_or(UNSET),
                back,
                behind: 0,
            };
            self.halves[usize::from(at_a)] = half(edge.b, edge.stem_a, at_b);
            self.halves[usize::from(at_b)] = half(edge.a, edge.stem_b, at_a);
        }
    }

    fn range(&self, slot: u8) -> std::ops::Range<usize> {
        let slot = usize::from(slot);
        usize::from(self.start[slot])..usize::from(self.start[slot + 1])
    }

    fn half_to(&self, node: u8, neighbour: u8) -> Option<usize> {
        if usize::from(node) >= MAX_NODES {
            return None;
        }
        self.range(node)
            .find(|&h| self.halves[h].neighbour == neighbour)
    }

    fn piece(&self, slot: u8) -> &'a Piece {
        &self.pieces[usize::from(self.fragment[usize::from(slot)])]
    }

    /// Codes in both directions of every edge, leaves to the first slot and back, then at every node.
    fn sweep(&mut self) {
        let mut queue = [self.order[0]; MAX_NODES];
        let mut up = [NONE; MAX_NODES];
        let mut length = 1;
        for head in 0..self.n {
            let node = queue[head];
            for h in self.range(node) {
                let half = self.halves[h];
                if up[usize::from(node)] != h as u8 {
                    up[usize::from(half.neighbour)] = half.back;
                    queue[length] = half.neighbour;
                    length += 1;
                }
            }
        }
        for &node in queue[1..self.n].iter().rev() {
            let h = up[usize::from(node)];
            let back = usize::from(self.halves[usize::from(h)].back);
            self.halves[back].behind = self.code(node, h, None).0;
        }
        for &node in &queue[1..self.n] {
            let h = usize::from(up[usize::from(node)]);
            let half = self.halves[h];
            self.halves[h].behind = self.code(half.neighbour, half.back, None).0;
        }
        for &node in &queue[..self.n] {
            self.rooted[usize::from(node)] = self.code(node, NONE, None).0;
        }
    }

    /// Code of the tree as seen at `node`, without what lies behind the half `skip` (whose place is
    /// kept), with the half and stem of `mark` made special; and the permutation that gives it.
    fn code(&self, node: u8, skip: u8, mark: Option<(usize, u8)>) -> (u64, usize) {
        let piece = self.piece(node);
        let mut at = [FREE; MAX_STEMS];
        let mut unset = [0_u64; MAX_STEMS];
        let mut num_unset = 0;
        for h in self.range(node) {
            let half = &self.halves[h];
            let (content, stem) = match mark {
                Some((marked, stem)) if marked == h => (mix(half.behind ^ MARK), stem),
                _ if h == usize::from(skip) => (UP, half.stem),
                _ => (half.behind, half.stem),
            };
            if stem == UNSET {
                // Insertion keeps the few codes sorted.
                let mut place = num_unset;
                while place > 0 && unset[place - 1] > content {
                    unset[place] = unset[place - 1];
                    place -= 1;
                }
                unset[place] = content;
                num_unset += 1;
            } else {
                at[usize::from(stem)] = content;
            }
        }
        let stems = piece.num_stems();
        let perms = piece.stem_of();
        let mut best = 0;
        for perm in 1..perms.len() {
            for label in 0..stems {
                let new = at[usize::from(perms[perm][label])];
                let old = at[usize::from(perms[best][label])];
                if new != old {
                    if new < old {
                        best = perm;
                    }
                    break;
                }
            }
        }
        let mut code = mix(u64::from(self.fragment[usize::from(node)]) + 1);
        for &stem in &perms[best][..stems] {
            code = mix(code ^ at[usize::from(stem)]);
        }
        code = mix(code ^ num_unset as u64);
        for content in &unset[..num_unset] {
            code = mix(code ^ content);
        }
        (code, best)
    }

    /// Orders the slots by depth-first search from the node with the least code, stems by label, then
    /// undecided ends by code. Where that leaves a choice, the choices are images of each other.
    fn canonicalise(&mut self) {
        let root = (0..self.n)
            .map(|i| self.order[i])
            .min_by_key(|&slot| self.rooted[usize::from(slot)])
            .unwrap_or_default();
        let mut stack = [root; MAX_NODES];
        let mut height = 1;
        let mut visited = 0;
        while height > 0 {
            height -= 1;
            let node = stack[height];
            let slot = usize::from(node);
            self.order[visited] = node;
            self.rank[slot] = visited as u8;
            visited += 1;
            let up = self.up[slot];
            let perm = self.code(node, up, None).1;
            self.perm[slot] = perm as u16;
            let piece = self.piece(node);
            let base = height;
            let mut keys = [(0_u8, 0_u64); MAX_STEMS];
            for h in self.range(node).filter(|&h| h != usize::from(up)) {
                let half = self.halves[h];
                self.up[usize::from(half.neighbour)] = half.back;
                let key = match half.stem {
                    UNSET => (UNSET, half.behind),
                    stem => (piece.label(perm, stem), 0),
                };
                // The first to visit ends on top.
                let mut place = height - base;
                while place > 0 && keys[place - 1] < key {
                    keys[place] = keys[place - 1];
                    stack[base + place] = stack[base + place - 1];
                    place -= 1;
                }
                keys[place] = key;
                stack[base + place] = half.neighbour;
                height += 1;
            }
        }
    }

    /// Code of the tree rooted at `slot`.
    pub(crate) fn rooted(&self, slot: u8) -> u64 {
        self.rooted
            .get(usize::from(slot))
            .copied()
            .unwrap_or_default()
    }

    /// Code of the tree rooted at `node` with its edge to `neighbour` marked and joined through `stem`.
    pub(crate) fn marked(&self, node: u8, neighbour: u8, stem: u8) -> Option<u64> {
        let h = self.half_to(node, neighbour)?;
        (usize::from(stem) < self.piece(node).num_stems())
            .then(|| self.code(node, NONE, Some((h, stem))).0)
    }

    /// The canonical label of `stem` at `slot`.
    pub(crate) fn label(&self, slot: u8, stem: u8) -> u8 {
        self.piece(slot)
            .label(usize::from(self.perm[usize::from(slot)]), stem)
    }

    /// Edges seen from `node`, neighbours in canonical order.
    fn sorted_halves(&self, node: u8) -> ([u8; MAX_STEMS], usize) {
        let mut out = [0; MAX_STEMS];
        let mut count = 0;
        for h in self.range(node) {
            let rank = |h: u8| self.rank[usize::from(self.halves[usize::from(h)].neighbour)];
            let mut place = count;
            while place > 0 && rank(out[place - 1]) > rank(h as u8) {
                out[place] = out[place - 1];
                place -= 1;
            }
            out[place] = h as u8;
            count += 1;
        }
        (out, count)
    }

    /// One node for each orbit of nodes that another fragment can be joined to, with its code, until
    /// `visit` says no.
    pub(crate) fn hosts(&self, mut visit: impl FnMut(u8, u64) -> bool) {
        let mut seen = Seen::<MAX_NODES>::new();
        for &node in &self.order[..self.n] {
            let code = self.rooted(node);
            if self.range(node).len() < self.piece(node).num_stems()
                && seen.insert(code)
                && !visit(node, code)
            {
                return;
            }
        }
    }

    /// One `SetStem` for each orbit, with its code, until `visit` says no.
    pub(crate) fn settings(&self, mut visit: impl FnMut(Action, u64) -> bool) {
        let mut seen = Seen::<{ MAX_HALVES * MAX_STEMS }>::new();
        for &node in &self.order[..self.n] {
            let piece = self.piece(node);
            let used = self
                .range(node)
                .fold(0_u32, |used, h| match self.halves[h].stem {
                    UNSET => used,
                    stem => used | 1 << stem,
                });
            let (halves, count) = self.sorted_halves(node);
            let perm = &piece.stem_of()[usize::from(self.perm[usize::from(node)])];
            for &h in &halves[..count] {
                let half = &self.halves[usize::from(h)];
                if half.stem != UNSET {
                    continue;
                }
                for &stem in perm[..piece.num_stems()]
                    .iter()
                    .filter(|&&stem| used & (1 << stem) == 0)
                {
                    let code = self.code(node, NONE, Some((usize::from(h), stem))).0;
                    let action = Action::SetStem {
                        node,
                        neighbour: half.neighbour,
                        stem,
                    };
                    if seen.insert(code) && !visit(action, code) {
                        return;
                    }
                }
            }
        }
    }

    /// One action for each orbit of what can be taken away, with its code, until `visit` says no.
    pub(crate) fn removals(&self, mut visit: impl FnMut(Action, u64) -> bool) {
        let mut leaves = Seen::<MAX_NODES>::new();
        for &node in &self.order[..self.n] {
            let mut halves = self.range(node);
            let host = match (halves.next(), halves.next()) {
                (None, _) => None,
                (Some(h), None) => {
                    let half = &self.halves[h];
                    if half.stem != UNSET || self.halves[usize::from(half.back)].stem != UNSET {
                        continue;
                    }
                    Some(half.neighbour)
                }
                _ => continue,
            };
            let action = Action::AddNode {
                host,
                fragment: self.fragment[usize::from(node)],
                slot: node,
            };
            let code = self.rooted(node);
            if leaves.insert(code) && !visit(action, code) {
                return;
            }
        }
        let mut seen = Seen::<MAX_HALVES>::new();
        for &node in &self.order[..self.n] {
            let (halves, count) = self.sorted_halves(node);
            for &h in &halves[..count] {
                let half = &self.halves[usize::from(h)];
                if half.stem == UNSET {
                    continue;
                }
                let code = self.code(node, NONE, Some((usize::from(h), half.stem))).0;
                let action = Action::SetStem {
                    node,
                    neighbour: half.neighbour,
                    stem: half.stem,
                };
                if seen.insert(code) && !visit(action, code) {
                    return;
                }
            }
        }
    }

    /// The edge from the node at place `i > 0` of the canonical order towards the root: place of the
    /// upper node, label of its end, label of the lower end; `UNSET` for undecided ends.
    fn joint(&self, i: usize) -> (u8, u8, u8) {
        let node = self.order[i];
        let half = self.halves[usize::from(self.up[usize::from(node)])];
        let label = |slot, stem| {
            if stem == UNSET {
                UNSET
            } else {
                self.label(slot, stem)
            }
        };
        (
            self.rank[usize::from(half.neighbour)],
            label(half.neighbour, self.halves[usize::from(half.back)].stem),
            label(node, half.stem),
        )
    }

    /// Hash of the canonical form.
    pub(crate) fn key(&self) -> u128 {
        // Two lanes that start apart; the canonical form itself is exact up to the 64-bit codes.
        let mut lanes = [mix(1), mix(2)];
        let mut absorb = |value: u64| {
            lanes = [mix(lanes[0] ^ value), mix(lanes[1].rotate_left(23) ^ value)];
        };
        for i in 0..self.n {
            absorb(u64::from(self.fragment[usize::from(self.order[i])]) << 1 | 1);
            if i > 0 {
                let (upper, end, own) = self.joint(i);
                absorb(u64::from(upper) << 16 | u64::from(end) << 8 | u64::from(own));
            }
        }
        u128::from(lanes[0]) << 64 | u128::from(lanes[1])
    }

    /// The canonical form: slots by canonical order, stems by label.
    pub(crate) fn canonical(&self) -> Tree {
        let stem = |label: u8| (label != UNSET).then_some(label);
        let mut tree = Tree::new();
        for i in 0..self.n {
            let fragment = self.fragment[usize::from(self.order[i])];
            if i == 0 {
                tree.put(0, fragment, None);
                continue;
            }
            let (upper, end, own) = self.joint(i);
            tree.put(i as u8, fragment, Some(upper));
            for (node, neighbour, label) in [(upper, i as u8, end), (i as u8, upper, own)] {
                if let Some(place) = tree.end_mut(node, neighbour) {
                    *place = stem(label);
                }
            }
        }
        tree
    }
}

/// The codes met so far; so few that looking at all of them is fastest.
struct Seen<const N: usize> {
    codes: [u64; N],
    len: usize,
}

impl<const N: usize> Seen<N> {
    fn new() -> Self {
        Self {
            codes: [0; N],
            len: 0,
        }
    }

    /// Whether `code` is new.
    fn insert(&mut self, code: u64) -> bool {
        let new = !self.codes[..self.len].contains(&code);
        if new {
            self.codes[self.len] = code;
            self.len += 1;
        }
        new
    }
}

/// The finaliser of SplitMix64 after its increment (Steele, Lea and Flood 2014): a bijection of u64.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
