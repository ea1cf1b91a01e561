//! Running a command when something has changed, without a shell.

use std::io;
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// A command, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    program: String,
    arguments: Vec<String>,
}

impl Words {
    /// Splits a command as a shell would. Nothing is expanded.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words = shell_words::split(text).map_err(|_| "a quote is not closed".to_owned())?;
        let mut words = words.into_iter();
        let program = words.next().ok_or("expected a command")?;
        Ok(Self {
            program,
            arguments: words.collect(),
        })
    }

    /// Starts it, with this on its standard input.
    pub(super) fn start(&self, input: String) -> io::Result<Child> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            // Stdout is for results.
            .stdout(io::stderr())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            tokio::spawn(async move {
                // It need not read what it is told.
                let _ = stdin.write_all(input.as_bytes()).await;
            });
        }
        Ok(child)
    }

    /// How it ended, in words; nothing when it went well.
    pub(super) fn complaint(&self, ended: io::Result<ExitStatus>) -> Option<String> {
        match ended {
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("{} failed ({status})", self.program)),
            Err(error) => Some(format!("cannot run {}: {error}", self.program)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_nothing_is_expanded() {
        let words = Words::parse(r#"reload --name 'a b' "$HOME" * \; it\'s"#).unwrap();
        assert_eq!(words.program, "reload");
        assert_eq!(
            words.arguments,
            ["--name", "a b", "$HOME", "*", ";", "it's"]
        );
        assert!(Words::parse("  ").is_err());
        assert!(Words::parse("a 'b").is_err());
    }
}
