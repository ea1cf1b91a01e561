//! The life of one container: its image, its start, what it writes, its end and its removal.

use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as Refusal;
use bollard::models::ContainerState;
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptions, InspectContainerOptions, StartContainerOptions,
};
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::driver::Voice;
use super::logs::Logs;
use super::{Docker, create, credentials, remove, signal, status, words};
use crate::cluster::{Happening, Launch};
use crate::definition::Run;

/// A pull of which nothing is heard for so long has failed.
const SILENCE: Duration = Duration::from_secs(120);

/// From one try to reach the engine to the next.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a task may take to end, once it is asked to.
pub(super) type Stop = watch::Receiver<Option<Duration>>;

/// How a container ended.
#[derive(Debug)]
struct End {
    success: bool,
    message: String,
}

impl End {
    fn failure(message: impl Into<String>) -> Self {
        Self {
            success: false,
            message: message.into(),
        }
    }
}

pub(super) async fn start(docker: Docker, voice: Voice, launch: Launch, mut stop: Stop) {
    let task = Arc::clone(&launch.task);
    let mut logs = match Logs::open(&docker, &task) {
        Ok(logs) => logs,
        Err(error) => {
            return voice.ended(&task, false, format!("cannot write its files: {error}"));
        }
    };
    let end = match bring_up(&docker, &voice, &launch, &mut stop).await {
        Ok(()) => {
            voice.tell(&task, Happening::Running);
            attend(&docker, &task, &mut logs, stop).await
        }
        Err(end) => end,
    };
    finish(&docker, &voice, &task, &mut logs, end).await;
}

pub(super) async fn resume(docker: Docker, voice: Voice, task: Arc<str>, stop: Stop) {
    let mut logs = match Logs::open(&docker, &task) {
        Ok(logs) => logs,
        Err(error) => {
            return voice.ended(&task, false, format!("cannot write its files: {error}"));
        }
    };
    let end = attend(&docker, &task, &mut logs, stop).await;
    finish(&docker, &voice, &task, &mut logs, end).await;
}

async fn finish(docker: &Docker, voice: &Voice, task: &Arc<str>, logs: &mut Logs, end: End) {
    // The note is for people; the end is told all the same.
    let _ = logs.note(&end.message);
    while let Err(error) = remove(docker.client(), task).await {
        tracing::debug!(%error, %task, "a container is not removed yet");
        sleep(PAUSE).await;
    }
    voice.ended(task, end.success, end.message);
}

/// From nothing to a container that runs. Only a pull is broken off when the task is to end.
async fn bring_up(
    docker: &Docker,
    voice: &Voice,
    launch: &Launch,
    stop: &mut Stop,
) -> Result<(), End> {
    let run = launch
        .run
        .as_ref()
        .map_err(|why| End::failure(why.as_str()))?;
    let sandbox = &docker.inner.config.sandbox;
    let body = create::body(sandbox, &launch.saved, run).map_err(End::failure)?;
    tokio::select! {
        pulled = provide(docker, run) => pulled.map_err(End::failure)?,
        _ = asked(stop) => return Err(End::failure("ended before it began")),
    }
    voice.tell(&launch.task, Happening::Starting);
    let options = CreateContainerOptions {
        name: Some(launch.task.to_string()),
        ..CreateContainerOptions::default()
    };
    let client = docker.client();
    let failed = |error: Refusal| End::failure(format!("cannot start: {}", words(&error)));
    client
        .create_container(Some(options), body)
        .await
        .map_err(failed)?;
    let started = client
        .start_container(&launch.task, None::<StartContainerOptions>)
        .await;
    started.map_err(failed)
}

/// Sees to it that the image is there.
async fn provide(docker: &Docker, run: &Run) -> Result<(), String> {
    let image = &run.image;
    let client = docker.client();
    if !run.force_pull {
        match client.inspect_image(image).await {
            Ok(_) => return Ok(()),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(format!("cannot look for {image}: {}", words(&error))),
        }
    }
    let options = CreateImageOptions {
        from_image: Some(image.clone()),
        // Without one the engine would pull them all.
        tag: (!is_exact(image)).then(|| "latest".to_owned()),
        ..CreateImageOptions::default()
    };
    let credentials = credentials::of(image, docker.inner.config.credentials.as_deref());
    let mut pull = std::pin::pin!(client.create_image(Some(options), None, credentials));
    loop {
        match timeout(SILENCE, pull.next()).await {
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(format!("cannot pull {image}: {}", words(&error))),
            Ok(None) => return Ok(()),
            Err(_) => {
                let seconds = SILENCE.as_secs();
                return Err(format!("cannot pull {image}: nothing came for {seconds} s"));
            }
        }
    }
}

/// Whether an image is named with a tag or a digest.
fn is_exact(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.contains([':', '@'])
}

/// Writes down what a container writes until it ends, by itself or because it is asked to.
async fn attend(docker: &Docker, task: &str, logs: &mut Logs, stop: Stop) -> End {
    tokio::select! {
        end = watch_on(docker, task, logs) => end,
        () = stop_it(docker, task, stop) => End::failure("it does not end"),
    }
}

async fn watch_on(docker: &Docker, task: &str, logs: &mut Logs) -> End {
    loop {
        if let Err(error) = logs.follow(docker, task).await {
            tracing::debug!(%error, %task, "the log breaks off");
        }
        match state(docker.client(), task).await {
            Ok(Some(state)) if state.running != Some(true) => return ended(&state),
            Ok(None) => return End::failure("the container was removed by somebody else"),
            // It runs, or nobody knows: the log is taken up again.
            Ok(Some(_)) | Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Asks a container to end when its time has come, and ends it when it takes too long. Never
/// ready: its end is seen by whoever watches it.
async fn stop_it(docker: &Docker, task: &str, mut stop: Stop) {
    let grace = asked(&mut stop).await;
    if !grace.is_zero() {
        insist(docker, task, "SIGTERM").await;
        sleep(grace).await;
    }
    insist(docker, task, "SIGKILL").await;
    std::future::pending::<()>().await;
}

/// Ready when a task is asked to end; says how long that may take.
async fn asked(stop: &mut Stop) -> Duration {
    loop {
        if let Some(grace) = *stop.borrow_and_update() {
            return grace;
        }
        if stop.changed().await.is_err() {
            // Nobody is left to ask.
            std::future::pending::<()>().await;
        }
    }
}

/// Sends a signal, to an engine that is gone as soon as it is back.
async fn insist(docker: &Docker, task: &str, name: &str) {
    while let Err(error) = signal(docker.client(), task, name).await {
        if status(&error).is_some() {
            return;
        }
        sleep(PAUSE).await;
    }
}

async fn state(client: &bollard::Docker, task: &str) -> Result<Option<ContainerState>, Refusal> {
    match client
        .inspect_container(task, None::<InspectContainerOptions>)
        .await
    {
        Ok(inspected) => Ok(Some(inspected.state.unwrap_or_default())),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a container runs, as far as anybody knows.
pub(super) async fn runs(client: &bollard::Docker, container: &str) -> bool {
    let state = state(client, container).await;
    state.is_ok_and(|state| state.is_some_and(|state| state.running == Some(true)))
}

fn ended(state: &ContainerState) -> End {
    let code = state.exit_code.unwrap_or(-1);
    let said = state.error.as_deref().unwrap_or_default().trim();
    let mut message = format!("Container exited with status {code}");
    if state.oom_killed == Some(true) {
        message.push_str(": it ran out of memory and was killed (OOM)");
    } else if !said.is_empty() {
        message.push_str(": ");
        message.push_str(said);
    }
    End {
        success: code == 0,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_is_told_from_one_with_a_port() {
        assert!(is_exact("web:1"));
        assert!(is_exact("10.0.0.1:5000/web:1"));
        assert!(is_exact("web@sha256:abc"));
        assert!(!is_exact("10.0.0.1:5000/web"));
        assert!(!is_exact("web"));
    }

    #[test]
    fn an_end_is_told_as_it_was() {
        let end = |code, oom, error: &str| {
            ended(&ContainerState {
                exit_code: Some(code),
                oom_killed: Some(oom),
                error: Some(error.into()),
                ..ContainerState::default()
            })
        };
        assert!(end(0, false, "").success);
        assert_eq!(end(3, false, "").message, "Container exited with status 3");
        assert!(end(137, true, "").message.ends_with("(OOM)"));
        assert!(end(127, false, "no sh\n").message.ends_with(": no sh"));
    }
}
