//! What an engine of the tests leaves behind when it and they are killed: processes, mounts, a
//! directory and a bridge. Containers that nobody ends go on, and namespaces that stay mounted keep
//! their addresses.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use crate::engine::{self, Bridge};

/// How long what is killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The file that an engine's owner keeps locked. The system gives the lock back whatever happens.
const LOCK: &str = "lock";

/// Says that the directory is in use, until the file is closed.
pub(crate) fn lock(directory: &Path) -> io::Result<File> {
    let file = File::create(directory.join(LOCK))?;
    file.lock()?;
    Ok(file)
}

/// Clears away what is left of engines that nobody wants any more.
pub(crate) fn sweep() {
    for directory in abandoned(&env::temp_dir()) {
        eprintln!("clearing {}, left by killed tests", directory.display());
        clear(&directory);
        drop(Bridge::of(&directory));
    }
}

/// Directories of engines that nobody keeps locked.
fn abandoned(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let lock = File::open(path.join(LOCK));
            name.starts_with(engine::DIRECTORY) && lock.is_ok_and(|lock| lock.try_lock().is_ok())
        })
        .collect()
}

/// Ends what runs in an engine's directory, and removes it unless something stays mounted there.
pub(crate) fn clear(directory: &Path) {
    let began = Instant::now();
    loop {
        let left = processes(directory);
        if left.is_empty() || began.elapsed() > PATIENCE {
            break;
        }
        let mut kill = Command::new("kill");
        // Some may have ended by themselves, which is as good.
        let _ = kill.arg("-KILL").args(left).stderr(Stdio::null()).status();
        thread::sleep(Duration::from_millis(50));
    }
    for mount in mounts(directory) {
        let _ = Command::new("umount").arg("--lazy").arg(mount).status();
    }
    if mounts(directory).is_empty() {
        let _ = fs::remove_dir_all(directory);
    }
}

/// Ids of an engine's own processes, and of those in its containers.
fn processes(directory: &Path) -> Vec<String> {
    let read = |id: &str, name: &str| {
        let bytes = fs::read(Path::new("/proc").join(id).join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let within = format!("{}/", directory.display());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|id| {
            is_engine(&read(id, "cmdline"), &within) || is_inside(&read(id, "mountinfo"), &within)
        })
        .collect()
}

/// Whether a command line, with its words ended by NUL, is one of an engine in the directory.
fn is_engine(command: &str, within: &str) -> bool {
    let mut words = command.split('\0');
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    let is_one = program.starts_with("dockerd") || program.starts_with("containerd");
    is_one && words.any(|word| word.contains(within))
}

/// Whether the root of somebody who has these mounts lies in the directory.
fn is_inside(mounts: &str, within: &str) -> bool {
    let mut lines = mounts.lines();
    lines.any(|line| line.split(' ').nth(4) == Some("/") && line.contains(within))
}

/// What is mounted in the directory, the innermost first.
fn mounts(directory: &Path) -> Vec<PathBuf> {
    let all = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = all.lines().filter_map(|line| line.split(' ').nth(4));
    let mut inside: Vec<PathBuf> = points
        .map(PathBuf::from)
        .filter(|point| point.starts_with(directory))
        .collect();
    inside.sort();
    inside.reverse();
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_to_be_an_engines_own() {
        let within = "/tmp/theseus-docker-7/";
        for (command, is_one) in [
            ("dockerd\0--data-root=/tmp/theseus-docker-7/data\0", true),
            (
                "/usr/bin/containerd-shim-runc-v2\0-address\0/tmp/theseus-docker-7/c.sock\0",
                true,
            ),
            ("dockerd\0--data-root=/tmp/theseus-docker-77/data\0", false),
            ("dockerd\0", false),
            ("less\0/tmp/theseus-docker-7/log\0", false),
            ("", false),
        ] {
            assert_eq!(is_engine(command, within), is_one, "{command}");
        }
        let root = "5 1 0:9 / / rw - overlay overlay rw,upperdir=/tmp/theseus-docker-7/data/diff";
        let outside = "5 1 0:9 / /tmp/theseus-docker-7/data/merged rw - overlay overlay rw";
        assert!(is_inside(&format!("{outside}\n{root}"), within));
        assert!(!is_inside(outside, within));
    }

    #[test]
    fn only_what_nobody_holds_is_abandoned() {
        let parent = env::temp_dir().join(format!("theseus-leftovers-{}", std::process::id()));
        let made = |name: &str| {
            let directory = parent.join(name);
            fs::create_dir_all(&directory).unwrap();
            let lock = lock(&directory).unwrap();
            (directory, lock)
        };
        let held = made("theseus-docker-1");
        let (left, lock) = made("theseus-docker-2");
        let other = made("another");
        drop((lock, other.1));
        // One that is just being made has no lock yet.
        fs::create_dir(parent.join("theseus-docker-3")).unwrap();
        assert_eq!(abandoned(&parent), [left]);
        drop(held);
        fs::remove_dir_all(parent).unwrap();
    }
}
