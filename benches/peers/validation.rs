//! What proving a plan costs, beside bare parsers.

use std::hint::black_box;
use std::time::Instant;

use serde_json::Value;

use crate::arena::{Arena, plan_of};
use crate::rounds::Rounds;

/// `obs validate` of a long plan, beside what reading it into a tree takes, in this process.
pub(crate) fn ten_thousand_steps(rounds: &Rounds, arena: &Arena) {
    let row = "validate 10 000 steps";
    if !rounds.wants(row) {
        return;
    }
    let plan = plan_of("sequence", 10_000, "echo");
    let json = plan.to_string();
    let yaml = yaml_of(&plan);
    let json_file = arena.write("long.json", &json);
    let yaml_file = arena.write("long.yaml", &yaml);
    let validate = |file: &std::path::Path| {
        let args = [
            "validate",
            file.to_str().unwrap(),
            "--max-plan-size",
            "10485760",
        ];
        arena.obs_with(&args)
    };
    let (mut of_json, mut of_yaml) = (validate(&json_file), validate(&yaml_file));
    let parsed = |work: &dyn Fn()| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    let bare_json = || drop(black_box(serde_json::from_str::<Value>(&json).unwrap()));
    let bare_yaml = || {
        let parser = granit_parser::Parser::new_from_str(&yaml);
        assert!(black_box(parser).all(|event| event.is_ok()));
    };
    let times = rounds.times(&mut [
        &mut || parsed(&bare_json),
        &mut || parsed(&bare_yaml),
        &mut || of_json.run(),
        &mut || of_yaml.run(),
    ]);
    println!("| {row} | median | least to most | ratio | peak memory |\n|---|---|---|---|---|");
    let base = times[0].median().as_secs_f64();
    let peak = |of: &crate::contender::Contender| {
        let kib = of.peak_kib(&arena.path("time"));
        format!("{:.1} MiB", f64::from(kib) / 1024.0)
    };
    let rows = [
        ("serde_json alone, JSON", String::new()),
        ("granit-parser's events alone, YAML", String::new()),
        ("obs, JSON", peak(&of_json)),
        ("obs, YAML", peak(&of_yaml)),
    ];
    for ((name, peak), times) in rows.iter().zip(&times) {
        let ratio = times.median().as_secs_f64() / base;
        println!("| {name} | {} | {ratio:.1} | {peak} |", times.spread());
    }
    println!();
}

/// The plan in YAML as people write it.
fn yaml_of(plan: &Value) -> String {
    let steps = plan["steps"].as_array().unwrap().iter().map(|step| {
        format!(
            "  - name: {}\n    step_id: {}\n    type: skill\n    arguments:\n      text: {}\n",
            step["name"].as_str().unwrap(),
            step["step_id"].as_str().unwrap(),
            step["arguments"]["text"].as_str().unwrap(),
        )
    });
    let steps: Vec<_> = steps.collect();
    format!("assistant_id: bench\nsteps:\n{}", steps.concat())
}
