//! How programs that run for long take their memory.

/// Takes memory in small pages only from now on. All of a huge page is taken as soon as a byte of it
/// is, so that whoever holds many small things for long would hold much more than these.
pub(crate) fn in_small_pages() {
    // Where the system does not let us, it is only more.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_gives_small_pages_only() {
        in_small_pages();
        assert_eq!(
            rustix::thread::transparent_huge_pages_are_disabled(),
            Ok(true)
        );
    }
}
