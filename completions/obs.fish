# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_obs_global_optspecs
    string join \n color= q/quiet v/verbose state-dir= h/help V/version
end

function __fish_obs_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_obs_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_obs_using_subcommand
    set -l cmd (__fish_obs_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c obs -n "__fish_obs_needs_command" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_needs_command" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_needs_command" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_needs_command" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_needs_command" -s V -l version -d 'Print version'
complete -c obs -n "__fish_obs_needs_command" -f -a "init" -d 'Make a first skill and a plan that calls it'
complete -c obs -n "__fish_obs_needs_command" -f -a "new" -d 'Write a new plan'
complete -c obs -n "__fish_obs_needs_command" -f -a "run" -d 'Prove a plan and run it'
complete -c obs -n "__fish_obs_needs_command" -f -a "validate" -d 'Report all problems of plans, without running them'
complete -c obs -n "__fish_obs_needs_command" -f -a "graph" -d 'Show the plan\'s dependency graph'
complete -c obs -n "__fish_obs_needs_command" -f -a "skills" -d 'Manage skills'
complete -c obs -n "__fish_obs_needs_command" -f -a "policy" -d 'Check and test policies'
complete -c obs -n "__fish_obs_needs_command" -f -a "runs" -d 'List recorded runs, newest first'
complete -c obs -n "__fish_obs_needs_command" -f -a "show" -d 'Show a run as it was reported, or a step with all that it wrote'
complete -c obs -n "__fish_obs_needs_command" -f -a "logs" -d 'Show the records of runs'
complete -c obs -n "__fish_obs_needs_command" -f -a "verify" -d 'Verify the integrity of recorded runs'
complete -c obs -n "__fish_obs_needs_command" -f -a "circuits" -d 'List and reset circuit breakers'
complete -c obs -n "__fish_obs_needs_command" -f -a "doctor" -d 'Show which sandbox layers this machine can enforce'
complete -c obs -n "__fish_obs_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c obs -n "__fish_obs_needs_command" -f -a "man" -d 'Print a page of the manual, or write all pages'
complete -c obs -n "__fish_obs_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand init" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand init" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand init" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand init" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand new; and not __fish_seen_subcommand_from plan help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand new; and not __fish_seen_subcommand_from plan help" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand new; and not __fish_seen_subcommand_from plan help" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand new; and not __fish_seen_subcommand_from plan help" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand new; and not __fish_seen_subcommand_from plan help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand new; and not __fish_seen_subcommand_from plan help" -f -a "plan" -d 'Write a plan that calls skills, with placeholders for what they require'
complete -c obs -n "__fish_obs_using_subcommand new; and not __fish_seen_subcommand_from plan help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from plan" -s o -l output -d 'Write to FILE, which must not exist [default: standard output]' -r -F
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from plan" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from plan" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from plan" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from plan" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from plan" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from help" -f -a "plan" -d 'Write a plan that calls skills, with placeholders for what they require'
complete -c obs -n "__fish_obs_using_subcommand new; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand run" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand run" -l max-plan-size -d 'Maximum size of the plan' -r
complete -c obs -n "__fish_obs_using_subcommand run" -s j -l jobs -d 'Maximum number of concurrent steps [default: the number of cores]' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l resume -d 'Resume an earlier run: reuse what succeeded, run the rest' -r -F
complete -c obs -n "__fish_obs_using_subcommand run" -l circuit-breaker -d 'Which skills have a circuit breaker' -r -f -a "auto\t'Those whose manifests say so'
on\t'All'
off\t'None'"
complete -c obs -n "__fish_obs_using_subcommand run" -l keep-days -d 'When the run ends, remove runs older than N days; 0 removes none' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l keep-last -d 'When the run ends, remove all but the newest N runs; 0 removes none' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l workspace -d 'Working directory of skills [default: the current directory]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand run" -l run-dir -d 'Directory that steps share as `$RUN_DIR` [default: a temporary one]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand run" -l sandbox -d 'How strictly skills are confined' -r -f -a "require\t'Run only what can be confined'
best-effort\t'Confine what can be'
off\t'Confine nothing'"
complete -c obs -n "__fish_obs_using_subcommand run" -l max-memory -d 'Memory limit of each step, all its processes together' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l max-cpu -d 'CPU time limit of each step, all its processes together' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l max-processes -d 'Limit on concurrent processes of each step [default: 512]' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l max-disk -d 'Limit on what each step writes to its scratch directory and `$RUN_DIR`' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l secret -d 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l policy -d 'Permit only what these Cedar policies permit' -r -F
complete -c obs -n "__fish_obs_using_subcommand run" -l allow -d 'Permit skills by id; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l deny -d 'Forbid skills by id; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l max-steps -d 'Forbid plans with more steps' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l max-risk -d 'Forbid steps above info, sensitive, clinical or critical' -r -f -a "info\t''
sensitive\t''
clinical\t''
critical\t''"
complete -c obs -n "__fish_obs_using_subcommand run" -l approve -d 'Approve a critical step in advance; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l timeout -d 'Timeout of the run [default: 10m]' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l step-timeout -d 'Timeout of each step, with all its attempts [default: 120s]' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l grace-period -d 'Time between SIGTERM and SIGKILL [default: 5s]' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l set -d 'Set an input of the plan; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l inputs -d 'Read inputs from a JSON or YAML file; `-` is standard input' -r -F
complete -c obs -n "__fish_obs_using_subcommand run" -l format -d 'What to print on standard output' -r -f -a "table\t'A table of the steps, at the end'
json\t'One document, at the end'
jsonl\t'Each record as one line, as its step finishes'
none\t'Nothing'"
complete -c obs -n "__fish_obs_using_subcommand run" -l print -d 'Print only one value of a step\'s output' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l progress -d 'How to show progress on standard error' -r -f -a "auto\t'Bars on a terminal, lines elsewhere, nothing when quiet'
bars\t'A redrawn line for each running step. Lines if stderr is not a terminal that supports it'
lines\t'A line for each finished step, and a progress line every minute'
none\t'Nothing'"
complete -c obs -n "__fish_obs_using_subcommand run" -l log -d 'Append every event to FILE as JSON lines' -r -F
complete -c obs -n "__fish_obs_using_subcommand run" -l request-id -d 'Your id for the run [default: the run id]' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l assistant-id -d 'The assistant that wrote the plan [default: the plan\'s `assistant_id`]' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l session-id -d 'The session of the run' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l tenant-id -d 'The tenant' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l user-id -d 'The user' -r
complete -c obs -n "__fish_obs_using_subcommand run" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand run" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand run" -l dry-run -d 'Prove the plan and show what would run, without running it'
complete -c obs -n "__fish_obs_using_subcommand run" -l strict -d 'Treat warnings as errors'
complete -c obs -n "__fish_obs_using_subcommand run" -l keep-going -d 'After a failure, skip only steps that depend on it'
complete -c obs -n "__fish_obs_using_subcommand run" -l fail-fast -d 'After a failure, cancel running steps'
complete -c obs -n "__fish_obs_using_subcommand run" -l retry-unsafe -d 'Apply `retry` also to skills that are not idempotent'
complete -c obs -n "__fish_obs_using_subcommand run" -l rerun-unsafe -d 'With `--resume`, also run unsafe steps a second time'
complete -c obs -n "__fish_obs_using_subcommand run" -l stream -d 'Show what skills write while they run'
complete -c obs -n "__fish_obs_using_subcommand run" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand run" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand validate" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand validate" -l format -d 'Output format' -r -f -a "table\t'Snippets for people'
json\t'One JSON array, enough for a model to repair its plan'
jsonl\t'One JSON object a line'
github\t'GitHub workflow commands'"
complete -c obs -n "__fish_obs_using_subcommand validate" -l workspace -d 'Working directory of skills [default: the current directory]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand validate" -l set -d 'Set an input of the plan; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l inputs -d 'Read inputs from a JSON or YAML file; `-` is standard input' -r -F
complete -c obs -n "__fish_obs_using_subcommand validate" -l secret -d 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l max-plan-size -d 'Maximum size of the plan' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l policy -d 'Permit only what these Cedar policies permit' -r -F
complete -c obs -n "__fish_obs_using_subcommand validate" -l allow -d 'Permit skills by id; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l deny -d 'Forbid skills by id; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l max-steps -d 'Forbid plans with more steps' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l max-risk -d 'Forbid steps above info, sensitive, clinical or critical' -r -f -a "info\t''
sensitive\t''
clinical\t''
critical\t''"
complete -c obs -n "__fish_obs_using_subcommand validate" -l request-id -d 'Your id for the run [default: the run id]' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l assistant-id -d 'The assistant that wrote the plan [default: the plan\'s `assistant_id`]' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l session-id -d 'The session of the run' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l tenant-id -d 'The tenant' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l user-id -d 'The user' -r
complete -c obs -n "__fish_obs_using_subcommand validate" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand validate" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand validate" -l strict -d 'Treat warnings as errors'
complete -c obs -n "__fish_obs_using_subcommand validate" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand validate" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand graph" -l format -d 'Output format' -r -f -a "table\t'A line for each step'
json\t'One JSON document'
jsonl\t'One JSON object a line: the steps'
mermaid\t'A Mermaid flowchart'
dot\t'Graphviz\'s language'
tree\t'A tree of text'"
complete -c obs -n "__fish_obs_using_subcommand graph" -l max-plan-size -d 'Maximum size of the plan' -r
complete -c obs -n "__fish_obs_using_subcommand graph" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand graph" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand graph" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand graph" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand graph" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -f -a "list" -d 'List all skills'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -f -a "show" -d 'Show a skill: its command, arguments, permissions, limits and schemas'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -f -a "check" -d 'Check the manifests of skills'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -f -a "new" -d 'Write a manifest from a command'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -f -a "run" -d 'Run one skill, with the same checks as a step of a plan'
complete -c obs -n "__fish_obs_using_subcommand skills; and not __fish_seen_subcommand_from list show check new run help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from list" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from list" -l format -d 'Output format' -r -f -a "table\t'For people'
json\t'One JSON document'
jsonl\t'One JSON object a line'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from list" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from list" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from show" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from show" -l format -d 'Output format' -r -f -a "table\t'For people'
json\t'One JSON document'
jsonl\t'One JSON object a line'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from show" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from show" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from check" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from check" -l format -d 'Output format' -r -f -a "table\t'Snippets for people'
json\t'One JSON array, enough for a model to repair its plan'
jsonl\t'One JSON object a line'
github\t'GitHub workflow commands'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from check" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from check" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from check" -l strict -d 'Treat warnings as errors'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -l skills -d 'The skills root to write to' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -l description -d 'What it does, in one line: models choose skills by it' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -l output -d 'What its standard output is [default: text]' -r -f -a "json\t''
text\t''
lines\t''"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -l permission -d 'What it needs beyond the default grants; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -l timeout -d 'Timeout of one attempt' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -l tool -d 'Make it a tool: steps call it with `type: tool`'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l set -d 'Set an argument; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l inputs -d 'Read arguments from a JSON or YAML file; `-` is standard input' -r -F
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l workspace -d 'Working directory of skills [default: the current directory]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l run-dir -d 'Directory that steps share as `$RUN_DIR` [default: a temporary one]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l sandbox -d 'How strictly skills are confined' -r -f -a "require\t'Run only what can be confined'
best-effort\t'Confine what can be'
off\t'Confine nothing'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l max-memory -d 'Memory limit of each step, all its processes together' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l max-cpu -d 'CPU time limit of each step, all its processes together' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l max-processes -d 'Limit on concurrent processes of each step [default: 512]' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l max-disk -d 'Limit on what each step writes to its scratch directory and `$RUN_DIR`' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l policy -d 'Permit only what these Cedar policies permit' -r -F
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l allow -d 'Permit skills by id; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l deny -d 'Forbid skills by id; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l max-steps -d 'Forbid plans with more steps' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l max-risk -d 'Forbid steps above info, sensitive, clinical or critical' -r -f -a "info\t''
sensitive\t''
clinical\t''
critical\t''"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l approve -d 'Approve a critical step in advance; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l secret -d 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l timeout -d 'Timeout of the run [default: 10m]' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l step-timeout -d 'Timeout of each step, with all its attempts [default: 120s]' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l grace-period -d 'Time between SIGTERM and SIGKILL [default: 5s]' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l request-id -d 'Your id for the run [default: the run id]' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l assistant-id -d 'The assistant that wrote the plan [default: the plan\'s `assistant_id`]' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l session-id -d 'The session of the run' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l tenant-id -d 'The tenant' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l user-id -d 'The user' -r
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from help" -f -a "list" -d 'List all skills'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a skill: its command, arguments, permissions, limits and schemas'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the manifests of skills'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from help" -f -a "new" -d 'Write a manifest from a command'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run one skill, with the same checks as a step of a plan'
complete -c obs -n "__fish_obs_using_subcommand skills; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -f -a "schema" -d 'Print the Cedar schema that policies are checked against'
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -f -a "check" -d 'Check the syntax of policies, and their names against the skills'
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -f -a "test" -d 'Show the decision about each step of a plan, without running it'
complete -c obs -n "__fish_obs_using_subcommand policy; and not __fish_seen_subcommand_from schema check test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from schema" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from schema" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from schema" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from check" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from check" -l format -d 'Output format' -r -f -a "table\t'Snippets for people'
json\t'One JSON array, enough for a model to repair its plan'
jsonl\t'One JSON object a line'
github\t'GitHub workflow commands'"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from check" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from check" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l skills -d 'Search DIR for skills first; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l format -d 'Output format' -r -f -a "table\t'For people'
json\t'One JSON document'
jsonl\t'One JSON object a line'"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l max-plan-size -d 'Maximum size of the plan' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l policy -d 'Permit only what these Cedar policies permit' -r -F
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l allow -d 'Permit skills by id; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l deny -d 'Forbid skills by id; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l max-steps -d 'Forbid plans with more steps' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l max-risk -d 'Forbid steps above info, sensitive, clinical or critical' -r -f -a "info\t''
sensitive\t''
clinical\t''
critical\t''"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l set -d 'Set an input of the plan; repeatable' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l inputs -d 'Read inputs from a JSON or YAML file; `-` is standard input' -r -F
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l request-id -d 'Your id for the run [default: the run id]' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l assistant-id -d 'The assistant that wrote the plan [default: the plan\'s `assistant_id`]' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l session-id -d 'The session of the run' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l tenant-id -d 'The tenant' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l user-id -d 'The user' -r
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "schema" -d 'Print the Cedar schema that policies are checked against'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the syntax of policies, and their names against the skills'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "test" -d 'Show the decision about each step of a plan, without running it'
complete -c obs -n "__fish_obs_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -l status -d 'Only runs with this status; repeatable' -r -f -a "running\t''
success\t''
failed\t''
timeout\t''
canceled\t''
rejected\t''
interrupted\t''"
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -l assistant -d 'Only runs of this assistant' -r
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -l since -d 'Only runs that started since: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`' -r
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -s n -l limit -d 'At most N runs; 0 lists all' -r
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -l format -d 'Output format' -r -f -a "table\t'For people'
json\t'One JSON document'
jsonl\t'One JSON object a line'"
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -l utc -d 'Show when runs started instead of how long ago that was'
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -f -a "prune" -d 'Remove old runs with their records, except those that a flag keeps'
complete -c obs -n "__fish_obs_using_subcommand runs; and not __fish_seen_subcommand_from prune help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from prune" -l keep-days -d 'Keep the runs of the last N days' -r
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from prune" -l keep-last -d 'Keep the newest N runs' -r
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from prune" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from prune" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from prune" -l dry-run -d 'Print how many runs would be removed, without removing them'
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "prune" -d 'Remove old runs with their records, except those that a flag keeps'
complete -c obs -n "__fish_obs_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand show" -l format -d 'Output format' -r -f -a "table\t'For people'
json\t'One JSON document'
jsonl\t'One JSON object a line'"
complete -c obs -n "__fish_obs_using_subcommand show" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand show" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand show" -l no-pager -d 'Print to the terminal at once, without a pager'
complete -c obs -n "__fish_obs_using_subcommand show" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand show" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand logs" -s n -l limit -d 'Only the last N records; 0 shows all' -r
complete -c obs -n "__fish_obs_using_subcommand logs" -l step -d 'Only records of the step with this name or `step_id`' -r
complete -c obs -n "__fish_obs_using_subcommand logs" -l skill -d 'Only records of this skill' -r
complete -c obs -n "__fish_obs_using_subcommand logs" -l status -d 'Only records with this status; repeatable' -r -f -a "success\t''
failed\t''
timeout\t''
canceled\t''
rejected\t''
skipped\t''"
complete -c obs -n "__fish_obs_using_subcommand logs" -l since -d 'Only records of steps that ended since: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`' -r
complete -c obs -n "__fish_obs_using_subcommand logs" -l print -d 'Print only one value of a step\'s output' -r
complete -c obs -n "__fish_obs_using_subcommand logs" -l format -d 'Output format' -r -f -a "table\t'For people'
json\t'One JSON document'
jsonl\t'One JSON object a line'"
complete -c obs -n "__fish_obs_using_subcommand logs" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand logs" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand logs" -l all -d 'The records of all runs'
complete -c obs -n "__fish_obs_using_subcommand logs" -s f -l follow -d 'Follow a run in progress until it ends'
complete -c obs -n "__fish_obs_using_subcommand logs" -l no-pager -d 'Print to the terminal at once, without a pager'
complete -c obs -n "__fish_obs_using_subcommand logs" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand logs" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand verify" -l head -d 'The expected hash of the run\'s last record, or its first 16 digits or more' -r
complete -c obs -n "__fish_obs_using_subcommand verify" -l format -d 'Output format' -r -f -a "table\t'For people'
json\t'One JSON document'
jsonl\t'One JSON object a line'"
complete -c obs -n "__fish_obs_using_subcommand verify" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand verify" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand verify" -l all -d 'Verify all recorded runs and the ledger'
complete -c obs -n "__fish_obs_using_subcommand verify" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand verify" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand circuits; and not __fish_seen_subcommand_from reset help" -l format -d 'Output format' -r -f -a "table\t'For people'
json\t'One JSON document'
jsonl\t'One JSON object a line'"
complete -c obs -n "__fish_obs_using_subcommand circuits; and not __fish_seen_subcommand_from reset help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand circuits; and not __fish_seen_subcommand_from reset help" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand circuits; and not __fish_seen_subcommand_from reset help" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand circuits; and not __fish_seen_subcommand_from reset help" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand circuits; and not __fish_seen_subcommand_from reset help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand circuits; and not __fish_seen_subcommand_from reset help" -f -a "reset" -d 'Reset a skill\'s circuit breaker, so that it can be called again'
complete -c obs -n "__fish_obs_using_subcommand circuits; and not __fish_seen_subcommand_from reset help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand circuits; and __fish_seen_subcommand_from reset" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand circuits; and __fish_seen_subcommand_from reset" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand circuits; and __fish_seen_subcommand_from reset" -l all -d 'Reset all'
complete -c obs -n "__fish_obs_using_subcommand circuits; and __fish_seen_subcommand_from reset" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand circuits; and __fish_seen_subcommand_from reset" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand circuits; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand circuits; and __fish_seen_subcommand_from help" -f -a "reset" -d 'Reset a skill\'s circuit breaker, so that it can be called again'
complete -c obs -n "__fish_obs_using_subcommand circuits; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand doctor" -l format -d 'Output format' -r -f -a "table\t'A table'
json\t'JSON'"
complete -c obs -n "__fish_obs_using_subcommand doctor" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand doctor" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand doctor" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand doctor" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand completions" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand completions" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand completions" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand completions" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand man" -l out -d 'Write a page for each verb to DIR: `obs.1`, `obs-run.1` and so on' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand man" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set; everywhere with `CLICOLOR_FORCE`'
always\t'Everywhere'
never\t'Nowhere'"
complete -c obs -n "__fish_obs_using_subcommand man" -l state-dir -d 'Directory of the state, or `none` [default: ~/.local/state/obs]' -r -f -a "(__fish_complete_directories)"
complete -c obs -n "__fish_obs_using_subcommand man" -s q -l quiet -d 'Be silent on success; always report failures'
complete -c obs -n "__fish_obs_using_subcommand man" -s v -l verbose -d 'Show CPU and memory per step'
complete -c obs -n "__fish_obs_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "init" -d 'Make a first skill and a plan that calls it'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "new" -d 'Write a new plan'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "run" -d 'Prove a plan and run it'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "validate" -d 'Report all problems of plans, without running them'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "graph" -d 'Show the plan\'s dependency graph'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "skills" -d 'Manage skills'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "policy" -d 'Check and test policies'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "runs" -d 'List recorded runs, newest first'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "show" -d 'Show a run as it was reported, or a step with all that it wrote'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "logs" -d 'Show the records of runs'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "verify" -d 'Verify the integrity of recorded runs'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "circuits" -d 'List and reset circuit breakers'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "doctor" -d 'Show which sandbox layers this machine can enforce'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "completions" -d 'Print the completion script for a shell'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "man" -d 'Print a page of the manual, or write all pages'
complete -c obs -n "__fish_obs_using_subcommand help; and not __fish_seen_subcommand_from init new run validate graph skills policy runs show logs verify circuits doctor completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from new" -f -a "plan" -d 'Write a plan that calls skills, with placeholders for what they require'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from skills" -f -a "list" -d 'List all skills'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from skills" -f -a "show" -d 'Show a skill: its command, arguments, permissions, limits and schemas'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from skills" -f -a "check" -d 'Check the manifests of skills'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from skills" -f -a "new" -d 'Write a manifest from a command'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from skills" -f -a "run" -d 'Run one skill, with the same checks as a step of a plan'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "schema" -d 'Print the Cedar schema that policies are checked against'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "check" -d 'Check the syntax of policies, and their names against the skills'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "test" -d 'Show the decision about each step of a plan, without running it'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "prune" -d 'Remove old runs with their records, except those that a flag keeps'
complete -c obs -n "__fish_obs_using_subcommand help; and __fish_seen_subcommand_from circuits" -f -a "reset" -d 'Reset a skill\'s circuit breaker, so that it can be called again'
