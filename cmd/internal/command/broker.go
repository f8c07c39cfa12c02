package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"momus/configs"
)

// runBroker starts one broker, as kafka-server-start.sh does: a file, then overrides. Without a
// file the environment must say enough, as in a container.
func runBroker(ctx context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("broker", pflag.ContinueOnError)
	overrides := flags.StringArray("override", nil, "property=value that wins over file and environment; may be repeated")
	var ready readiness
	ready.addFlags(flags, e)
	version := flags.Bool("version", false, "print the version")
	if err := parse(e, "broker", flags, args); err != nil {
		return err
	}
	if *version {
		return runVersion(ctx, e, nil)
	}
	file, err := oneFile("broker", flags)
	if err != nil {
		return err
	}
	return startBroker(ctx, e, e.sources(file, *overrides), ready)
}

// sources are a file, the environment and overrides, read as the script reads them by whose name
// this program was called.
func (e *Env) sources(file string, overrides []string) configs.Sources {
	return configs.Sources{File: file, Env: e.Environ, Overrides: overrides, Dialect: e.dialect}
}

// startBroker runs a broker until ctx ends.
func startBroker(ctx context.Context, e *Env, sources configs.Sources, ready readiness) error {
	config, warnings, err := configs.Load(sources)
	if err != nil {
		// Started with nothing at all, as by somebody who tries the program out: usage helps more
		// than the names of keys that are missing.
		if sources.File == "" && len(sources.Overrides) == 0 && !anyVariable(e.Environ) {
			fmt.Fprint(e.Stdout, usage("broker", nil))
			return &Exit{Code: 1}
		}
		logConfiguration(newLogger(e.Stderr, "info", "text"), nil, warnings)
		return fmt.Errorf("the broker cannot start with this configuration:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	log := newLogger(e.Stderr, config.LogLevel(), config.LogFormat())
	logConfiguration(log, config, warnings)
	// The user is changed before the first file is made: what root made, the user could not write
	// later.
	if err := e.settle(log, config.Broker().LogDirectories(), secretFiles(config)); err != nil {
		return err
	}
	applyMemoryLimit(log, e.Environ, config.Environment().MaxHeap)
	defer fitProcessors(ctx, e.Environ, log)()
	if err := waitForZooKeeper(ctx, config, log); err != nil {
		return err
	}
	addr, optional := httpAddr(config)
	b, err := e.newBroker(BrokerOptions{Config: config, Logger: log, HTTPAddr: addr, HTTPOptional: optional})
	if err != nil {
		return explainPort(err)
	}
	ctx, stop := ready.follow(ctx, e)
	defer stop()
	announced := announceWhenReady(ctx, e, ready, b, config)
	defer announced()
	topics := startTopicCreation(ctx, e, config, b, log)
	defer topics.stop()
	return explainPort(b.Run(ctx))
}

// anyVariable tells whether the environment sets anything of ours, so that its absence is worth
// more than a usage line.
func anyVariable(environ []string) bool {
	for _, v := range environ {
		for _, p := range []string{"KAFKA_", "MOMUS_HTTP_", "MOMUS_LOG_", "MOMUS_DIALECT", "ALLOW_PLAINTEXT_LISTENER", "ADVERTISED_HOST=", "ADV_HOST=", "ZOOKEEPER_CONNECT="} {
			// Installations and images set these three for Kafka's scripts; they configure no
			// broker.
			if strings.HasPrefix(v, p) && !strings.HasPrefix(v, "KAFKA_HOME=") && !strings.HasPrefix(v, "KAFKA_HEAP_OPTS=") && !strings.HasPrefix(v, "KAFKA_OPTS=") {
				return true
			}
		}
	}
	return false
}

// httpAddr is where /metrics and /healthz go, "" for nowhere. A default port that is taken is a
// warning, so that several brokers start on one machine; a port that was asked for is needed.
func httpAddr(c *configs.Config) (addr string, optional bool) {
	port, given := c.HTTPPort()
	if port < 0 {
		return "", false
	}
	return ":" + strconv.Itoa(port), !given
}
