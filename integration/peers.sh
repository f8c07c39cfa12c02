#!/usr/bin/env bash
# Brings the real peers of the interop tests into a directory (default build/peers): Apache Kafka 2.5.0 and, for momus doctor,
# 0.10.2.2, 1.1.1 and 3.9.0; ZooKeeper 3.4, 3.5 and 3.8, Java clients
# of several versions, Python and Node clients. All come by package name from the ordinary registries; what is there already is kept.
# Needs a JDK (java, javac), Maven, Python 3 and npm; the tests with Kerberos also Debian's krb5-kdc, krb5-admin-server, krb5-user, libkrb5-dev, kcat and
# libsasl2-modules-gssapi-mit.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../build/peers}
mkdir -p "$out"
out=$(cd "$out" && pwd)

for profile in kafka kafka-0.10.2.2 kafka-1.1.1 kafka-3.9.0 zookeeper zookeeper-3.5 zookeeper-3.8 clients-0.10.2.2 clients-1.1.1 clients-2.5.0 clients-3.9.0 streams-2.5.0; do
  [ -e "$out/$profile/.done" ] && continue
  echo "fetching $profile"
  mvn -q -B -f "$here/java/pom.xml" -P "$profile" dependency:copy-dependencies -DoutputDirectory="$out/$profile"
  touch "$out/$profile/.done"
done

# The Java test client is compiled once, against the oldest client, and run with each.
if [ ! -e "$out/java-client/Client.class" ] || [ "$here/java/src/Client.java" -nt "$out/java-client/Client.class" ]; then
  mkdir -p "$out/java-client"
  javac --release 8 -nowarn -Xlint:-options -cp "$out/clients-0.10.2.2/*" -d "$out/java-client" "$here/java/src/Client.java"
fi
if [ ! -e "$out/java-client/TokenLogin.class" ] || [ "$here/java/src/TokenLogin.java" -nt "$out/java-client/TokenLogin.class" ]; then
  javac --release 8 -nowarn -Xlint:-options -cp "$out/clients-2.5.0/*" -d "$out/java-client" "$here/java/src/TokenLogin.java"
fi

# What was fetched is told by the content of its list, not by the time of a file, which is new in each clone.
if ! cmp -s "$here/python/requirements.txt" "$out/python/.done"; then
  echo "fetching python clients"
  python3 -m venv "$out/python"
  "$out/python/bin/pip" install -q --disable-pip-version-check -r "$here/python/requirements.txt"
  # An old library beside the new one: it speaks the protocols of 0.8.2 to 2.5.
  "$out/python/bin/pip" install -q --disable-pip-version-check --target "$out/python/kafka-python-2.0" --no-deps kafka-python==2.0.2
  # Kerberos for kafka-python: a library that is built against MIT's headers (Debian's libkrb5-dev).
  if command -v krb5-config > /dev/null; then
    "$out/python/bin/pip" install -q --disable-pip-version-check gssapi==1.12.0
  fi
  cp "$here/python/requirements.txt" "$out/python/.done"
fi

if ! cmp -s "$here/node/package.json" "$out/node/.done"; then
  echo "fetching node clients"
  mkdir -p "$out/node"
  cp "$here/node/package.json" "$out/node/"
  (cd "$out/node" && npm install --silent --no-audit --no-fund --no-package-lock)
  cp "$here/node/package.json" "$out/node/.done"
fi
