package tool

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/core"
)

func TestExitCodesAndStreams(t *testing.T) {
	for _, c := range []struct {
		tool, args, out, err string
		code                 int
	}{
		{tool: "kafka-topics", args: "--version", out: core.Version + "\n"},
		{tool: "kafka-topics", args: "--help --version", err: "This tool helps to create, delete, describe, or change a topic.\n", code: 1},
		{tool: "kafka-topics", args: "", err: "Create, delete, describe, or change a topic.\n", code: 1},
		{tool: "kafka-topics", args: "--version --foo", err: "foo is not a recognized option\n", code: 1},
		{tool: "kafka-topics", args: "--list", err: "Only one of --bootstrap-server or --zookeeper must be specified\n", code: 1},
		{tool: "kafka-topics", args: "--bootstrap-server localhost --list", err: "Failed to create new KafkaAdminClient: Invalid url in bootstrap.servers: localhost\n", code: 1},
		{tool: "kafka-run-class", args: "no.such.Class", err: "Error: Could not find or load main class no.such.Class\n", code: 1},
		{tool: "kafka-configs", args: "--foo", err: "foo is not a recognized option\n", code: 1},
		{tool: "kafka-producer-perf-test", args: "", out: "usage: producer-performance "},
	} {
		for _, x := range Tools() {
			if x.Name != c.tool {
				continue
			}
			var out, errs bytes.Buffer
			code := x.Run(context.Background(), &core.Env{Args: strings.Fields(c.args), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
			if code != c.code || !strings.HasPrefix(out.String(), c.out) || !strings.HasPrefix(errs.String(), c.err) || c.out == "" && out.Len() > 0 || c.err == "" && errs.Len() > 0 {
				t.Errorf("%s %s: exit %d\n%s%s", c.tool, c.args, code, out.String(), errs.String())
			}
		}
	}
}

func TestUnreachableBrokerEndsInItsTime(t *testing.T) {
	var out, errs bytes.Buffer
	began := time.Now()
	code := Tools()[3].Run(context.Background(), &core.Env{Args: strings.Fields("--bootstrap-server 127.0.0.1:1 --list --timeout 300"), Stdout: &out, Stderr: &errs})
	if took := time.Since(began); code != 0 || took > time.Minute || out.String() != "\nError: Executing consumer group command failed due to org.apache.kafka.common.KafkaException: Failed to find brokers to send ListGroups\n" {
		t.Errorf("exit %d after %v\n%s%s", code, took, out.String(), errs.String())
	}
	if !strings.Contains(errs.String(), "Connection to node -1 (/127.0.0.1:1) could not be established. Broker may not be available.") {
		t.Errorf("stderr: %s", errs.String())
	}
}
