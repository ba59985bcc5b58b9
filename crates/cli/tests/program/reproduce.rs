//! `gfn reproduce`.

use crate::place::Place;

#[test]
fn the_list_names_every_recipe_with_its_paper() {
    let place = Place::new();
    let list = place.ok(&["reproduce", "--list"]);
    for part in [
        "flow_matching",
        "arXiv 2106.04399",
        "generalization",
        "minutes",
    ] {
        assert!(list.contains(part), "no {part} in\n{list}");
    }
    assert!(!place.path("results").exists());
}

#[test]
fn the_page_of_results_is_printed() {
    let page = Place::new().ok(&["reproduce", "--markdown"]);
    assert!(page.starts_with("# Reproductions\n") && page.contains("\n## maxent\n"));
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_before_anything_runs() {
    let place = Place::new();
    place.refused(
        &["reproduce", "maxent", "flow_matchin"],
        &["flow_matchin", "did you mean flow_matching?", "--list"],
    );
    assert!(!place.path("results").exists());
}

#[test]
fn impossible_numbers_and_missing_names_are_refused() {
    let place = Place::new();
    place.refused(&["reproduce", "maxent", "--seeds", "0"], &["--seeds", "0"]);
    place.refused(&["reproduce", "maxent", "--jobs", "0"], &["--jobs", "0"]);
    place.refused(&["reproduce"], &["NAME", "required"]);
    place.refused(&["reproduce", "--list", "--markdown"], &["cannot be used"]);
}

#[test]
fn help_teaches_by_examples() {
    let help = Place::new().ok(&["reproduce", "--help"]);
    for part in [
        "gfn reproduce --list",
        "--quick",
        "--seeds",
        "--jobs",
        "Ctrl-C",
        "never replaced",
    ] {
        assert!(help.contains(part), "no {part} in\n{help}");
    }
}
