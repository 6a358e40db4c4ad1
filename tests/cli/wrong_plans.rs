//! Every rule about the flow of a plan, once broken and once kept: what is said, where, and its
//! code.

use serde_json::{Value, json};

use crate::support::Case;

/// A rule: a plan that breaks it, its one problem (`code line:column message`), a part of the
/// help, and the corrected plan.
pub(crate) struct Rule {
    pub(crate) wrong: &'static str,
    pub(crate) problem: &'static str,
    pub(crate) help: &'static str,
    pub(crate) right: &'static str,
}

/// The skills that the plans call.
fn case() -> Case {
    let skill = |execution: &str, more: &str| {
        format!("description: d\nversion: 1.0.0\nexecution: {execution}\n{more}")
    };
    Case::new()
        .file(
            "skills/fetch/manifest.yaml",
            skill(
                "{command: [cat]}",
                "output_schema:\n  type: object\n  additionalProperties: false\n  properties:\n\
                 \x20   body: {type: string}\n    size: {type: integer}\n    list: {type: array, items: {type: string}}\n\
                 \x20   head: {type: object, properties: {date: {type: string}}}\nidempotent: true\n",
            ),
        )
        .file(
            "skills/files/manifest.yaml",
            skill(
                "{command: [cat]}",
                "output_schema:\n  additionalProperties: false\n  properties:\n    a.html: {}\n",
            ),
        )
        .file("skills/text/manifest.yaml", skill("{command: [cat], output: text}", ""))
        .file("skills/lines/manifest.yaml", skill("{command: [cat], output: lines}", ""))
        .file(
            "skills/use/manifest.yaml",
            skill(
                "{command: [cat]}",
                "input_schema:\n  additionalProperties: false\n  required: [text]\n  properties:\n\
                 \x20   text: {type: string}\n    count: {type: integer}\n    many: {type: array, maxItems: 2}\n\
                 \x20   token: {writeOnly: true}\n    any: {}\n",
            ),
        )
        .file("skills/spread/manifest.yaml", skill("{command: [echo, \"{{words...}}\"], stdin: none}", ""))
}

const RULES: &[Rule] = &[
    // References: their form.
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body\"}}\n",
        problem: "reference 4:46 a `{{` is not closed by `}}`",
        help: "`{{{{` for two braces",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{{{fetch.body\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: use, type: skill, arguments: {text: \"a {{ }} b\"}}\n",
        problem: "reference 3:46 empty reference `{{ }}`",
        help: "`references: false`",
        right: "steps:\n- {name: use, type: skill, references: false, arguments: {text: \"a {{ }} b\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.list[0]}}\"}}\n",
        problem: "reference 4:46 `{{fetch.list[0]}}` is not a name followed by fields",
        help: "did you mean `{{fetch.list.0}}`?",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.list.0}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: {{fetch.body}} }}\n",
        problem: "key 4:46 `{{` without quotes starts a mapping",
        help: "put a reference in quotes",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\" }}\n",
    },
    // References: what they mean.
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{steps.fetch.output.body}}\"}}\n",
        problem: "unknown_step 4:46 `{{steps.fetch.output.body}}` doesn't start with a step name",
        help: "did you mean `{{fetch.body}}`?",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{ftech.body}}\"}}\n",
        problem: "unknown_step 4:46 `{{ftech.body}}` doesn't start with a step name",
        help: "did you mean `{{fetch.body}}`?",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{ fetch.body }}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, any: [{deep: \"{{nobody.x}}\"}]}}\n",
        problem: "unknown_step 4:62 `{{nobody.x}}` doesn't start with a step name",
        help: "`{{name.field}}`",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, any: [{deep: \"{{fetch}}\"}]}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n",
        problem: "ambiguous_step 5:46 `fetch` can mean step 0 or step 1",
        help: "give each of them a `step_id`",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: fetch, step_id: second, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{second.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, step_id: fetch, type: skill, arguments: {text: x}}\n",
        problem: "duplicate_step_id 4:24 the step_id `fetch` is also the name of step 0",
        help: "is unambiguous",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, step_id: other, type: skill, arguments: {text: x}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: use, type: skill, arguments: {text: \"{{item.x}}\"}}\n",
        problem: "no_item 3:46 `{{item.x}}` has a value only in a step with `for_each`",
        help: "add `for_each:`",
        right: "steps:\n- {name: use, type: skill, arguments: {text: \"${{item.x}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: use, step_id: inputs, type: skill, arguments: {text: x}}\n",
        problem: "step_id 3:24 the step_id `inputs` is a reserved word",
        help: "another step_id",
        right: "steps:\n- {name: use, step_id: input, type: skill, arguments: {text: x}}\n",
    },
    // References: when they mean it.
    Rule {
        wrong: "steps:\n- {name: use, type: skill, arguments: {text: \"{{use.x}}\"}}\n",
        problem: "own_output 3:46 `{{use.x}}` refers to the output of this step itself",
        help: "another step",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n- {name: fetch, type: skill}\n",
        problem: "later_step 3:46 `{{fetch.body}}` refers to the output of a later step",
        help: "move step 1 before this one",
        right: "order: graph\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n- {name: fetch, type: skill}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, parallel_group: g}\n- {name: use, type: skill, parallel_group: g, arguments: {text: \"{{fetch.body}}\"}}\n",
        problem: "sibling_step 4:65 `{{fetch.body}}` refers to the output of a step of the same group",
        help: "run together",
        right: "steps:\n- {name: fetch, type: skill, parallel_group: g}\n- {name: use, type: skill, parallel_group: g, parallelizable: false, arguments: {text: \"{{fetch.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, continue_on_error: true}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n",
        problem: "may_be_missing 4:46 `{{fetch.body}}` has no value when `fetch` fails, which the plan allows",
        help: "obs then skips this step",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, continue_on_error: true, arguments: {text: \"{{fetch.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, continue_on_error: true}\n- {name: text, type: skill, references: false}\n\
                - {name: lines, type: skill}\n- {name: use, type: skill, arguments: {text: x, any: \"{{fetch}}\"}}\n",
        problem: "may_be_missing 6:54 `{{fetch}}` has no value when `fetch` fails, which the plan allows",
        help: "obs then skips this step",
        right: "order: graph\nsteps:\n- {name: fetch, type: skill, continue_on_error: true}\n- {name: use, type: skill, depends_on: [fetch], arguments: {text: x}}\n",
    },
    // References that may be null.
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"a {{fetch.body?}}\"}}\n",
        problem: "reference 4:46 `{{fetch.body?}}` may be null, so it can't be a part of a longer text",
        help: "write `{{fetch.body}}`",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, any: \"{{fetch.body?}}\"}}\n",
    },
    Rule {
        wrong: "inputs: {i: {default: {}}}\nsteps:\n- {name: use, type: skill, arguments: {text: x, any: \" {{inputs.i.x?}}\"}}\n",
        problem: "reference 4:54 `{{inputs.i.x?}}` may be null, so it can't be a part of a longer text",
        help: "make it the whole argument",
        right: "inputs: {i: {default: {}}}\nsteps:\n- {name: use, type: skill, arguments: {text: x, any: \"{{inputs.i.x?}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.bdy?}}\"}}\n",
        problem: "unknown_field 4:46 `{{fetch.bdy?}}` asks for `bdy`, which does not exist",
        help: "did you mean `{{fetch.body}}`?",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n",
    },
    // References: the schemas on both sides.
    Rule {
        wrong: "steps:\n- {name: files, type: skill}\n- {name: use, type: skill, arguments: {text: x, any: \"{{files.a.html.size}}\"}}\n",
        problem: "unknown_field 4:54 `{{files.a.html.size}}` asks for `a`, which does not exist",
        help: "did you mean `{{files[\"a.html\"].size}}`?",
        right: "steps:\n- {name: files, type: skill}\n- {name: use, type: skill, arguments: {text: x, any: '{{files[\"a.html\"].size}}'}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.bdy}}\"}}\n",
        problem: "unknown_field 4:46 `{{fetch.bdy}}` asks for `bdy`, which does not exist",
        help: "did you mean `{{fetch.body}}`?",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.output.body}}\"}}\n",
        problem: "unknown_field 4:46 `{{fetch.output.body}}` asks for `output`, which does not exist",
        help: "did you mean `{{fetch.body}}`?",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body.x}}\"}}\n",
        problem: "unknown_field 4:46 `{{fetch.body.x}}` asks for `x` of what is text",
        help: "write `{{fetch.body}}`",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, any: \"{{fetch.head.date}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: text, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{text.body}}\"}}\n",
        problem: "unknown_field 4:46 `{{text.body}}` asks for `body` of what is text",
        help: "write `{{text}}`",
        right: "steps:\n- {name: text, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{text}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: lines, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{lines.first}}\"}}\n",
        problem: "unknown_field 4:46 `{{lines.first}}` asks for `first` of what is a list",
        help: "write `{{lines}}`",
        right: "steps:\n- {name: lines, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{lines.0}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: text, type: skill, output_schema: {type: string}}\n- {name: use, type: skill, arguments: {text: x, count: \"{{text}}\"}}\n",
        problem: "reference_type 4:56 `count` must be an integer, but `{{text}}` is text",
        help: "obs skills show use",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, count: \"{{fetch.size}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.size}}\"}}\n",
        problem: "reference_type 4:46 `text` must be text, but `{{fetch.size}}` is an integer",
        help: "obs skills show use",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.size}} bytes\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, count: \"n {{fetch.size}}\"}}\n",
        problem: "reference_type 4:59 `count` must be an integer, but `{{fetch.size}}` is text",
        help: "obs skills show use",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, count: \"{{fetch.size}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.head.dat}}\"}}\n",
        problem: "doubtful_field 4:46 `{{fetch.head.dat}}` asks for `dat`, which is not in the schema",
        help: "did you mean `{{fetch.head.date}}`?",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, any: \"{{fetch.head.other}}\"}}\n",
    },
    // Arguments beside references.
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {txt: \"{{fetch.body}}\"}}\n",
        problem: "arguments 4:40 unknown key `txt` in `arguments`",
        help: "did you mean `text`?",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {any: \"{{fetch.body}}\"}}\n",
        problem: "arguments 4:39 `arguments` must have the key `text`",
        help: "add `text:`",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: y, any: \"{{fetch.body}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, many: [1, \"{{fetch}}\", 3]}}\n",
        problem: "arguments 4:55 `many` must have at most 2 items",
        help: "obs skills show use",
        right: "steps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, many: [1, \"{{fetch}}\"]}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: spread, type: skill, arguments: {words: [\"-rf\"]}}\n",
        problem: "arguments 3:50 the argument `words` begins with `-` and would be read as an option",
        help: "another value",
        right: "steps:\n- {name: lines, type: skill}\n- {name: spread, type: skill, arguments: {words: \"{{lines}}\"}}\n",
    },
    // Order.
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: text, type: skill, depends_on: [fetch]}\n",
        problem: "order 4:29 `depends_on` has no effect in a sequence",
        help: "write `order: graph`",
        right: "order: graph\nsteps:\n- {name: fetch, type: skill}\n- {name: text, type: skill, depends_on: [fetch]}\n",
    },
    Rule {
        wrong: "order: graph\nsteps:\n- {name: fetch, type: skill, parallel_group: g}\n",
        problem: "order 4:46 `parallel_group` has no effect in a graph",
        help: "leave it out",
        right: "steps:\n- {name: fetch, type: skill, parallel_group: g}\n",
    },
    Rule {
        wrong: "order: graph\nsteps:\n- {name: fetch, type: skill, parallelizable: false}\n",
        problem: "order 4:30 `parallelizable` has no effect in a graph",
        help: "depends_on",
        right: "order: graph\nsteps:\n- {name: fetch, type: skill, parallelizable: true}\n",
    },
    Rule {
        wrong: "order: grpah\nsteps:\n- {name: fetch, type: skill}\n",
        problem: "wrong_value 2:8 `order` can't be `grpah`",
        help: "did you mean `graph`?",
        right: "order: graph\nsteps:\n- {name: fetch, type: skill}\n",
    },
    Rule {
        wrong: "order: graph\nsteps:\n- {name: fetch, type: skill}\n- {name: text, type: skill, depends_on: [fetch, ftch]}\n",
        problem: "unknown_step 5:49 unknown step `ftch`",
        help: "did you mean `fetch`?",
        right: "order: graph\nsteps:\n- {name: fetch, type: skill}\n- {name: text, type: skill, depends_on: [fetch]}\n",
    },
    Rule {
        wrong: "order: graph\nsteps:\n- {name: fetch, type: skill}\n- {name: fetch, type: skill}\n- {name: text, type: skill, depends_on: [fetch]}\n",
        problem: "ambiguous_step 6:42 `fetch` can mean step 0 or step 1",
        help: "`step_id`",
        right: "order: graph\nsteps:\n- {name: fetch, type: skill, step_id: a}\n- {name: fetch, type: skill}\n- {name: text, type: skill, depends_on: [a]}\n",
    },
    Rule {
        wrong: "order: graph\nsteps:\n- {name: fetch, type: skill, depends_on: [lines]}\n- {name: text, type: skill, depends_on: [fetch]}\n\
                - {name: lines, type: skill, arguments: {x: \"{{text}}\"}}\n",
        problem: "cycle 4:43 the steps depend on each other in a cycle: `fetch` → `lines` → `text` → `fetch`",
        help: "remove one of these dependencies",
        right: "order: graph\nsteps:\n- {name: fetch, type: skill}\n- {name: text, type: skill, depends_on: [fetch]}\n\
                - {name: lines, type: skill, arguments: {x: \"{{text}}\"}}\n",
    },
    Rule {
        wrong: "order: graph\nsteps:\n- {name: fetch, type: skill, depends_on: [fetch]}\n",
        problem: "cycle 4:43 `fetch` depends on itself",
        help: "another step",
        right: "order: graph\nsteps:\n- {name: fetch, type: skill, depends_on: []}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, parallel_group: g}\n- {name: text, type: skill}\n- {name: lines, type: skill, parallel_group: g}\n",
        problem: "split_group 5:46 the steps of the group `g` are not adjacent",
        help: "next to each other",
        right: "steps:\n- {name: fetch, type: skill, parallel_group: g}\n- {name: lines, type: skill, parallel_group: g}\n- {name: text, type: skill}\n",
    },
    // Inputs.
    Rule {
        wrong: "inputs: {url: {type: string}}\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{inputs.ulr}}\"}}\n",
        problem: "unknown_input 4:46 unknown input `{{inputs.ulr}}`",
        help: "did you mean `{{inputs.url}}`?",
        right: "inputs: {url: {type: string}}\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{inputs.url}}\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: use, type: skill, arguments: {text: \"{{inputs.url}}\"}}\n",
        problem: "unknown_input 3:46 unknown input `{{inputs.url}}`",
        help: "add `inputs: {url: {type: string}}`",
        right: "inputs: {url: {type: string}}\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{inputs.url}}\"}}\n",
    },
    Rule {
        wrong: "inputs: {n: {type: integer}}\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{inputs.n}}\"}}\n",
        problem: "reference_type 4:46 `text` must be text, but `{{inputs.n}}` is an integer",
        help: "obs skills show use",
        right: "inputs: {n: {type: integer}}\nsteps:\n- {name: use, type: skill, arguments: {text: x, count: \"{{inputs.n}}\"}}\n",
    },
    Rule {
        wrong: "inputs: {n: {type: integer, default: many}}\nsteps:\n- {name: fetch, type: skill}\n",
        problem: "input 2:38 the `default` must be a whole number, found text",
        help: "a default that matches",
        right: "inputs: {n: {type: integer, default: 3}}\nsteps:\n- {name: fetch, type: skill}\n",
    },
    Rule {
        wrong: "inputs: {n: {type: integr}}\nsteps:\n- {name: fetch, type: skill}\n",
        problem: "schema 2:20 `type` can't be `integr`",
        help: "JSON Schema",
        right: "inputs: {n: true}\nsteps:\n- {name: fetch, type: skill}\n",
    },
    Rule {
        wrong: "inputs: {a.b: {type: integer}}\nsteps:\n- {name: fetch, type: skill}\n",
        problem: "input 2:10 invalid input name `a.b`",
        help: "contains no `.`",
        right: "inputs: {a_b: {type: integer}}\nsteps:\n- {name: fetch, type: skill}\n",
    },
    Rule {
        wrong: "inputs: {s: {default: {a: 1}}}\nsteps:\n- {name: use, type: skill, arguments: {text: x, any: \"{{inputs.s.b}}\"}}\n",
        problem: "unknown_field 4:54 `{{inputs.s.b}}` is not in the value of the input",
        help: "another reference",
        right: "inputs: {s: {default: {a: 1}}}\nsteps:\n- {name: use, type: skill, arguments: {text: x, any: \"{{inputs.s.a}}\"}}\n",
    },
    Rule {
        wrong: "inputs: {s: {writeOnly: true}}\nsteps:\n- {name: use, type: skill, arguments: {text: x, any: \"{{inputs.s}}\"}}\n",
        problem: "hidden_input 4:54 `{{inputs.s}}` is hidden, but `use` would show it in records",
        help: "writeOnly: true",
        right: "inputs: {s: {writeOnly: true}}\nsteps:\n- {name: use, type: skill, arguments: {text: x, token: \"{{inputs.s}}\"}}\n",
    },
    // Retries.
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, retry: {initial_backoff: 1s}}\n",
        problem: "retry 3:37 `retry` has neither `max_retries` nor `fallback`",
        help: "max_retries: 3",
        right: "steps:\n- {name: fetch, type: skill, retry: {max_retries: 3}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, retry: {max_retries: 2, initial_backoff: 5s, max_backoff: 1s}}\n",
        problem: "retry 3:54 `initial_backoff` is 5s, but `max_backoff` is 1s",
        help: "raise `max_backoff`",
        right: "steps:\n- {name: fetch, type: skill, retry: {max_retries: 2, initial_backoff: 1s, max_backoff: 5s}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, retry: {max_retries: 101}}\n",
        problem: "retry 3:51 `max_retries` is 101; the maximum is 100",
        help: "bounds all attempts",
        right: "steps:\n- {name: fetch, type: skill, retry: {max_retries: 100}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, retry: {fallback: txt}}\n",
        problem: "unknown_skill 3:48 unknown skill `txt`",
        help: "did you mean `text`?",
        right: "steps:\n- {name: fetch, type: skill, retry: {fallback: text}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, retry: {fallback: fetch}}\n",
        problem: "retry 3:48 the fallback `fetch` is the step's own skill",
        help: "name another one",
        right: "steps:\n- {name: fetch, type: skill, retry: {fallback: text@1.0.0}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, retry: {fallback: builtin.now}}\n",
        problem: "kind 3:48 `builtin.now` is a tool, but the step says `type: skill`",
        help: "name another skill",
        right: "steps:\n- {name: fetch, type: skill, retry: {fallback: lines}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, retry: {fallback: use}}\n",
        problem: "arguments 3:3 `arguments` must have the key `text`",
        help: "add `text:`",
        right: "steps:\n- {name: fetch, type: skill, arguments: {text: x}, retry: {fallback: use}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill}\n- {name: fetch, step_id: b, type: skill, arguments: {x: \"{{fetch.bdy}}\"}, retry: {fallback: text}}\n",
        problem: "ambiguous_step 4:57 `fetch` can mean step 0 or step 1",
        help: "`step_id`",
        right: "steps:\n- {name: fetch, step_id: a, type: skill}\n- {name: fetch, step_id: b, type: skill, arguments: {x: \"{{a.body}}\"}, retry: {fallback: text}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, step_id: a, type: skill}\n- {name: fetch, step_id: b, type: skill, arguments: {x: \"{{a.bdy}}\"}, retry: {fallback: text}}\n",
        problem: "unknown_field 4:57 `{{a.bdy}}` asks for `bdy`, which does not exist",
        help: "did you mean `{{a.body}}`?",
        right: "steps:\n- {name: fetch, step_id: a, type: skill}\n- {name: fetch, step_id: b, type: skill, arguments: {x: \"{{a.body}}\"}, retry: {fallback: text}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: text, type: skill, retry: {max_retries: 3}}\n",
        problem: "not_idempotent 3:36 `text` is not idempotent, so obs neither retries nor replaces it once it has started",
        help: "--retry-unsafe",
        right: "steps:\n- {name: fetch, type: skill, retry: {max_retries: 3}}\n",
    },
];

fn problems(case: Case, plan: &str) -> (Vec<Value>, i32) {
    let case = case.file("plan.yaml", format!("assistant_id: test\n{plan}"));
    let output = case.run(&["validate", "plan.yaml", "--format", "json", "--strict"]);
    let problems = serde_json::from_slice(&output.stdout).expect("an array of problems");
    (problems, output.code)
}

#[test]
fn each_broken_rule_is_reported_and_no_kept_one() {
    assert!(RULES.len() >= 30, "{}", RULES.len());
    check_rules(RULES);
}

/// Checks that each rule finds its problem in the wrong plan, and none in the right one.
#[track_caller]
pub(crate) fn check_rules(rules: &[Rule]) {
    let mut failures = Vec::new();
    for rule in rules {
        let (found, code) = problems(case(), rule.wrong);
        let word =
            |problem: &Value, key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let shown: Vec<String> = found
            .iter()
            .map(|p| {
                format!(
                    "{} {}:{} {}",
                    word(p, "code"),
                    p["line"],
                    p["column"],
                    word(p, "message")
                )
            })
            .collect();
        if shown != [rule.problem] || code != 65 {
            failures.push(format!(
                "wrong:\n{}found: {shown:#?}\nwant: {}\n",
                rule.wrong, rule.problem
            ));
        } else if !word(&found[0], "help").contains(rule.help) {
            failures.push(format!("{}\nhelp: {}\n", rule.problem, found[0]["help"]));
        }
        let (found, code) = problems(case(), rule.right);
        if !found.is_empty() || code != 0 {
            failures.push(format!("right:\n{}found: {}\n", rule.right, json!(found)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
