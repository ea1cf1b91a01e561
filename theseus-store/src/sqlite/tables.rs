//! The statements. Each function works inside a transaction that its caller has begun.

use std::ops::Add;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};
use theseus_core::store::{Compare, Entry, Lease, Listing, Page, Revision, Watched, Write};

use crate::HISTORY;
use crate::keys::KeyRange;

/// A point of the system clock, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(i64);

impl Moment {
    pub(super) fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self(0) + since
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

pub(super) fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached("select key, value, modified from entries where key = ?")?
        .query_row([key], entry)
        .optional()
}

pub(super) fn list(
    connection: &Connection,
    prefix: &str,
    mut page: Page,
) -> rusqlite::Result<Listing> {
    let range = KeyRange::below(prefix).part(&page);
    page.limit = page.limit.max(1);
    let mut entries = connection
        .prepare_cached(
            "select key, value, modified from entries where key >= :from and key < :to
             order by key limit :limit",
        )?
        .query_map(
            named_params! {
                ":from": range.from,
                ":to": end(&range),
                // One more than is wanted tells whether there is a next page.
                ":limit": i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1),
            },
            entry,
        )?
        .collect::<rusqlite::Result<Vec<Entry>>>()?;
    let more = entries.len() > page.limit;
    entries.truncate(page.limit);
    let last = entries.last().filter(|_| more);
    let next = last.map(|last| page.following(&last.key));
    Ok(Listing {
        entries,
        revision: head(connection)?.revision,
        next,
    })
}

/// The first key whose compare does not hold.
pub(super) fn conflict(
    connection: &Connection,
    compares: &[Compare],
) -> rusqlite::Result<Option<String>> {
    let mut modified = connection.prepare_cached("select modified from entries where key = ?")?;
    for compare in compares {
        let found = modified
            .query_row([compare.key()], |row| revision(row, 0))
            .optional()?;
        let holds = match compare {
            Compare::Absent(_) => found.is_none(),
            Compare::Unchanged(_, revision) => found == Some(*revision),
        };
        if !holds {
            return Ok(Some(compare.key().to_owned()));
        }
    }
    Ok(None)
}

pub(super) fn write(connection: &Connection, writes: &[Write]) -> rusqlite::Result<Revision> {
    if writes.is_empty() {
        return Ok(head(connection)?.revision);
    }
    let revision = raise_revision(connection)?;
    for write in writes {
        match write {
            Write::Put(key, value) => put(connection, key, value, revision, None)?,
            Write::Delete(key) => delete(connection, &KeyRange::only(key), revision)?,
            Write::DeletePrefix(prefix) => {
                delete(connection, &KeyRange::below(prefix), revision)?;
            }
        }
    }
    forget(connection)?;
    Ok(revision)
}

pub(super) fn lock(
    connection: &Connection,
    key: &str,
    holder: &[u8],
    expires: Moment,
) -> rusqlite::Result<Revision> {
    let revision = raise_revision(connection)?;
    put(connection, key, holder, revision, Some(expires))?;
    forget(connection)?;
    Ok(revision)
}

/// Prolongs the lease; `false` when it is lost.
pub(super) fn renew(
    connection: &Connection,
    lease: &Lease,
    expires: Moment,
) -> rusqlite::Result<bool> {
    let renewed = connection
        .prepare_cached(
            "update entries set expires = ?3
             where key = ?1 and modified = ?2 and expires is not null",
        )?
        .execute(params![lease.key, stored(lease.acquired), expires.0])?;
    Ok(renewed > 0)
}

pub(super) fn release(connection: &Connection, lease: &Lease) -> rusqlite::Result<()> {
    let compares = [lease.fence()];
    if conflict(connection, &compares)?.is_none() {
        write(connection, &[Write::Delete(lease.key.clone())])?;
    }
    Ok(())
}

/// Whether some lease has ended whose entry is still there.
pub(super) fn has_ended_leases(connection: &Connection, now: Moment) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("select exists (select 1 from entries where expires <= ?)")?
        .query_row([now.0], |row| row.get(0))
}

/// Removes the entries whose leases have ended.
pub(super) fn end_leases(connection: &Connection, now: Moment) -> rusqlite::Result<()> {
    let ended = connection
        .prepare_cached("select key from entries where expires <= ? order by key")?
        .query_map([now.0], |row| row.get(0).map(Write::Delete))?
        .collect::<rusqlite::Result<Vec<Write>>>()?;
    write(connection, &ended)?;
    Ok(())
}

/// Where the store is in its history.
pub(super) struct Head {
    pub(super) revision: Revision,
    /// The last revision whose changes are no longer known.
    pub(super) forgotten: Revision,
}

pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    connection
        .prepare_cached("select revision, forgotten from head")?
        .query_row([], |row| {
            Ok(Head {
                revision: revision(row, 0)?,
                forgotten: revision(row, 1)?,
            })
        })
}

/// What changed in the range after one revision, up to and with another.
pub(super) fn changes(
    connection: &Connection,
    range: &KeyRange,
    after: Revision,
    through: Revision,
) -> rusqlite::Result<Vec<Watched>> {
    connection
        .prepare_cached(
            "select key, value, revision from changes
             where revision > :after and revision <= :through and key >= :from and key < :to
             order by revision, position",
        )?
        .query_map(
            named_params! {
                ":after": stored(after),
                ":through": stored(through),
                ":from": range.from,
                ":to": end(range),
            },
            |row| {
                let revision = revision(row, 2)?;
                Ok(match row.get::<_, Option<Vec<u8>>>(1)? {
                    None => Watched::Deleted {
                        key: row.get(0)?,
                        revision,
                    },
                    Some(value) => Watched::Put(Entry {
                        key: row.get(0)?,
                        value: value.into(),
                        modified: revision,
                    }),
                })
            },
        )?
        .collect()
}

fn raise_revision(connection: &Connection) -> rusqlite::Result<Revision> {
    connection
        .prepare_cached("update head set revision = revision + 1 returning revision")?
        .query_row([], |row| revision(row, 0))
}

fn put(
    connection: &Connection,
    key: &str,
    value: &[u8],
    revision: Revision,
    expires: Option<Moment>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "insert or replace into entries (key, value, modified, expires) values (?, ?, ?, ?)",
        )?
        .execute(params![
            key,
            value,
            stored(revision),
            expires.map(|moment| moment.0)
        ])?;
    connection
        .prepare_cached("insert into changes (revision, key, value) values (?, ?, ?)")?
        .execute(params![stored(revision), key, value])?;
    Ok(())
}

fn delete(connection: &Connection, range: &KeyRange, revision: Revision) -> rusqlite::Result<()> {
    let (from, to) = (&range.from, end(range));
    connection
        .prepare_cached(
            "insert into changes (revision, key)
             select ?3, key from entries where key >= ?1 and key < ?2 order by key",
        )?
        .execute(params![from, to, stored(revision)])?;
    connection
        .prepare_cached("delete from entries where key >= ?1 and key < ?2")?
        .execute(params![from, to])?;
    Ok(())
}

/// Drops the oldest commits from the history until it is short enough again.
fn forget(connection: &Connection) -> rusqlite::Result<()> {
    let last: Option<i64> = connection
        .prepare_cached(
            "select revision from changes
             where position <= (select max(position) from changes) - ?
             order by position desc limit 1",
        )?
        .query_row([i64::try_from(HISTORY).unwrap_or(i64::MAX)], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(last) = last {
        connection
            .prepare_cached("delete from changes where revision <= ?")?
            .execute([last])?;
        connection
            .prepare_cached("update head set forgotten = ?")?
            .execute([last])?;
    }
    Ok(())
}

/// The end of a range for comparing with keys. In SQLite every text is less than any blob.
fn end(range: &KeyRange) -> Value {
    match &range.to {
        Some(to) => Value::Text(to.clone()),
        None => Value::Blob(Vec::new()),
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let value: Vec<u8> = row.get(1)?;
    Ok(Entry {
        key: row.get(0)?,
        value: Bytes::from(value),
        modified: revision(row, 2)?,
    })
}

/// SQLite's integers are signed. Revisions count up from 0 and never reach the sign.
fn revision(row: &Row<'_>, column: usize) -> rusqlite::Result<Revision> {
    let number: i64 = row.get(column)?;
    u64::try_from(number)
        .map(Revision)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn stored(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}
