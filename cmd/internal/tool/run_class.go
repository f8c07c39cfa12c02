package tool

import (
	"context"
)

// classes maps Kafka's classes to the tools that stand for them.
func classes() map[string]string {
	return map[string]string{
		"kafka.tools.GetOffsetShell": "kafka-get-offsets", "kafka.admin.TopicCommand": "kafka-topics",
		"kafka.tools.ConsoleProducer": "kafka-console-producer", "kafka.tools.ConsoleConsumer": "kafka-console-consumer",
		"kafka.admin.ConsumerGroupCommand": "kafka-consumer-groups", "kafka.admin.ConfigCommand": "kafka-configs",
		"kafka.admin.AclCommand": "kafka-acls", "kafka.admin.ReassignPartitionsCommand": "kafka-reassign-partitions",
		"kafka.admin.LeaderElectionCommand":                        "kafka-leader-election",
		"kafka.admin.PreferredReplicaLeaderElectionCommand":        "kafka-preferred-replica-election",
		"kafka.admin.DeleteRecordsCommand":                         "kafka-delete-records",
		"kafka.admin.LogDirsCommand":                               "kafka-log-dirs",
		"kafka.tools.DumpLogSegments":                              "kafka-dump-log",
		"kafka.admin.BrokerApiVersionsCommand":                     "kafka-broker-api-versions",
		"org.apache.kafka.tools.ProducerPerformance":               "kafka-producer-perf-test",
		"kafka.tools.ConsumerPerformance":                          "kafka-consumer-perf-test",
		"org.apache.kafka.tools.VerifiableProducer":                "kafka-verifiable-producer",
		"org.apache.kafka.tools.VerifiableConsumer":                "kafka-verifiable-consumer",
		"kafka.tools.ReplicaVerificationTool":                      "kafka-replica-verification",
		"kafka.admin.DelegationTokenCommand":                       "kafka-delegation-tokens",
		"kafka.tools.MirrorMaker":                                  "kafka-mirror-maker",
		"kafka.tools.StreamsResetter":                              "kafka-streams-application-reset",
		"org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka": "zookeeper-shell",
	}
}

// runClass is kafka-run-class.sh for the classes that are tools.
func runClass(ctx context.Context, c *call) error {
	if len(c.Args) == 0 {
		c.errorf("USAGE: kafka-run-class.sh classname [opts]\n")
		return exit(1)
	}
	name := classes()[c.Args[0]]
	for _, t := range Tools() {
		if t.Name == name {
			c.Args = c.Args[1:]
			return t.run(ctx, c)
		}
	}
	c.errorf("Error: Could not find or load main class %s\n", c.Args[0])
	return exit(1)
}
