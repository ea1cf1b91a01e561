//! What may be asked of an answer. Each check says what it expects; where that is not so, what it
//! got instead.

use std::fmt;

use serde_json::Value;

use crate::answer::Answer;
use crate::names::Names;

type Test = Box<dyn Fn(&Answer, &Names) -> Result<(), String> + Send + Sync>;

/// One thing that must hold of an answer.
pub struct Check {
    expected: String,
    /// Whether it is about the status, so that nothing else is expected of that.
    pub(crate) is_about_status: bool,
    test: Test,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expected)
    }
}

impl Check {
    pub(crate) fn new(
        expected: impl Into<String>,
        test: impl Fn(&Answer, &Names) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            expected: expected.into(),
            is_about_status: false,
            test: Box::new(test),
        }
    }

    /// The same, when it says all that there is to say of the status.
    pub(crate) fn about_status(mut self) -> Self {
        self.is_about_status = true;
        self
    }

    pub(crate) fn expected(&self, names: &Names) -> String {
        names.fill(&self.expected)
    }

    pub(crate) fn test(&self, answer: &Answer, names: &Names) -> Result<(), String> {
        (self.test)(answer, names)
    }
}

/// A check of one value of the JSON.
fn value(
    path: &str,
    expected: impl fmt::Display,
    holds: impl Fn(Option<&Value>, &Names) -> bool + Send + Sync + 'static,
) -> Check {
    let path = path.to_owned();
    let shown = if path.is_empty() { "the body" } else { &path };
    Check::new(format!("{shown} {expected}"), move |answer, names| {
        let found = answer.at(&names.fill(&path));
        if holds(found, names) {
            return Ok(());
        }
        Err(match found {
            Some(found) => found.to_string(),
            None if answer.json.is_some() => "nothing there".to_owned(),
            None => answer.to_string(),
        })
    })
}

fn status_check(
    expected: impl Into<String>,
    holds: impl Fn(u16) -> bool + Send + Sync + 'static,
) -> Check {
    let check = Check::new(expected, move |answer, _| {
        if holds(answer.status.as_u16()) {
            Ok(())
        } else {
            Err(answer.to_string())
        }
    });
    check.about_status()
}

pub(crate) fn status(code: u16) -> Check {
    status_check(format!("status {code}"), move |it| it == code)
}

/// A 4xx, where the reference does not say which.
pub(crate) fn refused() -> Check {
    status_check("a status of 4xx", |it| (400..500).contains(&it))
}

pub(crate) fn success() -> Check {
    status_check("a status of 2xx", |it| (200..300).contains(&it))
}

pub(crate) fn is(path: &str, wanted: impl Into<Value>) -> Check {
    let wanted = wanted.into();
    let shown = format!("is {wanted}");
    value(path, shown, move |found, names| {
        found.is_some_and(|it| same(it, &names.fill_value(&wanted)))
    })
}

/// There is at least this at a path: objects may have more fields.
pub(crate) fn includes(path: &str, wanted: Value) -> Check {
    let shown = format!("includes {wanted}");
    value(path, shown, move |found, names| {
        found.is_some_and(|it| covers(it, &names.fill_value(&wanted)))
    })
}

pub(crate) fn is_not(path: &str, unwanted: &'static str) -> Check {
    value(
        path,
        format!("is there, and not {unwanted}"),
        move |found, names| {
            found.is_some_and(|it| !it.is_null() && it.as_str() != Some(&names.fill(unwanted)))
        },
    )
}

/// Something else than `null`.
pub(crate) fn has(path: &str) -> Check {
    value(path, "is there", |found, _| {
        found.is_some_and(|it| !it.is_null())
    })
}

/// The key, be its value `null`.
pub(crate) fn has_key(path: &str) -> Check {
    value(path, "is there, or null", |found, _| found.is_some())
}

/// Nothing, or `null`, which means the same.
pub(crate) fn lacks(path: &str) -> Check {
    value(path, "is not there", |found, _| {
        found.is_none_or(Value::is_null)
    })
}

/// An object without this key, not even for `null`.
pub(crate) fn omits(path: &str, key: &'static str) -> Check {
    value(path, format!("has no key {key}"), move |found, _| {
        let fields = found.and_then(Value::as_object);
        fields.is_some_and(|it| !it.contains_key(key))
    })
}

/// Nothing, or nothing in it.
pub(crate) fn empty(path: &str) -> Check {
    value(path, "is empty", |found, _| match found {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(_) => false,
    })
}

pub(crate) fn filled(path: &str) -> Check {
    value(path, "is a list with something in it", |found, _| {
        found
            .and_then(Value::as_array)
            .is_some_and(|it| !it.is_empty())
    })
}

pub(crate) fn len(path: &str, count: usize) -> Check {
    value(path, format!("is a list of {count}"), move |found, _| {
        found
            .and_then(Value::as_array)
            .is_some_and(|it| it.len() == count)
    })
}

pub(crate) fn list(path: &str) -> Check {
    value(path, "is a list", |found, _| {
        found.is_some_and(Value::is_array)
    })
}

pub(crate) fn object(path: &str) -> Check {
    value(path, "is an object", |found, _| {
        found.is_some_and(Value::is_object)
    })
}

pub(crate) fn text(path: &str) -> Check {
    value(path, "is a text", |found, _| {
        found
            .and_then(Value::as_str)
            .is_some_and(|it| !it.is_empty())
    })
}

pub(crate) fn number(path: &str) -> Check {
    value(path, "is a number", |found, _| {
        found.is_some_and(Value::is_number)
    })
}

pub(crate) fn boolean(path: &str) -> Check {
    value(path, "is a boolean", |found, _| {
        found.is_some_and(Value::is_boolean)
    })
}

/// A positive number: a port that was given out.
pub(crate) fn port(path: &str) -> Check {
    value(path, "is a port, and not 0", |found, _| {
        found
            .and_then(Value::as_u64)
            .is_some_and(|it| (1..=65_535).contains(&it))
    })
}

/// A time in UTC with three digits of a second.
pub(crate) fn stamp(path: &str) -> Check {
    value(
        path,
        "is a time like 2020-01-02T03:04:05.678Z",
        |found, _| found.and_then(Value::as_str).is_some_and(is_stamp),
    )
}

pub(crate) fn starts(path: &str, beginning: &'static str) -> Check {
    value(
        path,
        format!("begins with {beginning}"),
        move |found, names| {
            let text = found.and_then(Value::as_str);
            text.is_some_and(|it| it.starts_with(&names.fill(beginning)))
        },
    )
}

/// A text, or a list of texts one of which, with this in it.
pub(crate) fn says(path: &str, part: &'static str) -> Check {
    value(path, format!("says “{part}”"), move |found, names| {
        let part = names.fill(part);
        found
            .and_then(Value::as_str)
            .is_some_and(|it| it.contains(&part))
    })
}

/// A text that is of this form.
pub(crate) fn like(path: &str, form: &'static str, fits: fn(&str) -> bool) -> Check {
    value(path, format!("is like {form}"), move |found, _| {
        found.and_then(Value::as_str).is_some_and(fits)
    })
}

/// A value of which something else holds.
pub(crate) fn fits(path: &str, expected: &'static str, holds: fn(&Value) -> bool) -> Check {
    value(path, expected, move |found, _| found.is_some_and(holds))
}

/// A list in which something is that includes this.
pub(crate) fn holds_one(path: &str, wanted: Value) -> Check {
    let shown = format!("has one that is {wanted}");
    value(path, shown, move |found, names| {
        let wanted = names.fill_value(&wanted);
        let mut items = found.and_then(Value::as_array).into_iter().flatten();
        items.any(|it| covers(it, &wanted))
    })
}

/// A list in which nothing is that includes this.
pub(crate) fn holds_none(path: &str, unwanted: Value) -> Check {
    let shown = format!("has none that is {unwanted}");
    value(path, shown, move |found, names| {
        let unwanted = names.fill_value(&unwanted);
        found
            .and_then(Value::as_array)
            .is_some_and(|items| !items.iter().any(|it| covers(it, &unwanted)))
    })
}

pub(crate) fn header(name: &'static str, part: &'static str) -> Check {
    Check::new(format!("a header {name}: {part}"), move |answer, names| {
        let values = answer.headers.get_all(name).iter();
        let told: Vec<&str> = values.filter_map(|it| it.to_str().ok()).collect();
        let told = told.join(", ");
        if !told.is_empty()
            && told
                .to_lowercase()
                .contains(&names.fill(part).to_lowercase())
        {
            return Ok(());
        }
        Err(format!("{name}: {told}"))
    })
}

/// The deployment that stands at a path of the body is told in a header, too.
pub(crate) fn tells_deployment(path: &'static str) -> Check {
    let expected = format!("a header marathon-deployment-id: the one at {path}");
    Check::new(expected, move |answer, _| {
        let told = answer.headers.get("marathon-deployment-id");
        let told = told.and_then(|it| it.to_str().ok()).unwrap_or_default();
        if answer.at(path).and_then(Value::as_str) == Some(told) {
            Ok(())
        } else {
            Err(format!("{told:?} with {answer}"))
        }
    })
}

pub(crate) fn body(wanted: &'static str) -> Check {
    Check::new(format!("the body is {wanted:?}"), move |answer, _| {
        let told = answer.text();
        if told == wanted {
            Ok(())
        } else {
            Err(answer.to_string())
        }
    })
}

/// A text in the body, whatever the body is.
pub(crate) fn body_says(part: &'static str) -> Check {
    Check::new(
        format!("the body has {part:?} in it"),
        move |answer, names| {
            if answer.text().contains(&names.fill(part)) {
                Ok(())
            } else {
                Err(format!("{answer}"))
            }
        },
    )
}

/// A frame of an event stream.
pub(crate) fn frame(form: &'static str, fits: fn(&str) -> bool) -> Check {
    Check::new(format!("a frame like {form}"), move |answer, _| {
        let told = answer.text();
        if fits(&told) {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    })
}

/// Whether two values are the same, however their numbers are written.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same(a, b))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, it)| right.get(key).is_some_and(|other| same(it, other)))
        }
        _ => left == right,
    }
}

/// Whether the first has everything that the second has; lists have to be as long.
fn covers(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, it)| whole.get(key).is_some_and(|other| covers(other, it))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| covers(a, b))
        }
        _ => same(whole, part),
    }
}

fn is_stamp(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(it, form)| match form {
            b'0' => it.is_ascii_digit(),
            other => it == *other,
        })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    fn answer(json: &Value) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("X-Told", "A; b".parse().unwrap());
        Answer::new(StatusCode::OK, headers, json.to_string().into())
    }

    #[test]
    fn checks_tell_what_is_so_from_what_is_not() {
        let told = answer(&json!({
            "id": "/g/a", "cpus": 1, "none": null, "at": "2020-01-02T03:04:05.678Z", "ports": [31000],
            "apps": [{"id": "/g/a", "instances": 2}], "labels": {}, "yes": true,
        }));
        let mut names = Names::default();
        names.set("g", "/g");
        let table = [
            (status(200), true),
            (status(201), false),
            (refused(), false),
            (success(), true),
            (is("/id", "{g}/a"), true),
            (is("/cpus", 1.0), true),
            (is("/cpus", "1"), false),
            (is("/gone", Value::Null), false),
            (includes("/apps", json!([{"id": "{g}/a"}])), true),
            (includes("/apps", json!([])), false),
            (is_not("/id", "{g}/a"), false),
            (is_not("/id", "/b"), true),
            (is_not("/gone", "/b"), false),
            (has("/none"), false),
            (has_key("/none"), true),
            (has_key("/gone"), false),
            (lacks("/none"), true),
            (lacks("/id"), false),
            (omits("", "gone"), true),
            (omits("", "none"), false),
            (omits("/gone", "x"), false),
            (empty("/labels"), true),
            (empty("/ports"), false),
            (empty("/cpus"), false),
            (filled("/ports"), true),
            (filled("/labels"), false),
            (len("/ports", 1), true),
            (len("/ports", 2), false),
            (list("/ports"), true),
            (list("/labels"), false),
            (object("/labels"), true),
            (object("/id"), false),
            (text("/id"), true),
            (text("/cpus"), false),
            (number("/cpus"), true),
            (number("/id"), false),
            (boolean("/yes"), true),
            (boolean("/cpus"), false),
            (port("/ports/0"), true),
            (port("/apps/0/id"), false),
            (stamp("/at"), true),
            (stamp("/id"), false),
            (starts("/id", "{g}/"), true),
            (starts("/id", "a"), false),
            (says("/id", "/a"), true),
            (says("/id", "/b"), false),
            (like("/id", "x", |it| it.len() == 4), true),
            (like("/id", "x", |it| it.len() == 5), false),
            (fits("/cpus", "x", Value::is_number), true),
            (fits("/cpus", "x", Value::is_string), false),
            (holds_one("/apps", json!({"instances": 2})), true),
            (holds_one("/apps", json!({"instances": 3})), false),
            (holds_none("/apps", json!({"instances": 3})), true),
            (holds_none("/apps", json!({"instances": 2})), false),
            (holds_none("/gone", json!({})), false),
            (header("x-told", "a"), true),
            (header("x-told", "c"), false),
            (header("x-other", ""), false),
            (body("pong"), false),
            (body_says("cpus"), true),
            (body_says("gone"), false),
            (frame("x", |it| it.starts_with('{')), true),
            (frame("x", str::is_empty), false),
        ];
        for (check, holds) in table {
            assert_eq!(check.test(&told, &names).is_ok(), holds, "{check:?}");
        }
    }
}
