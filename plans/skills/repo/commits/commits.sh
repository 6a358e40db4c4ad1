#!/bin/sh
# Each commit is a line of output, and a row of the report.
set -eu
count=$1
{
  printf '## Recent commits\n\n| date | author | subject |\n|---|---|---|\n'
  git log -n "$count" --no-color --date=short --format='%ad%x09%an%x09%s' |
    awk -F'\t' '{ gsub(/\|/, "\\|"); printf "| %s | %s | %s |\n", $1, $2, $3 }'
} > "$OBS_RUN_DIR/3-commits.md"
git log -n "$count" --no-color --date=short --format='%h %ad %s'
