//! What containers write, by agents that rotate it, end, go away, and answer oddly.

mod agent;
mod older;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::SignedDuration;
use theseus_core::cluster::{
    Cluster as _, ClusterError, ContainerId, LogPiece, LogRequest, LogStart, Logs, Output, Outputs,
};
use tokio::time::{Instant, sleep};

use agent::{Agent, Fault, Spelling, start};

const TASK: &str = "theseus_web_dev_r1.b8d1e0a2-77e5-11e6-a2b9-0242ac110002";

/// What was told.
#[derive(Debug, Default)]
struct Told {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// Everything else.
    words: Vec<LogPiece>,
    error: Option<ClusterError>,
    is_over: bool,
}

impl Told {
    fn of(&self, output: Output) -> &[u8] {
        match output {
            Output::Stdout => &self.stdout,
            Output::Stderr => &self.stderr,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    fn is_caught_up(&self) -> bool {
        self.words.contains(&LogPiece::CaughtUp)
    }

    fn missed(&self) -> usize {
        let missed = |it: &&LogPiece| matches!(it, LogPiece::Missed { .. });
        self.words.iter().filter(missed).count()
    }
}

/// Reads a log while the story goes on.
#[derive(Clone)]
struct Listener(Arc<Mutex<Told>>);

impl Listener {
    async fn to(agent: &Agent, want: LogRequest) -> Self {
        let marathon = agent.client();
        let task = ContainerId(TASK.to_owned());
        Self::listen(marathon.logs(&task, &want).await.unwrap())
    }

    fn listen(mut logs: Logs) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let listener = Self(Arc::clone(&told));
        tokio::spawn(async move {
            while let Some(piece) = logs.next().await {
                let mut told = told.lock().unwrap();
                match piece {
                    Ok(LogPiece::Bytes { output, bytes, .. }) => match output {
                        Output::Stdout => told.stdout.extend_from_slice(&bytes),
                        Output::Stderr => told.stderr.extend_from_slice(&bytes),
                    },
                    Ok(word) => told.words.push(word),
                    Err(error) => told.error = Some(error),
                }
            }
            told.lock().unwrap().is_over = true;
        });
        listener
    }

    fn told<T>(&self, look: impl Fn(&Told) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    /// Waits until something was told.
    async fn until(&self, what: &str, is_so: impl Fn(&Told) -> bool) {
        let began = Instant::now();
        while !self.told(&is_so) {
            let is_late = began.elapsed() > Duration::from_secs(300);
            let so_far = self.told(|told| {
                is_late.then(|| format!("{} {:?} {:?}", told.text(), told.words, told.error))
            });
            assert!(so_far.is_none(), "never: {what}: {so_far:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_over(&self) -> Told {
        self.until("the end", |told| told.is_over).await;
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// From somewhere to the end of what is there.
fn from(start: LogStart) -> LogRequest {
    LogRequest {
        start,
        ..LogRequest::default()
    }
}

fn following() -> LogRequest {
    LogRequest {
        follow: true,
        ..LogRequest::default()
    }
}

/// All that is there.
async fn read(agent: &Agent, want: LogRequest) -> Told {
    Listener::to(agent, want).await.until_over().await
}

/// Three files of stdout, the oldest compressed, a second apart.
async fn rotated() -> Agent {
    let agent = Agent::new(TASK);
    for number in 1..=3 {
        for line in 1..=3 {
            agent.write("stdout", format!("{number}.{line}\n").as_bytes());
        }
        sleep(Duration::from_secs(10)).await;
        if number < 3 {
            agent.rotate("stdout", true);
        }
    }
    agent.write("stderr", b"oh\n");
    agent
}

#[tokio::test(start_paused = true)]
async fn all_that_is_kept_is_told_in_order() {
    let agent = rotated().await;
    let told = read(&agent, LogRequest::default()).await;
    assert_eq!(told.text(), "1.1\n1.2\n1.3\n2.1\n2.2\n2.3\n3.1\n3.2\n3.3\n");
    assert_eq!(told.stderr, b"oh\n");
    assert_eq!(told.words, [LogPiece::CaughtUp]);
    assert!(told.error.is_none());
    let only = LogRequest {
        outputs: Outputs::Only(Output::Stderr),
        ..LogRequest::default()
    };
    let told = read(&agent, only).await;
    assert_eq!((told.stdout, told.stderr), (Vec::new(), b"oh\n".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn the_last_lines_are_found_in_whichever_file_they_begin() {
    let agent = rotated().await;
    for (lines, expected) in [
        (0, ""),
        (1, "3.3\n"),
        (3, "3.1\n3.2\n3.3\n"),
        (4, "2.3\n3.1\n3.2\n3.3\n"),
        (7, "1.3\n2.1\n2.2\n2.3\n3.1\n3.2\n3.3\n"),
        (9, "1.1\n1.2\n1.3\n2.1\n2.2\n2.3\n3.1\n3.2\n3.3\n"),
        (99, "1.1\n1.2\n1.3\n2.1\n2.2\n2.3\n3.1\n3.2\n3.3\n"),
    ] {
        let told = read(&agent, from(LogStart::LastLines(lines))).await;
        assert_eq!(told.text(), expected, "{lines}");
        assert_eq!(told.stderr.is_empty(), lines == 0, "{lines}");
    }
    // One that has no end yet counts.
    agent.write("stdout", b"3.4");
    let told = read(&agent, from(LogStart::LastLines(2))).await;
    assert_eq!(told.text(), "3.3\n3.4");
}

#[tokio::test(start_paused = true)]
async fn what_is_surely_older_is_left_out() {
    let agent = rotated().await;
    for (second, expected) in [
        (0, "1.1\n1.2\n1.3\n2.1\n2.2\n2.3\n3.1\n3.2\n3.3\n"),
        (10, "2.1\n2.2\n2.3\n3.1\n3.2\n3.3\n"),
        (15, "3.1\n3.2\n3.3\n"),
        (40, ""),
    ] {
        let then = start() + SignedDuration::from_secs(second);
        let told = read(&agent, from(LogStart::Since(then))).await;
        assert_eq!(told.text(), expected, "{second}");
    }
}

/// Throws dice.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn index(&mut self, bound: u64) -> usize {
        usize::try_from(self.below(bound)).unwrap()
    }
}

/// Some number of words, up to a bound.
fn dice_length(bound: u64, number: u64) -> usize {
    Dice(number.wrapping_mul(0x9e37_79b9) + 1).index(bound)
}

/// Writes, rotates, compresses, breaks connections and ends as the dice say; whatever was written has
/// to be told, once.
async fn random_story(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let agent = Agent::new(TASK);
    let spelling = [Spelling::Escaped, Spelling::Raw, Spelling::Mended][dice.index(3)];
    agent.spell(spelling);
    let compress = dice.below(2) == 0;
    let is_troubled = dice.below(2) == 0;
    if is_troubled {
        let mut fate = Dice(seed | 1);
        agent.trouble(move |_| match fate.below(12) {
            0 => Some(Fault::Broken),
            1 => Some(Fault::Late(Duration::from_millis(fate.below(300)))),
            2 => Some(Fault::Status(503)),
            // Of what was mended nobody can tell how long it was.
            3 if spelling != Spelling::Mended => {
                Some(Fault::Short(usize::try_from(fate.below(40)).unwrap() + 65))
            }
            4 => Some(Fault::Says("<html>a proxy</html>")),
            _ => None,
        });
    }
    let listener = Listener::to(&agent, following()).await;
    let mut written = [Vec::new(), Vec::new()];
    for number in 0..120_u64 {
        let which = dice.index(2);
        let output = ["stdout", "stderr"][which];
        match dice.below(10) {
            0 => agent.rotate(output, compress),
            1 => sleep(Duration::from_millis(dice.below(4000))).await,
            _ => {
                let length = [3, 30, 300, 20_000][dice.index(4)];
                let words = std::iter::repeat_with(|| dice.below(1000));
                let filling: Vec<String> = words
                    .map(|word| format!("é{word}"))
                    .take(dice_length(length, number))
                    .collect();
                let filling = filling.concat();
                let text = format!("{number} {filling}\n");
                agent.write(output, text.as_bytes());
                written[which].extend(text.bytes());
            }
        }
        sleep(Duration::from_millis(dice.below(200))).await;
    }
    agent.end();
    let told = listener.until_over().await;
    let outputs = [Output::Stdout, Output::Stderr];
    for (output, written) in outputs.into_iter().zip(&written) {
        let (told, written) = (told.of(output), written.as_slice());
        let same = told.iter().zip(written).take_while(|(a, b)| a == b).count();
        let near = |bytes: &[u8]| {
            let from = same.saturating_sub(20);
            bytes[from..bytes.len().min(same + 20)]
                .escape_ascii()
                .to_string()
        };
        assert!(
            told == written,
            "seed {seed}, {spelling:?}: {output:?} differs at {same} of {} and {}: {:?}, {:?}",
            told.len(),
            written.len(),
            near(told),
            near(written)
        );
    }
    assert!(told.error.is_none(), "seed {seed}: {:?}", told.error);
    assert_eq!(told.missed(), 0, "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn nonsense_in_place_of_a_compressed_file_is_asked_for_again() {
    let agent = rotated().await;
    let mut nonsense = 3;
    agent.trouble(move |path| {
        let is_hit = path.starts_with("/files/download") && nonsense > 0;
        nonsense -= i32::from(is_hit);
        is_hit.then_some(Fault::Says("<html>a proxy</html>"))
    });
    agent.end();
    let told = read(&agent, following()).await;
    assert_eq!(told.text(), "1.1\n1.2\n1.3\n2.1\n2.2\n2.3\n3.1\n3.2\n3.3\n");
    assert_eq!(told.missed(), 0, "{:?}", told.words);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_only_called_compressed_is_missed_and_the_others_are_read() {
    for want in [LogRequest::default(), following()] {
        let agent = rotated().await;
        agent.trouble(|path| {
            let is_hit = path.starts_with("/files/download");
            is_hit.then_some(Fault::Says("no gzip"))
        });
        agent.end();
        let told = read(&agent, want).await;
        assert!(told.text().ends_with("3.1\n3.2\n3.3\n"), "{:?}", told.words);
        assert!(told.missed() > 0, "{:?}", told.words);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_told_twice_whatever_is_rotated() {
    let seeds = std::env::var("SEEDS").ok();
    let seeds: u64 = seeds.and_then(|seeds| seeds.parse().ok()).unwrap_or(20);
    for seed in 1..=seeds {
        random_story(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_thrown_away_before_it_was_read_is_told_to_be_missed() {
    let agent = Agent::new(TASK);
    agent.keep(1);
    let listener = Listener::to(&agent, following()).await;
    agent.write("stdout", b"one\n");
    listener.until("one", |told| told.text() == "one\n").await;
    for text in ["two\n", "three\n", "four\n", "five\n"] {
        agent.write("stdout", text.as_bytes());
        agent.rotate("stdout", false);
    }
    agent.write("stdout", b"six\n");
    listener
        .until("the rest", |told| told.text() == "one\nfive\nsix\n")
        .await;
    assert_eq!(listener.told(Told::missed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_goes_away_and_comes_back_is_told_and_loses_nothing() {
    let agent = Agent::new(TASK);
    agent.write("stdout", b"one\n");
    let listener = Listener::to(&agent, following()).await;
    listener.until("one", Told::is_caught_up).await;
    agent.trouble(|path| (!path.starts_with("/v2")).then_some(Fault::Broken));
    let is_away = |told: &Told| {
        let mut words = told.words.iter();
        words.any(|it| matches!(it, LogPiece::OutOfReach { since: Some(_), reason } if reason.contains("h1")))
    };
    listener.until("it is away", is_away).await;
    agent.write("stdout", b"two\n");
    agent.rotate("stdout", false);
    agent.write("stdout", b"three\n");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(listener.told(|told| told.words.len()), 2, "it is told once");
    agent.heal();
    listener
        .until("the rest", |told| told.text() == "one\ntwo\nthree\n")
        .await;
    let is_back = |told: &Told| {
        let last = told.words.iter().rev().take(2).collect::<Vec<_>>();
        last == [&LogPiece::CaughtUp, &LogPiece::InReach]
    };
    listener.until("it is back", is_back).await;
    agent.end();
    let told = listener.until_over().await;
    assert_eq!(told.text(), "one\ntwo\nthree\n");
    assert!(told.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_away_from_the_first_is_waited_for_only_by_who_follows() {
    let agent = Agent::new(TASK);
    agent.write("stdout", b"one\n");
    agent.trouble(|path| path.starts_with("/state").then_some(Fault::Broken));
    let told = read(&agent, LogRequest::default()).await;
    let error = told.error.unwrap();
    assert!(
        matches!(&error, ClusterError::Unreachable { engine, .. } if engine == "the Mesos agent"),
        "{error:?}"
    );
    let listener = Listener::to(&agent, following()).await;
    let is_away =
        |told: &Told| matches!(&told.words[..], [LogPiece::OutOfReach { since: None, .. }]);
    listener.until("it is away", is_away).await;
    agent.heal();
    listener.until("one", |told| told.text() == "one\n").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_nonsense_is_out_of_reach_until_he_does_not() {
    for fault in [
        Fault::Says("<html>log in</html>"),
        Fault::Says("{\"data\":"),
        Fault::Says("[7, {}]"),
        Fault::Status(500),
        Fault::Status(302),
        Fault::Elsewhere,
        Fault::Late(Duration::from_secs(3600)),
    ] {
        let agent = Agent::new(TASK);
        agent.write("stdout", b"one\n");
        let listener = Listener::to(&agent, following()).await;
        listener.until("one", Told::is_caught_up).await;
        let now = fault.clone();
        agent.trouble(move |path| path.starts_with("/files/read").then(|| now.clone()));
        agent.write("stdout", b"two\n");
        let is_away = |told: &Told| {
            let mut words = told.words.iter();
            words.any(|it| matches!(it, LogPiece::OutOfReach { .. }))
        };
        listener.until(&format!("{fault:?}"), is_away).await;
        agent.heal();
        listener
            .until("the rest", |told| told.text() == "one\ntwo\n")
            .await;
        let told = read(&agent, LogRequest::default()).await;
        assert_eq!(told.text(), "one\ntwo\n");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_follow_is_told_what_is_wrong() {
    let agent = Agent::new(TASK);
    agent.write("stdout", b"one\n");
    agent.trouble(|path| {
        path.starts_with("/files/read")
            .then_some(Fault::Says("<html>"))
    });
    let told = read(&agent, LogRequest::default()).await;
    assert!(
        matches!(told.error, Some(ClusterError::Garbled { .. })),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_shorter_than_asked_for_only_take_longer() {
    let agent = Agent::new(TASK);
    let lines: Vec<String> = (0..400).map(|it| format!("line {it} é\n")).collect();
    let text = lines.concat();
    agent.write("stdout", text.as_bytes());
    for spelling in [Spelling::Escaped, Spelling::Raw] {
        agent.spell(spelling);
        agent.trouble(|path| path.starts_with("/files/read").then_some(Fault::Short(101)));
        for want in [LogStart::Oldest, LogStart::LastLines(1000)] {
            let told = read(&agent, from(want.clone())).await;
            assert_eq!(told.text(), text, "{spelling:?} {want:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_text_comes_through() {
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    for spelling in [Spelling::Escaped, Spelling::Raw] {
        let agent = Agent::new(TASK);
        agent.spell(spelling);
        agent.write("stdout", &bytes);
        let told = read(&agent, LogRequest::default()).await;
        assert!(told.stdout == bytes, "{spelling:?}");
    }
    // Who mends it loses it, and yet neither place nor the rest.
    let agent = Agent::new(TASK);
    agent.spell(Spelling::Mended);
    agent.write("stdout", &bytes);
    agent.write("stdout", b"\nthe end\n");
    let told = read(&agent, LogRequest::default()).await;
    assert!(told.text().ends_with("\nthe end\n"));
    let told = read(&agent, from(LogStart::LastLines(1))).await;
    assert_eq!(told.text(), "the end\n");
}

#[tokio::test(start_paused = true)]
async fn odd_names_are_asked_for_as_they_are() {
    let odd = "a b+c&path=/etc/passwd#é%41/..;.b8d1e0a2";
    let agent = Agent::new(odd);
    agent.directory(&format!("/var/lib/{odd}"));
    agent.write("stdout", b"one\n");
    let (marathon, task) = (agent.client(), ContainerId(odd.to_owned()));
    let logs = marathon.logs(&task, &LogRequest::default()).await;
    let told = Listener::listen(logs.unwrap()).until_over().await;
    assert_eq!(told.text(), "one\n");
}

#[tokio::test(start_paused = true)]
async fn of_a_file_of_50_gb_only_the_end_is_read() {
    for has_lines in [true, false] {
        let agent = Agent::new(TASK);
        agent.huge("stdout", 50_000_000_000 / 64 * 64, has_lines);
        let told = read(&agent, from(LogStart::LastLines(100))).await;
        assert!(told.error.is_none(), "{:?}", told.error);
        if has_lines {
            assert_eq!(told.stdout.len(), 6400);
        }
        assert!(told.stdout.len() < 16 << 20, "{}", told.stdout.len());
        let asked = agent.asked().len();
        assert!(asked < 600, "{has_lines}: {asked} requests");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ends_is_told_whole_and_its_log_ends() {
    let agent = Agent::new(TASK);
    let listener = Listener::to(&agent, following()).await;
    listener.until("it began", Told::is_caught_up).await;
    agent.write("stdout", b"one\nlast words");
    agent.rotate("stdout", false);
    agent.write("stderr", b"ended\n");
    agent.end();
    let told = listener.until_over().await;
    assert_eq!(told.text(), "one\nlast words");
    assert_eq!(told.stderr, b"ended\n");
    assert!(told.error.is_none());

    // It is known for a while, and so is its log.
    let ended = agent.client().ended().await.unwrap();
    let [over] = &ended.containers[..] else {
        panic!("{ended:?}");
    };
    assert_eq!(over.id.0, TASK);
    assert_eq!(over.group.as_ref().unwrap().to_string(), "web:dev");
    assert_eq!((over.revision, &*over.host), (Some(1), "h1"));
    assert!(over.started_at.is_some() && over.ended_at.is_some());
    for follow in [false, true] {
        let want = LogRequest {
            host: Some("h1".into()),
            follow,
            ..LogRequest::default()
        };
        let told = read(&agent, want).await;
        assert_eq!(told.text(), "one\nlast words");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_nobody_knows_has_no_log() {
    let agent = Agent::new(TASK);
    agent.set_known(false);
    let told = read(&agent, LogRequest::default()).await;
    assert!(
        matches!(told.error, Some(ClusterError::Gone { .. })),
        "{told:?}"
    );
    let want = LogRequest {
        host: Some("h9".into()),
        ..LogRequest::default()
    };
    let told = read(&agent, want).await;
    let error = told.error.unwrap();
    assert!(error.to_string().contains("h9"), "{error}");

    // It may not have come there yet.
    let listener = Listener::to(&agent, following()).await;
    sleep(Duration::from_secs(20)).await;
    assert!(!listener.told(|told| told.is_over));
    agent.set_known(true);
    agent.write("stdout", b"one\n");
    listener.until("one", |told| told.text() == "one\n").await;
    // What is not there for a moment comes again; what stays away is over.
    agent.trouble(|path| path.starts_with("/files").then_some(Fault::Status(404)));
    sleep(Duration::from_secs(5)).await;
    agent.heal();
    agent.write("stdout", b"two\n");
    listener
        .until("two", |told| told.text() == "one\ntwo\n")
        .await;
    agent.remove_all();
    let told = listener.until_over().await;
    assert!(
        matches!(told.error, Some(ClusterError::Gone { .. })),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_writes_nothing_is_asked_once_a_second() {
    for is_old in [false, true] {
        let agent = Agent::new(TASK);
        agent.write("stdout", b"one\n");
        if is_old {
            agent.speak_old();
        }
        let listener = Listener::to(&agent, following()).await;
        listener.until("one", Told::is_caught_up).await;
        agent.asked();
        sleep(Duration::from_secs(60)).await;
        let asked = agent.asked();
        assert!(asked.len() <= 60, "{is_old}: {} requests", asked.len());
        assert!(asked.len() > 30, "{is_old}: {} requests", asked.len());
    }
}
