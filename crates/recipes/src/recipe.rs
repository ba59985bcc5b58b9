//! What a recipe is: a paper, its claims, and the program that measures them.

use crate::context::Context;
use crate::result::RecipeResult;
use crate::verdict::{Measurements, Verdict};

/// One paper's experiment, scaled down so that it runs in minutes.
pub struct Recipe {
    /// The name that file, module, command and result share.
    pub name: &'static str,
    /// Title of the paper.
    pub title: &'static str,
    /// Number of the paper on arXiv, for example "2106.04399".
    pub arxiv: &'static str,
    /// Year in which it first stood there.
    pub year: u16,
    /// What the recipe shows, in one line.
    pub summary: &'static str,
    /// What is done and why, in two or three sentences.
    pub about: &'static str,
    /// What the paper says, each with what has to be measured for it to hold.
    pub claims: &'static [Claim],
    /// Where this experiment departs from the paper, and why.
    pub differs: &'static [&'static str],
    /// The constants of the experiment and where each comes from.
    pub sources: &'static [Source],
    /// Measures the claims with one seed, by [`Context::record`].
    pub run: fn(&mut Context) -> anyhow::Result<()>,
    /// The committed result, `Some(include_str!("../../results/<name>.json"))`; `None` before there is
    /// one.
    pub result: Option<&'static str>,
}

impl Recipe {
    /// The committed result, where there is one.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn committed(&self) -> anyhow::Result<Option<RecipeResult>> {
        let parsed = self.result.map(RecipeResult::from_json).transpose();
        parsed.map_err(|e| e.context(format!("crates/recipes/results/{}.json", self.name)))
    }
}

/// A sentence of the paper and when we say that it holds.
pub struct Claim {
    /// Short name, unique in the recipe.
    pub id: &'static str,
    /// What the paper says.
    pub text: &'static str,
    /// When it counts as reproduced, in words.
    pub criterion: &'static str,
    /// Whether the criterion is a condition; `false` for what is only reported because it is known to be
    /// weak or to fail at this scale.
    pub gated: bool,
    /// The criterion for the machine. It sees only finite numbers of seeds that all ended well: anything
    /// else fails before it is asked.
    pub check: fn(&Measurements) -> Verdict,
}

/// A constant and where it comes from.
pub struct Source {
    /// What it is, for example "learning rate".
    pub constant: &'static str,
    /// Its value.
    pub value: &'static str,
    /// The paper, a repository, or a measurement of ours.
    pub origin: &'static str,
}

/// What a recipe that is not written yet runs.
///
/// # Errors
/// Always.
pub fn not_written(_: &mut Context) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}

/// The criterion of a recipe that is not written yet: it never holds.
pub fn not_measured(measured: &Measurements) -> Verdict {
    measured.verdict(false)
}
