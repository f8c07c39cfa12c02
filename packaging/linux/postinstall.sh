#!/bin/sh
# Gives the directory of the data to its user, if it is new, and tells systemd. A broker is neither enabled nor started nor restarted here:
# in a cluster that is for a person to do, one machine after the other.
set -e
for dir in /var/lib/momus /var/lib/momus-zookeeper; do
  if [ ! -d "$dir" ]; then
    mkdir -p "$dir"
    chown momus:momus "$dir"
    chmod 750 "$dir"
  fi
done
chgrp momus /etc/momus/server.properties 2>/dev/null || true
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  if systemctl is-active --quiet momus; then
    echo "momus: the broker still runs as the version before; when it suits the cluster: systemctl restart momus"
  fi
fi
if [ ! -e /var/lib/momus/meta.properties ]; then
  echo "momus: edit /etc/momus/server.properties, then: systemctl enable --now momus"
  echo "momus: without a ZooKeeper of your own, before that: systemctl enable --now momus-zookeeper"
fi
