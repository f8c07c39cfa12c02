package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// One person's work with topics over the brokers, and what JSON says of it. What the released tool
// prints is recorded in integration/tools; this is about what stands beside it: hints, --json, and
// options that are not used together every day.
func TestTopicsByTheBrokers(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 2, nil)}
	s.PlayFile(t, "testdata/sessions/topics.txt")
}

func TestTopicsInZooKeeper(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil)}
	s.PlayFile(t, "testdata/sessions/topics-zookeeper.txt")
}

// Words that Kafka's tool refuses before it connects to anything.
func TestTopicsOptionsThatDoNotGoTogether(t *testing.T) {
	s := &tooltest.Session{Tools: Tools()}
	s.Play(t, `
$ kafka-topics --list
! Only one of --bootstrap-server or --zookeeper must be specified
= 1
$ kafka-topics --list --create --bootstrap-server b:1
! Command must include exactly one action: --list, --describe, --create, --alter or --delete
! (the options)
= 1
$ kafka-topics --bootstrap-server b:1
! Command must include exactly one action: --list, --describe, --create, --alter or --delete
! (the options)
= 1
$ kafka-topics --list --bootstrap-server b:1 --zookeeper z:1
! Only one of --bootstrap-server or --zookeeper must be specified
= 1
$ kafka-topics --create --bootstrap-server b:1
! Missing required argument "[topic]"
! (the options)
= 1
$ kafka-topics --create --zookeeper z:1 --topic t
! Missing required argument "[partitions]"
! (the options)
= 1
$ kafka-topics --create --zookeeper z:1 --topic t --partitions 1
! Missing required argument "[replication-factor]"
! (the options)
= 1
$ kafka-topics --create --bootstrap-server b:1 --topic t --if-not-exists
! Option "[if-not-exists]" can't be used with option "[bootstrap-server]"
! (the options)
= 1
$ kafka-topics --create --bootstrap-server b:1 --topic t --replica-assignment 1 --partitions 1
! Option "[replica-assignment]" can't be used with option "[partitions]"
! (the options)
= 1
$ kafka-topics --alter --bootstrap-server b:1 --topic t
! Missing required argument "[partitions]"
! (the options)
= 1
$ kafka-topics --alter --bootstrap-server b:1 --topic t --config a=b
! Option combination "[bootstrap-server],[config]" can't be used with option "[alter]"
! (the options)
= 1
$ kafka-topics --describe --bootstrap-server b:1 --config a=b
! Option "[config]" can't be used with option "[describe]"
! (the options)
= 1
$ kafka-topics --describe --zookeeper z:1 --under-min-isr-partitions
! Option "[under-min-isr-partitions]" can't be used with option "[zookeeper]"
! (the options)
= 1
$ kafka-topics --describe --bootstrap-server b:1 --under-replicated-partitions --unavailable-partitions
! Option "[under-replicated-partitions]" can't be used with option "[unavailable-partitions]"
! (the options)
= 1
$ kafka-topics --delete --bootstrap-server b:1 --topic t --json
! Option [json] takes one of these options: [list], [describe]
! (the options)
= 1
$ kafka-topics --delete --bootstrap-server b:1 --topic t --exclude-internal
! Option "[exclude-internal]" can't be used with option "[delete]"
! (the options)
= 1
$ kafka-topics --descripe --bootstrap-server b:1
! descripe is not a recognized option
! hint: did you mean --describe?
= 1
$ kafka-topics --version
2.5.0 (Commit:66563e712b0b9f84)
$ kafka-topics --create --bootstrap-server b:1 --topic a --topic b --partitions 1 --replication-factor 1
Error while executing topic command : Found multiple arguments for option topic, but you asked for only one
! [time] ERROR joptsimple.MultipleArgumentsForOptionException: Found multiple arguments for option topic, but you asked for only one
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --list --bootstrap-server b:1 --command-config FILE/none
! FILE/none: no such file
= 1
`)
}
