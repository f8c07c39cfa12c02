package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// What --help says: the table that stands in the tool's source, sorted and lined up, on standard
// error, with the exit code of Kafka's tools.
func TestHelpOfEachTool(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Full: true}
	s.Play(t, `
$ kafka-topics --help
! This tool helps to create, delete, describe, or change a topic.
! --alter                               add partitions to topics; with --zookeeper also change configs
! --at-min-isr-partitions               show only partitions with just as many replicas in sync as min.insync.replicas
! --bootstrap-server <HOST:PORT,…>      brokers to ask; or --zookeeper
! --command-config <FILE>               properties of the client, with --bootstrap-server
! --config <KEY=VALUE>                  a config of the topic; may be repeated
! --create                              create a topic
! --delete                              delete topics
! --delete-config <KEY>                 a config to remove, with --alter and --zookeeper; may be repeated
! --describe                            show topics and where their partitions are
! --disable-rack-aware                  ignore racks when choosing replicas
! --exclude-internal                    leave internal topics out
! --force                               ask nothing
! --help                                print this
! --if-exists                           do nothing, without an error, when the topic does not exist (--zookeeper)
! --if-not-exists                       do nothing, without an error, when the topic exists (--zookeeper)
! --json                                print a JSON document; with actions that only look
! --list                                list the topics
! --partitions <N>                      how many partitions the topic is to have
! --replica-assignment <ID:ID,ID:ID,…>
!                                       the brokers of each partition, instead of letting Kafka choose
! --replication-factor <N>              how many replicas each partition is to have
! --topic <NAME>                        the topic to create; for other actions a regular expression of names
! --topics-with-overrides               show only topics with configs of their own
! --unavailable-partitions              show only partitions without a leader
! --under-min-isr-partitions            show only partitions with fewer replicas in sync than min.insync.replicas
! --under-replicated-partitions         show only partitions with missing replicas
! --version                             print the version of Kafka whose tools these are
! --zookeeper <HOST:PORT,…>             ZooKeeper to work on directly (deprecated)
= 1
$ kafka-console-producer --help
! This tool helps to read data from standard input and publish it to Kafka.
! --batch-size <N>                      read, and not used (default: 200)
! --bootstrap-server <HOST:PORT,…>      brokers to begin with
! --broker-list <HOST:PORT,…>           older name of --bootstrap-server
! --compression-codec [CODEC]           none, gzip (without a value), snappy, lz4 or zstd
! --help                                print this
! --line-reader <CLASS>                 how input becomes messages; only this one is there (default: kafka.tools.ConsoleProducer$LineMessageReader)
! --max-block-ms <MS>                   how long a message may wait for metadata or memory (default: 60000)
! --max-memory-bytes <BYTES>            memory for messages not yet sent (default: 33554432)
! --max-partition-memory-bytes <BYTES>  memory for a batch of messages (default: 16384)
! --message-send-max-retries <N>        how often a message is sent again (default: 3)
! --metadata-expiry-ms <MS>             how often metadata are refreshed (default: 300000)
! --producer-property <KEY=VALUE>       of the producer; may be repeated
! --producer.config <FILE>              properties of the producer
! --property <KEY=VALUE>                of the reader: parse.key, key.separator, ignore.error; may be repeated
! --request-required-acks <ACKS>        0, 1 or all: how many replicas must have a message (default: 1)
! --request-timeout-ms <MS>             how long to wait for a broker's answer (default: 1500)
! --retry-backoff-ms <MS>               pause between attempts (default: 100)
! --socket-buffer-size <BYTES>          size of the socket's send buffer (default: 102400)
! --sync                                wait for each message
! --timeout <MS>                        how long messages wait for others to be sent with (default: 1000)
! --topic <TOPIC>                       where to send to
! --version                             print the version of Kafka whose tools these are
= 1
$ kafka-console-consumer --help
! This tool helps to read data from Kafka topics and outputs it to standard output.
! --bootstrap-server <HOST:PORT,…>    brokers to begin with
! --consumer-property <KEY=VALUE>     of the consumer; may be repeated
! --consumer.config <FILE>            properties of the consumer
! --enable-systest-events             print shutdown_complete at the end
! --formatter <CLASS>                 how messages are printed (default: kafka.tools.DefaultMessageFormatter)
! --from-beginning                    begin with the oldest messages when the group has no offsets
! --group <GROUP>                     the consumer group
! --help                              print this
! --isolation-level <LEVEL>           read_committed leaves out what was aborted or is still open (default: read_uncommitted)
! --json                              print each message as a line of JSON, with its headers
! --key-deserializer <CLASS>          how keys become text
! --max-messages <N>                  end after so many messages
! --offset <OFFSET>                   where to begin in --partition: a number, earliest or latest (default: latest)
! --partition <N>                     read this partition only, without a group
! --property <KEY=VALUE>              of the formatter: print.timestamp, print.key, print.value, print.partition, print.offset and print.headers (in a terminal), key.separator, line.separator, key.deserializer, value.deserializer; may be repeated
! --skip-message-on-error             go on after a message that cannot be printed
! --timeout-ms <MS>                   end when there was no message for so long
! --topic <TOPIC>                     the topic to read
! --value-deserializer <CLASS>        how values become text
! --version                           print the version of Kafka whose tools these are
! --whitelist <REGEX>                 read all topics whose names match
= 1
$ kafka-consumer-groups --help
! This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset consumer group offsets.
! --all-groups                        all groups
! --all-topics                        all topics the group has offsets of
! --bootstrap-server <HOST:PORT,…>    brokers to begin with
! --by-duration <DURATION>            reset to so long ago, such as P1DT2H
! --command-config <FILE>             properties of the client
! --delete                            delete groups
! --delete-offsets                    delete the offsets of topics
! --describe                          show offsets, members or state of groups
! --dry-run                           only show what would be reset
! --execute                           reset
! --export                            show what is to be reset as CSV
! --from-file <FILE>                  reset to the offsets in a CSV file: topic,partition,offset or group,topic,partition,offset
! --group <GROUP>                     a group; may be repeated
! --help                              print this
! --json                              print a JSON document; with actions that only look
! --list                              list the groups
! --members                           describe the members
! --offsets                           describe the offsets; the default
! --reset-offsets                     set the offsets of groups without members
! --shift-by <N>                      move by so many messages
! --state                             describe the state
! --timeout <MS>                      time limit of each request (default: 5000)
! --to-current                        reset to the committed offset
! --to-datetime <TIME>                reset to a time such as 2020-04-15T10:00:00.000
! --to-earliest                       reset to the beginning
! --to-latest                         reset to the end
! --to-offset <OFFSET>                reset to this offset
! --topic <TOPIC[:N,N…]>              a topic, or some of its partitions; may be repeated
! --verbose                           with --members: show which partitions they own
! --version                           print the version of Kafka whose tools these are
= 1
$ kafka-configs --help
! This tool helps to manipulate and describe entity config for a topic, client, user or broker
! --add-config <KEY=VALUE,…>          configs to set; a value with commas stands in [ ]
! --all                               with --describe: also those that were never changed
! --alter                             change configs
! --bootstrap-server <HOST:PORT,…>    brokers to ask
! --broker <ID>                       short for --entity-type brokers --entity-name ID
! --broker-defaults                   short for --entity-type brokers --entity-default
! --broker-logger <ID>                short for --entity-type broker-loggers --entity-name ID
! --client <CLIENT>                   short for --entity-type clients --entity-name CLIENT
! --client-defaults                   short for --entity-type clients --entity-default
! --command-config <FILE>             properties of the client
! --delete-config <KEY,…>             configs to remove
! --describe                          show configs
! --entity-default                    the defaults of clients, users or brokers
! --entity-name <NAME>                the name of an entity
! --entity-type <TYPE>                topics, clients, users, brokers or broker-loggers
! --force                             ask nothing
! --help                              print this
! --json                              print a JSON document; with actions that only look
! --topic <TOPIC>                     short for --entity-type topics --entity-name TOPIC
! --user <USER>                       short for --entity-type users --entity-name USER
! --user-defaults                     short for --entity-type users --entity-default
! --version                           print the version of Kafka whose tools these are
! --zk-tls-config-file <FILE>         TLS settings of the connection to ZooKeeper
! --zookeeper <HOST:PORT,…>           ZooKeeper to work on directly; the only way for users and clients
= 1
$ kafka-acls --help
! This tool helps to manage acls on kafka.
! --add                                add ACLs
! --allow-host <ADDRESS>               from where it is allowed (default: from everywhere); may be repeated
! --allow-principal <TYPE:NAME>        whom to allow it, such as User:bob; User:* is everyone; may be repeated
! --authorizer <CLASS>                 the authorizer whose ACLs these are; only Kafka's own, which is the default
! --authorizer-properties <KEY=VALUE>  settings of the authorizer, such as zookeeper.connect=HOST:PORT; may be repeated
! --bootstrap-server <HOST:PORT,…>     brokers to ask; or --authorizer-properties
! --cluster                            the cluster
! --command-config [FILE]              properties of the client, with --bootstrap-server
! --consumer                           all that a consumer needs of topics and group: Read and Describe, and Read
! --delegation-token <ID>              a delegation token, * for all; may be repeated
! --deny-host <ADDRESS>                from where it is denied (default: from everywhere); may be repeated
! --deny-principal <TYPE:NAME>         whom to deny it; may be repeated
! --force                              ask nothing
! --group <NAME>                       a consumer group, * for all; may be repeated
! --help                               print this
! --idempotent                         with --producer: also IdempotentWrite on the cluster
! --list                               list ACLs, all when no resource is named
! --operation <NAME>                   what is allowed or denied: All, Read, Write, Create, Delete, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite; may be repeated (default: All)
! --principal [TYPE:NAME]              list only the ACLs of this principal; may be repeated
! --producer                           all that a producer needs of the topics: Write, Describe and Create; of the transactional ids: Write and Describe
! --remove                             remove ACLs, all of the resource when no principal is named
! --resource-pattern-type <TYPE>       how names are meant: literal or prefixed; to list and remove also any (either one) and match (all that the name falls under) (default: LITERAL)
! --topic <NAME>                       a topic, * for all; may be repeated
! --transactional-id <ID>              a transactional id, * for all; may be repeated
! --version                            print the version of Kafka whose tools these are
! --zk-tls-config-file <FILE>          TLS settings of the connection to ZooKeeper
= 1
$ kafka-reassign-partitions --help
! This tool helps to moves topic partitions between replicas.
! --bootstrap-server <HOST:PORT,…>      brokers to begin with, needed for plans with log directories
! --broker-list <ID,…>                  the brokers to move to, with --generate
! --command-config <FILE>               properties of the client
! --disable-rack-aware                  ignore racks
! --execute                             start a plan
! --generate                            propose a plan
! --help                                print this
! --reassignment-json-file <FILE>       the plan: {"partitions": [{"topic": "foo", "partition": 1, "replicas": [1,2], "log_dirs": ["dir1","any"]}], "version": 1}
! --replica-alter-log-dirs-throttle <BYTES>
!                                       limit between log directories, bytes per second (default: -1)
! --throttle <BYTES>                    limit between brokers, bytes per second (default: -1)
! --timeout <MS>                        how long to wait until directories can be named (default: 10000)
! --topics-to-move-json-file <FILE>     the topics, with --generate: {"topics": [{"topic": "foo"}], "version": 1}
! --verify                              tell how far a plan is, and remove the throttle when it is done
! --version                             print the version of Kafka whose tools these are
! --zookeeper <HOST:PORT,…>             ZooKeeper to write the plan to
= 1
$ kafka-leader-election --help
! This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are preferred replicas and unclean replicas.
! --admin.config <FILE>               properties of the client
! --all-topic-partitions              all partitions
! --bootstrap-server <HOST:PORT,…>    brokers to begin with
! --election-type <TYPE>              preferred, or unclean, which may lose data and only happens where there is no leader
! --help                              print this
! --partition <N>                     the partition of --topic
! --path-to-json-file <FILE>          the partitions: {"partitions": [{"topic": "foo", "partition": 1}]}
! --topic <TOPIC>                     the topic of --partition
! --version                           print the version of Kafka whose tools these are
= 1
$ kafka-preferred-replica-election --help
This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405
! This tool helps to causes leadership for each partition to be transferred back to the 'preferred replica', it can be used to balance leadership among the servers.
! --admin.config <FILE>               properties of the client, with --bootstrap-server
! --bootstrap-server <HOST:PORT,…>    brokers to begin with
! --help                              print this
! --path-to-json-file <FILE>          the partitions; without it all
! --version                           print the version of Kafka whose tools these are
! --zookeeper <HOST:PORT,…>           ZooKeeper to write the request to (deprecated)
= 1
$ kafka-delete-records --help
! This tool helps to delete records of the given partitions down to the specified offset.
! --bootstrap-server <HOST:PORT,…>    brokers to begin with
! --command-config <FILE>             properties of the client
! --help                              print this
! --offset-json-file <FILE>           the offsets: {"partitions": [{"topic": "foo", "partition": 1, "offset": 1}], "version": 1}; -1 is the end
! --version                           print the version of Kafka whose tools these are
= 1
$ kafka-log-dirs --help
! This tool helps to query log directory usage on the specified brokers.
! --bootstrap-server <HOST:PORT,…>    brokers to begin with
! --broker-list <ID,…>                only these brokers
! --command-config <FILE>             properties of the client
! --describe                          show the log directories
! --help                              print this
! --json                              print a JSON document; with actions that only look
! --topic-list <TOPIC,…>              only these topics
! --version                           print the version of Kafka whose tools these are
= 1
$ kafka-dump-log --help
! This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment.
! --deep-iteration               print every record
! --files <FILE,…>               the files: .log, .index, .timeindex, .snapshot, .txnindex
! --help                         print this
! --index-sanity-check           check indexes as a broker does when it starts
! --key-decoder-class [CLASS]    how keys become text (default: kafka.serializer.StringDecoder)
! --max-message-size <BYTES>     the largest batch to look for behind an index entry (default: 5242880)
! --offsets-decoder              read the records of __consumer_offsets
! --print-data-log               print keys and values
! --transaction-log-decoder      read the records of __transaction_state
! --value-decoder-class [CLASS]  how values become text: kafka.serializer.StringDecoder, DefaultDecoder, LongDecoder or IntegerDecoder (default: kafka.serializer.StringDecoder)
! --verify-index-only            only check indexes, print nothing of them
! --version                      print the version of Kafka whose tools these are
= 1
$ kafka-broker-api-versions --help
! This tool helps to retrieve broker version information.
! --bootstrap-server <HOST:PORT,…>    brokers to begin with
! --command-config <FILE>             properties of the client
! --help                              print this
! --json                              print a JSON document; with actions that only look
! --version                           print the version of Kafka whose tools these are
= 1
$ kafka-producer-perf-test --help
usage: producer-performance [-h] --topic TOPIC --num-records NUM-RECORDS
                            [--payload-delimiter PAYLOAD-DELIMITER]
                            --throughput THROUGHPUT
                            [--producer-props PROP-NAME=PROP-VALUE [PROP-NAME=PROP-VALUE ...]]
                            [--producer.config CONFIG-FILE]
                            [--print-metrics]
                            [--transactional-id TRANSACTIONAL-ID]
                            [--transaction-duration-ms TRANSACTION-DURATION]
                            (--record-size RECORD-SIZE |
                            --payload-file PAYLOAD-FILE)

  --topic                      where to send to
  --throughput                 most messages per second, -1 for no limit
  --num-records                how many messages to send
  --payload-delimiter          what separates the messages in the payload file; a newline by default
  --producer-props             properties of the producer, such as bootstrap.servers=host:port
  --producer.config            a file with properties of the producer
  --print-metrics              print metrics of the producer at the end
  --transactional-id           the transactional id, with --transaction-duration-ms
  --transaction-duration-ms    commit a transaction this often
  --record-size                size of a message in bytes
  --payload-file               a file of messages, of which each one sent is chosen at random
= 1
$ kafka-consumer-perf-test --help
! This tool helps in performance test for the full zookeeper consumer
! --bootstrap-server <HOST:PORT,…>    brokers to begin with
! --broker-list <HOST:PORT,…>         older name of --bootstrap-server
! --consumer.config <FILE>            properties of the consumer
! --date-format <FORMAT>              how times are printed (default: yyyy-MM-dd HH:mm:ss:SSS)
! --fetch-size <BYTES>                most bytes of a partition in one answer (default: 1048576)
! --from-latest                       begin at the end when the group has no offsets
! --group <GROUP>                     the consumer group; perf-consumer- and a number by default
! --help                              print this
! --hide-header                       leave the header out
! --messages <N>                      how many messages to read
! --num-fetch-threads <N>             read, and not used (default: 1)
! --print-metrics                     print metrics at the end
! --reporting-interval <MS>           interval of --show-detailed-stats (default: 5000)
! --show-detailed-stats               print the rates at each reporting interval
! --socket-buffer-size <BYTES>        size of the socket's receive buffer (default: 2097152)
! --threads <N>                       read, and not used (default: 10)
! --timeout [MS]                      end when there was no message for so long (default: 10000)
! --topic <TOPIC>                     the topic to read
! --version                           print the version of Kafka whose tools these are
= 1
$ kafka-verifiable-producer --help
usage: verifiable-producer [-h] --topic TOPIC [--max-messages MAX-MESSAGES]
                           [--throughput THROUGHPUT] [--acks ACKS]
                           [--producer.config CONFIG_FILE]
                           [--message-create-time CREATETIME]
                           [--value-prefix VALUE-PREFIX]
                           [--repeating-keys REPEATING-KEYS]
                           (--bootstrap-server HOST1:PORT1[,HOST2:PORT2[...]]
                           | --broker-list HOST1:PORT1[,HOST2:PORT2[...]])

  --topic                      where to send to
  --bootstrap-server           brokers to begin with
  --broker-list                older name of --bootstrap-server
  --max-messages               how many messages; -1, no limit, by default
  --throughput                 most messages per second; -1, no limit, by default
  --acks                       0, 1 or -1 (all, the default)
  --producer.config            a file with properties of the producer
  --message-create-time        the time of the first message, ms since 1970
  --value-prefix               a number and a point before each value
  --repeating-keys             give messages the keys 0 to N-1 in turn
= 1
$ kafka-verifiable-consumer --help
usage: verifiable-consumer [-h] --topic TOPIC --group-id GROUP_ID
                           [--group-instance-id GROUP_INSTANCE_ID]
                           [--max-messages MAX-MESSAGES]
                           [--session-timeout TIMEOUT_MS] [--verbose]
                           [--enable-autocommit]
                           [--reset-policy RESETPOLICY]
                           [--assignment-strategy ASSIGNMENTSTRATEGY]
                           [--consumer.config CONFIG_FILE]
                           (--bootstrap-server HOST1:PORT1[,HOST2:PORT2[...]]
                           | --broker-list HOST1:PORT1[,HOST2:PORT2[...]])

  --bootstrap-server           brokers to begin with
  --broker-list                older name of --bootstrap-server
  --topic                      the topic to read
  --group-id                   the consumer group
  --group-instance-id          makes the member a static one
  --max-messages               how many messages; -1, no limit, by default
  --session-timeout            session time-out in ms, 30000 by default
  --verbose                    report every message
  --enable-autocommit          let the client commit
  --reset-policy               earliest (the default), latest or none
  --assignment-strategy        class of the assignor, org.apache.kafka.clients.consumer.RangeAssignor by default
  --consumer.config            a file with properties of the consumer
= 1
$ kafka-replica-verification --help
! Validate that all replicas for a set of topics have the same data.
! --broker-list <HOST:PORT,…>    brokers to begin with
! --fetch-size <BYTES>           how much to read of a partition at a time (default: 1048576)
! --help                         print this
! --max-wait-ms <MS>             how long a broker may wait for data (default: 1000)
! --report-interval-ms <MS>      how often to report (default: 30000)
! --time <MS>                    where to begin: a time, -1 for the end, -2 for the beginning (default: -1)
! --topic-white-list <REGEX>     the topics to compare (default: .*)
! --version                      print the version of Kafka whose tools these are
= 1
$ kafka-delegation-tokens --help
! This tool helps to create, renew, expire, or describe delegation tokens.
! --bootstrap-server <HOST:PORT,…>    brokers to ask
! --command-config <FILE>             properties of the client; brokers give tokens to authenticated clients only
! --create                            create a token
! --describe                          show the tokens that one may see
! --expire                            let a token expire
! --expiry-time-period [MS]           when the token is to expire; -1 for now
! --help                              print this
! --hmac [HMAC]                       the token, as it was shown when it was created
! --max-life-time-period [MS]         how long the token can be renewed; -1 for the broker's setting
! --owner-principal [TYPE:NAME]       show only tokens of this owner; may be repeated
! --renew                             renew a token
! --renew-time-period [MS]            how long the token is to live on; -1 for the broker's setting
! --renewer-principal [TYPE:NAME]     who may renew the token besides its owner; may be repeated
! --version                           print the version of Kafka whose tools these are
= 1
$ kafka-streams-application-reset --help
! This tool sets a Kafka Streams application back: its input topics are read again from the beginning (or from where an option says), intermediate topics are skipped to their end, and its internal topics are deleted.
! Stop the application first. Afterwards clean its local state: call KafkaStreams#cleanUp() or remove its state.dir, or its output will be wrong.
!
! --application-id <ID>                the application's application.id
! --bootstrap-servers <HOST:PORT,…>    brokers to begin with (default: localhost:9092)
! --by-duration <DURATION>             read input topics from so long ago, such as PT1H
! --config-file <FILE>                 properties of the clients
! --dry-run                            only show what would be done
! --execute                            do it (the default)
! --from-file <FILE>                   read input topics from the offsets in lines of topic,partition,offset
! --help                               print this
! --input-topics <TOPIC,…>             topics to read again; may be repeated
! --intermediate-topics <TOPIC,…>      topics of through() to skip to the end; may be repeated
! --shift-by <N>                       move the offsets of input topics by so many, also backwards
! --to-datetime <TIME>                 read input topics from this time, such as 2020-04-15T10:00:00.000
! --to-earliest                        read input topics from the beginning (the default)
! --to-latest                          read input topics from the end
! --to-offset <N>                      read input topics from this offset
! --version                            print the version of Kafka whose tools these are
! --zookeeper                          not used any more
= 1
$ kafka-mirror-maker --help
! This tool helps to continuously copy data between two Kafka clusters.
! --abort.on.send.failure <BOOL>        end when a message cannot be sent; otherwise it is dropped (default: true)
! --consumer.config <FILE>              properties of the consumers of the source cluster, group.id among them
! --consumer.rebalance.listener <CLASS>
!                                       a class of Java; refused
! --help                                print this
! --message.handler <CLASS>             a class of Java; refused
! --message.handler.args <TEXT>         what that class wants to know
! --num.streams <N>                     how many consumers (default: 1)
! --offset.commit.interval.ms <MS>      how often to commit what the target cluster has (default: 60000)
! --producer.config <FILE>              properties of the producer to the target cluster
! --rebalance.listener.args <TEXT>      what that class wants to know
! --version                             print the version of Kafka whose tools these are
! --whitelist <REGEX>                   the topics to copy, to topics of the same names
= 1
$ zookeeper-security-migration --help
! ZooKeeper Migration Tool Help. This tool updates the ACLs of znodes as part of the process of setting up ZooKeeper authentication.
! --enable.path.check                  end with an error if one of the root paths does not exist, instead of creating it
! --help                               print this
! --version                            print the version of Kafka whose tools these are
! --zk-tls-config-file <FILE>          TLS settings of the connection to ZooKeeper
! --zookeeper.acl <secure|unsecure>    make Kafka's nodes in ZooKeeper secure or unsecure
! --zookeeper.connect <HOST:PORT,…>    ZooKeeper's servers, and the chroot at the end (default: localhost:2181)
! --zookeeper.connection.timeout <MS>  how long to wait for a connection (default: 30000)
! --zookeeper.session.timeout <MS>     timeout of the session (default: 30000)
= 1
`)
}
