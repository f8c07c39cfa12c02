package tool

import (
	"context"
	"slices"
	"testing"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/tooltest"
)

// completing is a tool that prints what may come next on the line that its words are; the last one
// is what was typed of the next.
func completing() core.Tool {
	return core.Tool{Name: "complete", Main: func(ctx context.Context, c *core.Call) error {
		typed, last := c.Args[:len(c.Args)-1], c.Args[len(c.Args)-1]
		i := slices.IndexFunc(Tools(), func(t core.Tool) bool { return t.Name == typed[0] })
		if i < 0 {
			return core.Exit(1)
		}
		out := Complete(ctx, Tools()[i], c.Getenv, typed[1:], last)
		for _, w := range out.Words {
			c.Printf("%s  %s\n", w.Word, w.Help)
		}
		if out.Files {
			c.Println("(names of files)")
		}
		return nil
	}}
}

// A shell asks for the next word: options that were not given yet, and values from the cluster that
// the line names.
func TestNextWordsOfALine(t *testing.T) {
	s := &tooltest.Session{Tools: append(Tools(), completing()), Cluster: tooltest.NewCluster(t, 1, nil), Full: true, Hide: map[string]string{`127\.0\.0\.1:\d+`: "BROKER1"}}
	s.Play(t, `
$ kafka-topics --bootstrap-server BROKERS --create --topic orders --partitions 2 --replication-factor 1
Created topic orders.
$ kafka-topics --bootstrap-server BROKERS --create --topic bills --partitions 1 --replication-factor 1
Created topic bills.
$ kafka-topics --bootstrap-server BROKERS --describe --topic bills
Topic: bills	PartitionCount: 1	ReplicationFactor: 1	Configs:
	Topic: bills	Partition: 0	Leader: 1	Replicas: 1	Isr: 1
$ complete kafka-topics --d
--delete  delete topics
--delete-config  a config to remove, with --alter and --zookeeper; may be repeated
--describe  show topics and where their partitions are
--disable-rack-aware  ignore racks when choosing replicas
$ complete kafka-topics --bootstrap-server BROKERS --describe --d
--delete  delete topics
--delete-config  a config to remove, with --alter and --zookeeper; may be repeated
--disable-rack-aware  ignore racks when choosing replicas
$ complete kafka-topics --bootstrap-server BROKERS --describe --topic ''
bills  1 partition
orders  2 partitions
$ complete kafka-topics --bootstrap-server BROKERS --describe --topic o
orders  2 partitions
$ complete kafka-topics --zookeeper ZOOKEEPER --describe --topic b
bills
$ complete kafka-topics --bootstrap-server BROKERS --create --config ret
retention.bytes=
retention.ms=
$ complete kafka-topics --bootstrap-server BROKERS --create --config cleanup.policy=
cleanup.policy=
$ complete kafka-topics --command-config ''
(names of files)
$ complete kafka-configs --bootstrap-server BROKERS --entity-type ''
broker-loggers
brokers
clients
topics
users
$ complete kafka-configs --bootstrap-server BROKERS --entity-type brokers --entity-name ''
1  BROKERS
$ complete kafka-configs --bootstrap-server BROKERS --alter --topic orders --add-config max.m
max.message.bytes=  1048588
$ complete kafka-leader-election --bootstrap-server BROKERS --election-type ''
preferred
unclean
$ complete kafka-leader-election --bootstrap-server BROKERS --topic orders --partition ''
0
1
$ complete kafka-reassign-partitions --bootstrap-server BROKERS --broker-list ''
1  BROKERS
$ complete kafka-acls --bootstrap-server BROKERS --add --operation D
Delete
Describe
DescribeConfigs
$ complete kafka-console-producer --bootstrap-server BROKERS --compression-codec ''
gzip
lz4
none
snappy
zstd
$ complete kafka-console-consumer --bootstrap-server BROKERS --isolation-level ''
read_committed
read_uncommitted
$ complete kafka-verifiable-producer --acks ''
-1
0
1
$ complete kafka-topics --bootstrap-server 127.0.0.1:1 --topic ''
$ complete zookeeper-shell ''
(names of files)
$ complete nothing ''
= 1
`)
}
