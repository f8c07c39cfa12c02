// Otel sends log records through the Kafka exporter of the OpenTelemetry collector and gets them
// back through its Kafka receiver. Arguments: bootstrap, topic, count.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kafkareceiver"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// main is called with bootstrap servers, a topic and a number of log records.
func main() {
	if err := echo(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// echo sends log records, one at a time, through the exporter of the OpenTelemetry collector,
// receives them with its receiver in a group of the topic's name, and prints how many came. Both
// are the components of a released collector.
func echo(bootstrap, topic, n string) error {
	count, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	brokers := strings.Split(bootstrap, ",")

	out := kafkaexporter.NewFactory()
	outConfig := out.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(map[string]any{"brokers": brokers, "logs": map[string]any{"topic": topic},
		"sending_queue": map[string]any{"enabled": false}, "producer": map[string]any{"compression": "gzip", "required_acks": "all"}}).Unmarshal(outConfig); err != nil {
		return err
	}
	exporter, err := out.CreateLogs(ctx, exportertest.NewNopSettings(out.Type()), outConfig)
	if err != nil {
		return err
	}
	if err := exporter.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	for i := range count {
		logs := plog.NewLogs()
		logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(fmt.Sprintf("line %d", i))
		if err := exporter.ConsumeLogs(ctx, logs); err != nil {
			return fmt.Errorf("export line %d: %w", i, err)
		}
	}
	if err := exporter.Shutdown(ctx); err != nil {
		return err
	}

	in := kafkareceiver.NewFactory()
	inConfig := in.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(map[string]any{"brokers": brokers, "logs": map[string]any{"topics": []string{topic}}, "group_id": topic,
		"initial_offset": "earliest"}).Unmarshal(inConfig); err != nil {
		return err
	}
	var read atomic.Int64
	all := make(chan struct{})
	sink, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		if n := logs.LogRecordCount(); read.Add(int64(n)) == int64(count) {
			close(all)
		}
		return nil
	})
	if err != nil {
		return err
	}
	receiver, err := in.CreateLogs(ctx, receivertest.NewNopSettings(in.Type()), inConfig, sink)
	if err != nil {
		return err
	}
	if err := receiver.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	select {
	case <-all:
	case <-ctx.Done():
		return fmt.Errorf("read %d of them: %w", read.Load(), ctx.Err())
	}
	if err := receiver.Shutdown(ctx); err != nil {
		return err
	}
	fmt.Println("read", count)
	return nil
}
