//! The facts of one plugin, as a page.

use goodstead_protocol::contract::{Field, Sensitivity, Shape, Unit};

use super::{NOTE, Source};

/// The page.
pub fn page(source: &Source) -> String {
    let name = &source.contract.plugin;
    let version = source.version.as_ref().map_or(String::new(), |version| format!(", plugin {version}"));
    let mut text = format!(
        "# Facts of `{name}`\n\n{}{version}. {NOTE}\n\n\
         What a check may name. `[]` stands for each element of a list, `{{}}` for each name of a map, which is written \
         `map[\"name\"]`. What may be absent is asked for with `has()`. `identifying` facts are names, paths and \
         addresses; `public` ones say nothing about who or where; of a `secret` only the facts derived from it exist.\n\n\
         | fact | type | unit | sensitivity | may be absent | what it is | from |\n\
         |---|---|---|---|---|---|---|\n",
        source.title
    );
    for (fact, field) in &source.contract.fields {
        rows(&format!("{name}.{fact}"), field, &mut text);
    }
    text
}

/// The row of a field, and the rows of what lies in it.
fn rows(path: &str, field: &Field, text: &mut String) {
    // Records in between are not declared, and have nothing to say.
    if !field.about.is_empty() || !matches!(field.shape, Shape::Record(_)) {
        let cells = [
            format!("`{path}`"),
            kind(field),
            field.unit.map_or("", unit).to_owned(),
            sensitivity(field.sensitivity).to_owned(),
            if field.optional { "yes" } else { "" }.to_owned(),
            cell(&field.about),
            cell(&field.source),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    match &field.shape {
        Shape::Record(fields) => {
            fields.iter().for_each(|(name, inner)| rows(&format!("{path}.{name}"), inner, text));
        }
        Shape::List(element) => inside(&format!("{path}[]"), element, text),
        Shape::Map(element) => inside(&format!("{path}{{}}"), element, text),
        _ => {}
    }
}

/// The rows of an element's fields; a plain element is told with its list.
fn inside(path: &str, element: &Field, text: &mut String) {
    if let Shape::Record(fields) = &element.shape {
        fields.iter().for_each(|(name, inner)| rows(&format!("{path}.{name}"), inner, text));
    }
}

fn kind(field: &Field) -> String {
    let of = |element: &Field| match element.shape {
        Shape::Record(_) => "records".to_owned(),
        ref plain => plain.to_string(),
    };
    match &field.shape {
        Shape::List(element) => {
            let key = field.key.as_ref().map_or(String::new(), |key| format!(", named by `{key}`"));
            format!("list of {}{key}", of(element))
        }
        Shape::Map(element) => format!("map of {}", of(element)),
        plain => plain.to_string(),
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Seconds => "seconds",
        Unit::Percent => "per cent",
        Unit::Count => "count",
    }
}

fn sensitivity(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Public => "public",
        Sensitivity::Identifying => "identifying",
        Sensitivity::Secret => "secret",
    }
}

/// A text that stays in its cell.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
