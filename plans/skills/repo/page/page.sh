#!/bin/sh
set -eu
printf '# %s\n\n' "$1"
newest=$2
shift 2
printf -- '- %s\n' "$@"
printf '\nThe latest commit: %s\n' "$newest"
