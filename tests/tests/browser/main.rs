//! The viewer in a real Chromium, over a sandbox: what people see, and what the browser says of it.

mod accessibility;
mod actions;
mod browser;
mod hostile;
mod live;
mod logs;
mod looks;
mod pages;
mod placed;
