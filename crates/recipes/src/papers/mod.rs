//! The recipes, one paper a file.

mod flow_matching;
mod foundations;
mod generalization;
mod improving_training;
mod maxent;
mod random_policy_evaluation;
mod subtb;
mod trajectory_balance;

use anabranch_tasks::config::error::nearest;

use crate::recipe::Recipe;

/// Every recipe, in the order of the papers.
static RECIPES: &[Recipe] = &[
    flow_matching::RECIPE,
    foundations::RECIPE,
    trajectory_balance::RECIPE,
    subtb::RECIPE,
    improving_training::RECIPE,
    maxent::RECIPE,
    random_policy_evaluation::RECIPE,
    generalization::RECIPE,
];

/// Every recipe, in the order of the papers.
pub fn recipes() -> &'static [Recipe] {
    RECIPES
}

/// The recipe called `name`.
///
/// # Errors
/// Where there is none, with the nearest one that there is.
pub fn find(name: &str) -> anyhow::Result<&'static Recipe> {
    let found = RECIPES.iter().find(|recipe| recipe.name == name);
    found.ok_or_else(|| {
        let nearest = nearest(name, RECIPES.iter().map(|recipe| recipe.name));
        let shown: String = name.chars().take(80).collect();
        anyhow::anyhow!(
            "there is no recipe {shown:?}; did you mean {nearest}? gfn reproduce --list shows all"
        )
    })
}
