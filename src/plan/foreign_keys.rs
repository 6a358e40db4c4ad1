//! Keys of other formats, which models write: what a plan has for each of them.
//!
//! Invariant: these are never accepted. A key that means one of a plan's is read as that one, so
//! that the rest of the plan is checked; for others the problem says what to write, or that plans
//! have no such thing.

use serde_json::{Map, Value, json};

mod conditions;

pub(super) use self::conditions::in_condition;
use crate::document::Meaning;

type Entries = Map<String, Value>;

/// A key in lower case with `_` between its words: `maxRetries` is `max_retries`.
fn normalized(key: &str) -> String {
    let mut plain = String::with_capacity(key.len() + 4);
    let mut was_lower = false;
    // No word of the tables is longer.
    for c in key.chars().take(40) {
        if c.is_uppercase() && was_lower {
            plain.push('_');
        }
        was_lower = c.is_lowercase() || c.is_ascii_digit();
        match c {
            '-' | ' ' => plain.push('_'),
            _ => plain.extend(c.to_lowercase()),
        }
    }
    plain
}

/// The key if the entry has the kind of value that it needs, else what to write.
fn key_if(is_right: bool, key: &'static str, help: &str) -> Meaning {
    if is_right {
        Meaning::Key(key)
    } else {
        Meaning::rewrite(help, key)
    }
}

/// What a key of a step means.
pub(super) fn in_step(key: &str, value: &Value, step: &Entries) -> Option<Meaning> {
    let plain = normalized(key);
    if let Some(meaning) = of_cleanup(&plain, value) {
        return Some(meaning);
    }
    of_call(&plain, value, step)
        .or_else(|| of_step(&plain, value, step))
        .or_else(|| of_flow(&plain, value))
        .or_else(|| of_failure(&plain, value))
        .or_else(|| timeout(&plain, value))
        .or_else(|| elsewhere(&plain))
        .or_else(|| below_arguments(step))
}

/// An argument that is indented too little: YAML takes `arguments:` above it for null.
fn below_arguments(step: &Entries) -> Option<Meaning> {
    let is_empty = step.get("arguments") == Some(&Value::Null);
    is_empty.then(|| {
        let help = "indent it further than `arguments:` if it is one of them";
        Meaning::rewrite(help, "arguments")
    })
}

/// What is called, and with what.
fn of_call(plain: &str, value: &Value, step: &Entries) -> Option<Meaning> {
    Some(match plain {
        "args" | "arg" | "input" | "inputs" | "parameters" | "params" | "parameter" | "param"
        | "kwargs" | "with" | "payload" | "tool_input" | "tool_args" | "tool_arguments"
        | "action_input" | "options" | "vars" | "variables" | "data" => key_if(
            value.is_object(),
            "arguments",
            "write `arguments: {NAME: VALUE}`, with the names of the skill's arguments",
        ),
        "tool" | "tool_name" | "tool_id" | "skill_id" | "skill_name" | "function"
        | "function_name" | "action" | "uses" | "use" | "call" | "plugin" | "capability"
        | "operation" => {
            let known = if step.contains_key("name") {
                "skill"
            } else {
                "name"
            };
            key_if(
                value.is_string(),
                known,
                "write `name:` with the id of the skill, and `arguments:` with its arguments",
            )
        }
        "version" | "skill_version" => {
            Meaning::advice("write the version after the id: `skill: ID@VERSION`")
        }
        _ => return None,
    })
}

/// What the step is called and what it is for.
fn of_step(plain: &str, value: &Value, step: &Entries) -> Option<Meaning> {
    Some(match plain {
        "id" | "ref" | "alias" | "uid" | "node_id" | "call_id" => key_if(
            value.is_string(),
            "step_id",
            "write `step_id:` with a text in quotes, if other steps refer to this one",
        ),
        "step" | "step_name" | "title" | "label" if value.is_string() && !names_skill(step) => {
            Meaning::Key("name")
        }
        "step" | "step_number" | "number" | "index" | "seq" | "order" if value.is_number() => {
            Meaning::advice("remove it: steps run in the order of the list")
        }
        "kind" | "step_type" | "tool_type" => key_if(
            matches!(value.as_str(), Some("skill" | "tool")),
            "type",
            "write `type: skill` or `type: tool`",
        ),
        "expected" | "expected_result" | "expected_outcome" | "success_criteria" => key_if(
            value.is_string(),
            "expected_output",
            "write `expected_output:` with a text",
        ),
        "schema" | "response_schema" | "output_format" | "response_format" => key_if(
            value.is_object(),
            "output_schema",
            "write `output_schema:` with a JSON Schema",
        ),
        "risk" | "severity" => key_if(
            value.is_string(),
            "risk_level",
            "write `risk_level:` with one of `info`, `sensitive`, `clinical` and `critical`",
        ),
        "step_name" | "step" | "title" | "label" | "description" | "desc" | "reason"
        | "reasoning" | "rationale" | "thought" | "thoughts" | "comment" | "comments" | "note"
        | "notes" | "purpose" | "explanation" | "goal" | "objective" | "summary" | "metadata"
        | "meta" | "tags" | "labels" => Meaning::Own,
        _ => return None,
    })
}

/// True if another entry of the step says what it calls.
fn names_skill(step: &Entries) -> bool {
    let is_one = |key: &String| {
        matches!(
            normalized(key).as_str(),
            "name"
                | "skill"
                | "tool"
                | "tool_name"
                | "skill_id"
                | "skill_name"
                | "function"
                | "function_name"
                | "action"
                | "uses"
                | "use"
                | "call"
        )
    };
    step.keys().take(40).any(is_one)
}

/// True for the words that other formats have for `finally`.
fn is_finally(plain: &str) -> bool {
    matches!(
        plain,
        "finally"
            | "ensure"
            | "always"
            | "after_all"
            | "cleanup"
            | "clean_up"
            | "cleanups"
            | "cleanup_steps"
            | "teardown"
            | "tear_down"
            | "on_exit"
            | "exit_handler"
            | "handler_on"
            | "handlers"
            | "hooks"
            | "defer"
            | "deferred"
            | "rescue"
            | "post"
            | "post_steps"
            | "after_script"
    )
}

/// What runs whatever came of the steps, as a key of a step.
fn of_cleanup(plain: &str, value: &Value) -> Option<Meaning> {
    let runs_always = |text: &str| {
        ["always()", "failure()", "cancelled()"]
            .iter()
            .any(|call| text.contains(call))
    };
    Some(match plain {
        "if" if value.as_str().is_some_and(runs_always) => Meaning::advice(
            "move the step to the plan's `finally`, whose steps run whatever came of the others",
        ),
        "undo" | "reverts" | "revert" | "rolls_back" | "compensates" => key_if(
            value.is_array(),
            "undoes",
            "write `undoes: [NAME]` in a step of the plan's `finally`",
        ),
        "rollback" | "compensation" | "compensate" => Meaning::advice(
            "write the step that takes this one back into the plan's `finally`, with `undoes: [NAME]`",
        ),
        _ if is_finally(plain) => {
            Meaning::advice("write the steps into the list `finally` of the plan, beside `steps`")
        }
        _ => return None,
    })
}

/// When a step runs.
fn of_flow(plain: &str, value: &Value) -> Option<Meaning> {
    Some(match plain {
        "depends" | "needs" | "need" | "dependencies" | "dependency" | "requires" | "require"
        | "after" | "deps" | "wait_for" | "waits_for" | "run_after" | "prerequisites"
        | "predecessors" | "upstream" => key_if(
            value.is_array(),
            "depends_on",
            "write `depends_on: [NAME]` with the names of steps, and `order: graph` in the plan",
        ),
        "next" | "then" | "before" | "successors" | "downstream" => Meaning::advice(
            "steps run in the order of the list; with `order: graph` in the plan, the later step \
             names this one in its `depends_on`",
        ),
        "if" | "condition" | "conditions" | "only_if" | "run_if" | "run_when" | "guard"
        | "precondition" | "preconditions" => key_if(
            value
                .as_array()
                .is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object)),
            "when",
            "write `when: [{value: \"{{step.field}}\", const: true}]`: a list of conditions",
        ),
        "unless" | "skip_if" | "skip_when" | "if_not" => Meaning::rewrite(
            "write `when: [{value: \"{{step.field}}\", const: true, negate: true}]`: a list of \
             conditions",
            "when",
        ),
        "else" | "elif" | "else_if" | "switch" | "case" | "cases" | "branches" => Meaning::advice(
            "write a step for each branch, with its own `when`; `negate: true` is the opposite of \
             a condition",
        ),
        "foreach" | "for" | "for_all" | "loop" | "each" | "map" | "items" | "with_items"
        | "with_list" | "with_param" | "iterate" | "iterate_over" | "over" | "matrix"
        | "strategy" => items(plain, value),
        "repeat" | "while" | "until" => Meaning::advice(
            "plans have no loops; `for_each:` with a list calls a step once for each item",
        ),
        "max_parallel" | "max_concurrency" | "max_failed" | "gather" => Meaning::rewrite(
            "write it into `for_each`: `for_each: {list: […], max_parallel: 4}`",
            "for_each",
        ),
        "parallel" | "concurrent" | "async" | "group" => key_if(
            value.is_string(),
            "parallel_group",
            "write `parallel_group: NAME` in neighbouring steps, or `order: graph` in the plan",
        ),
        "steps" | "substeps" | "sub_steps" | "children" | "tasks" => {
            Meaning::advice("a step holds no steps: write all of them in the list of the plan")
        }
        _ => return None,
    })
}

/// The items of a step.
fn items(plain: &str, value: &Value) -> Meaning {
    let matrix = match value {
        Value::Object(map) if plain == "matrix" => Some(map),
        Value::Object(map) => map.get("matrix").and_then(Value::as_object),
        _ => None,
    };
    if matrix.is_some() {
        return Meaning::rewrite(
            "write `for_each: {matrix: [{name: NAME, values: […]}, …]}` and `{{item.NAME}}` in \
             `arguments`",
            "for_each",
        );
    }
    key_if(
        value.is_array() || is_reference(value),
        "for_each",
        "write `for_each:` with a list or a reference to one, and `{{item}}` in `arguments`",
    )
}

/// True for a text that may be a reference.
fn is_reference(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}

/// What a key of a step's `for_each` means.
pub(super) fn in_for_each(key: &str, value: &Value, _: &Entries) -> Option<Meaning> {
    let is_list = value.is_array() || is_reference(value);
    Some(match normalized(key).as_str() {
        "in" | "items" | "values" | "over" | "each" | "from" | "of" | "with_items" => key_if(
            is_list,
            "list",
            "write `list:` with a list, or with a reference to one",
        ),
        "as" | "var" | "item" | "as_item" | "item_name" | "loop_var" => Meaning::advice(
            "remove it: the item is `{{item}}`, its place in the list `{{item_index}}`",
        ),
        "parallel" | "concurrency" | "max_concurrency" | "max_concurrent" | "parallelism"
        | "batch_size" | "jobs" => key_if(
            value.is_number(),
            "max_parallel",
            "write `max_parallel:` with a number",
        ),
        "fail_fast" | "continue_on_error" | "max_failures" | "allowed_failures" | "tolerance"
        | "max_errors" => key_if(
            value.is_number(),
            "max_failed",
            "write `max_failed:` with the number of items that may fail",
        ),
        "collect" | "output" | "outputs" | "results" | "join" | "reduce" => key_if(
            value.is_string(),
            "gather",
            "write `gather: outputs` or `gather: results`",
        ),
        "include" | "exclude" => {
            Meaning::advice("a matrix has all combinations; write a `list` of mappings instead")
        }
        _ if value.is_array() => Meaning::rewrite(
            "a matrix is `matrix: [{name: NAME, values: […]}, …]`",
            "matrix",
        ),
        _ => return None,
    })
}

/// What a key of an entry of a matrix means.
pub(super) fn in_matrix(key: &str, value: &Value, _: &Entries) -> Option<Meaning> {
    let is_list = value.is_array() || is_reference(value);
    Some(match normalized(key).as_str() {
        "key" | "id" | "var" | "variable" | "axis" => {
            key_if(value.is_string(), "name", "write `name:` with a text")
        }
        "value" | "list" | "items" | "in" | "options" => {
            key_if(is_list, "values", "write `values:` with a list")
        }
        _ if is_list => Meaning::rewrite("write `{name: NAME, values: […]}`", "values"),
        _ => return None,
    })
}

/// What is done when a step fails.
fn of_failure(plain: &str, value: &Value) -> Option<Meaning> {
    Some(match plain {
        "retries" | "retry_count" | "num_retries" | "max_retries" | "max_retry" => {
            max_retries(value, 0)
        }
        "attempts" | "max_attempts" | "tries" | "max_tries" => max_retries(value, 1),
        "retry_policy" | "retry_config" | "retry_strategy" | "retry_options" => key_if(
            value.is_object(),
            "retry",
            "write `retry: {max_retries: 3}`",
        ),
        "on_error" | "on_failure" | "on_fail" | "error_handling"
            if matches!(value.as_str(), Some("continue" | "ignore" | "skip")) =>
        {
            let help = "write `continue_on_error: true`";
            Meaning::entry(help, "continue_on_error", json!(true))
        }
        "fallback" | "on_error" | "on_failure" | "on_fail" | "error_handling" => Meaning::rewrite(
            "write `retry: {fallback: SKILL}` for another skill, or `continue_on_error: true`",
            "retry",
        ),
        "ignore_errors" | "ignore_error" | "ignore_failure" | "allow_failure"
        | "allow_failures" | "optional" | "soft_fail" => key_if(
            value.is_boolean(),
            "continue_on_error",
            "write `continue_on_error: true`",
        ),
        "required" => Meaning::advice(
            "write `continue_on_error: true` if the plan may go on when the step fails",
        ),
        _ => return None,
    })
}

/// `retry` for a count of which `first` are no retries.
fn max_retries(value: &Value, first: u64) -> Meaning {
    let Some(count) = value.as_u64() else {
        return Meaning::rewrite("write `retry: {max_retries: 3}`", "retry");
    };
    let retries = count.saturating_sub(first);
    let why = if first > 0 {
        ": the first attempt is no retry"
    } else {
        ""
    };
    let help = format!("write `retry: {{max_retries: {retries}}}`{why}");
    Meaning::entry(help, "retry", json!({"max_retries": retries}))
}

/// How long something may take.
fn timeout(plain: &str, value: &Value) -> Option<Meaning> {
    let unit = match plain {
        // Not `timeout_s`, which may be a misspelled `timeout_ms`.
        "timeout_seconds" | "timeout_secs" | "timeout_sec" | "timeout_in_seconds"
        | "time_limit_seconds" | "max_seconds" => "s",
        "timeout_minutes" | "timeout_mins" | "timeout_min" => "m",
        "timeout_hours" => "h",
        "timeout_milliseconds" | "timeout_millis" | "timeout_msec" => "ms",
        "time_limit" | "max_time" | "max_duration" | "deadline" | "time_out" | "duration" => "",
        "timeout_s" => {
            let help = "write `timeout:` with a unit, such as `30s`, or `timeout_ms:`";
            return Some(Meaning::rewrite(help, "timeout"));
        }
        _ => return None,
    };
    let number = value.as_u64().filter(|number| *number > 0);
    Some(match number {
        Some(number) if !unit.is_empty() => {
            let help = format!("write `timeout: {number}{unit}`");
            Meaning::entry(help, "timeout", json!(format!("{number}{unit}")))
        }
        _ => key_if(
            unit.is_empty() && value.is_string(),
            "timeout",
            "write `timeout:` with a number and a unit: `30s`",
        ),
    })
}

/// What is said elsewhere than in a plan.
fn elsewhere(plain: &str) -> Option<Meaning> {
    let help = match plain {
        "env" | "environment" | "env_vars" => {
            "a skill's manifest names its variables: `permissions: [\"env:NAME\"]`, or \
             `env: {NAME: VALUE}` below `execution:`"
        }
        "secret" | "secrets" | "credentials" => {
            "a skill's manifest names its secrets: `permissions: [\"secret:NAME\"]`; `--secret` \
             gives them"
        }
        "permissions" => "a skill's manifest has its permissions",
        "output" | "outputs" | "result" | "results" | "returns" | "return" | "register"
        | "save_as" | "store_as" | "save_to" | "store" | "output_as" | "output_key"
        | "output_var" | "output_variable" | "output_name" | "as" | "assign" | "export" => {
            "a later step takes the output as `{{NAME}}`, with the name or the `step_id` of this \
             step"
        }
        "command" | "cmd" | "run" | "script" | "shell" | "exec" | "bash" | "code" | "program" => {
            "a plan calls skills: the command is a part of a skill's manifest (`obs skills new`)"
        }
        "cwd" | "workdir" | "work_dir" | "working_directory" | "working_dir" | "directory" => {
            "skills run in the workspace (`--workspace DIR`), or in the `workdir:` of their manifest's \
             `execution:`"
        }
        "approve" | "approval" | "approvals" | "requires_approval" | "require_approval"
        | "needs_approval" | "confirm" | "confirmation" | "human_in_the_loop" | "manual"
        | "suspend" => return Some(approval()),
        _ => return None,
    };
    Some(Meaning::advice(help))
}

/// A person is asked before the step.
fn approval() -> Meaning {
    Meaning::rewrite(
        "write `approval: {message: TEXT}`, which asks a person before the step starts",
        "approval",
    )
}

/// What a key of a plan means.
pub(super) fn in_plan(key: &str, value: &Value, _: &Entries) -> Option<Meaning> {
    let plain = normalized(key);
    Some(match plain.as_str() {
        "tasks" | "actions" | "plan" | "step" | "stages" | "jobs" | "workflow" | "pipeline"
        | "nodes" | "calls" | "tool_calls" | "execution_plan" => key_if(
            value.is_array(),
            "steps",
            "write `steps:` with a list of steps",
        ),
        "assistant" | "agent" | "agent_id" | "author" | "bot" | "bot_id" | "assistant_name"
        | "created_by" | "planner" => key_if(
            value.is_string(),
            "assistant_id",
            "write `assistant_id:` with a text",
        ),
        "plan_id" | "uuid" => key_if(value.is_string(), "id", "write `id:` with a text"),
        "parent_plan" | "parent_plan_id" => key_if(
            value.is_string(),
            "parent_id",
            "write `parent_id:` with a text",
        ),
        "parameters" | "params" | "input" | "args" | "arguments" | "variables" | "vars" => key_if(
            value
                .as_object()
                .is_some_and(|inputs| inputs.values().all(Value::is_object)),
            "inputs",
            "write `inputs: {NAME: {default: VALUE}}`: each input has a JSON Schema",
        ),
        "thought" | "thoughts" | "explanation" | "rationale" | "goal" | "description"
        | "summary" | "objective" | "reason" | "analysis"
            if value.is_string() =>
        {
            Meaning::Key("reasoning")
        }
        "mode" | "execution" | "execution_mode" | "execution_order" | "strategy" | "flow"
        | "type" => return order(value),
        "parallel" | "concurrent" => Meaning::rewrite(
            "write `order: graph`, in which each step names in `depends_on` what it waits for",
            "order",
        ),
        _ if is_finally(&plain) => key_if(
            value.is_array(),
            "finally",
            "write `finally:` with a list of steps; `{{run.status}}` tells them how the run ended",
        ),
        "retry" | "retries" | "max_retries" | "continue_on_error" | "approval" => {
            Meaning::advice("write it into each step that it is meant for")
        }
        "skills" | "tools" => {
            Meaning::advice("a step names its skill; `--skills DIR` adds a directory of skills")
        }
        "name" | "title" | "version" | "metadata" | "meta" | "tags" | "labels" | "created_at"
        | "notes" | "note" | "comment" | "schema_version" | "$schema" | "api_version" | "kind"
        | "goal" | "description" => Meaning::Own,
        _ => return timeout(&plain, value).or_else(|| of_flow_of_plan(&plain)),
    })
}

fn of_flow_of_plan(plain: &str) -> Option<Meaning> {
    elsewhere(plain).filter(|_| !matches!(plain, "output" | "outputs" | "result" | "results"))
}

fn order(value: &Value) -> Option<Meaning> {
    let entry = |order: &str| {
        let help = format!("write `order: {order}`");
        Some(Meaning::entry(help, "order", json!(order)))
    };
    match value.as_str()? {
        "sequence" | "graph" => Some(Meaning::Key("order")),
        "sequential" | "serial" | "linear" => entry("sequence"),
        "parallel" | "concurrent" | "dag" => entry("graph"),
        _ => None,
    }
}

/// What a key of a step's `approval` means.
pub(super) fn in_approval(key: &str, value: &Value, _: &Entries) -> Option<Meaning> {
    Some(match normalized(key).as_str() {
        "text" | "prompt" | "question" | "reason" | "description" | "title" | "msg" => {
            key_if(value.is_string(), "message", "write `message:` with a text")
        }
        "timeout" | "expires" | "expires_in" | "ttl" => {
            Meaning::advice("`obs run --approval-timeout DURATION` bounds the wait for an answer")
        }
        "approvers" | "approver" | "users" | "groups" | "assignees" | "reviewers" | "roles" => {
            Meaning::advice(
                "remove it: whoever can write the state can approve; restrict its directory",
            )
        }
        "required" | "enabled" => Meaning::advice("remove it: `approval` always asks"),
        _ => return None,
    })
}

/// What a key of a step's `retry` means.
pub(super) fn in_retry(key: &str, value: &Value, _: &Entries) -> Option<Meaning> {
    Some(match normalized(key).as_str() {
        "retries" | "max" | "count" | "times" | "limit" | "retry_count" => key_if(
            value.is_number(),
            "max_retries",
            "write `max_retries:` with a number",
        ),
        "attempts" | "max_attempts" | "tries" => match value.as_u64() {
            Some(attempts) => {
                let retries = attempts.saturating_sub(1);
                let help = format!("write `max_retries: {retries}`: the first attempt is no retry");
                Meaning::entry(help, "max_retries", json!(retries))
            }
            None => Meaning::rewrite("write `max_retries:` with a number", "max_retries"),
        },
        "backoff" | "delay" | "interval" | "wait" | "initial_delay" | "min_backoff" => key_if(
            value.is_string(),
            "initial_backoff",
            "write `initial_backoff:` with a number and a unit: `1s`",
        ),
        "max_delay" | "max_wait" | "max_interval" => key_if(
            value.is_string(),
            "max_backoff",
            "write `max_backoff:` with a number and a unit: `30s`",
        ),
        "factor" | "multiplier" | "backoff_factor" | "backoff_multiplier" | "exponential"
        | "jitter" | "strategy" => {
            Meaning::advice("remove it: the wait doubles each time, spread at random")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
