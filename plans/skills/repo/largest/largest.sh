#!/bin/sh
# Sizes come from the tree of HEAD, so that files outside of git do not count.
set -eu
count=$1
git ls-tree -r -l --full-tree HEAD | awk '$2 == "blob" { print $4 "\t" substr($0, index($0, "\t") + 1) }' |
  sort -k1,1nr > "$TMPDIR/sizes"

{
  printf '## Largest files\n\n| file | bytes |\n|---|---:|\n'
  awk -F'\t' -v count="$count" 'NR <= count { gsub(/\|/, "\\|", $2); printf "| %s | %d |\n", $2, $1 }' "$TMPDIR/sizes"
} > "$OBS_RUN_DIR/2-largest.md"

awk '{ bytes += $1 } END { printf "{\"files\": %d, \"bytes\": %d}\n", NR, bytes }' "$TMPDIR/sizes"
