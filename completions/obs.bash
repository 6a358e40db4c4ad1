# bash completion of obs; the candidates come from obs itself.
# Load it with `source <(obs completions bash)`, or keep it in
# ~/.local/share/bash-completion/completions/obs.

_obs() {
    COMPREPLY=()
    local candidate
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(_OBS_COMPLETE=bash obs -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -o nosort -F _obs obs 2>/dev/null || complete -F _obs obs
