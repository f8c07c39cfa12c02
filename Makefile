# make run and make test are all that most people need; both need nothing but Go.

GO       ?= go
PREFIX   ?= /usr/local
# The time of everything in a release, so that two builds of a commit are equal.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
FUZZTIME ?= 30s
RACE      = suppressions=$(CURDIR)/coordinator/zk/testdata/race.suppressions
PEERS    ?= $(CURDIR)/build/peers
ECOSYSTEM ?= $(CURDIR)/build/ecosystem
INTEROP   = interop zkconformance tour
INTEROP_ALL = $(INTEROP) security storage txn groups quotas differential mixed tools
# Pinned, so that a new version of the linter is a commit and not a surprise.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
TAGS      = interop,faults,transcripts,strangers,console,suites,dist,ecosystem
VERSION  ?= $(shell packaging/version.sh)
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null)

BUILD = CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)"

.DEFAULT_GOAL := build
# Every target is a command and none a file.
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

build: ## build bin/momus
	$(BUILD) -o bin/momus ./cmd/momus

run: build ## build, and start a broker with the embedded coordination server: Kafka on 9092, ZooKeeper on 2181; ARGS="--brokers 3" passes options on
	@exec bin/momus quickstart $(ARGS)

test: ## vet and run all tests that need nothing but Go
	$(GO) vet ./...
	$(GO) vet -tags $(TAGS) ./integration/...
	$(GO) test -timeout 30m ./...

check: lint transcripts race ## lint, replay the tools' transcripts, and run unit tests and a cluster under the race detector

lint: ## vet and staticcheck everything, and see that go.mod and the format are as the tools write them
	$(GO) mod tidy -diff
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "these are not formatted; run gofmt -w on them"; exit 1; }
	$(GO) vet -tags $(TAGS) ./...
	$(GO) run $(STATICCHECK) -tags $(TAGS) ./...

# The brokers of the cluster are built with the detector too; it writes what it finds to build/race, which has to stay empty. One race
# of the ZooKeeper library is known, and without consequence: the file of suppressions says why.
race: ## the unit tests under the race detector, which also overwrites released buffers, and with the order of locks checked, and brokers built with it that are killed under load
	GORACE="$(RACE)" $(GO) test -timeout 30m -race ./internal/... ./configs/... ./storage/... ./coordinator/... ./broker/... ./integration/inprocess
	$(GO) test -timeout 30m -tags invariants ./internal/rank ./storage/... ./coordinator/... ./broker/... ./integration/crash
	$(GO) build -race -tags invariants -o bin/momus-race ./cmd/momus
	rm -rf build/race && mkdir -p build/race
	MOMUS_BINARY=$(CURDIR)/bin/momus-race GORACE="$(RACE) log_path=$(CURDIR)/build/race/report" $(GO) test -tags faults -count 1 -timeout 20m -run 'TestKilledBrokersLoseNothing' ./integration/cluster
	@test -z "$$(ls build/race)" || { cat build/race/*; exit 1; }

outside: ## use the public packages momus and momustest from another module, with three clients
	cd integration/outside && $(GO) vet ./... && $(GO) test -count 1 -timeout 30m ./...

peers: ## fetch Apache Kafka, ZooKeeper and the clients of the interop tests into build/peers (needs Java, Maven, Python, Node)
	integration/peers.sh $(PEERS)

interop: build peers ## run the tests against Apache Kafka 2.5.0, its tools, ZooKeeper and many clients
	MOMUS_PEERS=$(PEERS) $(GO) test -tags interop -count 1 -p 1 -timeout 45m $(INTEROP:%=./integration/%)

interop-all: build peers ## the same and more: mixed clusters, directories handed to Kafka and back, transactions, groups of many clients, quotas, answers compared one by one, every client's login (also needs a Kerberos server, see peers.sh)
	MOMUS_PEERS=$(PEERS) $(GO) test -tags interop -count 1 -p 1 -timeout 60m $(INTEROP_ALL:%=./integration/%)
	MOMUS_PEERS=$(PEERS) $(GO) test -tags interop,faults -count 1 -timeout 10m -run "TestWhyInAMixedCluster|TestWhyAfterApacheKafkaTakesOver" ./integration/window

strangers: ## ten thousand connections that never log in, beside clients that have
	$(GO) test -tags strangers -count 1 -v -timeout 10m ./integration/strangers

faults: ## three brokers killed, paused and cut off under load (minutes)
	$(GO) test -tags faults -count 1 -p 1 -timeout 30m ./integration/cluster ./integration/txn ./integration/window

crash-idempotence: build peers ## librdkafka and franz-go with five requests in flight: clusters killed and stopped 20 times each, nothing fatal, lost or doubled
	MOMUS_PEERS=$(PEERS) $(GO) test -tags faults,interop -count 1 -timeout 60m -run TestIdempotence ./integration/cluster -rounds 20

console-test: ## open the page in headless Chromium: every view by its accessible names, axe-core, a broker stopped and started from the page
	$(GO) test -tags console -count 1 -timeout 10m ./integration/window

transcripts: ## replay the recorded transcripts of Kafka's tools with the native ones; MOMUS_TEST_APACHE=1 (after make peers): against Apache Kafka
	$(GO) test -tags transcripts -count 1 -timeout 30m ./integration/tools

histories: ## random histories of the controller from seeds of chance, a minute or two; a failure names its seed
	$(GO) test -count 20 -run 'TestRandomHistories' ./coordinator/controller -random

tour: build ## play the whole course, in both languages, on one broker and on three (minutes)
	MOMUS_BINARY=$(CURDIR)/bin/momus $(GO) test -tags tour -count 1 -timeout 40m ./integration/tour

ecosystem: build peers ## run programs that people use around Kafka against momus: Connect, MirrorMaker, Spring, Flink, Quarkus … (see docs/compatibility.md; needs what integration/ecosystem/setup.sh says)
	integration/ecosystem/setup.sh $(ECOSYSTEM)
	MOMUS_PEERS=$(PEERS) MOMUS_ECOSYSTEM=$(ECOSYSTEM) $(GO) test -tags ecosystem -count 1 -timeout 20m ./integration/ecosystem

peers-suites: build ## run the test suites of franz-go, sarama and kafka-go against momus (Linux, as root; half an hour)
	integration/suites/run.sh $(ARGS)

bench: build ## measure, beside Apache Kafka 2.5.0 after make peers, and print the README's table
	$(GO) run ./integration/bench -momus bin/momus -peers $(PEERS) -markdown $(ARGS)

install: build ## install into PREFIX/bin, with Kafka's tools as links
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 bin/momus $(DESTDIR)$(PREFIX)/bin/momus
	for t in $$(bin/momus help --tools); do ln -sf momus $(DESTDIR)$(PREFIX)/bin/$$t; ln -sf momus $(DESTDIR)$(PREFIX)/bin/$$t.sh; done

fuzz: ## fuzz every decoder for FUZZTIME each
	@set -e; for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p; \
	  done; \
	done

cross: ## build for all supported platforms into bin/
	GOOS=linux   GOARCH=amd64 $(BUILD) -o bin/momus-linux-amd64 ./cmd/momus
	GOOS=linux   GOARCH=arm64 $(BUILD) -o bin/momus-linux-arm64 ./cmd/momus
	GOOS=darwin  GOARCH=arm64 $(BUILD) -o bin/momus-darwin-arm64 ./cmd/momus
	GOOS=windows GOARCH=amd64 $(BUILD) -o bin/momus-windows-amd64.exe ./cmd/momus

dist: ## make a release in build/dist: archives for six platforms, .deb, .rpm, container images, manifests, bills of materials, checksums; ARGS="-only linux/amd64" for less
	cd packaging && $(GO) run ./dist -version $(VERSION) -commit $(COMMIT) -epoch $(SOURCE_DATE_EPOCH) -root .. -out ../build/dist $(ARGS)

site: ## make the documentation as a static site in build/site: open build/site/index.html
	cd packaging && $(GO) run ./site -version $(VERSION) -root .. -out ../build/site

dist-test: ## check what a release consists of: packages installed, upgraded and removed in a clean root, manifests against Kubernetes' types (Linux, as root, with debootstrap and rpm)
	cd packaging && $(GO) vet ./... && $(GO) test -count 1 ./...
	$(GO) test -tags dist -count 1 -timeout 20m ./integration/dist

image: ## build the container image momus (needs Docker with BuildKit)
	docker build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t momus .

clean: ## remove what was built
	rm -rf bin build

help: ## print this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12
