#!/usr/bin/env bash
# kcat.sh [KCAT OPTION...] -- COMMAND...: the commands produce and consume of java/src/Client.java over kcat.
set -euo pipefail
options=()
while [ "$1" != -- ]; do options+=("$1"); shift; done
case "$2" in
  produce) # BOOTSTRAP TOPIC CODEC COUNT NAME
    for ((i = 0; i < $6; i++)); do printf '%s-%d\t%s value %d\n' "$7" "$i" "$7" "$i"; done |
      kcat "${options[@]}" -P -b "$3" -t "$4" -K $'\t' -z "$5" ;;
  consume) # BOOTSTRAP TOPIC COUNT
    kcat "${options[@]}" -C -b "$3" -t "$4" -o beginning -c "$5" -e -f '%p\t%k\t%s\n' ;;
esac
