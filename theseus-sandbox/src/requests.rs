//! The log of requests, for tests that count them.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::Serialize;

use crate::engine::lock;

/// A request that reached the sandbox, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// The method, in capitals.
    pub method: String,
    /// The path as it was sent, without the query.
    pub path: String,
    /// The query as it was sent; empty if there was none.
    pub query: String,
}

#[derive(Debug)]
pub(crate) struct RequestLog {
    records: Mutex<VecDeque<RequestRecord>>,
    capacity: usize,
}

impl RequestLog {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            records: Mutex::default(),
            capacity,
        }
    }

    pub(crate) fn add(&self, record: RequestRecord) {
        let mut records = lock(&self.records);
        records.push_back(record);
        if records.len() > self.capacity {
            records.pop_front();
        }
    }

    pub(crate) fn all(&self) -> Vec<RequestRecord> {
        lock(&self.records).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.records).clear();
    }
}
