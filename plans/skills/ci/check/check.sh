#!/bin/sh
echo "tested on $1 with $2, number $OBS_ITEM_INDEX of $OBS_ITEM_COUNT"
