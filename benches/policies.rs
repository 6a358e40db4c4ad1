//! What 1000 policies cost a plan of 100 steps, beside Cedar's own reading and deciding.
//!
//! `cargo bench --bench policies`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cedar_policy::{Authorizer, Context, Entities, PolicySet, Request};

const POLICIES: usize = 1000;
const STEPS: usize = 100;
const ROUNDS: usize = 15;

fn main() {
    let temp = tempfile::tempdir().unwrap();
    let policies = policies();
    std::fs::write(temp.path().join("all.cedar"), &policies).unwrap();
    let step = |n: usize| format!("- {{name: builtin.now, step_id: s{n}, type: tool}}\n");
    let steps: Vec<String> = (0..STEPS).map(step).collect();
    let plan = format!("assistant_id: bench\nsteps:\n{}", steps.concat());
    std::fs::write(temp.path().join("plan.yaml"), plan).unwrap();

    let without = median(|| validate(temp.path(), &[]));
    let with = median(|| validate(temp.path(), &["--policy", "all.cedar"]));
    let bare = median(|| decide(&policies));
    println!("| {POLICIES} policies, {STEPS} steps | median |\n|---|---|");
    println!(
        "| `obs validate` without a policy | {:.1} ms |",
        millis(without)
    );
    println!("| `obs validate --policy` | {:.1} ms |", millis(with));
    println!("| Cedar alone, parse and decide | {:.1} ms |", millis(bare));
    let ratio = millis(with.saturating_sub(without)) / millis(bare);
    println!("| what policies add, to Cedar alone | {ratio:.2} |");
}

/// All permit; half of them look at something.
fn policies() -> String {
    let policy = |n: usize| {
        let when = if n.is_multiple_of(2) {
            format!("when {{ context.assistant_id != \"nobody-{n}\" }}")
        } else {
            String::new()
        };
        format!("@id(\"p{n}\")\npermit (principal, action, resource) {when};\n")
    };
    (0..POLICIES).map(policy).collect::<Vec<_>>().concat()
}

fn validate(dir: &Path, more: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_obs"));
    command
        .args(["validate", "plan.yaml"])
        .args(more)
        .current_dir(dir);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success());
}

fn decide(policies: &str) {
    let set: PolicySet = policies.parse().unwrap();
    let uid = |text: &str| text.parse().unwrap();
    let authorizer = Authorizer::new();
    for _ in 0..STEPS {
        let assistant = cedar_policy::RestrictedExpression::new_string("bench".to_owned());
        let context = Context::from_pairs([("assistant_id".to_owned(), assistant)]).unwrap();
        let request = Request::new(
            uid("User::\"local\""),
            uid("Action::\"builtin.now\""),
            uid("Tool::\"builtin.now\""),
            context,
            None,
        );
        let response = authorizer.is_authorized(&request.unwrap(), &set, &Entities::empty());
        assert_eq!(response.decision(), cedar_policy::Decision::Allow);
    }
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
