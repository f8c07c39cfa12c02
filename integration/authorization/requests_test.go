package authorization

import (
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kase is a request of the recording.
type kase struct {
	name, what string
	req        func() kmsg.Request
	before     func() // what must be there each time
	// unless has cells before which something else must be there.
	unless map[string]func()
	combos [][]grant
}

func ver[R kmsg.Request](r R, v int16) R { r.SetVersion(v); return r }

func batch(txn, idem bool, pid int64, epoch int16, seq int32) []byte {
	rec := kmsg.Record{Value: []byte("v")}
	rec.TimestampDelta64 = 0
	body := rec.AppendTo(nil)
	// length prefix is part of Record: compute
	rec.Length = int32(len(body) - 1)
	body = rec.AppendTo(nil)
	b := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, FirstTimestamp: 1500000000000, MaxTimestamp: 1500000000000, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: body}
	if txn {
		b.Attributes = 16
	}
	if txn || idem {
		b.ProducerID, b.ProducerEpoch, b.FirstSequence = pid, epoch, seq
	}
	raw := b.AppendTo(nil)
	b.Length = int32(len(raw) - 12)
	raw = b.AppendTo(nil)
	b.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

func sp(s string) *string { return &s }

// cases are the requests of the recording, in its order.
func (u *broker) cases() []kase {
	var cs []kase
	add := func(name, what string, req func() kmsg.Request, combos ...[]grant) *kase {
		cs = append(cs, kase{name: name, what: what, req: req, combos: combos})
		return &cs[len(cs)-1]
	}
	// data plane
	produce := func(acks int16, txn *string, b func() []byte, topics ...string) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrProduceRequest(), 8)
			r.Acks, r.TimeoutMillis, r.TransactionID = acks, 1000, txn
			for _, n := range topics {
				t := kmsg.NewProduceRequestTopic()
				t.Topic = n
				p := kmsg.NewProduceRequestTopicPartition()
				p.Records = b()
				t.Partitions = append(t.Partitions, p)
				r.Topics = append(r.Topics, t)
			}
			return r
		}
	}
	plain := func() []byte { return batch(false, false, 0, 0, 0) }
	add("produce", "acks 1, topics sec-t (exists), sec-missing", produce(1, nil, plain, "sec-t", "sec-missing"))
	add("produce-acks0", "acks 0, topic sec-t (silent = nothing within 8 s, connection open)", produce(0, nil, plain, "sec-t"))
	add("produce-idempotent", "acks -1, producer id 9000001, topic sec-t", produce(-1, nil, func() []byte { return batch(false, true, 9000001, 0, 0) }, "sec-t", "sec-missing"), []grant{on(C, IW), on(T, WRITE)})
	add("produce-transactional", "acks -1, transactional batch, transactional id sec-x", produce(-1, sp("sec-x"), func() []byte { return batch(true, false, 9000002, 0, 0) }, "sec-t"), []grant{on(X, WRITE), on(T, WRITE)}, []grant{on(X, WRITE), on(T, WRITE), on(C, IW)})
	add("produce-transactional-null-id", "transactional batch without transactional id", produce(-1, nil, func() []byte { return batch(true, false, 9000002, 0, 0) }, "sec-t"), []grant{on(X, ALL), on(T, ALL), on(C, ALL)})
	fetch := func(replica int32) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrFetchRequest(), 11)
			r.ReplicaID, r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.SessionEpoch = replica, 0, 0, 1000, -1
			for _, n := range []string{"sec-t", "sec-missing"} {
				t := kmsg.NewFetchRequestTopic()
				t.Topic = n
				p := kmsg.NewFetchRequestTopicPartition()
				p.PartitionMaxBytes = 1
				t.Partitions = append(t.Partitions, p)
				r.Topics = append(r.Topics, t)
			}
			return r
		}
	}
	add("fetch-consumer", "replica id -1, sec-t, sec-missing", fetch(-1))
	add("fetch-follower", "replica id 1 (the broker itself), sec-t, sec-missing", fetch(1))
	lo := func(v int16) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrListOffsetsRequest(), v)
			for _, n := range []string{"sec-t", "sec-missing"} {
				t := kmsg.NewListOffsetsRequestTopic()
				t.Topic = n
				p := kmsg.NewListOffsetsRequestTopicPartition()
				p.Timestamp, p.MaxNumOffsets = -1, 1
				t.Partitions = append(t.Partitions, p)
				r.Topics = append(r.Topics, t)
			}
			return r
		}
	}
	add("list-offsets", "sec-t, sec-missing", lo(5))
	add("list-offsets-v0", "sec-t, sec-missing", lo(0))
	meta := func(v int16, auto bool, ops bool, topics ...string) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrMetadataRequest(), v)
			r.AllowAutoTopicCreation, r.IncludeClusterAuthorizedOperations, r.IncludeTopicAuthorizedOperations = auto, ops, ops
			for _, n := range topics {
				r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: sp(n)})
			}
			return r
		}
	}
	del := func(name string) func() { return func() { u.deleteTopic(name) } }
	add("metadata", "named sec-t, sec-missing; allow_auto_topic_creation false; both include_*_authorized_operations", meta(9, false, true, "sec-t", "sec-missing"))
	add("metadata-auto-create", "named sec-auto (does not exist), creation allowed by request and broker", meta(9, true, true, "sec-auto"), []grant{on(T, DESCRIBE), on(C, CREATE)}, []grant{on(T, DESCRIBE), on(T, CREATE)}).before = del("sec-auto")
	v1 := add("metadata-auto-create-v1", "same in v1", meta(1, true, false, "sec-auto"), []grant{on(T, DESCRIBE), on(C, CREATE)}, []grant{on(T, DESCRIBE), on(T, CREATE)})
	v1.before = del("sec-auto")
	// The recording's broker had not created the topic of the cell before when it was told to
	// delete it, so it was there in this one.
	v1.unless = map[string]func(){"Topic:Describe + Topic:Create": func() { u.createTopic("sec-auto") }}
	add("metadata-all", "null topics = all; other topics of the cluster are those the user cannot see", meta(9, true, true)).before = del("sec-auto")
	add("metadata-v0-all", "v0, empty topics = all", meta(0, true, false))
	// controller to broker: broker epoch 0 is stale, so an authorised one is e=77
	add("leader-and-isr", "stale broker epoch, no partitions", func() kmsg.Request { r := ver(kmsg.NewPtrLeaderAndISRRequest(), 4); r.BrokerEpoch = 0; return r })
	add("stop-replica", "stale broker epoch", func() kmsg.Request { r := ver(kmsg.NewPtrStopReplicaRequest(), 2); r.BrokerEpoch = 0; return r })
	add("update-metadata", "stale broker epoch", func() kmsg.Request { r := ver(kmsg.NewPtrUpdateMetadataRequest(), 6); r.BrokerEpoch = 0; return r })
	add("controlled-shutdown", "broker 99 with epoch 1", func() kmsg.Request {
		r := ver(kmsg.NewPtrControlledShutdownRequest(), 3)
		r.BrokerID, r.BrokerEpoch = 99, 1
		return r
	})
	// groups
	add("offset-commit", "group sec-g, sec-t, sec-missing", func() kmsg.Request {
		r := ver(kmsg.NewPtrOffsetCommitRequest(), 8)
		r.Group, r.Generation = "sec-g", -1
		for _, n := range []string{"sec-t", "sec-missing"} {
			t := kmsg.NewOffsetCommitRequestTopic()
			t.Topic = n
			t.Partitions = append(t.Partitions, kmsg.NewOffsetCommitRequestTopicPartition())
			r.Topics = append(r.Topics, t)
		}
		return r
	}, []grant{on(G, READ), on(T, READ)})
	of := func(v int16, all bool) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrOffsetFetchRequest(), v)
			r.Group = "sec-g"
			if !all {
				for _, n := range []string{"sec-t", "sec-missing"} {
					t := kmsg.NewOffsetFetchRequestTopic()
					t.Topic, t.Partitions = n, []int32{0}
					r.Topics = append(r.Topics, t)
				}
			}
			return r
		}
	}
	add("offset-fetch", "group sec-g, sec-t (committed), sec-missing", of(7, false), []grant{on(G, DESCRIBE), on(T, DESCRIBE)})
	add("offset-fetch-v1", "v1 has no top-level code", of(1, false), []grant{on(G, DESCRIBE), on(T, DESCRIBE)})
	add("offset-fetch-all", "null topics = all of group sec-g", of(7, true), []grant{on(G, DESCRIBE), on(T, DESCRIBE)})
	fc := func(v int16, typ int8, key string) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrFindCoordinatorRequest(), v)
			r.CoordinatorKey, r.CoordinatorType = key, typ
			return r
		}
	}
	add("find-coordinator-group", "sec-g", fc(3, 0, "sec-g"))
	add("find-coordinator-group-v0", "sec-g", fc(0, 0, "sec-g"))
	add("find-coordinator-transaction", "sec-x", fc(3, 1, "sec-x"))
	add("find-coordinator-type-2", "unknown key type 2: no authorization asked", fc(3, 2, "sec-x"))
	add("list-groups", "the cluster has the group sec-g", func() kmsg.Request { return ver(kmsg.NewPtrListGroupsRequest(), 3) })
	add("join-group", "group sec-g2, empty member id", func() kmsg.Request {
		r := ver(kmsg.NewPtrJoinGroupRequest(), 7)
		r.Group, r.SessionTimeoutMillis, r.RebalanceTimeoutMillis, r.ProtocolType = "sec-g2", 10000, 10000, "consumer"
		r.Protocols = append(r.Protocols, kmsg.JoinGroupRequestProtocol{Name: "range"})
		return r
	})
	add("heartbeat", "group sec-g", func() kmsg.Request {
		r := ver(kmsg.NewPtrHeartbeatRequest(), 4)
		r.Group, r.MemberID = "sec-g", "m"
		return r
	})
	add("leave-group", "group sec-g, member m", func() kmsg.Request {
		r := ver(kmsg.NewPtrLeaveGroupRequest(), 4)
		r.Group = "sec-g"
		r.Members = append(r.Members, kmsg.LeaveGroupRequestMember{MemberID: "m"})
		return r
	})
	add("leave-group-v1", "group sec-g, member m", func() kmsg.Request {
		r := ver(kmsg.NewPtrLeaveGroupRequest(), 1)
		r.Group, r.MemberID = "sec-g", "m"
		return r
	})
	add("sync-group", "group sec-g", func() kmsg.Request {
		r := ver(kmsg.NewPtrSyncGroupRequest(), 5)
		r.Group, r.MemberID, r.ProtocolType, r.Protocol = "sec-g", "m", sp("consumer"), sp("range")
		return r
	})
	add("sync-group-no-protocol", "v5 without protocol type and name: e=23 comes before authorization", func() kmsg.Request {
		r := ver(kmsg.NewPtrSyncGroupRequest(), 5)
		r.Group, r.MemberID = "sec-g", "m"
		return r
	})
	add("describe-groups", "sec-g, sec-none, include_authorized_operations", func() kmsg.Request {
		r := ver(kmsg.NewPtrDescribeGroupsRequest(), 5)
		r.Groups, r.IncludeAuthorizedOperations = []string{"sec-g", "sec-none"}, true
		return r
	})
	add("delete-groups", "sec-gd (exists), sec-none", func() kmsg.Request {
		r := ver(kmsg.NewPtrDeleteGroupsRequest(), 2)
		r.Groups = []string{"sec-gd", "sec-none"}
		return r
	}).before = func() { u.commit("sec-gd") }
	od := func(g string) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrOffsetDeleteRequest(), 0)
			r.Group = g
			for _, n := range []string{"sec-t", "sec-missing"} {
				r.Topics = append(r.Topics, kmsg.OffsetDeleteRequestTopic{Topic: n, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}})
			}
			return r
		}
	}
	add("offset-delete", "group sec-gd, sec-t, sec-missing", od("sec-gd"), []grant{on(G, DELETE), on(T, READ)}, []grant{on(G, DELETE), on(T, DESCRIBE)}).before = func() { u.commit("sec-gd") }
	add("offset-delete-no-group", "group sec-none, sec-t, sec-missing", od("sec-none"), []grant{on(G, DELETE), on(T, READ)})
	add("api-versions", "v3", func() kmsg.Request {
		r := ver(kmsg.NewPtrApiVersionsRequest(), 3)
		r.ClientSoftwareName, r.ClientSoftwareVersion = "m", "1"
		return r
	})
	// topics
	ct := func(v int16, n ...string) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrCreateTopicsRequest(), v)
			r.TimeoutMillis, r.ValidateOnly = 5000, true
			for _, n := range n {
				t := kmsg.NewCreateTopicsRequestTopic()
				t.Topic, t.NumPartitions, t.ReplicationFactor = n, 1, 1
				r.Topics = append(r.Topics, t)
			}
			return r
		}
	}
	add("create-topics", "v5 validate only: sec-new, sec-t (exists)", ct(5, "sec-new", "sec-t"), []grant{on(T, CREATE), on(T, DC)}, []grant{on(C, CREATE), on(T, DC)})
	add("create-topics-v4", "v4 validate only: sec-new, sec-t (exists)", ct(4, "sec-new", "sec-t"))
	add("create-topics-twice", "v5 the same name twice", ct(5, "sec-new", "sec-new"))
	add("delete-topics", "sec-d (exists), sec-missing", func() kmsg.Request {
		r := ver(kmsg.NewPtrDeleteTopicsRequest(), 4)
		r.TopicNames, r.TimeoutMillis = []string{"sec-d", "sec-missing"}, 5000
		return r
	}).before = func() { u.createTopic("sec-d") }
	add("delete-records", "sec-t, sec-missing", func() kmsg.Request {
		r := ver(kmsg.NewPtrDeleteRecordsRequest(), 1)
		r.TimeoutMillis = 1000
		for _, n := range []string{"sec-t", "sec-missing"} {
			r.Topics = append(r.Topics, kmsg.DeleteRecordsRequestTopic{Topic: n, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 0}}})
		}
		return r
	})
	add("create-partitions", "validate only: sec-t to 3, sec-missing", func() kmsg.Request {
		r := ver(kmsg.NewPtrCreatePartitionsRequest(), 2)
		r.TimeoutMillis, r.ValidateOnly = 1000, true
		r.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "sec-t", Count: 3}, {Topic: "sec-missing", Count: 3}}
		return r
	})
	add("offset-for-leader-epoch", "sec-t, sec-missing", func() kmsg.Request {
		r := ver(kmsg.NewPtrOffsetForLeaderEpochRequest(), 3)
		r.ReplicaID = -2
		for _, n := range []string{"sec-t", "sec-missing"} {
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			r.Topics = append(r.Topics, kmsg.OffsetForLeaderEpochRequestTopic{Topic: n, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{p}})
		}
		return r
	})
	// transactions
	ip := func(id *string) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrInitProducerIDRequest(), 3)
			r.TransactionalID, r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = id, 60000, -1, -1
			return r
		}
	}
	add("init-producer-id", "null transactional id", ip(nil))
	add("init-producer-id-transactional", "sec-x", ip(sp("sec-x")))
	ap := func(topics ...string) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrAddPartitionsToTxnRequest(), 1)
			r.TransactionalID, r.ProducerID = "sec-x", 9000003
			for _, n := range topics {
				r.Topics = append(r.Topics, kmsg.AddPartitionsToTxnRequestTopic{Topic: n, Partitions: []int32{0}})
			}
			return r
		}
	}
	add("add-partitions-to-txn", "sec-x with a wrong producer id; sec-t", ap("sec-t"), []grant{on(X, WRITE), on(T, WRITE)})
	add("add-partitions-to-txn-missing", "sec-t, sec-missing", ap("sec-t", "sec-missing"), []grant{on(X, WRITE), on(T, WRITE)})
	add("add-partitions-to-txn-partly", "sec-t, other (no right)", ap("sec-t", "other"), []grant{on(X, WRITE), on(T, WRITE)})
	add("add-partitions-to-txn-internal", "__consumer_offsets", ap("__consumer_offsets"), []grant{on(X, WRITE), {T, "*", 3, ALL, false}})
	add("add-offsets-to-txn", "sec-x with a wrong producer id, group sec-g", func() kmsg.Request {
		r := ver(kmsg.NewPtrAddOffsetsToTxnRequest(), 1)
		r.TransactionalID, r.ProducerID, r.Group = "sec-x", 9000003, "sec-g"
		return r
	}, []grant{on(X, WRITE), on(G, READ)})
	add("end-txn", "sec-x with a wrong producer id", func() kmsg.Request {
		r := ver(kmsg.NewPtrEndTxnRequest(), 1)
		r.TransactionalID, r.ProducerID = "sec-x", 9000003
		return r
	})
	add("write-txn-markers", "one marker for sec-t", func() kmsg.Request {
		r := ver(kmsg.NewPtrWriteTxnMarkersRequest(), 0)
		r.Markers = []kmsg.WriteTxnMarkersRequestMarker{{ProducerID: 9000004, Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "sec-t", Partitions: []int32{0}}}}}
		return r
	})
	add("txn-offset-commit", "sec-x with a wrong producer id, group sec-g, sec-t, sec-missing", func() kmsg.Request {
		r := ver(kmsg.NewPtrTxnOffsetCommitRequest(), 3)
		r.TransactionalID, r.Group, r.ProducerID, r.Generation = "sec-x", "sec-g", 9000003, -1
		for _, n := range []string{"sec-t", "sec-missing"} {
			p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			r.Topics = append(r.Topics, kmsg.TxnOffsetCommitRequestTopic{Topic: n, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{p}})
		}
		return r
	}, []grant{on(X, WRITE), on(G, READ)}, []grant{on(X, WRITE), on(G, READ), on(T, READ)})
	// ACLs
	add("describe-acls", "all", func() kmsg.Request {
		r := ver(kmsg.NewPtrDescribeACLsRequest(), 2)
		r.ResourceType, r.ResourcePatternType, r.Operation, r.PermissionType, r.Principal = 1, 1, 1, 1, sp("User:nobody")
		return r
	})
	ca := func(typ kmsg.ACLResourceType, name string) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrCreateACLsRequest(), 2)
			x := kmsg.NewCreateACLsRequestCreation()
			x.ResourceType, x.ResourceName, x.ResourcePatternType, x.Principal, x.Host, x.Operation, x.PermissionType = typ, name, 3, "User:somebody", "*", 3, 3
			r.Creations = append(r.Creations, x)
			return r
		}
	}
	add("create-acls", "User:somebody Read Topic sec-acl", ca(2, "sec-acl"))
	add("create-acls-bad-cluster", "CLUSTER resource named other", ca(4, "other"))
	add("create-acls-empty-name", "empty name", ca(2, ""))
	add("delete-acls", "those of User:nobody", func() kmsg.Request {
		r := ver(kmsg.NewPtrDeleteACLsRequest(), 2)
		f := kmsg.NewDeleteACLsRequestFilter()
		f.ResourceType, f.ResourcePatternType, f.Operation, f.PermissionType, f.Principal = 1, 1, 1, 1, sp("User:nobody")
		r.Filters = append(r.Filters, f)
		return r
	})
	// configs
	add("describe-configs", "topics sec-t, sec-missing, broker 1, broker '', logger 1", func() kmsg.Request {
		r := ver(kmsg.NewPtrDescribeConfigsRequest(), 2)
		for _, x := range []struct {
			t kmsg.ConfigResourceType
			n string
		}{{2, "sec-t"}, {2, "sec-missing"}, {4, "1"}, {4, ""}, {8, "1"}} {
			q := kmsg.NewDescribeConfigsRequestResource()
			q.ResourceType, q.ResourceName = x.t, x.n
			r.Resources = append(r.Resources, q)
		}
		return r
	})
	add("alter-configs", "validate only: topics sec-t, sec-missing, broker 1", func() kmsg.Request {
		r := ver(kmsg.NewPtrAlterConfigsRequest(), 1)
		r.ValidateOnly = true
		for _, x := range []struct {
			t kmsg.ConfigResourceType
			n string
		}{{2, "sec-t"}, {2, "sec-missing"}, {4, "1"}} {
			r.Resources = append(r.Resources, kmsg.AlterConfigsRequestResource{ResourceType: x.t, ResourceName: x.n})
		}
		return r
	})
	add("incremental-alter-configs", "validate only: topics sec-t, sec-missing, broker 1, logger 1", func() kmsg.Request {
		r := ver(kmsg.NewPtrIncrementalAlterConfigsRequest(), 1)
		r.ValidateOnly = true
		for _, x := range []struct {
			t kmsg.ConfigResourceType
			n string
		}{{2, "sec-t"}, {2, "sec-missing"}, {4, "1"}, {8, "1"}} {
			r.Resources = append(r.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: x.t, ResourceName: x.n})
		}
		return r
	})
	add("alter-replica-log-dirs", "sec-t/0, sec-missing/0 to a directory that is not configured", func() kmsg.Request {
		r := ver(kmsg.NewPtrAlterReplicaLogDirsRequest(), 1)
		r.Dirs = []kmsg.AlterReplicaLogDirsRequestDir{{Dir: "/nowhere", Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: "sec-t", Partitions: []int32{0}}, {Topic: "sec-missing", Partitions: []int32{0}}}}}
		return r
	})
	add("describe-log-dirs", "topic sec-t", func() kmsg.Request {
		r := ver(kmsg.NewPtrDescribeLogDirsRequest(), 1)
		r.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "sec-t", Partitions: []int32{0}}}
		return r
	})
	el := func(v int16, all bool) func() kmsg.Request {
		return func() kmsg.Request {
			r := ver(kmsg.NewPtrElectLeadersRequest(), v)
			r.TimeoutMillis = 1000
			if !all {
				r.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: "sec-t", Partitions: []int32{0}}, {Topic: "sec-missing", Partitions: []int32{0}}}
			}
			return r
		}
	}
	add("elect-leaders", "preferred, sec-t/0, sec-missing/0", el(2, false))
	add("elect-leaders-v0", "v0", el(0, false))
	add("elect-leaders-all", "null topics = all", el(2, true))
	add("alter-partition-reassignments", "cancel for sec-t/0", func() kmsg.Request {
		r := ver(kmsg.NewPtrAlterPartitionAssignmentsRequest(), 0)
		r.TimeoutMillis = 1000
		r.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: "sec-t", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: 0}}}}
		return r
	})
	add("list-partition-reassignments", "all", func() kmsg.Request {
		r := ver(kmsg.NewPtrListPartitionReassignmentsRequest(), 0)
		r.TimeoutMillis = 1000
		return r
	})
	// tokens
	add("create-delegation-token", "renewer User:bob", func() kmsg.Request {
		r := ver(kmsg.NewPtrCreateDelegationTokenRequest(), 2)
		r.MaxLifetimeMillis = 60000
		r.Renewers = []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "User", PrincipalName: "bob"}}
		return r
	})
	add("create-delegation-token-group", "renewer Group:bob", func() kmsg.Request {
		r := ver(kmsg.NewPtrCreateDelegationTokenRequest(), 2)
		r.Renewers = []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "Group", PrincipalName: "bob"}}
		return r
	})
	add("renew-delegation-token", "unknown HMAC", func() kmsg.Request {
		r := ver(kmsg.NewPtrRenewDelegationTokenRequest(), 2)
		r.HMAC = []byte("xxxx")
		return r
	})
	add("expire-delegation-token", "unknown HMAC", func() kmsg.Request {
		r := ver(kmsg.NewPtrExpireDelegationTokenRequest(), 2)
		r.HMAC = []byte("xxxx")
		return r
	})
	add("describe-delegation-token", "owner User:admin, who has one token", func() kmsg.Request {
		r := ver(kmsg.NewPtrDescribeDelegationTokenRequest(), 2)
		r.Owners = []kmsg.DescribeDelegationTokenRequestOwner{{PrincipalType: "User", PrincipalName: "admin"}}
		return r
	}).before = u.adminsToken
	return cs
}
