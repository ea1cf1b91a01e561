//! Marathon, address by address, and what belongs to it.

use std::time::Duration;

use jiff::SignedDuration;
use theseus_core::cluster::Cluster as _;
use theseus_core::model::duration;
use theseus_marathon::{Checked, Hearing, Marathon, Mesos, Reached};

use super::failed;
use super::report::{Check, Report, State};
use crate::failure::{Code, Failure};

/// Clocks may be so far apart before it is worth a word.
const APART: SignedDuration = SignedDuration::from_secs(10);
/// An answer to a small question that takes longer than this is slow.
const SLOW: Duration = Duration::from_secs(1);

pub(super) async fn examine(marathon: &Marathon) -> Report {
    let mut report = Report::default();
    let checked = marathon.check_addresses().await;
    let works = checked.iter().any(|it| it.reached.is_ok());
    let mut ahead = Vec::new();
    for Checked { url, reached } in checked {
        match reached {
            Ok(reached) => {
                ahead.extend(reached.ahead);
                report.add(address(url.as_str().trim_end_matches('/'), &reached));
            }
            // The others do its work.
            Err(error) if works => report.add(failed("marathon", State::Warning, error)),
            Err(error) => report.fails(Code::OutOfReach, failed("marathon", State::Failed, error)),
        }
    }
    if !works {
        return report;
    }
    match marathon.engine().await {
        Ok(engine) => {
            let spoken = format!("Marathon {}", engine.version);
            report.add(Check::new("version", State::Ok, spoken));
            for notice in engine.notices {
                report.add(Check::new("version", State::Warning, notice));
            }
        }
        Err(error) => {
            report.fails(Code::OutOfReach, failed("version", State::Failed, error));
            return report;
        }
    }
    let (hearing, mesos) = tokio::join!(marathon.check_events(), marathon.check_mesos());
    report.add(match hearing {
        Ok(hearing) => events(hearing),
        Err(error) => failed("events", State::Warning, error),
    });
    report.add(match mesos {
        Ok(told) => self::mesos(told),
        Err(error) => failed("mesos", State::Warning, error),
    });
    report.add(clock(&ahead));
    report
}

fn address(url: &str, reached: &Reached) -> Check {
    let role = match (&reached.leader, reached.is_standby) {
        (None, _) => "no leader".to_owned(),
        (Some(leader), true) => format!("a standby of {leader}"),
        (Some(leader), false) => format!("led by {leader}"),
    };
    let took = duration::format(Duration::from_millis(
        u64::try_from(reached.took.as_millis())
            .unwrap_or(u64::MAX)
            .max(1),
    ));
    let detail = format!(
        "{url} answers in {took}: version {}, {role}",
        reached.version
    );
    if reached.took > SLOW {
        let check = Check::new("marathon", State::Warning, detail);
        return check.advice("that is slow: is it far away, or has it much to do?");
    }
    Check::new("marathon", State::Ok, detail)
}

fn events(hearing: Hearing) -> Check {
    match hearing {
        Hearing::Stream => Check::new("events", State::Ok, "as a stream"),
        Hearing::Callbacks(url) => {
            Check::new("events", State::Ok, format!("as callbacks to {url}"))
        }
        Hearing::Looking(why) => Check::new(
            "events",
            State::Warning,
            format!("none, so that it is looked now and then: {why}"),
        )
        .advice("all works, only a little later"),
        _ => Check::new("events", State::Ok, "in another way"),
    }
}

fn mesos(told: Mesos) -> Check {
    match told {
        Mesos::Reached { url, hosts } => {
            let url = url.as_str().trim_end_matches('/');
            Check::new("mesos", State::Ok, format!("{url} tells {hosts} hosts"))
        }
        Mesos::Unknown => Check::new(
            "mesos",
            State::Warning,
            "Marathon does not tell where Mesos is",
        )
        .advice("write mesos: {host: …, port: 5050} in mesos.yaml; without it hosts are known only as far as containers run there, and nobody tells usage and logs"),
        Mesos::Unreached { error, .. } => {
            let (detail, _) = Failure::from(error).into_parts();
            Check::new("mesos", State::Warning, detail)
                .advice("hosts are known only as far as containers run there: plans cannot tell whether there is room")
        }
    }
}

/// The clock that is furthest off.
fn clock(ahead: &[SignedDuration]) -> Check {
    let Some(worst) = ahead.iter().max_by_key(|ahead| ahead.unsigned_abs()) else {
        return Check::new("clock", State::Ok, "Marathon does not tell its time");
    };
    let apart = Duration::from_secs(worst.unsigned_abs().as_secs());
    if worst.unsigned_abs() <= APART.unsigned_abs() {
        return Check::new("clock", State::Ok, "the same here and there");
    }
    let detail = format!(
        "Marathon's clock is {} {}",
        duration::format(apart),
        if worst.is_positive() {
            "ahead"
        } else {
            "behind"
        }
    );
    Check::new("clock", State::Warning, detail)
        .advice("ages and deadlines of containers are off by as much: set the clocks by NTP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told() {
        let shown = |seconds: &[i64]| {
            let ahead: Vec<_> = seconds
                .iter()
                .map(|it| SignedDuration::from_secs(*it))
                .collect();
            serde_json::to_value(clock(&ahead)).unwrap()
        };
        for (ahead, state, detail) in [
            (&[][..], "ok", "Marathon does not tell its time"),
            (&[1, -2], "ok", "the same here and there"),
            (&[1, -90], "warning", "Marathon's clock is 1m 30s behind"),
            (&[3600], "warning", "Marathon's clock is 1h ahead"),
        ] {
            let shown = shown(ahead);
            assert_eq!(
                (&shown["state"], &shown["detail"]),
                (&state.into(), &detail.into())
            );
        }
    }
}
