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
	s.Play(t, `
$ kafka-topics --bootstrap-server BROKERS --create --topic orders --partitions 2 --replication-factor 2 --config retention.ms=60000
Created topic orders.
$ kafka-topics --bootstrap-server BROKERS --create --topic placed --replica-assignment 1:2,2:1
Created topic placed.
$ kafka-topics --bootstrap-server BROKERS --create --topic orders --partitions 2 --replication-factor 2
Error while executing topic command : Topic orders already exists
! [time] ERROR java.lang.IllegalArgumentException: Topic orders already exists
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic three --partitions 1 --replication-factor 3
Error while executing topic command : org.apache.kafka.common.errors.InvalidReplicationFactorException: Replication factor: 3 larger than available brokers: 2.
! [time] ERROR java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.InvalidReplicationFactorException: Replication factor: 3 larger than available brokers: 2.
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic bad --partitions 1 --replication-factor 1 --config retention.ms=soon
Error while executing topic command : Invalid value soon for configuration retention.ms: Not a number of type LONG
! [time] ERROR org.apache.kafka.common.config.ConfigException: Invalid value soon for configuration retention.ms: Not a number of type LONG
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic bad --partitions 1 --replication-factor 1 --config nonsense=1
Error while executing topic command : Unknown topic config name: nonsense
! [time] ERROR org.apache.kafka.common.errors.InvalidConfigurationException: Unknown topic config name: nonsense
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic 'a b' --partitions 1 --replication-factor 1
Error while executing topic command : org.apache.kafka.common.errors.InvalidTopicException: Topic name "a b" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'
! [time] ERROR java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.InvalidTopicException: Topic name "a b" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic bad --replica-assignment 1:1
Error while executing topic command : Partition replica lists may not contain duplicate entries: 1
! [time] ERROR kafka.common.AdminCommandFailedException: Partition replica lists may not contain duplicate entries: 1
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic bad --replica-assignment 1:x
Error while executing topic command : For input string: "x"
! [time] ERROR java.lang.NumberFormatException: For input string: "x"
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic bad --replica-assignment 1:2,1
Error while executing topic command : Partition 1 has different replication factor: [I@31
! [time] ERROR kafka.admin.AdminOperationException: Partition 1 has different replication factor: [I@31
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic bad --partitions many --replication-factor 1
Error while executing topic command : Cannot parse argument 'many' of option partitions
! [time] ERROR joptsimple.OptionArgumentConversionException: Cannot parse argument 'many' of option partitions
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --create --topic period.and --partitions 1 --replication-factor 1
WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.
Created topic period.and.
$ kafka-topics --bootstrap-server BROKERS --list
orders
period.and
placed
$ kafka-topics --bootstrap-server BROKERS --list --topic 'ord.*'
orders
$ kafka-topics --bootstrap-server BROKERS --list --topic 'ord.*|placed' --json
{
  "topics": [
    {
      "name": "orders"
    },
    {
      "name": "placed"
    }
  ]
}
$ kafka-topics --bootstrap-server BROKERS --list --json --topic none
{
  "topics": []
}
$ kafka-topics --bootstrap-server BROKERS --describe --topic orders --topics-with-overrides
Topic: orders	PartitionCount: 2	ReplicationFactor: 2	Configs: retention.ms=60000
$ kafka-topics --bootstrap-server BROKERS --describe --topics-with-overrides
Topic: orders	PartitionCount: 2	ReplicationFactor: 2	Configs: retention.ms=60000
$ kafka-topics --bootstrap-server BROKERS --describe --topic placed --json
{
  "topics": [
    {
      "name": "placed",
      "partitionCount": 2,
      "replicationFactor": 2,
      "partitions": [
        {
          "partition": 0,
          "leader": 1,
          "replicas": [
            1,
            2
          ],
          "isr": [
            1,
            2
          ]
        },
        {
          "partition": 1,
          "leader": 2,
          "replicas": [
            2,
            1
          ],
          "isr": [
            2,
            1
          ]
        }
      ]
    }
  ]
}
$ kafka-topics --bootstrap-server BROKERS --describe --topics-with-overrides --json
{
  "topics": [
    {
      "name": "orders",
      "partitionCount": 2,
      "replicationFactor": 2,
      "configs": {
        "retention.ms": "60000"
      }
    }
  ]
}
$ kafka-topics --bootstrap-server BROKERS --describe --topic nowhere
$ kafka-topics --bootstrap-server BROKERS --describe --under-replicated-partitions
$ kafka-topics --bootstrap-server BROKERS --describe --unavailable-partitions --json
{
  "topics": []
}
$ kafka-topics --bootstrap-server BROKERS --describe --at-min-isr-partitions --topic placed
$ kafka-topics --bootstrap-server BROKERS --alter --topic orders --partitions 3
$ kafka-topics --bootstrap-server BROKERS --alter --topic orders --partitions 2
Error while executing topic command : org.apache.kafka.common.errors.InvalidPartitionsException: Topic currently has 3 partitions, which is higher than the requested 2.
! [time] ERROR java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.InvalidPartitionsException: Topic currently has 3 partitions, which is higher than the requested 2.
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --bootstrap-server BROKERS --alter --topic orders --partitions 4 --replica-assignment 1:2,1:2,1:2,2:1
$ kafka-topics --bootstrap-server BROKERS --alter --topic nowhere --partitions 4
Error while executing topic command : Topic 'nowhere' does not exist as expected
! [time] ERROR java.lang.IllegalArgumentException: Topic 'nowhere' does not exist as expected
!  (kafka.admin.TopicCommand$)
! hint: kafka-topics --list shows the topics
= 1
$ kafka-topics --bootstrap-server BROKERS --delete --topic nowhere
Error while executing topic command : Topic 'nowhere' does not exist as expected
! [time] ERROR java.lang.IllegalArgumentException: Topic 'nowhere' does not exist as expected
!  (kafka.admin.TopicCommand$)
! hint: kafka-topics --list shows the topics
= 1
$ kafka-topics --bootstrap-server BROKERS --delete --topic 'period.*'
$ kafka-topics --bootstrap-server BROKERS --list
orders
placed
`)
}

func TestTopicsInZooKeeper(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil)}
	s.Play(t, `
$ kafka-topics --zookeeper ZOOKEEPER --create --topic t --partitions 1 --replication-factor 1
Created topic t.
$ kafka-topics --zookeeper ZOOKEEPER --create --topic t --partitions 1 --replication-factor 1
Error while executing topic command : Topic 't' already exists.
! [time] ERROR org.apache.kafka.common.errors.TopicExistsException: Topic 't' already exists.
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --zookeeper ZOOKEEPER --create --topic t --partitions 1 --replication-factor 1 --if-not-exists
$ kafka-topics --zookeeper ZOOKEEPER --create --topic u --replica-assignment 1,1 --config cleanup.policy=compact
Created topic u.
$ kafka-topics --zookeeper ZOOKEEPER --create --topic v --partitions 1 --replication-factor 2
Error while executing topic command : Replication factor: 2 larger than available brokers: 1.
! [time] ERROR org.apache.kafka.common.errors.InvalidReplicationFactorException: Replication factor: 2 larger than available brokers: 1.
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --zookeeper ZOOKEEPER --create --topic v --partitions 0 --replication-factor 1
Error while executing topic command : Number of partitions must be larger than 0.
! [time] ERROR org.apache.kafka.common.errors.InvalidPartitionsException: Number of partitions must be larger than 0.
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --zookeeper ZOOKEEPER --create --topic v --partitions 1
! Missing required argument "[replication-factor]"
! (the options)
= 1
$ kafka-topics --zookeeper ZOOKEEPER --list
t
u
$ kafka-topics --zookeeper ZOOKEEPER --describe --topic u
Topic: u	PartitionCount: 2	ReplicationFactor: 1	Configs: cleanup.policy=compact
	Topic: u	Partition: 0	Leader: 1	Replicas: 1	Isr: 1
	Topic: u	Partition: 1	Leader: 1	Replicas: 1	Isr: 1
$ kafka-topics --zookeeper ZOOKEEPER --describe --topic u --json
{
  "topics": [
    {
      "name": "u",
      "partitionCount": 2,
      "replicationFactor": 1,
      "configs": {
        "cleanup.policy": "compact"
      },
      "partitions": [
        {
          "partition": 0,
          "leader": 1,
          "replicas": [
            1
          ],
          "isr": [
            1
          ]
        },
        {
          "partition": 1,
          "leader": 1,
          "replicas": [
            1
          ],
          "isr": [
            1
          ]
        }
      ]
    }
  ]
}
$ kafka-topics --zookeeper ZOOKEEPER --alter --topic u --config segment.ms=1000 --delete-config cleanup.policy
WARNING: Altering topic configuration from this script has been deprecated and may be removed in future releases.
         Going forward, please use kafka-configs.sh for this functionality
Updated config for topic u.
$ kafka-topics --zookeeper ZOOKEEPER --describe --topics-with-overrides
Topic: u	PartitionCount: 2	ReplicationFactor: 1	Configs: segment.ms=1000
$ kafka-topics --zookeeper ZOOKEEPER --alter --topic u --config segment.ms=-5
Error while executing topic command : Invalid value -5 for configuration segment.ms: Value must be at least 1
! [time] ERROR org.apache.kafka.common.config.ConfigException: Invalid value -5 for configuration segment.ms: Value must be at least 1
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --zookeeper ZOOKEEPER --alter --topic u --partitions 3
WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected
Adding partitions succeeded!
$ kafka-topics --zookeeper ZOOKEEPER --alter --topic u --partitions 3
WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected
Error while executing topic command : The number of partitions for a topic can only be increased. Topic u currently has 3 partitions, 3 would not be an increase.
! [time] ERROR org.apache.kafka.common.errors.InvalidPartitionsException: The number of partitions for a topic can only be increased. Topic u currently has 3 partitions, 3 would not be an increase.
!  (kafka.admin.TopicCommand$)
= 1
$ kafka-topics --zookeeper ZOOKEEPER --alter --topic nowhere --partitions 3
Error while executing topic command : Topic 'nowhere' does not exist as expected
! [time] ERROR java.lang.IllegalArgumentException: Topic 'nowhere' does not exist as expected
!  (kafka.admin.TopicCommand$)
! hint: kafka-topics --list shows the topics
= 1
$ kafka-topics --zookeeper ZOOKEEPER --alter --topic nowhere --partitions 3 --if-exists
$ kafka-topics --zookeeper ZOOKEEPER --describe --topic nowhere
Error while executing topic command : Topic 'nowhere' does not exist as expected
! [time] ERROR java.lang.IllegalArgumentException: Topic 'nowhere' does not exist as expected
!  (kafka.admin.TopicCommand$)
! hint: kafka-topics --list shows the topics
= 1
$ kafka-topics --zookeeper ZOOKEEPER --delete --topic nowhere
Error while executing topic command : Topic 'nowhere' does not exist as expected
! [time] ERROR java.lang.IllegalArgumentException: Topic 'nowhere' does not exist as expected
!  (kafka.admin.TopicCommand$)
! hint: kafka-topics --list shows the topics
= 1
$ kafka-topics --zookeeper ZOOKEEPER --delete --topic nowhere --if-exists
$ kafka-topics --zookeeper ZOOKEEPER --delete --topic t
Topic t is marked for deletion.
Note: This will have no impact if delete.topic.enable is not set to true.
`)
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
