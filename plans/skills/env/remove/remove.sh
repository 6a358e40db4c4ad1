#!/bin/sh
set -eu
rm -rf -- "$OBS_RUN_DIR/$1"
echo "removed $1"
