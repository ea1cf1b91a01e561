//! As much as runs on a large cluster: 200 groups, 10,000 containers.

use std::fmt::Write as _;

/// How many groups it is.
pub const GROUPS: usize = SERVICES.len() * LABELS.len();
/// How many containers each of them has.
pub const EACH: usize = 50;
/// Machines of the sandbox with room for all of it, and for what stories put around it.
pub const HOSTS: usize = 100;

const SERVICES: [&str; 50] = [
    "accounts",
    "addresses",
    "adverts",
    "alerts",
    "audience",
    "auth",
    "availability",
    "baskets",
    "billing",
    "bookings",
    "campaigns",
    "catalogue",
    "checkout",
    "comments",
    "consent",
    "coupons",
    "currencies",
    "delivery",
    "discounts",
    "exports",
    "favourites",
    "fraud",
    "geocoder",
    "gift-cards",
    "images",
    "imports",
    "invoices",
    "languages",
    "ledger",
    "loyalty",
    "mail",
    "menus",
    "messages",
    "navigation",
    "newsletter",
    "orders",
    "payments",
    "pictures",
    "prices",
    "profiles",
    "questions",
    "ratings",
    "recommendations",
    "returns",
    "search",
    "sessions",
    "shipping",
    "stock",
    "suppliers",
    "taxes-and-customs-of-other-countries-in-europe-and-overseas",
];

const LABELS: [&str; 4] = ["prod", "canary, prod", "staging", "dev"];

/// All of it.
pub fn manifest() -> String {
    let mut text = String::from("deploy:\n");
    for service in SERVICES {
        let _ = writeln!(text, "  {service}:");
        for (revision, labels) in LABELS.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "  - image: registry.example.com/shop/{service}:2024-11-{:02}
    labels: [{labels}]
    ports: {{ssh: 22, api: 5000}}
    environment: {{APP_NAME: {service}, BATCH_SIZE: 100}}
    health: {{http: {{port: api, path: /health}}}}
    instances: {EACH}
    cpus: 0.1
    mem: 128
",
                revision + 1
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_stories_are_told_in() {
        let desired = crate::desired(&manifest());
        assert_eq!(desired.deploy.len(), GROUPS);
        assert_eq!(GROUPS * EACH, 10_000);
    }
}
