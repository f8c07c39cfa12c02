package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"momus/configs"
)

// runBroker starts one broker, as kafka-server-start.sh does: a file, then overrides. Without a file the environment must say
// enough, as in a container.
func runBroker(ctx context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("broker", pflag.ContinueOnError)
	overrides := flags.StringArray("override", nil, "property=value that wins over file and environment; may be repeated")
	version := flags.Bool("version", false, "print the version")
	if err := parse(e, "broker", flags, args); err != nil {
		return err
	}
	if *version {
		return runVersion(ctx, e, nil)
	}
	file := ""
	switch rest := flags.Args(); {
	case len(rest) > 1:
		return fmt.Errorf("Found non argument parameters: %s\n%s", strings.Join(rest[1:], ","), strings.TrimRight(usage("broker", flags), "\n"))
	case len(rest) == 1:
		file = rest[0]
	}
	config, warnings, err := configs.Load(configs.Sources{File: file, Env: e.Environ, Overrides: *overrides})
	if err != nil {
		if file == "" && len(*overrides) == 0 && !anyVariable(e.Environ) {
			fmt.Fprint(e.Stdout, usage("broker", flags))
			return &Exit{Code: 1}
		}
		logConfiguration(newLogger(e.Stderr, "info", "text"), nil, warnings)
		return fmt.Errorf("the broker cannot start with this configuration:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	log := newLogger(e.Stderr, config.LogLevel(), config.LogFormat())
	logConfiguration(log, config, warnings)
	applyMemoryLimit(log, e.Environ, config.Environment().MaxHeap)
	defer fitProcessors(ctx, e.Environ, log)()
	addr, optional := httpAddr(config)
	b, err := e.newBroker(BrokerOptions{Config: config, Logger: log, HTTPAddr: addr, HTTPOptional: optional})
	if err != nil {
		return explainPort(err)
	}
	topics := startTopicCreation(ctx, e, config, b, log)
	defer topics.stop()
	return explainPort(b.Run(ctx))
}

// anyVariable tells whether the environment sets anything of ours, so that its absence is worth more than a usage line.
func anyVariable(environ []string) bool {
	for _, v := range environ {
		for _, p := range []string{"KAFKA_", "MOMUS_", "ALLOW_PLAINTEXT_LISTENER"} {
			if strings.HasPrefix(v, p) && !strings.HasPrefix(v, "KAFKA_HOME=") && !strings.HasPrefix(v, "KAFKA_HEAP_OPTS=") && !strings.HasPrefix(v, "KAFKA_OPTS=") {
				return true
			}
		}
	}
	return false
}

// httpAddr is where /metrics and /healthz go, "" for nowhere. A default port that is taken is a warning, so that several brokers start on
// one machine; a port that was asked for is needed.
func httpAddr(c *configs.Config) (addr string, optional bool) {
	port, given := c.HTTPPort()
	if port < 0 {
		return "", false
	}
	return ":" + strconv.Itoa(port), !given
}
