//! Random plans of hostile skills, interrupted at random moments: whatever comes, nothing stays
//! alive, nothing that was printed is lost, and the exit code is one that is documented.
//!
//! `OBS_TORTURE_ROUNDS` says how many plans, `OBS_TORTURE_SEED` which (it is printed).

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::random::Random;
use crate::support::{Case, number_from, processes, say, wait_for};

/// What skills do: the name, a shell script, and what its manifest says besides.
const SKILLS: [(&str, &str, &str); 12] = [
    ("good", r#"echo '{"a": 1}'"#, "idempotent: true\n"),
    ("fails", "echo no >&2; exit 3", "idempotent: true\n"),
    ("wrong", "echo '{\"a\": 1} more'", ""),
    ("deaf", "exec 0<&-; echo 1", ""),
    ("mute", "exec 1>&-; sleep 0.05", ""),
    (
        "flood",
        "exec yes",
        "resources: {max_output_bytes: 100000}\n",
    ),
    (
        "noise",
        "head -c 100000 /dev/urandom >&2; head -c 100000 /dev/urandom >&3; echo 1",
        "",
    ),
    ("slow", "sleep 60", "timeout: 300ms\ngrace: 100ms\n"),
    (
        "stubborn",
        "trap '' TERM; sleep 60 & wait; sleep 60",
        "timeout: 200ms\ngrace: 100ms\n",
    ),
    (
        "leaves",
        "setsid sh -c 'trap \"\" TERM; sleep 60' & (sleep 60 &) ; echo 1",
        "grace: 100ms\n",
    ),
    ("suicide", "kill -9 $$", ""),
    (
        "fork",
        "for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; wait",
        "resources: {max_processes: 5}\n",
    ),
];

/// What exit codes are documented for runs of such plans.
const CODES: [i32; 11] = [0, 1, 65, 69, 71, 75, 77, 124, 129, 130, 143];

/// What happens to an obs that runs.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Nothing,
    Signal(Signal),
    TwoSignals,
    Kill,
    Freeze,
    CloseStdout,
}

const BLOWS: [Blow; 9] = [
    Blow::Nothing,
    Blow::Nothing,
    Blow::Signal(Signal::INT),
    Blow::Signal(Signal::TERM),
    Blow::Signal(Signal::HUP),
    Blow::TwoSignals,
    Blow::Kill,
    Blow::Freeze,
    Blow::CloseStdout,
];

fn plan(random: &mut Random) -> String {
    let order = random.of(&["sequence", "graph"]);
    let mut text = format!("assistant_id: torture\norder: {order}\nsteps:\n");
    let steps = 1 + random.below(12);
    for step in 0..steps {
        let (skill, ..) = random.of(&SKILLS);
        write!(text, "  - {{name: s{step}, skill: {skill}, type: skill").unwrap();
        if random.below(2) == 0 {
            text.push_str(", continue_on_error: true");
        }
        if step > 0 && order == "graph" && random.below(2) == 0 {
            write!(text, ", depends_on: [s{}]", random.below(step)).unwrap();
        }
        if random.below(4) == 0 {
            text.push_str(", retry: {max_retries: 2, initial_backoff: 10ms}");
        }
        text.push_str("}\n");
    }
    text
}

fn strike(child: &mut Child, blow: Blow) {
    let pid = Pid::from_child(child);
    // An obs that is over already has nothing to fear.
    let send = |signal| kill_process(pid, signal).ok();
    match blow {
        Blow::Nothing => {}
        Blow::Signal(signal) => drop(send(signal)),
        Blow::TwoSignals => {
            send(Signal::INT);
            std::thread::sleep(Duration::from_millis(20));
            send(Signal::TERM);
        }
        Blow::Kill => drop(send(Signal::KILL)),
        Blow::Freeze => {
            send(Signal::STOP);
            std::thread::sleep(Duration::from_millis(50));
            send(Signal::CONT);
        }
        Blow::CloseStdout => drop(child.stdout.take()),
    }
}

/// Runs one plan under one blow.
fn round(random: &mut Random, what: &str) -> Blow {
    let mark = format!("torture-{}-{what}", std::process::id()).replace([' ', ','], "-");
    let mut case = Case::new().env("OBS_USER_ID", &mark);
    for (name, script, more) in SKILLS {
        case = case.sh_skill(name, script, &format!("\n{more}"));
    }
    let text = plan(random);
    let case = case.file("plan.yaml", &text);
    let blow = random.of(&BLOWS);
    let jobs = (1 + random.below(4)).to_string();
    let how = random.of(&["--keep-going", "--fail-fast", "--retry-unsafe"]);
    let args = [
        "run",
        "plan.yaml",
        "--format",
        "jsonl",
        "--timeout",
        "20s",
        "--jobs",
        &jobs,
        how,
    ];
    let mut command = case.command(&args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_micros(random.below(600_000)));
    strike(&mut child, blow);
    let what = format!("{what}: {blow:?} with {how} --jobs {jobs} of\n{text}");
    let mut printed = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut printed).unwrap();
    }
    // Only an obs that was killed, or told twice to go, leaves a line half-written, perhaps within
    // a character.
    let whole = printed.iter().rposition(|byte| *byte == b'\n');
    let torn = printed.split_off(whole.map_or(0, |at| at + 1));
    let may_tear = matches!(blow, Blow::Kill | Blow::TwoSignals);
    assert!(
        torn.is_empty() || may_tear,
        "{what}{}",
        String::from_utf8_lossy(&torn)
    );
    let printed = String::from_utf8(printed).unwrap_or_else(|error| panic!("{what}{error}"));
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{what}{stderr}");
    match (blow, output.status.code()) {
        // Killed, or struck before it had begun to listen.
        (Blow::Kill | Blow::Signal(_) | Blow::TwoSignals, None) => {}
        (_, code) => {
            let code = code.unwrap_or_else(|| panic!("{what}{:?} {stderr}", output.status));
            assert!(CODES.contains(&code), "{what}{code} {stderr}");
        }
    }
    wait_for(&format!("the end of all that {what} had started"), || {
        processes::marked(&mark).is_empty()
    });
    check_kept(&case, &printed, &what);
    blow
}

/// What was printed is in the log, and the log is whole.
fn check_kept(case: &Case, printed: &str, what: &str) {
    if !case.state().join("obs.db").exists() {
        assert_eq!(printed, "", "{what}");
        return;
    }
    let kept = case
        .run(&["logs", "--all", "--format", "jsonl"])
        .expect_code(0)
        .stdout();
    for line in printed.split_inclusive('\n') {
        assert!(kept.contains(line), "{what}: printed and not kept: {line}");
    }
    case.run(&["verify", "--all"]).expect_code(0);
}

#[test]
fn whatever_comes_nothing_stays_alive_and_nothing_is_lost() {
    let seed = number_from("OBS_TORTURE_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let rounds = number_from("OBS_TORTURE_ROUNDS").unwrap_or(25);
    say(&format!("torture: seed {seed}, {rounds} rounds\n"));
    let mut random = Random::new(seed);
    let mut blows = std::collections::BTreeMap::<String, u32>::new();
    for number in 0..rounds {
        let blow = round(&mut random, &format!("seed {seed}, round {number}"));
        *blows.entry(format!("{blow:?}")).or_default() += 1;
    }
    say(&format!(
        "torture: seed {seed}, {rounds} rounds, 0 faults, by what came: {blows:?}\n"
    ));
}
