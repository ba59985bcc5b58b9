//! What stands at each place of a policy's inputs and outputs.

use std::collections::BTreeMap;

use crate::config::schema::SequenceOrder;

/// For inputs and outputs by name, what each place of their last axis stands for; for `tokens`, what each
/// number does.
pub type Names = BTreeMap<&'static str, Vec<String>>;

/// Names of a perceptron's features and of its actions, which are parents by the same numbers.
pub(crate) fn fixed(features: Vec<String>, actions: Vec<String>) -> Names {
    let mut forward = actions.clone();
    forward.push("stop".into());
    BTreeMap::from([
        ("features", features),
        ("forward", forward),
        ("backward", actions),
    ])
}

/// Names of sequences of `letters`, by either network.
pub(crate) fn sequences(letters: &[String], length: usize, order: SequenceOrder) -> Names {
    let mut features = Vec::new();
    for place in 0..length {
        features.extend(
            letters
                .iter()
                .map(|letter| format!("letter {place} is {letter}")),
        );
    }
    features.extend((0..=length).map(|count| format!("{count} letters")));
    let add = |how: &str| {
        letters
            .iter()
            .map(|l| format!("{how} {l}"))
            .collect::<Vec<_>>()
    };
    let at = |place: usize| add(&format!("insert before place {place}"));
    let actions = match order {
        SequenceOrder::Append => add("append"),
        SequenceOrder::PrependAppend => [add("prepend"), add("append")].concat(),
        SequenceOrder::Insertion => (0..length).flat_map(at).collect(),
    };
    let mut names = fixed(features, actions);
    let mut tokens = letters.to_vec();
    tokens.push("(nothing)".into());
    names.insert("tokens", tokens);
    let (here, taken) = match order {
        SequenceOrder::Append | SequenceOrder::PrependAppend => (
            add("at the first empty position: append"),
            "at the last letter: it was appended",
        ),
        SequenceOrder::Insertion => (
            add("insert before this position"),
            "the letter here was inserted",
        ),
    };
    names.insert("position_forward", here);
    names.insert("position_backward", vec![taken.into()]);
    names.insert("whole_forward", add("prepend"));
    names.insert(
        "whole_backward",
        vec!["the first letter was prepended".into()],
    );
    names
}
