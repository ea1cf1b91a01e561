//! How often somebody may be wrong about the token.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// So often in a row.
const BURST: u32 = 10;
/// And then once in this time.
const EVERY: Duration = Duration::from_secs(6);
/// So many addresses are told apart; those beyond share one account.
const MAX: usize = 4096;

/// Who was wrong lately.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    accounts: HashMap<Option<IpAddr>, Account>,
}

/// When all wrong tries of somebody are forgotten.
#[derive(Debug, Clone, Copy)]
struct Account(Instant);

impl Account {
    /// How long he has to wait before he may try again.
    fn wait(self) -> Duration {
        let left = self.0.saturating_duration_since(Instant::now());
        left.saturating_sub(EVERY * (BURST - 1))
    }
}

impl Tries {
    /// How long somebody at this address has to wait before another try is looked at; nobody is made
    /// to wait who has not been wrong several times.
    pub(crate) fn wait(&self, address: Option<IpAddr>) -> Option<Duration> {
        let account = self.accounts.get(&self.key(address))?;
        Some(account.wait()).filter(|wait| !wait.is_zero())
    }

    /// Takes note of a wrong try.
    pub(crate) fn wrong(&mut self, address: Option<IpAddr>) {
        let now = Instant::now();
        self.accounts.retain(|_, account| account.0 > now);
        let key = self.key(address);
        let account = self.accounts.entry(key).or_insert(Account(now));
        account.0 = account.0.max(now) + EVERY;
    }

    fn key(&self, address: Option<IpAddr>) -> Option<IpAddr> {
        let address = address.map(site);
        if self.accounts.len() < MAX || self.accounts.contains_key(&address) {
            address
        } else {
            None
        }
    }
}

/// Of IPv6 the network of a site: whoever has one address there has all of them.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_wrong_too_often_waits() {
        let mut tries = Tries::default();
        let [one, other] = [Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into())];
        for _ in 0..BURST {
            assert_eq!(tries.wait(one), None);
            tries.wrong(one);
        }
        assert_eq!(tries.wait(one), Some(EVERY));
        assert_eq!(tries.wait(other), None);
        tokio::time::advance(EVERY).await;
        assert_eq!(tries.wait(one), None);
        tries.wrong(one);
        assert_eq!(tries.wait(one), Some(EVERY));
        tokio::time::advance(EVERY * BURST).await;
        tries.wrong(other);
        assert_eq!(tries.accounts.len(), 1, "what is over is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_addresses_are_told_apart() {
        let mut tries = Tries::default();
        let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        for number in 0..2 * u32::try_from(MAX).unwrap() {
            tries.wrong(address(number));
        }
        assert!(tries.accounts.len() <= MAX + 1);
        assert!(tries.wait(address(u32::MAX)).is_some());
        assert_eq!(tries.wait(address(0)), None);

        let site = |last: u16| Some(IpAddr::from([1, 2, 3, 4, 5, 6, 7, last]));
        let mut tries = Tries::default();
        for last in 0..20 {
            tries.wrong(site(last));
        }
        assert!(tries.wait(site(9999)).is_some());
    }
}
