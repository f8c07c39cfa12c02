// Command momus is a broker for Apache Kafka's clients and tools, with the commands to start it.
// The name it was called by, or its first argument, selects one of command.Table.
package main

import (
	"os"

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
	}))
}
