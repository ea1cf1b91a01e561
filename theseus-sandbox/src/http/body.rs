//! Reading JSON bodies, with Marathon's answers to bad ones.

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::error::ApiError;
use crate::definition::Fault;

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
