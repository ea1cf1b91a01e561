//! How lines are shown, and what becomes of it in the end.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use theseus_core::cluster::{ContainerId, Output};
use theseus_core::logs::{Line, Speaker, Told, Word, inert};

use crate::failure::{Code, Failure};
use crate::output::style::{BAD, FAINT, NOTE, paint};

/// What stands before a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) prefix: bool,
    /// Whether that names the group.
    pub(super) group: bool,
    pub(super) timestamps: bool,
}

/// Colours that tell containers apart; red is for what is wrong.
const COLOURS: [AnsiColor; 10] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightYellow,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];

/// Nobody reads a longer name of a container.
const WIDEST: usize = 48;

/// How many bytes of text a line mostly takes, with what stands before it.
const USUAL_LINE: usize = 128;

/// Makes text of what is told.
pub(super) struct Printer {
    look: Look,
    /// Whether anybody sees colours.
    has_colours: bool,
    /// The widest name so far.
    width: usize,
    /// By where the speaker is in memory, which is found sooner than by his name.
    prefixes: HashMap<usize, Prefix>,
}

/// What stands before the lines of a container.
struct Prefix {
    /// Kept, so that nobody else comes to be in his place.
    _speaker: Arc<Speaker>,
    name: String,
    style: Style,
    /// For which width that is written, once it is.
    width: Option<usize>,
    stdout: String,
    stderr: String,
}

impl Printer {
    pub(super) fn new(look: Look, has_colours: bool) -> Self {
        Self {
            look,
            has_colours,
            width: 0,
            prefixes: HashMap::new(),
        }
    }

    fn styled(&self, style: Style) -> Style {
        styled(style, self.has_colours)
    }

    /// The lines, and what is said beside them.
    pub(super) fn text(&mut self, batch: &[Told]) -> (String, String) {
        let mut lines = String::with_capacity(batch.len() * USUAL_LINE);
        let mut words = String::new();
        for told in batch {
            match told {
                Told::Line(line) => self.line(&mut lines, line),
                other => words.push_str(&note(other, self.look.group)),
            }
        }
        (lines, words)
    }

    fn line(&mut self, text: &mut String, line: &Line) {
        if self.look.prefix {
            text.push_str(self.prefix(&line.speaker, line.output));
        }
        if self.look.timestamps {
            let time = line
                .time
                .map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"));
            let faint = self.styled(FAINT);
            // Writing to a string cannot fail.
            let _ = write!(text, "{faint}{time:<24}{faint:#} ");
        }
        text.push_str(&inert(&line.text));
        text.push('\n');
    }

    /// What stands before a line. It is the same for many lines, so it is written once for each width.
    fn prefix(&mut self, speaker: &Arc<Speaker>, output: Output) -> &str {
        let (mark, has_colours, with_group) = (self.styled(BAD), self.has_colours, self.look.group);
        let place = Arc::as_ptr(speaker).addr();
        let prefix = self.prefixes.entry(place).or_insert_with(|| {
            let name = name(speaker, with_group);
            let name: String = name.chars().take(WIDEST).collect();
            self.width = self.width.max(name.chars().count());
            Prefix {
                _speaker: Arc::clone(speaker),
                name,
                style: styled(colour(&speaker.container), has_colours),
                width: None,
                stdout: String::new(),
                stderr: String::new(),
            }
        });
        let width = self.width;
        if prefix.width.replace(width) != Some(width) {
            let Prefix { name, style, .. } = &*prefix;
            let before =
                |mark: Style, sign| format!("{style}{name:<width$}{style:#} {mark}{sign}{mark:#} ");
            (prefix.stdout, prefix.stderr) = (before(*style, '|'), before(mark, '!'));
        }
        match output {
            Output::Stdout => &prefix.stdout,
            Output::Stderr => &prefix.stderr,
        }
    }
}

fn styled(style: Style, has_colours: bool) -> Style {
    if has_colours { style } else { Style::new() }
}

/// A container as people see it.
fn name(speaker: &Speaker, with_group: bool) -> String {
    let mut name = String::new();
    if let Some(group) = speaker.group.as_ref().filter(|_| with_group) {
        let _ = write!(name, "{group} ");
    }
    name.push_str(&inert(speaker.short_name()));
    if let Some(host) = &speaker.host {
        let _ = write!(name, " {}", inert(host));
    }
    name
}

/// The same colour for the same container each time.
fn colour(container: &ContainerId) -> Style {
    let hash = container
        .0
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let index = usize::try_from((hash >> 16) % COLOURS.len() as u64).unwrap_or_default();
    Style::new().fg_color(Some(anstyle::Color::Ansi(COLOURS[index])))
}

/// A sentence about what is no line.
fn note(told: &Told, with_group: bool) -> String {
    let sentence = match told {
        Told::Line(_) | Told::CaughtUp => return String::new(),
        Told::Untimed => {
            "some lines do not tell when they were written, and are shown although they may be older"
                .to_owned()
        }
        Told::ClusterAway { reason } => format!(
            "whether containers come is not known for now, those that are known are followed on: {}",
            inert(reason)
        ),
        Told::ClusterBack => "the cluster tells which containers come again".to_owned(),
        Told::Word { speaker, word } => {
            format!(
                "{} {}",
                name(speaker, with_group),
                inert(&word.to_string())
            )
        }
    };
    format!("{} {sentence}\n", paint(NOTE, "note:"))
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    lines: u64,
    failed: usize,
    out_of_reach: usize,
    /// Why, of the first.
    reason: Option<String>,
}

impl Tally {
    pub(super) fn count(&mut self, batch: &[Told]) {
        for told in batch {
            match told {
                Told::Line(_) => self.lines += 1,
                Told::Word {
                    word:
                        Word::Failed {
                            reason,
                            is_out_of_reach,
                        },
                    ..
                } => {
                    self.failed += 1;
                    self.out_of_reach += usize::from(*is_out_of_reach);
                    self.reason.get_or_insert_with(|| reason.clone());
                }
                _ => {}
            }
        }
    }

    /// Whoever could not be read has been told of, so only that it was so is left to say.
    pub(super) fn outcome(self) -> Result<Code, Failure> {
        if self.failed == 0 {
            return Ok(Code::Done);
        }
        if self.lines > 0 || self.out_of_reach < self.failed {
            return Ok(Code::Failed);
        }
        let reason = self.reason.unwrap_or_default();
        let failure = Failure::new(
            Code::OutOfReach,
            format!("no log could be read: {}", inert(&reason)),
        );
        Err(failure.hint("the Mesos agents are asked at the addresses that their master tells; can they be reached from here?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(container: &str, output: Output, text: &str) -> Told {
        Told::Line(Line {
            speaker: Arc::new(Speaker {
                group: Some("web:dev".parse().unwrap()),
                container: ContainerId(container.to_owned()),
                host: Some("h1".into()),
                revision: Some(1),
                is_over: false,
            }),
            output,
            time: "2026-01-02T03:04:05Z".parse().ok(),
            text: text.to_owned(),
            continues: false,
        })
    }

    fn shown(look: Look, told: &[Told]) -> String {
        let text = Printer::new(look, true).text(told).0;
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn lines_as_people_see_them() {
        let told = [
            line("web.b8d1e0a2-77e5", Output::Stdout, "one"),
            line(
                "web.c8d1e0a2-77e5",
                Output::Stderr,
                "\u{1b}[31mtwo\u{1b}[0m\u{7}",
            ),
        ];
        let look = |prefix, group, timestamps| Look {
            prefix,
            group,
            timestamps,
        };
        let text = Printer::new(look(true, true, true), false).text(&told).0;
        assert_eq!(
            text,
            shown(look(true, true, true), &told),
            "without colours"
        );
        assert_eq!(
            shown(look(true, false, false), &told),
            "b8d1e0a2 h1 | one\nc8d1e0a2 h1 ! two\\u{7}\n"
        );
        assert_eq!(
            shown(look(true, true, true), &told[..1]),
            "web:dev b8d1e0a2 h1 | 2026-01-02T03:04:05.000Z one\n"
        );
        assert_eq!(shown(look(false, true, false), &told), "one\ntwo\\u{7}\n");
    }

    #[test]
    fn a_container_keeps_its_colour_and_others_have_others() {
        let colours: std::collections::BTreeSet<String> = (0..40)
            .map(|it| colour(&ContainerId(format!("web.{it}"))).to_string())
            .collect();
        assert!(colours.len() > 5, "{}", colours.len());
        let again = |id: &str| colour(&ContainerId(id.to_owned()));
        assert_eq!(again("a"), again("a"));
    }
}
