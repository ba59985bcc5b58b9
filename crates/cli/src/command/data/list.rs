//! `gfn data list` and `show`.

use anabranch_data::{Convert, Manifest, Set, Source, presence};
use anabranch_recipes::lab::table::columns;

use super::bytes;

/// All sets as a table.
pub fn all(manifest: &Manifest) -> String {
    let head = ["name", "size", "here", "licence", "what"].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    for set in &manifest.sets {
        rows.push(vec![
            set.name.clone(),
            bytes(set.size()),
            here(set),
            set.licence.clone(),
            set.what.clone(),
        ]);
    }
    columns(&rows, usize::MAX)
        + "\nSizes are without compression. gfn data show <name> has origin, citation and files.\n"
}

/// Where a set is: the folder, or how much is missing.
fn here(set: &Set) -> String {
    let presence = presence(set);
    let Some((at, path)) = presence.found.first() else {
        return "no".to_owned();
    };
    if presence.missing.is_empty() {
        let depth = set.files[*at].path.split('/').count();
        let folder = path.ancestors().nth(depth);
        folder.map_or_else(String::new, |folder| folder.display().to_string())
    } else {
        let (found, all) = (presence.found.len(), set.files.len());
        format!("{found} of {all} files")
    }
}

/// One set in full.
pub fn one(manifest: &Manifest, set: &Set) -> String {
    let mut out = format!(
        "{}\n{}\n\nlicence   {}\ncitation  {}\nsize      {} without compression\n",
        set.name,
        set.what,
        set.licence,
        set.citation,
        bytes(set.size())
    );
    let presence = presence(set);
    for (at, file) in set.files.iter().enumerate() {
        let found = presence.found.iter().find(|(index, _)| *index == at);
        let place = found.map_or_else(
            || "not here".to_owned(),
            |(_, path)| path.display().to_string(),
        );
        let origin = manifest.origin(file).map_or_else(String::new, |origin| {
            let between = match origin.source {
                Source::Https { .. } => "",
                Source::Pip { .. } => ": ",
            };
            format!(
                "{}{between}{} ({})",
                origin.source.label(),
                file.member,
                origin.licence
            )
        });
        let made = match &file.convert {
            Convert::Nothing => "as it is".to_owned(),
            Convert::Named(named) => format!("{named:?}"),
            Convert::Sheet { sheet, columns, .. } => {
                format!("sheet {sheet}, columns {}", columns.join(", "))
            }
        };
        out += &format!(
            "\n{}\n  origin      {origin}\n  conversion  {made}\n  content     {} bytes, SHA-256 {}\n  here        {place}\n",
            file.path, file.size, file.sha256
        );
    }
    out
}
