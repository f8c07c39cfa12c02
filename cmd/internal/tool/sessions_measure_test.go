package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// Tools that measure and compare. Their figures differ from run to run; what stands around them does
// not.
func TestToolsThatMeasure(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil),
		Files: map[string]string{"payloads": "one\ntwo\n", "nothing": "", "target.properties": "acks=all\n", "source.properties": "group.id=mirror\n"},
		Hide:  map[string]string{`\d+\.\d+`: "N.N", `"timestamp":\d+`: `"timestamp":T`, `20\d\d-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}`: "TIME", `\d+(\.\d+)? ms`: "N ms", `, \d{2,}, -?\d+,`: ", N, N,"}}
	s.Play(t, `
$ kafka-topics --bootstrap-server BROKERS --create --topic t --partitions 1 --replication-factor 1
Created topic t.
$ kafka-producer-perf-test --topic t --num-records 10 --record-size 10 --throughput -1 --producer-props bootstrap.servers=BROKERS
10 records sent, N.N records/sec (N.N MB/sec), N ms avg latency, N ms max latency, N ms 50th, N ms 95th, N ms 99th, N ms N.Nth.
$ kafka-producer-perf-test --topic t --num-records 3 --payload-file FILE/payloads --throughput -1 --producer-props bootstrap.servers=BROKERS
Reading payloads from: FILE/payloads
Number of messages read: 2
3 records sent, N.N records/sec (N.N MB/sec), N ms avg latency, N ms max latency, N ms 50th, N ms 95th, N ms 99th, N ms N.Nth.
$ kafka-producer-perf-test --topic t --num-records 3 --payload-file FILE/nothing --throughput -1 --producer-props bootstrap.servers=BROKERS
Reading payloads from: FILE/nothing
! File does not exist or empty file provided.
= 1
$ kafka-producer-perf-test --topic t --num-records 3 --payload-file FILE/missing --throughput -1 --producer-props bootstrap.servers=BROKERS
Reading payloads from: FILE/missing
! File does not exist or empty file provided.
= 1
$ kafka-producer-perf-test --topic t --num-records 3 --throughput -1
! (the usage)
! producer-performance: error: one of the arguments --record-size --payload-file is required
= 1
$ kafka-producer-perf-test --topic t --num-records many --record-size 5 --throughput -1
! (the usage)
! producer-performance: error: argument --num-records: could not convert 'many' to Long (For input string: "many")
= 1
$ kafka-producer-perf-test --topic t --num-records 5 --record-size 5 --payload-file FILE/payloads --throughput -1
! (the usage)
! producer-performance: error: argument --payload-file: not allowed with argument --record-size
= 1
$ kafka-producer-perf-test --num-records 5 --record-size 5 --throughput -1
! (the usage)
! producer-performance: error: argument --topic is required
= 1
$ kafka-producer-perf-test --topic t --num-records 5 --record-size 5 --throughput -1 --producer-props acks
! Invalid property: acks
= 1
$ kafka-verifiable-producer --topic t --max-messages 2 --bootstrap-server BROKERS
{"timestamp":T,"name":"startup_complete"}
{"timestamp":T,"name":"producer_send_success","key":null,"value":"0","offset":13,"partition":0,"topic":"t"}
{"timestamp":T,"name":"producer_send_success","key":null,"value":"1","offset":14,"partition":0,"topic":"t"}
{"timestamp":T,"name":"shutdown_complete"}
{"timestamp":T,"name":"tool_data","sent":2,"acked":2,"target_throughput":-1,"avg_throughput":N.N}
$ kafka-verifiable-producer --topic t --max-messages 1 --bootstrap-server BROKERS --value-prefix 7 --acks 1
{"timestamp":T,"name":"startup_complete"}
{"timestamp":T,"name":"producer_send_success","key":null,"value":"N.N","offset":15,"partition":0,"topic":"t"}
{"timestamp":T,"name":"shutdown_complete"}
{"timestamp":T,"name":"tool_data","sent":1,"acked":1,"target_throughput":-1,"avg_throughput":N.N}
$ kafka-verifiable-producer --topic t --max-messages 1 --bootstrap-server BROKERS --acks 3
! (the usage)
! verifiable-producer: error: argument --acks: invalid choice: '3' (choose from {0,1,-1})
= 1
$ kafka-verifiable-producer --topic t --max-messages 1
! (the usage)
! verifiable-producer: error: one of the arguments --bootstrap-server --broker-list is required
= 1
$ kafka-verifiable-producer --max-messages 1 --bootstrap-server BROKERS
! (the usage)
! verifiable-producer: error: argument --topic is required
= 1
$ kafka-verifiable-producer --topic t --max
! (the usage)
! verifiable-producer: error: argument --max-messages: expected one argument
= 1
$ kafka-verifiable-producer --topic t --bootstrap-server BROKERS --broker-list BROKERS
! (the usage)
! verifiable-producer: error: argument --broker-list: not allowed with argument --bootstrap-server
= 1
$ kafka-verifiable-consumer --topic t --group-id g
! (the usage)
! verifiable-consumer: error: one of the arguments --bootstrap-server --broker-list is required
= 1
$ kafka-verifiable-consumer --topic t --bootstrap-server BROKERS
! (the usage)
! verifiable-consumer: error: argument --group-id is required
= 1
$ kafka-verifiable-consumer --topic t --group-id g --bootstrap-server BROKERS --reset-policy never
! Invalid value never for configuration auto.offset.reset: String must be one of: latest, earliest, none
= 1
$ kafka-verifiable-consumer --topic t --group-id g --bootstrap-server BROKERS --session-timeout soon
! (the usage)
! verifiable-consumer: error: argument --session-timeout: could not convert 'soon' to Integer (For input string: "soon")
= 1
$ kafka-consumer-perf-test --bootstrap-server BROKERS --topic t --messages 10 --hide-header --timeout 5000
TIME, TIME, N.N, N.N, 16, N.N, N, N, N.N, N.N
$ kafka-consumer-perf-test --bootstrap-server BROKERS --topic t --messages 10 --group p --timeout 5000
start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec
TIME, TIME, N.N, N.N, 16, N.N, N, N, N.N, N.N
$ kafka-consumer-perf-test --bootstrap-server BROKERS --topic t
! Missing required argument "[messages]"
! (the options)
= 1
$ kafka-consumer-perf-test --bootstrap-server BROKERS --messages 5
! Missing required argument "[topic]"
! (the options)
= 1
$ kafka-consumer-perf-test --topic t --messages 5
! Missing required option(s) [bootstrap-server]
= 1
$ kafka-consumer-perf-test --bootstrap-server BROKERS --topic t --messages 5 --reporting-interval 0
! Reporting interval must be greater than 0.
= 1
$ kafka-replica-verification --topic-white-list t
! Missing required argument "[broker-list]"
! (the options)
= 1
$ kafka-replica-verification --broker-list BROKERS --topic-white-list '('
! ( is an invalid regex.
= 1
$ kafka-replica-verification --broker-list BROKERS --topic-white-list none
! [time] ERROR No topics found. [topic-white-list] if specified, is either filtering out all topics or there is no topic. (kafka.tools.ReplicaVerificationTool$)
= 1
$ kafka-replica-verification --broker-list nonsense
! Please provide valid host:port like host1:9091,host2:9092
!
! (the options)
= 1
$ kafka-mirror-maker --consumer.config FILE/source.properties --producer.config FILE/target.properties
! [time] ERROR whitelist must be specified (kafka.tools.MirrorMaker$)
= 1
$ kafka-mirror-maker --whitelist t
! Missing required argument "[consumer.config]"
! (the options)
= 1
$ kafka-mirror-maker --consumer.config FILE/source.properties --producer.config FILE/target.properties --whitelist '('
! [time] ERROR Invalid expression syntax: ( (kafka.tools.MirrorMaker$MirrorMakerNewConsumer)
= 1
$ kafka-mirror-maker --consumer.config FILE/source.properties --producer.config FILE/target.properties --whitelist t --message.handler my.Handler
! my.Handler: this tool runs no classes of Java: leave --message.handler out
= 1
$ kafka-run-class kafka.tools.GetOffsetShell --broker-list BROKERS --topic none
! Topic none does not exist
= 1
$ kafka-run-class kafka.tools.Nothing
! Error: Could not find or load main class kafka.tools.Nothing
= 1
$ kafka-run-class
! USAGE: kafka-run-class.sh classname [opts]
= 1
`)
}
