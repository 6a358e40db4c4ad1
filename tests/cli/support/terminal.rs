//! obs on a terminal of its own, as a person has it. `TERM` is `xterm-256color` where the case does
//! not say otherwise.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use super::wait_for;

impl Drop for Terminal {
    fn drop(&mut self) {
        // Also one that is stopped, after a test that failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) struct Terminal {
    master: File,
    /// Kept open, so that the terminal lives on when obs has closed it.
    slave: OwnedFd,
    pub(crate) child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    before: Termios,
    /// Each size, with what was written before the terminal got it.
    sizes: Vec<(usize, Winsize)>,
}

fn size_of(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

impl Terminal {
    /// Starts `command` as the leader of a session whose terminal is this one.
    pub(crate) fn start(command: &Command, columns: u16) -> Self {
        Self::start_sized(command, columns, 24)
    }

    /// The same, with so many rows.
    pub(crate) fn start_sized(command: &Command, columns: u16, rows: u16) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let size = size_of(columns, rows);
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        let slave: OwnedFd = open().into();
        tcsetwinsize(&slave, size).unwrap();
        let before = tcgetattr(&slave).unwrap();
        let mut session = Command::new("setsid");
        session
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            session.env(name, value.unwrap());
        }
        session.current_dir(command.get_current_dir().unwrap());
        let child = session
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        let mut reader = File::from(master.try_clone().unwrap());
        let sink = Arc::clone(&output);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            master: File::from(master),
            slave,
            child,
            output,
            before,
            sizes: vec![(0, size)],
        }
    }

    /// Types keys.
    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.master.write_all(keys).unwrap();
    }

    /// Sends obs a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What the next program on the terminal reads when this is typed.
    pub(crate) fn read_after_obs(&mut self, keys: &[u8]) -> Vec<u8> {
        self.press(keys);
        let mut line = [0; 256];
        let count = rustix::io::read(&self.slave, &mut line).unwrap();
        line[..count].to_vec()
    }

    /// All that was written so far.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }

    /// Waits until `text` was written.
    pub(crate) fn wait_for_text(&self, text: &str) {
        wait_for(&format!("`{text}` in:\n{}", self.written()), || {
            self.written().contains(text)
        });
    }

    /// Waits for the end of obs.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let mut status = None;
        wait_for("the end of obs", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        self.wait_for_last_output();
        status.unwrap()
    }

    /// Waits until all that obs has written is read. It has ended, or it is stopped.
    fn wait_for_last_output(&self) {
        // What obs wrote last comes before a byte that is written now and that nobody else writes.
        rustix::io::write(&self.slave, b"\0").unwrap();
        wait_for("the last output", || {
            self.output.lock().unwrap().last() == Some(&0)
        });
        self.output.lock().unwrap().pop();
    }

    /// Changes the size between two writes of obs.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.child.id());
        wait_for("the stop", || {
            std::fs::read_to_string(&stat).unwrap().contains(") T ")
        });
        self.wait_for_last_output();
        let written = self.output.lock().unwrap().len();
        let size = size_of(columns, rows);
        tcsetwinsize(&self.slave, size).unwrap();
        self.sizes.push((written, size));
        self.signal(Signal::CONT);
    }

    /// The rows as a person sees them now, at all sizes that the terminal has had. A row that does
    /// not fit any more is cut, as xterm does it.
    pub(crate) fn rows(&self) -> Vec<String> {
        let output = self.output.lock().unwrap();
        let size = |count| NonZero::new(count).unwrap();
        let (_, first) = self.sizes[0];
        let mut parser = vt100::Parser::new(size(first.ws_row), size(first.ws_col), 1000);
        let mut start = 0;
        let ends = self
            .sizes
            .iter()
            .skip(1)
            .map(|(end, size)| (*end, Some(*size)));
        for (end, next) in ends.chain([(output.len(), None)]) {
            parser.process(&output[start..end]);
            start = end;
            if let Some(next) = next {
                parser.set_size(size(next.ws_row), size(next.ws_col));
            }
        }
        let columns = parser.screen().size().1.get();
        let rows = parser.screen().rows(0, columns);
        let rows = rows.map(|row| row.trim_end().to_owned());
        rows.filter(|row| !row.is_empty()).collect()
    }

    /// The screen as a person sees it at the end.
    pub(crate) fn screen(&self, columns: u16) -> vt100::Parser {
        self.parser(columns, 24)
    }

    /// The text on a screen of so many rows, with the breaks of lines that do not fit.
    pub(crate) fn screen_sized(&self, columns: u16, rows: u16) -> String {
        let parser = self.parser(columns, rows);
        let rows: Vec<String> = parser.screen().rows(0, columns).collect();
        rows.join("\n").trim_end().to_owned()
    }

    fn parser(&self, columns: u16, rows: u16) -> vt100::Parser {
        let size = |count| NonZero::new(count).unwrap();
        let mut parser = vt100::Parser::new(size(rows), size(columns), 1000);
        parser.process(&self.output.lock().unwrap());
        parser
    }

    /// Fails where the terminal's modes are not what they were.
    #[track_caller]
    pub(crate) fn expect_modes_as_before(&self) {
        let after = tcgetattr(&self.slave).unwrap();
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(after.input_modes, self.before.input_modes);
        assert_eq!(after.output_modes, self.before.output_modes);
    }
}
