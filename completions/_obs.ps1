
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'obs' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'obs'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'obs' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Prove a plan and run it')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Say everything that is wrong with a plan, and run nothing')
            [CompletionResult]::new('graph', 'graph', [CompletionResultType]::ParameterValue, 'Draw which step of a plan waits for which')
            [CompletionResult]::new('skills', 'skills', [CompletionResultType]::ParameterValue, 'List, show, check, make and try skills')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Try policies: against the skills there are, and against a plan')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List the runs that are kept, the newest first')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Show the records of runs')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Say whether records are still what they were when they were kept')
            [CompletionResult]::new('circuits', 'circuits', [CompletionResultType]::ParameterValue, 'List the skills that keep failing, and call them again')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Show what this machine can enforce, found by trying')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;run' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--max-plan-size', '--max-plan-size', [CompletionResultType]::ParameterName, 'The largest plan that is read, in bytes')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'The most steps that run at the same time [default: the cores]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'The most steps that run at the same time [default: the cores]')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on with an earlier run: reuse what succeeded, run the rest')
            [CompletionResult]::new('--circuit-breaker', '--circuit-breaker', [CompletionResultType]::ParameterName, 'Which skills are not called for a while when they keep failing')
            [CompletionResult]::new('--workspace', '--workspace', [CompletionResultType]::ParameterName, 'The directory that skills work in [default: where obs was started]')
            [CompletionResult]::new('--run-dir', '--run-dir', [CompletionResultType]::ParameterName, 'The directory for files between steps [default: a fresh one, removed at the end]')
            [CompletionResult]::new('--sandbox', '--sandbox', [CompletionResultType]::ParameterName, 'How strictly skills are confined to what their manifests ask for')
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'The most memory of each step''s processes together, in MiB; tightens the manifest')
            [CompletionResult]::new('--max-cpu', '--max-cpu', [CompletionResultType]::ParameterName, 'The most CPU time of each step''s processes together; tightens the manifest')
            [CompletionResult]::new('--max-processes', '--max-processes', [CompletionResultType]::ParameterName, 'The most processes of each step at the same time; tightens the manifest and the default of 512')
            [CompletionResult]::new('--max-disk', '--max-disk', [CompletionResultType]::ParameterName, 'How much each step may write to its scratch directory and `$RUN_DIR`, in MiB; tightens the manifest')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Give skills with the permission `secret:NAME` a value: NAME=env:VARIABLE or NAME=file:PATH; may be given more than once')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'Permit only what the Cedar policies of a file, or of a directory''s `*.cedar` files, permit')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Permit skills by their ids, `*` for any characters; may be given more than once')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Forbid skills by their ids, `*` for any characters; may be given more than once')
            [CompletionResult]::new('--max-steps', '--max-steps', [CompletionResultType]::ParameterName, 'Forbid plans that have more steps')
            [CompletionResult]::new('--max-risk', '--max-risk', [CompletionResultType]::ParameterName, 'Forbid steps of a higher risk: info, sensitive, clinical, critical')
            [CompletionResult]::new('--approve', '--approve', [CompletionResultType]::ParameterName, 'Approve a critical step in advance, if it calls SKILL; may be given more than once')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Bound on the whole run: replaces the default of 10m, caps the plan''s own')
            [CompletionResult]::new('--step-timeout', '--step-timeout', [CompletionResultType]::ParameterName, 'Bound on each step: replaces the default of 120s, caps what plan and manifest say')
            [CompletionResult]::new('--grace-period', '--grace-period', [CompletionResultType]::ParameterName, 'Time between SIGTERM and SIGKILL for skills that don''t say [default: 5s]')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set an input of the plan; may be given more than once')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Read inputs of the plan from a JSON or YAML file; `-` reads standard input')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What standard output gets')
            [CompletionResult]::new('--print', '--print', [CompletionResultType]::ParameterName, 'Print one value of one step''s output, and nothing else, on standard output')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How progress is shown on standard error')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Append every event to FILE as a JSON line')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Your own id for the run [default: obs''s run id]')
            [CompletionResult]::new('--assistant-id', '--assistant-id', [CompletionResultType]::ParameterName, 'The assistant that wrote the plan [default: the plan''s `assistant_id`]')
            [CompletionResult]::new('--session-id', '--session-id', [CompletionResultType]::ParameterName, 'The session that the run belongs to')
            [CompletionResult]::new('--tenant-id', '--tenant-id', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--user-id', '--user-id', [CompletionResultType]::ParameterName, 'The user')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Prove the plan, show what would run, and run nothing')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Refuse a plan that has warnings')
            [CompletionResult]::new('--keep-going', '--keep-going', [CompletionResultType]::ParameterName, 'After a failed step, skip only what depends on it, directly or not')
            [CompletionResult]::new('--fail-fast', '--fail-fast', [CompletionResultType]::ParameterName, 'After a failed step, cancel what still runs')
            [CompletionResult]::new('--retry-unsafe', '--retry-unsafe', [CompletionResultType]::ParameterName, 'Do what `retry` says also for skills that are not marked as idempotent')
            [CompletionResult]::new('--rerun-unsafe', '--rerun-unsafe', [CompletionResultType]::ParameterName, 'With `--resume`, run steps again that may have had their effect and are not safe to run twice')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'Show what skills write to standard error while they run')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;validate' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How problems are shown')
            [CompletionResult]::new('--workspace', '--workspace', [CompletionResultType]::ParameterName, 'The directory that skills would work in [default: where obs was started]')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set an input of the plan; may be given more than once')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Read inputs of the plan from a JSON or YAML file; `-` reads standard input')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Give skills with the permission `secret:NAME` a value: NAME=env:VARIABLE or NAME=file:PATH; may be given more than once')
            [CompletionResult]::new('--max-plan-size', '--max-plan-size', [CompletionResultType]::ParameterName, 'The largest plan that is read, in bytes')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'Permit only what the Cedar policies of a file, or of a directory''s `*.cedar` files, permit')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Permit skills by their ids, `*` for any characters; may be given more than once')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Forbid skills by their ids, `*` for any characters; may be given more than once')
            [CompletionResult]::new('--max-steps', '--max-steps', [CompletionResultType]::ParameterName, 'Forbid plans that have more steps')
            [CompletionResult]::new('--max-risk', '--max-risk', [CompletionResultType]::ParameterName, 'Forbid steps of a higher risk: info, sensitive, clinical, critical')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Your own id for the run [default: obs''s run id]')
            [CompletionResult]::new('--assistant-id', '--assistant-id', [CompletionResultType]::ParameterName, 'The assistant that wrote the plan [default: the plan''s `assistant_id`]')
            [CompletionResult]::new('--session-id', '--session-id', [CompletionResultType]::ParameterName, 'The session that the run belongs to')
            [CompletionResult]::new('--tenant-id', '--tenant-id', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--user-id', '--user-id', [CompletionResultType]::ParameterName, 'The user')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Take warnings as errors')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;graph' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What is printed')
            [CompletionResult]::new('--max-plan-size', '--max-plan-size', [CompletionResultType]::ParameterName, 'The largest plan that is read, in bytes')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all skills with their descriptions')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one skill: what it takes, gives, runs and may do')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the manifests of skills')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a manifest from a command')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run one skill, with the same checks as a plan''s step')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;skills;list' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How it is shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;show' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How it is shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;check' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How problems are shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;new' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'The skills root to write to')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;run' {
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set an argument; the value is JSON where the schema or its form says so, else text')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Read the arguments from a JSON or YAML file; `-` reads standard input')
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--workspace', '--workspace', [CompletionResultType]::ParameterName, 'The directory that skills work in [default: where obs was started]')
            [CompletionResult]::new('--run-dir', '--run-dir', [CompletionResultType]::ParameterName, 'The directory for files between steps [default: a fresh one, removed at the end]')
            [CompletionResult]::new('--sandbox', '--sandbox', [CompletionResultType]::ParameterName, 'How strictly skills are confined to what their manifests ask for')
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'The most memory of each step''s processes together, in MiB; tightens the manifest')
            [CompletionResult]::new('--max-cpu', '--max-cpu', [CompletionResultType]::ParameterName, 'The most CPU time of each step''s processes together; tightens the manifest')
            [CompletionResult]::new('--max-processes', '--max-processes', [CompletionResultType]::ParameterName, 'The most processes of each step at the same time; tightens the manifest and the default of 512')
            [CompletionResult]::new('--max-disk', '--max-disk', [CompletionResultType]::ParameterName, 'How much each step may write to its scratch directory and `$RUN_DIR`, in MiB; tightens the manifest')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'Permit only what the Cedar policies of a file, or of a directory''s `*.cedar` files, permit')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Permit skills by their ids, `*` for any characters; may be given more than once')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Forbid skills by their ids, `*` for any characters; may be given more than once')
            [CompletionResult]::new('--max-steps', '--max-steps', [CompletionResultType]::ParameterName, 'Forbid plans that have more steps')
            [CompletionResult]::new('--max-risk', '--max-risk', [CompletionResultType]::ParameterName, 'Forbid steps of a higher risk: info, sensitive, clinical, critical')
            [CompletionResult]::new('--approve', '--approve', [CompletionResultType]::ParameterName, 'Approve a critical step in advance, if it calls SKILL; may be given more than once')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Give skills with the permission `secret:NAME` a value: NAME=env:VARIABLE or NAME=file:PATH; may be given more than once')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Bound on the whole run: replaces the default of 10m, caps the plan''s own')
            [CompletionResult]::new('--step-timeout', '--step-timeout', [CompletionResultType]::ParameterName, 'Bound on each step: replaces the default of 120s, caps what plan and manifest say')
            [CompletionResult]::new('--grace-period', '--grace-period', [CompletionResultType]::ParameterName, 'Time between SIGTERM and SIGKILL for skills that don''t say [default: 5s]')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Your own id for the run [default: obs''s run id]')
            [CompletionResult]::new('--assistant-id', '--assistant-id', [CompletionResultType]::ParameterName, 'The assistant that wrote the plan [default: the plan''s `assistant_id`]')
            [CompletionResult]::new('--session-id', '--session-id', [CompletionResultType]::ParameterName, 'The session that the run belongs to')
            [CompletionResult]::new('--tenant-id', '--tenant-id', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--user-id', '--user-id', [CompletionResultType]::ParameterName, 'The user')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all skills with their descriptions')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one skill: what it takes, gives, runs and may do')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the manifests of skills')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a manifest from a command')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run one skill, with the same checks as a plan''s step')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;skills;help;list' {
            break
        }
        'obs;skills;help;show' {
            break
        }
        'obs;skills;help;check' {
            break
        }
        'obs;skills;help;new' {
            break
        }
        'obs;skills;help;run' {
            break
        }
        'obs;skills;help;help' {
            break
        }
        'obs;policy' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print what policies can speak of, as a Cedar schema of the skills there are')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check policies: their syntax, and whether they speak of what there is')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Show what policies say of each step of a plan, and run nothing')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;policy;schema' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;policy;check' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How problems are shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;policy;test' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Look for skills below DIR first; may be given more than once')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How decisions are shown')
            [CompletionResult]::new('--max-plan-size', '--max-plan-size', [CompletionResultType]::ParameterName, 'The largest plan that is read, in bytes')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'Permit only what the Cedar policies of a file, or of a directory''s `*.cedar` files, permit')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Permit skills by their ids, `*` for any characters; may be given more than once')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Forbid skills by their ids, `*` for any characters; may be given more than once')
            [CompletionResult]::new('--max-steps', '--max-steps', [CompletionResultType]::ParameterName, 'Forbid plans that have more steps')
            [CompletionResult]::new('--max-risk', '--max-risk', [CompletionResultType]::ParameterName, 'Forbid steps of a higher risk: info, sensitive, clinical, critical')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set an input of the plan; may be given more than once')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Read inputs of the plan from a JSON or YAML file; `-` reads standard input')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Your own id for the run [default: obs''s run id]')
            [CompletionResult]::new('--assistant-id', '--assistant-id', [CompletionResultType]::ParameterName, 'The assistant that wrote the plan [default: the plan''s `assistant_id`]')
            [CompletionResult]::new('--session-id', '--session-id', [CompletionResultType]::ParameterName, 'The session that the run belongs to')
            [CompletionResult]::new('--tenant-id', '--tenant-id', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--user-id', '--user-id', [CompletionResultType]::ParameterName, 'The user')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;policy;help' {
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print what policies can speak of, as a Cedar schema of the skills there are')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check policies: their syntax, and whether they speak of what there is')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Show what policies say of each step of a plan, and run nothing')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;policy;help;schema' {
            break
        }
        'obs;policy;help;check' {
            break
        }
        'obs;policy;help;test' {
            break
        }
        'obs;policy;help;help' {
            break
        }
        'obs;runs' {
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only runs with this status; may be given more than once')
            [CompletionResult]::new('--assistant', '--assistant', [CompletionResultType]::ParameterName, 'Only runs of this assistant')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only runs that began since then: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'No more than N')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'No more than N')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How they are shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove old runs with their records; what any of the flags keeps stays')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;runs;prune' {
            [CompletionResult]::new('--keep-days', '--keep-days', [CompletionResultType]::ParameterName, 'Keep the runs of the last N days')
            [CompletionResult]::new('--keep-last', '--keep-last', [CompletionResultType]::ParameterName, 'Keep the newest N runs')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only say how many would be removed')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;runs;help' {
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove old runs with their records; what any of the flags keeps stays')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;runs;help;prune' {
            break
        }
        'obs;runs;help;help' {
            break
        }
        'obs;logs' {
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Only records of the step with this name or `step_id`')
            [CompletionResult]::new('--skill', '--skill', [CompletionResultType]::ParameterName, 'Only records of this skill')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only records with this status; may be given more than once')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only records of steps that ended since then: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`')
            [CompletionResult]::new('--print', '--print', [CompletionResultType]::ParameterName, 'Print one value of one step''s output, and nothing else')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How they are shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on with the records of a run in progress until it ends')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on with the records of a run in progress until it ends')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;verify' {
            [CompletionResult]::new('--head', '--head', [CompletionResultType]::ParameterName, 'A hash kept elsewhere, or at least its first 16 digits: of the run''s last record; with `--all`, the ledger''s head at that time')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How the outcome is shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Verify all runs that are kept, and the ledger')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;circuits' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How they are shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Close the circuit of a skill, so that it is called again')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;circuits;reset' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Close all')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;circuits;help' {
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Close the circuit of a skill, so that it is called again')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;circuits;help;reset' {
            break
        }
        'obs;circuits;help;help' {
            break
        }
        'obs;doctor' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How it is shown')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;man' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where runs, records and circuits are kept; `none` keeps nothing [default: `$XDG_STATE_HOME/obs`, else ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; failures are always told')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell more: CPU and memory of each step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;help' {
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Prove a plan and run it')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Say everything that is wrong with a plan, and run nothing')
            [CompletionResult]::new('graph', 'graph', [CompletionResultType]::ParameterValue, 'Draw which step of a plan waits for which')
            [CompletionResult]::new('skills', 'skills', [CompletionResultType]::ParameterValue, 'List, show, check, make and try skills')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Try policies: against the skills there are, and against a plan')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List the runs that are kept, the newest first')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Show the records of runs')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Say whether records are still what they were when they were kept')
            [CompletionResult]::new('circuits', 'circuits', [CompletionResultType]::ParameterValue, 'List the skills that keep failing, and call them again')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Show what this machine can enforce, found by trying')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;help;run' {
            break
        }
        'obs;help;validate' {
            break
        }
        'obs;help;graph' {
            break
        }
        'obs;help;skills' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all skills with their descriptions')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one skill: what it takes, gives, runs and may do')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the manifests of skills')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a manifest from a command')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run one skill, with the same checks as a plan''s step')
            break
        }
        'obs;help;skills;list' {
            break
        }
        'obs;help;skills;show' {
            break
        }
        'obs;help;skills;check' {
            break
        }
        'obs;help;skills;new' {
            break
        }
        'obs;help;skills;run' {
            break
        }
        'obs;help;policy' {
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print what policies can speak of, as a Cedar schema of the skills there are')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check policies: their syntax, and whether they speak of what there is')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Show what policies say of each step of a plan, and run nothing')
            break
        }
        'obs;help;policy;schema' {
            break
        }
        'obs;help;policy;check' {
            break
        }
        'obs;help;policy;test' {
            break
        }
        'obs;help;runs' {
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove old runs with their records; what any of the flags keeps stays')
            break
        }
        'obs;help;runs;prune' {
            break
        }
        'obs;help;logs' {
            break
        }
        'obs;help;verify' {
            break
        }
        'obs;help;circuits' {
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Close the circuit of a skill, so that it is called again')
            break
        }
        'obs;help;circuits;reset' {
            break
        }
        'obs;help;doctor' {
            break
        }
        'obs;help;completions' {
            break
        }
        'obs;help;man' {
            break
        }
        'obs;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
