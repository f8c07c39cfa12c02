package command

import (
	"context"
	"fmt"
	"runtime"
)

// kafkaVersion is the release that the broker is compatible with.
const kafkaVersion = "2.5.0"

func runVersion(_ context.Context, e *Env, _ []string) error {
	fmt.Fprintf(e.Stdout, "momus %s, compatible with Apache Kafka %s (%s, %s/%s)\n", e.Version, kafkaVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
