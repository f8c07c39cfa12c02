//go:build transcripts

package tools

// exceptions are the steps that are not compared, by transcript, with the reason. Those that begin with "not run:" are not even run.
func exceptions() map[string]map[string]string {
	const (
		slow     = "not run: takes 30 s"
		serves   = "lists the APIs of Apache Kafka 2.5's brokers"
		dirs     = "names directories of the recorded cluster"
		random   = "unkeyed messages were in the other partition: the producer chooses one at random"
		squeezed = "was recorded without the blanks of the table"
	)
	return map[string]map[string]string{
		"kafka-topics": {
			"err-assign-unknown-broker": slow,
			"err-unreachable-zk":        slow,
			"zk-list-exclude-internal":  "lists the topic of err-assign-unknown-broker, which is not run",
		},
		"kafka-broker-api-versions": {"all": serves, "command-config": serves},
		"kafka-configs": {
			"bs-describe-broker-all": dirs,
			"bs-logger-describe":     "lists the loggers of a JVM",
		},
		"kafka-console-consumer": {
			"offsets-topic": "the number of messages in one partition depends on the random names of groups",
		},
		"kafka-consumer-groups": {
			"describe-console-group-all": squeezed,
			"stop-c1":                    "the order in which two partitions are read depends on the run",
		},
		"kafka-consumer-perf-test": {"print-metrics": "Kafka 2.5.0 prints the metrics of its client and dies of the first whole number"},
		"kafka-producer-perf-test": {"transactions": "not run: the broker does not serve transactions yet"},
		"kafka-delete-records":     {"delete": random, "offsets-after": random},
		"kafka-reassign-partitions": {
			"execute-logdir": dirs, "verify-logdir": dirs, "verify-logdir-no-bootstrap": dirs, "execute-logdir-throttle": dirs, "verify-logdir-throttle": dirs,
		},
	}
}
