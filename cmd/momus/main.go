// Command momus is a broker for Apache Kafka's clients and tools, with the commands to start it.
// The name it was called by, or its first argument, selects one of command.Table.
package main

import (
	"os"

	"momus/cmd/internal/command"
)

// version and commit are set by the build.
var (
	version = "dev"
	commit  string
)

// main hands the process over to a command; everything a command knows of the process is in Env.
func main() {
	os.Exit(command.Main(&command.Env{
		Args:    os.Args,
		Environ: os.Environ(),
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Version: version,
		Commit:  commit,
	}))
}
