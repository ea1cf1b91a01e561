//! Reading 10,000 apps with their tasks, beside fetching the same bytes, and beside the Python
//! client, which makes objects of them too.

use theseus_core::cluster::{Cluster as _, Scope};

use crate::Failure;
use crate::fleet::Fleet;
use crate::marathon::client;
use crate::program;
use crate::python::Python;
use crate::stopwatch::{median, time};
use crate::table::{Row, megabytes};

const PAIRS: usize = 9;

/// The word with which this program reads all apps of a Marathon, whose address follows.
pub(crate) const READ: &str = "read";

pub(crate) async fn read(words: &[String]) -> Result<(), Failure> {
    let [url] = words else {
        return Err("the address is missing".into());
    };
    let snapshot = client(url)?.observe(&Scope::All).await?;
    let containers: usize = snapshot.apps.iter().map(|app| app.containers.len()).sum();
    println!("{} apps, {containers} containers", snapshot.apps.len());
    // What a program does with them is its own business, and so is when it gives them back.
    std::mem::forget(snapshot);
    Ok(())
}

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let fleet = Fleet::large().await?;
    let sandbox = &fleet.sandbox;
    let reader = || program::own(&[READ, &sandbox.url]);
    sandbox.forget_requests().await?;
    program::run(&mut reader()?).await?;
    let (bytes, url) = sandbox.apps_that_were_read().await?;
    let python = Python::with_client().await;

    let (mut reads, mut fetches, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    let mut lists = Vec::new();
    for _ in 0..PAIRS {
        reads.push(time(program::run(&mut reader()?)).await?);
        fetches.push(time(program::curl(&[&url])).await?);
        peaks.push(program::peak_memory(&mut reader()?).await?);
        if let Ok(python) = &python {
            lists.push(time(program::run(&mut python.list_apps(&sandbox.url))).await?);
        }
    }
    let what = "reading 10,000 apps (50,000 containers)";
    let read = median(reads);
    let curl = format!("`curl` of {}", megabytes(bytes));
    Ok(vec![
        Row::ratio(what, read, &curl, median(fetches), "≤ 1.5"),
        Row::size_ratio(
            "its peak memory",
            median(peaks),
            "those bytes",
            bytes,
            "≤ 4",
        ),
        match python {
            Ok(_) => Row::ratio(what, read, "Python's `list_apps`", median(lists), ""),
            Err(failure) => Row::new("Python's `list_apps`", format!("skipped: {failure}"), ""),
        },
    ])
}
