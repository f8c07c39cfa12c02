package journal

// kinds are the names of the kinds and their sentences.
var kinds = [numKinds]struct {
	name string
	text
}{
	BrokerStarted:      {"broker-started", text{"broker {broker} started[; its last stop was {last stop}][, in {took}]", "{broker}번 브로커가 시작했다[ ({last stop} 종료 뒤)][, {took} 걸림]"}},
	BrokerStopping:     {"broker-stopping", text{"broker {broker} is stopping[: {reason}]", "{broker}번 브로커가 멈추는 중이다[: {reason}]"}},
	ProcessPaused:      {"process-paused", text{"the process of broker {broker} did not run for {took}: it was stopped, or the machine was", "{broker}번 브로커의 프로세스가 {took} 동안 실행되지 않았다: 프로세스나 컴퓨터가 멈춰 있었다"}},
	SessionOpened:      {"session-opened", text{"broker {broker} opened ZooKeeper session {session}", "{broker}번 브로커가 ZooKeeper 세션 {session}을/를 열었다"}},
	ConnectionLost:     {"connection-lost", text{"broker {broker} lost its connection to ZooKeeper (session {session})", "{broker}번 브로커와 ZooKeeper의 연결이 끊겼다 (세션 {session})"}},
	ConnectionRestored: {"connection-restored", text{"broker {broker} is connected to ZooKeeper again[ after {took}], session {session} goes on", "{broker}번 브로커가 ZooKeeper에 다시 연결되었다[ ({took} 뒤)], 세션 {session}은/는 계속된다"}},
	SessionExpired:     {"session-expired", text{"ZooKeeper session {session} of broker {broker} expired[, {took} after its connection was lost]", "{broker}번 브로커의 ZooKeeper 세션 {session}이/가 만료되었다[ (연결이 끊긴 지 {took} 뒤)]"}},
	Registered:         {"registered", text{"broker {broker} registered in /brokers/ids, broker epoch {id}", "{broker}번 브로커가 /brokers/ids에 등록했다, 브로커 에포크 {id}"}},

	ControllerElected:  {"controller-elected", text{"broker {broker} became the controller, controller epoch {controller epoch}", "{broker}번 브로커가 컨트롤러가 되었다, 컨트롤러 에포크 {controller epoch}"}},
	ControllerResigned: {"controller-resigned", text{"broker {broker} is no longer the controller[: {reason}]", "{broker}번 브로커는 더는 컨트롤러가 아니다[: {reason}]"}},
	ClusterTaken:       {"cluster-taken", text{"the controller, broker {broker}, took over {n partition}[ in {took}]", "컨트롤러({broker}번 브로커)가 파티션 {n}개를 넘겨받았다[, {took} 걸림]"}},
	BrokerUp:           {"broker-up", text{"the controller saw broker {about} come (broker epoch {id})", "컨트롤러가 {about}번 브로커의 등록을 보았다 (브로커 에포크 {id})"}},
	BrokerDown:         {"broker-down", text{"the controller saw broker {about} go: its znode /brokers/ids/{about} is gone[, because {reason}]", "컨트롤러가 {about}번 브로커가 사라진 것을 보았다: /brokers/ids/{about} 노드가 없어졌다[ ({reason})]"}},
	ShutdownRequested:  {"shutdown-requested", text{"broker {about} asked the controller to take over its {n leadership}, because it stops", "{about}번 브로커가 종료하려고 컨트롤러에 리더 {n}개를 넘겨 달라고 했다"}},
	ReplicasFailed:     {"replicas-failed", text{"broker {about} told the controller that {n} of its replicas are on a failed log directory", "{about}번 브로커가 고장 난 로그 디렉터리에 있는 복제본 {n}개를 컨트롤러에 알렸다"}},
	LeaderElected:      {"leader-elected", text{"leader of {tp} {old leader} → {about} (epoch {epoch})[, because {reason}]; in sync: {to}[, before: {from}]", "{tp}의 리더 {old leader} → {about} (에포크 {epoch})[, 이유: {reason}]; ISR: {to}[, 이전: {from}]"}},
	PartitionOffline:   {"partition-offline", text{"{tp} has no leader: none of its replicas in sync ({from}) is alive", "{tp}에 리더가 없다: ISR({from}) 가운데 살아 있는 복제본이 없다"}},
	ReassignmentStart:  {"reassignment-started", text{"reassignment of {tp} from {from} to {to} began", "{tp}의 재배치({from} → {to})가 시작되었다"}},
	ReassignmentDone:   {"reassignment-done", text{"reassignment of {tp} is complete: replicas {to}", "{tp}의 재배치가 끝났다: 복제본 {to}"}},
	TopicCreated:       {"topic-created", text{"topic {name} got {n new partition}", "{name} 토픽에 새 파티션 {n}개가 생겼다"}},
	TopicDeleting:      {"topic-deleting", text{"topic {name} is to be deleted", "{name} 토픽을 삭제하는 중이다"}},
	TopicDeleted:       {"topic-deleted", text{"topic {name} is deleted", "{name} 토픽이 삭제되었다"}},
	ElectionRequested:  {"election-requested", text{"somebody asked for an election for {n partition}", "파티션 {n}개의 리더 선출이 요청되었다"}},

	BecameLeader:      {"became-leader", text{"broker {broker} leads {tp} from offset {offset} on (epoch {epoch}); in sync: {to}", "{broker}번 브로커가 {tp}을/를 오프셋 {offset}부터 이끈다 (에포크 {epoch}); ISR: {to}"}},
	BecameFollower:    {"became-follower", text{"broker {broker} follows broker {about} for {tp} from offset {offset} on (epoch {epoch})", "{broker}번 브로커가 {tp}에서 {about}번 브로커를 오프셋 {offset}부터 따라간다 (에포크 {epoch})"}},
	ReplicaDeleted:    {"replica-deleted", text{"broker {broker} deleted its replica of {tp}", "{broker}번 브로커가 {tp} 복제본을 지웠다"}},
	Truncated:         {"truncated", text{"broker {broker} cut {tp} back to offset {offset}[, {count record} away], to agree with leader {about} (epoch {epoch})", "{broker}번 브로커가 {tp}을/를 오프셋 {offset}까지 잘라 냈다[ (레코드 {count}개)]: 리더인 {about}번 브로커와 맞추려고 (에포크 {epoch})"}},
	ISRShrunk:         {"isr-shrunk", text{"broker {about} fell out of sync in {tp}[: {count record} behind][, last caught up {took} ago]; in sync: {to}", "{about}번 브로커가 {tp}의 ISR에서 빠졌다[: 레코드 {count}개 뒤처짐][, 마지막으로 따라잡은 지 {took}]; ISR: {to}"}},
	ISRExpanded:       {"isr-expanded", text{"broker {about} is in sync again in {tp}; in sync: {to}", "{about}번 브로커가 {tp}의 ISR에 다시 들어왔다; ISR: {to}"}},
	ISRRefused:        {"isr-refused", text{"the in-sync replicas of {tp} stayed {from} instead of {to}: {new}", "{tp}의 ISR이 {to}으로/로 바뀌지 못하고 {from} 그대로다: {new}"}},
	WatermarkStalled:  {"watermark-stalled", text{"the high watermark of {tp} stands still at {offset}[ for {took}]: {n record} waiting for broker {about}", "{tp}의 하이 워터마크가 {offset}에 멈춰 있다[ ({took} 동안)]: 레코드 {n}개가 {about}번 브로커를 기다린다"}},
	WatermarkMoves:    {"watermark-moves", text{"the high watermark of {tp} moves again, now {offset}[, after {took}]", "{tp}의 하이 워터마크가 다시 움직인다, 지금 {offset}[ ({took} 만에)]"}},
	LeaderUnreachable: {"leader-unreachable", text{"broker {broker} cannot fetch from broker {about}: {error}", "{broker}번 브로커가 {about}번 브로커에서 가져올 수 없다: {error}"}},
	LeaderReachable:   {"leader-reachable", text{"broker {broker} fetches from broker {about} again", "{broker}번 브로커가 {about}번 브로커에서 다시 가져온다"}},
	PartitionMoved:    {"partition-moved", text{"broker {broker} moved {tp} to {new}", "{broker}번 브로커가 {tp}을/를 {new}으로/로 옮겼다"}},
	FetchFailed:       {"fetch-failed", text{"broker {broker} gave up fetching {tp} from broker {about}: {new}", "{broker}번 브로커가 {about}번 브로커에서 {tp}을/를 가져오기를 포기했다: {new}"}},

	SegmentRolled:   {"segment-rolled", text{"{tp}: a new segment begins at offset {offset}[, the old one has {count byte}]", "{tp}: 오프셋 {offset}에서 새 세그먼트가 시작된다[, 이전 것은 {count}바이트]"}},
	SegmentsDeleted: {"segments-deleted", text{"{tp}: {n segment} deleted[ ({reason})], the log starts at {offset}", "{tp}: 세그먼트 {n}개 삭제[ ({reason})], 로그 시작은 {offset}"}},
	LogCleaned:      {"log-cleaned", text{"{tp} was compacted: {number} of {n} bytes kept[, in {took}]", "{tp}을/를 압축 정리했다: {n}바이트 중 {number}바이트 유지[, {took} 걸림]"}},
	LogRecovered:    {"log-recovered", text{"{tp} was checked after an unclean stop[: {count segment}]", "비정상 종료 뒤 {tp}을/를 점검했다[: 세그먼트 {count}개]"}},
	DirectoryFailed: {"directory-failed", text{"log directory {name} of broker {broker} failed[ with {count partition} on it]: {new}", "{broker}번 브로커의 로그 디렉터리 {name}이/가 고장 났다[ (파티션 {count}개)]: {new}"}},

	ConfigChanged:   {"config-changed", text{"config of {entity}: {who} {old value} → {new value}", "{entity} 설정: {who} {old value} → {new value}"}},
	ClientThrottled: {"client-throttled", text{"client {who} is throttled for {took}: its {name} quota is used up", "클라이언트 {who}을/를 {took} 늦춘다: {name} 쿼터를 넘었다"}},
	LoginFailed:     {"login-failed", text{"a login from {who} failed[ ({name})]: {new}", "{who}의 로그인이 실패했다[ ({name})]: {new}"}},
	AccessDenied:    {"access-denied", text{"{who} was denied {new} on {name}", "{who}에게 {name}에 대한 {new} 권한이 없다"}},

	MemberJoined:        {"member-joined", text{"{who} joined group {name}[ as static member {old}]", "{who}이/가 {name} 그룹에 들어왔다[ (고정 멤버 {old})]"}},
	MemberLeft:          {"member-left", text{"{who} is out of group {name}[: {reason}]", "{who}이/가 {name} 그룹에서 빠졌다[: {reason}]"}},
	RebalanceStarted:    {"rebalance-started", text{"group {name} rebalances[, because {reason}] (generation {epoch}, {n member})", "{name} 그룹이 리밸런싱한다[, 이유: {reason}] (세대 {epoch}, 멤버 {n}명)"}},
	GroupStable:         {"group-stable", text{"group {name} agreed: generation {epoch}, {n member}[, after {took}]", "{name} 그룹이 합의했다: 세대 {epoch}, 멤버 {n}명[, {took} 걸림]"}},
	GroupEmpty:          {"group-empty", text{"group {name} has no members any more", "{name} 그룹에 멤버가 없다"}},
	GroupRemoved:        {"group-removed", text{"group {name} was removed[: {reason}]", "{name} 그룹이 제거되었다[: {reason}]"}},
	CoordinatorLoaded:   {"coordinator-loaded", text{"broker {broker} loaded {tp} and coordinates what is in it[, in {took}]", "{broker}번 브로커가 {tp}을/를 읽고 코디네이터가 되었다[, {took} 걸림]"}},
	CoordinatorUnloaded: {"coordinator-unloaded", text{"broker {broker} no longer coordinates what is in {tp}", "{broker}번 브로커는 더는 {tp}의 코디네이터가 아니다"}},

	ProducerReady:      {"producer-ready", text{"transactional id {name} has producer id {id}, epoch {epoch}", "트랜잭션 ID {name}의 프로듀서 ID {id}, 에포크 {epoch}"}},
	TransactionBegan:   {"transaction-began", text{"a transaction of {name} began (producer id {id})", "{name}의 트랜잭션이 시작되었다 (프로듀서 ID {id})"}},
	TransactionDecided: {"transaction-decided", text{"the transaction of {name} is decided: {new}[, because {reason}][; it was open for {took}][; {count partition}]", "{name}의 트랜잭션이 결정되었다: {new}[, 이유: {reason}][; {took} 동안 열려 있었다][; 파티션 {count}개]"}},
	TransactionEnded:   {"transaction-ended", text{"the transaction of {name} is over ({new})[, markers took {took}]", "{name}의 트랜잭션이 끝났다 ({new})[, 마커 기록 {took}]"}},
	MarkersWait:        {"markers-wait", text{"the markers of {name} wait for {n partition} without a leader that can be reached", "{name}의 마커가 기다린다: 파티션 {n}개에 닿을 수 있는 리더가 없다"}},
}

// reasons are the names of the reasons and how they continue a sentence.
var reasons = [numReasons]struct {
	name string
	text
}{
	ByRequest:       {"by-request", text{"somebody asked for it", "누군가 요청했다"}},
	ByFailure:       {"by-failure", text{"a part of it failed", "일부가 고장 났다"}},
	SessionEnded:    {"session-ended", text{"its ZooKeeper session ended", "ZooKeeper 세션이 끝났다"}},
	AnotherElected:  {"another-elected", text{"another broker was elected", "다른 브로커가 선출되었다"}},
	Stopping:        {"stopping", text{"it stops", "종료한다"}},
	LeaderGone:      {"leader-gone", text{"the old leader is gone", "이전 리더가 사라졌다"}},
	BrokerBack:      {"broker-back", text{"a broker that may lead is back", "리더가 될 수 있는 브로커가 돌아왔다"}},
	PreferredLeader: {"preferred-leader", text{"the preferred replica may lead again", "선호 복제본이 다시 이끌 수 있다"}},
	Unclean:         {"unclean", text{"nobody in sync was alive and unclean elections are allowed; records may be lost", "살아 있는 ISR이 없고 unclean 선출이 허용되어 있다; 레코드를 잃을 수 있다"}},
	ShuttingDown:    {"shutting-down", text{"the old leader's broker shuts down", "이전 리더의 브로커가 종료한다"}},
	Reassigning:     {"reassigning", text{"the partition is being reassigned", "파티션을 재배치하고 있다"}},
	NewPartition:    {"new-partition", text{"it is new", "새 파티션이다"}},
	HeartbeatMissed: {"heartbeat-missed", text{"no heartbeat within session.timeout.ms", "session.timeout.ms 안에 하트비트가 없었다"}},
	PollInterval:    {"poll-interval", text{"it did not join the rebalance within max.poll.interval.ms (rebalance timeout)", "max.poll.interval.ms(리밸런스 제한 시간) 안에 다시 참여하지 않았다"}},
	LeftByItself:    {"left", text{"it left: it was closed, or did not poll within max.poll.interval.ms", "스스로 나갔다: 닫혔거나 max.poll.interval.ms 안에 poll하지 않았다"}},
	RemovedByAdmin:  {"removed", text{"it was removed by an administrator", "관리자가 제거했다"}},
	NewMember:       {"new-member", text{"a member joined", "멤버가 들어왔다"}},
	MemberGone:      {"member-gone", text{"a member is gone", "멤버가 빠졌다"}},
	NewSubscription: {"new-subscription", text{"a member came back with another subscription", "멤버가 다른 구독으로 돌아왔다"}},
	LeaderRejoined:  {"leader-rejoined", text{"the group's leader asked for it (topics or partitions have changed)", "그룹 리더가 요청했다 (토픽이나 파티션이 바뀌었다)"}},
	StaticReplaced:  {"static-replaced", text{"a static member came back", "고정 멤버가 돌아왔다"}},
	OffsetsExpired:  {"expired", text{"nothing of it was left", "남은 것이 없다"}},
	TimedOut:        {"timed-out", text{"it was open longer than transaction.timeout.ms", "transaction.timeout.ms보다 오래 열려 있었다"}},
	Fenced:          {"fenced", text{"a new producer with the same transactional.id began", "같은 transactional.id의 새 프로듀서가 시작했다"}},
	RetentionTime:   {"retention-time", text{"older than retention.ms", "retention.ms보다 오래됐다"}},
	RetentionSize:   {"retention-size", text{"above retention.bytes", "retention.bytes를 넘었다"}},
	BelowLogStart:   {"below-log-start", text{"records were deleted", "레코드가 삭제되었다"}},
	MetadataLoad:    {"metadata-load", text{"it was not there when this controller took over", "컨트롤러가 넘겨받을 때 알았다"}},
}
