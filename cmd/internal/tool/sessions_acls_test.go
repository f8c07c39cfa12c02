package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// ACLs are kept by the brokers' authorizer, or are written to ZooKeeper directly; both say the same.
func TestACLsAreGivenAndTaken(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, map[string]string{
		"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "super.users": "User:ANONYMOUS"})}
	s.Play(t, `
$ kafka-acls --bootstrap-server BROKERS --list
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal User:bob --operation Read --operation Write --topic orders
Adding ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`+"`"+`:
 	(principal=User:bob, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:bob, host=*, operation=WRITE, permissionType=ALLOW)

Current ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`+"`"+`:
 	(principal=User:bob, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:bob, host=*, operation=WRITE, permissionType=ALLOW)
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal User:carol --deny-principal User:eve --deny-host 10.0.0.1 --producer --topic orders --transactional-id tx
! Option "[producer]" can't be used with option "[deny-principal]"
! (the options)
= 1
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal User:dave --consumer --topic orders- --group g --resource-pattern-type prefixed
Adding ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders-, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:dave, host=*, operation=DESCRIBE, permissionType=ALLOW)

Adding ACLs for resource `+"`"+`ResourcePattern(resourceType=GROUP, name=g, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)

Current ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders-, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:dave, host=*, operation=DESCRIBE, permissionType=ALLOW)

Current ACLs for resource `+"`"+`ResourcePattern(resourceType=GROUP, name=g, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal User:carol --producer --topic orders --idempotent
Adding ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`+"`"+`:
 	(principal=User:carol, host=*, operation=WRITE, permissionType=ALLOW)
	(principal=User:carol, host=*, operation=DESCRIBE, permissionType=ALLOW)
	(principal=User:carol, host=*, operation=CREATE, permissionType=ALLOW)

Adding ACLs for resource `+"`"+`ResourcePattern(resourceType=CLUSTER, name=kafka-cluster, patternType=LITERAL)`+"`"+`:
 	(principal=User:carol, host=*, operation=IDEMPOTENT_WRITE, permissionType=ALLOW)

Current ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`+"`"+`:
 	(principal=User:bob, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:bob, host=*, operation=WRITE, permissionType=ALLOW)
	(principal=User:carol, host=*, operation=WRITE, permissionType=ALLOW)
	(principal=User:carol, host=*, operation=DESCRIBE, permissionType=ALLOW)
	(principal=User:carol, host=*, operation=CREATE, permissionType=ALLOW)

Current ACLs for resource `+"`"+`ResourcePattern(resourceType=CLUSTER, name=kafka-cluster, patternType=LITERAL)`+"`"+`:
 	(principal=User:carol, host=*, operation=IDEMPOTENT_WRITE, permissionType=ALLOW)
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal User:bob --operation Read --cluster
! ResourceType CLUSTER only supports operations ALL,ALTER,IDEMPOTENT_WRITE,ALTER_CONFIGS,CLUSTER_ACTION,CREATE,DESCRIBE,DESCRIBE_CONFIGS
! (the options)
= 1
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal User:bob --operation Fly --topic orders
! ResourceType TOPIC only supports operations ALL,DELETE,ALTER,ALTER_CONFIGS,WRITE,CREATE,READ,DESCRIBE,DESCRIBE_CONFIGS
! (the options)
= 1
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal bob --operation Read --topic orders
Error while executing ACL command: expected a string in format principalType:principalName but got bob
java.lang.IllegalArgumentException: expected a string in format principalType:principalName but got bob

= 1
$ kafka-acls --bootstrap-server BROKERS --add --operation Read --topic orders
! You must specify one of: --allow-principal, --deny-principal when trying to add ACLs.
! (the options)
= 1
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal User:bob --operation Read
! You must provide at least one resource: --topic <topic> or --cluster or --group <group> or --delegation-token <Delegation Token ID>
! (the options)
= 1
$ kafka-acls --bootstrap-server BROKERS --add --allow-principal User:bob --operation Read --topic orders --resource-pattern-type any
! A '--resource-pattern-type' value of 'ANY' is not valid when adding acls.
! (the options)
= 1
$ kafka-acls --bootstrap-server BROKERS --list --topic orders-2020 --resource-pattern-type match
Current ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders-, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:dave, host=*, operation=DESCRIBE, permissionType=ALLOW)
$ kafka-acls --bootstrap-server BROKERS --list --principal User:dave
ACLs for principal `+"`"+`User:dave`+"`"+`
Current ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders-, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:dave, host=*, operation=DESCRIBE, permissionType=ALLOW)

Current ACLs for resource `+"`"+`ResourcePattern(resourceType=GROUP, name=g, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)
$ kafka-acls --bootstrap-server BROKERS --list --group g --resource-pattern-type any
Current ACLs for resource `+"`"+`ResourcePattern(resourceType=GROUP, name=g, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)
$ kafka-acls --bootstrap-server BROKERS --remove --allow-principal User:bob --operation Write --topic orders --force
Current ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`+"`"+`:
 	(principal=User:bob, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:carol, host=*, operation=WRITE, permissionType=ALLOW)
	(principal=User:carol, host=*, operation=DESCRIBE, permissionType=ALLOW)
	(principal=User:carol, host=*, operation=CREATE, permissionType=ALLOW)
$ kafka-acls --bootstrap-server BROKERS --remove --topic orders --force
$ kafka-acls --bootstrap-server BROKERS --remove --topic orders- --resource-pattern-type prefixed --group g <<< n
Are you sure you want to delete all ACLs for resource filter `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders-, patternType=PREFIXED)`+"`"+`? (y/n)
Are you sure you want to delete all ACLs for resource filter `+"`"+`ResourcePattern(resourceType=GROUP, name=g, patternType=PREFIXED)`+"`"+`? (y/n)
Error while executing ACL command: the question was not answered: give y or n on standard input, or --force
java.lang.NullPointerException: the question was not answered: give y or n on standard input, or --force

= 1
$ kafka-acls --bootstrap-server BROKERS --remove --topic orders- --resource-pattern-type prefixed <<< y
Are you sure you want to delete all ACLs for resource filter `+"`"+`ResourcePattern(resourceType=TOPIC, name=orders-, patternType=PREFIXED)`+"`"+`? (y/n)
$ kafka-acls --authorizer-properties zookeeper.connect=ZOOKEEPER --list
Current ACLs for resource `+"`"+`ResourcePattern(resourceType=CLUSTER, name=kafka-cluster, patternType=LITERAL)`+"`"+`:
 	(principal=User:carol, host=*, operation=IDEMPOTENT_WRITE, permissionType=ALLOW)

Current ACLs for resource `+"`"+`ResourcePattern(resourceType=GROUP, name=g, patternType=PREFIXED)`+"`"+`:
 	(principal=User:dave, host=*, operation=READ, permissionType=ALLOW)
$ kafka-acls --authorizer-properties zookeeper.connect=ZOOKEEPER --add --allow-principal User:zoe --operation All --topic '*'
Adding ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=*, patternType=LITERAL)`+"`"+`:
 	(principal=User:zoe, host=*, operation=ALL, permissionType=ALLOW)

Current ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=*, patternType=LITERAL)`+"`"+`:
 	(principal=User:zoe, host=*, operation=ALL, permissionType=ALLOW)
$ kafka-acls --authorizer-properties zookeeper.connect=ZOOKEEPER --list --topic '*'
Current ACLs for resource `+"`"+`ResourcePattern(resourceType=TOPIC, name=*, patternType=LITERAL)`+"`"+`:
 	(principal=User:zoe, host=*, operation=ALL, permissionType=ALLOW)
$ kafka-acls --authorizer-properties nonsense --list
Error while executing ACL command: Missing value for key nonsense
java.lang.IllegalArgumentException: Missing value for key nonsense

= 1
$ kafka-acls --authorizer my.Authorizer --authorizer-properties zookeeper.connect=ZOOKEEPER --list
Error while executing ACL command: my.Authorizer
java.lang.ClassNotFoundException: my.Authorizer

= 1
`)
}

func TestACLOptionsThatDoNotGoTogether(t *testing.T) {
	s := &tooltest.Session{Tools: Tools()}
	s.Play(t, `
$ kafka-acls --list
! Missing required argument "[authorizer-properties]"
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1
! Command must include exactly one action: --list, --add, --remove.
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --list --add --topic t
! Command must include exactly one action: --list, --add, --remove.
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --authorizer a --list
! Only one of --bootstrap-server or --authorizer must be specified
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --authorizer-properties a=b --list
! The --authorizer-properties option can only be used with --authorizer option
! (the options)
= 1
$ kafka-acls --authorizer-properties a=b --command-config f --list
! The --command-config option can only be used with --bootstrap-server option
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --list --allow-principal User:bob
! Option "[list]" can't be used with option "[allow-principal]"
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --list --producer
! Option "[list]" can't be used with option "[producer]"
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --add --producer --operation Read --topic t
! Option "[producer]" can't be used with option "[operation]"
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --add --consumer --topic t
! With --consumer you must specify a --topic and a --group and no --cluster or --transactional-id option should be specified.
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --add --consumer --topic t --group g --cluster
! With --consumer you must specify a --topic and a --group and no --cluster or --transactional-id option should be specified.
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --add --idempotent --topic t
! The --idempotent option is only available if --producer is set
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --add --producer --group g
! With --producer you must specify a --topic
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --add --principal User:bob --topic t
! The --principal option is only available if --list is set
! (the options)
= 1
$ kafka-acls --bootstrap-server b:1 --ad --topic t
! ad is not a recognized option
! hint: did you mean --add?
= 1
`)
}
