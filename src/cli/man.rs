//! The manual: a page for each verb, made from the command line's own description.
//!
//! Invariant: a page needs nothing but the verb's description. Only what exit codes mean, and
//! which of them a verb has, is written down here.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::ManArgs;
use super::error::{CommandError, CommandResult, ErrorKind};
use super::printer::Printer;
use super::{Cli, exit_code, variables};
use crate::document::nearest;

/// What the exit codes mean.
const EXIT_CODES: [(u8, &str); 14] = [
    (exit_code::SUCCESS, "Success."),
    (exit_code::FAILED, "A step failed."),
    (exit_code::USAGE, "The command line is wrong."),
    (
        exit_code::INVALID,
        "A plan, a manifest, a policy or arguments are invalid.",
    ),
    (
        exit_code::UNREADABLE,
        "A file, or the state, can't be read, or does not hold what was asked for.",
    ),
    (
        exit_code::NOT_LOADED,
        "A skill can't be loaded or started, or this machine can't confine it.",
    ),
    (exit_code::FAULT, "A fault in obs."),
    (exit_code::EXHAUSTED, "A step went over a limit."),
    (
        exit_code::IO,
        "The state, a log, standard output or a new file can't be written.",
    ),
    (
        exit_code::CIRCUIT_OPEN,
        "The circuit of a skill is open: try later.",
    ),
    (exit_code::REJECTED, "Denied by a policy or a person."),
    (exit_code::WAITING, "A step waits for an approval."),
    (exit_code::TIMEOUT, "A step or the run took too long."),
    (
        exit_code::SIGNAL_BASE,
        "Ended by a signal: 128 and its number, such as 130 for SIGINT.",
    ),
];

/// The exit codes of every verb.
const OF_ALL: [u8; 4] = [
    exit_code::SUCCESS,
    exit_code::USAGE,
    exit_code::FAULT,
    exit_code::IO,
];

/// The other exit codes of verbs; those that are not here may have all that concern files.
const OF_VERBS: &[(&str, &[u8])] = &[
    ("obs-run", &[1, 65, 66, 69, 71, 75, 77, 79, 124, 128]),
    ("obs-skills-run", &[1, 65, 66, 69, 71, 77, 124, 128]),
    ("obs-validate", &[65, 66, 77]),
    ("obs-policy-test", &[65, 66, 77]),
    ("obs-policy-schema", &[66]),
    ("obs-skills-list", &[66]),
    ("obs-runs", &[66]),
    ("obs-runs-prune", &[66]),
    ("obs-logs", &[66]),
    ("obs-show", &[66]),
    ("obs-approvals", &[66]),
    ("obs-approve", &[66, 77]),
    ("obs-deny", &[66, 77]),
    ("obs-verify", &[1, 66]),
    ("obs-circuits", &[66]),
    ("obs-circuits-reset", &[66]),
    ("obs-doctor", &[69]),
    ("obs-completions", &[]),
    ("obs-man", &[]),
];

/// Words in the names of the verbs that read or write recorded runs.
const OF_THE_STATE: [&str; 6] = ["run", "logs", "show", "verify", "appro", "deny"];

/// One page.
struct Page {
    /// Such as `obs-skills-list`.
    name: String,
    text: Vec<u8>,
}

/// Prints one page, or writes all.
pub(super) fn man(args: &ManArgs, printer: &Printer) -> CommandResult {
    let pages = pages().map_err(|error| {
        CommandError::with_source(ErrorKind::Fault, "can't render the manual", &error)
    })?;
    if let Some(dir) = &args.out {
        return write(&pages, dir, printer);
    }
    printer.print(&find(&pages, &args.verb)?.text);
    Ok(exit_code::SUCCESS)
}

fn write(pages: &[Page], dir: &Path, printer: &Printer) -> CommandResult {
    let failed = |what: String, error: &std::io::Error| {
        CommandError::with_source(ErrorKind::Io, what, error)
    };
    let shown = dir.display();
    std::fs::create_dir_all(dir)
        .map_err(|error| failed(format!("can't create `{shown}`"), &error))?;
    for page in pages {
        let path = dir.join(format!("{}.1", page.name));
        std::fs::write(&path, &page.text)
            .map_err(|error| failed(format!("can't write `{}`", path.display()), &error))?;
    }
    let count = pages.len();
    let dir = shown.to_string();
    let dir = crate::model::Escaped(&dir);
    printer.info(format_args!("wrote {count} pages to {dir}"));
    Ok(exit_code::SUCCESS)
}

/// The page of a verb, named as it is typed (`skills list`) or as its page (`obs-skills-list`).
fn find<'p>(pages: &'p [Page], verb: &[String]) -> Result<&'p Page, CommandError> {
    let typed = verb.join("-");
    let typed = typed.strip_suffix(".1").unwrap_or(&typed);
    let name = match typed.strip_prefix("obs") {
        Some("") => typed.to_owned(),
        Some(rest) if rest.starts_with('-') => typed.to_owned(),
        _ if typed.is_empty() => "obs".to_owned(),
        _ => format!("obs-{typed}"),
    };
    pages.iter().find(|page| page.name == name).ok_or_else(|| {
        let shown: String = verb.join(" ").chars().take(100).collect();
        let error = CommandError::new(ErrorKind::Usage, format!("no page for `{shown}`"));
        match nearest(&name, pages.iter().map(|page| page.name.as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`obs --help` lists the verbs"),
        }
    })
}

/// All pages, that of obs first.
fn pages() -> std::io::Result<Vec<Page>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut verbs = Vec::new();
    collect(&program, &[], &mut verbs);
    let pages = verbs.iter().map(|(verb, above)| {
        Ok(Page {
            name: name_of(verb).to_owned(),
            text: page(verb, above)?,
        })
    });
    pages.collect()
}

/// The verbs that are shown, each with those above it.
fn collect<'c>(
    verb: &'c Command,
    above: &[&'c Command],
    verbs: &mut Vec<(&'c Command, Vec<&'c Command>)>,
) {
    verbs.push((verb, above.to_vec()));
    for below in verb.get_subcommands().filter(|below| !below.is_hide_set()) {
        collect(below, &[above, &[verb]].concat(), verbs);
    }
}

fn name_of(verb: &Command) -> &str {
    verb.get_display_name().unwrap_or_else(|| verb.get_name())
}

fn page(verb: &Command, above: &[&Command]) -> std::io::Result<Vec<u8>> {
    let version = env!("CARGO_PKG_VERSION");
    let page = Man::new(verb.clone());
    let mut text = Vec::new();
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if verb.get_subcommands().any(|below| !below.is_hide_set()) {
        page.render_subcommands_section(&mut text)?;
    }
    let help = verb.get_after_long_help().or_else(|| verb.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    exit_status(verb, &help, &mut roff);
    environment(verb, &mut roff);
    notes(&help, &mut roff);
    see_also(verb, above, &mut roff);
    roff.to_writer(&mut text)?;
    // `Roff` drops an empty argument, and there is no date.
    let name = name_of(verb);
    let title = format!(".TH {name} 1 \"\" \"obs {version}\" \"obs manual\"\n");
    Ok(with_title(&title, &text))
}

/// The page with its title. Each part begins with the definition of the apostrophe, which a page
/// needs once.
fn with_title(title: &str, text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let preamble: String = text.split_inclusive('\n').take(2).collect();
    let text = text.replace(&preamble, "");
    [preamble.as_str(), title, &text].concat().into_bytes()
}

fn section(roff: &mut Roff, name: &str) {
    roff.control("SH", [name]);
}

fn entry(roff: &mut Roff, name: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(text)]);
}

fn exit_status(verb: &Command, help: &str, roff: &mut Roff) {
    section(roff, "EXIT STATUS");
    let name = name_of(verb);
    for paragraph in help.split("\n\n").filter(|text| text.starts_with("Exits ")) {
        roff.text([roman(paragraph.replace('\n', " "))]);
    }
    let own: &[u8] = match OF_VERBS.iter().find(|(known, _)| *known == name) {
        Some((_, own)) => own,
        None if name == "obs" => &[1, 65, 66, 69, 71, 75, 77, 79, 124, 128],
        None => &[65, 66],
    };
    for (code, text) in EXIT_CODES {
        if !OF_ALL.contains(&code) && !own.contains(&code) {
            continue;
        }
        let text = match (code, name) {
            (exit_code::FAILED, "obs-verify") => "Verification failed.",
            (exit_code::NOT_LOADED, "obs-doctor") => "The helper processes can't be started.",
            _ => text,
        };
        match code {
            exit_code::SIGNAL_BASE => entry(roff, "129, 130, 143", text),
            _ => entry(roff, &code.to_string(), text),
        }
    }
}

/// When a variable that is no flag counts: always, or for verbs of this kind.
#[derive(Clone, Copy)]
enum Uses {
    Always,
    Runs,
    /// A verb with this flag.
    Flag(&'static str),
}

/// The variables that are no flag.
const VARIABLES: [(&str, Uses, &str); 9] = [
    (
        "OBS_SKILLS_PATH",
        Uses::Flag("skills"),
        "Directories to search for skills, joined by colons.",
    ),
    (
        "OBS_CHAIN_KEY",
        Uses::Runs,
        "The key of the hash chain and the ledger of recorded runs.",
    ),
    (
        "XDG_STATE_HOME, HOME",
        Uses::Always,
        "Where the state is without --state-dir.",
    ),
    (
        "XDG_DATA_HOME",
        Uses::Flag("skills"),
        "The user's skills are in obs/skills below it.",
    ),
    (
        "XDG_RUNTIME_DIR",
        Uses::Flag("log"),
        "Where the locks of logs are if there is no state.",
    ),
    (
        "TMPDIR",
        Uses::Flag("sandbox"),
        "Where the private directories of steps are made.",
    ),
    (
        "OBS_PAGER, PAGER",
        Uses::Flag("no-pager"),
        "The program that shows long output on a terminal.",
    ),
    (
        "NO_COLOR, CLICOLOR_FORCE",
        Uses::Always,
        "Colors nowhere, or everywhere.",
    ),
    (
        "COLUMNS, TERM",
        Uses::Always,
        "The width and the kind of the terminal.",
    ),
];

fn environment(verb: &Command, roff: &mut Roff) {
    section(roff, "ENVIRONMENT");
    let text = "An empty variable counts as not set, and an option that is typed wins over it.";
    roff.text([roman(text)]);
    let mut flags: Vec<(String, &str)> = verb
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !variables::is_required_choice(verb, arg))
        .filter_map(|arg| Some((variables::name_of(arg)?, arg.get_long()?)))
        .collect();
    flags.sort();
    roff.control("PD", ["0"]);
    for (name, long) in flags {
        entry(roff, &name, &format!("As --{long}."));
    }
    roff.control("PD", []);
    for (name, uses, text) in VARIABLES {
        let is_used = match uses {
            Uses::Always => true,
            Uses::Runs => OF_THE_STATE.iter().any(|word| name_of(verb).contains(word)),
            Uses::Flag(flag) => verb.get_arguments().any(|arg| arg.get_long() == Some(flag)),
        };
        if is_used {
            entry(roff, name, text);
        }
    }
}

/// Examples and notes: what the help has after the options.
fn notes(help: &str, roff: &mut Roff) {
    let is_elsewhere = |text: &str| {
        [
            "Exits ",
            "Exit codes:",
            "Each option can be set",
            "`obs run --help` lists the exit codes",
        ]
        .iter()
        .any(|begin| text.starts_with(begin))
    };
    let paragraphs = help
        .split("\n\n")
        .filter(|text| !text.is_empty() && !is_elsewhere(text));
    let (examples, notes): (Vec<&str>, Vec<&str>) =
        paragraphs.partition(|text| text.starts_with("Example"));
    if !notes.is_empty() {
        section(roff, "NOTES");
        for note in notes {
            roff.control("PP", []);
            roff.text([roman(note.replace('\n', " "))]);
        }
    }
    if examples.is_empty() {
        return;
    }
    section(roff, "EXAMPLES");
    roff.control("nf", []);
    for line in examples.iter().flat_map(|text| text.lines().skip(1)) {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("fi", []);
}

fn see_also(verb: &Command, above: &[&Command], roff: &mut Roff) {
    let below = verb.get_subcommands().filter(|below| !below.is_hide_set());
    let siblings = above
        .last()
        .into_iter()
        .flat_map(|above| above.get_subcommands());
    let siblings = siblings.filter(|other| !other.is_hide_set() && above.len() > 1);
    let all = above.iter().copied().chain(below).chain(siblings);
    let others = all.filter(|other| name_of(other) != name_of(verb));
    let names: Vec<String> = others
        .map(|other| format!("{}(1)", name_of(other)))
        .collect();
    section(roff, "SEE ALSO");
    roff.text([roman(names.join(", "))]);
}
