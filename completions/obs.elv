
use builtin;
use str;

set edit:completion:arg-completer[obs] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'obs'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'obs'= {
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand init 'Make a first skill and a plan that calls it'
            cand new 'Write a new plan'
            cand run 'Prove a plan and run it'
            cand validate 'Report all problems of plans, without running them'
            cand graph 'Show the plan''s dependency graph'
            cand skills 'Manage skills'
            cand policy 'Check and test policies'
            cand runs 'List recorded runs, newest first'
            cand show 'Show a run as it was reported, or a step with all that it wrote'
            cand logs 'Show the records of runs'
            cand verify 'Verify the integrity of recorded runs'
            cand circuits 'List and reset circuit breakers'
            cand doctor 'Check what obs needs: the sandbox, the state, directories, skills, policies'
            cand completions 'Print the completion script for a shell'
            cand man 'Print a page of the manual, or write all pages'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;init'= {
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;new'= {
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand plan 'Write a plan that calls skills, with placeholders for what they require'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;new;plan'= {
            cand -o 'Write to FILE, which must not exist [default: standard output]'
            cand --output 'Write to FILE, which must not exist [default: standard output]'
            cand --skills 'Search DIR for skills first; repeatable'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;new;help'= {
            cand plan 'Write a plan that calls skills, with placeholders for what they require'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;new;help;plan'= {
        }
        &'obs;new;help;help'= {
        }
        &'obs;run'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --max-plan-size 'Maximum size of the plan'
            cand -j 'Maximum number of concurrent steps [default: the number of cores]'
            cand --jobs 'Maximum number of concurrent steps [default: the number of cores]'
            cand --resume 'Resume an earlier run: reuse what succeeded, run the rest'
            cand --circuit-breaker 'Which skills have a circuit breaker'
            cand --keep-days 'When the run ends, remove runs older than N days; 0 removes none'
            cand --keep-last 'When the run ends, remove all but the newest N runs; 0 removes none'
            cand --workspace 'Working directory of skills [default: the current directory]'
            cand --run-dir 'Directory that steps share as `$RUN_DIR` [default: a temporary one]'
            cand --sandbox 'How strictly skills are confined'
            cand --max-memory 'Memory limit of each step, all its processes together'
            cand --max-cpu 'CPU time limit of each step, all its processes together'
            cand --max-processes 'Limit on concurrent processes of each step [default: 512]'
            cand --max-disk 'Limit on what each step writes to its scratch directory and `$RUN_DIR`'
            cand --secret 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable'
            cand --policy 'Permit only what these Cedar policies permit'
            cand --allow 'Permit skills by id; repeatable'
            cand --deny 'Forbid skills by id; repeatable'
            cand --max-steps 'Forbid plans with more steps'
            cand --max-risk 'Forbid steps above info, sensitive, clinical or critical'
            cand --approve 'Approve a critical step in advance; repeatable'
            cand --timeout 'Timeout of the run [default: 10m]'
            cand --step-timeout 'Timeout of each step, with all its attempts [default: 120s]'
            cand --grace-period 'Time between SIGTERM and SIGKILL [default: 5s]'
            cand --set 'Set an input of the plan; repeatable'
            cand --inputs 'Read inputs from a JSON or YAML file; `-` is standard input'
            cand --format 'What to print on standard output'
            cand --print 'Print only one value of a step''s output'
            cand --progress 'How to show progress on standard error'
            cand --log 'Append every event to FILE as JSON lines'
            cand --request-id 'Your id for the run [default: the run id]'
            cand --assistant-id 'The assistant that wrote the plan [default: the plan''s `assistant_id`]'
            cand --session-id 'The session of the run'
            cand --tenant-id 'The tenant'
            cand --user-id 'The user'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --dry-run 'Prove the plan and show what would run, without running it'
            cand --strict 'Treat warnings as errors'
            cand --keep-going 'After a failure, skip only steps that depend on it'
            cand --fail-fast 'After a failure, cancel running steps'
            cand --retry-unsafe 'Apply `retry` also to skills that are not idempotent'
            cand --rerun-unsafe 'With `--resume`, also run unsafe steps a second time'
            cand --stream 'Show what skills write while they run'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;validate'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --format 'Output format'
            cand --workspace 'Working directory of skills [default: the current directory]'
            cand --set 'Set an input of the plan; repeatable'
            cand --inputs 'Read inputs from a JSON or YAML file; `-` is standard input'
            cand --secret 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable'
            cand --max-plan-size 'Maximum size of the plan'
            cand --policy 'Permit only what these Cedar policies permit'
            cand --allow 'Permit skills by id; repeatable'
            cand --deny 'Forbid skills by id; repeatable'
            cand --max-steps 'Forbid plans with more steps'
            cand --max-risk 'Forbid steps above info, sensitive, clinical or critical'
            cand --request-id 'Your id for the run [default: the run id]'
            cand --assistant-id 'The assistant that wrote the plan [default: the plan''s `assistant_id`]'
            cand --session-id 'The session of the run'
            cand --tenant-id 'The tenant'
            cand --user-id 'The user'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --strict 'Treat warnings as errors'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;graph'= {
            cand --format 'Output format'
            cand --max-plan-size 'Maximum size of the plan'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills'= {
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'List all skills'
            cand show 'Show a skill: its command, arguments, permissions, limits and schemas'
            cand check 'Check the manifests of skills'
            cand new 'Write a manifest from a command'
            cand run 'Run one skill, with the same checks as a step of a plan'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;skills;list'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;show'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;check'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --strict 'Treat warnings as errors'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;new'= {
            cand --skills 'The skills root to write to'
            cand --description 'What it does, in one line: models choose skills by it'
            cand --output 'What its standard output is [default: text]'
            cand --permission 'What it needs beyond the default grants; repeatable'
            cand --timeout 'Timeout of one attempt'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --tool 'Make it a tool: steps call it with `type: tool`'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;run'= {
            cand --set 'Set an argument; repeatable'
            cand --inputs 'Read arguments from a JSON or YAML file; `-` is standard input'
            cand --skills 'Search DIR for skills first; repeatable'
            cand --workspace 'Working directory of skills [default: the current directory]'
            cand --run-dir 'Directory that steps share as `$RUN_DIR` [default: a temporary one]'
            cand --sandbox 'How strictly skills are confined'
            cand --max-memory 'Memory limit of each step, all its processes together'
            cand --max-cpu 'CPU time limit of each step, all its processes together'
            cand --max-processes 'Limit on concurrent processes of each step [default: 512]'
            cand --max-disk 'Limit on what each step writes to its scratch directory and `$RUN_DIR`'
            cand --policy 'Permit only what these Cedar policies permit'
            cand --allow 'Permit skills by id; repeatable'
            cand --deny 'Forbid skills by id; repeatable'
            cand --max-steps 'Forbid plans with more steps'
            cand --max-risk 'Forbid steps above info, sensitive, clinical or critical'
            cand --approve 'Approve a critical step in advance; repeatable'
            cand --secret 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable'
            cand --timeout 'Timeout of the run [default: 10m]'
            cand --step-timeout 'Timeout of each step, with all its attempts [default: 120s]'
            cand --grace-period 'Time between SIGTERM and SIGKILL [default: 5s]'
            cand --request-id 'Your id for the run [default: the run id]'
            cand --assistant-id 'The assistant that wrote the plan [default: the plan''s `assistant_id`]'
            cand --session-id 'The session of the run'
            cand --tenant-id 'The tenant'
            cand --user-id 'The user'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;help'= {
            cand list 'List all skills'
            cand show 'Show a skill: its command, arguments, permissions, limits and schemas'
            cand check 'Check the manifests of skills'
            cand new 'Write a manifest from a command'
            cand run 'Run one skill, with the same checks as a step of a plan'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;skills;help;list'= {
        }
        &'obs;skills;help;show'= {
        }
        &'obs;skills;help;check'= {
        }
        &'obs;skills;help;new'= {
        }
        &'obs;skills;help;run'= {
        }
        &'obs;skills;help;help'= {
        }
        &'obs;policy'= {
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand schema 'Print the Cedar schema that policies are checked against'
            cand check 'Check the syntax of policies, and their names against the skills'
            cand test 'Show the decision about each step of a plan, without running it'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;policy;schema'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;policy;check'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;policy;test'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --format 'Output format'
            cand --max-plan-size 'Maximum size of the plan'
            cand --policy 'Permit only what these Cedar policies permit'
            cand --allow 'Permit skills by id; repeatable'
            cand --deny 'Forbid skills by id; repeatable'
            cand --max-steps 'Forbid plans with more steps'
            cand --max-risk 'Forbid steps above info, sensitive, clinical or critical'
            cand --set 'Set an input of the plan; repeatable'
            cand --inputs 'Read inputs from a JSON or YAML file; `-` is standard input'
            cand --request-id 'Your id for the run [default: the run id]'
            cand --assistant-id 'The assistant that wrote the plan [default: the plan''s `assistant_id`]'
            cand --session-id 'The session of the run'
            cand --tenant-id 'The tenant'
            cand --user-id 'The user'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;policy;help'= {
            cand schema 'Print the Cedar schema that policies are checked against'
            cand check 'Check the syntax of policies, and their names against the skills'
            cand test 'Show the decision about each step of a plan, without running it'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;policy;help;schema'= {
        }
        &'obs;policy;help;check'= {
        }
        &'obs;policy;help;test'= {
        }
        &'obs;policy;help;help'= {
        }
        &'obs;runs'= {
            cand --status 'Only runs with this status; repeatable'
            cand --assistant 'Only runs of this assistant'
            cand --since 'Only runs that started since: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`'
            cand -n 'At most N runs; 0 lists all'
            cand --limit 'At most N runs; 0 lists all'
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --utc 'Show when runs started instead of how long ago that was'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand prune 'Remove old runs with their records, except those that a flag keeps'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;runs;prune'= {
            cand --keep-days 'Keep the runs of the last N days'
            cand --keep-last 'Keep the newest N runs'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --dry-run 'Print how many runs would be removed, without removing them'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;runs;help'= {
            cand prune 'Remove old runs with their records, except those that a flag keeps'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;runs;help;prune'= {
        }
        &'obs;runs;help;help'= {
        }
        &'obs;show'= {
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --no-pager 'Print to the terminal at once, without a pager'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;logs'= {
            cand -n 'Only the last N records; 0 shows all'
            cand --limit 'Only the last N records; 0 shows all'
            cand --step 'Only records of the step with this name or `step_id`'
            cand --skill 'Only records of this skill'
            cand --status 'Only records with this status; repeatable'
            cand --since 'Only records of steps that ended since: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`'
            cand --print 'Print only one value of a step''s output'
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --all 'The records of all runs'
            cand -f 'Follow a run in progress until it ends'
            cand --follow 'Follow a run in progress until it ends'
            cand --no-pager 'Print to the terminal at once, without a pager'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;verify'= {
            cand --head 'The expected hash of the run''s last record, or its first 16 digits or more'
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --all 'Verify all recorded runs and the ledger'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;circuits'= {
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand reset 'Reset a skill''s circuit breaker, so that it can be called again'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;circuits;reset'= {
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand --all 'Reset all'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;circuits;help'= {
            cand reset 'Reset a skill''s circuit breaker, so that it can be called again'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;circuits;help;reset'= {
        }
        &'obs;circuits;help;help'= {
        }
        &'obs;doctor'= {
            cand --skills 'Search DIR for skills first; repeatable'
            cand --format 'Output format'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;completions'= {
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;man'= {
            cand --out 'Write a page for each verb to DIR: `obs.1`, `obs-run.1` and so on'
            cand --color 'When to use colors'
            cand --state-dir 'Directory of the state, or `none` [default: ~/.local/state/obs]'
            cand -q 'Be silent on success; always report failures'
            cand --quiet 'Be silent on success; always report failures'
            cand -v 'Show CPU and memory per step'
            cand --verbose 'Show CPU and memory per step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;help'= {
            cand init 'Make a first skill and a plan that calls it'
            cand new 'Write a new plan'
            cand run 'Prove a plan and run it'
            cand validate 'Report all problems of plans, without running them'
            cand graph 'Show the plan''s dependency graph'
            cand skills 'Manage skills'
            cand policy 'Check and test policies'
            cand runs 'List recorded runs, newest first'
            cand show 'Show a run as it was reported, or a step with all that it wrote'
            cand logs 'Show the records of runs'
            cand verify 'Verify the integrity of recorded runs'
            cand circuits 'List and reset circuit breakers'
            cand doctor 'Check what obs needs: the sandbox, the state, directories, skills, policies'
            cand completions 'Print the completion script for a shell'
            cand man 'Print a page of the manual, or write all pages'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;help;init'= {
        }
        &'obs;help;new'= {
            cand plan 'Write a plan that calls skills, with placeholders for what they require'
        }
        &'obs;help;new;plan'= {
        }
        &'obs;help;run'= {
        }
        &'obs;help;validate'= {
        }
        &'obs;help;graph'= {
        }
        &'obs;help;skills'= {
            cand list 'List all skills'
            cand show 'Show a skill: its command, arguments, permissions, limits and schemas'
            cand check 'Check the manifests of skills'
            cand new 'Write a manifest from a command'
            cand run 'Run one skill, with the same checks as a step of a plan'
        }
        &'obs;help;skills;list'= {
        }
        &'obs;help;skills;show'= {
        }
        &'obs;help;skills;check'= {
        }
        &'obs;help;skills;new'= {
        }
        &'obs;help;skills;run'= {
        }
        &'obs;help;policy'= {
            cand schema 'Print the Cedar schema that policies are checked against'
            cand check 'Check the syntax of policies, and their names against the skills'
            cand test 'Show the decision about each step of a plan, without running it'
        }
        &'obs;help;policy;schema'= {
        }
        &'obs;help;policy;check'= {
        }
        &'obs;help;policy;test'= {
        }
        &'obs;help;runs'= {
            cand prune 'Remove old runs with their records, except those that a flag keeps'
        }
        &'obs;help;runs;prune'= {
        }
        &'obs;help;show'= {
        }
        &'obs;help;logs'= {
        }
        &'obs;help;verify'= {
        }
        &'obs;help;circuits'= {
            cand reset 'Reset a skill''s circuit breaker, so that it can be called again'
        }
        &'obs;help;circuits;reset'= {
        }
        &'obs;help;doctor'= {
        }
        &'obs;help;completions'= {
        }
        &'obs;help;man'= {
        }
        &'obs;help;help'= {
        }
    ]
    $completions[$command]
}
