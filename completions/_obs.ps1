
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
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Make a first skill and a plan that calls it')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a new plan')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Prove a plan and run it')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Report all problems of plans, without running them')
            [CompletionResult]::new('graph', 'graph', [CompletionResultType]::ParameterValue, 'Show the plan''s dependency graph')
            [CompletionResult]::new('skills', 'skills', [CompletionResultType]::ParameterValue, 'Manage skills')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Check and test policies')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List recorded runs, newest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a run as it was reported, or a step with all that it wrote')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Show the records of runs')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Verify the integrity of recorded runs')
            [CompletionResult]::new('circuits', 'circuits', [CompletionResultType]::ParameterValue, 'List and reset circuit breakers')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check what obs needs: the sandbox, the state, directories, skills, policies')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a page of the manual, or write all pages')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;init' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;new' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Write a plan that calls skills, with placeholders for what they require')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;new;plan' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to FILE, which must not exist [default: standard output]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to FILE, which must not exist [default: standard output]')
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;new;help' {
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Write a plan that calls skills, with placeholders for what they require')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;new;help;plan' {
            break
        }
        'obs;new;help;help' {
            break
        }
        'obs;run' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--max-plan-size', '--max-plan-size', [CompletionResultType]::ParameterName, 'Maximum size of the plan')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Maximum number of concurrent steps [default: the number of cores]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Maximum number of concurrent steps [default: the number of cores]')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Resume an earlier run: reuse what succeeded, run the rest')
            [CompletionResult]::new('--circuit-breaker', '--circuit-breaker', [CompletionResultType]::ParameterName, 'Which skills have a circuit breaker')
            [CompletionResult]::new('--keep-days', '--keep-days', [CompletionResultType]::ParameterName, 'When the run ends, remove runs older than N days; 0 removes none')
            [CompletionResult]::new('--keep-last', '--keep-last', [CompletionResultType]::ParameterName, 'When the run ends, remove all but the newest N runs; 0 removes none')
            [CompletionResult]::new('--workspace', '--workspace', [CompletionResultType]::ParameterName, 'Working directory of skills [default: the current directory]')
            [CompletionResult]::new('--run-dir', '--run-dir', [CompletionResultType]::ParameterName, 'Directory that steps share as `$RUN_DIR` [default: a temporary one]')
            [CompletionResult]::new('--sandbox', '--sandbox', [CompletionResultType]::ParameterName, 'How strictly skills are confined')
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Memory limit of each step, all its processes together')
            [CompletionResult]::new('--max-cpu', '--max-cpu', [CompletionResultType]::ParameterName, 'CPU time limit of each step, all its processes together')
            [CompletionResult]::new('--max-processes', '--max-processes', [CompletionResultType]::ParameterName, 'Limit on concurrent processes of each step [default: 512]')
            [CompletionResult]::new('--max-disk', '--max-disk', [CompletionResultType]::ParameterName, 'Limit on what each step writes to its scratch directory and `$RUN_DIR`')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'Permit only what these Cedar policies permit')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Permit skills by id; repeatable')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Forbid skills by id; repeatable')
            [CompletionResult]::new('--max-steps', '--max-steps', [CompletionResultType]::ParameterName, 'Forbid plans with more steps')
            [CompletionResult]::new('--max-risk', '--max-risk', [CompletionResultType]::ParameterName, 'Forbid steps above info, sensitive, clinical or critical')
            [CompletionResult]::new('--approve', '--approve', [CompletionResultType]::ParameterName, 'Approve a critical step in advance; repeatable')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Timeout of the run [default: 10m]')
            [CompletionResult]::new('--step-timeout', '--step-timeout', [CompletionResultType]::ParameterName, 'Timeout of each step, with all its attempts [default: 120s]')
            [CompletionResult]::new('--grace-period', '--grace-period', [CompletionResultType]::ParameterName, 'Time between SIGTERM and SIGKILL [default: 5s]')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set an input of the plan; repeatable')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Read inputs from a JSON or YAML file; `-` is standard input')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on standard output')
            [CompletionResult]::new('--print', '--print', [CompletionResultType]::ParameterName, 'Print only one value of a step''s output')
            [CompletionResult]::new('--progress', '--progress', [CompletionResultType]::ParameterName, 'How to show progress on standard error')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Append every event to FILE as JSON lines')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Your id for the run [default: the run id]')
            [CompletionResult]::new('--assistant-id', '--assistant-id', [CompletionResultType]::ParameterName, 'The assistant that wrote the plan [default: the plan''s `assistant_id`]')
            [CompletionResult]::new('--session-id', '--session-id', [CompletionResultType]::ParameterName, 'The session of the run')
            [CompletionResult]::new('--tenant-id', '--tenant-id', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--user-id', '--user-id', [CompletionResultType]::ParameterName, 'The user')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Prove the plan and show what would run, without running it')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Treat warnings as errors')
            [CompletionResult]::new('--keep-going', '--keep-going', [CompletionResultType]::ParameterName, 'After a failure, skip only steps that depend on it')
            [CompletionResult]::new('--fail-fast', '--fail-fast', [CompletionResultType]::ParameterName, 'After a failure, cancel running steps')
            [CompletionResult]::new('--retry-unsafe', '--retry-unsafe', [CompletionResultType]::ParameterName, 'Apply `retry` also to skills that are not idempotent')
            [CompletionResult]::new('--rerun-unsafe', '--rerun-unsafe', [CompletionResultType]::ParameterName, 'With `--resume`, also run unsafe steps a second time')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'Show what skills write while they run')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;validate' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--workspace', '--workspace', [CompletionResultType]::ParameterName, 'Working directory of skills [default: the current directory]')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set an input of the plan; repeatable')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Read inputs from a JSON or YAML file; `-` is standard input')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable')
            [CompletionResult]::new('--max-plan-size', '--max-plan-size', [CompletionResultType]::ParameterName, 'Maximum size of the plan')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'Permit only what these Cedar policies permit')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Permit skills by id; repeatable')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Forbid skills by id; repeatable')
            [CompletionResult]::new('--max-steps', '--max-steps', [CompletionResultType]::ParameterName, 'Forbid plans with more steps')
            [CompletionResult]::new('--max-risk', '--max-risk', [CompletionResultType]::ParameterName, 'Forbid steps above info, sensitive, clinical or critical')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Your id for the run [default: the run id]')
            [CompletionResult]::new('--assistant-id', '--assistant-id', [CompletionResultType]::ParameterName, 'The assistant that wrote the plan [default: the plan''s `assistant_id`]')
            [CompletionResult]::new('--session-id', '--session-id', [CompletionResultType]::ParameterName, 'The session of the run')
            [CompletionResult]::new('--tenant-id', '--tenant-id', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--user-id', '--user-id', [CompletionResultType]::ParameterName, 'The user')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Treat warnings as errors')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;graph' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--max-plan-size', '--max-plan-size', [CompletionResultType]::ParameterName, 'Maximum size of the plan')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all skills')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a skill: its command, arguments, permissions, limits and schemas')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the manifests of skills')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a manifest from a command')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run one skill, with the same checks as a step of a plan')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;skills;list' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;show' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;check' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Treat warnings as errors')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;new' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'The skills root to write to')
            [CompletionResult]::new('--description', '--description', [CompletionResultType]::ParameterName, 'What it does, in one line: models choose skills by it')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What its standard output is [default: text]')
            [CompletionResult]::new('--permission', '--permission', [CompletionResultType]::ParameterName, 'What it needs beyond the default grants; repeatable')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Timeout of one attempt')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--tool', '--tool', [CompletionResultType]::ParameterName, 'Make it a tool: steps call it with `type: tool`')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;run' {
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set an argument; repeatable')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Read arguments from a JSON or YAML file; `-` is standard input')
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--workspace', '--workspace', [CompletionResultType]::ParameterName, 'Working directory of skills [default: the current directory]')
            [CompletionResult]::new('--run-dir', '--run-dir', [CompletionResultType]::ParameterName, 'Directory that steps share as `$RUN_DIR` [default: a temporary one]')
            [CompletionResult]::new('--sandbox', '--sandbox', [CompletionResultType]::ParameterName, 'How strictly skills are confined')
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Memory limit of each step, all its processes together')
            [CompletionResult]::new('--max-cpu', '--max-cpu', [CompletionResultType]::ParameterName, 'CPU time limit of each step, all its processes together')
            [CompletionResult]::new('--max-processes', '--max-processes', [CompletionResultType]::ParameterName, 'Limit on concurrent processes of each step [default: 512]')
            [CompletionResult]::new('--max-disk', '--max-disk', [CompletionResultType]::ParameterName, 'Limit on what each step writes to its scratch directory and `$RUN_DIR`')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'Permit only what these Cedar policies permit')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Permit skills by id; repeatable')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Forbid skills by id; repeatable')
            [CompletionResult]::new('--max-steps', '--max-steps', [CompletionResultType]::ParameterName, 'Forbid plans with more steps')
            [CompletionResult]::new('--max-risk', '--max-risk', [CompletionResultType]::ParameterName, 'Forbid steps above info, sensitive, clinical or critical')
            [CompletionResult]::new('--approve', '--approve', [CompletionResultType]::ParameterName, 'Approve a critical step in advance; repeatable')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Timeout of the run [default: 10m]')
            [CompletionResult]::new('--step-timeout', '--step-timeout', [CompletionResultType]::ParameterName, 'Timeout of each step, with all its attempts [default: 120s]')
            [CompletionResult]::new('--grace-period', '--grace-period', [CompletionResultType]::ParameterName, 'Time between SIGTERM and SIGKILL [default: 5s]')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Your id for the run [default: the run id]')
            [CompletionResult]::new('--assistant-id', '--assistant-id', [CompletionResultType]::ParameterName, 'The assistant that wrote the plan [default: the plan''s `assistant_id`]')
            [CompletionResult]::new('--session-id', '--session-id', [CompletionResultType]::ParameterName, 'The session of the run')
            [CompletionResult]::new('--tenant-id', '--tenant-id', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--user-id', '--user-id', [CompletionResultType]::ParameterName, 'The user')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;skills;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all skills')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a skill: its command, arguments, permissions, limits and schemas')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the manifests of skills')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a manifest from a command')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run one skill, with the same checks as a step of a plan')
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
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the Cedar schema that policies are checked against')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the syntax of policies, and their names against the skills')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Show the decision about each step of a plan, without running it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;policy;schema' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;policy;check' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;policy;test' {
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--max-plan-size', '--max-plan-size', [CompletionResultType]::ParameterName, 'Maximum size of the plan')
            [CompletionResult]::new('--policy', '--policy', [CompletionResultType]::ParameterName, 'Permit only what these Cedar policies permit')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Permit skills by id; repeatable')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Forbid skills by id; repeatable')
            [CompletionResult]::new('--max-steps', '--max-steps', [CompletionResultType]::ParameterName, 'Forbid plans with more steps')
            [CompletionResult]::new('--max-risk', '--max-risk', [CompletionResultType]::ParameterName, 'Forbid steps above info, sensitive, clinical or critical')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set an input of the plan; repeatable')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Read inputs from a JSON or YAML file; `-` is standard input')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Your id for the run [default: the run id]')
            [CompletionResult]::new('--assistant-id', '--assistant-id', [CompletionResultType]::ParameterName, 'The assistant that wrote the plan [default: the plan''s `assistant_id`]')
            [CompletionResult]::new('--session-id', '--session-id', [CompletionResultType]::ParameterName, 'The session of the run')
            [CompletionResult]::new('--tenant-id', '--tenant-id', [CompletionResultType]::ParameterName, 'The tenant')
            [CompletionResult]::new('--user-id', '--user-id', [CompletionResultType]::ParameterName, 'The user')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;policy;help' {
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the Cedar schema that policies are checked against')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the syntax of policies, and their names against the skills')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Show the decision about each step of a plan, without running it')
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
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only runs with this status; repeatable')
            [CompletionResult]::new('--assistant', '--assistant', [CompletionResultType]::ParameterName, 'Only runs of this assistant')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only runs that started since: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'At most N runs; 0 lists all')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most N runs; 0 lists all')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--utc', '--utc', [CompletionResultType]::ParameterName, 'Show when runs started instead of how long ago that was')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove old runs with their records, except those that a flag keeps')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;runs;prune' {
            [CompletionResult]::new('--keep-days', '--keep-days', [CompletionResultType]::ParameterName, 'Keep the runs of the last N days')
            [CompletionResult]::new('--keep-last', '--keep-last', [CompletionResultType]::ParameterName, 'Keep the newest N runs')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print how many runs would be removed, without removing them')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;runs;help' {
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove old runs with their records, except those that a flag keeps')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;runs;help;prune' {
            break
        }
        'obs;runs;help;help' {
            break
        }
        'obs;show' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--no-pager', '--no-pager', [CompletionResultType]::ParameterName, 'Print to the terminal at once, without a pager')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;logs' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Only the last N records; 0 shows all')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Only the last N records; 0 shows all')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Only records of the step with this name or `step_id`')
            [CompletionResult]::new('--skill', '--skill', [CompletionResultType]::ParameterName, 'Only records of this skill')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only records with this status; repeatable')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only records of steps that ended since: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`')
            [CompletionResult]::new('--print', '--print', [CompletionResultType]::ParameterName, 'Print only one value of a step''s output')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'The records of all runs')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Follow a run in progress until it ends')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Follow a run in progress until it ends')
            [CompletionResult]::new('--no-pager', '--no-pager', [CompletionResultType]::ParameterName, 'Print to the terminal at once, without a pager')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;verify' {
            [CompletionResult]::new('--head', '--head', [CompletionResultType]::ParameterName, 'The expected hash of the run''s last record, or its first 16 digits or more')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Verify all recorded runs and the ledger')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;circuits' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Reset a skill''s circuit breaker, so that it can be called again')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;circuits;reset' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Reset all')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;circuits;help' {
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Reset a skill''s circuit breaker, so that it can be called again')
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
            [CompletionResult]::new('--skills', '--skills', [CompletionResultType]::ParameterName, 'Search DIR for skills first; repeatable')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;man' {
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write a page for each verb to DIR: `obs.1`, `obs-run.1` and so on')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colors')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Directory of the state, or `none` [default: ~/.local/state/obs]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Be silent on success; always report failures')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show CPU and memory per step')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'obs;help' {
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Make a first skill and a plan that calls it')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a new plan')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Prove a plan and run it')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Report all problems of plans, without running them')
            [CompletionResult]::new('graph', 'graph', [CompletionResultType]::ParameterValue, 'Show the plan''s dependency graph')
            [CompletionResult]::new('skills', 'skills', [CompletionResultType]::ParameterValue, 'Manage skills')
            [CompletionResult]::new('policy', 'policy', [CompletionResultType]::ParameterValue, 'Check and test policies')
            [CompletionResult]::new('runs', 'runs', [CompletionResultType]::ParameterValue, 'List recorded runs, newest first')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a run as it was reported, or a step with all that it wrote')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Show the records of runs')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Verify the integrity of recorded runs')
            [CompletionResult]::new('circuits', 'circuits', [CompletionResultType]::ParameterValue, 'List and reset circuit breakers')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check what obs needs: the sandbox, the state, directories, skills, policies')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a page of the manual, or write all pages')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'obs;help;init' {
            break
        }
        'obs;help;new' {
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Write a plan that calls skills, with placeholders for what they require')
            break
        }
        'obs;help;new;plan' {
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
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List all skills')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a skill: its command, arguments, permissions, limits and schemas')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the manifests of skills')
            [CompletionResult]::new('new', 'new', [CompletionResultType]::ParameterValue, 'Write a manifest from a command')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run one skill, with the same checks as a step of a plan')
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
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the Cedar schema that policies are checked against')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check the syntax of policies, and their names against the skills')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Show the decision about each step of a plan, without running it')
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
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove old runs with their records, except those that a flag keeps')
            break
        }
        'obs;help;runs;prune' {
            break
        }
        'obs;help;show' {
            break
        }
        'obs;help;logs' {
            break
        }
        'obs;help;verify' {
            break
        }
        'obs;help;circuits' {
            [CompletionResult]::new('reset', 'reset', [CompletionResultType]::ParameterValue, 'Reset a skill''s circuit breaker, so that it can be called again')
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
