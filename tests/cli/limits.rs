//! What a step may use, and what it leaves behind.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Case, has, wait_for};

/// Makes directories, one in the other, in the directory that a variable names.
const DEEP: &str = "#!/usr/bin/python3
import os, sys
os.chdir(os.environ[sys.argv[1]])
for _ in range(int(sys.argv[2])):
    os.mkdir('d')
    os.chdir('d')
os.mkdir('end')
sys.exit(int(sys.argv[3]))
";

/// Deeper than any number of descriptors that the runs here have.
const DEPTH: u32 = 700;

/// The system's Python, which every skill may execute.
fn has_python(test: &str) -> bool {
    has("/usr/bin/python3", test)
}

/// obs with few descriptors.
const FEW_DESCRIPTORS: [&str; 4] = ["sh", "-c", "ulimit -Sn 200; exec \"$@\"", "sh"];

fn deep(place: &str, code: i32) -> Case {
    let manifest = format!(
        "description: d\nexecution: {{command: [./deep, {place}, '{DEPTH}', '{code}'], output: text}}\n\
         permissions: [\"fs.write:$RUN_DIR\"]\n"
    );
    Case::new()
        .file("skills/deep/manifest.yaml", manifest)
        .script("skills/deep/deep", DEEP)
        .sh_skill("next", "ls -A \"$TMPDIR\" | wc -l", "")
        .plan("- {name: deep, type: skill}\n- {name: next, type: skill}\n")
}

fn temp_entries(case: &Case) -> Vec<String> {
    let entries = fs::read_dir(case.path().join(".tmp")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_deep_tree_in_a_directory_of_a_step_is_removed() {
    if !has_python("a_deep_tree_in_a_directory_of_a_step_is_removed") {
        return;
    }
    for place in ["TMPDIR", "OBS_RUN_DIR"] {
        let case = deep(place, 0);
        let run = ["run", "plan.yaml", "--print", "next"];
        let output = case.command_under(&FEW_DESCRIPTORS, &run).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{place}: {errors}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "0",
            "{place}"
        );
        assert_eq!(temp_entries(&case), Vec::<String>::new(), "{place}");
    }
}

#[test]
fn a_deep_tree_that_a_failed_run_keeps_goes_with_the_run() {
    if !has(
        "python3",
        "a_deep_tree_that_a_failed_run_keeps_goes_with_the_run",
    ) {
        return;
    }
    let case = deep("OBS_RUN_DIR", 3);
    case.run(&["run", "plan.yaml"]).expect_code(1);
    let other = "assistant_id: t\nsteps:\n- {name: next, type: skill}\n";
    fs::write(case.path().join("other.yaml"), other).unwrap();
    case.run(&["run", "other.yaml"]).expect_code(0);
    let count = |path: &Path| fs::read_dir(path).map_or(0, Iterator::count);
    let kept = case.state().join("files");
    assert_eq!(count(&kept), 1, "{}", kept.display());
    let command = ["runs", "prune", "--keep-last", "1"];
    let output = case
        .command_under(&FEW_DESCRIPTORS, &command)
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(count(&kept), 0);
}

#[test]
fn what_a_killed_obs_left_is_removed_however_deep_it_is() {
    if !has(
        "python3",
        "what_a_killed_obs_left_is_removed_however_deep_it_is",
    ) {
        return;
    }
    let case = deep("TMPDIR", 0)
        .sh_skill("waits", "touch waits; sleep 60", "")
        .file(
            "waiting.yaml",
            "assistant_id: t\nsteps:\n- {name: deep, type: skill}\n- {name: waits, type: skill}\n",
        );
    let mut obs = case
        .command(&["run", "waiting.yaml"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the second step", || case.path().join("waits").exists());
    obs.kill().unwrap();
    obs.wait().unwrap();
    let left = temp_entries(&case);
    assert_eq!(left.len(), 1, "{left:?}");
    // As a removal leaves it that was interrupted: with directories of its own, and the lock.
    let root = case.path().join(".tmp").join(&left[0]);
    fs::create_dir_all(root.join(".obs-remove-1/d/d/d")).unwrap();
    let run = ["run", "plan.yaml"];
    let output = case.command_under(&FEW_DESCRIPTORS, &run).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(temp_entries(&case), Vec::<String>::new());
}

/// The last record of a run of `plan.yaml`.
fn last_record(case: &Case, flags: &[&str], code: i32) -> Value {
    let args: Vec<&str> = ["run", "plan.yaml", "--format", "jsonl"]
        .into_iter()
        .chain(flags.iter().copied())
        .collect();
    let output = case.run(&args).expect_code(code);
    output.records().pop().unwrap()
}

/// What is over a limit is ended, and says so.
fn expect_breach(record: &Value, what: &str, limit: &str) {
    assert_eq!(record["error_code"], "resource_exhausted", "{record}");
    let error = record["error"].as_str().unwrap();
    let begin = format!("runtime: resource exhausted: {what} of ");
    assert!(error.starts_with(&begin), "{error}");
    assert!(
        error.ends_with(&format!(", over the limit of {limit}")),
        "{error}"
    );
}

const WRITES_RUN_DIR: &str = "permissions: [\"fs.write:$RUN_DIR\"]\n";

#[test]
fn what_a_step_writes_to_its_own_directories_is_limited() {
    let zeros = "head -c 3000000 /dev/zero";
    let scripts = [
        // It has ended before anybody looks.
        format!("{zeros} > \"$TMPDIR/file\""),
        format!("{zeros} > \"$OBS_RUN_DIR/file\""),
        // It is ended while it runs: nobody waits for the minute.
        format!("{zeros} > \"$HOME/file\"; sleep 1000"),
        format!("mkdir -p \"$TMPDIR/a/b\"; {zeros} > \"$TMPDIR/a/b/file\"; chmod 0 \"$TMPDIR/a\""),
        // Many small ones.
        "cd \"$TMPDIR\"; for i in $(seq 600); do echo > \"$i\"; done; sleep 1000".to_owned(),
    ];
    for script in &scripts {
        let resources = format!("{WRITES_RUN_DIR}resources: {{max_disk_mb: 1}}\n");
        let case = Case::new()
            .sh_skill("writer", script, &resources)
            .plan("- {name: writer, type: skill}\n");
        expect_breach(&last_record(&case, &[], 71), "disk usage", "1 MiB");
        assert_eq!(temp_entries(&case), Vec::<String>::new(), "{script}");
    }
    // A flag tightens, and is a limit of its own.
    for resources in ["", "resources: {max_disk_mb: 100}\n"] {
        let case = Case::new()
            .sh_skill("writer", &scripts[0], resources)
            .plan("- {name: writer, type: skill}\n");
        expect_breach(
            &last_record(&case, &["--max-disk", "2"], 71),
            "disk usage",
            "2 MiB",
        );
    }
}

#[test]
fn what_others_wrote_before_and_links_do_not_count() {
    for (limit, code) in [(3, 0), (1, 71)] {
        let case = Case::new()
            .sh_skill(
                "before",
                "head -c 9000000 /dev/zero > \"$OBS_RUN_DIR/before\"; echo 1",
                WRITES_RUN_DIR,
            )
            .sh_skill(
                "writer",
                "cd \"$OBS_RUN_DIR\"; ln -s / \"$TMPDIR/link\"
                 head -c 1500000 /dev/zero > one; for i in 1 2 3 4 5; do ln one \"link-$i\"; done
                 rm before; head -c 9500000 /dev/zero > \"$TMPDIR/instead\"; sleep 0.3; echo 1",
                &format!("{WRITES_RUN_DIR}resources: {{max_disk_mb: {limit}}}\n"),
            )
            .plan("- {name: before, type: skill}\n- {name: writer, type: skill}\n");
        let record = last_record(&case, &[], code);
        if code == 0 {
            assert_eq!(record["status"], "success");
        } else {
            expect_breach(&record, "disk usage", "1 MiB");
        }
    }
}

#[test]
fn a_tree_that_moves_while_it_is_measured_harms_nobody() {
    let case = Case::new()
        .sh_skill(
            "writer",
            "cd \"$TMPDIR\"; mkdir -p a/1/2/3/4/5/6 b c; echo > kept
             for i in $(seq 150); do mv a/1 b/1; mv b/1/2 c/2; mv c/2 b/1/2; mv b/1 a/1; done; ls -R | wc -l",
            "resources: {max_disk_mb: 1}\n",
        )
        .plan("- {name: writer, type: skill}\n");
    assert_eq!(last_record(&case, &[], 0)["status"], "success");
}

/// A skill in Python.
fn python(script: &str, resources: &str) -> Case {
    let manifest = format!(
        "description: d\nexecution: {{command: [./run.py], output: text}}\nresources: {{{resources}}}\n"
    );
    Case::new()
        .file("skills/py/manifest.yaml", manifest)
        .script(
            "skills/py/run.py",
            &format!("#!/usr/bin/python3\n{script}\n"),
        )
        .plan("- {name: py, type: skill}\n")
}

/// `end_first_thread()` ends the first thread only.
const END_FIRST_THREAD: &str = "import ctypes, os, platform, threading, time
def end_first_thread():
    ctypes.CDLL(None).syscall({'x86_64': 60}.get(platform.machine(), 93), 0)
def hold():
    global block
    block = bytearray(200 << 20)
    for i in range(0, len(block), 4096): block[i] = 1
    time.sleep(1000)
";

#[test]
fn memory_of_a_process_without_its_first_thread_is_limited() {
    if !has(
        "python3",
        "memory_of_a_process_without_its_first_thread_is_limited",
    ) {
        return;
    }
    let scripts = [
        "threading.Thread(target=hold).start(); end_first_thread()",
        "if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        threading.Thread(target=hold).start(); end_first_thread()
    os._exit(0)
time.sleep(1000)",
    ];
    for script in scripts {
        let case = python(&format!("{END_FIRST_THREAD}{script}"), "max_memory_mb: 100");
        let record = last_record(&case, &[], 71);
        expect_breach(&record, "memory", "100 MiB");
        assert!(
            record["resource_usage"]["memory_mb"].as_u64().unwrap() > 100,
            "{record}"
        );
    }
}

#[test]
fn a_record_never_shows_success_over_a_limit() {
    if !has_python("a_record_never_shows_success_over_a_limit") {
        return;
    }
    // Whether somebody looks in time is chance.
    let memory = python("block = b'x' * (200 << 20)", "max_memory_mb: 100");
    let record = last_record(&memory, &[], 71);
    expect_breach(&record, "memory", "100 MiB");
    assert!(
        record["resource_usage"]["memory_mb"].as_u64().unwrap() > 100,
        "{record}"
    );
    let cpu = python(
        "import time\nwhile time.process_time() < 0.2: pass",
        "max_cpu_ms: 150",
    );
    let record = last_record(&cpu, &[], 71);
    expect_breach(&record, "CPU time", "150 ms");
    assert!(
        record["resource_usage"]["cpu_time_ms"].as_u64().unwrap() > 150,
        "{record}"
    );
}

#[test]
fn cpu_time_of_children_that_nobody_waits_for_is_limited() {
    if !has(
        "python3",
        "cpu_time_of_children_that_nobody_waits_for_is_limited",
    ) {
        return;
    }
    let burn = "import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    pid = os.fork()
    if pid == 0:
        while time.process_time() < 0.005: pass
        os._exit(0)
    try: os.waitpid(pid, 0)
    except ChildProcessError: pass
";
    let deeper = format!("import os, time\nif os.fork(): time.sleep(1000)\nos.setsid()\n{burn}");
    for script in [burn, &deeper] {
        let case = python(script, "max_cpu_ms: 500");
        let record = last_record(&case, &[], 71);
        expect_breach(&record, "CPU time", "500 ms");
        assert!(
            record["resource_usage"]["cpu_time_ms"].as_u64().unwrap() > 500,
            "{record}"
        );
    }
    // Many short children that are waited for count once.
    let case = Case::new()
        .sh_skill(
            "many",
            "for i in $(seq 200); do /bin/true; done; echo 1",
            "resources: {max_cpu_ms: 60000}\n",
        )
        .plan("- {name: many, type: skill}\n");
    assert_eq!(last_record(&case, &[], 0)["status"], "success");
}
