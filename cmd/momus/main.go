// Command momus is a broker for Apache Kafka's clients and tools, with the commands to start it. The name it was called by, or its
// first argument, selects one of command.Table.
package main

import (
	"os"

	"momus/broker"
	"momus/cmd/internal/command"
)

// version is set by the build.
var version = "dev"

func main() {
	os.Exit(command.Main(&command.Env{
		Args:    os.Args,
		Environ: os.Environ(),
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Version: version,
		NewBroker: func(o command.BrokerOptions) (command.Server, error) {
			return broker.New(broker.Options{Config: o.Config, Logger: o.Logger, HTTPAddr: o.HTTPAddr})
		},
	}))
}
