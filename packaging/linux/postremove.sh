#!/bin/sh
# The data stays, also when the package is purged: it is for a person to remove.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
case "${1:-}" in
remove | purge | 0)
  if [ -d /var/lib/momus ]; then
    echo "momus: the data stays in /var/lib/momus and /var/lib/momus-zookeeper"
  fi
  ;;
esac
