//! The page of the documentation with every operation and every shape, made from the document of the
//! API.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

const HEAD: &str = "# Every operation

What can be asked of the API, and the shapes of what is sent and answered; made from its
[document](openapi.json). How it is asked, and what holds for all of it: [The API](../api.md). Everything lies below
`/api/v1`. Each operation may answer with a [problem](#problem).
";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Where a reference to a shape begins.
const SHAPE: &str = "#/components/schemas/";

/// The page, as Markdown.
pub fn page(document: &Value) -> String {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, item) in object(&document["paths"]) {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let group = operation["tags"][0].as_str().unwrap_or_default();
            groups.entry(group).or_default().push(section(method, path, operation));
        }
    }
    let mut page = HEAD.to_owned();
    // Writing to a text never fails.
    for (group, sections) in groups {
        let _ = write!(page, "\n## Operations: {group}\n{}", sections.concat());
    }
    page += "\n## Shapes\n";
    for (name, schema) in object(&document["components"]["schemas"]) {
        let _ = write!(page, "\n### {name}\n\n{}", shape(schema));
    }
    page
}

fn section(method: &str, path: &str, operation: &Value) -> String {
    let method = method.to_uppercase();
    let mut text = format!("\n### {method} {path}\n\n");
    for part in ["summary", "description"] {
        if let Some(told) = operation[part].as_str() {
            let _ = write!(text, "{}\n\n", told.trim());
        }
    }
    let needs = match (&operation["x-permission"], &operation["security"]) {
        (Value::String(permission), _) => format!("needs `{permission}`"),
        (_, Value::Array(_)) => "for everybody whom we know".to_owned(),
        _ => "for everybody".to_owned(),
    };
    let id = operation["operationId"].as_str().unwrap_or_default();
    let _ = write!(text, "`{id}`, {needs}.\n\n| | | |\n| --- | --- | --- |\n");
    for one in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (word(&one["name"]), word(&one["in"]));
        let must = if one["required"] == true { "" } else { ", may be left out" };
        let about = joined(&[kind(&one["schema"]), cell(&one["description"])]);
        let _ = writeln!(text, "| {place}{must} | `{name}` | {about} |");
    }
    for (media_type, content) in object(&operation["requestBody"]["content"]) {
        let about = cell(&operation["requestBody"]["description"]);
        let about = joined(&[kind(&content["schema"]), about]);
        let _ = writeln!(text, "| body | `{media_type}` | {about} |");
    }
    for (status, answer) in object(&operation["responses"]).filter(|(key, _)| *key != "default") {
        let shapes = object(&answer["content"]).map(|(media_type, content)| {
            let usual = if media_type == "application/json" { "" } else { media_type };
            joined(&[usual.to_owned(), kind(&content["schema"])])
        });
        let shapes = shapes.collect::<Vec<_>>().join(" or ");
        let about = joined(&[shapes, cell(&answer["description"])]);
        let _ = writeln!(text, "| answer | {status} | {about} |");
    }
    text
}

/// What a shape is, and its fields.
fn shape(schema: &Value) -> String {
    let mut text = String::new();
    if let Some(about) = schema["description"].as_str() {
        let _ = write!(text, "{}\n\n", about.trim());
    }
    let mut rows = fields(schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        match part["$ref"].as_str() {
            Some(_) => rows.push(format!("| all of {} | | |\n", kind(part))),
            None => rows.extend(fields(part)),
        }
    }
    if !rows.is_empty() {
        let _ = write!(text, "| field | what it takes | |\n| --- | --- | --- |\n{}", rows.concat());
        return text;
    }
    if let Some(forms) = schema["oneOf"].as_array() {
        text += "One of:\n\n";
        for form in forms {
            let about = joined(&[kind(form), cell(&form["description"])]);
            let _ = writeln!(text, "* {about}");
        }
        return text;
    }
    let _ = writeln!(text, "As JSON: {}.", kind(schema));
    text
}

fn fields(schema: &Value) -> Vec<String> {
    let required = schema["required"].as_array();
    let row = |(name, field): (&str, &Value)| {
        let must = required.is_some_and(|all| all.iter().any(|one| one == name));
        let may = if must { "" } else { ", may be left out" };
        format!("| `{name}` | {}{may} | {} |\n", kind(field), cell(&field["description"]))
    };
    object(&schema["properties"]).map(row).collect()
}

/// What kind of value a schema takes, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix(SHAPE)) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|word| format!("`{}`", self::word(word)))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(forms) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return forms.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any value"],
    };
    let named = types.into_iter().map(|one| match one {
        "array" => format!("a list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("an object by name of {}", kind(&schema["additionalProperties"]))
        }
        "object" => match object(&schema["properties"]).map(field).collect::<Vec<_>>() {
            fields if fields.is_empty() => "an object".to_owned(),
            fields => format!("an object of {}", fields.join(", ")),
        },
        "string" => match schema["examples"][0].as_str() {
            Some(example) => format!("a text such as `{example}`"),
            None => "a text".to_owned(),
        },
        "integer" => format!("an integer{}", bounds(schema)),
        "boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    });
    named.collect::<Vec<_>>().join(" or ")
}

/// A field of an object in a few words: its name, and its word where it takes only one.
fn field((name, schema): (&str, &Value)) -> String {
    match schema["enum"].as_array().map(Vec::as_slice) {
        Some([only]) => format!("`{name}` (`{}`)", word(only)),
        _ => format!("`{name}`"),
    }
}

fn bounds(schema: &Value) -> String {
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least} on"),
        (None, Some(most)) => format!(" up to {most}"),
        (None, None) => String::new(),
    }
}

fn object(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields: Option<&Map<String, Value>> = value.as_object();
    fields.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A text that stays within its cell.
fn cell(value: &Value) -> String {
    word(value).trim().replace('\n', " ").replace('|', "\\|")
}

/// Parts of a sentence, without those that say nothing.
fn joined(parts: &[String]) -> String {
    let parts = parts.iter().filter(|part| !part.is_empty()).map(String::as_str);
    parts.collect::<Vec<_>>().join(": ")
}
