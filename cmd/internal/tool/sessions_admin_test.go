package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// Tools with which an operator moves, elects, deletes and counts.
func TestOperatorsTools(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 2, map[string]string{"auto.leader.rebalance.enable": "false"}),
		Files: map[string]string{
			"move.json":      `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[2,1]}]}`,
			"again.json":     `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,1]}]}`,
			"nobody.json":    `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[7]}]}`,
			"nowhere.json":   `{"version":1,"partitions":[{"topic":"none","partition":0,"replicas":[1]}]}`,
			"empty.json":     `{"version":1,"partitions":[]}`,
			"none.json":      `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[]}]}`,
			"dirs.json":      `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any"]}]}`,
			"dir.json":       `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["/x","any"]}]}`,
			"two.json":       `{"version":2,"partitions":[]}`,
			"broken.json":    `{"version":1,`,
			"topics.json":    `{"version":1,"topics":[{"topic":"t"}]}`,
			"twice.json":     `{"version":1,"topics":[{"topic":"t"},{"topic":"t"}]}`,
			"elect.json":     `{"partitions":[{"topic":"t","partition":0}]}`,
			"electnone.json": `{"partitions":[{"topic":"none","partition":0}]}`,
			"delete.json":    `{"version":1,"partitions":[{"topic":"t","partition":0,"offset":1},{"topic":"t","partition":1,"offset":-1}]}`,
			"far.json":       `{"version":1,"partitions":[{"topic":"t","partition":0,"offset":100}]}`,
			"noffset.json":   `{"version":1,"partitions":[{"topic":"t","partition":0}]}`,
			"repeat.json":    `{"version":1,"partitions":[{"topic":"t","partition":0,"offset":1},{"topic":"t","partition":0,"offset":1}]}`,
			"missing.json":   `{"version":1}`,
		},
		Hide: map[string]string{`"logDir": ?"[^"]*"`: `"logDir":"DIR"`, `"size": ?\d+`: `"size":N`, `deadlineMs=\d+\) timed out at \d+`: "deadlineMs=T) timed out at T"}}
	s.Play(t, `
$ kafka-topics --bootstrap-server BROKERS --create --topic t --replica-assignment 1:2,2:1
Created topic t.
$ kafka-console-producer --bootstrap-server BROKERS --topic t --property parse.key=true --property key.separator=: <<< a:1 a:2 b:3 c:4
>>>>>
$ kafka-get-offsets --broker-list BROKERS --topic t
t:0:4
t:1:0
$ kafka-get-offsets --broker-list BROKERS --topic t --time -2 --partitions 1
t:1:0
$ kafka-get-offsets --broker-list BROKERS --topic t --partitions 0,5
t:0:4
! Error: partition 5 does not exist
$ kafka-get-offsets --broker-list BROKERS --topic t --partitions 5
! Topic t does not have any of the requested partitions 5
= 1
$ kafka-get-offsets --broker-list BROKERS --topic t --partitions a
! --partitions expects a comma separated list of numeric partition ids, but received: a
= 1
$ kafka-get-offsets --broker-list BROKERS --topic none
! Topic none does not exist
= 1
$ kafka-get-offsets --broker-list BROKERS --topic t --time -3
! The target time for partition t-0 is -3. The target time cannot be negative.
= 1
$ kafka-get-offsets --broker-list nonsense --topic t
! Please provide valid host:port like host1:9091,host2:9092
!
! (the options)
= 1
$ kafka-get-offsets --broker-list BROKERS
! Missing required argument "[topic]"
! (the options)
= 1
$ kafka-delete-records --bootstrap-server BROKERS --offset-json-file FILE/delete.json
Executing records delete operation
Records delete operation completed:
partition: t-0	low_watermark: 1
partition: t-1	low_watermark: 0
$ kafka-get-offsets --broker-list BROKERS --topic t --time -2
t:0:1
t:1:0
$ kafka-delete-records --bootstrap-server BROKERS --offset-json-file FILE/far.json
Executing records delete operation
Records delete operation completed:
partition: t-0	error: org.apache.kafka.common.errors.OffsetOutOfRangeException: The requested offset is not within the range of offsets maintained by the server.
$ kafka-delete-records --bootstrap-server BROKERS --offset-json-file FILE/noffset.json
! No such field exists: `+"`"+`offset`+"`"+`
= 1
$ kafka-delete-records --bootstrap-server BROKERS --offset-json-file FILE/repeat.json
! Offset json file contains duplicate topic partitions: t-0
= 1
$ kafka-delete-records --bootstrap-server BROKERS --offset-json-file FILE/missing.json
! Missing partitions field
= 1
$ kafka-delete-records --bootstrap-server BROKERS --offset-json-file FILE/two.json
! Not supported version field value 2
= 1
$ kafka-delete-records --bootstrap-server BROKERS --offset-json-file FILE/broken.json
! The input string is not a valid JSON
= 1
$ kafka-delete-records --bootstrap-server BROKERS --offset-json-file FILE/no-such.json
! Unable to read file FILE/no-such.json
= 1
$ kafka-delete-records --bootstrap-server BROKERS
! Missing required argument "[offset-json-file]"
! (the options)
= 1
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --generate --topics-to-move-json-file FILE/twice.json --broker-list 1,2
Partitions reassignment failed due to List of topics to reassign contains duplicate entries: t
kafka.common.AdminCommandFailedException: List of topics to reassign contains duplicate entries: t
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --generate --topics-to-move-json-file FILE/topics.json --broker-list 1,1
Partitions reassignment failed due to Broker list contains duplicate entries: 1
kafka.common.AdminCommandFailedException: Broker list contains duplicate entries: 1
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --generate --topics-to-move-json-file FILE/topics.json --broker-list one
Partitions reassignment failed due to For input string: "one"
java.lang.NumberFormatException: For input string: "one"
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --generate --topics-to-move-json-file FILE/broken.json --broker-list 1
Partitions reassignment failed due to The input string is not a valid JSON
kafka.admin.AdminOperationException: The input string is not a valid JSON
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/again.json
Partitions reassignment failed due to Partition replica lists may not contain duplicate entries: t-0 contains multiple entries for 1
kafka.common.AdminCommandFailedException: Partition replica lists may not contain duplicate entries: t-0 contains multiple entries for 1
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/nobody.json
Partitions reassignment failed due to The proposed assignment contains non-existent brokerIDs: 7
kafka.common.AdminCommandFailedException: The proposed assignment contains non-existent brokerIDs: 7
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/nowhere.json
Partitions reassignment failed due to The proposed assignment contains non-existent partitions: ListBuffer(none-0)
kafka.common.AdminCommandFailedException: The proposed assignment contains non-existent partitions: ListBuffer(none-0)
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/empty.json
Partitions reassignment failed due to Partition reassignment data file is empty
kafka.common.AdminCommandFailedException: Partition reassignment data file is empty
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/none.json
Partitions reassignment failed due to Partition replica list cannot be empty
kafka.common.AdminCommandFailedException: Partition replica list cannot be empty
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/dirs.json
Partitions reassignment failed due to Size of replicas list Vector(1, 2) is different from size of log dirs list Vector(any) for partition t-0
kafka.common.AdminCommandFailedException: Size of replicas list Vector(1, 2) is different from size of log dirs list Vector(any) for partition t-0
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/dir.json
Current partition replica assignment

{"version":1,"partitions":[{"topic":"t","partition":1,"replicas":[2,1],"log_dirs":["any","any"]},{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","any"]}]}

Save this to use as the --reassignment-json-file option during rollback
Partitions reassignment failed due to bootstrap-server needs to be provided in order to reassign replica to the specified log directory
kafka.common.AdminCommandFailedException: bootstrap-server needs to be provided in order to reassign replica to the specified log directory
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/two.json
Partitions reassignment failed due to Not supported version field value 2
kafka.admin.AdminOperationException: Not supported version field value 2
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/no-such.json
Partitions reassignment failed due to Unable to read file FILE/no-such.json
java.io.IOException: Unable to read file FILE/no-such.json
Caused by: java.nio.file.NoSuchFileException: FILE/no-such.json
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --execute --reassignment-json-file FILE/move.json
Current partition replica assignment

{"version":1,"partitions":[{"topic":"t","partition":1,"replicas":[2,1],"log_dirs":["any","any"]},{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","any"]}]}

Save this to use as the --reassignment-json-file option during rollback
Successfully started reassignment of partitions.
$ kafka-reassign-partitions --zookeeper ZOOKEEPER --verify --reassignment-json-file FILE/move.json
Status of partition reassignment:
Reassignment of partition t-0 completed successfully
$ kafka-topics --bootstrap-server BROKERS --describe --topic t
Topic: t	PartitionCount: 2	ReplicationFactor: 2	Configs:
	Topic: t	Partition: 0	Leader: 1	Replicas: 2,1	Isr: 1,2
	Topic: t	Partition: 1	Leader: 2	Replicas: 2,1	Isr: 2,1
$ kafka-leader-election --bootstrap-server BROKERS --election-type preferred --topic t --partition 0
Successfully completed leader election (PREFERRED) for partitions t-0
$ kafka-leader-election --bootstrap-server BROKERS --election-type preferred --path-to-json-file FILE/elect.json
Valid replica already elected for partitions
$ kafka-leader-election --bootstrap-server BROKERS --election-type preferred --path-to-json-file FILE/electnone.json
Error completing leader election (PREFERRED) for partition: none-0: org.apache.kafka.common.errors.UnknownTopicOrPartitionException: The partition does not exist.
! 1 replica(s) could not be elected
= 1
$ kafka-leader-election --bootstrap-server BROKERS --election-type unclean --topic t --partition 0
Valid replica already elected for partitions
$ kafka-leader-election --bootstrap-server BROKERS --election-type wrong --topic t --partition 0
! Cannot parse argument 'wrong' of option election-type: valid are preferred and unclean
= 1
$ kafka-leader-election --bootstrap-server BROKERS --election-type preferred
! One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file
= 1
$ kafka-leader-election --bootstrap-server BROKERS --election-type preferred --topic t
! Missing required option(s): partition
= 1
$ kafka-preferred-replica-election --zookeeper ZOOKEEPER --path-to-json-file FILE/electnone.json
This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405
Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.
Use --bootstrap-server instead to specify a broker to connect to.
Created preferred replica election path with
Successfully started preferred replica election for partitions Set()
Skipping preferred replica leader election for partition none-0 since it doesn't exist.
$ kafka-preferred-replica-election --bootstrap-server BROKERS --path-to-json-file FILE/electnone.json
This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405
Error completing preferred leader election for partition: none-0: org.apache.kafka.common.errors.UnknownTopicOrPartitionException: The partition does not exist.
! 1 preferred replica(s) could not be elected
= 1
$ kafka-preferred-replica-election
This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405
! This tool helps to causes leadership for each partition to be transferred back to the 'preferred replica', it can be used to balance leadership among the servers.
! (the options)
= 1
$ kafka-log-dirs --bootstrap-server BROKERS --describe --topic-list t --broker-list 1
Querying brokers for log directories information
Received log directory information from brokers 1
{"version":1,"brokers":[{"broker":1,"logDirs":[{"logDir":"DIR","error":null,"partitions":[{"partition":"t-0","size":N,"offsetLag":0,"isFuture":false},{"partition":"t-1","size":N,"offsetLag":0,"isFuture":false}]}]}]}
$ kafka-log-dirs --bootstrap-server BROKERS --describe --broker-list 9 --topic-list t
Querying brokers for log directories information
! describeLogDirs: unknown broker
! org.apache.kafka.common.errors.TimeoutException: Call(callName=describeLogDirs, deadlineMs=T) timed out at T after 1 attempt(s)
= 1
$ kafka-log-dirs --bootstrap-server BROKERS --describe --topic-list t --json --broker-list 2
{
  "version": 1,
  "brokers": [
    {
      "broker": 2,
      "logDirs": [
        {
          "logDir":"DIR",
          "error": null,
          "partitions": [
            {
              "partition": "t-0",
              "size":N,
              "offsetLag": 0,
              "isFuture": false
            },
            {
              "partition": "t-1",
              "size":N,
              "offsetLag": 0,
              "isFuture": false
            }
          ]
        }
      ]
    }
  ]
}
$ kafka-log-dirs --bootstrap-server BROKERS
! Missing required argument "[describe]"
! (the options)
= 1
$ kafka-streams-application-reset --bootstrap-servers BROKERS --application-id app --input-topics t --dry-run
----Dry run displays the actions which will be performed when running Streams Reset Tool----
Reset-offsets for input topics [t]
Following input topics offsets will be reset to (for consumer group app)
Topic: t Partition: 0 Offset: 1
Topic: t Partition: 1 Offset: 0
Done.
Deleting all internal/auto-created topics for application app
Done.
$ kafka-streams-application-reset --bootstrap-servers BROKERS --application-id app --input-topics t --to-offset 3 --execute
Reset-offsets for input topics [t]
Following input topics offsets will be reset to (for consumer group app)
New offset (3) is higher than latest offset. Value will be set to 0
Topic: t Partition: 0 Offset: 3
Topic: t Partition: 1 Offset: 0
Done.
Deleting all internal/auto-created topics for application app
Done.
$ kafka-streams-application-reset --bootstrap-servers BROKERS --application-id app --input-topics t --shift-by -2 --execute
Reset-offsets for input topics [t]
Following input topics offsets will be reset to (for consumer group app)
New offset (1) is lower than earliest offset. Value will be set to 1
New offset (-2) is lower than earliest offset. Value will be set to 0
Topic: t Partition: 0 Offset: 1
Topic: t Partition: 1 Offset: 0
Done.
Deleting all internal/auto-created topics for application app
Done.
$ kafka-streams-application-reset --bootstrap-servers BROKERS --application-id app --input-topics t --to-datetime now
Reset-offsets for input topics [t]
Following input topics offsets will be reset to (for consumer group app)
! ERROR: Resetting offsets failed.
! ERROR: java.text.ParseException: Error parsing timestamp. It does not contain a 'T' according to ISO8601 format
= 1
$ kafka-streams-application-reset --bootstrap-servers BROKERS --application-id app --input-topics none
Reset-offsets for input topics [none]
Following input topics are not found, skipping them
Topic: none
Deleting all internal/auto-created topics for application app
Done.
= 1
$ kafka-streams-application-reset --bootstrap-servers BROKERS --application-id app --intermediate-topics t
Seek-to-end for intermediate topics [t]
Following intermediate topics offsets will be reset to end (for consumer group app)
Topic: t
Topic: t
Done.
Deleting all internal/auto-created topics for application app
Done.
$ kafka-streams-application-reset --bootstrap-servers BROKERS
! Missing required option(s) [application-id]
! (the options)
= 1
$ kafka-delegation-tokens --bootstrap-server BROKERS --create --max-life-time-period -1 --command-config FILE/no-such.json
! FILE/no-such.json: no such file
= 1
$ kafka-delegation-tokens --bootstrap-server BROKERS --describe
! Missing required argument "[command-config]"
! (the options)
= 1
$ kafka-delegation-tokens --bootstrap-server BROKERS
! Command must include exactly one action: --create, --renew, --expire or --describe
! (the options)
= 1
$ kafka-broker-api-versions --bootstrap-server 127.0.0.1:1
! [time] WARN [LegacyAdminClient clientId=admin-1] Connection to node -1 (/127.0.0.1:1) could not be established. Broker may not be available. (org.apache.kafka.clients.NetworkClient)
! [time] WARN [LegacyAdminClient clientId=admin-1] Bootstrap broker 127.0.0.1:1 (id: -1 rack: null) disconnected (org.apache.kafka.clients.NetworkClient)
! Request METADATA failed on brokers List(127.0.0.1:1 (id: -1 rack: null))
! hint: 127.0.0.1:1 cannot be reached: nothing listens there; is the broker running, and is this the port of its listener? momus quickstart starts one on localhost:9092
= 1
`)
}

func TestOperatorsOptionsThatDoNotGoTogether(t *testing.T) {
	s := &tooltest.Session{Tools: Tools()}
	s.Play(t, `
$ kafka-reassign-partitions --zookeeper z:1
! Command must include exactly one action: --generate, --execute or --verify
! (the options)
= 1
$ kafka-reassign-partitions --execute --reassignment-json-file f
! Missing required argument "[zookeeper]"
! (the options)
= 1
$ kafka-reassign-partitions --zookeeper z:1 --execute
! If --execute option is used, command must include --reassignment-json-file that was output during the --generate option
! (the options)
= 1
$ kafka-reassign-partitions --zookeeper z:1 --verify
! If --verify option is used, command must include --reassignment-json-file that was used during the --execute option
! (the options)
= 1
$ kafka-reassign-partitions --zookeeper z:1 --generate --broker-list 1
! If --generate option is used, command must include both --topics-to-move-json-file and --broker-list options
! (the options)
= 1
$ kafka-reassign-partitions --zookeeper z:1 --verify --reassignment-json-file f --throttle 5
! Option "[verify]" can't be used with option "[throttle]"
! (the options)
= 1
$ kafka-reassign-partitions --zookeeper z:1 --generate --topics-to-move-json-file f --broker-list 1 --throttle 5
! Option "[generate]" can't be used with option "[throttle]"
! (the options)
= 1
$ kafka-reassign-partitions --zookeeper z:1 --execute --reassignment-json-file f --broker-list 1
! Option "[execute]" can't be used with option "[broker-list]"
! (the options)
= 1
$ kafka-leader-election --election-type preferred --all-topic-partitions
! Missing required option(s): bootstrap-server
= 1
$ kafka-leader-election --bootstrap-server b:1 --all-topic-partitions
! Missing required option(s): election-type
= 1
$ kafka-leader-election --bootstrap-server b:1 --election-type preferred --all-topic-partitions --topic t --partition 0
! One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file
= 1
$ kafka-preferred-replica-election --bootstrap-server b:1 --zookeeper z:1
This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405
! Exactly one of '[bootstrap-server]' or '[zookeeper]' must be provided
! (the options)
= 1
$ kafka-preferred-replica-election --zookeeper z:1 --admin.config f
This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405
! Option(s) [admin.config] are unavailable given other options on the command line
= 1
$ kafka-log-dirs --describe
! Missing required argument "[bootstrap-server]"
! (the options)
= 1
$ kafka-log-dirs --bootstrap-server b:1 --describe --json --topic-list
! Option topic-list requires an argument
! hint: --topic-list <TOPIC,…>: only these topics
= 1
$ kafka-delete-records --offset-json-file f
! Missing required argument "[bootstrap-server]"
! (the options)
= 1
$ kafka-delegation-tokens --bootstrap-server b:1 --create --renew --command-config f
! Command must include exactly one action: --create, --renew, --expire or --describe
! (the options)
= 1
$ kafka-delegation-tokens --bootstrap-server b:1 --renew --command-config f
! Missing required argument "[hmac]"
! (the options)
= 1
$ kafka-delegation-tokens --bootstrap-server b:1 --create --command-config f --max-life-time-period 5 --hmac x
! Option "[create]" can't be used with option "[hmac]"
! (the options)
= 1
$ kafka-streams-application-reset --application-id a --execute --dry-run
! Only one of --dry-run and --execute can be specified
! (the options)
= 1
$ kafka-streams-application-reset --application-id a --to-earliest --to-latest --input-topics t
! Option "[to-earliest]" can't be used with option "[to-latest]"
! (the options)
= 1
$ kafka-streams-application-reset --application-id a --input-topics t --wrong
! wrong is not a recognized option
! (the options)
= 1
$ kafka-get-offsets
! An interactive shell for getting topic offsets.
! (the options)
= 1
$ kafka-broker-api-versions
! This tool helps to retrieve broker version information.
! (the options)
= 1
$ kafka-dump-log
! This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment.
! (the options)
= 1
$ kafka-dump-log --files FILE/none.log
Dumping FILE/none.log
! For input string: "none": the name of the file has to begin with its base offset
= 1
$ kafka-dump-log --files FILE/odd.txt
Dumping FILE/odd.txt
! Ignoring unknown file FILE/odd.txt
$ zookeeper-security-migration --zookeeper.acl open
! ERROR: No JAAS configuration file has been specified and no TLS client certificate has been specified. Please make sure that you set the system property java.security.auth.login.config or provide a ZooKeeper client TLS configuration via --zk-tls-config-file <filename> identifying at least zookeeper.ssl.client.enable, zookeeper.clientCnxnSocket, and zookeeper.ssl.keystore.location
! Incorrect configuration
= 1
`)
}
