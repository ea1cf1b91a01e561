//! What was found out, for people and for programs.

use serde::Serialize;

use crate::failure::{Code, Failure};
use crate::output::human;
use crate::output::style::{BAD, CHANGE, FAINT, GOOD, STRONG, inert, paint};

/// All checks, in their order.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    format_version: u32,
    checks: Vec<Check>,
    #[serde(skip)]
    code: Code,
}

/// One check.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    state: State,
    detail: String,
    /// What to do, where there is something.
    advice: Option<String>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Ok,
    Warning,
    Failed,
}

impl Check {
    pub(super) fn new(name: &'static str, state: State, detail: impl Into<String>) -> Self {
        Self {
            name,
            state,
            detail: detail.into(),
            advice: None,
        }
    }

    /// What did not work, with what to do about it.
    pub(super) fn of_failure(name: &'static str, failure: Failure) -> Self {
        let (detail, advice) = failure.into_parts();
        Self {
            name,
            state: State::Failed,
            detail,
            advice,
        }
    }

    pub(super) fn in_state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    pub(super) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    fn render(&self) -> String {
        let (mark, style) = match self.state {
            State::Ok => ("✔", GOOD),
            State::Warning => ("!", CHANGE),
            State::Failed => ("✘", BAD),
        };
        let name = format!("{:<13}", self.name);
        let mut text = format!(
            "{} {} {}\n",
            paint(style, mark),
            paint(STRONG, &name),
            inert(&self.detail)
        );
        if let Some(advice) = &self.advice {
            let advice = format!("{:16}{}", "", inert(advice));
            text.push_str(&paint(FAINT, &advice));
            text.push('\n');
        }
        text
    }
}

impl Default for Report {
    fn default() -> Self {
        Self {
            format_version: 1,
            checks: Vec::new(),
            code: Code::Done,
        }
    }
}

impl Report {
    /// A report of nothing but that this did not work.
    pub(super) fn failed(check: &'static str, failure: Failure) -> Self {
        let mut report = Self::default();
        report.fails(failure.code, Check::of_failure(check, failure));
        report
    }

    pub(super) fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Adds a check that decides how the command ends; what is wrong in the configuration does so
    /// first.
    pub(super) fn fails(&mut self, code: Code, check: Check) {
        self.worsen(code);
        self.checks.push(check);
    }

    pub(super) fn append(&mut self, other: Self) {
        self.worsen(other.code);
        self.checks.extend(other.checks);
    }

    pub(super) fn code(&self) -> Code {
        self.code
    }

    fn worsen(&mut self, code: Code) {
        if code == Code::Usage || self.code == Code::Done {
            self.code = code;
        }
    }

    pub(super) fn render(&self) -> String {
        let mut text: String = self.checks.iter().map(Check::render).collect();
        let count = |state| self.checks.iter().filter(|it| it.state == state).count();
        let words = match (count(State::Failed), count(State::Warning)) {
            (0, 0) => "All is well.".to_owned(),
            (0, warnings) => format!("It works, with {}.", human::count(warnings, "warning")),
            (failed, _) => format!("{} failed.", human::count(failed, "check")),
        };
        text.push_str(&paint(STRONG, &words));
        text.push('\n');
        text
    }
}
