#!/bin/sh
set -eu
printf 'It was looked at as of %s, of %s.\n' "$1" "$2"
printf 'Most of it is %s: %s lines.\n' "$3" "$4"
printf 'It has %s files, and %s lines that somebody marked.\n' "$5" "$6"
