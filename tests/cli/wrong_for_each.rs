//! Every rule about `for_each`, once broken and once kept.

use crate::wrong_plans::{Rule, check_rules};

const RULES: &[Rule] = &[
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: 3}\n",
        problem: "wrong_type 4:69 `for_each` must be a list or a reference to one, found a number",
        help: "write the items",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, b]}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: abc}\n",
        problem: "wrong_type 4:69 `for_each` must be a list or a reference to one, found text",
        help: "one reference to a list",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, b]}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: '[\"a\"]'}\n",
        problem: "wrong_type 4:69 `for_each` must be a list or a reference to one, found text",
        help: "not a text that holds it",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, b]}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {max_failed: 1}}\n",
        problem: "for_each 4:69 `for_each` has neither `list` nor `matrix`",
        help: "add `list:`",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a, b], max_failed: 1}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a], matrix: [{name: x, values: [a]}]}}\n",
        problem: "for_each 4:81 `for_each` has a `list` and a `matrix`",
        help: "leave one of them out",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a], max_parallel: 0}}\n",
        problem: "wrong_type 4:95 `max_parallel` must be a whole number of at least 1, found 0",
        help: "at least 1",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a], max_parallel: 1}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a], max_failed: -1}}\n",
        problem: "wrong_type 4:93 `max_failed` must be a whole number of at least 0, found -1",
        help: "at least 0",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a], max_failed: 0}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a], gather: result}}\n",
        problem: "wrong_value 4:89 `gather` can't be `result`",
        help: "did you mean `results`?",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a], gather: results}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {items: [a]}}\n",
        problem: "unknown_key 4:70 unknown key `items` in `for_each`",
        help: "did you mean `list`?",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a], as: x}}\n",
        problem: "unknown_key 4:81 unknown key `as` in `for_each`",
        help: "the item is `{{item}}`",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {list: [a]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: []}\n",
        problem: "no_items 4:69 `for_each` is an empty list: no item runs",
        help: "leave the step out",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, b]}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: {matrix: []}}\n",
        problem: "for_each 4:78 `matrix` has no names",
        help: "[{name: os",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: {os: [a]}}}\n",
        problem: "wrong_type 4:81 `matrix` must be a list, found a mapping",
        help: "the last name varies fastest",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os}]}}\n",
        problem: "for_each 4:82 an entry of `matrix` has no `values`",
        help: "write `{name: NAME",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{values: [a]}]}}\n",
        problem: "for_each 4:82 an entry of `matrix` has no `name`",
        help: "write `{name: NAME",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}, {name: os, values: [b]}]}}\n",
        problem: "for_each 4:114 the name `os` occurs twice in `matrix`",
        help: "names are unique",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: a.b, values: [a]}]}}\n",
        problem: "for_each 4:89 invalid name `a.b` in `matrix`",
        help: "separates fields",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.arch}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
        problem: "unknown_field 4:46 `{{item.arch}}` is not in item 0",
        help: "give each item this field",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}}\n",
        problem: "no_item 4:46 `{{item}}` has a value only in a step with `for_each`",
        help: "add `for_each:`",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, b]}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [\"{{item}}\"]}\n",
        problem: "no_item 4:70 `{{item}}` has no value in `for_each` itself",
        help: "write it in `arguments`",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, b]}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, 7]}\n",
        problem: "arguments 4:46 with item 1, `text` must be text, found a number",
        help: "write \"7\"",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, b]}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{fetch.body}}\"}\n",
        problem: "reference_type 5:69 `for_each` must be a list, but `{{fetch.body}}` is text",
        help: "a field that has a list",
        right: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{fetch.list}}\"}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{fetch.lst}}\"}\n",
        problem: "unknown_field 5:69 `{{fetch.lst}}` asks for `lst`, which does not exist",
        help: "did you mean `{{fetch.list}}`?",
        right: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{fetch.list}}\"}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"x {{fetch.list}}\"}\n",
        problem: "for_each 5:69 a text with a reference in it is no list",
        help: "nothing else",
        right: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{fetch.list}}\"}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{fetch.list?}}\"}\n",
        problem: "for_each 5:69 `{{fetch.list?}}` may be null, which is no list",
        help: "nothing else",
        right: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{fetch.list}}\"}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: x, count: \"{{item}}\"}, for_each: \"{{fetch.list}}\"}\n",
        problem: "reference_type 5:56 `count` must be an integer, but `{{item}}` is text",
        help: "obs skills show use",
        right: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\", count: \"{{item_index}}\"}, for_each: \"{{fetch.list}}\"}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item.name}}\"}, for_each: \"{{fetch.list}}\"}\n",
        problem: "unknown_field 5:46 `{{item.name}}` asks for `name` of what is text",
        help: "write `{{item}}`",
        right: "timeout: 1h\nsteps:\n- {name: fetch, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{fetch.list}}\"}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: text, type: skill, for_each: [1, 2]}\n- {name: use, type: skill, arguments: {text: \"{{text}}\"}}\n",
        problem: "reference_type 5:46 `text` must be text, but `{{text}}` is a list",
        help: "obs skills show use",
        right: "timeout: 1h\nsteps:\n- {name: text, type: skill, for_each: [1, 2]}\n- {name: use, type: skill, arguments: {text: \"{{text.0}}\"}}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: text, type: skill, for_each: [1, 2]}\n- {name: use, type: skill, arguments: {text: \"{{text.output}}\"}}\n",
        problem: "unknown_field 5:46 `{{text.output}}` asks for `output` of what is a list",
        help: "did you mean `{{text}}`?",
        right: "timeout: 1h\nsteps:\n- {name: text, type: skill, for_each: [1, 2]}\n- {name: use, type: skill, arguments: {text: \"{{text.0}}\"}}\n",
    },
    Rule {
        wrong: "timeout: 1h\ninputs: {n: {type: array, writeOnly: true, default: []}}\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{inputs.n}}\"}\n",
        problem: "hidden_input 5:69 `{{inputs.n}}` is hidden, but items are shown",
        help: "pass the whole list",
        right: "timeout: 1h\ninputs: {n: {type: array, items: {type: string}, default: [a]}}\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{inputs.n}}\"}\n",
    },
    Rule {
        wrong: "timeout: 1h\ninputs: {n: {type: string, default: x}}\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{inputs.n}}\"}\n",
        problem: "for_each 5:69 `for_each` must be a list, found text",
        help: "give the input a list",
        right: "timeout: 1h\ninputs: {n: {type: array, default: [a]}}\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: \"{{inputs.n}}\"}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, foreach: [a, b]}\n",
        problem: "unknown_key 4:59 unknown key `foreach` in a step",
        help: "did you mean `for_each`?",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item}}\"}, for_each: [a, b]}\n",
    },
    Rule {
        wrong: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, strategy: {matrix: {os: [a]}}}\n",
        problem: "unknown_key 4:62 unknown key `strategy` in a step",
        help: "for_each: {matrix",
        right: "timeout: 1h\nsteps:\n- {name: use, type: skill, arguments: {text: \"{{item.os}}\"}, for_each: {matrix: [{name: os, values: [a]}]}}\n",
    },
];

#[test]
fn each_broken_rule_about_items_is_reported_and_no_kept_one() {
    check_rules(RULES);
}
