#!/usr/bin/env bash
# Runs the test suites of client libraries against bin/momus; arguments are those of go test, such as -run TestSarama.
# The suites have ports written into them, so they get a network of their own; what they import is fetched before.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/suites
GOBIN=$PWD/build/suites go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0
for module in github.com/twmb/franz-go github.com/IBM/sarama github.com/segmentio/kafka-go; do
  dir=$(mktemp -d)
  cp -r "$(go list -m -f '{{.Dir}}' "$module")/." "$dir"
  chmod -R u+w "$dir"
  (cd "$dir" && GOFLAGS=-mod=mod GOWORK=off go vet -tags functional ./... >/dev/null 2>&1) || true # it reports what the authors live with
  rm -rf "$dir"
done
export MOMUS_BINARY=$PWD/bin/momus GOPROXY=off
exec unshare -n bash -ec 'ip link set lo up; exec go test -tags suites -count 1 -v -timeout 90m "$@" ./integration/suites' run "$@"
