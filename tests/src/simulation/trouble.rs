//! What happens to the cluster, to leases and to processes while the storm lasts.

use std::sync::Arc;
use std::time::Duration;

use theseus_core::records::LOCKS;
use theseus_core::store::{Store as _, Txn, Write, list_all};
use tokio::time::{Instant, sleep};

use super::HOSTS;
use super::deployer::Deployer;
use super::site::Site;
use super::watch::Watch;
use super::weather::Happening;

/// Makes trouble until somebody drops this.
pub(super) async fn make(site: Arc<Site>, deployers: Vec<Arc<Deployer>>, watch: Arc<Watch>) {
    loop {
        let pause = u32::try_from(site.weather.mix.pause.as_millis()).expect("seconds");
        let pause = site.weather.draw(|dice| dice.millis(pause / 4, pause * 2));
        sleep(pause).await;
        let Some(happening) = site.weather.happening() else {
            return;
        };
        happen(&site, &deployers, &watch, happening).await;
    }
}

/// Ends all trouble.
pub(super) fn end(site: &Site) {
    site.weather.calm();
    site.streams.silence(false);
    site.world.sandbox.clear_scripts();
    for host in 1..=HOSTS {
        site.world.sandbox.return_host(&format!("host-{host}"));
    }
    site.note("the storm is over");
}

async fn happen(
    site: &Arc<Site>,
    deployers: &[Arc<Deployer>],
    watch: &Watch,
    happening: Happening,
) {
    let weather = &site.weather;
    let sandbox = &site.world.sandbox;
    match happening {
        Happening::CutStreams => {
            site.note("streams are cut");
            site.streams.cut();
        }
        Happening::SilenceStreams => {
            site.note("streams fall silent");
            site.streams.silence(true);
            let pause = weather.draw(|dice| dice.millis(1_000, 40_000));
            later(site, pause, |site| site.streams.silence(false));
        }
        Happening::LoseHost => {
            let hosts = u32::try_from(HOSTS).expect("few");
            let host = format!("host-{}", weather.draw(|dice| dice.between(1, hosts)));
            site.note(format_args!("{host} is lost"));
            sandbox.lose_host(&host);
            let pause = weather.draw(|dice| dice.millis(2_000, 60_000));
            later(site, pause, move |site| {
                site.note(format_args!("{host} is back"));
                site.world.sandbox.return_host(&host);
            });
        }
        Happening::FailTask | Happening::SickenTask => {
            let tasks = watch.tasks();
            if tasks.is_empty() {
                return;
            }
            let task = weather.draw(|dice| dice.pick(&tasks));
            site.note(format_args!("{task}: {happening:?}"));
            if happening == Happening::FailTask {
                sandbox.fail_task(&task, "it was made to");
                return;
            }
            sandbox.set_task_healthy(&task, false);
            if weather.draw(|dice| dice.chance(500)) {
                let pause = weather.draw(|dice| dice.millis(1_000, 20_000));
                later(site, pause, move |site| {
                    site.world.sandbox.set_task_healthy(&task, true);
                });
            }
        }
        Happening::ScaleByHand => {
            watch
                .scale_by_hand(|roll| weather.draw(|dice| roll(dice)))
                .await;
        }
        Happening::ExpireLock => expire_a_lock(site).await,
        Happening::Kill => {
            let deployer = weather.draw(|dice| dice.pick(deployers));
            deployer.kill.notify_waiters();
        }
        Happening::Freeze => {
            let deployer = weather.draw(|dice| dice.pick(deployers));
            let frost = weather.draw(|dice| dice.millis(500, 30_000));
            site.note(format_args!("{} stands still for {frost:?}", deployer.name));
            deployer.frost.freeze(Instant::now() + frost);
        }
    }
}

/// Does something later, unless the storm is over.
fn later(site: &Arc<Site>, pause: Duration, work: impl FnOnce(&Site) + Send + 'static) {
    let site = Arc::clone(site);
    tokio::spawn(async move {
        sleep(pause).await;
        if site.weather.is_stormy() {
            work(&site);
        }
    });
}

async fn expire_a_lock(site: &Site) {
    let store = &site.world.store;
    let (locks, _) = list_all(store, LOCKS).await.expect("memory answers");
    if locks.is_empty() {
        return;
    }
    let lock = site.weather.draw(|dice| dice.pick(&locks));
    site.note(format_args!("{} expires", lock.key));
    let txn = Txn {
        writes: vec![Write::Delete(lock.key)],
        ..Txn::default()
    };
    store.commit(txn).await.expect("memory answers");
}
