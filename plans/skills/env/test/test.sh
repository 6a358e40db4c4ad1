#!/bin/sh
set -eu
test -d "$OBS_RUN_DIR/$1"
test "$2" = sound
echo "the build works in $1"
