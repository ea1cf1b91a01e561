//! The terminal while the screen is on it. Whatever happens, it is given back as it was.

use std::io;

use ratatui::DefaultTerminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The terminal, taken until this is dropped. A panic gives it back, too.
pub(super) struct Taken {
    pub(super) terminal: DefaultTerminal,
}

impl Taken {
    pub(super) fn take() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        Ok(Self { terminal })
    }

    /// Gives the terminal back, stops this process until somebody has it go on, and takes the
    /// terminal again.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        ratatui::try_restore()?;
        stop()?;
        // The hook for panics is there already. What the screen showed is drawn anew.
        self.terminal = take_again()?;
        Ok(())
    }
}

fn take_again() -> io::Result<DefaultTerminal> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen)?;
    ratatui::Terminal::new(CrosstermBackend::new(io::stdout()))
}

impl Drop for Taken {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Stops this process as Ctrl-Z does, which the terminal does not tell it now.
#[cfg(unix)]
fn stop() -> io::Result<()> {
    signal_hook::low_level::raise(signal_hook::consts::SIGSTOP)
}

#[cfg(not(unix))]
fn stop() -> io::Result<()> {
    Ok(())
}

/// Hears when somebody else asks this process to stop for a while.
#[derive(Default)]
pub(super) struct Stops {
    #[cfg(unix)]
    asked: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Stops {
    pub(super) fn new() -> Self {
        let kind = SignalKind::from_raw(signal_hook::consts::SIGTSTP);
        // Without a handler it stops at once, and the terminal stays as it is.
        let asked = signal(kind).ok();
        Self { asked }
    }

    pub(super) async fn asked(&mut self) {
        match &mut self.asked {
            Some(asked) => drop(asked.recv().await),
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
impl Stops {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) async fn asked(&mut self) {
        std::future::pending().await
    }
}

/// What the terminal sends. The thread that reads it ends with the process.
pub(super) fn events() -> mpsc::Receiver<io::Result<Event>> {
    let (send, events) = mpsc::channel(64);
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let is_last = event.is_err();
            if send.blocking_send(event).is_err() || is_last {
                return;
            }
        }
    });
    events
}
