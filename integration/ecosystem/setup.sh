#!/usr/bin/env bash
# Brings the programs that integration/ecosystem runs into a directory (default build/ecosystem), by package name from the ordinary registries; what is there
# already is kept. Needs a JDK of 17 or later, Maven, Go, Python 3, Node, a C++ compiler and Rust, and of Debian's packages burrow, kcat, postgresql,
# python3-confluent-kafka, and rsyslog-kafka or syslog-ng-mod-rdkafka, which exclude each other.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../build/ecosystem}
mkdir -p "$out"
out=$(cd "$out" && pwd)

for profile in connect debezium debezium-3 mirror spring spring-2.3 spring-2.9 spark alpakka vertx camel flink micronaut; do
  [ -e "$out/$profile/.done" ] && continue
  echo "fetching $profile"
  mvn -q -B -f "$here/pom.xml" -P "$profile" dependency:copy-dependencies -DoutputDirectory="$out/$profile"
  touch "$out/$profile/.done"
done
compile() { # a profile, the Java release, the class
  [ "$here/java/$3.java" -nt "$out/$1/.compiled" ] || return 0
  javac -nowarn -Xlint:-options --release "$2" -cp "$out/$1/*" -d "$out/$1" "$here/java/$3.java"
  touch "$out/$1/.compiled"
}
for profile in spring spring-2.3 spring-2.9; do compile $profile 8 SpringEcho; done
compile alpakka 8 AlpakkaEcho
compile vertx 8 VertxEcho
compile camel 8 CamelEcho
compile flink 8 FlinkEcho
compile spark 8 SparkEcho
compile micronaut 17 MicronautEcho

if [ ! -e "$out/quarkus/quarkus-app/quarkus-run.jar" ]; then
  echo "building quarkus"
  mvn -q -B -f "$here/quarkus/pom.xml" -Dout="$out/quarkus" package
fi

if [ "$here/python/requirements.txt" -nt "$out/python/.done" ]; then
  echo "fetching python programs"
  python3 -m venv "$out/python"
  "$out/python/bin/pip" install -q --disable-pip-version-check -r "$here/python/requirements.txt"
  touch "$out/python/.done"
fi

if [ ! -e "$out/node/.done" ]; then
  echo "fetching node programs, of which one is compiled"
  mkdir -p "$out/node"
  cp "$here/node/package.json" "$out/node/"
  (cd "$out/node" && npm install --silent --no-audit --no-fund)
  touch "$out/node/.done"
fi

echo "building rust programs"
(cd "$here/rust" && CARGO_TARGET_DIR="$out/rust" cargo build -q --release --locked)

echo "building go programs"
for module in otel watermill; do (cd "$here/$module" && go build -o "$out/go/$module" .); done
if [ ! -e "$out/go/telegraf" ]; then # the program itself, with the plugins that the test uses
  mkdir -p "$out/go/telegraf-module"
  cd "$out/go/telegraf-module"
  [ -e go.mod ] || go mod init telegraf-module
  tags=custom,inputs.file,inputs.kafka_consumer,outputs.file,outputs.kafka,parsers.influx,serializers.influx
  go get -tags "$tags" github.com/influxdata/telegraf/cmd/telegraf@v1.37.2
  go build -tags "$tags" -o "$out/go/telegraf" github.com/influxdata/telegraf/cmd/telegraf
fi
