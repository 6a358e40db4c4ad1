//! Completion: the candidates, and what bash, zsh and fish make of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::terminal::Terminal;
use crate::support::{Case, PATIENCE, has, obs_binary};

const PLAN: &str = "assistant_id: test\n\
    inputs:\n  who: {type: string, default: x, description: whom to greet}\n  \
    mode: {enum: [fast, slow], default: fast}\n  ok: {type: boolean, default: true}\n\
    steps:\n- {name: good, step_id: first, type: skill}\n\
    - {name: good, step_id: \"my step\", type: skill}\n";

fn case() -> Case {
    Case::new()
        .sh_skill("good", "echo '{}'", "permissions: [\"secret:TOKEN?\"]\n")
        .sh_skill(
            "net/fetch",
            "exit 1",
            "circuit_breaker: {failure_threshold: 1, cooldown: 1h}\n",
        )
        .file("plan.yaml", PLAN)
        .file("notes.txt", "")
        .file("plans/more.json", "{}")
}

/// The candidates for the last word, with their help.
fn offered(case: &Case, words: &[&str]) -> Vec<String> {
    let args: Vec<&str> = ["--", "obs"].iter().chain(words).copied().collect();
    let mut command = case.command(&args);
    let output = command.env("_OBS_COMPLETE", "zsh").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The candidates without their help.
fn values(case: &Case, words: &[&str]) -> Vec<String> {
    let offered = offered(case, words);
    let value = |line: String| line.split('\t').next().unwrap_or_default().to_owned();
    offered.into_iter().map(value).collect()
}

#[test]
fn verbs_flags_and_their_values() {
    let case = case();
    let verbs = offered(&case, &[""]);
    assert!(
        verbs.contains(&"run\tProve a plan and run it".to_owned()),
        "{verbs:?}"
    );
    assert!(values(&case, &["skills", "sh"]).contains(&"show".to_owned()));
    assert_eq!(values(&case, &["run", "--form"]), ["--format"]);
    let formats = [
        "--format=table",
        "--format=json",
        "--format=jsonl",
        "--format=none",
    ];
    assert_eq!(values(&case, &["run", "--format="]), formats);
    assert_eq!(values(&case, &["runs", "--status", "fai"]), ["failed"]);
    assert_eq!(values(&case, &["man", "skills-l"]), ["skills-list"]);
    assert_eq!(values(&case, &["--color", "n"]), ["never"]);
}

#[test]
fn plans_are_files_with_their_extension_and_directories() {
    let case = case()
        .file("b.yml", "")
        .file("\u{1b}[31m.yaml", "")
        .file("-x.yaml", "");
    let found = values(&case, &["run", ""]);
    assert_eq!(found, ["b.yml", "plan.yaml", "plans/", "skills/"]);
    assert_eq!(
        values(&case, &["validate", "plan.yaml", "plans/"]),
        ["plans/more.json"]
    );
    assert_eq!(
        values(&case, &["graph", "./p"]),
        ["./plan.yaml", "./plans/"]
    );
}

#[test]
fn the_plan_on_the_line_gives_steps_inputs_and_secrets() {
    let case = case();
    let run = ["run", "--jobs", "2", "plan.yaml", "-q"];
    let with = |more: &[&str]| values(&case, &[&run[..], more].concat());
    assert_eq!(with(&["--approve", ""]), ["first=good", "my step=good"]);
    assert_eq!(with(&["--print", "f"]), ["first"]);
    assert_eq!(with(&["--set", ""]), ["who=", "mode=", "ok="]);
    assert_eq!(with(&["--set", "mode="]), ["mode=fast", "mode=slow"]);
    assert_eq!(with(&["--set=ok=t"]), ["--set=ok=true"]);
    assert_eq!(with(&["--secret", ""]), ["TOKEN=env:", "TOKEN=file:"]);
    let help = offered(&case, &["run", "plan.yaml", "--set", "w"]);
    assert_eq!(help, ["who=\twhom to greet"]);
    assert!(values(&case, &["run", "missing.yaml", "--approve", ""]).is_empty());
    // A plan that is being written.
    let broken = case.file("plan.yaml", "steps:\n- {name: a}\n- {nmae: b}\n- 3\n");
    assert_eq!(
        values(&broken, &["run", "plan.yaml", "--approve", ""]),
        ["a=a"]
    );
}

#[test]
fn skills_come_with_their_description() {
    let case = case();
    let found = offered(&case, &["skills", "show", ""]);
    assert!(
        found.contains(&"net/fetch\tA skill.".to_owned()),
        "{found:?}"
    );
    assert_eq!(
        values(&case, &["run", "plan.yaml", "--allow", "x,net/"]),
        ["x,net/fetch"]
    );
    let more = case.file(
        "more/extra/manifest.yaml",
        "description: d\nexecution: {command: [x]}\n",
    );
    assert_eq!(
        values(&more, &["skills", "show", "--skills", "more", "ex"]),
        ["extra"]
    );
}

#[test]
fn runs_come_with_their_plan_and_status() {
    let case = case().file(
        "fails.yaml",
        "assistant_id: test\nsteps: [{name: net/fetch, type: skill}]\n",
    );
    case.run(&["run", "plan.yaml"]).expect_code(0);
    case.run(&["run", "fails.yaml"]).expect_code(1);
    for verb in [
        &["logs", ""][..],
        &["verify", ""],
        &["logs", "--step", "x", ""],
    ] {
        let found = offered(&case, verb);
        assert!(
            found[0].starts_with("last\tthe latest run: failed, fails.yaml, "),
            "{found:?}"
        );
        assert!(found[1].contains("\tfailed, fails.yaml, "), "{found:?}");
        assert!(found[2].contains("\tsuccess, plan.yaml, "), "{found:?}");
        let id = found[2].split('\t').next().unwrap();
        case.run(&["logs", id]).expect_code(0);
    }
    let steps = offered(&case, &["logs", "last~1", "--step", ""]);
    assert_eq!(steps, ["first\tsuccess", "my step\tsuccess"]);
    assert_eq!(
        values(&case, &["logs", "last", "--step", ""]),
        ["net/fetch"]
    );
    assert_eq!(values(&case, &["logs", "--step", ""]), ["net/fetch"]);
    assert_eq!(
        values(&case, &["run", "plan.yaml", "--resume=la"]),
        ["--resume=last"]
    );
    let circuits = offered(&case, &["circuits", "reset", ""]);
    assert_eq!(circuits, ["net/fetch\topen, failures: 1"]);
    assert!(values(&case, &["--state-dir", "none", "circuits", "reset", "n"]).is_empty());
}

#[test]
fn a_completion_changes_nothing_and_never_waits() {
    let case = case();
    for words in [
        &["logs", "l"][..],
        &["circuits", "reset", "n"],
        &["run", "plan.yaml", "--resume=x"],
        &["logs", "last", "--step", ""],
    ] {
        assert!(values(&case, words).is_empty(), "{words:?}");
        assert!(!case.state().exists(), "{words:?}");
    }
    rustix::fs::mknodat(
        rustix::fs::CWD,
        case.path().join("fifo.yaml"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    assert!(values(&case, &["run", "fifo.yaml", "--approve", ""]).is_empty());
    let long = format!(
        "steps:\n{}",
        "- {name: good, type: skill}\n".repeat(100_000)
    );
    let nested = format!("steps: {}", "[".repeat(100_000));
    let case = case.file("long.yaml", long).file("nested.yaml", nested);
    let case = case.file("raw.yaml", b"steps: [{name: \"\xff\"}]");
    for plan in ["long.yaml", "nested.yaml", "raw.yaml", "/dev/zero", "plans"] {
        assert!(
            values(&case, &["run", plan, "--approve", ""]).is_empty(),
            "{plan}"
        );
    }
    fs::create_dir(case.state()).unwrap();
    fs::write(case.state().join("obs.db"), "no database").unwrap();
    assert!(values(&case, &["logs", "la"]).is_empty());
    assert_eq!(fs::read_dir(case.state()).unwrap().count(), 1);
}

#[test]
fn a_name_that_hides_something_is_not_offered() {
    let steps = [
        "evil\\e[31m",
        "--sandbox=off",
        "a\\nb",
        "a\\tb",
        "\\u202e",
        "",
        "fine",
    ];
    let steps = steps.map(|step| format!("- {{name: good, step_id: \"{step}\", type: skill}}\n"));
    let case = case().plan(&steps.concat());
    let found = values(&case, &["run", "plan.yaml", "--approve", ""]);
    assert_eq!(found, ["good=good", "fine=good"]);
    let step = |n| format!("- {{name: s{n}, type: skill}}\n");
    let steps = crate::support::concat((0..2000).map(step));
    let case = case.plan(&steps);
    assert_eq!(
        values(&case, &["run", "plan.yaml", "--approve", ""]).len(),
        500
    );
}

/// The width of the terminals of shells.
const COLUMNS: u16 = 150;

/// An interactive shell with the completion of obs, in the directory of `case`.
struct Shell(Terminal, String);

const SHELLS: [(&str, &str); 3] = [
    (
        "bash",
        "PS1='ready> '\nbind 'set bell-style none'\nsource <(obs completions bash)\n",
    ),
    (
        "zsh",
        "PS1='ready> '\nautoload -Uz compinit\ncompinit -u -D\nsource <(obs completions zsh)\n",
    ),
    (
        "fish",
        "function fish_prompt; echo 'ready> '; end\nset fish_greeting\nobs completions fish | source\n",
    ),
];

impl Shell {
    fn start(case: &Case, shell: &str, init: &str) -> Self {
        let bin = case.path().join(".tmp/bin");
        if !bin.exists() {
            fs::create_dir(&bin).unwrap();
            symlink(obs_binary(), bin.join("obs")).unwrap();
        }
        let file = case.path().join(".tmp/.zshrc");
        fs::write(&file, init).unwrap();
        let mut command = Command::new(shell);
        match shell {
            "bash" => command
                .arg("--noprofile")
                .arg("--rcfile")
                .arg(&file)
                .arg("-i"),
            "zsh" => command.arg("-i"),
            _ => command.arg("--init-command").arg(init).arg("--interactive"),
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::split_paths(&path);
        let path = std::env::join_paths(std::iter::once(bin).chain(paths)).unwrap();
        command
            .current_dir(case.path())
            .env("PATH", path)
            .env("HOME", case.path().join(".tmp"))
            .env("ZDOTDIR", case.path().join(".tmp"))
            .env("LANG", "C.UTF-8")
            .env("OBS_STATE_DIR", case.state());
        let terminal = Terminal::start(&command, COLUMNS);
        terminal.wait_for_text("ready> ");
        Self(terminal, shell.to_owned())
    }

    /// Types the beginning of a line and the completion key, and waits for `text`.
    fn complete(&mut self, begin: &str, text: &str) {
        self.0.press(begin.as_bytes());
        // fish takes a key that comes at once with others before it knows the whole line.
        self.wait_for(begin.trim_end());
        self.0.press(b"\t");
        self.wait_for(text);
    }

    /// Waits until the screen shows `text`: shells color parts of words.
    fn wait_for(&self, text: &str) {
        let shown = || self.0.screen(COLUMNS).screen().contents();
        let since = Instant::now();
        while !shown().contains(text) {
            assert!(
                since.elapsed() < PATIENCE,
                "no `{text}` in {}:\n{}",
                self.1,
                shown()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Puts a command before the line that prints its words, and waits for them.
    fn expect_words(&mut self, words: &[&str]) {
        self.0.press(b"\x01printf '<%s>\\n' \r");
        let lines: Vec<String> = words.iter().map(|word| format!("<{word}>\n")).collect();
        self.wait_for(lines.concat().trim_end());
    }
}

#[test]
fn shells_insert_what_is_completed() {
    for (shell, init) in SHELLS {
        if !has(
            shell,
            &format!("completion::shells_insert_what_is_completed in {shell}"),
        ) {
            continue;
        }
        let case = case();
        let mut shell = Shell::start(&case, shell, init);
        shell.complete("obs val", "obs validate");
        shell.complete("plan.", "plan.yaml");
        shell.complete("--set mo", "mode=");
        shell.complete("f", "fast");
        shell.complete("--form", "--format");
        shell.expect_words(&[
            "obs",
            "validate",
            "plan.yaml",
            "--set",
            "mode=fast",
            "--format",
        ]);
    }
}

/// Words that a shell would run, split or replace.
const HOSTILE: &str =
    "$(touch pwned) `touch pwned`; touch pwned & *? {a,b} 'q' \\\"d\\\" \\\\ | > x";

#[test]
fn shells_quote_names_that_others_gave() {
    let plan = format!("- {{name: good, step_id: \"{HOSTILE}\", type: skill}}\n");
    let name = HOSTILE.replace("\\\"", "\"").replace("\\\\", "\\");
    for (shell, init) in SHELLS {
        if !has(
            shell,
            &format!("completion::shells_quote_names_that_others_gave in {shell}"),
        ) {
            continue;
        }
        let case = case().plan(&plan);
        let mut terminal = Shell::start(&case, shell, init);
        terminal.complete("obs run plan.yaml --approve ", "=good");
        let word = format!("{name}=good");
        terminal.expect_words(&["obs", "run", "plan.yaml", "--approve", &word]);
        assert!(!case.path().join("pwned").exists(), "{shell}");
    }
}

#[test]
fn shells_list_candidates_with_their_help() {
    for (shell, init) in SHELLS {
        if !has(
            shell,
            &format!("completion::shells_list_candidates_with_their_help in {shell}"),
        ) {
            continue;
        }
        let case = case();
        case.run(&["run", "plan.yaml"]).expect_code(0);
        let mut terminal = Shell::start(&case, shell, init);
        terminal.complete("obs logs ", "");
        terminal.0.press(b"\t");
        terminal.wait_for("last");
        if shell != "bash" {
            terminal.wait_for("success, plan.yaml");
        }
    }
}
