//! Filters: what of a page is to be seen.
//!
//! Everything is in the page, and what does not match is hidden. So without the script a filter is a
//! form that loads the page anew, and with it the same marks on the rows let it work at once.

use maud::{Markup, html};

use super::{Ask, words};

/// What a row is found by, in small letters.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Whatever a person may look for.
    pub(super) text: String,
    /// The service.
    pub(super) service: String,
    /// The labels, with spaces between them.
    pub(super) labels: String,
    /// How it is.
    pub(super) state: String,
    /// The hosts, with spaces between them.
    pub(super) hosts: String,
}

/// What is looked for, in small letters. What is empty is not.
#[derive(Debug, Default)]
pub(super) struct Filter {
    words: Vec<String>,
    service: String,
    label: String,
    state: String,
    host: String,
}

impl Filter {
    pub(super) fn of(ask: &Ask) -> Self {
        let small = |text: &str| text.trim().to_lowercase();
        Self {
            words: ask.q.split_whitespace().map(str::to_lowercase).collect(),
            service: small(&ask.service),
            label: small(&ask.label),
            state: small(&ask.state),
            host: small(&ask.host),
        }
    }

    /// Whether anything is looked for.
    pub(super) fn is_set(&self) -> bool {
        !self.words.is_empty() || self.is_narrow()
    }

    /// Whether something is looked for besides words.
    pub(super) fn is_narrow(&self) -> bool {
        [&self.service, &self.label, &self.state, &self.host]
            .iter()
            .any(|it| !it.is_empty())
    }

    /// Whether a row is what is looked for. The script asks the same.
    pub(super) fn matches(&self, marks: &Marks) -> bool {
        self.words.iter().all(|word| marks.text.contains(word))
            && marks.service.contains(&self.service)
            && marks.labels.contains(&self.label)
            && (self.state.is_empty() || marks.state == self.state)
            && marks.hosts.contains(&self.host)
    }
}

/// What the filter's form is of.
pub(super) struct Form<'a> {
    /// The page.
    pub(super) action: &'a str,
    /// The list that it filters.
    pub(super) list: &'a str,
    /// What the list is of, as one of them.
    pub(super) noun: &'a str,
    /// What can be looked for besides words.
    pub(super) more: &'a [Field<'a>],
    /// What else is in the address, and is to stay there.
    pub(super) kept: &'a [(&'a str, &'a str)],
}

/// Something that can be looked for.
pub(super) enum Field<'a> {
    /// Anything, of which there may be a list of proposals with this id.
    Text(&'a str, &'a str, &'a str, Option<&'a str>),
    /// One of these.
    Choice(&'a str, &'a str, &'a str, &'a [&'a str]),
}

/// The form of a filter, of which so many rows are seen.
pub(super) fn form(form: &Form<'_>, ask: &Ask, seen: usize, all: usize) -> Markup {
    let filter = Filter::of(ask);
    html! {
        form.filter role="search" method="get" action=(form.action) data-filter=(form.list) data-noun=(form.noun) {
            label.find {
                span { "Find" }
                input type="search" name="q" value=(ask.q) autocomplete="off" spellcheck="false" aria-keyshortcuts="/" placeholder="Press / to type";
            }
            @for (name, value) in form.kept { input type="hidden" name=(name) value=(value); }
            @if !form.more.is_empty() {
                details open[filter.is_narrow()] {
                    summary { "More" }
                    div.fields { @for field in form.more { (input(field)) } }
                }
            }
            button.plain type="submit" { "Apply" }
            output #seen aria-live="polite" { (sentence(seen, all, form.noun)) }
            a.clear href=(form.action) hidden[!filter.is_set()] { "Show all" }
        }
    }
}

fn input(field: &Field<'_>) -> Markup {
    html! {
        @match field {
            Field::Text(name, label, value, list) => label {
                span { (label) }
                input type="text" name=(name) value=(value) list=[list] autocomplete="off" spellcheck="false";
            },
            Field::Choice(name, label, value, choices) => label {
                span { (label) }
                select name=(name) {
                    option value="" { "any" }
                    @for choice in *choices { option value=(choice) selected[choice.eq_ignore_ascii_case(value)] { (choice) } }
                }
            },
        }
    }
}

/// How much is seen. The script says the same.
fn sentence(seen: usize, all: usize, noun: &str) -> String {
    let plural = if all == 1 { "" } else { "s" };
    let [seen, all] = [seen, all].map(|it| words::grouped(it as u64));
    if seen == all {
        format!("{all} {noun}{plural}")
    } else {
        format!("{seen} of {all} {noun}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_looked_for_must_be_there() {
        let marks = Marks {
            text: "ingestor:canary,dev flask:2".to_owned(),
            service: "ingestor".to_owned(),
            labels: "canary dev".to_owned(),
            state: "well".to_owned(),
            hosts: "h1 h2".to_owned(),
        };
        let ask = |set: fn(&mut Ask)| {
            let mut ask = Ask::default();
            set(&mut ask);
            Filter::of(&ask).matches(&marks)
        };
        assert!(ask(|_| {}));
        assert!(ask(|ask| ask.q = " FLASK  dev ".to_owned()));
        assert!(!ask(|ask| ask.q = "flask prod".to_owned()));
        assert!(ask(|ask| ask.service = "Ingestor".to_owned()));
        assert!(ask(|ask| ask.label = "dev".to_owned()));
        assert!(!ask(|ask| ask.label = "prod".to_owned()));
        assert!(ask(|ask| ask.state = "well".to_owned()));
        assert!(!ask(|ask| ask.state = "we".to_owned()));
        assert!(ask(|ask| ask.host = "h2".to_owned()));
        assert!(!ask(|ask| ask.host = "h3".to_owned()));
    }
}
