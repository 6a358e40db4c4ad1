#!/bin/sh
# Markdown becomes a JSON string: backslash, quote and tab are escaped, other control characters
# dropped, line feeds written as \n.
set -eu
title=$1
parts=0
{
  printf '# %s\n' "$title"
  for part in "$OBS_RUN_DIR"/[0-9]*.md; do
    [ -e "$part" ] || continue
    printf '\n'
    cat "$part"
  done
} > "$TMPDIR/report.md"
for part in "$OBS_RUN_DIR"/[0-9]*.md; do
  [ ! -e "$part" ] || parts=$((parts + 1))
done

printf '{"parts": %d, "markdown": "' "$parts"
tr -d '\000-\010\013-\037\177' < "$TMPDIR/report.md" |
  LC_ALL=C sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g' |
  LC_ALL=C awk '{ printf "%s\\n", $0 }'
printf '"}\n'
