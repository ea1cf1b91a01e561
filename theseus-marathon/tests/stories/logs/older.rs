//! Going back in a log from a place that was told, whatever happened to its files meanwhile.

use std::time::Duration;

use theseus_core::cluster::{ClusterError, LogPiece, LogPlace, LogRequest, LogStart, Output};
use tokio::time::sleep;

use super::agent::{Agent, Spelling};
use super::{Dice, TASK, Told, read};

fn placed(start: LogStart) -> LogRequest {
    LogRequest {
        start,
        places: true,
        ..LogRequest::default()
    }
}

/// Where it begins, unless that is the beginning of everything.
fn place(told: &Told) -> Option<LogPlace> {
    told.words.iter().find_map(|word| match word {
        LogPiece::Began(place) => Some(place.clone()),
        _ => None,
    })
}

async fn before(agent: &Agent, place: LogPlace, lines: u64) -> Told {
    read(agent, placed(LogStart::Before { place, lines })).await
}

/// Has the agent throw away what its task wrote to stdout until now: it keeps one file besides the last.
async fn thrown_away(agent: &Agent) {
    agent.keep(1);
    for line in ["4\n", "5\n", "6\n"] {
        agent.rotate("stdout", false);
        sleep(Duration::from_secs(2)).await;
        agent.write("stdout", line.as_bytes());
    }
}

/// Goes back from the last lines to the first, while more is written and moved into other files as the
/// dice say. Each line has to be told once, and nothing that was written later.
async fn random_story(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let agent = Agent::new(TASK);
    let compress = dice.below(2) == 0;
    let mut written = [Vec::new(), Vec::new()];
    let mut number = 0;
    let mut happen = async |dice: &mut Dice, written: &mut [Vec<u8>; 2], times: u64| {
        for _ in 0..times {
            let which = dice.index(2);
            let output = ["stdout", "stderr"][which];
            if dice.below(8) == 0 {
                agent.rotate(output, compress);
            } else {
                let filling = "é".repeat(dice.index(4));
                let text = format!("{number} {filling}{}\n", "x".repeat(dice.index(90)));
                number += 1;
                agent.write(output, text.as_bytes());
                written[which].extend(text.bytes());
            }
            sleep(Duration::from_millis(1500)).await;
        }
    };
    happen(&mut dice, &mut written, 60).await;
    let last = read(&agent, placed(LogStart::LastLines(1 + dice.below(9)))).await;
    let all = written.clone();
    let mut next = place(&last);
    let mut told = [last.stdout, last.stderr];
    while let Some(place_then) = next {
        let times = dice.below(4);
        happen(&mut dice, &mut written, times).await;
        let older = before(&agent, place_then, 1 + dice.below(9)).await;
        assert!(older.error.is_none(), "{seed}: {:?}", older.error);
        assert_eq!(older.missed(), 0, "{seed}");
        next = place(&older);
        for (told, older) in told.iter_mut().zip([older.stdout, older.stderr]) {
            told.splice(0..0, older);
        }
    }
    for (told, all) in told.iter().zip(&all) {
        assert_eq!(
            String::from_utf8_lossy(told),
            String::from_utf8_lossy(all),
            "{seed}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_line_is_told_once_on_the_way_back() {
    for seed in 0..60 {
        random_story(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_beginning_there_is_no_place_and_behind_what_is_thrown_away_nothing() {
    let agent = Agent::new(TASK);
    agent.write("stdout", b"1\n2\n3\n");
    let all = read(&agent, placed(LogStart::LastLines(9))).await;
    assert_eq!((all.text().as_str(), place(&all)), ("1\n2\n3\n", None));
    let last = read(&agent, placed(LogStart::LastLines(1))).await;
    let then = place(&last).unwrap();
    let told = before(&agent, then.clone(), 1).await;
    assert_eq!(told.text(), "2\n");
    let first = before(&agent, place(&told).unwrap(), 5).await;
    assert_eq!((first.text().as_str(), place(&first)), ("1\n", None));

    thrown_away(&agent).await;
    let told = before(&agent, then, 1).await;
    assert!(
        matches!(told.error, Some(ClusterError::Gone { .. })),
        "{told:?}"
    );

    // Words that are no place have nothing before them.
    let nonsense = LogPlace("../../etc/passwd".into());
    let told = before(&agent, nonsense, 9).await;
    assert!(
        told.of(Output::Stdout).is_empty() && told.error.is_none(),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_mends_is_told_whole_up_to_the_place() {
    let agent = Agent::new(TASK);
    agent.spell(Spelling::Mended);
    // Each of these bytes comes as three.
    let odd = [b"1 ".as_slice(), &[0xff; 40], b"\n2 the last of these\n"].concat();
    agent.write("stdout", &odd);
    agent.write("stdout", b"3\n");
    let last = read(&agent, placed(LogStart::LastLines(1))).await;
    assert_eq!(last.text(), "3\n");
    let told = before(&agent, place(&last).unwrap(), 9).await;
    assert_eq!(told.text(), String::from_utf8_lossy(&odd));
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_not_kept_so_far_back_takes_no_other_with_it() {
    let agent = Agent::new(TASK);
    for output in ["stdout", "stderr"] {
        agent.write(output, b"1\n2\n3\n");
    }
    let last = read(&agent, placed(LogStart::LastLines(1))).await;
    let then = place(&last).unwrap();
    thrown_away(&agent).await;
    let told = before(&agent, then, 1).await;
    assert!(told.error.is_none(), "{told:?}");
    assert_eq!(
        (told.text().as_str(), told.stderr.as_slice()),
        ("", b"2\n".as_slice())
    );
    assert!(
        told.words.contains(&LogPiece::Missed {
            output: Output::Stdout
        }),
        "{told:?}"
    );
    // It is not looked for once more.
    let first = before(&agent, place(&told).unwrap(), 9).await;
    assert_eq!(
        (first.stderr.as_slice(), first.missed()),
        (b"1\n".as_slice(), 0)
    );
}
