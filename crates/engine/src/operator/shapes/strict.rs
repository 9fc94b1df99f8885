//! A check of a value against the schema of its type, by an outside validator, with every object
//! closed: a field that serde writes and the schema does not name is found.

use jsonschema::{Draft, Validator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

const COMPONENTS: &str = "#/components/schemas/";

/// Checks a value against the schema of its type, and that it reads back as the same.
pub(in crate::operator) fn check<T: Serialize + DeserializeOwned + ToSchema>(value: &T) {
    let written = serde_json::to_value(value).unwrap();
    let faults = faults::<T>(&written);
    assert!(faults.is_empty(), "{}: {faults:#?}", T::name());
    let read: T = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written, "{}", T::name());
}

/// What is wrong with this JSON for a type.
pub(super) fn faults<T: ToSchema>(json: &Value) -> Vec<String> {
    let validator = validator::<T>();
    let errors = validator.iter_errors(json);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The schemas that a type refers to, by name. No two share one.
pub(super) fn components<T: ToSchema>() -> Map<String, Value> {
    let mut named = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut named);
    let mut components = Map::new();
    for (name, schema) in named {
        let schema = serde_json::to_value(schema).unwrap();
        let before = components.insert(name.clone(), schema.clone());
        assert!(before.is_none_or(|before| before == schema), "two shapes are called {name}");
    }
    components
}

fn validator<T: ToSchema>() -> Validator {
    let open = components::<T>();
    let mut closed = open.clone();
    closed.values_mut().for_each(|schema| close(schema, &open));
    let schema = json!({
        "$ref": format!("{COMPONENTS}{}", T::name()),
        "components": { "schemas": closed },
    });
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options.should_validate_formats(true).build(&schema).unwrap()
}

/// Closes every object of a schema to properties that it does not name.
fn close(schema: &mut Value, open: &Map<String, Value>) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(|one| close(one, open)),
        Value::Object(fields) if fields.contains_key("allOf") => close_parts(fields, open),
        Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".into(), false.into());
            }
            fields.values_mut().for_each(|field| close(field, open));
        }
        _ => {}
    }
}

/// The parts of one object are closed together, so each of them stays open by itself.
fn close_parts(fields: &mut Map<String, Value>, open: &Map<String, Value>) {
    let parts = fields["allOf"].as_array_mut().unwrap();
    for part in parts.iter_mut() {
        let name = part["$ref"].as_str().and_then(|path| path.strip_prefix(COMPONENTS));
        if let Some(name) = name.map(str::to_owned) {
            *part = open[&name].clone();
        }
        if let Some(properties) = part.get_mut("properties") {
            properties.as_object_mut().unwrap().values_mut().for_each(|one| close(one, open));
        }
    }
    fields.insert("unevaluatedProperties".into(), false.into());
}
