//! States go to files and come back; what is no state is refused.

use anabranch_envs::bag::Bag;
use anabranch_envs::bit_sequence::Bits;
use anabranch_envs::fragments::{Edge, Tree};
use anabranch_envs::perfect_tree::Node;
use anabranch_envs::sequence::{AddAtEnd, Insert};
use anabranch_envs::set::Subset;
use anabranch_envs::slots::Fill;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[test]
fn trees() {
    let edge = Edge {
        a: 2,
        b: 5,
        stem_a: Some(3),
        stem_b: None,
    };
    let tree = Tree::from_parts(&[(5, 1), (2, 65)], &[edge]).unwrap();
    let text = serde_json::to_string(&tree).unwrap();
    let written = r#"{"nodes":[[2,65],[5,1]],"edges":[{"a":2,"b":5,"stem_a":3,"stem_b":null}]}"#;
    assert_eq!(text, written);
    assert_eq!(serde_json::from_str::<Tree>(&text).unwrap(), tree);
    let loose = r#"{"nodes":[[2,65],[5,1]],"edges":[]}"#;
    let error = serde_json::from_str::<Tree>(loose).unwrap_err().to_string();
    assert!(error.contains("2 nodes and 0 edges"), "{error}");
}

#[test]
fn bits() {
    let bits: Bits = "0011".parse().unwrap();
    let text = serde_json::to_string(&bits).unwrap();
    assert_eq!(text, "\"0011\"");
    assert_eq!(serde_json::from_str::<Bits>(&text).unwrap(), bits);
    assert!(serde_json::from_str::<Bits>("\"0021\"").is_err());
    assert!(serde_json::from_str::<Bits>(&format!("{:?}", "0".repeat(257))).is_err());
}

#[test]
fn small_states_and_actions() {
    fn same<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    }
    same(Bag::new(&[3, 0, 255 - 3]).unwrap());
    same(Subset(u64::MAX - 5));
    same(Node(1 << 52));
    same(Fill { slot: 3, value: 7 });
    same(AddAtEnd::Prepend(2));
    same(Insert {
        place: 1,
        letter: 255,
    });
}
