//! How steps and runs end, with real processes: nothing that a step started outlives it.

use std::process::Stdio;

use rustix::process::Signal;

use crate::support::processes::{below, kill, marked, name, state};
use crate::support::terminal::Terminal;
use crate::support::{Case, wait_for};

/// A leader that sleeps, a child in a session of its own, and a daemon that forked twice; the last
/// two ignore SIGTERM.
const FAMILY: &str = "\
setsid sh -c 'trap \"\" TERM; touch \"$OBS_WORKSPACE/child\"; sleep 60' &
(setsid sh -c 'trap \"\" TERM; (sleep 60 & sleep 60) & touch \"$OBS_WORKSPACE/daemon\"; sleep 60' &) &
while [ ! -e child ] || [ ! -e daemon ]; do sleep 0.01; done
touch \"ready-$OBS_REQUEST_ID\"
sleep 60";

fn family(steps: &str) -> Case {
    Case::new()
        .sh_skill("family", FAMILY, "grace: 50ms\n")
        .plan(steps)
}

fn is_ready(case: &Case, marker: &str) -> bool {
    case.path().join(format!("ready-{marker}")).exists()
}

#[test]
fn a_timeout_leaves_nothing_alive_100_times() {
    std::thread::scope(|scope| {
        for thread in 0..10 {
            scope.spawn(move || {
                for run in 0..10 {
                    let marker = format!("timeout-{}-{thread}-{run}", std::process::id());
                    let case = family("- {name: family, type: skill, timeout: 1s}\n");
                    let output = case
                        .run(&[
                            "run",
                            "plan.yaml",
                            "--format",
                            "jsonl",
                            "--request-id",
                            &marker,
                        ])
                        .expect_code(124);
                    let record = &output.records()[0];
                    assert_eq!(record["status"], "timeout", "{record}");
                    assert_eq!(record["error_code"], "execution_timeout");
                    assert_eq!(marked(&marker), Vec::<i32>::new());
                }
            });
        }
    });
}

#[test]
fn kill_9_of_obs_leaves_nothing_alive() {
    let runs: Vec<_> = (0..3)
        .map(|run| {
            let marker = format!("kill-obs-{}-{run}", std::process::id());
            let case = family("- {name: family, type: skill}\n");
            let child = case
                .command(&["run", "plan.yaml", "-q", "--request-id", &marker])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            (case, marker, child)
        })
        .collect();
    for (case, marker, mut child) in runs {
        wait_for("the step", || is_ready(&case, &marker));
        assert!(marked(&marker).len() >= 5);
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for("the end of all it started", || marked(&marker).is_empty());
    }
}

#[test]
fn kill_9_of_a_supervisor_fails_the_step_and_leaves_nothing_alive() {
    let marker = format!("kill-supervisor-{}", std::process::id());
    let case = family("- {name: family, type: skill}\n- {name: builtin.now, type: tool}\n");
    let child = case
        .command(&[
            "run",
            "plan.yaml",
            "--keep-going",
            "--format",
            "jsonl",
            "--request-id",
            &marker,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the step", || is_ready(&case, &marker));
    let root = i32::try_from(child.id()).unwrap();
    let supervisors: Vec<i32> = below(root)
        .into_iter()
        .filter(|pid| name(*pid).as_deref() == Some("obs-super"))
        .collect();
    assert_eq!(supervisors.len(), 1);
    kill(supervisors[0], Signal::KILL);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records[0]["status"], "failed");
    assert!(
        records[0]["error"].as_str().unwrap().contains("supervisor"),
        "{}",
        records[0]
    );
    assert_eq!(records[1]["status"], "success");
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[test]
fn sigterm_and_sighup_end_the_run_with_their_own_codes() {
    for (signal, code, word) in [(Signal::TERM, 143, "SIGTERM"), (Signal::HUP, 129, "SIGHUP")] {
        let marker = format!("signal-{code}-{}", std::process::id());
        let case = family("- {name: family, type: skill}\n- {name: builtin.now, type: tool}\n");
        let child = case
            .command(&[
                "run",
                "plan.yaml",
                "--format",
                "jsonl",
                "--request-id",
                &marker,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for("the step", || is_ready(&case, &marker));
        kill(i32::try_from(child.id()).unwrap(), signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stdout.contains("\"status\":\"canceled\""), "{stdout}");
        assert!(stdout.contains("\"status\":\"skipped\""), "{stdout}");
        assert!(stderr.contains(word), "{stderr}");
        assert_eq!(marked(&marker), Vec::<i32>::new());
    }
}

#[test]
fn a_second_signal_kills_at_once() {
    let marker = format!("second-{}", std::process::id());
    let case = Case::new()
        .sh_skill(
            "stubborn",
            "trap '' TERM; touch ready; while :; do sleep 0.1; done",
            "grace: 1h\n",
        )
        .plan("- {name: stubborn, type: skill}\n");
    let child = case
        .command(&[
            "run",
            "plan.yaml",
            "--format",
            "jsonl",
            "--request-id",
            &marker,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the step", || case.path().join("ready").exists());
    let pid = i32::try_from(child.id()).unwrap();
    kill(pid, Signal::TERM);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(!marked(&marker).is_empty(), "the grace is an hour");
    kill(pid, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "the first signal decides");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"status\":\"canceled\""));
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[test]
fn ctrl_c_on_a_terminal() {
    let marker = format!("ctrl-c-{}", std::process::id());
    let case = family(
        "- {name: builtin.now, type: tool, step_id: first}\n- {name: family, type: skill}\n\
         - {name: builtin.now, type: tool, step_id: last}\n",
    );
    let command = case.command(&["run", "plan.yaml", "--request-id", &marker]);
    let mut terminal = Terminal::start(&command, 100);
    wait_for("the step", || is_ready(&case, &marker));
    terminal.press(b"\x03");
    let status = terminal.wait();
    assert_eq!(status.code(), Some(130), "{}", terminal.written());
    terminal.expect_modes_as_before();
    let parser = terminal.screen(100);
    assert!(!parser.screen().hide_cursor());
    let text = parser.screen().contents();
    for (step, wanted) in [
        ("first", "success"),
        ("family", "canceled"),
        ("last", "skipped"),
    ] {
        let has_row = text
            .lines()
            .any(|line| line.contains(step) && line.contains(wanted));
        assert!(has_row, "no row for {step}:\n{text}");
    }
    assert!(text.contains("canceled: SIGINT"), "{text}");
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[test]
fn ctrl_z_stops_the_tree_and_fg_goes_on() {
    let marker = format!("ctrl-z-{}", std::process::id());
    let case = Case::new()
        .sh_skill(
            "count",
            "setsid sh -c 'while [ ! -e go ]; do sleep 0.02; done; touch gone' &\n\
             touch ready; while [ ! -e gone ]; do sleep 0.02; done; echo 1",
            "",
        )
        .plan("- {name: count, type: skill}\n");
    let command = case.command(&["run", "plan.yaml", "--request-id", &marker]);
    let mut terminal = Terminal::start(&command, 100);
    wait_for("the step", || case.path().join("ready").exists());
    let obs = i32::try_from(terminal.child.id()).unwrap();
    terminal.press(b"\x1a");
    wait_for("obs to stop", || state(obs) == Some('T'));
    let family: Vec<i32> = marked(&marker)
        .into_iter()
        .filter(|pid| *pid != obs)
        .collect();
    assert!(family.len() >= 2, "{family:?}");
    for pid in family {
        // A shell whose vfork child was stopped before its exec waits for that (D) and stops after
        // it.
        wait_for("the tree to stop", || {
            matches!(state(pid), None | Some('T' | 'D'))
        });
    }
    std::fs::write(case.path().join("go"), "").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(
        !case.path().join("gone").exists(),
        "a stopped tree does nothing"
    );
    kill(obs, Signal::CONT);
    let status = terminal.wait();
    assert_eq!(status.code(), Some(0), "{}", terminal.written());
    assert!(case.path().join("gone").exists());
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let marker = format!("nohup-{}", std::process::id());
    let case = Case::new()
        .sh_skill(
            "wait",
            "touch ready; while [ ! -e go ]; do sleep 0.02; done; echo 1",
            "",
        )
        .plan("- {name: wait, type: skill}\n");
    let nohup = ["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""];
    let args = ["run", "plan.yaml", "-q", "--request-id", &marker];
    let mut nohup = case.command_under(&nohup, &args);
    nohup.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = nohup.spawn().unwrap();
    wait_for("the step", || case.path().join("ready").exists());
    kill(i32::try_from(child.id()).unwrap(), Signal::HUP);
    std::fs::write(case.path().join("go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_time_that_obs_was_suspended_is_recorded_apart() {
    let script = "touch began; while ! test -e go; do sleep 0.01; done; echo 1";
    let case = Case::new()
        .sh_skill("wait", script, "")
        .plan("- {name: wait, type: skill}\n- {name: wait, step_id: again, type: skill}\n");
    let mut obs = case.command(&["run", "plan.yaml", "--format", "jsonl"]);
    let obs = obs.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&obs);
    let signal = |signal| rustix::process::kill_process(pid, signal).unwrap();
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", obs.id())).unwrap();
        stat.rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('T')
    };
    wait_for("the skill", || case.path().join("began").exists());
    let before = std::time::Instant::now();
    signal(rustix::process::Signal::TSTP);
    wait_for("the stop", is_stopped);
    let stopped = std::time::Instant::now();
    std::thread::sleep(std::time::Duration::from_millis(700));
    let least = stopped.elapsed();
    signal(rustix::process::Signal::CONT);
    wait_for("the end of the stop", || !is_stopped());
    std::fs::write(case.path().join("go"), "").unwrap();
    let output = obs.wait_with_output().unwrap();
    // obs may be scheduled long after it was continued.
    let most = before.elapsed();
    let records: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let suspended = u128::from(records[0]["suspended_ms"].as_u64().unwrap());
    assert!(
        (least.as_millis() - 1..=most.as_millis()).contains(&suspended),
        "{suspended}"
    );
    let time = |name: &str| {
        records[0][name]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    let wall = time("timestamp")
        .duration_since(time("started_at"))
        .as_millis();
    let duration = records[0]["duration_ms"].as_u64().unwrap();
    assert!(i128::from(duration) + 600 < wall, "{duration} of {wall}");
    // Nothing is said of a step that ran through.
    assert_eq!(records[1].get("suspended_ms"), None);
}
