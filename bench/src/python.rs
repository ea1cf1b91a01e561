//! The Python client of Marathon, in a virtual environment of its own beside this program.

use std::path::PathBuf;

use tokio::process::Command;

use crate::Failure;
use crate::program;

/// The package as it was when it was last compared with.
const CLIENT: &str = "marathon==0.13.0";

/// Reads all apps with their tasks, as objects.
const LIST_APPS: &str = "\
import sys, marathon
client = marathon.MarathonClient(sys.argv[1], timeout=600)
apps = client.list_apps(embed_tasks=True, embed_deployments=True, embed_last_task_failure=True)
assert apps and all(app.tasks for app in apps)
";

/// An interpreter that knows the client.
#[derive(Debug)]
pub(crate) struct Python(PathBuf);

impl Python {
    /// Makes the environment, unless it is there. Fails where there is no `python3`, or no way to
    /// the package.
    pub(crate) async fn with_client() -> Result<Self, Failure> {
        let home = std::env::current_exe()?.with_file_name("bench-python");
        let python = home.join("bin/python");
        let known = Command::new(&python)
            .args(["-c", "import marathon"])
            .output();
        if known.await.is_ok_and(|output| output.status.success()) {
            return Ok(Self(python));
        }
        eprintln!("making an environment with {CLIENT} …");
        program::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&home),
        )
        .await?;
        let mut install = Command::new(&python);
        program::run(install.args(["-m", "pip", "--quiet", "install", CLIENT])).await?;
        Ok(Self(python))
    }

    /// A command that reads all apps of a Marathon.
    pub(crate) fn list_apps(&self, url: &str) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["-c", LIST_APPS, url]);
        command
    }
}
