#!/bin/sh
# Stops the units when the package goes, not when another version of it comes: dpkg says "remove" or "upgrade", rpm how many stay.
set -e
case "${1:-}" in
remove | 0)
  if [ -d /run/systemd/system ]; then
    systemctl disable --now momus momus-zookeeper || true
  fi
  ;;
esac
