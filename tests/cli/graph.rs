//! `obs graph`: the same plan in every form, and names that try to be syntax.

use crate::support::{Case, plain_settings};

const SEQUENCE: &str = "- {name: fetch, type: skill}\n\
    - {name: lint, skill: cargo/clippy, type: tool, parallel_group: checks, arguments: {x: \"{{fetch.a}}\"}}\n\
    - {name: test, type: tool, parallel_group: checks}\n\
    - {name: report, type: skill, arguments: {l: \"{{lint}}\", t: \"{{test}}\"}}\n";

const GRAPH: &str = "assistant_id: a\norder: graph\nsteps:\n\
    - {name: report, type: skill, depends_on: [lint], arguments: {t: \"{{test}}\", l: \"{{lint}}\"}}\n\
    - {name: lint, type: skill, depends_on: [fetch]}\n\
    - {name: test, type: skill, arguments: {x: \"{{fetch}}\"}}\n\
    - {name: fetch, type: skill}\n";

fn drawn(case: &Case, format: &str) -> String {
    case.run(&["graph", "plan.yaml", "--format", format])
        .expect_code(0)
        .stdout()
}

#[track_caller]
fn drawn_in_all_forms(case: &Case, name: &str) {
    let all = ["mermaid", "dot", "tree", "table", "jsonl"]
        .map(|format| drawn(case, format))
        .join("\n");
    plain_settings().bind(|| insta::assert_snapshot!(name, all));
}

#[test]
fn a_sequence_with_a_group() {
    let case = Case::new().plan(SEQUENCE);
    assert_eq!(
        case.run(&["graph", "plan.yaml"]).stdout(),
        drawn(&case, "mermaid")
    );
    drawn_in_all_forms(&case, "a_sequence_drawn");
}

#[test]
fn a_graph() {
    let case = Case::new().file("plan.yaml", GRAPH);
    drawn_in_all_forms(&case, "a_graph_drawn");
}

#[test]
fn a_name_is_never_syntax() {
    let name = "x\\\"]; s9 --> s0 <script> #quot; \\\\ \\u001b[31m \\u202e & `b` %% end";
    let case = Case::new().plan(&format!("- {{name: \"{name}\", type: skill}}\n"));
    drawn_in_all_forms(&case, "hostile_names_drawn");
}

#[test]
fn a_plan_that_is_wrong_has_no_graph() {
    let case = Case::new().file(
        "plan.yaml",
        "steps: [{name: a, type: skill, arguments: {x: \"{{b}}\"}}]\n",
    );
    let output = case.run(&["graph", "plan.yaml"]).expect_code(65);
    assert_eq!(output.stdout(), "");
    assert!(
        output
            .stderr()
            .contains("can't show the graph of `plan.yaml`: 1 error, 1 warning"),
        "{}",
        output.whole()
    );
    case.run(&["graph", "absent.yaml"]).expect_code(66);
}

#[test]
fn a_long_plan_is_drawn_in_proportion() {
    let step = |index: usize| match index {
        0 => "- {name: s0, type: skill}\n".to_owned(),
        _ => format!(
            "- {{name: s{index}, type: skill, depends_on: [s{}]}}\n",
            index - 1
        ),
    };
    let steps: String = crate::support::concat((0..5_000).map(step));
    let case = Case::new().file(
        "plan.yaml",
        format!("assistant_id: a\norder: graph\nsteps:\n{steps}"),
    );
    for format in ["mermaid", "dot", "tree"] {
        let length = drawn(&case, format).len();
        assert!(length < 100 * 5_000, "{format}: {length}");
    }
}
