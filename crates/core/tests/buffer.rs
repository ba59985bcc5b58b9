//! What a replay buffer keeps, draws and reads back.

use anabranch_core::buffer::{Entry, Priority, ReplayBuffer};
use anabranch_core::{CoreError, Seed};

fn buffer(capacity: usize, priority: Priority, rewards: &[(char, f64)]) -> ReplayBuffer<char> {
    let mut out = ReplayBuffer::new(capacity, priority).unwrap();
    out.extend(rewards.iter().map(|&(x, r)| Entry::new(x, r).with_key(x)))
        .unwrap();
    out
}

fn held(buffer: &ReplayBuffer<char>) -> String {
    buffer.iter().map(|entry| entry.object).collect()
}

const FOUR: [(char, f64); 4] = [('a', 0.0), ('b', 3.0), ('c', 1.0), ('d', 2.0)];

#[test]
fn the_oldest_or_the_lowest_leaves() {
    assert_eq!(held(&buffer(3, Priority::Uniform, &FOUR)), "bcd");
    assert_eq!(held(&buffer(3, Priority::Rank, &FOUR)), "bdc");
    let ties = [('a', 1.0), ('b', 1.0), ('c', 1.0)];
    assert_eq!(held(&buffer(2, Priority::Reward, &ties)), "ab");
}

#[test]
fn one_batch_and_many_give_the_same() {
    for priority in [Priority::Uniform, Priority::Rank, Priority::Reward] {
        let mut one_by_one = buffer(3, priority, &[]);
        for (x, r) in FOUR {
            one_by_one.extend([Entry::new(x, r).with_key(x)]).unwrap();
        }
        assert_eq!(one_by_one, buffer(3, priority, &FOUR));
    }
}

#[test]
fn a_key_is_held_once_and_its_latest_entry_counts() {
    let again = [('a', 0.0), ('b', 3.0), ('c', 1.0), ('b', -1.0), ('a', 0.5)];
    for (priority, expected) in [(Priority::Uniform, "cba"), (Priority::Rank, "cab")] {
        let at_once = buffer(9, priority, &again);
        assert_eq!(held(&at_once), expected);
        let mut in_turn = buffer(9, priority, &again[..3]);
        let rest = again[3..].iter();
        in_turn
            .extend(rest.map(|&(x, r)| Entry::new(x, r).with_key(x)))
            .unwrap();
        assert_eq!(in_turn, at_once);
    }
    let mut without = ReplayBuffer::new(9, Priority::Uniform).unwrap();
    without
        .extend([Entry::new('a', 0.0), Entry::new('a', 0.0)])
        .unwrap();
    assert_eq!(without.len(), 2);
}

#[test]
fn a_reward_that_is_not_finite_changes_nothing() {
    let mut full = buffer(4, Priority::Reward, &FOUR);
    let before = full.clone();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = full.extend([Entry::new('e', 9.0), Entry::new('f', bad).with_key("f")]);
        assert!(refused.unwrap_err().to_string().contains("reward of f"));
        assert_eq!(full, before);
    }
    assert!(ReplayBuffer::<()>::new(0, Priority::Uniform).is_err());
}

/// Shares of 40,000 draws against the weights; 0.01 is four standard deviations.
#[test]
fn draws_follow_the_weights() {
    let total: f64 = FOUR.iter().map(|(_, r)| r.exp()).sum();
    for (priority, weights) in [
        (Priority::Uniform, [0.25; 4]),
        (Priority::Rank, [0.1, 0.4, 0.2, 0.3]),
        (Priority::Reward, FOUR.map(|(_, r)| r.exp() / total)),
    ] {
        let full = buffer(4, priority, &FOUR);
        let drawn = full.sample(&mut Seed::new(5).stream("replay", &[]), 40_000);
        for ((x, _), weight) in FOUR.into_iter().zip(weights) {
            let share = drawn.iter().filter(|e| e.object == x).count() as f64 / 40_000.0;
            assert!(
                (share - weight).abs() < 0.01,
                "{priority:?} {x}: {share} for {weight}"
            );
        }
    }
    let empty = buffer(4, Priority::Rank, &[]);
    assert!(
        empty
            .sample(&mut Seed::new(5).stream("replay", &[]), 3)
            .is_empty()
    );
}

#[test]
fn what_is_loaded_draws_the_same() {
    let rewards = FOUR.map(|(x, r)| (x, (r + 0.1).ln() / 3.0));
    for priority in [Priority::Uniform, Priority::Rank, Priority::Reward] {
        let saved = buffer(3, priority, &rewards);
        let mut file = Vec::new();
        saved.save(&mut file).unwrap();
        let loaded = ReplayBuffer::<char>::load(&file[..]).unwrap();
        assert_eq!(loaded, saved);
        let draw = |b: &ReplayBuffer<char>| -> String {
            let stream = &mut Seed::new(1).stream("replay", &[]);
            b.sample(stream, 20).iter().map(|e| e.object).collect()
        };
        assert_eq!(draw(&loaded), draw(&saved));
    }
}

#[test]
fn impossible_files_are_refused() {
    let file = |capacity: usize, entries: &str| {
        let text = format!(r#"{{"capacity":{capacity},"priority":"rank","entries":[{entries}]}}"#);
        ReplayBuffer::<char>::load(text.as_bytes())
    };
    let entry = |x: char, r: &str| format!(r#"{{"object":"{x}","log_reward":{r},"key":"{x}"}}"#);
    let (low, high) = (entry('a', "1.0"), entry('b', "2.0"));
    assert!(file(2, &format!("{high},{low}")).is_ok());
    for (capacity, entries) in [
        (0, String::new()),
        (1, format!("{high},{low}")),
        (2, format!("{low},{high}")),
        (2, format!("{low},{low}")),
        (2, entry('a', "null")),
        (2, entry('a', "1e999")),
        (2, "7".to_owned()),
    ] {
        let refused = file(capacity, &entries);
        assert!(
            matches!(refused, Err(CoreError::Buffer(_))),
            "{capacity} {entries}"
        );
    }
}
