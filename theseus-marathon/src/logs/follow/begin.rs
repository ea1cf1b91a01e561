//! Where to begin in each output.

use theseus_core::cluster::{LogPiece, LogStart, Output};

use super::{Follower, Reading, Trouble, look};
use crate::failure::Failure;
use crate::logs::place::{Mark, Marks};
use crate::logs::sandbox::Sandbox;
use crate::logs::start::{self, Last};
use crate::logs::track::Track;

/// After how many failed tries in a row a place to begin at is not looked for any more.
const MOST_STARTS: u32 = 5;

impl Follower {
    /// Finds where to begin in each output.
    pub(super) async fn begin(&mut self, sandbox: &Sandbox) -> Result<(), Trouble> {
        let (mut readings, mut marks) = (Vec::new(), Marks::default());
        let mut missed = Vec::new();
        let want = self.want.clone();
        for &output in want.outputs.all() {
            let (track, left) = match &want.start {
                LogStart::Oldest => (Track::from_oldest(), None),
                LogStart::LastLines(lines) => {
                    let last = last_lines(sandbox, output, *lines).await?;
                    marks.set(output, last.mark);
                    (last.track, None)
                }
                LogStart::Before { place, lines } => {
                    let former = Marks::read(place);
                    let Some(mark) = former.of(output) else {
                        // There was nothing before it.
                        continue;
                    };
                    let Some(last) = lines_before(sandbox, output, mark, *lines).await? else {
                        missed.push(LogPiece::Missed { output });
                        continue;
                    };
                    marks.set(output, last.mark);
                    (last.track, Some(last.length))
                }
                LogStart::Since(then) => {
                    let family = look(sandbox).await?.of(output).clone();
                    (start::since(family, *then), None)
                }
            };
            readings.push(Reading {
                output,
                track,
                left,
            });
        }
        if readings.is_empty() {
            if !missed.is_empty() {
                return Err(Trouble::Gone);
            }
            self.is_done = true;
            return Ok(());
        }
        self.readings = readings;
        // One that is not kept so far back takes no other with it.
        self.pieces.extend(missed);
        if want.places {
            self.pieces.extend(marks.told().map(LogPiece::Began));
        }
        self.look(sandbox).await
    }
}

async fn last_lines(sandbox: &Sandbox, output: Output, lines: u64) -> Result<Last, Trouble> {
    for _ in 0..MOST_STARTS {
        let family = look(sandbox).await?.of(output).clone();
        if let Some(last) = start::last_lines(sandbox, family, None, lines).await? {
            return Ok(last);
        }
    }
    let reason = "its files change all the time".to_owned();
    Err(Failure::Garbled(reason).into())
}

/// The last lines before a place; `None` if what was there is not kept any more.
async fn lines_before(
    sandbox: &Sandbox,
    output: Output,
    mark: &Mark,
    lines: u64,
) -> Result<Option<Last>, Trouble> {
    for _ in 0..MOST_STARTS {
        let family = look(sandbox).await?.of(output).clone();
        // Where it is not found a rotation may be under way.
        let Some(place) = start::find(sandbox, &family, mark).await? else {
            continue;
        };
        if let Some(last) = start::last_lines(sandbox, family, Some(place), lines).await? {
            return Ok(Some(last));
        }
    }
    Ok(None)
}
