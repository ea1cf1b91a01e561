//! How much of something is taken, as a bar beside its numbers.

use maud::{Markup, html};
use theseus_core::fullness::Fullness;
use theseus_core::hosts::Share;

use super::words;

/// What is taken of something that a machine has, as `write` writes amounts.
pub(super) fn share(name: &str, share: &Share, write: fn(f64) -> String) -> Markup {
    let ratio = share.ratio();
    html! {
        div.meter {
            span.name { (name) }
            @match (share.used, share.total) {
                (Some(used), Some(total)) => {
                    (bar(ratio.unwrap_or_default()))
                    span.amount { (write(used)) span.of { " / " (write(total)) } }
                }
                _ => {
                    (bar(0.0))
                    span.amount {
                        @if let Some(free) = share.free { (write(free)) " free" } @else { (words::dash()) }
                    }
                }
            }
        }
    }
}

/// A part of a whole. What it means stands beside it.
pub(super) fn bar(ratio: f64) -> Markup {
    let ratio = ratio.clamp(0.0, 1.0);
    let class = match Fullness::of(ratio, 1.0) {
        Fullness::Full => "fill high",
        Fullness::Filling | Fullness::Roomy => "fill",
    };
    parts(&[(class, ratio)])
}

/// Parts of a whole, beside each other.
pub(super) fn parts(parts: &[(&str, f64)]) -> Markup {
    let mut from = 0.0;
    let placed: Vec<(&str, f64, f64)> = parts
        .iter()
        .map(|(class, ratio)| {
            let x = from;
            from += ratio * 100.0;
            (*class, x, ratio * 100.0)
        })
        .collect();
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="8" {}
            @for (class, x, width) in placed {
                rect class=(class) x=(format!("{x:.1}")) width=(format!("{width:.1}")) height="8" {}
            }
        }
    }
}
