#!/bin/sh
# `git grep -c ''` prints path:lines for every tracked text file; awk adds up by extension.
set -eu
tab=$(printf '\t')
git grep --no-color -I -c '' | awk -F: '
  { lines = $NF; path = $0; sub(/:[0-9]+$/, "", path)
    n = split(path, parts, "/"); base = parts[n]
    language = "other"
    if (base ~ /^(Makefile|Dockerfile|LICENSE)/) language = base
    else if (match(base, /\.[A-Za-z0-9_]+$/) && RSTART > 1) language = substr(base, RSTART + 1)
    gsub(/[^A-Za-z0-9_+.-]/, "_", language)
    files[language]++; total[language] += lines }
  END { for (l in files) printf "%d\t%d\t%s\n", total[l], files[l], l }' |
  sort -t "$tab" -k1,1nr -k3,3 > "$TMPDIR/languages"

{
  printf '## Languages\n\n| language | files | lines |\n|---|---:|---:|\n'
  awk -F"$tab" '{ printf "| %s | %d | %d |\n", $3, $2, $1 }' "$TMPDIR/languages"
} > "$OBS_RUN_DIR/1-languages.md"

awk -F"$tab" 'BEGIN { printf "[" }
  { printf "%s{\"language\": \"%s\", \"files\": %d, \"lines\": %d}", (NR > 1 ? ", " : ""), $3, $2, $1 }
  END { print "]" }' "$TMPDIR/languages"
