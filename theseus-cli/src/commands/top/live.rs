//! The screen that goes on: what is seen, what is pressed, and what is drawn of it.

use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use jiff::Timestamp;
use theseus_core::model::GroupSelector;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep_until};

use super::keys;
use super::look::{Look, Looker};
use super::screen::{Screen, draw, lines};
use super::terminal::{Stops, Taken, events};
use super::view::{View, Wish};
use crate::failure::{Code, Failure};
use crate::interrupt;

/// How often it is drawn though nothing has changed but the time.
const CLOCK: Duration = Duration::from_secs(1);

/// What is told when the one that looks has ended by itself.
const LOOKS_NO_MORE: &str = "the cluster is not looked at any more, which is a fault of theseus";

/// What is shown, until somebody has seen enough.
pub(super) async fn run(
    name: &str,
    mut looker: Looker,
    mut view: View,
    every: Duration,
) -> Result<Code, Failure> {
    let groups = looker.groups().to_vec();
    // What is wrong from the start is told before the terminal is taken.
    let mut look = looker.look().await?;
    let (looking, mut looks) = keep_looking(looker, every);
    let colours = AutoStream::choice(&std::io::stdout()) != ColorChoice::Never;
    let mut trouble: Option<String> = None;
    let mut stops = Stops::new();
    let mut taken = Taken::take().map_err(|error| lost(&error))?;
    let mut events = events();
    let mut clock = interval(CLOCK);
    let mut stop = std::pin::pin!(interrupt::requested());
    let ended = loop {
        let page = show(
            name,
            &look,
            &mut view,
            &groups,
            trouble.as_deref(),
            colours,
            &mut taken,
        );
        let page = match page {
            Ok(page) => page,
            Err(error) => break Err(lost(&error)),
        };
        let wish = tokio::select! {
            () = &mut stop => Wish::Quit,
            () = stops.asked() => Wish::Suspend,
            event = events.recv() => match event {
                Some(Ok(event)) => match keys::of(&event) {
                    Some(key) => view.press(key, page),
                    // Another size, or nothing that matters.
                    None => Wish::Stay,
                },
                Some(Err(error)) => break Err(lost(&error)),
                None => Wish::Quit,
            },
            next = looks.recv() => {
                match next {
                    Some(Ok(next)) => {
                        look = next;
                        trouble = None;
                    }
                    Some(Err(failure)) => trouble = Some(failure.into_parts().0),
                    None => break Err(Failure::new(Code::Failed, LOOKS_NO_MORE)),
                }
                Wish::Stay
            }
            _ = clock.tick() => Wish::Stay,
        };
        match wish {
            Wish::Stay => {}
            Wish::Quit => break Ok(Code::Done),
            Wish::Suspend => {
                if let Err(error) = taken.suspend() {
                    break Err(lost(&error));
                }
            }
        }
    };
    looking.abort();
    ended
}

/// Draws it; says how many rows fit.
fn show(
    name: &str,
    look: &Look,
    view: &mut View,
    groups: &[GroupSelector],
    trouble: Option<&str>,
    colours: bool,
    taken: &mut Taken,
) -> std::io::Result<usize> {
    let top = look.top(view.by, view.sort, groups);
    let rows = view.rows(&top).len();
    let page = lines(taken.terminal.size()?);
    view.settle(rows, page);
    let screen = Screen {
        name,
        top: &top,
        view,
        trouble,
        now: Timestamp::now(),
        colours,
    };
    taken.terminal.draw(|frame| draw(frame, &screen))?;
    Ok(page)
}

/// Looks again and again, until nobody wants it any more.
fn keep_looking(
    mut looker: Looker,
    every: Duration,
) -> (JoinHandle<()>, mpsc::Receiver<Result<Look, Failure>>) {
    let (send, looks) = mpsc::channel(1);
    let looking = tokio::spawn(async move {
        loop {
            sleep_until(Instant::now() + every).await;
            if send.send(looker.look().await).await.is_err() {
                return;
            }
        }
    });
    (looking, looks)
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::new(Code::Failed, format!("cannot use the terminal: {error}"))
}
