#!/bin/sh
# `git grep` exits 1 where nothing matches, which is an answer and no failure.
set -eu
pattern=$(printf '%s\\|' "$@" | sed 's/\\|$//')
git grep --no-color -n -I -w -e "\\($pattern\\)" > "$TMPDIR/todos" || [ $? -eq 1 ]
count=$(wc -l < "$TMPDIR/todos")

{
  printf '## Marks (%s)\n\n' "$*"
  if [ "$count" -eq 0 ]; then
    printf 'None.\n'
  else
    head -n 50 "$TMPDIR/todos" | cut -c 1-160 | sed 's/`/'"'"'/g; s/^/- `/; s/$/`/'
    [ "$count" -le 50 ] || printf '\nand %d more\n' $((count - 50))
  fi
} > "$OBS_RUN_DIR/4-todos.md"

printf '{"count": %d}\n' "$count"
