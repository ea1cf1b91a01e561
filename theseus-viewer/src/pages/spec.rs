//! What a group is to be, as far as it may be shown.

use maud::{Markup, html};
use serde_json::Value;
use theseus_core::model::Spec;
use theseus_core::plan;

use super::words;

/// All fields of a spec.
pub(super) fn fields(spec: &Spec) -> Markup {
    let Value::Object(fields) = plan::shown(spec) else {
        return html! {};
    };
    html! {
        dl.spec { @for (name, shown) in &fields { div { dt { (name) } dd { (value(name, shown)) } } } }
    }
}

/// The value of a field.
pub(super) fn value(name: &str, value: &Value) -> Markup {
    match (name, value, value.as_f64()) {
        (_, Value::Null, _) => words::dash(),
        (_, Value::String(text), _) => html! { (text) },
        ("mem" | "disk", _, Some(amount)) => html! { (words::mib(amount)) },
        (_, Value::Number(_), Some(number)) => html! { (words::number(number)) },
        (_, other, _) => html! { (other.to_string()) },
    }
}
