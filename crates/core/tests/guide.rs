//! The guide shows the example as it is, and the example stays short. The page is also a doctest, which
//! runs it.

const EXAMPLE: &str = include_str!("../examples/marbles.rs");
const PAGE: &str = include_str!("../../../docs/guide/own-environment.md");

#[test]
fn the_page_on_environments_shows_the_example() {
    assert!(
        PAGE.contains(EXAMPLE),
        "copy crates/core/examples/marbles.rs into docs/guide/own-environment.md"
    );
    assert!(EXAMPLE.lines().count() < 60);
}
