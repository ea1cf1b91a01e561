//! Reading JSON bodies, with Marathon's answers to bad ones.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::error::ApiError;
use crate::definition::{AppUpdate, Fault, forms};
use crate::version::MarathonVersion;

/// Up to here every whole number is one of floating point.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// 400 for what is no JSON, 422 with the path for JSON of the wrong shape.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let text = error.inner().to_string();
        match error.inner().classify() {
            Category::Data => ApiError::misshapen(&[Fault::at(pointer(error.path()), text)]),
            Category::Syntax | Category::Eof | Category::Io => ApiError::malformed(text),
        }
    })?;
    json.end()
        .map_err(|error| ApiError::malformed(error.to_string()))?;
    Ok(parsed)
}

/// As [`parse`], of the definition of an app in the form of a version.
pub(super) fn parse_app(body: &[u8], version: MarathonVersion) -> Result<AppUpdate, ApiError> {
    parse_read(body, |app| forms::read(app, version))
}

/// As [`parse_app`], of a list of them.
pub(super) fn parse_apps(
    body: &[u8],
    version: MarathonVersion,
) -> Result<Vec<AppUpdate>, ApiError> {
    parse_read(body, |apps| {
        let apps = apps.as_array_mut().into_iter().flatten();
        forms::read_all(apps, "", version)
    })
}

/// As [`parse`], after `read` has brought the JSON into the form that is read here.
pub(super) fn parse_read<T: DeserializeOwned>(
    body: &[u8],
    read: impl FnOnce(&mut Value) -> Result<(), Vec<Fault>>,
) -> Result<T, ApiError> {
    let mut value: Value = parse(body)?;
    make_whole(&mut value);
    read(&mut value).map_err(|faults| ApiError::misshapen(&faults))?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let text = error.inner().to_string();
        ApiError::misshapen(&[Fault::at(pointer(error.path()), text)])
    })
}

/// Writes `3.0` as `3` wherever it stands: to Marathon both are whole numbers, and there are clients
/// that write all their numbers with a point.
fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let written = number
                .as_f64()
                .filter(|it| it.fract() == 0.0 && it.abs() < LARGEST);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is whole, and small enough"
            )]
            if let Some(whole) = written {
                *number = (whole as i64).into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        _ => {}
    }
}

/// A path as Marathon writes it: `/container/portMappings(0)/name`.
fn pointer(path: &Path) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("({index})"),
        Segment::Map { key } => format!("/{key}"),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    let pointer: String = path.iter().map(segment).collect();
    if pointer.is_empty() {
        "/".into()
    } else {
        pointer
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        let mut value =
            json!({"instances": 3.0, "cpus": 0.5, "list": [1.0, {"a": -2.0}], "far": 1e30});
        make_whole(&mut value);
        assert_eq!(
            value.to_string(),
            json!({"instances": 3, "cpus": 0.5, "list": [1, {"a": -2}], "far": 1e30}).to_string()
        );
    }
}
