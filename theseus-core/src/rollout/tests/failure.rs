//! When it has failed, and what is said then.

use super::*;
use crate::cluster::Failure;

fn reason(failed_starts: u32, waited: i64) -> Option<String> {
    let mut app = whole(NEW, 1, &[Is::Starting]);
    app.last_failure = Some(Failure {
        container: None,
        message: "exit 1".to_owned(),
        host: Some("h1".to_owned()),
        at: Some(seconds(1)),
    });
    let apps = [app];
    let slots = Slots::new();
    let mut view = view(&apps, &slots);
    view.failed_starts = failed_starts;
    later(&mut view, waited);
    match decide(&group(), &goal(spec(1, 1, 0)), &view) {
        Decision::Failed { reason } => Some(reason),
        _ => None,
    }
}

#[test]
fn without_progress_for_the_deadline_or_with_too_many_failed_starts() {
    assert_eq!(reason(5, 599), None);
    assert_eq!(
        reason(0, 600).unwrap(),
        "no progress for 10m: 0 of 1 containers ready; the last failure: exit 1 (on h1)"
    );
    assert_eq!(
        reason(6, 0).unwrap(),
        "6 containers of revision 2 failed to start or to stay up, and no more than 5 may; \
         the last failure: exit 1 (on h1)"
    );
}

#[test]
fn removal_deletes_every_app_and_waits_for_the_last_container() {
    let apps = [whole(OLD, 1, &[Is::Ready])];
    let slots = Slots::new();
    let (changes, waiting) = going_on(decide(&group(), &Goal::Absent, &view(&apps, &slots)));
    assert_eq!(
        (changes, waiting.as_str()),
        (vec![delete(&apps[0])], "containers to stop")
    );
    let mut none = view(&[], &slots);
    none.stopping = true;
    assert!(matches!(
        decide(&group(), &Goal::Absent, &none),
        Decision::Continue { .. }
    ));
    none.stopping = false;
    assert_eq!(decide(&group(), &Goal::Absent, &none), Decision::Reached);
}
