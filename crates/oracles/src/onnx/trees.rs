//! Ensembles of decision trees: the operators `TreeEnsembleRegressor` and `TreeEnsembleClassifier` of ONNX-ML.
//!
//! The library that runs the rest of a model has the classifier alone and reads damaged trees without
//! looking; here every index is checked once, when a model is read.

use super::attributes::Attributes;

/// How a feature is held against a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
    Leaf,
}

impl Mode {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"BRANCH_LEQ" => Self::LessOrEqual,
            b"BRANCH_LT" => Self::Less,
            b"BRANCH_GTE" => Self::GreaterOrEqual,
            b"BRANCH_GT" => Self::Greater,
            b"BRANCH_EQ" => Self::Equal,
            b"BRANCH_NEQ" => Self::NotEqual,
            b"LEAF" => Self::Leaf,
            _ => return None,
        })
    }

    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::LessOrEqual => value <= threshold,
            Self::Less => value < threshold,
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Equal => value == threshold,
            Self::NotEqual => value != threshold,
            Self::Leaf => false,
        }
    }
}

/// A branch, or a leaf whose votes are `yes..no`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    mode: Mode,
    missing: bool,
    feature: u32,
    yes: u32,
    no: u32,
    threshold: f64,
}

/// What becomes of the leaves' votes for one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Average,
    Least,
    Most,
}

/// What becomes of the values of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
}

/// Which operator it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Regressor,
    Classifier,
    /// Two classes, and leaves that vote for one of them; whether every vote is positive.
    Binary {
        positive: bool,
    },
}

/// An ensemble that was checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trees {
    roots: Vec<u32>,
    nodes: Vec<Node>,
    /// Which value, and how much.
    votes: Vec<(u32, f64)>,
    /// Values of a row.
    pub(super) values: usize,
    /// Features that are looked at, at least.
    pub(super) features: usize,
    base: Vec<f64>,
    aggregate: Aggregate,
    finish: Finish,
    kind: Kind,
}

// Numbers come out of a file and are compared as such; nothing relies on a NaN being equal to itself.
impl Eq for Trees {}

impl Trees {
    /// Reads and checks the attributes of an operator.
    pub(super) fn read(attributes: &Attributes<'_>, classifier: bool) -> Result<Self, String> {
        let tree_ids = attributes.whole("nodes_treeids");
        let node_ids = attributes.whole("nodes_nodeids");
        let count = tree_ids.len();
        if count == 0 {
            return Err("has no nodes".into());
        }
        let same = |name: &str, length: usize| match length == count {
            true => Ok(()),
            false => Err(format!("has {length} {name} for {count} nodes")),
        };
        same("nodes_nodeids", node_ids.len())?;
        let feature = attributes.whole("nodes_featureids");
        let yes = attributes.whole("nodes_truenodeids");
        let no = attributes.whole("nodes_falsenodeids");
        let thresholds = attributes.numbers("nodes_values")?;
        let modes = attributes.texts("nodes_modes");
        let missing = attributes.whole("nodes_missing_value_tracks_true");
        same("nodes_featureids", feature.len())?;
        same("nodes_truenodeids", yes.len())?;
        same("nodes_falsenodeids", no.len())?;
        same("nodes_values", thresholds.len())?;
        same("nodes_modes", modes.len())?;
        if !missing.is_empty() {
            same("nodes_missing_value_tracks_true", missing.len())?;
        }
        let places = Places::new(tree_ids, node_ids)?;

        let (prefix, values) = match classifier {
            true => ("class", labels(attributes)?),
            false => {
                let targets = attributes.number("n_targets").unwrap_or(1);
                let targets = usize::try_from(targets)
                    .ok()
                    .filter(|n| (1..=65_536).contains(n));
                (
                    "target",
                    targets.ok_or("has an impossible number of targets")?,
                )
            }
        };
        let (votes, spans) = votes(attributes, prefix, values, &places, count)?;

        let mut nodes = Vec::with_capacity(count);
        let mut features = 0;
        for node in 0..count {
            let mode = Mode::named(&modes[node]).ok_or_else(|| {
                format!(
                    "compares by {:?}, which is not known here",
                    String::from_utf8_lossy(&modes[node])
                )
            })?;
            let (feature, yes, no) = match mode {
                Mode::Leaf => (0, spans[node].0, spans[node].1),
                _ => {
                    let index = u32::try_from(feature[node])
                        .ok()
                        .filter(|index| *index < 1 << 24)
                        .ok_or_else(|| format!("looks at feature {}", feature[node]))?;
                    features = features.max(index as usize + 1);
                    let at = |id: i64| places.find(tree_ids[node], id);
                    (index, at(yes[node])?, at(no[node])?)
                }
            };
            nodes.push(Node {
                mode,
                missing: missing.get(node).is_some_and(|flag| *flag != 0),
                feature,
                yes,
                no,
                threshold: thresholds[node],
            });
        }
        let roots = roots(tree_ids, &nodes)?;
        let base = attributes.numbers("base_values")?;
        let finish = match attributes
            .text("post_transform")
            .as_deref()
            .unwrap_or("NONE")
        {
            "NONE" => Finish::None,
            "LOGISTIC" => Finish::Logistic,
            "SOFTMAX" => Finish::Softmax,
            "SOFTMAX_ZERO" => Finish::SoftmaxZero,
            other => return Err(format!("ends with {other:?}, which is not known here")),
        };
        let aggregate = match attributes
            .text("aggregate_function")
            .as_deref()
            .unwrap_or("SUM")
        {
            "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Least,
            "MAX" => Aggregate::Most,
            other => return Err(format!("adds up by {other:?}, which is not known here")),
        };
        let one_class = votes.iter().all(|vote| vote.0 == votes[0].0);
        let kind = match classifier {
            false => Kind::Regressor,
            true if values == 2 && one_class => Kind::Binary {
                positive: votes.iter().all(|vote| vote.1 >= 0.0),
            },
            true => Kind::Classifier,
        };
        let fits = base.is_empty()
            || base.len() == values
            || (base.len() == 1 && matches!(kind, Kind::Binary { .. }));
        if !fits {
            return Err(format!(
                "has {} base values for {values} values",
                base.len()
            ));
        }
        Ok(Self {
            roots,
            nodes,
            votes,
            values,
            features,
            base,
            aggregate,
            finish,
            kind,
        })
    }

    /// Writes the `[values]` of one row; `row` has at least as many numbers as [`features`](Self::features).
    pub(super) fn evaluate(&self, row: &[f64], out: &mut [f64]) {
        let start = match self.aggregate {
            Aggregate::Least | Aggregate::Most => f64::NAN,
            Aggregate::Sum | Aggregate::Average => 0.0,
        };
        out.fill(start);
        for root in &self.roots {
            let mut node = &self.nodes[*root as usize];
            while node.mode != Mode::Leaf {
                let value = row[node.feature as usize];
                let yes = match value.is_nan() {
                    true => node.missing,
                    false => node.mode.holds(value, node.threshold),
                };
                node = &self.nodes[if yes { node.yes } else { node.no } as usize];
            }
            for (value, vote) in &self.votes[node.yes as usize..node.no as usize] {
                let sum = &mut out[*value as usize];
                // The least and the greatest of a NaN and a number are the number.
                *sum = match self.aggregate {
                    Aggregate::Sum | Aggregate::Average => *sum + vote,
                    Aggregate::Least => sum.min(*vote),
                    Aggregate::Most => sum.max(*vote),
                };
            }
        }
        if self.aggregate == Aggregate::Average {
            let share = 1.0 / self.roots.len() as f64;
            out.iter_mut().for_each(|value| *value *= share);
        }
        match self.kind {
            Kind::Binary { positive } => self.binary(positive, out),
            Kind::Regressor | Kind::Classifier => {
                // A value that no tree voted for is 0.
                for value in out.iter_mut().filter(|value| value.is_nan()) {
                    *value = 0.0;
                }
                for (value, base) in out.iter_mut().zip(&self.base) {
                    *value += base;
                }
                self.finish.apply(out);
            }
        }
    }

    /// Two classes from the one number that the trees gave, by the rules of onnxruntime
    /// (`tree_ensemble_aggregator.h`).
    fn binary(&self, positive: bool, out: &mut [f64]) {
        let score = out[self.votes[0].0 as usize];
        if self.base.len() == 2 {
            let score = score + self.base[1];
            out.copy_from_slice(&[-score, score]);
            self.finish.apply(out);
            return;
        }
        let score = score + self.base.first().copied().unwrap_or(0.0);
        let pair = match (positive, self.finish) {
            // Votes are probabilities already.
            (true, _) => [1.0 - score, score],
            (false, Finish::Logistic) => [logistic(-score), logistic(score)],
            (false, _) => [-score, score],
        };
        out.copy_from_slice(&pair);
    }
}

impl Finish {
    fn apply(self, values: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Logistic => values.iter_mut().for_each(|v| *v = logistic(*v)),
            Self::Softmax => softmax(values, false),
            Self::SoftmaxZero => softmax(values, true),
        }
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Softmax; where `keep_zeros`, values of 0 stay 0 and do not count.
fn softmax(values: &mut [f64], keep_zeros: bool) {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        // onnxruntime's bound for what counts as zero.
        if keep_zeros && value.abs() <= 1e-7 {
            *value = 0.0;
        } else {
            *value = (*value - most).exp();
            sum += *value;
        }
    }
    if sum > 0.0 {
        values.iter_mut().for_each(|value| *value /= sum);
    }
}

/// Number of classes.
fn labels(attributes: &Attributes<'_>) -> Result<usize, String> {
    let numbers = attributes.whole("classlabels_int64s").len();
    let texts = attributes.texts("classlabels_strings").len();
    match numbers.max(texts) {
        0 => Err("has no classes".into()),
        count => Ok(count),
    }
}

/// Where the nodes of all trees are.
struct Places {
    /// (tree, node, index), in order.
    sorted: Vec<(i64, i64, u32)>,
}

impl Places {
    fn new(trees: &[i64], nodes: &[i64]) -> Result<Self, String> {
        let mut sorted: Vec<(i64, i64, u32)> = trees
            .iter()
            .zip(nodes)
            .zip(0..)
            .map(|((tree, node), index)| (*tree, *node, index))
            .collect();
        sorted.sort_unstable();
        match sorted
            .windows(2)
            .find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1))
        {
            Some(pair) => Err(format!(
                "has node {} of tree {} twice",
                pair[0].1, pair[0].0
            )),
            None => Ok(Self { sorted }),
        }
    }

    fn find(&self, tree: i64, node: i64) -> Result<u32, String> {
        let found = self
            .sorted
            .binary_search_by_key(&(tree, node), |(t, n, _)| (*t, *n));
        match found {
            Ok(place) => Ok(self.sorted[place].2),
            Err(_) => Err(format!(
                "names node {node} of tree {tree}, which it does not have"
            )),
        }
    }
}

type Votes = (Vec<(u32, f64)>, Vec<(u32, u32)>);

/// All votes in the order of their nodes, and for each node which are its.
fn votes(
    attributes: &Attributes<'_>,
    prefix: &str,
    values: usize,
    places: &Places,
    nodes: usize,
) -> Result<Votes, String> {
    let name = |part: &str| format!("{prefix}_{part}");
    let trees = attributes.whole(&name("treeids"));
    let ids = attributes.whole(&name("nodeids"));
    let which = attributes.whole(&name("ids"));
    let weights = attributes.numbers(&name("weights"))?;
    let count = trees.len();
    if count == 0 || [ids.len(), which.len(), weights.len()] != [count; 3] {
        return Err(format!(
            "has {count} {prefix}_treeids, {} {prefix}_nodeids, {} {prefix}_ids and {} {prefix}_weights; they \
             must be as many, and not none",
            ids.len(),
            which.len(),
            weights.len()
        ));
    }
    let mut found: Vec<(u32, (u32, f64))> = Vec::with_capacity(count);
    for vote in 0..count {
        let value = u32::try_from(which[vote])
            .ok()
            .filter(|v| (*v as usize) < values);
        let value = value.ok_or_else(|| format!("votes for {} of {values} values", which[vote]))?;
        let node = places.find(trees[vote], ids[vote])?;
        found.push((node, (value, weights[vote])));
    }
    // Stable: votes of one node stay in their order.
    found.sort_by_key(|(node, _)| *node);
    let mut spans = vec![(0, 0); nodes];
    for (place, (node, _)) in (0_u32..).zip(&found) {
        let span = &mut spans[*node as usize];
        if span.1 == 0 {
            span.0 = place;
        }
        span.1 = place + 1;
    }
    Ok((found.into_iter().map(|(_, vote)| vote).collect(), spans))
}

/// The node of each tree that no other leads to. Every other node must be led to once, so that no walk goes
/// round.
fn roots(trees: &[i64], nodes: &[Node]) -> Result<Vec<u32>, String> {
    let mut led_to = vec![0_u8; nodes.len()];
    for node in nodes.iter().filter(|node| node.mode != Mode::Leaf) {
        for child in [node.yes, node.no] {
            led_to[child as usize] = led_to[child as usize].saturating_add(1);
        }
        // Some exporters let both ways lead to one leaf.
        if node.yes == node.no {
            led_to[node.yes as usize] -= 1;
        }
    }
    if led_to.iter().any(|count| *count > 1) {
        return Err("has a node that two others lead to".into());
    }
    let mut roots = Vec::new();
    for (index, count) in (0_u32..).zip(&led_to) {
        if *count == 0 {
            roots.push(index);
        }
    }
    // One root for each tree; what is left over would be a ring.
    let mut of_roots: Vec<i64> = roots.iter().map(|root| trees[*root as usize]).collect();
    of_roots.sort_unstable();
    let mut all: Vec<i64> = trees.to_vec();
    all.sort_unstable();
    all.dedup();
    if of_roots != all {
        return Err("has a tree without a root, or with two".into());
    }
    let mut reached = 0_usize;
    let mut open = roots.clone();
    while let Some(index) = open.pop() {
        reached += 1;
        let node = &nodes[index as usize];
        if node.mode != Mode::Leaf {
            open.push(node.yes);
            if node.no != node.yes {
                open.push(node.no);
            }
        }
    }
    if reached != nodes.len() {
        return Err("has nodes that no root leads to".into());
    }
    Ok(roots)
}
