//! Settings as TOML that [`load`](super::load) reads back to the same settings.

use anabranch_chem::Descriptor;
use anabranch_oracles::Measure;
use serde_json::Value;

use super::defaults::{default_measure, default_property, own_property};
use super::keys::{KEYS, Key, PROPERTY_KEYS, SECTIONS, descriptor_text, measure_text};
use super::schema::{Config, PropertyConfig, TaskName};

/// Longest line of an explanation, in characters.
const WIDTH: usize = 96;

/// The settings as TOML, every key with its value.
///
/// Properties that a task has by default and this run does not are written with weight 0, so that
/// the text stands for the same settings whatever the defaults are.
#[must_use]
pub fn to_toml(config: &Config) -> String {
    Printer::new(false).print(config)
}

/// The same with an explanation above every key, and every descriptor that could be turned on.
#[must_use]
pub fn to_commented_toml(config: &Config) -> String {
    Printer::new(true).print(config)
}

struct Printer {
    commented: bool,
    out: String,
}

impl Printer {
    fn new(commented: bool) -> Self {
        Self {
            commented,
            out: String::new(),
        }
    }

    fn print(mut self, config: &Config) -> String {
        let tree = serde_json::to_value(config).expect("plain data with string keys");
        self.keys(&tree, "");
        for (section, text) in SECTIONS {
            if tree.get(*section).is_none() {
                continue;
            }
            self.out.push('\n');
            self.comment(text);
            self.out.push_str(&format!("[{section}]\n"));
            self.keys(&tree[*section], &format!("{section}."));
            if *section == "reward" {
                self.own_properties(config);
                if config.task == TaskName::Fragments {
                    self.properties(config);
                }
            }
        }
        self.out
    }

    /// The keys directly under a prefix, as far as the settings have them.
    fn keys(&mut self, table: &Value, prefix: &str) {
        for Key { path, text, .. } in KEYS {
            let Some(name) = path.strip_prefix(prefix).filter(|name| !name.contains('.')) else {
                continue;
            };
            if let Some(value) = table.get(name) {
                self.comment(text);
                self.out
                    .push_str(&format!("{name} = {}\n", toml_value(value)));
            }
        }
    }

    /// What is wanted of the values of one's own score.
    fn own_properties(&mut self, config: &Config) {
        let columns = config.oracle.iter().flat_map(|oracle| &oracle.columns);
        for name in columns {
            let property = config.reward.properties.get(name).cloned();
            // A value that counts nothing is turned on when nothing is said of it.
            let property = property.unwrap_or(PropertyConfig {
                weight: 0.0,
                ..own_property()
            });
            self.comment("What is wanted of this value of one's own score.");
            let value = property_value(&property);
            let name = toml_key(name);
            self.out.push_str(&format!("{name} = {value}\n"));
        }
    }

    fn properties(&mut self, config: &Config) {
        let defaults = Config::default_for(config.task).reward.properties;
        if self.commented {
            self.out.push('\n');
            self.comment("What is wanted of each descriptor and measure:");
            for key in PROPERTY_KEYS {
                self.comment(&format!("  {}: {}", key.path, key.text));
            }
            self.out.push('\n');
        }
        for descriptor in Descriptor::ALL {
            let name = descriptor.name();
            let property = match config.reward.properties.get(name) {
                Some(property) => property.clone(),
                None if self.commented || defaults.contains_key(name) => {
                    default_property(descriptor)
                }
                None => continue,
            };
            self.comment(descriptor_text(descriptor));
            self.out
                .push_str(&format!("{name} = {}\n", property_value(&property)));
        }
        for name in Measure::OTHERS {
            let property = match config.reward.properties.get(name) {
                Some(property) => property.clone(),
                None if self.commented => default_measure(name),
                None => continue,
            };
            self.comment(measure_text(name));
            self.out
                .push_str(&format!("{name} = {}\n", property_value(&property)));
        }
    }

    fn comment(&mut self, text: &str) {
        if !self.commented {
            return;
        }
        let indent = &text[..text.len() - text.trim_start().len()];
        let mut line = format!("#{indent}");
        for word in text.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.out.push_str(&line);
                self.out.push('\n');
                line = format!("#{indent} ");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.out.push_str(&line);
        self.out.push('\n');
    }
}

/// A name as a key of TOML: in quotes where it has more than letters, digits, - and _.
fn toml_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        toml::Value::String(name.to_owned()).to_string()
    }
}

fn property_value(property: &PropertyConfig) -> String {
    let tree = serde_json::to_value(property).expect("plain data with string keys");
    let fields: Vec<String> = PROPERTY_KEYS
        .iter()
        .map(|key| format!("{} = {}", key.path, toml_value(&tree[key.path])))
        .collect();
    format!("{{ {} }}", fields.join(", "))
}

/// A value as TOML; a float always shows that it is one and keeps all its digits.
fn toml_value(value: &Value) -> String {
    match value {
        // What serde_json makes of NaN and infinity; refused when it is read.
        Value::Null => "nan".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => whole.to_string(),
            (None, Some(float)) => format!("{float:?}"),
            (None, None) => number.to_string(),
        },
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(table) => {
            let fields: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{key} = {}", toml_value(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}
