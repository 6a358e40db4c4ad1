#!/bin/sh
# Reads {"counts": [{"words": 3}, …]} and prints how many texts and words there are.
tr -c 0-9 '\n' | awk '/./ { texts++; words += $1 }
    END { printf "{\"texts\": %d, \"words\": %d}\n", texts, words }'
