//! The embedding program does what it says.

use std::process::Command;

fn embed(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_embed"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn it_plans_deploys_and_has_nothing_left_to_do() {
    let (code, told) = embed(&[]);
    assert_eq!(code, Some(0));
    let expected = "\
create ingestor:dev: it is not there yet
  start 4 containers of revision 1
ingestor:dev: Ok
none ingestor:dev: it is as it should be
";
    assert_eq!(told, expected);
}

#[test]
fn it_takes_any_manifest() {
    let (code, told) = embed(&["everything.yaml"]);
    assert_eq!(code, Some(0), "{told}");
    for line in ["ingestor:dev,eu: Ok", "ingestor:dev,us: Ok"] {
        assert!(told.lines().any(|told| told == line), "{told}");
    }
}

#[test]
fn a_bad_manifest_is_refused() {
    let (code, told) = embed(&["Cargo.toml"]);
    assert_eq!((code, told.as_str()), (Some(1), ""));
}
