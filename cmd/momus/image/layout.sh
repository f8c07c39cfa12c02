#!/bin/sh
# Makes the files of the container image but for momus itself: layout.sh ROOT, where /bin/busybox is BusyBox.
set -eu
root=$1
mkdir -p "$root/bin" "$root/etc" "$root/usr/bin"

cp /bin/busybox "$root/bin/busybox"
for tool in [ [[ ash awk base64 basename cat chgrp chmod chown clear cmp cp cut date dd df dirname du echo egrep env expr false fgrep find \
  fold free getopt grep groups gunzip gzip head hexdump hostname id ifconfig ip kill killall less ln ls md5sum mkdir mkfifo mktemp more mv nc \
  netstat nl nproc nslookup od paste pidof ping printenv printf ps pwd readlink realpath rm rmdir route sed seq sh sha256sum shuf sleep sort \
  stat strings stty su sync sysctl tail tar tee telnet test time timeout top touch tr traceroute true tty umount uname uniq uptime \
  usleep vi watch wc wget which whoami xargs yes zcat; do
  ln -s busybox "$root/bin/$tool"
done

# script PATH LINE...: an executable script. These are files, not links to momus: people mount over them and write into them.
script() {
  path=$root$1
  shift
  mkdir -p "$(dirname "$path")"
  { echo '#!/bin/sh'; for line in "$@"; do echo "$line"; done; } >"$path"
  chmod 755 "$path"
}
script /bin/bash 'exec /bin/sh "$@"'
for s in /bin/start-kafka.sh \
  /etc/confluent/docker/run /etc/confluent/docker/configure /etc/confluent/docker/ensure /etc/confluent/docker/launch \
  /opt/bitnami/scripts/kafka/entrypoint.sh /opt/bitnami/scripts/kafka/run.sh /opt/bitnami/scripts/kafka/setup.sh \
  /app-entrypoint.sh; do
  script $s "exec /bin/momus script $s \"\$@\""
done
# These are read by other scripts, with a dot.
script /etc/confluent/docker/bash-config '# nothing to set'
script /etc/confluent/docker/mesos-setup.sh '# nothing to set'
script /etc/confluent/docker/apply-mesos-overrides '# nothing to set'
for name in cub dub; do ln -s momus "$root/bin/$name"; done

# Where people call Kafka's tools.
rmdir "$root/usr/bin"
ln -s ../bin "$root/usr/bin"
mkdir -p "$root/opt/kafka/config" "$root/opt/bitnami/kafka/config" "$root/opt/bitnami/kafka/conf" "$root/etc/kafka/secrets"
ln -s ../../bin "$root/opt/kafka/bin"
ln -s ../../../bin "$root/opt/bitnami/kafka/bin"

echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
echo 'momus:x:1000:0:momus:/:/bin/sh' >>"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"

# The data directories of the three images, of quickstart and of the coordination server: for any user, as a fresh volume takes their mode.
for dir in /kafka /bitnami/kafka/data /var/lib/kafka/data /var/lib/zookeeper/data /var/lib/zookeeper/log /data /tmp; do
  mkdir -p "$root$dir"
  chmod 1777 "$root$dir"
done
chown -R 1000:0 "$root/kafka" "$root/bitnami" "$root/var/lib" "$root/data" "$root/opt/bitnami/kafka" "$root/etc/kafka"
