//! What grows with the plan, and what with the memory that obs has.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::arena::{Arena, Skill, plan_of};
use crate::contender::Contender;
use crate::rounds::Rounds;

/// Steps that make obs large, each with so much output.
const LARGE_STEPS: usize = 50;
const LARGE_MIB: usize = 10;
const STEPS: usize = 1000;
/// How many items one step has.
const ITEMS: usize = 100_000;

/// Time for each step and memory, of ever longer plans.
pub(crate) fn many_steps(rounds: &Rounds, arena: &Arena) {
    let row = "100, 1000 and 10 000 steps";
    if !rounds.wants(row) {
        return;
    }
    println!(
        "| {row} | time for each step | least to most | peak memory of obs |\n|---|---|---|---|"
    );
    for steps in [100, 1000, 10_000] {
        let mut obs = arena.obs(Skill::Echo, steps, 1);
        let count = u32::try_from(steps).unwrap();
        let times = rounds.times(&mut [&mut || obs.run() / count]);
        let kib = obs.peak_kib(&arena.path("time"));
        let mib = f64::from(kib) / 1024.0;
        println!("| {steps} | {} | {mib:.1} MiB |", times[0].cells(1e6, "µs"));
    }
    println!();
}

/// Time for each item of one step with very many, beside that for each of 1000 steps.
pub(crate) fn many_items(rounds: &Rounds, arena: &Arena) {
    let row = "1000 steps and 100 000 items of one step";
    if !rounds.wants(row) {
        return;
    }
    let mut steps = arena.obs(Skill::Echo, STEPS, 1);
    let mut items = many_items_of_echo(arena);
    let [step_count, item_count] = [STEPS, ITEMS].map(|count| u32::try_from(count).unwrap());
    let times = rounds.times(&mut [&mut || steps.run() / step_count, &mut || {
        items.run() / item_count
    }]);
    println!("| {row} | time for each | least to most | peak memory of obs |\n|---|---|---|---|");
    for (name, contender, times) in [("steps", &steps, &times[0]), ("items", &items, &times[1])] {
        let mib = f64::from(contender.peak_kib(&arena.path("time"))) / 1024.0;
        println!("| {name} | {} | {mib:.1} MiB |", times.cells(1e6, "µs"));
    }
    println!();
}

/// A plan with one step and its items, one at a time.
fn many_items_of_echo(arena: &Arena) -> Contender {
    let values = |count: usize| (0..count).collect::<Vec<_>>();
    let matrix = json!([
        {"name": "a", "values": values(ITEMS / 100)},
        {"name": "b", "values": values(100)},
    ]);
    let mut plan = plan_of("sequence", 1, "echo");
    plan["timeout"] = json!("1h");
    plan["steps"][0]["for_each"] = json!({"matrix": matrix, "max_parallel": 1});
    let plan = arena.write("items.json", &plan.to_string());
    let most = ITEMS.to_string();
    let args = ["run".as_ref(), plan.as_os_str(), "-q".as_ref()];
    let limit = ["--max-items".as_ref(), most.as_ref()];
    arena.obs_with(&[&args[..], &limit].concat())
}

/// The same steps in an obs that holds what other steps have said before.
pub(crate) fn resident(rounds: &Rounds, arena: &Arena) {
    let row = "1000 sequential steps in a large obs";
    if !rounds.wants(row) {
        return;
    }
    large_skill(arena);
    let mut small = Logged::new(arena, "small", 0);
    let mut large = Logged::new(arena, "large", LARGE_STEPS);
    let times = rounds.times(&mut [&mut || small.run(), &mut || large.run()]);
    println!("| {row} | median | least to most | peak memory of obs |\n|---|---|---|---|");
    for (logged, times) in [&small, &large].into_iter().zip(&times) {
        let kib = logged.contender.peak_kib(&arena.path("time"));
        let mib = f64::from(kib) / 1024.0;
        println!("| {} | {} | {mib:.0} MiB |", logged.name, times.spread());
    }
    println!();
}

/// A skill whose output makes obs large.
fn large_skill(arena: &Arena) {
    let bytes = LARGE_MIB << 20;
    let script =
        format!("#!/bin/sh\nprintf '\"'; head -c {bytes} /dev/zero | tr '\\0' x; printf '\"'\n");
    let script = arena.write("skills/large/run.sh", &script);
    std::fs::set_permissions(script, Permissions::from_mode(0o755)).unwrap();
    arena.skill(
        "large",
        "./run.sh",
        "resources: {max_output_bytes: 20000000}\n",
    );
}

/// An obs that says when each step began and ended.
struct Logged {
    name: &'static str,
    contender: Contender,
    log: PathBuf,
}

impl Logged {
    /// With so many large steps before the small ones.
    fn new(arena: &Arena, name: &'static str, large_steps: usize) -> Self {
        let large = |step| json!({"name": "large", "step_id": format!("l{step}"), "type": "skill"});
        let mut plan = plan_of("sequence", STEPS, "echo");
        let steps = plan["steps"].as_array_mut().unwrap();
        steps.splice(0..0, (0..large_steps).map(large));
        let plan = arena.write(&format!("{name}.json"), &plan.to_string());
        let log = arena.path(&format!("{name}.log"));
        let args = ["run".as_ref(), plan.as_os_str(), "-q".as_ref()];
        let log_args = ["--log".as_ref(), log.as_os_str()];
        let contender = arena.obs_with(&[&args[..], &log_args].concat());
        Self {
            name,
            contender,
            log,
        }
    }

    /// From the start of the first small step to the end of the last.
    fn run(&mut self) -> Duration {
        std::fs::remove_file(&self.log).ok();
        self.contender.run();
        let text = std::fs::read_to_string(&self.log).unwrap();
        let mut small = text
            .lines()
            .filter(|line| line.contains(r#""step_name":"echo""#));
        let record = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let (first, last) = (
            record(small.next().unwrap()),
            record(small.next_back().unwrap()),
        );
        let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
        let took = time(&last["timestamp"]).duration_since(time(&first["started_at"]));
        took.unsigned_abs()
    }
}
