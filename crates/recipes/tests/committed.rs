//! The recipes, their committed results and the page made of them belong together.

use std::collections::BTreeSet;
use std::path::Path;

use anabranch_recipes::{find, markdown, recipes};

const AGAIN: &str = "docs/REPRODUCTIONS.md is stale; renew it with\n  \
                     cargo xtask reproductions";

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_page_is_that_of_the_committed_results() {
    let committed = std::fs::read_to_string(here("../../docs/REPRODUCTIONS.md")).expect(AGAIN);
    let fresh = markdown::page().expect("every result is whole");
    assert!(committed == fresh, "{AGAIN}");
}

#[test]
fn every_committed_result_is_whole_and_judged_by_todays_criteria() {
    for recipe in recipes() {
        let name = recipe.name;
        let Some(result) = recipe.committed().expect("a result") else {
            continue;
        };
        assert_eq!(result.recipe, name);
        assert!(result.complete && !result.quick, "{name} is a trial");
        assert!(result.seeds.len() >= 3, "{name} has too few seeds");
        assert!(result.seeds.iter().all(|s| s.error.is_none()), "{name}");
        let told: Vec<_> = result
            .claims
            .iter()
            .map(|c| (&*c.id, &*c.text, &*c.criterion, c.gated))
            .collect();
        let said = recipe
            .claims
            .iter()
            .map(|c| (c.id, c.text, c.criterion, c.gated));
        assert_eq!(told, said.collect::<Vec<_>>(), "{name}: run it again");
        for (claim, verdict) in result.claims.iter().zip(result.judge(recipe)) {
            assert_eq!(
                (claim.holds, &claim.measured),
                (verdict.holds, &verdict.measured),
                "{name}"
            );
        }
    }
}

#[test]
fn every_file_of_a_result_belongs_to_its_recipe() {
    let files = std::fs::read_dir(here("results")).into_iter().flatten();
    for file in files.filter_map(|f| f.ok()?.file_name().into_string().ok()) {
        let Some(name) = file.strip_suffix(".json") else {
            continue;
        };
        let recipe = find(name).unwrap_or_else(|e| panic!("results/{file}: {e}"));
        assert!(
            recipe.result.is_some(),
            "results/{file} is there; say result: Some(include_str!(..)) in src/papers/{name}.rs"
        );
    }
}

#[test]
fn recipes_are_named_and_described() {
    let names: BTreeSet<&str> = recipes().iter().map(|r| r.name).collect();
    assert_eq!(names.len(), recipes().len());
    for recipe in recipes() {
        let name = recipe.name;
        assert!(here(&format!("src/papers/{name}.rs")).exists(), "{name}");
        assert!(!name.contains(char::is_whitespace) && name != "all");
        assert!(
            !recipe.claims.is_empty() && recipe.claims.iter().any(|c| c.gated),
            "{name}"
        );
        let ids: BTreeSet<&str> = recipe.claims.iter().map(|c| c.id).collect();
        assert_eq!(ids.len(), recipe.claims.len(), "{name}");
        assert!(
            recipe.summary.len() < 120 && recipe.arxiv.len() == 10,
            "{name}"
        );
    }
}

#[test]
fn a_name_that_is_nearly_right_is_found() {
    let told = find("trajectory_balanc")
        .err()
        .expect("unknown")
        .to_string();
    assert!(told.contains("did you mean trajectory_balance?"), "{told}");
    assert!(find("maxent").is_ok());
}
