use crate::document::Source;
use crate::plan::load;

/// `message; help` of each problem of a plan in YAML.
fn told(text: &str) -> Vec<String> {
    let source = Source::from_bytes("p.yaml".to_owned(), text.as_bytes().to_vec()).unwrap();
    let tell = |problem: &crate::document::Diagnostic| {
        let help = problem.help.as_deref().unwrap_or_default();
        format!("{}; {help}", problem.message)
    };
    load(source).problems.iter().map(tell).collect()
}

fn in_step(entry: &str) -> Vec<String> {
    told(&format!(
        "assistant_id: a\nsteps:\n- {{name: a, type: skill, {entry}}}\n"
    ))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_foreign_key_of_a_step_is_told_once_with_what_to_write() {
    let conditions = "write `when: [{value: \"{{step.field}}\", const: true}]`";
    let items = "write `for_each:` with a list or a reference to one";
    for (entry, want) in [
        ("args: {x: 1}", "did you mean `arguments`?"),
        ("input: {x: 1}", "did you mean `arguments`?"),
        ("inputs: {x: 1}", "did you mean `arguments`?"),
        ("parameters: {x: 1}", "did you mean `arguments`?"),
        ("params: {x: 1}", "did you mean `arguments`?"),
        ("toolInput: {x: 1}", "did you mean `arguments`?"),
        ("args: [x]", "write `arguments: {NAME: VALUE}`"),
        ("input: hello", "write `arguments: {NAME: VALUE}`"),
        ("tool: core/fetch", "did you mean `skill`?"),
        ("skill_id: core/fetch", "did you mean `skill`?"),
        (
            "function: {name: x}",
            "write `name:` with the id of the skill",
        ),
        ("id: one", "did you mean `step_id`?"),
        ("id: 1", "write `step_id:` with a text in quotes"),
        ("step: 1", "remove it: steps run in the order of the list"),
        ("retries: 3", "write `retry: {max_retries: 3}`"),
        ("max-retries: 3", "write `retry: {max_retries: 3}`"),
        ("maxRetries: 3", "write `retry: {max_retries: 3}`"),
        ("retries: many", "write `retry: {max_retries: 3}`"),
        ("attempts: 3", "write `retry: {max_retries: 2}`"),
        ("attempts: 0", "write `retry: {max_retries: 0}`"),
        ("retry_policy: {max_retries: 2}", "did you mean `retry`?"),
        ("on_error: continue", "write `continue_on_error: true`"),
        ("on_failure: other", "write `retry: {fallback: SKILL}`"),
        ("allow_failure: true", "did you mean `continue_on_error`?"),
        (
            "needs: [b]",
            "did you mean `depends_on`, with `order: graph` in the plan?",
        ),
        (
            "depends: [b]",
            "did you mean `depends_on`, with `order: graph` in the plan?",
        ),
        (
            "dependsOn: [b]",
            "did you mean `depends_on`, with `order: graph` in the plan?",
        ),
        ("needs: b", "write `depends_on: [NAME]`"),
        ("next: b", "steps run in the order of the list"),
        ("if: x", conditions),
        ("condition: {x: 1}", conditions),
        (
            "unless: x",
            "write `when: [{value: \"{{step.field}}\", const: true, negate: true}]`",
        ),
        ("preconditions: x", conditions),
        ("foreach: x", items),
        ("forEach: [1]", "did you mean `for_each`?"),
        ("loop: {x: 1}", items),
        ("with_items: [1]", "did you mean `for_each`?"),
        ("while: x", "plans have no loops; `for_each:` with a list"),
        ("parallel: true", "write `parallel_group: NAME`"),
        ("timeout_seconds: 30", "write `timeout: 30s`"),
        ("timeoutSeconds: 30", "write `timeout: 30s`"),
        ("timeout_minutes: 2", "write `timeout: 2m`"),
        ("time_limit: 30s", "did you mean `timeout`?"),
        (
            "timeout_seconds: soon",
            "write `timeout:` with a number and a unit",
        ),
        ("timeoutMs: 30", "did you mean `timeout_ms`?"),
        (
            "description: x",
            "obs has no use for it: name it `x-description`",
        ),
        ("env: {A: b}", "a skill's manifest names its variables"),
        ("save_as: x", "a later step takes the output as `{{NAME}}`"),
        ("command: ls", "a plan calls skills"),
        ("cwd: /tmp", "skills run in the workspace"),
        ("steps: []", "a step holds no steps"),
        ("version: 1.0.0", "write the version after the id"),
        ("nothing-like-it: 1", "known keys are `name`, `type`"),
        (
            "arguments: null, wo: x",
            "indent it further than `arguments:`",
        ),
    ] {
        let found = in_step(entry);
        assert_eq!(found.len(), 1, "{entry}: {found:?}");
        assert!(found[0].starts_with("unknown key `"), "{entry}: {found:?}");
        let help = found[0].split_once("; ").unwrap().1;
        assert!(help.starts_with(want), "{entry}: {help}");
    }
}

#[test]
fn each_foreign_key_of_a_plan_is_told_once_with_what_to_write() {
    let steps = "[{name: a, type: skill}]";
    for (entry, want) in [
        (
            format!("assistant_id: a\ntasks: {steps}\n"),
            "did you mean `steps`?",
        ),
        (
            format!("assistant_id: a\nplan: {steps}\n"),
            "did you mean `steps`?",
        ),
        (
            format!("agent: a\nsteps: {steps}\n"),
            "did you mean `assistant_id`?",
        ),
        (
            format!("assistant_id: a\nsteps: {steps}\ngoal: x\n"),
            "did you mean `reasoning`?",
        ),
        (
            format!("assistant_id: a\nsteps: {steps}\nname: x\n"),
            "obs has no use for it",
        ),
        (
            format!("assistant_id: a\nsteps: {steps}\nmode: dag\n"),
            "write `order: graph`",
        ),
        (
            format!("assistant_id: a\nsteps: {steps}\nmode: graph\n"),
            "did you mean `order`?",
        ),
        (
            format!("assistant_id: a\nsteps: {steps}\nparams: {{x: {{}}}}\n"),
            "did you mean `inputs`?",
        ),
        (
            format!("assistant_id: a\nsteps: {steps}\nparams: {{x: 1}}\n"),
            "write `inputs: {NAME:",
        ),
        (
            format!("assistant_id: a\nsteps: {steps}\ntimeout_s: 3\n"),
            "write `timeout:` with a unit",
        ),
        (
            format!("assistant_id: a\nsteps: {steps}\nretries: 3\n"),
            "write it into each step",
        ),
    ] {
        let found = told(&entry);
        assert_eq!(found.len(), 1, "{entry}: {found:?}");
        let help = found[0].split_once("; ").unwrap().1;
        assert!(help.starts_with(want), "{entry}: {help}");
    }
}

#[test]
fn what_is_read_under_another_key_is_checked() {
    let plan = "agent: a\norder: graph\ntasks:\n- {tool: a, type: skill, id: one}\n\
                - {tool: b, type: skill, needs: [oen], args: {x: \"{{one}}\", y: \"{{tow}}\"}}\n";
    let found = told(plan);
    let others: Vec<&String> = found
        .iter()
        .filter(|line| !line.starts_with("unknown key"))
        .collect();
    assert_eq!(
        others,
        [
            "unknown step `oen`; did you mean `one`?",
            "`{{tow}}` doesn't start with a step name; write `{{name.field}}` with the name or the \
             step_id of a step that has ended by then, or `{{{{` for two braces"
        ]
    );
    assert_eq!(found.len() - others.len(), 7, "{found:?}");
}

/// A plan with an entry in one place.
type Frame<'f> = &'f dyn Fn(&str) -> String;

/// All texts that one wrong key press makes of `word`.
fn misspelled(word: &str) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    let mut all = Vec::new();
    for at in 0..chars.len() {
        let (before, after) = (&chars[..at], &chars[at + 1..]);
        let made =
            |middle: &[char], after: &[char]| [before, middle, after].concat().iter().collect();
        all.push(made(&[], after));
        all.push(made(&['q'], after));
        all.push(made(&[chars[at], chars[at]], after));
        if let Some((next, rest)) = after.split_first() {
            all.push(made(&[*next, chars[at]], rest));
        }
    }
    all.sort();
    all.dedup();
    all.retain(|other| other != word);
    all
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_misspelled_key_is_told_once_with_the_right_one() {
    let plan =
        |entry: &str| format!("assistant_id: a\nsteps: [{{name: a, type: skill}}]\n{entry}\n");
    let graph = |entry: &str| {
        format!(
            "assistant_id: a\norder: graph\nsteps:\n- {{name: b, type: skill}}\n- {{name: a, type: skill, {entry}}}\n"
        )
    };
    let step =
        |entry: &str| format!("assistant_id: a\nsteps:\n- {{name: a, type: skill, {entry}}}\n");
    let retry = |entry: &str| step(&format!("retry: {{max_retries: 2, {entry}}}"));
    let frames: &[(Frame<'_>, &str, &str)] = &[
        (
            &|entry| format!("{entry}\nsteps: [{{name: a, type: skill}}]\n"),
            "assistant_id",
            "a",
        ),
        (
            &|entry| format!("assistant_id: a\n{entry}\n"),
            "steps",
            "[{name: a, type: skill}]",
        ),
        (&plan, "reasoning", "x"),
        (&plan, "parent_id", "x"),
        (&plan, "timeout", "1m"),
        (&plan, "order", "sequence"),
        (&plan, "inputs", "{x: {type: string}}"),
        (
            &|entry| format!("assistant_id: a\nsteps:\n- {{{entry}, type: skill}}\n"),
            "name",
            "a",
        ),
        (
            &|entry| format!("assistant_id: a\nsteps:\n- {{name: a, {entry}}}\n"),
            "type",
            "skill",
        ),
        (&step, "step_id", "x"),
        (&step, "skill", "x"),
        (&step, "timeout", "1s"),
        (&step, "timeout_ms", "10"),
        (&step, "continue_on_error", "true"),
        (&step, "output_schema", "{}"),
        (&step, "expected_output", "x"),
        (&step, "references", "false"),
        (&step, "arguments", "{x: 1}"),
        (&graph, "depends_on", "[b]"),
        (&step, "parallel_group", "g"),
        (&step, "parallelizable", "true"),
        (&step, "retry", "{max_retries: 1}"),
        (&step, "risk_level", "info"),
        (&retry, "initial_backoff", "1s"),
        (&retry, "max_backoff", "30s"),
        (&retry, "fallback", "x"),
        (
            &|entry| step(&format!("retry: {{{entry}}}")),
            "max_retries",
            "2",
        ),
    ];
    let mut count = 0;
    for (frame, key, value) in frames {
        assert_eq!(told(&frame(&format!("{key}: {value}"))), [""; 0], "{key}");
        for wrong in misspelled(key) {
            let found = told(&frame(&format!("{wrong}: {value}")));
            assert_eq!(found.len(), 1, "{wrong}: {found:?}");
            let want = format!("unknown key `{wrong}` in ");
            assert!(found[0].starts_with(&want), "{wrong}: {found:?}");
            assert!(found[0].contains(&format!("`{key}")), "{wrong}: {found:?}");
            count += 1;
        }
    }
    assert!(count > 900, "{count}");
}
