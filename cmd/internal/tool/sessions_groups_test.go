package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// A group that has read part of a topic: who describes it, moves its offsets in every way, and
// deletes it.
func TestGroupsAreShownAndMoved(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil),
		Files: map[string]string{"plan.csv": "t,0,1\nt,1,0\n", "groups.csv": "g,t,0,2\n", "negative.csv": "t,0,-1\n"},
		Hide:  map[string]string{`consumer-g-1-[0-9a-f-]{36}`: "MEMBER", `127\.0\.0\.1:\d+ \(1\)`: "BROKER1 (1)", `"port": \d+`: `"port": PORT`}}
	s.Play(t, `
$ kafka-topics --bootstrap-server BROKERS --create --topic t --partitions 2 --replication-factor 1
Created topic t.
$ kafka-console-producer --bootstrap-server BROKERS --topic t --property parse.key=true --property key.separator=: <<< a:1 a:2 a:3 b:4 b:5 b:6
>>>>>>>
$ kafka-console-consumer --bootstrap-server BROKERS --topic t --group g --from-beginning --max-messages 6 --timeout-ms 20000 --property print.value=false
! Processed a total of 6 messages
$ kafka-consumer-groups --bootstrap-server BROKERS --list
g
$ kafka-consumer-groups --bootstrap-server BROKERS --list --json
{
  "groups": [
    {
      "group": "g"
    }
  ]
}
$ kafka-consumer-groups --bootstrap-server BROKERS --describe --group g

GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID
g               t               0          6               6               0               -               -               -
g               t               1          0               0               0               -               -               -
!
! Consumer group 'g' has no active members.
$ kafka-consumer-groups --bootstrap-server BROKERS --describe --group g --json
{
  "groups": [
    {
      "group": "g",
      "state": "Empty",
      "offsets": [
        {
          "topic": "t",
          "partition": 0,
          "currentOffset": 6,
          "logEndOffset": 6,
          "lag": 0,
          "consumerId": null,
          "host": null,
          "clientId": null
        },
        {
          "topic": "t",
          "partition": 1,
          "currentOffset": 0,
          "logEndOffset": 0,
          "lag": 0,
          "consumerId": null,
          "host": null,
          "clientId": null
        }
      ]
    }
  ]
}
!
! Consumer group 'g' has no active members.
$ kafka-consumer-groups --bootstrap-server BROKERS --describe --group g --state

GROUP                     COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE           #MEMBERS
g                         BROKERS (1)                            Empty           0
!
! Consumer group 'g' has no active members.
$ kafka-consumer-groups --bootstrap-server BROKERS --describe --group g --members --verbose
!
! Consumer group 'g' has no active members.
$ kafka-consumer-groups --bootstrap-server BROKERS --describe --all-groups --state --json
{
  "groups": [
    {
      "group": "g",
      "state": "Empty",
      "coordinator": {
        "id": 1,
        "host": "127.0.0.1",
        "port": PORT
      },
      "assignmentStrategy": "",
      "memberCount": 0
    }
  ]
}
!
! Consumer group 'g' has no active members.
$ kafka-consumer-groups --bootstrap-server BROKERS --describe --group nobody

Error: Consumer group 'nobody' does not exist.
$ kafka-consumer-groups --bootstrap-server BROKERS --describe --group nobody --json
{
  "groups": []
}
!
! Error: Consumer group 'nobody' does not exist.
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-earliest --topic t --dry-run

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              0          0
g                              t                              1          0
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-earliest --topic t:1 --execute

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              1          0
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --shift-by 2 --topic t:1 --execute

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              1          0
! [time] WARN New offset (2) is higher than latest offset for topic partition t-1. Value will be set to 0 (kafka.admin.ConsumerGroupCommand$)
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --shift-by -100 --topic t --dry-run

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              0          0
g                              t                              1          0
! [time] WARN New offset (-94) is lower than earliest offset for topic partition t-0. Value will be set to 0 (kafka.admin.ConsumerGroupCommand$)
! [time] WARN New offset (-100) is lower than earliest offset for topic partition t-1. Value will be set to 0 (kafka.admin.ConsumerGroupCommand$)
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-offset 2 --all-topics --execute

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              0          2
g                              t                              1          0
! [time] WARN New offset (2) is higher than latest offset for topic partition t-1. Value will be set to 0 (kafka.admin.ConsumerGroupCommand$)
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-offset 99 --topic t:0 --dry-run

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              0          6
! [time] WARN New offset (99) is higher than latest offset for topic partition t-0. Value will be set to 6 (kafka.admin.ConsumerGroupCommand$)
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-current --all-topics --export --dry-run
t,0,2
t,1,0
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --from-file FILE/plan.csv --execute

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              0          1
g                              t                              1          0
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --from-file FILE/groups.csv --dry-run

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              0          2
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --from-file FILE/negative.csv --dry-run

Error: Executing consumer group command failed due to Invalid negative offset
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --from-file FILE/none.csv --dry-run

Error: Executing consumer group command failed due to Unable to read file FILE/none.csv
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-datetime 2020-01-01T00:00:00.000 --topic t --dry-run

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              0          0
g                              t                              1          0
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-datetime yesterday --topic t --dry-run

Error: Executing consumer group command failed due to Index 1 out of bounds for length 1
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --by-duration PT1H --topic t --dry-run

GROUP                          TOPIC                          PARTITION  NEW-OFFSET
g                              t                              0          0
g                              t                              1          0
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --by-duration 1h --topic t --dry-run

Error: Executing consumer group command failed due to Text cannot be parsed to a Duration
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-latest --topic t:7 --dry-run

Error: Executing consumer group command failed due to org.apache.kafka.common.errors.LeaderNotAvailableException: There is no leader for this topic-partition as we are in the middle of a leadership election.
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-latest --topic none --dry-run

Error: Executing consumer group command failed due to org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --to-latest --dry-run
! One of the reset scopes should be defined: --all-topics, --topic.
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --reset-offsets --topic t --dry-run
! Option '[reset-offsets]' requires one of the following scenarios: Set([by-duration], [to-offset], [from-file], [to-datetime], [to-earliest], [to-current], [shift-by], [to-latest])
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --delete-offsets --topic t:0
Request succeed for deleting offsets with topic t:0 group g

TOPIC                          PARTITION       STATUS
t                              0               Successful
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --delete-offsets --topic none
Request succeed for deleting offsets with topic none group g

TOPIC                          PARTITION       STATUS
none                           Not Provided    Error: org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.
$ kafka-consumer-groups --bootstrap-server BROKERS --group nobody --delete-offsets --topic t

Error: 'nobody' does not exist.

TOPIC                          PARTITION       STATUS
t                              0               Error: org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist.
t                              1               Error: org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist.
$ kafka-consumer-groups --bootstrap-server BROKERS --group g --group nobody --delete

Error: Deletion of some consumer groups failed:
* Group 'nobody' could not be deleted due to: java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist.

These consumer groups were deleted successfully: 'g'
$ kafka-consumer-groups --bootstrap-server BROKERS --list
`)
}

func TestGroupOptionsThatDoNotGoTogether(t *testing.T) {
	s := &tooltest.Session{Tools: Tools()}
	s.Play(t, `
$ kafka-consumer-groups --bootstrap-server b:1
! Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets
! (the options)
= 1
$ kafka-consumer-groups --list
! Missing required argument "[bootstrap-server]"
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --list --describe --group g
! Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --list --group g
! Option "[group]" can't be used with option "[list]"
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --describe
! Option [describe] takes one of these options: [group], [all-groups]
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --describe --group g --all-groups
! Option "[group]" can't be used with option "[all-groups]"
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --describe --group g --members --state
! Option(s) [members, state] are unavailable given other options on the command line
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --list --verbose
! Option(s) [verbose] are unavailable given other options on the command line
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --describe --group g --topic t
! Option "[topic]" can't be used with option "[describe]"
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --delete
! Option [delete] takes one of these options: [group], [all-groups]
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --delete --group g --topic t
! The consumer does not support topic-specific offset deletion from a consumer group.
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --delete --group g --json
! Option [json] takes one of these options: [list], [describe]
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --delete-offsets --group g
! Option [delete-offsets] takes the following options: [group], [topic]
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --reset-offsets --to-latest --all-topics --dry-run
! Option [reset-offsets] takes one of these options: [group], [all-groups]
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --reset-offsets --group g --dry-run --execute
! Option [reset-offsets] only accepts one of [execute] and [dry-run]
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --reset-offsets --group g --to-latest --to-earliest --dry-run
! Option "[to-earliest]" can't be used with option "[to-latest]"
! (the options)
= 1
$ kafka-consumer-groups --bootstrap-server b:1 --describe --group g --timeout soon

Error: Executing consumer group command failed due to Cannot parse argument 'soon' of option timeout
$ kafka-consumer-groups --bootstrap-server b:1 --describe --group g --off
! off is not a recognized option
! hint: --help lists the options
= 1
$ kafka-consumer-groups --version
2.5.0 (Commit:66563e712b0b9f84)
`)
}
