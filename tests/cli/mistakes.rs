//! Mistakes that people and models make, one in each plan: what obs says of it, once, where, and
//! the way out.

use serde_json::Value;

use crate::support::{Case, plain_settings};
use crate::validate::apply;

/// A mistake: its name, the file, the text, its one problem (`code line:column message`), the help.
type Mistake = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    ("a missing type", "plan.yaml", "assistant_id: a\nsteps:\n- name: text\n",
        "missing_type 3:9 the step has no `type`, and `text` is a skill",
        "add `type: skill`"),
    ("a missing type of a tool", "plan.yaml", "assistant_id: a\nsteps:\n- name: now\n  skill: builtin.now\n",
        "missing_type 4:10 the step has no `type`, and `builtin.now` is a tool",
        "add `type: tool`"),
    ("a type that is none", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: function}\n",
        "invalid_type 3:22 step 0 has invalid type: function",
        "write `type: skill` or `type: tool`, as the manifest's `kind`"),
    ("a type in capitals", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: Skill}\n",
        "invalid_type 3:22 step 0 has invalid type: Skill",
        "write `type: skill`"),
    ("the type of another kind", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: tool}\n",
        "kind 3:22 `text` is a skill, but the step says `type: tool`",
        "write `type: skill`"),
    ("a misspelled key of the plan", "plan.yaml", "asistant_id: a\nsteps:\n- {name: text, type: skill}\n",
        "unknown_key 1:1 unknown key `asistant_id` in a plan",
        "did you mean `assistant_id`?"),
    ("a misspelled `steps`", "plan.yaml", "assistant_id: a\nstepss:\n- {name: text, type: skill}\n",
        "unknown_key 2:1 unknown key `stepss` in a plan",
        "did you mean `steps`?"),
    ("a misspelled `order`", "plan.yaml", "assistant_id: a\nordr: graph\nsteps:\n- {name: text, type: skill}\n- {name: lines, type: skill, depends_on: [text]}\n",
        "unknown_key 2:1 unknown key `ordr` in a plan",
        "did you mean `order`?"),
    ("a misspelled name", "plan.yaml", "assistant_id: a\nsteps:\n- {nane: text, type: skill}\n",
        "unknown_key 3:4 unknown key `nane` in a step",
        "did you mean `name`?"),
    ("a misspelled name, and no type", "plan.yaml", "assistant_id: a\nsteps:\n- nane: text\n",
        "unknown_key 3:3 unknown key `nane` in a step",
        "did you mean `name`?"),
    ("a misspelled type", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, typ: skill}\n",
        "unknown_key 3:16 unknown key `typ` in a step",
        "did you mean `type`?"),
    ("misspelled arguments", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, argument: {who: x}}\n",
        "unknown_key 3:30 unknown key `argument` in a step",
        "did you mean `arguments`?"),
    ("a misspelled step_id", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: skill, stepid: one}\n- {name: greet, type: skill, arguments: {who: \"{{one}}\"}}\n",
        "unknown_key 3:29 unknown key `stepid` in a step",
        "did you mean `step_id`?"),
    ("`args` for `arguments`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, args: {who: x}}\n",
        "unknown_key 3:30 unknown key `args` in a step",
        "did you mean `arguments`?"),
    ("`input` for `arguments`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, input: {who: x}}\n",
        "unknown_key 3:30 unknown key `input` in a step",
        "did you mean `arguments`?"),
    ("`inputs` for `arguments`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, inputs: {who: x}}\n",
        "unknown_key 3:30 unknown key `inputs` in a step",
        "did you mean `arguments`?"),
    ("`parameters` for `arguments`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, parameters: {who: x}}\n",
        "unknown_key 3:30 unknown key `parameters` in a step",
        "did you mean `arguments`?"),
    ("`params` for `arguments`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, params: {who: x}}\n",
        "unknown_key 3:30 unknown key `params` in a step",
        "did you mean `arguments`?"),
    ("`args` with a list", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, args: [x]}\n",
        "unknown_key 3:30 unknown key `args` in a step",
        "write `arguments: {NAME: VALUE}`, with the names of the skill's arguments"),
    ("`tool` for `name`", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"tool\": \"text\", \"type\": \"skill\"}]}\n",
        "unknown_key 1:34 unknown key `tool` in a step",
        "did you mean `name`?"),
    ("`tool` without a type", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"tool\": \"text\"}]}\n",
        "unknown_key 1:34 unknown key `tool` in a step",
        "did you mean `name`?"),
    ("`tool` beside a name", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"Say it\", \"tool\": \"text\", \"type\": \"skill\"}]}\n",
        "unknown_key 1:52 unknown key `tool` in a step",
        "did you mean `skill`?"),
    ("`id` for `step_id`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: skill, id: one}\n- {name: greet, type: skill, arguments: {who: \"{{one}}\"}}\n",
        "unknown_key 3:29 unknown key `id` in a step",
        "did you mean `step_id`?"),
    ("`id` with a number", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: skill, id: 1}\n",
        "unknown_key 3:29 unknown key `id` in a step",
        "write `step_id:` with a text in quotes, if other steps refer to this one"),
    ("`retries`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: again, type: skill, retries: 3}\n",
        "unknown_key 3:30 unknown key `retries` in a step",
        "write `retry: {max_retries: 3}`"),
    ("`max_attempts`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: again, type: skill, max_attempts: 3}\n",
        "unknown_key 3:30 unknown key `max_attempts` in a step",
        "write `retry: {max_retries: 2}`: the first attempt is no retry"),
    ("`retry` with a number", "plan.yaml", "assistant_id: a\nsteps:\n- {name: again, type: skill, retry: 3}\n",
        "wrong_type 3:37 `retry` must be a mapping, found the number 3",
        "write `retry: {max_retries: 3}`"),
    ("`needs` in a sequence", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: skill}\n- {name: lines, type: skill, needs: [text]}\n",
        "unknown_key 4:30 unknown key `needs` in a step",
        "did you mean `depends_on`, with `order: graph` in the plan?"),
    ("`depends` in a graph", "plan.yaml", "assistant_id: a\norder: graph\nsteps:\n- {name: text, type: skill}\n- {name: lines, type: skill, depends: [text]}\n",
        "unknown_key 5:30 unknown key `depends` in a step",
        "did you mean `depends_on`?"),
    ("`depends_on` with a text", "plan.yaml", "assistant_id: a\norder: graph\nsteps:\n- {name: text, type: skill}\n- {name: lines, type: skill, depends_on: text}\n",
        "wrong_type 5:42 `depends_on` must be a list, found text",
        "write it in brackets: `[text]`"),
    ("`if`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: x}, if: \"{{x}}\"}\n",
        "unknown_key 3:51 unknown key `if` in a step",
        "write `when: [{value: \"{{step.field}}\", const: true}]`: a list of conditions"),
    ("`foreach`", "plan.yaml", "assistant_id: a\ntimeout: 1h\nsteps:\n- {name: greet, type: skill, arguments: {who: x}, foreach: [1, 2]}\n",
        "unknown_key 4:51 unknown key `foreach` in a step",
        "did you mean `for_each`?"),
    ("`timeout_seconds`", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: x}, timeout_seconds: 30}\n",
        "unknown_key 3:51 unknown key `timeout_seconds` in a step",
        "write `timeout: 30s`"),
    ("`timeout` without a unit", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: x}, timeout: 30}\n",
        "duration 3:60 `timeout` is the bare number 30: a duration has a unit",
        "write `30s` for seconds or `30ms` for milliseconds"),
    ("`description` of a step", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: x}, description: Says hello}\n",
        "unknown_key 3:51 unknown key `description` in a step",
        "obs has no use for it: name it `x-description`, as all keys of your own"),
    ("`command` in a step", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: x}, command: [echo]}\n",
        "unknown_key 3:51 unknown key `command` in a step",
        "a plan calls skills: the command is a part of a skill's manifest (`obs skills new`)"),
    ("`output` of a step", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: x}, save_as: x}\n",
        "unknown_key 3:51 unknown key `save_as` in a step",
        "a later step takes the output as `{{NAME}}`, with the name or the `step_id` of this step"),
    ("`tasks` for `steps`", "plan.yaml", "assistant_id: a\ntasks:\n- {name: text, type: skill}\n",
        "unknown_key 2:1 unknown key `tasks` in a plan",
        "did you mean `steps`?"),
    ("a plan in `plan`", "plan.json", "{\"plan\": {\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]}}\n",
        "wrapped 1:2 the plan is inside `plan`",
        "write what `plan` holds as the whole file: `assistant_id`, `steps` and so on"),
    ("a plan in `execution_plan` beside others", "plan.json", "{\"thought\": \"x\", \"execution_plan\": {\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]}}\n",
        "wrapped 1:18 the plan is inside `execution_plan`",
        "move what `execution_plan` holds to the top of the file, where `steps` belongs"),
    ("a list of steps", "plan.json", "[{\"name\": \"text\", \"type\": \"skill\"}]\n",
        "no_steps 1:1 this is a list, and a plan is a mapping with a list of steps",
        "write `{\"assistant_id\": \"…\", \"steps\": […]}` around the list"),
    ("a list of steps in YAML", "plan.yaml", "- name: text\n  type: skill\n",
        "no_steps 1:1 this is a list, and a plan is a mapping with a list of steps",
        "write `steps:` in a line above the list"),
    ("a single step", "plan.json", "{\"name\": \"greet\", \"type\": \"skill\", \"arguments\": {\"who\": \"x\"}}\n",
        "no_steps 1:1 this is a step, and a plan is a mapping with a list of them",
        "write `{\"assistant_id\": \"…\", \"steps\": […]}` around it"),
    ("steps that are one step", "plan.json", "{\"assistant_id\": \"a\", \"steps\": {\"name\": \"text\", \"type\": \"skill\"}}\n",
        "wrong_type 1:32 `steps` must be a list, found a mapping",
        "write the step in brackets, as a list of one: `[…]`"),
    ("steps by name", "plan.yaml", "assistant_id: a\nsteps:\n  text: {type: skill}\n",
        "wrong_type 3:3 `steps` must be a list, found a mapping",
        "write a list with one `- name: …` for each step"),
    ("steps that are texts", "plan.yaml", "assistant_id: a\nsteps: [text]\n",
        "wrong_type 2:9 a step must be a mapping, found text",
        "write `{name: …, type: skill}` with the id of the skill as the name"),
    ("no steps", "plan.yaml", "assistant_id: a\nsteps: []\n",
        "no_steps 2:8 plan must have at least one step",
        "add one: `steps: [{name: core/fetch, type: skill}]`"),
    ("steps without a value", "plan.yaml", "assistant_id: a\nsteps:\n",
        "no_steps 2:6 plan must have at least one step",
        "add one: `steps: [{name: core/fetch, type: skill}]`"),
    ("null", "plan.json", "null\n",
        "wrong_type 1:1 a plan must be a mapping, found null",
        "write `key: value` entries"),
    ("a plan in quotes", "plan.json", "\"{\\\"assistant_id\\\": \\\"a\\\", \\\"steps\\\": [{\\\"name\\\": \\\"text\\\", \\\"type\\\": \\\"skill\\\"}]}\"\n",
        "wrapped 1:1 the plan is in quotes: the file holds a text",
        "write the plan itself, without the quotes around it"),
    ("arguments in a list", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: [x]}\n",
        "wrong_type 3:41 `arguments` must be a mapping, found a list",
        "write `{NAME: VALUE}`, with the names of the skill's arguments"),
    ("arguments in brackets", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: [{who: x}]}\n",
        "wrong_type 3:41 `arguments` must be a mapping, found a list",
        "remove the brackets around it"),
    ("arguments as JSON in a text", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"greet\", \"type\": \"skill\", \"arguments\": \"{\\\"who\\\": \\\"x\\\"}\"}]}\n",
        "wrong_type 1:81 `arguments` must be a mapping, found text",
        "write the mapping itself, not a text that holds it"),
    ("a list where a text belongs", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: [x]}}\n",
        "arguments 3:47 `who` must be text, found a list",
        "write \"x\""),
    ("a number where a text belongs", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: 5}}\n",
        "arguments 3:47 `who` must be text, found a number",
        "write \"5\""),
    ("a boolean where a text belongs", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: true}}\n",
        "arguments 3:47 `who` must be text, found a boolean",
        "write \"true\""),
    ("a text where a number belongs", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: x, count: \"3\"}}\n",
        "arguments 3:57 `count` must be a whole number, found text",
        "write 3"),
    ("a missing argument", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill}\n",
        "arguments 3:3 `arguments` must have the key `who`",
        "add `who:`"),
    ("a misspelled argument", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: x, cuont: 3}}\n",
        "arguments 3:50 unknown key `cuont` in `arguments`",
        "did you mean `count`?"),
    ("an argument beside `arguments`", "plan.yaml", "assistant_id: a\nsteps:\n- name: greet\n  type: skill\n  arguments:\n  who: x\n",
        "unknown_key 6:3 unknown key `who` in a step",
        "indent it further than `arguments:` if it is one of them"),
    ("`true` as a name", "plan.yaml", "assistant_id: a\nsteps:\n- {name: true, type: skill}\n",
        "wrong_type 3:10 `name` must be text, found a boolean",
        "quote it: \"true\""),
    ("an unknown skill", "plan.yaml", "assistant_id: a\nsteps:\n- {name: txet, type: skill}\n",
        "unknown_skill 3:10 unknown skill `txet`",
        "did you mean `text`?"),
    ("an unknown skill like no other", "plan.yaml", "assistant_id: a\nsteps:\n- {name: nobody/has-this, type: skill}\n",
        "unknown_skill 3:10 unknown skill `nobody/has-this`",
        "`obs skills list` lists the skills; `--skills DIR` adds more"),
    ("two steps of one step_id", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: skill, step_id: x}\n- {name: lines, type: skill, step_id: x}\n",
        "duplicate_step_id 4:39 the step_id `x` is taken by step 0",
        "step_ids are unique; choose another"),
    ("a cycle", "plan.yaml", "assistant_id: a\norder: graph\nsteps:\n- {name: text, type: skill, depends_on: [lines]}\n- {name: lines, type: skill, depends_on: [text]}\n",
        "cycle 4:42 the steps depend on each other in a cycle: `text` → `lines` → `text`",
        "remove one of these dependencies"),
    ("a reference to a misspelled step", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: skill}\n- {name: greet, type: skill, arguments: {who: \"{{txt}}\"}}\n",
        "unknown_step 4:47 `{{txt}}` doesn't start with a step name",
        "did you mean `{{text}}`?"),
    ("a reference like the step itself", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: \"{{gret.output}}\"}}\n",
        "unknown_step 3:47 `{{gret.output}}` doesn't start with a step name",
        "write `{{name.field}}` with the name or the step_id of a step that has ended by then, or `{{{{` for two braces"),
    ("a line comment", "plan.json", "{\n  // note\n  \"assistant_id\": \"a\",\n  \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]\n}\n",
        "syntax 2:3 invalid JSON: a comment",
        "remove it: JSON has no comments; a key that begins with `x-` may hold a note"),
    ("a block comment", "plan.json", "{\n  \"assistant_id\": \"a\", /* note */\n  \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]\n}\n",
        "syntax 2:24 invalid JSON: a comment",
        "remove it: JSON has no comments; a key that begins with `x-` may hold a note"),
    ("a comment with #", "plan.json", "{\n  \"assistant_id\": \"a\", # note\n  \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]\n}\n",
        "syntax 2:24 invalid JSON: a comment",
        "remove it: JSON has no comments; a key that begins with `x-` may hold a note"),
    ("a trailing comma", "plan.json", "{\n  \"assistant_id\": \"a\",\n  \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}],\n}\n",
        "syntax 3:47 invalid JSON: a trailing comma",
        "remove the comma: nothing follows it"),
    ("single quotes", "plan.json", "{\n  'assistant_id': 'a'\n}\n",
        "syntax 2:3 invalid JSON: single quotes",
        "write `\"…\"`: JSON has double quotes only; in Python `json.dumps` writes them"),
    ("typographic quotes", "plan.json", "{\n  “assistant_id”: “a”\n}\n",
        "syntax 2:3 invalid JSON: typographic quotes",
        "write `\"…\"`: JSON has the plain quote `\"` only"),
    ("a key without quotes", "plan.json", "{\n  assistant_id: \"a\"\n}\n",
        "syntax 2:3 invalid JSON: the key `assistant_id` is not in quotes",
        "write `\"assistant_id\"`"),
    ("a word of Python", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\", \"continue_on_error\": True}]}\n",
        "syntax 1:88 invalid JSON: `True` is not a word of JSON",
        "write `true`"),
    ("NaN", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\", \"arguments\": {\"x\": NaN}}]}\n",
        "syntax 1:86 invalid JSON: `NaN` is not a number in JSON",
        "write another number, or `null`"),
    ("a huge number", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\", \"arguments\": {\"x\": 1e999}}]}\n",
        "number 1:86 the number `1e999` is too large",
        "the largest number is about 1.8e308"),
    ("a missing comma", "plan.json", "{\n  \"assistant_id\": \"a\"\n  \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]\n}\n",
        "syntax 2:22 invalid JSON: a `,` is missing",
        "write `,` after this value"),
    ("an unclosed brace", "plan.json", "{\n  \"assistant_id\": \"a\",\n  \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]\n",
        "syntax 1:1 invalid JSON: the `{` is not closed",
        "write `}` at the end, or the rest, if the text was cut off"),
    ("an unclosed quote", "plan.json", "{\n  \"assistant_id\": \"a,\n  \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]\n}\n",
        "syntax 2:19 invalid JSON: a text has no closing `\"`",
        "write `\"` at its end; a line break inside a text is written `\\n`"),
    ("a quote in a text", "plan.json", "{\"assistant_id\": \"say \"a\"\", \"steps\": []}\n",
        "syntax 1:23 invalid JSON: a `\"` inside a text",
        "write `\\\"` for a quote in a text"),
    ("a backslash", "plan.json", "{\"assistant_id\": \"C:\\dir\", \"steps\": []}\n",
        "syntax 1:21 invalid JSON: `\\d` is not an escape",
        "write `\\\\` for a backslash"),
    ("something left out", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}, ...]}\n",
        "syntax 1:68 invalid JSON: `...` stands for something left out",
        "write what belongs here, or remove it"),
    ("two documents in JSON", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]}\n{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]}\n",
        "two_documents 2:1 a second document starts here",
        "a file holds one document; remove it or put it into its own file"),
    ("a duplicate key", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\", \"name\": \"lines\"}]}\n",
        "duplicate_key 1:67 duplicate key `name`",
        "first defined on line 1; keep one of the two, or merge them"),
    ("a text with a colon", "plan.yaml", "assistant_id: a\nreasoning: First: look\nsteps:\n- {name: text, type: skill}\n",
        "syntax 2:12 invalid YAML: a text with `: ` in it is not in quotes",
        "put the value of `reasoning` in quotes: `reasoning: \"…\"`"),
    ("a key that is indented too little", "plan.yaml", "assistant_id: a\nsteps:\n  - name: text\n   type: skill\n",
        "syntax 4:1 invalid YAML: bad indentation: 3 spaces",
        "indent it by 4 spaces, as `name` in line 3"),
    ("a key that is indented too much", "plan.yaml", "assistant_id: a\nsteps:\n  - name: text\n      type: skill\n",
        "syntax 4:1 invalid YAML: bad indentation: 6 spaces",
        "indent it by 4 spaces, as `name` in line 3"),
    ("an item that is indented too little", "plan.yaml", "assistant_id: a\nsteps:\n  - name: text\n    type: skill\n - name: text\n   type: skill\n",
        "syntax 5:1 invalid YAML: bad indentation: 1 space",
        "indent it by 2 spaces, as the `-` in line 3"),
    ("a tab", "plan.yaml", "assistant_id: a\nsteps:\n- name: text\n\ttype: skill\n",
        "syntax 4:1 invalid YAML: a tab in the indentation",
        "indent with spaces: YAML allows no tabs in the indentation"),
    ("no space after a colon", "plan.yaml", "assistant_id: a\nsteps:\n- name:text\n  type: skill\n",
        "syntax 3:7 invalid YAML: a space is missing after a `:`",
        "write a space after the `:`"),
    ("an unclosed bracket", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: skill\n",
        "syntax 3:3 invalid YAML: the `{` is not closed",
        "write `}` where it ends"),
    ("an unclosed quote in YAML", "plan.yaml", "assistant_id: a\nreasoning: \"Look\nsteps:\n- {name: text, type: skill}\n",
        "syntax 2:12 invalid YAML: a quote is not closed",
        "close it where the text ends"),
    ("a text that begins with a star", "plan.yaml", "assistant_id: a\nreasoning: *everything*\nsteps:\n- {name: text, type: skill}\n",
        "syntax 2:12 invalid YAML: a text that begins with `*` is not in quotes",
        "put it in quotes: `\"…\"`"),
    ("two documents", "plan.yaml", "assistant_id: a\nsteps:\n- {name: text, type: skill}\n---\nassistant_id: a\n",
        "two_documents 4:1 a second document starts here",
        "a file holds one document; remove the `---` or put the rest into its own file"),
    ("a reference without quotes", "plan.yaml", "assistant_id: a\nsteps:\n- {name: greet, type: skill, arguments: {who: {{text}}}}\n",
        "key 3:47 `{{` without quotes starts a mapping",
        "put a reference in quotes: `\"{{name.field}}\"`"),
    ("an empty file", "plan.yaml", "",
        "empty_file 1:1 the file is empty",
        "write `key: value` entries, or give another file"),
    ("a comment alone", "plan.yaml", "# nothing yet\n",
        "empty_file 1:1 the file holds no data",
        "write `key: value` entries, or give another file"),
    ("a code fence", "plan.yaml", "```yaml\nassistant_id: a\nsteps:\n- {name: text, type: skill}\n```\n",
        "fenced 1:1 the plan is in a code fence",
        "keep lines 2 to 4: remove the fence (lines 1 and 5)"),
    ("a code fence after text", "plan.yaml", "Here is the plan:\n\n- it looks\n- it acts\n\n```yaml\nassistant_id: a\nsteps:\n- {name: text, type: skill}\n```\nGood luck!\n",
        "fenced 6:1 the plan is in a code fence, with text around it",
        "keep lines 7 to 9 only: remove the fence (lines 6 and 10) and the text around it"),
    ("several code fences", "plan.yaml", "First:\n~~~sh\nls\n~~~\nThen:\n~~~yaml\nassistant_id: a\nsteps:\n- {name: text, type: skill}\n~~~\n",
        "fenced 6:1 the file holds 2 code fences, with the plan in one of them",
        "keep lines 7 to 9 only: remove the fence (lines 6 and 10) and the text around it"),
    ("text after the plan", "plan.json", "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}]}\n\nThat is all.\n",
        "fenced 3:1 there is text after the plan",
        "remove line 3"),
    ("CRLF", "plan.yaml", "assistant_id: a\r\nsteps:\r\n- {name: text, type: skill}\r\n- {nane: text, type: skill}\r\n",
        "unknown_key 4:4 unknown key `nane` in a step",
        "did you mean `name`?"),
    ("CRLF in JSON", "plan.json", "{\r\n  \"assistant_id\": \"a\",\r\n  \"steps\": [{\"name\": \"text\", \"type\": \"skill\"}],\r\n}\r\n",
        "syntax 3:47 invalid JSON: a trailing comma",
        "remove the comma: nothing follows it"),
];

/// The skills that the plans call.
fn case() -> Case {
    let skill = |id: &str, more: &str| {
        (
            format!("skills/{id}/manifest.yaml"),
            format!("description: d\nexecution: {{command: [cat]{more}"),
        )
    };
    let greet = "}\ninput_schema:\n  properties: {who: {type: string}, count: {type: integer}}\n\
                 \x20 required: [who]\n  additionalProperties: false\n";
    [
        skill("greet", greet),
        skill("text", ", output: text}\n"),
        skill("lines", ", output: lines}\n"),
        skill("again", "}\nidempotent: true\n"),
    ]
    .into_iter()
    .fold(Case::new(), |case, (path, text)| case.file(&path, text))
}

#[test]
fn each_mistake_is_told_once_with_its_place_and_the_way_out() {
    assert!(MISTAKES.len() >= 26, "{}", MISTAKES.len());
    let mut failures = Vec::new();
    let mut case = case();
    for (name, file, text, problem, help) in MISTAKES {
        case = case.file(file, *text);
        let output = case.run(&["validate", file, "--format", "json", "--strict"]);
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("problems");
        let word =
            |problem: &Value, key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let shown: Vec<String> = found
            .iter()
            .map(|problem| {
                let (line, column) = (&problem["line"], &problem["column"]);
                let (code, message) = (word(problem, "code"), word(problem, "message"));
                format!("{code} {line}:{column} {message}")
            })
            .collect();
        let helps: Vec<String> = found.iter().map(|problem| word(problem, "help")).collect();
        if shown != [*problem] || helps != [*help] || output.code != 65 {
            let code = output.code;
            failures.push(format!(
                "{name}: exit {code}, {shown:#?}, {helps:#?}\n{text}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn each_fix_mends_its_mistake() {
    let check = |case: &Case, file: &str| -> Vec<Value> {
        let output = case.run(&["validate", file, "--format", "json", "--strict"]);
        serde_json::from_slice(&output.stdout).expect("problems")
    };
    let mut case = case();
    let (mut mended, mut clean) = (0, 0);
    for (name, file, text, ..) in MISTAKES {
        case = case.file(file, *text);
        let found = check(&case, file);
        let problem = &found[0];
        if problem["fix"].is_null() {
            continue;
        }
        let source = obs::Source::from_bytes((*file).to_owned(), text.as_bytes().to_vec()).unwrap();
        let mut document = obs::internal::Document::parse(source).0.value;
        apply(&mut document, &problem["fix"]);
        case = case.file("mended.json", document.to_string());
        let found = check(&case, "mended.json");
        let is_same = |other: &Value| {
            other["code"] == problem["code"] && other["pointer"] == problem["pointer"]
        };
        assert!(!found.iter().any(is_same), "{name}: {found:?}");
        mended += 1;
        clean += usize::from(found.is_empty());
    }
    assert!(mended >= 30, "{mended}");
    // In the others something else is wrong that a fix does not decide.
    assert!(mended - clean <= 4, "{clean} of {mended}");
}

#[test]
fn the_mistakes_as_a_person_sees_them() {
    let mut case = case();
    let mut all = String::new();
    for (name, file, text, ..) in MISTAKES {
        case = case.file(file, *text);
        let output = case.run(&["validate", file]);
        assert!(!output.stdout().contains(['\r', '\u{fffd}']), "{name}");
        all.extend([format!("# {name}\n{}\n", output.stdout().trim_end())]);
    }
    plain_settings().bind(|| insta::assert_snapshot!(all));
}

#[test]
fn a_text_that_is_not_utf8_has_its_place_too() {
    for (bytes, place, help) in [
        (
            &b"assistant_id: a\nreasoning: caf\xe9\n"[..],
            "2:15",
            "save the file as UTF-8",
        ),
        (
            &b"\xff\xfe{\0}\0"[..],
            "1:1",
            "the file is UTF-16: save it as UTF-8",
        ),
    ] {
        let case = case().file("plan.yaml", bytes);
        let output = case.run(&["validate", "plan.yaml"]).expect_code(65);
        let want = [
            format!(" --> plan.yaml:{place}"),
            format!("  = help: {help}"),
        ];
        let text = output.stdout();
        let lines: Vec<&str> = text.lines().skip(1).take(2).collect();
        assert_eq!(lines, want, "{text}");
        let args = ["validate", "plan.yaml", "--format", "json"];
        let found: Vec<Value> = serde_json::from_slice(&case.run(&args).stdout).unwrap();
        assert_eq!(
            format!("{}:{}", found[0]["line"], found[0]["column"]),
            place
        );
        assert_eq!(found.len(), 1);
    }
    // A byte order mark of UTF-8 is no mistake.
    let plan = "\u{feff}assistant_id: a\nsteps:\n- {name: text, type: skill}\n";
    let case = case().file("plan.yaml", plan);
    case.run(&["validate", "plan.yaml", "--strict"])
        .expect_code(0);
}

#[test]
fn a_missing_type_is_filled_in() {
    let case = case().file(
        "plan.yaml",
        "assistant_id: a\nsteps:\n- name: builtin.now\n- name: lines\n",
    );
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    let types: Vec<Value> = output
        .records()
        .iter()
        .map(|record| record["step_type"].clone())
        .collect();
    assert_eq!(types, ["tool", "skill"]);
    let told = output.stderr().matches("the step has no `type`").count();
    assert_eq!(told, 2, "{}", output.whole());
    case.run(&["run", "plan.yaml", "--strict"]).expect_code(65);
    // A fallback is of the same kind, also where only the skill says it.
    let case = case.file(
        "plan.yaml",
        "assistant_id: a\nsteps:\n- {name: again, retry: {fallback: builtin.now}}\n",
    );
    let output = case.run(&["validate", "plan.yaml"]).expect_code(65);
    let want = "`builtin.now` is a tool, but the step says `type: skill`";
    assert!(output.stdout().contains(want), "{}", output.whole());
}

#[test]
fn no_secret_is_shown_that_stands_in_the_wrong_place() {
    let skill = "description: d\nexecution: {command: [cat]}\n\
                 input_schema: {properties: {token: {type: string, writeOnly: true}, n: {type: integer}}}\n";
    let call = "name: login, type: skill";
    for plan in [
        format!("assistant_id: a\nsteps: [{{{call}, args: {{token: s3cret, n: x}}}}]\n"),
        format!("assistant_id: a\nstepss: [{{{call}, arguments: {{token: s3cret, n: x}}}}]\n"),
        format!("assistant_id: a\ntasks: [{{{call}, input: {{token: s3cret, n: x}}}}]\n"),
        "assistant_id: a\nsteps: [{nane: login, args: {token: s3cret}, n: x}]\n".to_owned(),
        format!("assistant_id: a\nsteps: [{{{call}, arguments: [token, s3cret]}}]\n"),
        format!("assistant_id: a\nsteps: [{{{call}, arguments: '{{\"token\": \"s3cret\"}}'}}]\n"),
        format!("assistant_id: a\nsteps: [{{{call}, args: s3cret}}]\n"),
        format!("assistant_id: a\nsteps: [{{{call}, note: s3cret}}]\n"),
        format!("assistant_id: a\nsteps: [{{{call}, metadata: {{token: s3cret}}}}]\n"),
        format!("assistant_id: a\nsteps: [{{{call}, needs: s3cret, retries: s3cret}}]\n"),
        format!("plan: {{steps: [{{{call}, arguments: {{token: s3cret}}}}]}}\n"),
        format!("x: 1\ndata: {{plan: {{steps: [{{{call}, arguments: {{token: s3cret}}}}]}}}}\n"),
        format!("[{{{call}, arguments: {{token: s3cret}}}}]\n"),
        format!("{{{call}, arguments: {{token: s3cret}}}}\n"),
        format!("{{{call}, token: s3cret}}\n"),
        format!("assistant_id: a\nsteps: {{{call}, arguments: {{token: s3cret}}}}\n"),
        "assistant_id: a\nsteps: {login: {arguments: {token: s3cret}}}\n".to_owned(),
        "\"{'steps': [{'arguments': {'token': 's3cret'}}]}\"\n".to_owned(),
    ] {
        let case = Case::new()
            .file("skills/login/manifest.yaml", skill)
            .file("plan.yaml", plan.as_str());
        for format in ["table", "json", "jsonl", "github"] {
            let output = case
                .run(&["validate", "plan.yaml", "--format", format])
                .expect_code(65);
            assert!(
                !output.whole().contains("s3cret"),
                "{plan}{}",
                output.whole()
            );
        }
        let output = case.run(&["run", "plan.yaml"]).expect_code(65);
        assert!(
            !output.whole().contains("s3cret"),
            "{plan}{}",
            output.whole()
        );
    }
}
