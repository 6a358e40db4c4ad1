#!/bin/sh
# Text on standard input, JSON on standard output.
set -eu
words=$(wc -w)
printf '{"words": %d}\n' "$words"
