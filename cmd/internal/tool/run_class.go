package tool

import (
	"context"

	"momus/cmd/internal/tool/core"
)

// registerRunClass is kafka-run-class.sh.
func registerRunClass() core.Tool {
	return core.Tool{Name: "kafka-run-class", Help: "run a tool by the name of Kafka's class", Main: runClass}
}

// toolOf finds the tool that stands for a class of Kafka.
func toolOf(class string) (core.Tool, bool) {
	for _, t := range Tools() {
		if t.Class == class && class != "" {
			return t, true
		}
	}
	return core.Tool{}, false
}

// runClass is kafka-run-class.sh for the classes that are tools.
func runClass(ctx context.Context, c *core.Call) error {
	if len(c.Args) == 0 {
		c.Errorf("USAGE: kafka-run-class.sh classname [opts]\n")
		return core.Exit(1)
	}
	if t, ok := toolOf(c.Args[0]); ok {
		c.Args = c.Args[1:]
		return t.Main(ctx, c)
	}
	c.Errorf("Error: Could not find or load main class %s\n", c.Args[0])
	return core.Exit(1)
}
