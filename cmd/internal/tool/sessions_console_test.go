package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// Messages in and out by the console, in each form that the tools know.
func TestMessagesByTheConsole(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil),
		Files: map[string]string{"producer.properties": "acks=all\nlinger.ms=0\n", "consumer.properties": "group.id=from-file\n"},
		Hide:  map[string]string{`CreateTime:\d+`: "CreateTime:T", `"timestamp":\d+`: `"timestamp":T`}}
	s.Play(t, `
$ kafka-topics --bootstrap-server BROKERS --create --topic t --partitions 1 --replication-factor 1
Created topic t.
$ kafka-console-producer --bootstrap-server BROKERS --topic t --property parse.key=true <<< 'a	1' 'b	2' '	3'
>>>>
$ kafka-console-producer --bootstrap-server BROKERS --topic t --property parse.key=true --property key.separator=: <<< c:4 nokey
>>
! No key found on line 2: nokey
= 1
$ kafka-console-producer --bootstrap-server BROKERS --topic t --property parse.key=true --property key.separator=: --property ignore.error=true <<< nokey
>>
$ kafka-console-producer --bootstrap-server BROKERS --topic t --compression-codec zstd --producer.config FILE/producer.properties --request-required-acks all --sync <<< packed
>>
$ kafka-console-producer --bootstrap-server BROKERS --topic t --compression-codec best <<< x
! Failed to construct kafka producer: Unknown compression name: best
= 1
$ kafka-console-producer --bootstrap-server BROKERS --topic t --producer-property acks=many <<< x
! Invalid value many for configuration acks: String must be one of: all, -1, 0, 1
= 1
$ kafka-console-producer --bootstrap-server BROKERS --topic t --batch-size few <<< x
! Cannot parse argument 'few' of option batch-size
= 1
$ kafka-console-producer --bootstrap-server BROKERS --topic t --line-reader my.Reader <<< x
! my.Reader
= 1
$ kafka-console-producer --bootstrap-server BROKERS
! Missing required argument "[topic]"
! (the options)
= 1
$ kafka-console-producer --topic t
! Missing required option(s) [bootstrap-server]
! (the options)
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 6
1
2
3
4
nokey
packed
! Processed a total of 6 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 6 --property print.key=true --property key.separator=' = ' --property print.partition=true --property print.timestamp=true
CreateTime:T = a = 1 = 0
CreateTime:T = b = 2 = 0
CreateTime:T =  = 3 = 0
CreateTime:T = c = 4 = 0
CreateTime:T = null = nokey = 0
CreateTime:T = null = packed = 0
! Processed a total of 6 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 2 --property print.value=false --property print.key=true --property line.separator=';'
a;b;
! Processed a total of 2 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 2 --json
{"topic":"t","partition":0,"offset":0,"timestamp":T,"timestampType":"CreateTime","headers":[],"key":"a","value":"1"}
{"topic":"t","partition":0,"offset":1,"timestamp":T,"timestampType":"CreateTime","headers":[],"key":"b","value":"2"}
! Processed a total of 2 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --partition 0 --offset 4 --max-messages 1
nokey
! Processed a total of 1 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --partition 0 --offset earliest --max-messages 1
1
! Processed a total of 1 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --partition 0 --offset never
! The provided offset value 'never' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.
! (the options)
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --partition 0 --offset -2
! The provided offset value '-2' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.
! (the options)
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --offset 4
! The partition is required when offset is specified.
! (the options)
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --partition 0 --offset 4
! Options from-beginning and offset cannot be specified together.
! (the options)
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.LongDeserializer
! Processed a total of 1 messages
! [time] ERROR Unknown error when running consumer:  (kafka.tools.ConsoleConsumer$)
! org.apache.kafka.common.errors.SerializationException: Size of data received by LongDeserializer is not 8
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.LongDeserializer --skip-message-on-error --timeout-ms 1000
! [time] ERROR Error processing message, skipping this message:  (kafka.tools.ConsoleConsumer$)
! org.apache.kafka.common.errors.SerializationException: Size of data received by LongDeserializer is not 8
! Processed a total of 1 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --timeout-ms 0
! [time] ERROR Error processing message, terminating consumer process:  (kafka.tools.ConsoleConsumer$)
! org.apache.kafka.common.errors.TimeoutException
! Processed a total of 0 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 1 --value-deserializer my.Deserializer
! my.Deserializer
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 1 --formatter my.Formatter
! my.Formatter
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 2 --formatter kafka.tools.NoOpMessageFormatter
! Processed a total of 2 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 2 --formatter kafka.tools.LoggingMessageFormatter --property print.key=true
a	1
b	2
! Processed a total of 2 messages
$ kafka-console-consumer --bootstrap-server BROKERS --whitelist 't|u' --from-beginning --max-messages 1
1
! Processed a total of 1 messages
$ kafka-console-consumer --bootstrap-server BROKERS --whitelist '(' --from-beginning
! [time] ERROR Unknown error when running consumer:  (kafka.tools.ConsoleConsumer$)
! org.apache.kafka.common.KafkaException: Failed to construct kafka consumer
! Caused by: invalid regular expression "^(?:()$"
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --whitelist t
! Exactly one of whitelist/topic is required.
! (the options)
= 1
$ kafka-console-consumer --bootstrap-server BROKERS
! Exactly one of whitelist/topic is required.
! (the options)
= 1
$ kafka-console-consumer --topic t
! Missing required argument "[bootstrap-server]"
! (the options)
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --group g --consumer.config FILE/consumer.properties
! The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: 'g', 'from-file'
! (the options)
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --consumer.config FILE/consumer.properties --from-beginning --max-messages 1
1
! Processed a total of 1 messages
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --isolation-level read_nothing
! [time] ERROR Unknown error when running consumer:  (kafka.tools.ConsoleConsumer$)
! org.apache.kafka.common.config.ConfigException: Invalid value read_nothing for configuration isolation.level: String must be one of: read_committed, read_uncommitted
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --max-messages all
! Cannot parse argument 'all' of option max-messages
= 1
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --from-beginning --max-messages 1 --enable-systest-events
1
shutdown_complete
! Processed a total of 1 messages
`)
}
