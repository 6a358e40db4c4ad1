//! Steps that wait for a person without a process: `--on-approval wait`, `obs approvals`,
//! `obs approve` and `obs deny`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Case, has, wait_for};

const WAIT: &[&str] = &["run", "plan.yaml", "--on-approval", "wait"];

/// Skills that count their calls: `look`, and `push`, which hides its token.
fn case(plan: &str) -> Case {
    let arguments = "input_schema: {type: object, properties: {to: {}, token: {type: string, \
                     writeOnly: true}}}\npermissions: [\"fs.write:out/\"]\n";
    let writes = "permissions: [\"fs.write:out/\"]\nidempotent: true\n";
    Case::new()
        .sh_skill("look", "echo look >> out/calls; echo '\"staging\"'", writes)
        .sh_skill("push", "echo push >> out/calls; echo 1", arguments)
        .sh_skill("clean", "echo clean >> out/calls; echo 1", writes)
        .sh_skill("fail", "exit 3", "")
        .file("plan.yaml", format!("assistant_id: test\n{plan}"))
}

const PUBLISH: &str = "steps:\n- {name: look, type: skill}\n\
     - {name: push, type: skill, arguments: {to: \"{{look}}\"}, approval: {message: Ship it?}}\n";

fn calls(case: &Case) -> String {
    std::fs::read_to_string(case.path().join("out/calls")).unwrap_or_default()
}

fn waiting(case: &Case) -> Vec<Value> {
    let output = case.run(&["approvals", "--format", "jsonl"]);
    output.expect_code(0).records()
}

fn statuses(case: &Case) -> Vec<String> {
    let mut records = case.run(&["logs", "last", "--format", "jsonl"]).records();
    records.sort_by_key(|record| record["step_index"].as_u64());
    let word = |record: &Value| record["status"].as_str().unwrap_or_default().to_owned();
    records.iter().map(word).collect()
}

fn verify(case: &Case) {
    case.run(&["verify", "--all"]).expect_code(0);
}

/// Runs obs on a clock that is some hours ahead; gives its exit code and what it wrote.
fn at(case: &Case, clock: &Clock, hours: u32, args: &[&str]) -> (Option<i32>, String) {
    let output = case
        .command(args)
        .env("LD_PRELOAD", &clock.library)
        .env("CLOCK_OFFSET", (hours * 3600).to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

/// A library that puts the time of day forward by `CLOCK_OFFSET` seconds.
struct Clock {
    library: PathBuf,
    _dir: tempfile::TempDir,
}

const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, id, now);
    const char *offset = getenv("CLOCK_OFFSET");
    if (!failed && id == CLOCK_REALTIME && offset) now->tv_sec += atol(offset);
    return failed;
}
"#;

impl Clock {
    /// `None` without a C compiler; then the test is named as skipped.
    fn new(test: &str) -> Option<Self> {
        if !has("cc", test) {
            return None;
        }
        let dir = tempfile::TempDir::new().unwrap();
        let (source, library) = (dir.path().join("clock.c"), dir.path().join("clock.so"));
        std::fs::write(&source, CLOCK).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
        assert!(compiler.arg(&source).status().unwrap().success());
        Some(Self { library, _dir: dir })
    }
}

#[test]
fn a_step_is_approved_after_its_process_has_ended() {
    let case = case(
        "order: graph\nsteps:\n- {name: look, type: skill}\n\
         - {name: push, type: skill, arguments: {to: \"{{look}}\"}, approval: {message: Ship it?}}\n\
         - {name: clean, step_id: after, type: skill, depends_on: [push]}\n\
         - {name: clean, step_id: later, type: skill, depends_on: [after]}\n\
         - {name: clean, step_id: free, type: skill, continue_on_error: true}\n\
         finally:\n- {name: clean, step_id: last, type: skill}\n",
    );
    let output = case.run(WAIT).expect_code(79);
    let said = output.whole();
    assert!(
        said.contains("waiting: `push` waits for an approval"),
        "{said}"
    );
    let wanted = [
        "success", "skipped", "skipped", "skipped", "success", "skipped",
    ];
    assert_eq!(statuses(&case), wanted);
    let run = case.run(&["runs", "--format", "jsonl"]).records().remove(0);
    assert_eq!(run["status"], "waiting");
    let asked = waiting(&case);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["arguments"], json!({"to": "staging"}));
    assert_eq!(asked[0]["message"], "Ship it?");
    let id = run["run_id"].as_str().unwrap();
    for record in case.run(&["logs", id, "--format", "jsonl"]).records() {
        if record["status"] == "skipped" {
            let because = json!({"kind": "approval", "step": "push"});
            assert_eq!(record["skipped_because"], because);
        }
    }
    verify(&case);

    let args = [
        "approve",
        id,
        "push",
        "--comment",
        "seen",
        "--user-id",
        "ann",
    ];
    let said = case.run(&args).expect_code(0).whole();
    assert!(said.contains(&format!("--resume={}", &id[..8])), "{said}");
    assert!(waiting(&case).is_empty());
    verify(&case);
    case.run(&["run", &format!("--resume={id}")]).expect_code(0);
    assert_eq!(statuses(&case), ["success"; 6]);
    let records = case.run(&["logs", "last", "--step", "push", "--format", "jsonl"]);
    let record = &records.records()[0];
    assert_eq!(record["approved_by"], "ann (obs approve)");
    assert_eq!(record["approval"]["comment"], "seen");
    assert_eq!(record["approval"]["digest"], asked[0]["digest"]);
    assert!(record["approval"]["answered_at"].is_string(), "{record}");
    assert_eq!(calls(&case).matches("push").count(), 1);
    verify(&case);
}

#[test]
fn in_a_sequence_nothing_after_the_step_runs() {
    let case = case(
        "steps:\n- {name: look, parallel_group: a, type: skill}\n\
         - {name: push, parallel_group: a, type: skill, approval: {message: m}, continue_on_error: true}\n\
         - {name: clean, type: skill}\n- {name: look, step_id: end, type: skill}\n",
    );
    case.run(WAIT).expect_code(79);
    assert_eq!(
        statuses(&case),
        ["success", "skipped", "skipped", "skipped"]
    );
    case.run(&["approve", "last", "1"]).expect_code(0);
    case.run(&["run", "plan.yaml", "--resume"]).expect_code(0);
    assert_eq!(statuses(&case), ["success"; 4]);
}

#[test]
fn of_two_answers_at_once_the_first_counts() {
    for _ in 0..4 {
        let case = case(PUBLISH);
        case.run(WAIT).expect_code(79);
        let spawn = |verb| {
            let mut command = case.command(&[verb, "last", "push"]);
            command.stderr(Stdio::piped()).spawn().unwrap()
        };
        let both = ["approve", "deny"].map(spawn);
        let both = both.map(|child| child.wait_with_output().unwrap());
        let codes = both.each_ref().map(|output| output.status.code().unwrap());
        assert!(matches!(codes, [0, 2] | [2, 0]), "{codes:?}");
        let loser = both.iter().find(|output| output.status.code() == Some(2));
        let said = String::from_utf8_lossy(&loser.unwrap().stderr).into_owned();
        assert!(said.contains("the first answer counts"), "{said}");
        verify(&case);
        let code = if codes[0] == 0 { 0 } else { 77 };
        case.run(&["run", "--resume=last"]).expect_code(code);
    }
}

#[test]
fn an_answer_after_the_expiry_does_not_count() {
    let Some(clock) = Clock::new("waiting::an_answer_after_the_expiry_does_not_count") else {
        return;
    };
    let case = case(PUBLISH);
    case.run(WAIT).expect_code(79);
    let (code, said) = at(&case, &clock, 25, &["approve", "last", "push"]);
    assert_eq!(code, Some(77), "{said}");
    assert!(said.contains("the request expired at"), "{said}");
    let (code, said) = at(&case, &clock, 25, &["approvals"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no step waits"), "{said}");
    let resume = ["run", "--resume=last", "--on-approval", "wait"];
    let (code, said) = at(&case, &clock, 25, &resume);
    assert_eq!(code, Some(77), "{said}");
    assert!(said.contains("nobody approved `push` until"), "{said}");
    assert_eq!(calls(&case), "look\n");
    // Whoever resumes once more is asked again.
    let (code, said) = at(&case, &clock, 25, &resume);
    assert_eq!(code, Some(79), "{said}");
    let (code, said) = at(&case, &clock, 26, &["approve", "last", "push"]);
    assert_eq!(code, Some(0), "{said}");
    // An answer in time counts whenever the run is resumed.
    let (code, said) = at(&case, &clock, 99, &["run", "--resume=last"]);
    assert_eq!(code, Some(0), "{said}");
    verify(&case);
}

#[test]
fn a_short_approval_timeout_ends_the_wait_sooner() {
    let Some(clock) = Clock::new("waiting::a_short_approval_timeout_ends_the_wait_sooner") else {
        return;
    };
    let case = case(PUBLISH);
    let args = [WAIT, &["--approval-timeout", "90m"]].concat();
    case.run(&args).expect_code(79);
    let (code, said) = at(&case, &clock, 2, &["deny", "last", "push"]);
    assert_eq!(code, Some(77), "{said}");
    let (code, said) = at(&case, &clock, 1, &["deny", "last", "push"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_change_of_what_was_approved_is_asked_again() {
    let plan = "inputs: {to: {default: a}}\nsteps:\n\
         - {name: push, type: skill, arguments: {to: \"{{inputs.to}}\"}, approval: {message: m}}\n";
    let resume = &["run", "plan.yaml", "--resume", "--on-approval", "wait"];
    for change in [
        "nothing",
        "arguments",
        "plan",
        "skill",
        "manifest",
        "workspace",
    ] {
        let mut case = case(plan);
        case.run(WAIT).expect_code(79);
        case.run(&["approve", "last", "push"]).expect_code(0);
        let mut args = resume.to_vec();
        match change {
            "arguments" => args.extend(["--set", "to=b"]),
            "plan" => case = case.file("plan.yaml", format!("assistant_id: test\n{plan}# more\n")),
            "skill" => case = case.script("skills/push/run.sh", "#!/bin/sh\necho 2\n"),
            "manifest" => {
                let manifest = case.path().join("skills/push/manifest.yaml");
                let text = std::fs::read_to_string(manifest).unwrap() + "# more\n";
                case = case.file("skills/push/manifest.yaml", text);
            }
            "workspace" => {
                case = case.file("other/x", "");
                args.extend(["--workspace", "other", "--skills", "skills"]);
            }
            _ => {}
        }
        let code = if change == "nothing" { 0 } else { 79 };
        let said = case.run(&args).expect_code(code).whole();
        assert_eq!(calls(&case).is_empty(), code == 79, "{change}: {said}");
        // Without waiting nobody can be asked.
        if code == 79 {
            assert_eq!(waiting(&case).len(), 1, "{change}");
            let known = waiting(&case)[0]["digest"].clone();
            let all = case.run(&["approvals", "--all", "--format", "jsonl"]);
            let mut digests = all
                .records()
                .into_iter()
                .map(|asked| asked["digest"].clone());
            assert_eq!(
                digests.by_ref().filter(|digest| *digest == known).count(),
                1
            );
        }
        verify(&case);
    }
}

#[test]
fn the_digest_is_of_the_real_arguments_and_nothing_shows_them() {
    let plan = "inputs: {token: {type: string, writeOnly: true}}\nsteps:\n- {name: push, type: skill, \
                arguments: {token: \"{{inputs.token}}\", to: prod}, approval: {message: m}}\n";
    for (token, code) in [("tok-4711", 0), ("tok-4712", 79)] {
        let case = case(plan);
        let args = [WAIT, &["--set", "token=tok-4711"]].concat();
        let output = case.run(&args).expect_code(79).whole();
        let list = case.run(&["approvals"]).expect_code(0).whole();
        assert!(list.contains("with token: \"***\""), "{list}");
        assert!(list.contains("with to: \"prod\""), "{list}");
        case.run(&["approve", "last", "push"]).expect_code(0);
        let token = format!("token={token}");
        let resume = [
            "run",
            "--resume=last",
            "--on-approval",
            "wait",
            "--set",
            &token,
        ];
        let resumed = case.run(&resume).expect_code(code).whole();
        for text in [output, list, resumed] {
            assert!(!text.contains("tok-471"), "{text}");
        }
        for file in ["obs.db", "obs.db-wal"] {
            let bytes = std::fs::read(case.state().join(file)).unwrap_or_default();
            assert!(!bytes.windows(7).any(|part| part == b"tok-471"), "{file}");
        }
    }
}

#[test]
fn a_denial_ends_the_resumed_run_after_its_finally_steps() {
    let plan = format!("{PUBLISH}finally:\n- {{name: clean, type: skill}}\n");
    let case = case(&plan);
    case.run(WAIT).expect_code(79);
    assert_eq!(calls(&case), "look\n");
    case.run(&["deny", "last", "push", "--comment", "not\u{1b}[2J today"])
        .expect_code(0);
    let said = case.run(&["run", "--resume=last"]).expect_code(77).whole();
    assert!(said.contains("denied `push` at"), "{said}");
    assert!(
        said.contains("today") && !said.contains("\u{1b}[2J"),
        "{said}"
    );
    assert_eq!(calls(&case), "look\nclean\n");
    // A denial stays one, however often the run is resumed.
    case.run(&["run", "--resume=last", "--on-approval", "wait"])
        .expect_code(77);
    verify(&case);
}

#[test]
fn finally_steps_are_asked_about_before_the_first_step() {
    let plan = "steps:\n- {name: look, type: skill}\nfinally:\n\
                - {name: push, type: skill, arguments: {to: \"{{look}}\"}, approval: {message: m}}\n";
    let case = case(plan);
    case.run(WAIT).expect_code(79);
    assert_eq!(calls(&case), "");
    assert_eq!(statuses(&case), ["skipped", "skipped"]);
    case.run(&["approve", "last", "push"]).expect_code(0);
    case.run(&["run", "--resume=last"]).expect_code(0);
    assert_eq!(calls(&case), "look\npush\n");
    let case = case_denied(plan);
    case.run(&["run", "--resume=last"]).expect_code(77);
    assert_eq!(calls(&case), "");
}

fn case_denied(plan: &str) -> Case {
    let case = case(plan);
    case.run(WAIT).expect_code(79);
    case.run(&["deny", "last", "push"]).expect_code(0);
    case
}

#[test]
fn a_failure_decides_before_a_wait() {
    let plan = "order: graph\nsteps:\n- {name: push, type: skill, approval: {message: m}}\n\
                - {name: fail, type: skill}\nfinally:\n- {name: clean, type: skill}\n";
    let case = case(plan);
    case.run(&[WAIT, &["--keep-going"]].concat()).expect_code(1);
    assert_eq!(statuses(&case), ["skipped", "failed", "success"]);
    assert_eq!(calls(&case), "clean\n", "a run that failed cleans up");
    assert_eq!(waiting(&case).len(), 1);
}

#[test]
fn one_answer_covers_all_attempts() {
    let once = "if mkdir out/failed 2>/dev/null; then exit 1; fi; echo 1";
    let case = case(
        "steps:\n- {name: flaky, type: skill, approval: {message: m}, \
         retry: {max_retries: 2, initial_backoff: 1ms}}\n",
    )
    .sh_skill(
        "flaky",
        once,
        "permissions: [\"fs.write:out/\"]\nidempotent: true\n",
    );
    case.run(WAIT).expect_code(79);
    case.run(&["approve", "last", "flaky"]).expect_code(0);
    case.run(&["run", "--resume=last"]).expect_code(0);
    let record = case.run(&["logs", "last", "--format", "jsonl"]).records();
    assert_eq!(record[0]["attempts"], 2);
}

#[test]
fn an_answer_outlives_a_failure_of_the_step() {
    let case = case("steps:\n- {name: fail, type: skill, approval: {message: m}}\n");
    case.run(WAIT).expect_code(79);
    case.run(&["approve", "last", "fail"]).expect_code(0);
    let resume = ["run", "--resume=last", "--on-approval", "wait"];
    case.run(&resume).expect_code(1);
    case.run(&resume).expect_code(1);
    assert!(waiting(&case).is_empty());
}

#[test]
fn a_run_that_waits_is_not_removed() {
    let case = case(PUBLISH).file(
        "other.yaml",
        "assistant_id: t\nsteps:\n- {name: look, type: skill}\n",
    );
    case.run(WAIT).expect_code(79);
    for _ in 0..3 {
        case.run(&["run", "other.yaml", "--keep-last", "1"])
            .expect_code(0);
    }
    case.run(&["runs", "prune", "--keep-last", "0"])
        .expect_code(0);
    assert_eq!(waiting(&case).len(), 1);
    let id = waiting(&case)[0]["run_id"].as_str().unwrap().to_owned();
    case.run(&["approve", &id, "push"]).expect_code(0);
    case.run(&["run", &format!("--resume={id}")]).expect_code(0);
    verify(&case);
}

#[test]
fn a_request_outlives_a_killed_obs() {
    let case = case(
        "order: graph\nsteps:\n- {name: push, type: skill, approval: {message: m}}\n\
         - {name: slow, type: skill}\n",
    )
    .sh_skill(
        "slow",
        "touch out/slow; [ -e go ] || sleep 60; echo 1",
        "permissions: [\"fs.write:out/\"]\nidempotent: true\n",
    );
    let mut child = case.command(WAIT).spawn().unwrap();
    wait_for("the request and the slow step", || {
        case.path().join("out/slow").exists() && waiting(&case).len() == 1
    });
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    let case = case.file("go", "");
    case.run(&["approve", "last", "push"]).expect_code(0);
    case.run(&["run", "--resume=last"]).expect_code(0);
    assert_eq!(calls(&case), "push\n");
    verify(&case);
}

#[test]
fn a_wrong_use_is_refused_with_a_way_out() {
    let case = case(PUBLISH);
    let long = "x".repeat(5000);
    case.run(&["approvals"]).expect_code(0);
    case.run(&["approve", "last", "push"]).expect_code(66);
    case.run(WAIT).expect_code(79);
    for (args, code, want) in [
        (&["approve", "last"][..], 2, "<STEP>"),
        (&["approve"], 2, "<RUN>"),
        (&["approve", "last", "pusch"], 2, "did you mean `push`?"),
        (&["approve", "last", "look"], 2, "those that ask: `push`"),
        (&["deny", "last", "7"], 2, "does not wait"),
        (&["approve", "last~1", "push"], 66, "the oldest is"),
        (&["approve", "ffff", "push"], 66, "no run `ffff`"),
        (
            &["approve", "last", "push", "--comment", &long],
            2,
            "longer than 4096",
        ),
        (&["approvals", "ffff"], 66, "no run `ffff`"),
        (&["approvals", "--state-dir", "none"], 2, "keeps no runs"),
        (
            &["approve", "last", "push", "--state-dir", "none"],
            2,
            "keeps no runs",
        ),
        (
            &[
                "run",
                "plan.yaml",
                "--on-approval",
                "wait",
                "--state-dir",
                "none",
            ],
            2,
            "needs a state",
        ),
        (
            &["skills", "run", "push", "--on-approval", "wait"],
            2,
            "keeps no run that could wait",
        ),
        (
            &["run", "plan.yaml", "--on-approval", "later"],
            2,
            "expected `ask`, `wait` or `deny`",
        ),
        (&["run", "plan.yaml", "--approval-timeout", "0s"], 2, "`0s`"),
        (&["run", "plan.yaml", "--approval-timeout", "24"], 2, "`24`"),
        (&["run"], 2, "PLAN"),
        (&["run", "--resume"], 2, "needs the plan"),
        (&["reject", "last", "push"], 2, "`obs deny RUN STEP`"),
        (&["pending"], 2, "`obs approvals`"),
    ] {
        let said = case.run(args).expect_code(code).whole();
        assert!(said.contains(want), "{args:?}: {said}");
    }
}

#[test]
fn what_is_answered_or_resumed_already_is_refused() {
    let case = case(PUBLISH);
    case.run(WAIT).expect_code(79);
    case.run(&["approve", "last", "push"]).expect_code(0);
    for verb in ["approve", "deny"] {
        let said = case.run(&[verb, "last", "push"]).expect_code(2).whole();
        assert!(said.contains("has approved it already"), "{said}");
    }
    let id = case.run(&["runs", "--format", "jsonl"]).records().remove(0);
    let id = id["run_id"].as_str().unwrap();
    case.run(&["run", "--resume=last"]).expect_code(0);
    let said = case.run(&["run", &format!("--resume={id}")]).expect_code(2);
    assert!(said.whole().contains("already"), "{}", said.whole());
}

#[test]
fn a_plan_from_standard_input_is_given_again() {
    let case = case(PUBLISH);
    let text = std::fs::read_to_string(case.path().join("plan.yaml")).unwrap();
    let case = case.stdin(text);
    let said = case
        .run(&["run", "-", "--on-approval", "wait"])
        .expect_code(79);
    assert!(
        said.whole().contains("obs run PLAN --resume="),
        "{}",
        said.whole()
    );
    case.run(&["approve", "last", "push"]).expect_code(0);
    let said = case.run(&["run", "--resume=last"]).expect_code(2).whole();
    assert!(said.contains("came from standard input"), "{said}");
    case.run(&["run", "-", "--resume=last"]).expect_code(0);
}

#[test]
fn a_run_that_nobody_answered_asks_again_when_it_is_resumed() {
    let case = case(PUBLISH);
    case.run(WAIT).expect_code(79);
    let first = waiting(&case)[0]["run_id"].as_str().unwrap().to_owned();
    case.run(&["run", "--resume=last", "--on-approval", "wait"])
        .expect_code(79);
    let said = case
        .run(&["approve", &first, "push"])
        .expect_code(2)
        .whole();
    assert!(said.contains("has resumed the run"), "{said}");
    assert_eq!(waiting(&case).len(), 1);
    case.run(&["run", "--resume=last", "--on-approval", "deny"])
        .expect_code(77);
}

/// The port of a publish flow: a secret, a retry, and an approval from another terminal an hour
/// later.
#[test]
fn a_publish_flow_goes_on_an_hour_later() {
    let Some(clock) = Clock::new("waiting::a_publish_flow_goes_on_an_hour_later") else {
        return;
    };
    let build = "echo built >> out/calls; echo '{\"artifact\": \"app-1.2.tar\"}'";
    let upload = "mkdir out/up 2>/dev/null && exit 1\necho upload >> out/calls\n\
                  printf '{\"url\": \"https://x/%s\"}' \"${TOKEN:+ok}\"";
    let secret = "permissions: [\"fs.write:out/\", \"secret:TOKEN\"]\nidempotent: true\n";
    let case = case(
        "timeout: 5m\nsteps:\n- {name: build, type: skill}\n\
         - name: upload\n  type: skill\n  arguments: {file: \"{{build.artifact}}\"}\n\
         \x20 retry: {max_retries: 3, initial_backoff: 1ms}\n\
         \x20 approval: {message: Publish to the world?}\n\
         - {name: announce, type: skill, arguments: {url: \"{{upload.url}}\"}}\n",
    )
    .sh_skill("build", build, "permissions: [\"fs.write:out/\"]\n")
    .sh_skill("upload", upload, secret)
    .sh_skill(
        "announce",
        "echo announced >> out/calls; echo 1",
        "permissions: [\"fs.write:out/\"]\n",
    );
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "s3cr3t-value").unwrap();
    let token = format!("TOKEN=file:{}", secret.path().display());
    let args = [WAIT, &["--secret", &token]].concat();
    let (code, said) = at(&case, &clock, 0, &args);
    assert_eq!(code, Some(79), "{said}");
    assert_eq!(calls(&case), "built\n");
    let (code, said) = at(
        &case,
        &clock,
        1,
        &["approve", "last", "upload", "--user-id", "ann"],
    );
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = at(
        &case,
        &clock,
        1,
        &["run", "--resume=last", "--secret", &token],
    );
    // Waiting counts toward no timeout, the run's 5 minutes included.
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(calls(&case), "built\nupload\nannounced\n");
    let records = case.run(&["logs", "last", "--step", "upload", "--format", "jsonl"]);
    let record = &records.records()[0];
    assert_eq!(record["attempts"], 2);
    assert_eq!(record["approved_by"], "ann (obs approve)");
    verify(&case);
}
