//! The parts of a run that take time without a process: proving, references, policies, keeping,
//! showing.
//!
//! `cargo bench --bench micro`; a filter and `--sample-count` may follow after `--`.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use obs::internal::{
    CedarGate, FlagPolicies, RecordTable, ResolvedArguments, RunValue, StateLog, StateWriter,
    TerminalInfo, evaluate_plan, load_policies,
};
use obs::{
    BaseEnvironment, ExecutionLogRecord, ExecutionLogger as _, Identity, PlanStart, ProveContext,
    ProvenPlan, Provenance, Registry, SandboxMode, SandboxPolicy, Source,
};

fn main() {
    divan::main();
}

/// Steps that call a built-in tool; every other one uses what the one before it gave.
fn plan_text(steps: usize, language: &str) -> String {
    let text = |step: usize| match step % 2 {
        0 => "a text that needs no reference".to_owned(),
        _ => format!("it is {{{{s{}.unix_ms}}}} since 1970", step - 1),
    };
    let tool = |step: usize| ["builtin.now", "builtin.json_parse"][step % 2];
    let mut all = String::new();
    for step in 0..steps {
        let arguments = if step % 2 == 0 {
            "{}".to_owned()
        } else {
            format!("{{\"text\": \"{}\"}}", text(step))
        };
        let (tool, comma) = (tool(step), if step == 0 { "" } else { "," });
        match language {
            "json" => write!(
                all,
                "{comma}{{\"name\":\"{tool}\",\"step_id\":\"s{step}\",\"type\":\"tool\",\"arguments\":{arguments}}}"
            ),
            _ => write!(
                all,
                "  - name: {tool}\n    step_id: s{step}\n    type: tool\n    arguments: {arguments}\n"
            ),
        }
        .unwrap();
    }
    match language {
        "json" => format!("{{\"assistant_id\":\"bench\",\"steps\":[{all}]}}"),
        _ => format!("assistant_id: bench\nsteps:\n{all}"),
    }
}

fn proven(name: &str, text: &str) -> ProvenPlan {
    let source = Source::from_bytes(name.to_owned(), text.as_bytes().to_vec()).unwrap();
    let mut loaded = obs::load(source);
    let context = ProveContext::new(
        Registry::new(Vec::new()),
        PathBuf::from("/tmp"),
        BaseEnvironment::of_this_process(),
        SandboxPolicy::new(SandboxMode::Require),
    );
    let proof = obs::prove(&mut loaded, &context);
    assert!(proof.plan.is_some(), "{:?}", loaded.problems);
    proof.plan.unwrap()
}

#[divan::bench(args = [10, 1000, 10_000])]
fn prove_json(bencher: Bencher<'_, '_>, steps: usize) {
    let text = plan_text(steps, "json");
    let bencher = bencher.counter(ItemsCount::new(steps));
    bencher.bench(|| proven("plan.json", black_box(&text)));
}

#[divan::bench(args = [10, 1000, 10_000])]
fn prove_yaml(bencher: Bencher<'_, '_>, steps: usize) {
    let text = plan_text(steps, "yaml");
    let bencher = bencher.counter(ItemsCount::new(steps));
    bencher.bench(|| proven("plan.yaml", black_box(&text)));
}

#[divan::bench]
fn resolve_a_reference(bencher: Bencher<'_, '_>) {
    let plan = proven("plan.json", &plan_text(2, "json"));
    let run = RunValue::of_id("run");
    let before = Arc::new(record(0, r#"{"unix_ms": 1700000000000}"#));
    bencher.bench(|| {
        ResolvedArguments::resolve(&plan.steps[1], &run, |_| {
            Some(Arc::clone(black_box(&before)))
        })
        .unwrap()
    });
}

/// 100 steps.
#[divan::bench(args = [1, 100, 1000])]
fn ask_policies(bencher: Bencher<'_, '_>, policies: usize) {
    let plan = proven("plan.json", &plan_text(100, "json"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.cedar");
    let policy = |n| {
        format!(
            "@id(\"p{n}\")\npermit (principal, action, resource) when {{ context.assistant_id != \"{n}\" }};\n"
        )
    };
    let text: Vec<String> = (0..policies).map(policy).collect();
    std::fs::write(&file, text.concat()).unwrap();
    let files = load_policies(&file).unwrap();
    let rules = files.into_iter().flat_map(|file| file.rules).collect();
    let gate = CedarGate::new(Some(rules), &FlagPolicies::default(), Identity::default()).unwrap();
    bencher.bench(|| evaluate_plan(black_box(&gate), &plan));
}

/// Record, chain and commit, as a step's end has it.
#[divan::bench]
fn keep_a_record(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let log = StateLog::new(Arc::new(StateWriter::open(dir.path(), None).unwrap()));
    runtime
        .block_on(log.log_plan_start(start(), Vec::new()))
        .unwrap();
    let record = record(0, &format!("\"{}\"", "x".repeat(200)));
    bencher.bench_local(|| runtime.block_on(log.log_step(record.clone())).unwrap());
}

/// 10 000 rows.
#[divan::bench]
fn show_a_table(bencher: Bencher<'_, '_>) {
    let records: Vec<_> = (0..10_000).map(|step| record(step, "\"done\"")).collect();
    let look = TerminalInfo {
        terminal: false,
        cursor: false,
        color: false,
        watched: false,
        columns: 120,
        rows: 24,
    };
    bencher.bench(|| {
        let mut table = RecordTable::new(look, false, false);
        let rows = records
            .iter()
            .map(|record| table.add(black_box(record)).len());
        rows.sum::<usize>() + table.flush().len()
    });
}

fn start() -> PlanStart {
    PlanStart {
        request_id: "run-1".to_owned(),
        assistant_id: "bench".to_owned(),
        run_id: "run-1".to_owned(),
        plan_id: None,
        parent_id: None,
        session_id: String::new(),
        tenant_id: String::new(),
        user_id: String::new(),
        finally_steps: 0,
        steps: 1,
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        provenance: Provenance::default(),
        chain: String::new(),
        hash: String::new(),
    }
}

fn record(step: usize, output: &str) -> ExecutionLogRecord {
    let text = format!(
        r#"{{"request_id":"run-1","assistant_id":"bench","step_name":"s{step}","step_type":"tool",
        "status":"success","output":{output},"duration_ms":3,"timestamp":"2026-11-24T08:00:00Z",
        "run_id":"run-1","step_id":"s{step}","step_index":{step},"skill_id":"builtin.now",
        "started_at":"2026-11-24T08:00:00Z","attempts":1,"arguments":{{}},
        "resource_usage":{{"cpu_time_ms":1,"memory_mb":1,"tokens_used":0}},
        "sandbox":{{"mode":"require"}},"schema_version":1}}"#
    );
    serde_json::from_str(&text).unwrap()
}
