
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
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand run 'Prove a plan and run it'
            cand validate 'Say everything that is wrong with a plan, and run nothing'
            cand graph 'Draw which step of a plan waits for which'
            cand skills 'List, show, check, make and try skills'
            cand policy 'Try policies: against the skills there are, and against a plan'
            cand runs 'List the runs that are kept, the newest first'
            cand logs 'Show the records of runs'
            cand verify 'Say whether records are still what they were when they were kept'
            cand circuits 'List the skills that keep failing, and call them again'
            cand doctor 'Show what this machine can enforce, found by trying'
            cand completions 'Print the completion script for a shell'
            cand man 'Print the manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;run'= {
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --max-plan-size 'The largest plan that is read, in bytes'
            cand -j 'The most steps that run at the same time [default: the cores]'
            cand --jobs 'The most steps that run at the same time [default: the cores]'
            cand --resume 'Go on with an earlier run: reuse what succeeded, run the rest'
            cand --circuit-breaker 'Which skills are not called for a while when they keep failing'
            cand --workspace 'The directory that skills work in [default: where obs was started]'
            cand --run-dir 'The directory for files between steps [default: a fresh one, removed at the end]'
            cand --sandbox 'How strictly skills are confined to what their manifests ask for'
            cand --max-memory 'The most memory of each step''s processes together, in MiB; tightens the manifest'
            cand --max-cpu 'The most CPU time of each step''s processes together; tightens the manifest'
            cand --max-processes 'The most processes of each step at the same time; tightens the manifest and the default of 512'
            cand --max-disk 'How much each step may write to its scratch directory and `$RUN_DIR`, in MiB; tightens the manifest'
            cand --secret 'Give skills with the permission `secret:NAME` a value: NAME=env:VARIABLE or NAME=file:PATH; may be given more than once'
            cand --policy 'Permit only what the Cedar policies of a file, or of a directory''s `*.cedar` files, permit'
            cand --allow 'Permit skills by their ids, `*` for any characters; may be given more than once'
            cand --deny 'Forbid skills by their ids, `*` for any characters; may be given more than once'
            cand --max-steps 'Forbid plans that have more steps'
            cand --max-risk 'Forbid steps of a higher risk: info, sensitive, clinical, critical'
            cand --approve 'Approve a critical step in advance, if it calls SKILL; may be given more than once'
            cand --timeout 'Bound on the whole run: replaces the default of 10m, caps the plan''s own'
            cand --step-timeout 'Bound on each step: replaces the default of 120s, caps what plan and manifest say'
            cand --grace-period 'Time between SIGTERM and SIGKILL for skills that don''t say [default: 5s]'
            cand --set 'Set an input of the plan; may be given more than once'
            cand --inputs 'Read inputs of the plan from a JSON or YAML file; `-` reads standard input'
            cand --format 'What standard output gets'
            cand --print 'Print one value of one step''s output, and nothing else, on standard output'
            cand --progress 'How progress is shown on standard error'
            cand --log 'Append every event to FILE as a JSON line'
            cand --request-id 'Your own id for the run [default: obs''s run id]'
            cand --assistant-id 'The assistant that wrote the plan [default: the plan''s `assistant_id`]'
            cand --session-id 'The session that the run belongs to'
            cand --tenant-id 'The tenant'
            cand --user-id 'The user'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand --dry-run 'Prove the plan, show what would run, and run nothing'
            cand --strict 'Refuse a plan that has warnings'
            cand --keep-going 'After a failed step, skip only what depends on it, directly or not'
            cand --fail-fast 'After a failed step, cancel what still runs'
            cand --retry-unsafe 'Do what `retry` says also for skills that are not marked as idempotent'
            cand --rerun-unsafe 'With `--resume`, run steps again that may have had their effect and are not safe to run twice'
            cand --stream 'Show what skills write to standard error while they run'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;validate'= {
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --format 'How problems are shown'
            cand --workspace 'The directory that skills would work in [default: where obs was started]'
            cand --set 'Set an input of the plan; may be given more than once'
            cand --inputs 'Read inputs of the plan from a JSON or YAML file; `-` reads standard input'
            cand --secret 'Give skills with the permission `secret:NAME` a value: NAME=env:VARIABLE or NAME=file:PATH; may be given more than once'
            cand --max-plan-size 'The largest plan that is read, in bytes'
            cand --policy 'Permit only what the Cedar policies of a file, or of a directory''s `*.cedar` files, permit'
            cand --allow 'Permit skills by their ids, `*` for any characters; may be given more than once'
            cand --deny 'Forbid skills by their ids, `*` for any characters; may be given more than once'
            cand --max-steps 'Forbid plans that have more steps'
            cand --max-risk 'Forbid steps of a higher risk: info, sensitive, clinical, critical'
            cand --request-id 'Your own id for the run [default: obs''s run id]'
            cand --assistant-id 'The assistant that wrote the plan [default: the plan''s `assistant_id`]'
            cand --session-id 'The session that the run belongs to'
            cand --tenant-id 'The tenant'
            cand --user-id 'The user'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand --strict 'Take warnings as errors'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;graph'= {
            cand --format 'What is printed'
            cand --max-plan-size 'The largest plan that is read, in bytes'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills'= {
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand list 'List all skills with their descriptions'
            cand show 'Show one skill: what it takes, gives, runs and may do'
            cand check 'Check the manifests of skills'
            cand new 'Write a manifest from a command'
            cand run 'Run one skill, with the same checks as a plan''s step'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;skills;list'= {
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --format 'How it is shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;show'= {
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --format 'How it is shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;check'= {
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --format 'How problems are shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;new'= {
            cand --skills 'The skills root to write to'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;run'= {
            cand --set 'Set an argument; the value is JSON where the schema or its form says so, else text'
            cand --inputs 'Read the arguments from a JSON or YAML file; `-` reads standard input'
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --workspace 'The directory that skills work in [default: where obs was started]'
            cand --run-dir 'The directory for files between steps [default: a fresh one, removed at the end]'
            cand --sandbox 'How strictly skills are confined to what their manifests ask for'
            cand --max-memory 'The most memory of each step''s processes together, in MiB; tightens the manifest'
            cand --max-cpu 'The most CPU time of each step''s processes together; tightens the manifest'
            cand --max-processes 'The most processes of each step at the same time; tightens the manifest and the default of 512'
            cand --max-disk 'How much each step may write to its scratch directory and `$RUN_DIR`, in MiB; tightens the manifest'
            cand --policy 'Permit only what the Cedar policies of a file, or of a directory''s `*.cedar` files, permit'
            cand --allow 'Permit skills by their ids, `*` for any characters; may be given more than once'
            cand --deny 'Forbid skills by their ids, `*` for any characters; may be given more than once'
            cand --max-steps 'Forbid plans that have more steps'
            cand --max-risk 'Forbid steps of a higher risk: info, sensitive, clinical, critical'
            cand --approve 'Approve a critical step in advance, if it calls SKILL; may be given more than once'
            cand --secret 'Give skills with the permission `secret:NAME` a value: NAME=env:VARIABLE or NAME=file:PATH; may be given more than once'
            cand --timeout 'Bound on the whole run: replaces the default of 10m, caps the plan''s own'
            cand --step-timeout 'Bound on each step: replaces the default of 120s, caps what plan and manifest say'
            cand --grace-period 'Time between SIGTERM and SIGKILL for skills that don''t say [default: 5s]'
            cand --request-id 'Your own id for the run [default: obs''s run id]'
            cand --assistant-id 'The assistant that wrote the plan [default: the plan''s `assistant_id`]'
            cand --session-id 'The session that the run belongs to'
            cand --tenant-id 'The tenant'
            cand --user-id 'The user'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;skills;help'= {
            cand list 'List all skills with their descriptions'
            cand show 'Show one skill: what it takes, gives, runs and may do'
            cand check 'Check the manifests of skills'
            cand new 'Write a manifest from a command'
            cand run 'Run one skill, with the same checks as a plan''s step'
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
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand schema 'Print what policies can speak of, as a Cedar schema of the skills there are'
            cand check 'Check policies: their syntax, and whether they speak of what there is'
            cand test 'Show what policies say of each step of a plan, and run nothing'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;policy;schema'= {
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;policy;check'= {
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --format 'How problems are shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;policy;test'= {
            cand --skills 'Look for skills below DIR first; may be given more than once'
            cand --format 'How decisions are shown'
            cand --max-plan-size 'The largest plan that is read, in bytes'
            cand --policy 'Permit only what the Cedar policies of a file, or of a directory''s `*.cedar` files, permit'
            cand --allow 'Permit skills by their ids, `*` for any characters; may be given more than once'
            cand --deny 'Forbid skills by their ids, `*` for any characters; may be given more than once'
            cand --max-steps 'Forbid plans that have more steps'
            cand --max-risk 'Forbid steps of a higher risk: info, sensitive, clinical, critical'
            cand --set 'Set an input of the plan; may be given more than once'
            cand --inputs 'Read inputs of the plan from a JSON or YAML file; `-` reads standard input'
            cand --request-id 'Your own id for the run [default: obs''s run id]'
            cand --assistant-id 'The assistant that wrote the plan [default: the plan''s `assistant_id`]'
            cand --session-id 'The session that the run belongs to'
            cand --tenant-id 'The tenant'
            cand --user-id 'The user'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;policy;help'= {
            cand schema 'Print what policies can speak of, as a Cedar schema of the skills there are'
            cand check 'Check policies: their syntax, and whether they speak of what there is'
            cand test 'Show what policies say of each step of a plan, and run nothing'
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
            cand --status 'Only runs with this status; may be given more than once'
            cand --assistant 'Only runs of this assistant'
            cand --since 'Only runs that began since then: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`'
            cand -n 'No more than N'
            cand --limit 'No more than N'
            cand --format 'How they are shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand prune 'Remove old runs with their records; what any of the flags keeps stays'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;runs;prune'= {
            cand --keep-days 'Keep the runs of the last N days'
            cand --keep-last 'Keep the newest N runs'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand --dry-run 'Only say how many would be removed'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;runs;help'= {
            cand prune 'Remove old runs with their records; what any of the flags keeps stays'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;runs;help;prune'= {
        }
        &'obs;runs;help;help'= {
        }
        &'obs;logs'= {
            cand --step 'Only records of the step with this name or `step_id`'
            cand --skill 'Only records of this skill'
            cand --status 'Only records with this status; may be given more than once'
            cand --since 'Only records of steps that ended since then: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`'
            cand --print 'Print one value of one step''s output, and nothing else'
            cand --format 'How they are shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -f 'Go on with the records of a run in progress until it ends'
            cand --follow 'Go on with the records of a run in progress until it ends'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;verify'= {
            cand --head 'A hash kept elsewhere, or at least its first 16 digits: of the run''s last record; with `--all`, the ledger''s head at that time'
            cand --format 'How the outcome is shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand --all 'Verify all runs that are kept, and the ledger'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;circuits'= {
            cand --format 'How they are shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand reset 'Close the circuit of a skill, so that it is called again'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;circuits;reset'= {
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand --all 'Close all'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;circuits;help'= {
            cand reset 'Close the circuit of a skill, so that it is called again'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;circuits;help;reset'= {
        }
        &'obs;circuits;help;help'= {
        }
        &'obs;doctor'= {
            cand --format 'How it is shown'
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;completions'= {
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;man'= {
            cand --color 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected'
            cand --state-dir 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]'
            cand -q 'Be silent on success; failures are always told'
            cand --quiet 'Be silent on success; failures are always told'
            cand -v 'Tell more: CPU and memory of each step'
            cand --verbose 'Tell more: CPU and memory of each step'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'obs;help'= {
            cand run 'Prove a plan and run it'
            cand validate 'Say everything that is wrong with a plan, and run nothing'
            cand graph 'Draw which step of a plan waits for which'
            cand skills 'List, show, check, make and try skills'
            cand policy 'Try policies: against the skills there are, and against a plan'
            cand runs 'List the runs that are kept, the newest first'
            cand logs 'Show the records of runs'
            cand verify 'Say whether records are still what they were when they were kept'
            cand circuits 'List the skills that keep failing, and call them again'
            cand doctor 'Show what this machine can enforce, found by trying'
            cand completions 'Print the completion script for a shell'
            cand man 'Print the manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'obs;help;run'= {
        }
        &'obs;help;validate'= {
        }
        &'obs;help;graph'= {
        }
        &'obs;help;skills'= {
            cand list 'List all skills with their descriptions'
            cand show 'Show one skill: what it takes, gives, runs and may do'
            cand check 'Check the manifests of skills'
            cand new 'Write a manifest from a command'
            cand run 'Run one skill, with the same checks as a plan''s step'
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
            cand schema 'Print what policies can speak of, as a Cedar schema of the skills there are'
            cand check 'Check policies: their syntax, and whether they speak of what there is'
            cand test 'Show what policies say of each step of a plan, and run nothing'
        }
        &'obs;help;policy;schema'= {
        }
        &'obs;help;policy;check'= {
        }
        &'obs;help;policy;test'= {
        }
        &'obs;help;runs'= {
            cand prune 'Remove old runs with their records; what any of the flags keeps stays'
        }
        &'obs;help;runs;prune'= {
        }
        &'obs;help;logs'= {
        }
        &'obs;help;verify'= {
        }
        &'obs;help;circuits'= {
            cand reset 'Close the circuit of a skill, so that it is called again'
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
