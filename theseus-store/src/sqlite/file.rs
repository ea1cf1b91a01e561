//! The file: how it is created, what it holds, and how it is recognised.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::Failure;

/// How long writers wait for each other.
const PATIENCE: Duration = Duration::from_secs(4);

/// The version of the tables below, kept in the file's `user_version`.
const SCHEMA: i64 = 1;

/// Marks the file as ours, in its `application_id`: "Thes".
const APPLICATION: i64 = 0x5468_6573;

/// `head` holds one row: the last revision, and the last one whose changes are forgotten. A
/// change without a value is a deletion. Revisions and positions rise together. Entries lie in the
/// order of their keys, so that listing those below a prefix reads no others; in files of before they
/// lie as they were written, which is only slower.
const TABLES: &str = "
    create table head (
        one integer primary key check (one = 1),
        revision integer not null,
        forgotten integer not null
    ) strict;
    insert into head values (1, 0, 0);

    create table entries (
        key text primary key,
        value blob not null,
        modified integer not null,
        expires integer
    ) strict, without rowid;
    create index leases on entries (expires) where expires is not null;

    create table changes (
        position integer primary key,
        revision integer not null,
        key text not null,
        value blob
    ) strict;
    create index changes_by_revision on changes (revision);
";

/// Why a file that can be read is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Foreign {
    #[error("the file is not a Theseus store")]
    Stranger,
    #[error(
        "the file was written by a newer version of Theseus (its schema is {found}, this version \
         knows {SCHEMA})"
    )]
    Newer { found: i64 },
}

/// Opens a connection to the file, after creating whatever is missing.
pub(super) fn open(path: &Path) -> Result<Connection, Failure> {
    create_private(path).map_err(Failure::Io)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let transaction = connection.transaction()?;
    let known = recognise(&transaction)?;
    drop(transaction);
    enter_wal_mode(&connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    if !known {
        create_tables(&mut connection)?;
    }
    Ok(connection)
}

/// Creates an empty file if there is none, and its directories, for the owner alone.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut directory = fs::DirBuilder::new();
    directory.recursive(true);
    let mut file = OpenOptions::new();
    file.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        directory.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent() {
        directory.create(parent)?;
    }
    file.open(path)?;
    Ok(())
}

/// Says whether the tables are there; refuses a file that is not ours to use.
fn recognise(transaction: &Transaction<'_>) -> Result<bool, Failure> {
    let application: i64 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let empty: bool = transaction.query_row(
        "select not exists (select 1 from sqlite_schema)",
        [],
        |row| row.get(0),
    )?;
    match (application, version) {
        (APPLICATION, SCHEMA) => Ok(true),
        (APPLICATION, found) => Err(Failure::Foreign(Foreign::Newer { found })),
        (0, 0) if empty => Ok(false),
        _ => Err(Failure::Foreign(Foreign::Stranger)),
    }
}

/// SQLite does not wait by itself where two connections change the mode of a new file at once.
fn enter_wal_mode(connection: &Connection) -> Result<(), Failure> {
    let started = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && started.elapsed() < PATIENCE =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            result => return Ok(result?),
        }
    }
}

/// Creates the tables, unless somebody else has done so in the meantime.
fn create_tables(connection: &mut Connection) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !recognise(&transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    }
    transaction.commit().map_err(Failure::Commit)
}
