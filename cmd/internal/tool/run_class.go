package tool

import (
	"context"
)

// registerRunClass is kafka-run-class.sh.
func registerRunClass() Tool {
	return Tool{Name: "kafka-run-class", Help: "run a tool by the name of Kafka's class", run: runClass}
}

// toolOf finds the tool that stands for a class of Kafka.
func toolOf(class string) (Tool, bool) {
	for _, t := range Tools() {
		if t.Class == class && class != "" {
			return t, true
		}
	}
	return Tool{}, false
}

// runClass is kafka-run-class.sh for the classes that are tools.
func runClass(ctx context.Context, c *call) error {
	if len(c.Args) == 0 {
		c.errorf("USAGE: kafka-run-class.sh classname [opts]\n")
		return exit(1)
	}
	if t, ok := toolOf(c.Args[0]); ok {
		c.Args = c.Args[1:]
		return t.run(ctx, c)
	}
	c.errorf("Error: Could not find or load main class %s\n", c.Args[0])
	return exit(1)
}
