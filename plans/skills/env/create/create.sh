#!/bin/sh
set -eu
mkdir "$OBS_RUN_DIR/$1"
printf '{"name": "%s"}\n' "$1"
