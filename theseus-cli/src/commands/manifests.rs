//! Reading manifests from files or stdin.

use std::io::Read;
use std::path::{Path, PathBuf};

use theseus_core::manifest::{MAX_BYTES, Manifest, Source};
use theseus_core::plan::{Desired, Plan};

use crate::args::Global;
use crate::connect::{Connection, connect};
use crate::failure::{Code, Failure};

/// From so many bytes on, a manifest takes a while to check, and has so many groups that all of
/// the cluster is looked at anyway.
const LARGE: usize = 64 << 10;

/// Reads and checks all files together, so that a group that stands in two of them is found.
pub(crate) fn read(files: &[PathBuf]) -> Result<Manifest, Failure> {
    parse(&read_sources(files)?)
}

/// All files as they are.
pub(crate) fn read_sources(files: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    files.iter().map(|path| read_source(path)).collect()
}

/// Checks what was read. All faults are told at once.
fn parse(sources: &[Source]) -> Result<Manifest, Failure> {
    Manifest::parse(sources).map_err(|faults| Failure::new(Code::Usage, faults.to_string()))
}

/// Checks what was read, connects to what is to run it, and plans. The cluster is looked at while a
/// large manifest is checked, but faults are told before anything that is wrong with the cluster.
pub(crate) async fn plan(
    global: &Global,
    sources: &[Source],
) -> Result<(Connection, Plan), Failure> {
    let size: usize = sources.iter().map(|source| source.text.len()).sum();
    if size < LARGE {
        let desired = desired(sources)?;
        let connection = connect(global).await?;
        check(&connection, sources, &desired).await?;
        let plan = connection.engine.plan(&desired).await?;
        return Ok((connection, plan));
    }
    let connection = match connect(global).await {
        Ok(connection) => connection,
        Err(failure) => return parse(sources).and(Err(failure)),
    };
    let reading = async {
        let desired = desired(sources)?;
        check(&connection, sources, &desired).await?;
        Ok::<_, Failure>(desired)
    };
    let plan = connection.engine.plan_beside(reading).await?;
    Ok((connection, plan))
}

/// Asks the cluster whether it can run what was read. What it cannot is told where it is written,
/// all at once, before anything is done.
async fn check(
    connection: &Connection,
    sources: &[Source],
    desired: &Desired,
) -> Result<(), Failure> {
    connection.tell_notices().await?;
    Ok(connection.engine.check(sources, desired).await?)
}

/// What was read wants.
pub(crate) fn desired(sources: &[Source]) -> Result<Desired, Failure> {
    Ok(Desired::from(parse(sources)?))
}

/// Plans once more from what was read and checked before.
pub(crate) async fn plan_again(
    connection: &Connection,
    sources: &[Source],
) -> Result<Plan, Failure> {
    Ok(connection.engine.plan(&desired(sources)?).await?)
}

/// One file; `-` is stdin.
fn read_source(path: &Path) -> Result<Source, Failure> {
    let (name, bytes) = if path == Path::new("-") {
        ("<stdin>".to_owned(), read_all(&mut std::io::stdin().lock()))
    } else {
        let bytes = std::fs::File::open(path).and_then(|mut file| read_all(&mut file));
        (path.display().to_string(), bytes)
    };
    let bytes = bytes.map_err(|error| {
        Failure::file("read", path, &error)
            .hint("give the path of a manifest, or - for standard input")
    })?;
    Ok(Source::new(name, bytes))
}

/// Everything, up to just past what a manifest may have: the reader says that it is too large.
fn read_all(from: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
