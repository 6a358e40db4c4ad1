//! Rules about the `approval` of a step.

use crate::wrong_plans::{Rule, check_rules};

const RULES: &[Rule] = &[
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, approval: true}\n",
        problem: "wrong_type 3:40 `approval` must be a mapping, found a boolean",
        help: "write `approval: {message: TEXT}`",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: Ship it?}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, approval: Ship it?}\n",
        problem: "wrong_type 3:40 `approval` must be a mapping, found text",
        help: "write `approval: {message: TEXT}`",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: Ship it?}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, approval: {}}\n",
        problem: "approval 3:40 `approval` has no `message`",
        help: "write `approval: {message: TEXT}`",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: m}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, approval: {message: \" \"}}\n",
        problem: "approval 3:50 the message is empty",
        help: "write `approval: {message: TEXT}`",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: m}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, approval: {message: 7}}\n",
        problem: "wrong_type 3:50 `message` must be text, found a number",
        help: "quote it",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: \"7\"}}\n",
    },
    Rule {
        wrong: "inputs: {n: {default: 1}}\nsteps:\n- {name: fetch, type: skill, approval: {message: \"Ship {{inputs.n}}?\"}}\n",
        problem: "reference 4:50 a message holds no references",
        help: "sees all arguments",
        right: "inputs: {n: {default: 1}}\nsteps:\n- {name: fetch, type: skill, arguments: {n: \"{{inputs.n}}\"}, approval: {message: \"Ship it?\"}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, approval: {text: Ship it?}}\n",
        problem: "unknown_key 3:41 unknown key `text` in `approval`",
        help: "message",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: Ship it?}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, approval: {message: m, timeout: 1h}}\n",
        problem: "unknown_key 3:53 unknown key `timeout` in `approval`",
        help: "--approval-timeout",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: m}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, approval: {message: m, approvers: [ann]}}\n",
        problem: "unknown_key 3:53 unknown key `approvers` in `approval`",
        help: "whoever can write the state can approve",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: m}}\n",
    },
    Rule {
        wrong: "steps:\n- {name: fetch, type: skill, requires_approval: true}\n",
        problem: "unknown_key 3:30 unknown key `requires_approval` in a step",
        help: "write `approval: {message: TEXT}`",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: m}}\n",
    },
    Rule {
        wrong: "approval: {message: m}\nsteps:\n- {name: fetch, type: skill}\n",
        problem: "unknown_key 2:1 unknown key `approval` in a plan",
        help: "into each step",
        right: "steps:\n- {name: fetch, type: skill, approval: {message: m}}\n",
    },
];

#[test]
fn each_rule_about_approvals_is_reported_if_it_is_broken() {
    check_rules(RULES);
}
