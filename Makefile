# make run and make test are all that most people need; both need nothing but Go.

GO       ?= go
PREFIX   ?= /usr/local
FUZZTIME ?= 30s
PEERS    ?= $(CURDIR)/build/peers
INTEROP   = interop zkconformance
INTEROP_ALL = $(INTEROP) storage txn groups quotas differential mixed tools
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

BUILD = CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.DEFAULT_GOAL := build
.PHONY: build run test peers interop interop-all faults transcripts bench install fuzz cross image clean help

build: ## build bin/momus
	$(BUILD) -o bin/momus ./cmd/momus

run: build ## build, and start one broker with the embedded coordination server: Kafka on 9092, ZooKeeper on 2181
	@exec bin/momus quickstart $(ARGS)

test: ## vet and run all tests that need nothing but Go
	$(GO) vet ./...
	$(GO) vet -tags interop,faults,transcripts ./integration/...
	$(GO) test ./...

peers: ## fetch Apache Kafka, ZooKeeper and the clients of the interop tests into build/peers (needs Java, Maven, Python, Node)
	integration/peers.sh $(PEERS)

interop: build peers ## run the tests against Apache Kafka 2.5.0, its tools, ZooKeeper and many clients
	MOMUS_PEERS=$(PEERS) $(GO) test -tags interop -count 1 -p 1 -timeout 45m $(INTEROP:%=./integration/%)

interop-all: build peers ## the same and more: mixed clusters, directories handed to Kafka and back, transactions, groups of many clients, quotas, answers compared one by one
	MOMUS_PEERS=$(PEERS) $(GO) test -tags interop -count 1 -p 1 -timeout 60m $(INTEROP_ALL:%=./integration/%)

faults: ## three brokers killed, paused and cut off under load (minutes)
	$(GO) test -tags faults -count 1 -p 1 -timeout 30m ./integration/cluster ./integration/txn

transcripts: ## replay the recorded transcripts of Kafka's tools with the native ones; MOMUS_TEST_APACHE=1 (after make peers): against Apache Kafka
	$(GO) test -tags transcripts -count 1 ./integration/tools

bench: build ## measure, beside Apache Kafka 2.5.0 after make peers, and print the README's table
	$(GO) run ./integration/bench -momus bin/momus -peers $(PEERS) -markdown $(ARGS)

install: build ## install into PREFIX/bin, with Kafka's tools as links
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 bin/momus $(DESTDIR)$(PREFIX)/bin/momus
	for t in $$(bin/momus help --tools); do ln -sf momus $(DESTDIR)$(PREFIX)/bin/$$t; ln -sf momus $(DESTDIR)$(PREFIX)/bin/$$t.sh; done

fuzz: ## fuzz every decoder for FUZZTIME each
	@set -e; for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
	  done; \
	done

cross: ## build for all supported platforms into bin/
	GOOS=linux   GOARCH=amd64 $(BUILD) -o bin/momus-linux-amd64 ./cmd/momus
	GOOS=linux   GOARCH=arm64 $(BUILD) -o bin/momus-linux-arm64 ./cmd/momus
	GOOS=darwin  GOARCH=arm64 $(BUILD) -o bin/momus-darwin-arm64 ./cmd/momus
	GOOS=windows GOARCH=amd64 $(BUILD) -o bin/momus-windows-amd64.exe ./cmd/momus

image: ## build the container image momus
	docker build --build-arg VERSION=$(VERSION) -t momus .

clean: ## remove what was built
	rm -rf bin build

help: ## print this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12
