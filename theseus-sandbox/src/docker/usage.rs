//! What containers use, as the engine measures it.

use std::time::Duration;

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptions;
use futures_util::StreamExt as _;
use futures_util::future::join_all;

use super::Docker;
use crate::cluster::Reading;

/// A container whose engine takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(5);

impl Docker {
    /// A reading of each task that runs.
    pub(crate) async fn readings(&self, tasks: &[std::sync::Arc<str>]) -> Vec<Option<Reading>> {
        let readings = tasks.iter().map(async |task| {
            let options = StatsOptions {
                stream: false,
                one_shot: true,
            };
            let mut stats = std::pin::pin!(self.client().stats(task, Some(options)));
            let first = tokio::time::timeout(PATIENCE, stats.next()).await;
            first.ok().flatten()?.ok().map(|stats| reading(&stats))
        });
        join_all(readings).await
    }
}

/// The engine counts nanoseconds, and memory as its kernel does.
fn reading(stats: &ContainerStatsResponse) -> Reading {
    let cpu = stats.cpu_stats.as_ref();
    let usage = cpu.and_then(|cpu| cpu.cpu_usage.as_ref());
    let throttling = cpu.and_then(|cpu| cpu.throttling_data.as_ref());
    let seconds = |nanos: Option<u64>| Duration::from_nanos(nanos.unwrap_or(0)).as_secs_f64();
    let memory = stats.memory_stats.as_ref();
    let detail = |names: [&str; 2]| {
        let details = memory.and_then(|memory| memory.stats.as_ref())?;
        names.iter().find_map(|name| details.get(*name).copied())
    };
    let user = seconds(usage.and_then(|usage| usage.usage_in_usermode));
    let kernel = seconds(usage.and_then(|usage| usage.usage_in_kernelmode));
    let total = seconds(usage.and_then(|usage| usage.total_usage));
    // The kernel splits the total in ticks only; what is left over is the user's.
    let user = user.max(total - kernel);
    Reading {
        user,
        kernel,
        periods: throttling.and_then(|it| it.periods).unwrap_or(0),
        throttled: throttling.and_then(|it| it.throttled_periods).unwrap_or(0),
        throttled_seconds: seconds(throttling.and_then(|it| it.throttled_time)),
        rss: detail(["total_rss", "anon"]).unwrap_or(0),
        total: memory.and_then(|memory| memory.usage).unwrap_or(0),
    }
}
