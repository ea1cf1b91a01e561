//! What containers write, as the files of their tasks: `stdout`, `stderr`, and older parts of them
//! as `stdout.1` and so on. The engine stamps each line with a time; beside the files lies how far
//! they go, so that whoever goes on from there loses nothing and writes nothing twice.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bollard::container::LogOutput;
use bollard::errors::Error as Refusal;
use bollard::query_parameters::LogsOptions;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::Docker;

/// Older parts that are kept of each file.
const MOST_OLDER: usize = 2;

/// Pieces that are written at a time.
const BATCH: usize = 256;

/// Where it is kept how far the files go.
const POSITION: &str = ".position";

/// One file of a task.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) changed: SystemTime,
}

/// The files of one task, to be written on.
#[derive(Debug)]
pub(super) struct Logs {
    directory: PathBuf,
    limit: u64,
    position: Position,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Position {
    stdout: Reached,
    stderr: Reached,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Reached {
    /// The time of the last line that was written, as the engine writes times: they sort as texts.
    last: String,
    size: u64,
}

impl Logs {
    /// Opens the files of a task. What lies behind the last known position is written once more.
    pub(super) fn open(docker: &Docker, task: &str) -> std::io::Result<Self> {
        Self::at(docker.directory(task), docker.log_size())
    }

    fn at(directory: PathBuf, limit: u64) -> std::io::Result<Self> {
        std::fs::create_dir_all(&directory)?;
        let known = std::fs::read(directory.join(POSITION)).ok();
        let position: Position = known
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        for (name, reached) in [("stdout", &position.stdout), ("stderr", &position.stderr)] {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(directory.join(name))?;
            if file.metadata()?.len() > reached.size {
                file.set_len(reached.size)?;
            }
        }
        Ok(Self {
            directory,
            limit,
            position,
        })
    }

    /// Writes a line of the executor's own.
    pub(super) fn note(&mut self, text: &str) -> std::io::Result<()> {
        let mut reached = std::mem::take(&mut self.position.stderr);
        let written = self.append(
            "stderr",
            &mut reached,
            format!("executor: {text}\n").as_bytes(),
        );
        self.position.stderr = reached;
        written.and_then(|()| self.keep())
    }

    /// Writes what a container writes until it ends or the engine has no more to say.
    pub(super) async fn follow(&mut self, docker: &Docker, task: &str) -> Result<(), Refusal> {
        let options = LogsOptions {
            follow: true,
            stdout: true,
            stderr: true,
            timestamps: true,
            since: self.since(),
            ..LogsOptions::default()
        };
        let stream = docker.client().logs(task, Some(options));
        let mut batches = std::pin::pin!(stream.ready_chunks(BATCH));
        while let Some(batch) = batches.next().await {
            for piece in batch {
                self.take(piece?)?;
            }
            self.keep()?;
        }
        Ok(())
    }

    /// The second from which on something may be missing.
    fn since(&self) -> i32 {
        let last = self
            .position
            .stdout
            .last
            .as_str()
            .min(&self.position.stderr.last);
        let seconds = last
            .parse::<jiff::Timestamp>()
            .map(jiff::Timestamp::as_second);
        i32::try_from(seconds.unwrap_or(0)).unwrap_or(0)
    }

    fn take(&mut self, piece: LogOutput) -> std::io::Result<()> {
        let (name, message) = match piece {
            LogOutput::StdErr { message } => ("stderr", message),
            LogOutput::StdOut { message }
            | LogOutput::Console { message }
            | LogOutput::StdIn { message } => ("stdout", message),
        };
        let space = message.iter().position(|byte| *byte == b' ');
        let (time, text) = message.split_at(space.map_or(message.len(), |space| space + 1));
        let time = String::from_utf8_lossy(time).trim_end().to_owned();
        let reached = match name {
            "stderr" => &mut self.position.stderr,
            _ => &mut self.position.stdout,
        };
        if time <= reached.last {
            return Ok(());
        }
        let mut reached = std::mem::take(reached);
        reached.last = time;
        let written = self.append(name, &mut reached, text);
        match name {
            "stderr" => self.position.stderr = reached,
            _ => self.position.stdout = reached,
        }
        written
    }

    fn append(&self, name: &str, reached: &mut Reached, text: &[u8]) -> std::io::Result<()> {
        let path = self.directory.join(name);
        if reached.size > 0 && reached.size + text.len() as u64 > self.limit {
            for number in (1..MOST_OLDER).rev() {
                rename(&part(&path, number), &part(&path, number + 1))?;
            }
            rename(&path, &part(&path, 1))?;
            reached.size = 0;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(text)?;
        reached.size += text.len() as u64;
        Ok(())
    }

    fn keep(&self) -> std::io::Result<()> {
        let path = self.directory.join(POSITION);
        let beside = self.directory.join(".position.new");
        std::fs::write(&beside, serde_json::to_vec(&self.position)?)?;
        std::fs::rename(beside, path)
    }
}

fn part(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Docker {
    /// The files of a task.
    pub(crate) fn files(&self, task: &str) -> Vec<LogFile> {
        let entries = std::fs::read_dir(self.directory(task))
            .into_iter()
            .flatten();
        let mut files: Vec<LogFile> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let metadata = entry.metadata().ok()?;
                (metadata.is_file() && !name.starts_with('.')).then(|| LogFile {
                    name,
                    size: metadata.len(),
                    changed: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                })
            })
            .collect();
        files.sort_by(|left, right| left.name.cmp(&right.name));
        files
    }

    /// A piece of a file of a task; none if there is no file of that very name.
    pub(crate) fn piece(&self, task: &str, name: &str, offset: u64, most: u64) -> Option<Vec<u8>> {
        let file = self
            .files(task)
            .into_iter()
            .find(|file| file.name == name)?;
        let mut open = File::open(self.directory(task).join(file.name)).ok()?;
        open.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = Vec::new();
        open.take(most).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let name = format!("theseus-logs-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&directory);
        directory
    }

    fn line(second: u32, text: &str) -> LogOutput {
        LogOutput::StdOut {
            message: format!("2026-01-02T03:04:{second:02}.000000000Z {text}\n").into(),
        }
    }

    fn read(directory: &Path, name: &str) -> String {
        std::fs::read_to_string(directory.join(name)).unwrap_or_default()
    }

    #[test]
    fn what_was_written_is_not_written_twice_and_what_was_not_is() {
        let place = directory("twice");
        let mut logs = Logs::at(place.clone(), 1000).unwrap();
        logs.take(line(1, "one")).unwrap();
        logs.keep().unwrap();
        // Written, and the process ends before it is known.
        logs.take(line(2, "two")).unwrap();
        drop(logs);
        let mut logs = Logs::at(place.clone(), 1000).unwrap();
        for (second, text) in [(1, "one"), (2, "two"), (3, "three")] {
            logs.take(line(second, text)).unwrap();
        }
        assert_eq!(read(&place, "stdout"), "one\ntwo\nthree\n");
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn files_are_rotated_and_bounded() {
        let place = directory("rotated");
        let mut logs = Logs::at(place.clone(), 8).unwrap();
        for second in 1..=8 {
            logs.take(line(second, &format!("l{second}"))).unwrap();
        }
        logs.note("done").unwrap();
        assert_eq!(read(&place, "stdout.2"), "l3\nl4\n");
        assert_eq!(read(&place, "stdout.1"), "l5\nl6\n");
        assert_eq!(read(&place, "stdout"), "l7\nl8\n");
        assert_eq!(read(&place, "stdout.3"), "");
        assert_eq!(read(&place, "stderr"), "executor: done\n");
        std::fs::remove_dir_all(place).unwrap();
    }
}
