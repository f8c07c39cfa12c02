#!/bin/sh
# Makes the user that the units run as, if it is missing. It is never removed: data belongs to it.
set -e
getent group momus >/dev/null 2>&1 || grep -q '^momus:' /etc/group 2>/dev/null || groupadd --system momus
getent passwd momus >/dev/null 2>&1 || grep -q '^momus:' /etc/passwd 2>/dev/null ||
  useradd --system --gid momus --home-dir /var/lib/momus --no-create-home --shell /usr/sbin/nologin --comment "momus broker" momus
