//! The files that an agent shows: the directories of its tasks, and what is in them.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::super::Cluster;
use super::super::host::Host;
use super::super::task::Task;
use super::FRAMEWORK;
use super::diary::{self, File, is_present};
use super::task::container_of;
use crate::docker::LogFile;
use crate::time::Stamp;

pub(super) const WORK_DIRECTORY: &str = "/var/lib/mesos/slave";

/// An answer holds at most this many bytes of a file: 16 pages of memory.
pub(crate) const LARGEST_READ: u64 = 16 * 4096;

/// One entry of a directory.
#[derive(Debug, Serialize)]
pub(crate) struct FileInfo {
    path: String,
    size: u64,
    mtime: f64,
    mode: &'static str,
    nlink: u32,
    uid: &'static str,
    gid: &'static str,
}

/// A piece of a file.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct FilePart {
    data: String,
    offset: u64,
}

impl FileInfo {
    /// A file that is really there.
    pub(crate) fn real(directory: &str, file: &LogFile) -> Self {
        let changed = file.changed.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            path: format!("{directory}/{}", file.name),
            size: file.size,
            mtime: changed.map_or(0.0, |since| since.as_secs_f64()),
            mode: "-rw-r--r--",
            nlink: 1,
            uid: "root",
            gid: "root",
        }
    }
}

impl FilePart {
    /// The end of a file, and nothing of it.
    pub(crate) fn end(size: u64) -> Self {
        Self {
            data: String::new(),
            offset: size,
        }
    }

    /// Bytes as they were read. Every byte that is no part of a character is one `?`, so that whoever
    /// counts the bytes of a text counts those of the file; a character that may go on behind the
    /// piece is left for the next one.
    pub(crate) fn real(offset: u64, mut bytes: Vec<u8>) -> Self {
        if let Err(error) = std::str::from_utf8(&bytes)
            && error.error_len().is_none()
            && error.valid_up_to() > 0
        {
            bytes.truncate(error.valid_up_to());
        }
        let mut data = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            data.push_str(chunk.valid());
            data.extend(chunk.invalid().iter().map(|_| '?'));
        }
        Self { data, offset }
    }
}

/// There is no such file or directory.
#[derive(Debug)]
pub(crate) struct NoFile;

/// The directory of a task, as its agent tells it.
pub(super) fn directory(task: &Task, host: &Host) -> String {
    format!(
        "{WORK_DIRECTORY}/slaves/{}/frameworks/{FRAMEWORK}/executors/{}/runs/{}",
        host.agent,
        task.id,
        container_of(&task.id)
    )
}

impl Cluster {
    /// What is in a directory.
    pub(crate) fn browse(
        &self,
        index: usize,
        path: &str,
        now: Stamp,
    ) -> Result<Vec<FileInfo>, NoFile> {
        let path = path.trim_end_matches('/');
        let task = self.task_in(index, path).ok_or(NoFile)?;
        let info = |file: File| FileInfo {
            path: format!("{path}/{}", file.name),
            size: file.size(),
            mtime: file.changed.as_seconds(),
            mode: "-rw-r--r--",
            nlink: 1,
            uid: "root",
            gid: "root",
        };
        let files = diary::files(task, &self.hosts[index].config.name, now);
        Ok(files.into_iter().map(info).collect())
    }

    /// A piece of a file of at most `length` bytes; without an offset, none of it and how long
    /// it is.
    pub(crate) fn read_file(
        &self,
        index: usize,
        path: &str,
        offset: Option<u64>,
        length: Option<u64>,
        now: Stamp,
    ) -> Result<FilePart, NoFile> {
        let file = self.file_at(index, path, now)?;
        let Some(offset) = offset else {
            return Ok(FilePart {
                data: String::new(),
                offset: file.size(),
            });
        };
        let length = length.unwrap_or(LARGEST_READ).min(LARGEST_READ);
        let bytes = file.bytes(offset..offset.saturating_add(length));
        Ok(FilePart {
            // All that tasks write here is ASCII, so that no character is ever cut.
            data: String::from_utf8_lossy(&bytes).into_owned(),
            offset,
        })
    }

    /// A whole file.
    pub(crate) fn download(&self, index: usize, path: &str, now: Stamp) -> Result<Vec<u8>, NoFile> {
        Ok(self.file_at(index, path, now)?.bytes(0..u64::MAX))
    }

    fn file_at(&self, index: usize, path: &str, now: Stamp) -> Result<File, NoFile> {
        let (directory, name) = path.rsplit_once('/').ok_or(NoFile)?;
        let task = self.task_in(index, directory).ok_or(NoFile)?;
        let files = diary::files(task, &self.hosts[index].config.name, now);
        files
            .into_iter()
            .find(|file| file.name == name)
            .ok_or(NoFile)
    }

    /// The real task whose directory this is.
    pub(crate) fn directory_of(&self, index: usize, path: &str) -> Result<Arc<str>, NoFile> {
        let task = self.task_in(index, path).ok_or(NoFile)?;
        Ok(Arc::clone(&task.id))
    }

    /// The task whose directory this is, by its own path or by the one that Mesos makes up.
    fn task_in(&self, index: usize, path: &str) -> Option<&Task> {
        let host = self.reachable(index)?;
        let own = format!("{WORK_DIRECTORY}/slaves/{}", host.agent);
        let below = path.strip_prefix(&own).unwrap_or(path);
        let below = below.strip_prefix(&format!("/frameworks/{FRAMEWORK}/executors/"))?;
        let (id, run) = below.split_once("/runs/")?;
        let task = self.task_at(index, id).filter(|task| is_present(task))?;
        (run == "latest" || run == container_of(&task.id)).then_some(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_its_bytes_and_cuts_no_character() {
        let read = |bytes: &[u8]| FilePart::real(0, bytes.to_vec()).data;
        assert_eq!(read("aé".as_bytes()), "aé");
        assert_eq!(read(&"aé".as_bytes()[..2]), "a");
        assert_eq!(read(&"é".as_bytes()[..1]), "?");
        assert_eq!(read(b"a\xff\xfe\nb"), "a??\nb");
    }
}
