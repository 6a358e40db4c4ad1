//! What is wrong with the order of a plan, and where.

use crate::document::{Severity, Source};
use crate::plan::{LoadedPlan, load};

fn loaded(text: &str) -> LoadedPlan {
    let text = format!("assistant_id: a\n{text}");
    load(Source::from_bytes("p.yaml".to_owned(), text.into_bytes()).unwrap())
}

/// `code pointer: message; help`, one for each problem.
fn problems(text: &str) -> Vec<String> {
    let loaded = loaded(text);
    let tell = |problem: &crate::document::Diagnostic| {
        let pointer = crate::document::Document::pointer_of(&problem.location);
        let help = problem.help.as_deref().unwrap_or_default();
        let warning = match problem.severity {
            Severity::Warning => "warning ",
            Severity::Error => "",
        };
        format!(
            "{warning}{} {pointer}: {}; {help}",
            problem.code, problem.message
        )
    };
    loaded.problems.iter().map(tell).collect()
}

/// A graph of steps that are called by messages: `a: b c` waits for `b` and `c`.
fn graph(steps: &str) -> String {
    let step = |line: &str| {
        let (name, after) = line.split_once(':').unwrap();
        let after: Vec<&str> = after.split_whitespace().collect();
        format!(
            "- {{name: {name}, type: skill, depends_on: [{}]}}\n",
            after.join(", ")
        )
    };
    let steps: Vec<String> = steps.split(';').map(|line| step(line.trim())).collect();
    format!("order: graph\nsteps:\n{}", steps.concat())
}

#[test]
fn a_circle_is_told_as_its_path() {
    assert_eq!(problems(&graph("a: b; b: c; c:")), [""; 0]);
    assert_eq!(
        problems(&graph("z: c; a: ; c: b; b: d a; d: c")),
        [
            "cycle /steps/2/depends_on/0: the steps depend on each other in a cycle: `c` → `b` → \
             `d` → `c`; remove one of these dependencies"
        ]
    );
    assert_eq!(
        problems(&graph("a: b a")),
        [
            "unknown_step /steps/0/depends_on/0: unknown step `b`; write the name or the step_id \
             of a step of this plan",
            "cycle /steps/0/depends_on/1: `a` depends on itself; let it depend on another step"
        ]
    );
}

#[test]
fn every_circle_is_told_once() {
    let problems = problems(&graph("a: b; b: a; c: d a; d: c; e: f; f: a"));
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("`a` → `b` → `a`"), "{problems:?}");
    assert!(problems[1].contains("`c` → `d` → `c`"), "{problems:?}");
}

#[test]
fn a_long_circle_is_told_in_short() {
    let steps: Vec<String> = (0..5_000)
        .map(|at| format!("s{at}: s{}", (at + 1) % 5_000))
        .collect();
    let problems = problems(&graph(&steps.join("; ")));
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].contains("`s11` → 4988 more → `s0`;"),
        "{problems:?}"
    );
}

#[test]
fn thousands_of_unknown_names_are_counted_and_not_each_looked_for() {
    let steps: Vec<String> = (0..5_000)
        .map(|at| format!("s{at}: nobody-of-{at}"))
        .collect();
    let loaded = loaded(&graph(&steps.join("; ")));
    assert_eq!(loaded.problems.count(Severity::Error), 5_000);
}

#[test]
fn names_in_depends_on_mean_one_step() {
    let steps = "order: graph\nsteps:\n- {name: fetch, type: skill}\n- {name: fetch, type: skill}\n\
                 - {name: use, type: skill, depends_on: [fetch, biuld, 7, \"\"]}\n\
                 - {name: build, type: skill}\n";
    assert_eq!(
        problems(steps),
        [
            "ambiguous_step /steps/2/depends_on/0: `fetch` can mean step 0 or step 1; give each of \
             them a `step_id` and write that",
            "unknown_step /steps/2/depends_on/1: unknown step `biuld`; did you mean `build`?",
            "wrong_type /steps/2/depends_on/2: `2` must be text, found a number; quote it: \"7\"",
            "empty /steps/2/depends_on/3: a name is empty; write the name or the step_id of a \
             step, or leave it out",
        ]
    );
    let steps = "order: graph\nsteps:\n- {name: fetch, type: skill}\n\
                 - {name: fetch, step_id: second, type: skill}\n\
                 - {name: build, type: skill, depends_on: [second]}\n";
    assert_eq!(problems(steps), [""; 0]);
    assert_eq!(loaded(steps).flow.steps[2].depends_on, [1]);
}

#[test]
fn what_means_nothing_in_an_order_is_told() {
    let steps = "steps:\n- {name: a, type: skill}\n- {name: b, type: skill, depends_on: [a]}\n";
    assert_eq!(
        problems(steps),
        [
            "order /steps/1/depends_on: `depends_on` has no effect in a sequence; write `order: \
             graph` in the plan, or leave `depends_on` out"
        ]
    );
    let steps = "order: graph\nsteps:\n- {name: a, type: skill, parallel_group: g}\n";
    assert_eq!(
        problems(steps),
        [
            "warning order /steps/0/parallel_group: `parallel_group` has no effect in a graph; \
             leave it out: in a graph, independent steps run at the same time"
        ]
    );
    let steps = "order: dag\nsteps:\n- {name: a, type: skill}\n";
    assert_eq!(
        problems(steps),
        ["wrong_value /order: `order` can't be `dag`; use one of `sequence` and `graph`"]
    );
}

#[test]
fn a_group_is_the_steps_that_follow_each_other() {
    let step = |group: &str| format!("- {{name: s, type: skill{group}}}\n");
    let steps = |groups: &[&str]| {
        let steps: Vec<String> = groups.iter().map(|group| step(group)).collect();
        format!("steps:\n{}", steps.concat())
    };
    let (g, alone) = (
        ", parallel_group: g",
        ", parallel_group: g, parallelizable: false",
    );
    assert_eq!(
        loaded(&steps(&["", g, g, g, ""])).flow.stages,
        [0..1, 1..4, 4..5]
    );
    let taken_out = steps(&[g, g, alone, g]);
    assert_eq!(loaded(&taken_out).flow.stages, [0..2, 2..3, 3..4]);
    assert_eq!(problems(&taken_out), [""; 0]);
    let split = steps(&[g, "", g]);
    assert_eq!(loaded(&split).flow.stages, [0..1, 1..2, 2..3]);
    assert_eq!(
        problems(&split),
        [
            "warning split_group /steps/2/parallel_group: the steps of the group `g` are not \
             adjacent; obs runs them as separate groups; put them next to each other"
        ]
    );
}

#[test]
fn a_suggestion_is_never_a_step_that_may_not_be_waited_for() {
    let none = "write `{{name.field}}` with the name or the step_id";
    for (text, want) in [
        // Itself, in a sequence and in a graph.
        (
            "steps:\n- {name: greet, type: skill, arguments: {a: \"{{gret.output}}\"}}\n",
            none,
        ),
        (
            "order: graph\nsteps:\n- {name: greet, type: skill, arguments: {a: \"{{gret.output}}\"}}\n",
            none,
        ),
        // A later one.
        (
            "steps:\n- {name: use, type: skill, arguments: {a: \"{{gret}}\"}}\n- {name: greet, type: skill}\n",
            none,
        ),
        (
            "order: graph\nsteps:\n- {name: use, type: skill, arguments: {a: \"{{gret}}\"}}\n- {name: greet, type: skill}\n",
            "did you mean `{{greet}}`?",
        ),
        // One of the same group, and one of several.
        (
            "steps:\n- {name: greet, type: skill, parallel_group: g}\n\
             - {name: use, type: skill, parallel_group: g, arguments: {a: \"{{gret}}\"}}\n",
            none,
        ),
        (
            "steps:\n- {name: greet, type: skill}\n- {name: greet, type: skill}\n\
             - {name: use, type: skill, arguments: {a: \"{{gret}}\"}}\n",
            none,
        ),
        // The next best name is taken then.
        (
            "steps:\n- {name: greed, type: skill}\n- {name: greet, type: skill, arguments: {a: \"{{greett.x}}\"}}\n",
            "did you mean `{{greed.x}}`?",
        ),
        // A circle, by `depends_on` or by references.
        (
            "order: graph\nsteps:\n- {name: use, type: skill, arguments: {a: \"{{gret}}\"}}\n\
             - {name: other, type: skill, depends_on: [use]}\n- {name: greet, type: skill, depends_on: [other]}\n",
            none,
        ),
        (
            "order: graph\nsteps:\n- {name: use, type: skill, arguments: {a: [\"{{gret}}\"]}}\n\
             - {name: greet, type: skill, arguments: {a: {b: \"x {{use.y}}\"}}}\n",
            none,
        ),
        (
            "order: graph\nsteps:\n- {name: use, type: skill, depends_on: [us]}\n- {name: usx, type: skill, depends_on: [use]}\n",
            "write the name or the step_id of a step of this plan",
        ),
        (
            "order: graph\nsteps:\n- {name: use, type: skill, depends_on: [usy]}\n- {name: usx, type: skill}\n",
            "did you mean `usx`?",
        ),
        // With what models put around a name.
        (
            "steps:\n- {name: greet, type: skill, arguments: {a: \"{{steps.greet.output}}\"}}\n",
            none,
        ),
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text}{found:?}");
        let help = found[0].split_once("; ").unwrap().1;
        assert!(help.starts_with(want), "{text}{help}");
    }
}

#[test]
fn many_unknown_names_are_looked_up_quickly() {
    let step = |at: usize| {
        format!(
            "- {{name: step{at}, type: skill, depends_on: [step{}], arguments: {{a: \"{{{{stepx{at}}}}}\"}}}}\n",
            (at + 1) % 4_000
        )
    };
    let steps: String = (0..4_000).map(step).collect();
    // Each search through all steps visits each of them once.
    let found = loaded(&format!("order: graph\nsteps:\n{steps}")).problems;
    assert!(found.has_errors());
}
