//go:build transcripts || interop

package tools

import "maps"

// secured are the transcripts of a cluster with an authorizer.
func secured() map[string]bool {
	return map[string]bool{"kafka-acls": true, "kafka-delegation-tokens": true, "security": true}
}

// exceptions are the steps that are not compared, by transcript, with the reason; docs/tools.md
// tells of those that a user may notice. Those that begin with "not run:" are not even run.
func exceptions() map[string]map[string]string {
	const (
		slow     = "not run: takes 30 s"
		random   = "unkeyed messages were in the other partition: the producer chooses one at random"
		squeezed = "was recorded without the blanks of the table"
		logs     = "momus logs to standard error, Kafka's broker to standard output"
	)
	return map[string]map[string]string{
		"kafka-topics": {
			"err-assign-unknown-broker": slow,
			"err-unreachable-zk":        slow,
			"zk-list-exclude-internal":  "lists the topic of err-assign-unknown-broker, which is not run",
		},
		"kafka-console-consumer": {
			"offsets-topic": "the number of messages in one partition depends on the random names of groups",
		},
		"kafka-consumer-groups": {
			"describe-console-group-all": squeezed,
			"stop-c1":                    "the order in which two partitions are read depends on the run",
		},
		"kafka-consumer-perf-test": {"print-metrics": "Kafka 2.5.0 prints the metrics of its client and dies of the first whole number"},
		"kafka-delete-records":     {"delete": random, "offsets-after": random},
		"kafka-server-start-stop": {
			"err-no-file": logs, "err-empty-file": logs, "err-bad-value": logs, "err-extra-arg": logs, "err-bad-option": logs,
			"err-override-format": "not run: the broker starts and has to be killed",
			"stop-none":           "not run: would stop all brokers of the machine; tested with processes that are made up",
			"daemon-start-stop":   "not run: a line for a shell, which also would stop all brokers; TestDaemon does the same",
		},
	}
}

// exceptionsOnMomus are those and the ones that come from the broker being momus.
func exceptionsOnMomus() map[string]map[string]string {
	return with(exceptions(), map[string]map[string]string{
		"kafka-configs": {"bs-describe-broker-all": "names directories of the recorded cluster", "bs-logger-describe": "lists the loggers of a JVM"},
	})
}

// exceptionsOnApache are those of brokers with the settings of the tests.
func exceptionsOnApache() map[string]map[string]string {
	return with(exceptions(), map[string]map[string]string{
		"kafka-configs": {"bs-describe-broker-all": "names settings of the recorded cluster", "bs-logger-describe": "the brokers of the tests log less"},
	})
}

func with(all, more map[string]map[string]string) map[string]map[string]string {
	for name, steps := range more {
		if all[name] == nil {
			all[name] = map[string]string{}
		}
		maps.Copy(all[name], steps)
	}
	return all
}
