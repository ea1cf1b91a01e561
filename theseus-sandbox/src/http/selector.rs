//! Label selectors: `env==prod, tier in (web, api), !=` and so on.

use super::error::ApiError;
use crate::definition::AppSpec;

/// Conditions that all have to hold.
#[derive(Debug)]
pub(super) struct Selector(Vec<Condition>);

#[derive(Debug, PartialEq)]
enum Condition {
    Exists(String),
    Equal(String, String),
    NotEqual(String, String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Selector {
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let bad = || ApiError::unprocessable(format!("Can not parse label selector '{text}'."));
        let mut scanner = Scanner { rest: text };
        let mut conditions = vec![scanner.condition().ok_or_else(bad)?];
        while scanner.eat(",") {
            conditions.push(scanner.condition().ok_or_else(bad)?);
        }
        if scanner.rest.trim().is_empty() {
            Ok(Self(conditions))
        } else {
            Err(bad())
        }
    }

    pub(super) fn selects(&self, app: &AppSpec) -> bool {
        let label = |key: &String| app.labels.get(key);
        self.0.iter().all(|condition| match condition {
            Condition::Exists(key) => label(key).is_some(),
            Condition::Equal(key, value) => label(key) == Some(value),
            Condition::NotEqual(key, value) => label(key) != Some(value),
            Condition::In(key, values) => label(key).is_some_and(|it| values.contains(it)),
            Condition::NotIn(key, values) => !label(key).is_some_and(|it| values.contains(it)),
        })
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn condition(&mut self) -> Option<Condition> {
        let key = self.word()?;
        if self.eat("==") {
            return Some(Condition::Equal(key, self.word()?));
        }
        if self.eat("!=") {
            return Some(Condition::NotEqual(key, self.word()?));
        }
        let before = self.rest;
        match self.word().as_deref() {
            Some("in") => Some(Condition::In(key, self.set()?)),
            Some("notin") => Some(Condition::NotIn(key, self.set()?)),
            _ => {
                self.rest = before;
                Some(Condition::Exists(key))
            }
        }
    }

    fn set(&mut self) -> Option<Vec<String>> {
        self.eat("(").then_some(())?;
        let mut words = vec![self.word()?];
        while self.eat(",") {
            words.push(self.word()?);
        }
        self.eat(")").then_some(words)
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Plain characters, and any others behind a backslash.
    fn word(&mut self) -> Option<String> {
        let text = self.rest.trim_start();
        let mut word = String::new();
        let mut chars = text.char_indices();
        let mut end = text.len();
        while let Some((index, char)) = chars.next() {
            match char {
                'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '_' | '-' => word.push(char),
                '\\' => word.push(chars.next()?.1),
                _ => {
                    end = index;
                    break;
                }
            }
        }
        self.rest = &text[end..];
        (!word.is_empty()).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path_id::PathId;

    #[test]
    fn selectors_select() {
        let mut app = AppSpec::blank(PathId::root(), crate::MarathonVersion::default());
        app.labels.insert("env".into(), "prod".into());
        app.labels.insert("team".into(), "a b/c".into());
        let cases = [
            ("env==prod", true),
            ("env == dev", false),
            ("env!=dev,team", true),
            ("gone!=x", true),
            ("env in (dev, prod)", true),
            ("env notin (dev,prod)", false),
            ("gone notin (x)", true),
            ("in", false),
            (r"team==a\ b\/c", true),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Selector::parse(text).unwrap().selects(&app),
                expected,
                "{text}"
            );
        }
        for bad in ["", "=", "a==", "a in ()", "a in (b", "a b", "a,", "a=b"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
