//! Calls to etcd: how long they may take, what went wrong with them, and which may be made again.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures_util::future::BoxFuture;
use theseus_core::store::StoreError;
use tokio::time::{self, Instant};
use tonic::{Code, ConnectError, Status};

/// How long one try may take. A frozen node, which swallows calls, is left after this.
pub(super) const ONE_TRY: Duration = Duration::from_millis(1500);

/// How long a call may take with all its tries. It outlasts an election of a new leader.
const ALL_TRIES: Duration = Duration::from_secs(4);

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

/// A request under way. It borrows nothing, so that it may be made again at any time.
pub(super) type Request<T> = BoxFuture<'static, Result<T, etcd_client::Error>>;

/// What it means when a call was sent but not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing: it would only have read.
    Read,
    /// That it may have been carried out. It may be made again: a second time changes nothing.
    Write,
}

/// Why a try failed.
#[derive(Debug)]
pub(super) struct Fault {
    kind: Kind,
    source: Box<dyn Error + Send + Sync>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It never reached a node that could have carried it out.
    NotSent,
    /// It may have been carried out.
    Unanswered,
    /// Who we are was refused.
    Denied,
    /// The answer is larger than we read.
    TooLarge,
    /// It was refused for another reason, and will be again.
    Refused,
}

/// A call that failed for good.
#[derive(Debug)]
pub(super) struct Failed {
    fault: Fault,
    /// Whether a write among its tries may have been carried out.
    unclear: bool,
}

impl Failed {
    pub(super) fn at(self, address: &str) -> StoreError {
        if self.unclear {
            StoreError::Unclear {
                address: address.to_owned(),
                source: self.fault.source,
            }
        } else {
            self.fault.at(address)
        }
    }
}

impl Fault {
    pub(super) fn refused(source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            kind: Kind::Refused,
            source: Box::new(source),
        }
    }

    /// Something ended that should have gone on, or was never answered.
    pub(super) fn unanswered(what: &'static str) -> Self {
        Self {
            kind: Kind::Unanswered,
            source: what.into(),
        }
    }

    /// etcd ended a watch, and said no more than this.
    pub(super) fn canceled(reason: &str) -> Self {
        let kind = if reason.contains("permission denied") {
            Kind::Denied
        } else {
            Kind::Refused
        };
        Self {
            kind,
            source: format!("the watch was canceled: {reason}").into(),
        }
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.kind == Kind::TooLarge
    }

    pub(super) fn may_have_been_carried_out(&self) -> bool {
        self.kind == Kind::Unanswered
    }

    /// The error that tells of a fault after which nothing was written.
    pub(super) fn at(self, address: &str) -> StoreError {
        let (address, source) = (address.to_owned(), self.source);
        match self.kind {
            Kind::NotSent | Kind::Unanswered => StoreError::Unreachable { address, source },
            Kind::Denied => StoreError::Denied { address, source },
            Kind::TooLarge | Kind::Refused => StoreError::Failed { address, source },
        }
    }

    /// The error that tells of a fault after which nobody knows what was written.
    pub(super) fn unclear_at(self, address: &str) -> StoreError {
        StoreError::Unclear {
            address: address.to_owned(),
            source: self.source,
        }
    }
}

impl From<etcd_client::Error> for Fault {
    fn from(error: etcd_client::Error) -> Self {
        match error {
            etcd_client::Error::GRpcStatus(status) => Self {
                kind: kind(&status),
                source: Box::new(Said(status)),
            },
            etcd_client::Error::TransportError(error) => Self {
                kind: Kind::NotSent,
                source: Box::new(error),
            },
            // What the library says when a stream ends before its first message.
            etcd_client::Error::WatchError(_) | etcd_client::Error::IoError(_) => Self {
                kind: Kind::Unanswered,
                source: Box::new(error),
            },
            error => Self::refused(error),
        }
    }
}

fn kind(status: &Status) -> Kind {
    match status.code() {
        Code::Unavailable if was_not_sent(status) => Kind::NotSent,
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Unknown
        | Code::Aborted
        | Code::Internal => Kind::Unanswered,
        Code::Unauthenticated | Code::PermissionDenied => Kind::Denied,
        Code::InvalidArgument | Code::FailedPrecondition if is_about_credentials(status) => {
            Kind::Denied
        }
        Code::OutOfRange
            if status
                .message()
                .contains("decoded message length too large") =>
        {
            Kind::TooLarge
        }
        Code::ResourceExhausted if status.message().contains("too many requests") => Kind::NotSent,
        _ => Kind::Refused,
    }
}

fn was_not_sent(status: &Status) -> bool {
    // A node without a leader proposes nothing to the others.
    status.message() == "etcdserver: no leader"
        || chain(status).any(<dyn Error>::is::<ConnectError>)
}

/// etcd reports missing, wrong and unwanted credentials as if the request were malformed.
fn is_about_credentials(status: &Status) -> bool {
    ["authentication", "user name", "user ID"]
        .iter()
        .any(|word| status.message().contains(word))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What a node, or the way to it, said. Prints as the message alone; `Status` adds its code and
/// the `Debug` of its source.
#[derive(Debug)]
struct Said(Status);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.message() {
            "" => f.write_str(self.0.code().description()),
            message => f.write_str(message),
        }
    }
}

impl Error for Said {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The status repeats the text of its direct source.
        chain(self.0.source()?).find(|cause| cause.to_string() != self.0.message())
    }
}

/// The tries of one call.
#[derive(Debug)]
pub(super) struct Attempts {
    deadline: Instant,
    pauses: ExponentialBackoff,
    unclear: bool,
}

impl Attempts {
    pub(super) fn start() -> Self {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_jitter()
            .without_max_times()
            .build();
        Self {
            deadline: Instant::now() + ALL_TRIES,
            pauses,
            unclear: false,
        }
    }

    /// Makes one try.
    pub(super) async fn run<T>(&self, request: Request<T>) -> Result<T, Fault> {
        let end = self.deadline.min(Instant::now() + ONE_TRY);
        match time::timeout_at(end, request).await {
            Ok(result) => result.map_err(Fault::from),
            Err(_) => Err(Fault::unanswered("no answer came in time")),
        }
    }

    /// Waits until it is time for the next try, or gives up.
    pub(super) async fn again(&mut self, effect: Effect, fault: Fault) -> Result<(), Failed> {
        self.unclear |= effect == Effect::Write && fault.may_have_been_carried_out();
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        let transient = matches!(fault.kind, Kind::NotSent | Kind::Unanswered);
        if transient && Instant::now() + pause < self.deadline {
            time::sleep(pause).await;
            Ok(())
        } else {
            Err(Failed {
                fault,
                unclear: self.unclear,
            })
        }
    }

    /// Makes a call as often as needed. A write must be one that changes nothing the second time.
    pub(super) async fn retry<T>(
        &mut self,
        effect: Effect,
        request: impl Fn() -> Request<T>,
    ) -> Result<T, Failed> {
        loop {
            match self.run(request()).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => self.again(effect, fault).await?,
            }
        }
    }

    /// Whether some try so far may have been carried out.
    pub(super) fn are_unclear(&self) -> bool {
        self.unclear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: Status) -> Fault {
        etcd_client::Error::GRpcStatus(status).into()
    }

    #[test]
    fn answers_are_sorted_by_what_can_be_done_about_them() {
        for (status, expected) in [
            (Status::unavailable("etcdserver: no leader"), Kind::NotSent),
            (
                Status::unavailable("etcdserver: request timed out"),
                Kind::Unanswered,
            ),
            (Status::unknown("transport error"), Kind::Unanswered),
            (
                Status::resource_exhausted("etcdserver: too many requests"),
                Kind::NotSent,
            ),
            (
                Status::resource_exhausted("etcdserver: mvcc: database space exceeded"),
                Kind::Refused,
            ),
            (
                Status::unauthenticated("etcdserver: invalid auth token"),
                Kind::Denied,
            ),
            (
                Status::permission_denied("etcdserver: permission denied"),
                Kind::Denied,
            ),
            (
                Status::invalid_argument(
                    "etcdserver: authentication failed, invalid user ID or password",
                ),
                Kind::Denied,
            ),
            (
                Status::invalid_argument("etcdserver: user name is empty"),
                Kind::Denied,
            ),
            (
                Status::failed_precondition("etcdserver: authentication is not enabled"),
                Kind::Denied,
            ),
            (
                Status::invalid_argument("etcdserver: too many operations in txn request"),
                Kind::Refused,
            ),
            (
                Status::out_of_range("Error, decoded message length too large: found 5, limit 4"),
                Kind::TooLarge,
            ),
            (
                Status::out_of_range("etcdserver: mvcc: required revision is a future revision"),
                Kind::Refused,
            ),
        ] {
            assert_eq!(kind(&status), expected, "{status}");
        }
    }

    #[test]
    fn a_refused_connection_was_not_sent_and_is_told_once() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let fault = fault(Status::from_error(Box::new(ConnectError(refused.into()))));
        assert_eq!(fault.kind, Kind::NotSent);
        let told: Vec<String> = chain(&*fault.source).map(ToString::to_string).collect();
        assert_eq!(told, ["connection refused"]);
    }

    fn answers(status: Status) -> impl Fn() -> Request<()> {
        move || {
            Box::pin(std::future::ready(Err(etcd_client::Error::GRpcStatus(
                status.clone(),
            ))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tries_go_on_for_four_seconds_and_then_tell_what_they_know() {
        let started = Instant::now();
        let timed_out = answers(Status::unavailable("etcdserver: request timed out"));
        let failed = Attempts::start()
            .retry(Effect::Read, &timed_out)
            .await
            .unwrap_err();
        assert!(matches!(failed.at("x"), StoreError::Unreachable { .. }));
        assert!(started.elapsed() > ALL_TRIES / 2 && started.elapsed() <= ALL_TRIES);

        let failed = Attempts::start()
            .retry(Effect::Write, &timed_out)
            .await
            .unwrap_err();
        assert!(matches!(failed.at("x"), StoreError::Unclear { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_never_answers_is_given_up() {
        let started = Instant::now();
        let silent = || -> Request<()> { Box::pin(std::future::pending()) };
        let failed = Attempts::start()
            .retry(Effect::Read, silent)
            .await
            .unwrap_err();
        assert!(matches!(failed.at("x"), StoreError::Unreachable { .. }));
        assert!(started.elapsed() <= ALL_TRIES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_tried_again() {
        let started = Instant::now();
        let denied = answers(Status::permission_denied("etcdserver: permission denied"));
        let failed = Attempts::start()
            .retry(Effect::Write, denied)
            .await
            .unwrap_err();
        assert!(matches!(failed.at("x"), StoreError::Denied { .. }));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
