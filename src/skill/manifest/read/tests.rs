use std::time::Duration;

use super::*;
use crate::document::render;
use crate::skill::command::Stdin;

fn read(name: &str, text: &str) -> LoadedManifest {
    let source = Source::from_bytes(name.to_owned(), text.as_bytes().to_vec()).unwrap();
    load(source, FrontMatter::default)
}

fn shown(name: &str, text: &str) -> String {
    let loaded = read(name, text);
    let snippets = loaded
        .problems
        .iter()
        .map(|problem| render::render_snippet(problem, &loaded.document, false, None));
    snippets.collect::<Vec<_>>().join("\n")
}

const FULL: &str = r#"
id: core/fetch
name: Fetch
description: Fetches a page
version: 1.0.0
kind: tool
execution:
  mode: native
  command: [./run.sh, "--url={{url}}", ["--since", "{{since}}"], "{{paths...}}"]
  stdin: none
  output: lines
  encoding: lossy
  success_exit_codes: [0, 3]
input_schema: {type: object, properties: {url: {type: string}}}
output_schema: true
permissions: [net, "fs.read:data", "secret:API_TOKEN"]
timeout: 30s
grace: 5s
resources: {max_memory_mb: 256, max_cpu_ms: 10000, max_processes: 512, max_output_bytes: 10485760, max_disk_mb: 100}
idempotent: true
risk_level: clinical
allow_leading_dash: true
concurrency: 3
rate_limit: {calls: 10, per: 1m30s}
x-note: kept for others
"#;

#[test]
fn every_key_is_read() {
    let loaded = read("manifest.yaml", FULL);
    assert!(
        loaded.problems.is_empty(),
        "{}",
        shown("manifest.yaml", FULL)
    );
    let manifest = loaded.manifest;
    assert_eq!(manifest.id.unwrap().as_str(), "core/fetch");
    assert_eq!(manifest.name.as_deref(), Some("Fetch"));
    assert_eq!(manifest.version.as_deref(), Some("1.0.0"));
    assert_eq!(manifest.kind, StepType::Tool);
    assert_eq!(manifest.permissions.len(), 3);
    assert_eq!(manifest.timeout, Some(Duration::from_secs(30)));
    assert_eq!(manifest.grace, Some(Duration::from_secs(5)));
    assert_eq!(manifest.resources.max_output_bytes, Some(10_485_760));
    assert_eq!(manifest.resources.max_disk_mb, Some(100));
    assert!(manifest.is_idempotent);
    assert_eq!(manifest.risk_level, RiskLevel::Clinical);
    assert_eq!(manifest.call_limits.to_string(), "3 at once, 10 per 1m30s");
    let execution = loaded.execution.unwrap();
    assert_eq!(execution.stdin, Stdin::None);
    assert_eq!(execution.output, OutputFormat::Lines);
    assert_eq!(execution.encoding, TextEncoding::Lossy);
    assert_eq!(execution.success_exit_codes, [0, 3]);
    let uses = execution.command.arguments();
    let uses: Vec<_> = uses
        .map(|used| (used.name, used.is_spread, used.is_optional))
        .collect();
    assert_eq!(
        uses,
        [
            ("url", false, false),
            ("since", false, true),
            ("paths", true, false)
        ]
    );
}

#[test]
fn little_is_required() {
    let loaded = read(
        "m.json",
        r#"{"description": "d", "execution": {"command": ["ls"]}}"#,
    );
    let execution = loaded.execution.unwrap();
    assert_eq!(execution.stdin, Stdin::Arguments);
    assert_eq!(execution.output, OutputFormat::Json);
    assert_eq!(execution.encoding, TextEncoding::Utf8);
    assert_eq!(execution.success_exit_codes, [0]);
    assert_eq!(loaded.manifest.risk_level, RiskLevel::Info);
}

#[test]
fn the_front_matter_fills_what_is_missing() {
    let front = || FrontMatter {
        name: Some("front".to_owned()),
        description: Some("from SKILL.md".to_owned()),
    };
    let source =
        |text: &str| Source::from_bytes("m.yaml".to_owned(), text.as_bytes().to_vec()).unwrap();
    let loaded = load(source("execution: {command: [ls]}"), front);
    assert!(loaded.problems.is_empty());
    assert_eq!(loaded.manifest.description, "from SKILL.md");
    assert_eq!(loaded.manifest.name.as_deref(), Some("front"));
    let loaded = load(
        source("description: own\nexecution: {command: [ls]}"),
        front,
    );
    assert_eq!(loaded.manifest.description, "own");
    let full = source("name: n\ndescription: d\nexecution: {command: [ls]}");
    load(full, || panic!("it was not needed"));
}

#[test]
fn all_mistakes_are_shown_in_place() {
    insta::assert_snapshot!(shown(
        "skills/core/fetch/manifest.yaml",
        r#"id: ../etc/passwd
version: 1.0
kind: toll
execution:
  mod: native
  command: [run.sh, "{{url}}{{since}}", ["--since", "{{sinze}}"], [sh]]
  stdin: argument
  output: jsno
  success_exit_codes: [0, 256, -1]
input_schema:
  properties: {since: {type: string}, url: {}}
  additionalProperties: false
permissions: [nett, "fs.write:$HOME", "net.tcp:443", "net.tcp:443"]
timeout: 30
grace: 0s
resources: {max_memory_mb: 1.5, max_cpu: 5}
idempotent: yes
risk_level: high
circuit_breaker: {failure_threshold: 0, cooldwn: 1s, cooldown: 5}
"#
    ));
}

#[test]
fn mistakes_in_limits_on_calls_are_shown_in_place() {
    let head = "description: d\nexecution: {command: [ls]}\n";
    let all = [
        "concurrency: 0",
        "concurrency: -1",
        "concurrency: 1.5",
        "concurrency: 10001",
        "concurrency: 99999999999999999999",
        "concurrency: many",
        "rate_limit: 10",
        "rate_limit: {}",
        "rate_limit: {calls: 10}",
        "rate_limit: {calls: 0, per: 0s}",
        "rate_limit: {calls: -3, per: -1s}",
        "rate_limit: {calls: 18446744073709551615, per: 2d}",
        "rate_limit: {calls: 1, per: 1}",
        "rate_limit: {call: 1, per: 1s}",
    ]
    .map(|line| shown("manifest.yaml", &format!("{head}{line}\n")));
    insta::assert_snapshot!(all.join("\n---\n"));
    for line in ["concurrency: 10000", "rate_limit: {calls: 10000, per: 24h}"] {
        assert_eq!(
            shown("manifest.yaml", &format!("{head}{line}\n")),
            "",
            "{line}"
        );
    }
}

#[test]
fn a_key_at_the_wrong_level_is_told_where_it_belongs() {
    let text = |more: &str, of_execution: &str| {
        format!("description: d\nexecution: {{command: [ls]{of_execution}}}\n{more}")
    };
    for (text, want) in [
        (
            text("", ", permissions: [net]"),
            "`permissions` belongs to the top level of the manifest, beside `execution`",
        ),
        (text("", ", timeout: 5s"), "belongs to the top level"),
        (
            text("output: text\n", ""),
            "`output` belongs to `execution`",
        ),
        (
            text("max_memory_mb: 5\n", ""),
            "`max_memory_mb` belongs to `resources`",
        ),
        (
            text("cooldown: 5s\n", ""),
            "`cooldown` belongs to `circuit_breaker`",
        ),
        (
            text("outptu_schema: {}\n", ""),
            "did you mean `output_schema`?",
        ),
    ] {
        let found = shown("manifest.yaml", &text);
        assert!(found.contains(want), "{found}");
        assert_eq!(found.matches("error[").count(), 1, "{found}");
    }
}

#[test]
fn mistakes_in_json_are_shown_in_place() {
    insta::assert_snapshot!(shown(
        "manifest.json",
        r#"{"description": "", "execution": {"command": "git log -n 5"}, "output_schema": "x"}"#
    ));
}

#[test]
fn other_modes_are_told_clearly() {
    insta::assert_snapshot!(shown(
        "manifest.yaml",
        "description: d\nexecution: {mode: wasm, module: x.wasm}\n"
    ));
}

#[test]
fn what_is_no_manifest_is_said_once() {
    for text in [
        "",
        "- a\n",
        "[",
        "execution: {command: [sh, -c, \"{{x}}\"]}\ndescription: d",
    ] {
        assert_eq!(read("manifest.yaml", text).problems.len(), 1, "{text}");
    }
}

#[test]
fn what_an_output_can_be_is_bounded() {
    let manifest = |execution: &str, limit: u64| {
        format!(
            "description: d\nexecution: {{command: [./run.sh]{execution}}}\n\
             resources: {{max_output_bytes: {limit}}}\n"
        )
    };
    for (execution, limit, want) in [
        ("", 67_108_864, ""),
        ("", 67_108_865, "obs keeps at most 67108864 (64 MiB)"),
        ("", 200_000_000, "obs keeps at most 67108864 (64 MiB)"),
        (", output: text, encoding: lossy", 1, ""),
        (", output: lines, encoding: utf-8", 1, ""),
        (", output: json, encoding: utf-8", 1, ""),
        (", encoding: lossy", 1, "the output is JSON, which is UTF-8"),
        (
            ", output: text, encoding: latin1",
            1,
            "`encoding` can't be `latin1`",
        ),
    ] {
        let text = manifest(execution, limit);
        let problems = shown("manifest.yaml", &text);
        assert_eq!(problems.is_empty(), want.is_empty(), "{problems}");
        assert!(problems.contains(want), "{problems}");
    }
}
