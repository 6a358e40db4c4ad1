//! The pager: what a verb prints to a terminal, a screen at a time.
//!
//! Invariant: a pager changes nothing about what is printed. One that can't be started is left out,
//! and one that quits early is a reader that has gone away.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use super::args::PagerArgs;
use super::printer::Printer;
use crate::process::ignore_interrupts;
use crate::report::{OutputStream, OutputStreams as _};

/// What shows long output if the environment names nothing.
const DEFAULT: &str = "less -FRX";

/// A pager at work. When it is dropped, obs waits until the reader has seen enough.
#[derive(Debug)]
pub(super) struct Pager {
    child: Child,
    printer: Printer,
}

impl Pager {
    /// Starts a pager if stdout is a terminal; what is printed goes to it from now on.
    pub(super) fn start(args: &PagerArgs, printer: &Printer) -> Option<Self> {
        let info = printer.terminal_info(OutputStream::Stdout);
        if args.no_pager || !info.cursor {
            return None;
        }
        let words = command(|name| std::env::var_os(name))?;
        let mut command = Command::new(words.first()?);
        command.args(words.get(1..)?).stdin(Stdio::piped());
        // As git does: colours, no clear of the screen, and no wait for what fits on it.
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let name = words.first()?.to_string_lossy();
                printer.warning(&format!("can't start the pager `{name}`: {error}"));
                return None;
            }
        };
        // Ctrl-C is for the pager, which stays on the terminal. It keeps the default.
        ignore_interrupts();
        printer.page_to(OwnedFd::from(child.stdin.take()?).into());
        Some(Self {
            child,
            printer: printer.clone(),
        })
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.printer.end_paging();
        self.child.wait().ok();
    }
}

/// The pager's command as words; `None` for none.
fn command(get: impl Fn(&str) -> Option<OsString>) -> Option<Vec<OsString>> {
    let of_obs = get("OBS_PAGER").filter(|value| !value.is_empty());
    let text = of_obs.or_else(|| get("PAGER"));
    let text = text.unwrap_or_else(|| DEFAULT.into());
    let shell = || vec!["sh".into(), "-c".into(), text.clone()];
    let words = match text.to_str() {
        Some(plain) if !plain.contains(SHELL_CHARACTERS) => {
            plain.split_whitespace().map(OsString::from).collect()
        }
        _ => shell(),
    };
    let is_none = words.is_empty() || words == ["cat"];
    (!is_none).then_some(words)
}

/// A command with one of these is for a shell.
const SHELL_CHARACTERS: [char; 21] = [
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', '#', '~', '=',
    '%', '\n', '!',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_the_pager() {
        let choice = |obs: Option<&str>, pager: Option<&str>| {
            let words = command(|name| {
                let value = if name == "OBS_PAGER" { obs } else { pager };
                value.map(OsString::from)
            });
            let words = words.unwrap_or_default();
            let words: Vec<String> = words.iter().map(|w| w.to_string_lossy().into()).collect();
            words.join("|")
        };
        for (obs, pager, want) in [
            (None, None, "less|-FRX"),
            (None, Some("more"), "more"),
            (Some("most -s"), Some("more"), "most|-s"),
            (Some(""), Some("more"), "more"),
            (Some(""), None, "less|-FRX"),
            (None, Some(""), ""),
            (None, Some("  "), ""),
            (None, Some("cat"), ""),
            (Some(" cat "), Some("more"), ""),
            (None, Some("less -R | cat"), "sh|-c|less -R | cat"),
            (None, Some("LESS=F less"), "sh|-c|LESS=F less"),
            (None, Some("'my pager'"), "sh|-c|'my pager'"),
        ] {
            assert_eq!(choice(obs, pager), want, "{obs:?} {pager:?}");
        }
    }
}
