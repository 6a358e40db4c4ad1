//! obs in tmux: a terminal that wraps its lines again when its width changes.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

pub(crate) struct Tmux {
    /// Holds its socket.
    dir: TempDir,
}

impl Tmux {
    /// Starts `command` in a window of its own.
    pub(crate) fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let tmux = Self {
            dir: TempDir::new().unwrap(),
        };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let mut session = tmux.command();
        session
            .args(["-f", "/dev/null", "set", "-g", "remain-on-exit", "on", ";"])
            .args(["new-session", "-d", "-x", &columns, "-y", &rows])
            .arg("-c")
            .arg(command.get_current_dir().unwrap())
            .args(["env", "-i", "TERM=tmux-256color"]);
        for (name, value) in command.get_envs() {
            let pair = format!("{}={}", name.display(), value.unwrap().display());
            session.arg(pair);
        }
        session.arg(command.get_program()).args(command.get_args());
        assert!(session.status().unwrap().success());
        tmux
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let mut resize = self.command();
        resize.args(["resize-window", "-x", &columns, "-y", &rows]);
        assert!(resize.status().unwrap().success());
    }

    /// All rows that are not empty, also those above the screen.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut capture = self.command();
        let output = capture.args(["capture-pane", "-p", "-S", "-"]).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let rows = text.lines().map(|row| row.trim_end().to_owned());
        rows.filter(|row| !row.is_empty()).collect()
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("tmux")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        // A person may run the tests inside tmux.
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        command.arg("-S").arg(self.socket());
        command
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.command().arg("kill-server").output().ok();
    }
}
