# fish completion of obs; the candidates come from obs itself.
# Load it with `obs completions fish | source`, or keep it in ~/.config/fish/completions/obs.fish.

function __obs_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    _OBS_COMPLETE=fish command obs -- $words "$current" 2>/dev/null
end

complete --command obs --no-files --keep-order --arguments '(__obs_complete)'
