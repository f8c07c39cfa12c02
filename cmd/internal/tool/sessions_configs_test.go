package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// Configs by the brokers: what was changed, what is in force, and what is refused.
func TestConfigsByTheBrokers(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil)}
	s.Play(t, `
$ kafka-topics --bootstrap-server BROKERS --create --topic t --partitions 1 --replication-factor 1 --config retention.ms=5000
Created topic t.
$ kafka-configs --bootstrap-server BROKERS --describe --topic t
Dynamic configs for topic t are:
  retention.ms=5000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=5000}
$ kafka-configs --bootstrap-server BROKERS --describe --topic t --json
{
  "entities": [
    {
      "entity": [
        {
          "type": "topics",
          "name": "t"
        }
      ],
      "configs": [
        {
          "name": "retention.ms",
          "value": "5000",
          "sensitive": false,
          "source": "DYNAMIC_TOPIC_CONFIG",
          "synonyms": [
            {
              "source": "DYNAMIC_TOPIC_CONFIG",
              "name": "retention.ms",
              "value": "5000"
            }
          ]
        }
      ]
    }
  ]
}
$ kafka-configs --bootstrap-server BROKERS --alter --topic t --add-config cleanup.policy=[compact,delete],segment.ms=1000
Completed updating config for topic t.
$ kafka-configs --bootstrap-server BROKERS --describe --entity-type topics --entity-name t
Dynamic configs for topic t are:
  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}
  retention.ms=5000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=5000}
  segment.ms=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:segment.ms=1000}
$ kafka-configs --bootstrap-server BROKERS --alter --topic t --delete-config retention.ms --add-config segment.ms=2000
Completed updating config for topic t.
$ kafka-configs --bootstrap-server BROKERS --describe --topic t
Dynamic configs for topic t are:
  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}
  segment.ms=2000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:segment.ms=2000}
$ kafka-configs --bootstrap-server BROKERS --alter --topic t --delete-config retention.ms
! Invalid config(s): retention.ms
= 1
$ kafka-configs --bootstrap-server BROKERS --alter --topic t --add-config segment.ms=soon
! Error while executing config command with args '--bootstrap-server BROKERS --alter --topic t --add-config segment.ms=soon'
! org.apache.kafka.common.errors.InvalidRequestException: Invalid config value for resource ConfigResource(type=TOPIC, name='t'): Invalid value soon for configuration segment.ms: Not a number of type LONG
= 1
$ kafka-configs --bootstrap-server BROKERS --alter --topic t --add-config nonsense=1
! Error while executing config command with args '--bootstrap-server BROKERS --alter --topic t --add-config nonsense=1'
! org.apache.kafka.common.errors.InvalidConfigurationException: Unknown topic config name: nonsense
= 1
$ kafka-configs --bootstrap-server BROKERS --alter --topic t --add-config segment.ms
! requirement failed: Invalid entity config: all configs to be added must be in the format "key=val".
= 1
$ kafka-configs --bootstrap-server BROKERS --alter --topic none --add-config segment.ms=5
! Error while executing config command with args '--bootstrap-server BROKERS --alter --topic none --add-config segment.ms=5'
! org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.
! hint: topic none does not exist; kafka-topics --list shows the topics
= 1
$ kafka-configs --bootstrap-server BROKERS --describe --topic none
Dynamic configs for topic none are:
! Error while executing config command with args '--bootstrap-server BROKERS --describe --topic none'
! org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.
! hint: topic none does not exist; kafka-topics --list shows the topics
= 1
$ kafka-configs --bootstrap-server BROKERS --describe --broker 1
Dynamic configs for broker 1 are:
$ kafka-configs --bootstrap-server BROKERS --alter --broker 1 --add-config log.cleaner.backoff.ms=5000
Completed updating config for broker 1.
$ kafka-configs --bootstrap-server BROKERS --describe --broker 1
Dynamic configs for broker 1 are:
  log.cleaner.backoff.ms=5000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:log.cleaner.backoff.ms=5000, DEFAULT_CONFIG:log.cleaner.backoff.ms=15000}
$ kafka-configs --bootstrap-server BROKERS --alter --broker 1 --add-config broker.id=2
! Error while executing config command with args '--bootstrap-server BROKERS --alter --broker 1 --add-config broker.id=2'
! org.apache.kafka.common.errors.InvalidRequestException: Invalid config value for resource ConfigResource(type=BROKER, name='1'): Cannot update these configs dynamically: Set(broker.id)
= 1
$ kafka-configs --bootstrap-server BROKERS --alter --broker-defaults --add-config log.cleaner.threads=1
Completed updating default config for brokers in the cluster.
$ kafka-configs --bootstrap-server BROKERS --describe --broker-defaults
Default configs for brokers in the cluster are:
  log.cleaner.threads=1 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:log.cleaner.threads=1}
$ kafka-configs --bootstrap-server BROKERS --describe --broker-defaults --json
{
  "entities": [
    {
      "entity": [
        {
          "type": "brokers",
          "name": null
        }
      ],
      "configs": [
        {
          "name": "log.cleaner.threads",
          "value": "1",
          "sensitive": false,
          "source": "DYNAMIC_DEFAULT_BROKER_CONFIG",
          "synonyms": [
            {
              "source": "DYNAMIC_DEFAULT_BROKER_CONFIG",
              "name": "log.cleaner.threads",
              "value": "1"
            }
          ]
        }
      ]
    }
  ]
}
$ kafka-configs --bootstrap-server BROKERS --describe --broker one
! The entity name for brokers must be a valid integer broker id, but it is: one
= 1
$ kafka-configs --bootstrap-server BROKERS --alter --broker-logger 1 --add-config kafka.nothing=DEBUG
! Invalid broker logger(s): kafka.nothing
= 1
$ kafka-configs --bootstrap-server BROKERS --describe --entity-type users
! Invalid entity type users, the entity type must be one of topics,brokers,broker-loggers with the --bootstrap-server argument
= 1
$ kafka-configs --bootstrap-server BROKERS --alter --topic t
! At least one of --add-config or --delete-config must be specified with --alter
= 1
`)
}

func TestConfigsInZooKeeper(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil), Hide: map[string]string{`salt=[^,]+,stored_key=[^,]+,server_key=[^,]+,iterations`: "salt=…,iterations"}}
	s.Play(t, `
$ kafka-configs --zookeeper ZOOKEEPER --alter --user alice --add-config producer_byte_rate=1024,consumer_byte_rate=2048
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Completed updating config for entity: user-principal 'alice'.
$ kafka-configs --zookeeper ZOOKEEPER --alter --user alice --client app --add-config request_percentage=50
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Completed updating config for entity: user-principal 'alice', client-id 'app'.
$ kafka-configs --zookeeper ZOOKEEPER --alter --client-defaults --add-config producer_byte_rate=99
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Completed updating config for entity: default client-id.
$ kafka-configs --zookeeper ZOOKEEPER --alter --user bob --add-config SCRAM-SHA-256=[iterations=4096,password=secret]
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Completed updating config for entity: user-principal 'bob'.
$ kafka-configs --zookeeper ZOOKEEPER --alter --user bob --add-config SCRAM-SHA-256=[iterations=1,password=secret]
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
! Iterations 1 is less than the minimum 4096 required for SCRAM_SHA_256
= 1
$ kafka-configs --zookeeper ZOOKEEPER --alter --user bob --add-config SCRAM-SHA-256=[iterations=4096]
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
! Invalid credential property SCRAM_SHA_256=iterations=4096
= 1
$ kafka-configs --zookeeper ZOOKEEPER --describe --user alice
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Configs for user-principal 'alice' are producer_byte_rate=1024,consumer_byte_rate=2048
$ kafka-configs --zookeeper ZOOKEEPER --describe --entity-type users
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Configs for user-principal 'alice' are producer_byte_rate=1024,consumer_byte_rate=2048
Configs for user-principal 'bob' are SCRAM-SHA-256=salt=…,iterations=4096
$ kafka-configs --zookeeper ZOOKEEPER --describe --entity-type users --entity-type clients
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Configs for user-principal 'alice', client-id 'app' are request_percentage=50
$ kafka-configs --zookeeper ZOOKEEPER --describe --client-defaults
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Configs for default client-id are producer_byte_rate=99
$ kafka-configs --zookeeper ZOOKEEPER --describe --client-defaults --json
{
  "entities": [
    {
      "entity": [
        {
          "type": "clients",
          "name": null
        }
      ],
      "configs": [
        {
          "name": "producer_byte_rate",
          "value": "99",
          "sensitive": false
        }
      ]
    }
  ]
}
! Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
! Use --bootstrap-server instead to specify a broker to connect to.
$ kafka-configs --zookeeper ZOOKEEPER --alter --user alice --delete-config producer_byte_rate
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Completed updating config for entity: user-principal 'alice'.
$ kafka-configs --zookeeper ZOOKEEPER --alter --user alice --delete-config producer_byte_rate
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
! Invalid config(s): producer_byte_rate
= 1
$ kafka-configs --zookeeper ZOOKEEPER --alter --user alice --add-config producer_byte_rate=fast
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
! Error while executing config command with args '--zookeeper ZOOKEEPER --alter --user alice --add-config producer_byte_rate=fast'
! Invalid value fast for configuration producer_byte_rate: Not a number of type LONG
= 1
$ kafka-configs --zookeeper ZOOKEEPER --alter --user alice --add-config nonsense=1
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
! requirement failed: Unknown Dynamic Configuration: Set(nonsense).
= 1
$ kafka-configs --zookeeper ZOOKEEPER --alter --topic none --add-config retention.ms=1
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
! Error while executing config command with args '--zookeeper ZOOKEEPER --alter --topic none --add-config retention.ms=1'
! Topic "none" does not exist.
= 1
$ kafka-configs --zookeeper ZOOKEEPER --alter --broker 1 --add-config log.cleaner.threads=2
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
! requirement failed: --bootstrap-server option must be specified to update broker configs Set(log.cleaner.threads). when broker 1 is running. Broker configuration updates using ZooKeeper are supported for bootstrapping before brokers are started to enable encrypted password configs to be stored in ZooKeeper.
= 1
$ kafka-configs --zookeeper ZOOKEEPER --describe --broker 1
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Configs for brokers '1' are
$ kafka-configs --zookeeper ZOOKEEPER --describe --broker-logger 1
! Invalid entity type broker-loggers, the entity type must be one of topics,clients,users,brokers with the --zookeeper argument
= 1
`)
}

func TestConfigOptionsThatDoNotGoTogether(t *testing.T) {
	s := &tooltest.Session{Tools: Tools()}
	s.Play(t, `
$ kafka-configs --describe --topic t
! One of the required --bootstrap-server or --zookeeper arguments must be specified
= 1
$ kafka-configs --bootstrap-server b:1
! Command must include exactly one action: --describe, --alter
! (the options)
= 1
$ kafka-configs --bootstrap-server b:1 --alter --describe --topic t
! Command must include exactly one action: --describe, --alter
! (the options)
= 1
$ kafka-configs --bootstrap-server b:1 --zookeeper z:1 --describe --topic t
! Only one of --bootstrap-server or --zookeeper must be specified
= 1
$ kafka-configs --bootstrap-server b:1 --describe --topic t --add-config a=b
! Option "[describe]" can't be used with option "[add-config]"
! (the options)
= 1
$ kafka-configs --bootstrap-server b:1 --describe
! At least one entity type must be specified
= 1
$ kafka-configs --bootstrap-server b:1 --describe --topic t --broker 1
! Only 'users' and 'clients' entity types can be specified together
= 1
$ kafka-configs --bootstrap-server b:1 --describe --topic t --entity-type topics
! Duplicate entity type(s) specified: topics
= 1
$ kafka-configs --bootstrap-server b:1 --describe --entity-type planets
! Invalid entity type planets, the entity type must be one of topics,brokers,broker-loggers with the --bootstrap-server argument
= 1
$ kafka-configs --bootstrap-server b:1 --alter --entity-type topics --add-config a=b
! an entity name must be specified with --alter of topics
= 1
$ kafka-configs --bootstrap-server b:1 --alter --topic t --add-config a=b --json
! Option [json] takes one of these options: [describe]
! (the options)
= 1
$ kafka-configs --zookeeper z:1 --describe --topic t --all
! --bootstrap-server must be specified for --all
= 1
$ kafka-configs --zookeeper z:1 --describe --entity-type brokers --entity-name one
! The entity name for brokers must be a valid integer broker id, but it is: one
= 1
$ kafka-configs --bootstrap-server b:1 --alter --topic t --topic u --add-config a=b
! Found multiple arguments for option topic, but you asked for only one
= 1
$ kafka-configs --bootstrap-server b:1 --alter --topic t --ad-config a=b
! ad-config is not a recognized option
= 1
`)
}
