//! The six screens of a person's day at 60, 80 and 200 columns: live bars, the report of a failed
//! run, runs, logs, an approval and diagnostics, as a terminal shows them.

use std::path::Path;

use crate::support::terminal::Terminal;
use crate::support::{Case, concat, confines, stable_settings};

const WIDTHS: [u16; 3] = [60, 80, 200];
/// Enough for every screen: what scrolls away is not compared.
const ROWS: u16 = 70;

/// A site that is fetched, built and deployed; the build fails, twice.
fn site() -> Case {
    Case::new_in(Path::new("/tmp"))
        .sh_skill("fetch", "echo '{\"pages\": 128, \"from\": \"example.org\"}'", "permissions: []\n")
        .sh_skill("web/check", "echo 1", "permissions: []\n")
        .sh_skill(
            "web/build",
            "echo 'rendering 128 pages with the templates of the directory templates/'\n\
             echo 'warning: the template article.html uses the variable `author`, which no page sets' >&2\n\
             echo 'error: content/posts/2026-11-28.md:14: the link `../pictures/harbour.jpg` leads nowhere' >&2\n\
             exit 2",
            "version: 1.4.0\nidempotent: true\npermissions: []\n",
        )
        .sh_skill(
            "web/deploy",
            "echo 1",
            "risk_level: critical\n\
             permissions: [\"fs.write:public/\"]\n",
        )
        .file("plans/site.yaml", SITE)
        .file("plans/deploy.yaml", DEPLOY)
        .file("plans/broken.yaml", BROKEN)
}

const SITE: &str = "\
assistant_id: claude
id: site
order: graph
steps:
  - {name: fetch, type: skill}
  - {name: web/build, type: skill, step_id: build-the-whole-site-with-its-pictures, arguments: {input: \"{{fetch}}\"}, retry: {max_retries: 1, initial_backoff: 1ms}}
  - {name: web/check, type: skill, step_id: check, depends_on: [build-the-whole-site-with-its-pictures]}
";

const DEPLOY: &str = "\
assistant_id: claude
steps:
  - {name: fetch, type: skill}
  - name: web/deploy
    type: skill
    step_id: deploy
    arguments: {to: production, files: \"{{fetch.pages}}\", message: \"a text that is long enough to need more than one line on most terminals that people use\"}
";

const BROKEN: &str = "\
assistant_id: claude
steps:
  - {name: fetsh, type: skill, arguments: {url: \"https://example.org/a/rather/long/address/that/does/not/fit\"}}
  - {name: fetch, type: skill, step_id: check, argments: {}, depends_on: [nothing]}
  - {name: web/build, type: skill, arguments: {input: \"{{fetch.pages}}\"}}
";

/// What one terminal shows while or after `obs args` runs: `look` gives the moment.
fn screen(case: &Case, args: &[&str], columns: u16, look: &dyn Fn(&mut Terminal)) -> String {
    let mut command = case.command(args);
    command.env("TZ", "UTC");
    let mut terminal = Terminal::start_sized(&command, columns, ROWS);
    look(&mut terminal);
    terminal.screen_sized(columns, ROWS)
}

/// Compares what the screen shows at each width with the snapshot `name`.
fn expect_screens(name: &str, show: impl Fn(u16) -> String) {
    let at = |columns: u16| {
        let rule = "─".repeat(usize::from(columns));
        format!("{columns} columns\n{rule}\n{}\n{rule}\n\n", show(columns))
    };
    let screens = concat(WIDTHS.into_iter().map(at));
    let mut settings = stable_settings();
    for (from, to) in [
        ("[⠁-⣿]", "[SPINNER]"),
        (r"/tmp/\.tmp\w{0,6}", "[DIR]"),
        (r"\b01[0-9a-f]{6}(-[0-9a-f]{1,4}){0,2}\b", "[ID]"),
        (r"\b\d+m\d+s\b", "[T]"),
        // A line feed where the terminal breaks it.
        (r"head(\s+)[0-9a-f]{16}\b", "head$1[HASH]"),
        (r"\d{4}-[\d\n]+-\d\d \d\d:\d\d:\d\dZ", "[TIME]"),
    ] {
        settings.add_filter(from, to);
    }
    settings.bind(|| insta::assert_snapshot!(name, screens));
}

/// Waits until obs has ended.
fn until_the_end(terminal: &mut Terminal) {
    terminal.wait();
}

#[test]
fn live_bars() {
    if !confines("live_bars") {
        return;
    }
    expect_screens("screen_bars", |columns| {
        let wait = "while [ ! -e go ]; do sleep 0.02; done; echo 1";
        let case = Case::new_in(Path::new("/tmp"))
            .sh_skill("first", "echo 1", "permissions: []\n")
            .sh_skill(
                "talk",
                &format!("echo '{{\"progress\": 0.5, \"message\": \"page 5 of 10\"}}' >&3\n{wait}"),
                "",
            )
            .plan(
                "- {name: first, type: skill}\n\
                 - {name: talk, type: skill, step_id: build-the-whole-site-with-its-pictures}\n",
            );
        screen(&case, &["run", "plan.yaml"], columns, &|terminal| {
            terminal.wait_for_text("page 5 of 10");
        })
    });
}

#[test]
fn the_report_of_a_failed_run() {
    if !confines("the_report_of_a_failed_run") {
        return;
    }
    expect_screens("screen_failure", |columns| {
        let args = ["run", "plans/site.yaml"];
        screen(&site(), &args, columns, &until_the_end)
    });
}

#[test]
fn the_list_of_runs() {
    let case = site();
    case.run(&["run", "plans/site.yaml"]).expect_code(1);
    case.run(&["run", "plans/deploy.yaml", "--approve", "deploy=web/deploy"])
        .expect_code(0);
    // How long a short id is depends on when the runs began.
    let state = rusqlite::Connection::open(case.state().join("obs.db")).unwrap();
    let apart = "UPDATE runs SET run_id = '0192ab1' || id || '-0000-7000-8000-000000000000',
         started_ms = started_ms - 100000, duration_ms = 41";
    state.execute_batch(apart).unwrap();
    expect_screens("screen_runs", |columns| {
        screen(&case, &["runs"], columns, &until_the_end)
    });
}

#[test]
fn the_records_of_a_run() {
    let case = site();
    case.run(&["run", "plans/site.yaml"]).expect_code(1);
    expect_screens("screen_logs", |columns| {
        screen(&case, &["logs", "last"], columns, &until_the_end)
    });
}

#[test]
fn an_approval() {
    if !confines("an_approval") {
        return;
    }
    expect_screens("screen_approval", |columns| {
        let args = ["run", "plans/deploy.yaml"];
        screen(&site(), &args, columns, &|terminal| {
            terminal.wait_for_text("[y/N]");
        })
    });
}

#[test]
fn diagnostics() {
    let case = site();
    expect_screens("screen_diagnostics", |columns| {
        let args = ["validate", "plans/broken.yaml"];
        screen(&case, &args, columns, &until_the_end)
    });
}
