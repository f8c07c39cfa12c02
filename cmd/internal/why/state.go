package why

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/internal/journal"
	"momus/internal/model"
)

// find asks the brokers of the cluster where their HTTP ports are. Apache Kafka does not know the
// key and answers without it.
func find(ctx context.Context, a *clients.Admin) ([]*Source, *kmsg.MetadataResponse, error) {
	m, err := a.Metadata(ctx, "listNodes", []string{})
	if err != nil {
		return nil, nil, err
	}
	sources := make([]*Source, len(m.Brokers))
	var wg sync.WaitGroup
	for i, b := range m.Brokers {
		// The error stands until the broker has answered.
		s := &Source{Broker: b.NodeID, Err: errNoPort}
		sources[i] = s
		wg.Go(func() { s.locate(ctx, a, b.Host) })
	}
	wg.Wait()
	return sources, m, nil
}

// locate asks the broker itself where its HTTP port is. One that stands still does not keep the
// others waiting.
func (s *Source) locate(ctx context.Context, a *clients.Admin, host string) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(s.Broker)), []string{configs.HTTPPortKey}
	req.Resources = append(req.Resources, r)
	resp, err := clients.BrokerRequest[*kmsg.DescribeConfigsResponse](ctx, a, "describeBrokerConfigs", s.Broker, req)
	if err != nil {
		s.Err = err
		return
	}
	for _, r := range resp.Resources {
		for _, c := range r.Configs {
			// -1 is a broker of ours that listens nowhere.
			if c.Name == configs.HTTPPortKey && c.Value != nil && *c.Value != "-1" {
				s.URL, s.Err = "http://"+hostPort(host, *c.Value), nil
			}
		}
	}
}

// hostPort joins them as net.JoinHostPort does, of a port that is a text; an IPv6 address gets its
// brackets.
func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// say is a sentence in both languages, for fmt.
type say struct{ en, ko string }

// in is the sentence in a language; the arguments are the same, in the same order, in both.
func (s say) in(l journal.Lang, args ...any) string {
	if l == journal.Korean {
		return fmt.Sprintf(s.ko, args...)
	}
	return fmt.Sprintf(s.en, args...)
}

// state says for people how the subject stands now, from what the brokers' public APIs and, with
// --zookeeper, the znodes tell. Of what the journal of a broker would tell that has none, as Apache
// Kafka's, it says what is not known.
func (r *run) state(ctx context.Context) ([]string, error) {
	switch s := &r.o.Subject; {
	case s.Partition != nil:
		return r.partitionState(ctx, *s.Partition)
	case s.Group != "":
		return r.groupState(ctx, s.Group)
	case s.Broker != nil:
		return r.brokerState(ctx, *s.Broker)
	case s.TransactionalID != "":
		return r.transactionState(ctx, s.TransactionalID)
	}
	return nil, nil
}

// silent reports whether a broker's journal cannot be read.
func (r *run) silent(broker int32) bool {
	return slices.ContainsFunc(r.sources, func(s *Source) bool { return s.Broker == broker && s.Err != nil })
}

// partitionState says how a partition stands now: who leads it, who is in sync, and, if there is no
// leader, whom it waits for.
func (r *run) partitionState(ctx context.Context, tp model.TopicPartition) ([]string, error) {
	l := r.o.Lang
	m, err := r.admin.Metadata(ctx, "describeTopics", []string{tp.Topic})
	if err != nil {
		return nil, err
	}
	var p *kmsg.MetadataResponseTopicPartition
	for i := range m.Topics {
		for k := range m.Topics[i].Partitions {
			// One topic was asked for.
			if m.Topics[i].Partitions[k].Partition == tp.Partition {
				p = &m.Topics[i].Partitions[k]
			}
		}
	}
	if p == nil {
		return []string{say{"%s does not exist, as far as the brokers know.", "%s: 브로커들이 아는 한 그런 파티션은 없다."}.in(l, tp)}, nil
	}
	now := say{"%s: leader %d, epoch %d; replicas %s; in sync %s", "%s: 리더 %d, 에포크 %d; 복제본 %s; ISR %s"}.in(l, tp, p.Leader, p.LeaderEpoch, list(p.Replicas), list(p.ISR))
	if p.Leader < 0 {
		now = say{"%s has no leader; replicas %s; in sync were %s", "%s: 리더가 없다; 복제본 %s; 마지막 ISR %s"}.in(l, tp, list(p.Replicas), list(p.ISR))
	}
	lines := []string{now}
	// The first replica is the one that leader rebalancing prefers.
	if p.Leader >= 0 && len(p.Replicas) > 0 && p.Leader != p.Replicas[0] {
		lines = append(lines, say{"The preferred leader is broker %d.", "선호 리더는 %d번 브로커다."}.in(l, p.Replicas[0]))
	}
	for _, id := range p.Replicas {
		if !slices.Contains(p.ISR, id) || slices.Contains(p.OfflineReplicas, id) {
			lines = append(lines, r.replicaState(ctx, m, p, id, tp))
		}
	}
	return append(lines, r.decider(ctx, m.ControllerID, tp)...), nil
}

// replicaState says why a replica is not in sync, as far as that can be seen now.
func (r *run) replicaState(ctx context.Context, m *kmsg.MetadataResponse, p *kmsg.MetadataResponseTopicPartition, id int32, tp model.TopicPartition) string {
	l := r.o.Lang
	if !slices.ContainsFunc(m.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == id }) {
		return say{"Broker %d is not registered in ZooKeeper: it is stopped, or its session has ended.", "%d번 브로커가 ZooKeeper에 등록되어 있지 않다: 멈췄거나 세션이 끝났다."}.in(l, id)
	}
	dirs, err := r.logDirs(ctx, id, &tp)
	if slices.Contains(p.OfflineReplicas, id) {
		if failed := failedDirs(dirs); len(failed) > 0 {
			return say{"Broker %d is alive, and its replica is on a log directory that has failed: %s.", "%d번 브로커는 살아 있지만, 그 복제본이 있는 로그 디렉터리가 고장 났다: %s."}.in(l, id, strings.Join(failed, ", "))
		}
		return say{"Broker %d is alive, and its replica is on a log directory that has failed.", "%d번 브로커는 살아 있지만, 그 복제본이 있는 로그 디렉터리가 고장 났다."}.in(l, id)
	}
	if lag, ok := replicaLag(dirs, tp); err == nil && ok && lag >= 0 {
		return say{"Broker %d is alive and must fetch %d records to be in sync again.", "%d번 브로커는 살아 있고, 레코드 %d개를 더 가져와야 ISR에 돌아온다."}.in(l, id, lag)
	}
	return say{"Broker %d is alive; how far behind it is, it does not say.", "%d번 브로커는 살아 있지만, 얼마나 뒤처졌는지는 알 수 없다."}.in(l, id)
}

// decider says what ZooKeeper has of a partition, and whether it is known why the controller decided
// so.
func (r *run) decider(ctx context.Context, controller int32, tp model.TopicPartition) (lines []string) {
	l := r.o.Lang
	decided := int32(-1)
	if r.zk != nil {
		if st, ok, err := r.zk.State(ctx, tp); err == nil && ok {
			decided = st.ControllerEpoch
			lines = append(lines, say{"ZooKeeper: leader %d, leader epoch %d, in sync %s, written under controller epoch %d (version %d).",
				"ZooKeeper: 리더 %d, 리더 에포크 %d, ISR %s, 컨트롤러 에포크 %d 때 기록 (버전 %d)."}.in(l, st.Leader, st.LeaderEpoch, list(st.ISR), st.ControllerEpoch, st.ZKVersion))
		}
	}
	if controller < 0 || !r.silent(controller) {
		return lines
	}
	lines = append(lines, r.takeover(ctx, controller)...)
	if epoch, _, ok := r.controllership(ctx); ok && epoch == decided {
		return append(lines, say{"The present leader was decided, or kept, under broker %d; its journal cannot be read, so its reasons are not known.",
			"지금의 리더는 %d번 브로커가 컨트롤러일 때 정해졌거나 유지되었다. 그 저널을 읽을 수 없어 이유는 알 수 없다."}.in(l, controller))
	}
	return lines
}

// takeover says of a controller without a journal what ZooKeeper tells.
func (r *run) takeover(ctx context.Context, id int32) []string {
	l := r.o.Lang
	epoch, since, ok := r.controllership(ctx)
	if !ok {
		return []string{say{"The controller is broker %d, whose journal cannot be read; --zookeeper tells since when.", "컨트롤러는 %d번 브로커인데, 그 저널을 읽을 수 없다. --zookeeper를 주면 언제부터인지 알 수 있다."}.in(l, id)}
	}
	return []string{say{"The controller is broker %d, since %s (controller epoch %d, from /controller); why the one before it gave up is known only from others.",
		"컨트롤러는 %d번 브로커이고, %s부터다 (컨트롤러 에포크 %d, /controller에서). 이전 컨트롤러가 왜 물러났는지는 다른 브로커들의 기록으로만 알 수 있다."}.in(l, id, since.Local().Format("15:04:05.000"), epoch)}
}

// controllership is the controller epoch, and since when /controller is there.
func (r *run) controllership(ctx context.Context) (epoch int32, since time.Time, ok bool) {
	if r.zk == nil {
		return 0, since, false
	}
	node, err := r.zk.Inspect(ctx, zk.ControllerPath)
	if err != nil {
		return 0, since, false
	}
	counter, err := r.zk.Inspect(ctx, zk.ControllerEpochPath)
	if err != nil {
		return 0, since, false
	}
	n, err := strconv.ParseInt(string(counter.Data), 10, 32)
	return int32(n), time.UnixMilli(node.Stat.Ctime), err == nil
}

// logDirs asks a broker for its log directories, all or those with a partition. Those that have
// failed are always among them.
func (r *run) logDirs(ctx context.Context, broker int32, tp *model.TopicPartition) ([]kmsg.DescribeLogDirsResponseDir, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req := kmsg.NewPtrDescribeLogDirsRequest()
	if tp != nil {
		t := kmsg.NewDescribeLogDirsRequestTopic()
		t.Topic, t.Partitions = tp.Topic, []int32{tp.Partition}
		req.Topics = append(req.Topics, t)
	}
	resp, err := clients.BrokerRequest[*kmsg.DescribeLogDirsResponse](ctx, r.admin, "describeLogDirs", broker, req)
	if err != nil {
		return nil, err
	}
	return resp.Dirs, nil
}

// failedDirs are the directories that have failed.
func failedDirs(dirs []kmsg.DescribeLogDirsResponseDir) (failed []string) {
	for _, d := range dirs {
		if d.ErrorCode != 0 {
			failed = append(failed, d.Dir)
		}
	}
	return failed
}

// replicaLag is how many committed records a broker's replica lacks.
func replicaLag(dirs []kmsg.DescribeLogDirsResponseDir, tp model.TopicPartition) (int64, bool) {
	for _, d := range dirs {
		for _, t := range d.Topics {
			for _, p := range t.Partitions {
				if t.Topic == tp.Topic && p.Partition == tp.Partition && !p.IsFuture {
					return p.OffsetLag, true
				}
			}
		}
	}
	return 0, false
}

// mostMembers bounds the members of a group that are named.
const mostMembers = 20

// groupState says how a group stands now; nothing when nobody knows it.
func (r *run) groupState(ctx context.Context, name string) ([]string, error) {
	l := r.o.Lang
	groups, err := r.admin.DescribeGroups(ctx, []string{name})
	if err != nil {
		return nil, err
	}
	g := groups[name]
	if g == nil {
		return nil, nil
	}
	lines := []string{say{"Group %s is %s, members: %d; its coordinator is broker %d.", "%s 그룹은 %s, 멤버 %d개; 코디네이터는 %d번 브로커다."}.in(l, name, g.State, len(g.Members), g.Node)}
	if !r.silent(g.Node) {
		return lines, nil
	}
	lines = append(lines, say{"The journal of its coordinator cannot be read: who joined or left, and why, is not known. The coordinator says who is there now:",
		"코디네이터의 저널을 읽을 수 없어, 누가 왜 들어오고 나갔는지는 알 수 없다. 지금 있는 멤버는 코디네이터가 알려 준다:"}.in(l))
	for i, m := range g.Members {
		if i == mostMembers {
			break
		}
		lines = append(lines, say{"  %s (client %s, %s), partitions: %d", "  %s (클라이언트 %s, %s): 파티션 %d개"}.in(l, m.Id, m.Client, strings.TrimPrefix(m.Host, "/"), len(m.Assigned)))
	}
	return lines, nil
}

// brokerState says whether a broker is registered, what it leads, where it is behind, and which of
// its log directories have failed.
func (r *run) brokerState(ctx context.Context, id int32) ([]string, error) {
	l := r.o.Lang
	m, err := r.admin.Metadata(ctx, "describeTopics", nil)
	if err != nil {
		return nil, err
	}
	led, out := 0, 0
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			if p.Leader == id {
				led++
			}
			if slices.Contains(p.Replicas, id) && !slices.Contains(p.ISR, id) {
				out++
			}
		}
	}
	if !slices.ContainsFunc(m.Brokers, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == id }) {
		return []string{say{"Broker %d is not registered: it is stopped, or its ZooKeeper session has ended. Partitions in which it is out of sync: %d.",
			"%d번 브로커가 등록되어 있지 않다: 멈췄거나 ZooKeeper 세션이 끝났다. 파티션 %d개의 ISR에서 빠져 있다."}.in(l, id, out)}, nil
	}
	lines := []string{say{"Broker %d is registered. Partitions that it leads: %d; in which it is out of sync: %d.", "%d번 브로커가 등록되어 있다. 파티션 %d개의 리더이고, %d개의 ISR에서 빠져 있다."}.in(l, id, led, out)}
	switch {
	case m.ControllerID == id && r.silent(id):
		lines = append(lines, r.takeover(ctx, id)...)
	case m.ControllerID == id:
		lines = append(lines, say{"It is the controller.", "이 브로커가 컨트롤러다."}.in(l))
	}
	if dirs, err := r.logDirs(ctx, id, nil); err == nil {
		for _, d := range failedDirs(dirs) {
			lines = append(lines, say{"Its log directory %s has failed.", "로그 디렉터리 %s: 고장 났다."}.in(l, d))
		}
	}
	if r.zk != nil {
		if b, ok, err := r.zk.Broker(ctx, id); err == nil && ok {
			lines = append(lines, say{"ZooKeeper: registered at %v, broker epoch %d.", "ZooKeeper: %v에 등록, 브로커 에포크 %d."}.in(l, b.Endpoints, b.Epoch))
		}
	}
	return lines, nil
}

// list is broker ids as Kafka's tools print them: separated by commas, without blanks.
func list(ids []int32) string {
	s := make([]string, len(ids))
	for i, id := range ids {
		s[i] = strconv.Itoa(int(id))
	}
	return strings.Join(s, ",")
}
