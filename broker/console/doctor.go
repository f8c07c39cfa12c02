package console

import (
	"context"
	"net"
	nethttp "net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"momus/broker/replica"
	"momus/configs"
	"momus/internal/doctor"
	"momus/internal/model"
)

// examineEvery bounds how often the rules of momus doctor look, however many pages ask.
const examineEvery = 5 * time.Second

// examination is what the doctor's rules looked at last, and what they said about it, in the
// languages that were asked for. mu is held while the rules look: pages that ask at the same time
// wait for one report instead of making their own.
type examination struct {
	mu       sync.Mutex
	at       time.Time
	snapshot *doctor.Snapshot
	reports  map[doctor.Lang]*doctor.Report
}

// examine shows what the rules of momus doctor say about what the members know. What they cannot
// know from inside (certificates, clocks, second looks) is left out: momus doctor asks for it.
func (s *Site) examine(_ context.Context, r *nethttp.Request) (any, error) {
	lang := doctor.English
	if r.URL.Query().Get("lang") == string(doctor.Korean) {
		lang = doctor.Korean
	}
	s.examined.mu.Lock()
	defer s.examined.mu.Unlock()
	if s.examined.snapshot == nil || time.Since(s.examined.at) >= examineEvery {
		// Not the asker's context: the report is for the others too, when the one who asked first
		// has gone.
		ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
		defer cancel()
		s.examined.snapshot, s.examined.reports, s.examined.at = s.snapshot(ctx), map[doctor.Lang]*doctor.Report{}, time.Now()
	}
	report := s.examined.reports[lang]
	if report == nil {
		s.examined.snapshot.Lang = lang
		report = doctor.Examine(s.examined.snapshot)
		s.examined.reports[lang] = report
	}
	return report.Findings, nil
}

// snapshot is the cluster as the doctor's rules want to see it.
func (s *Site) snapshot(ctx context.Context) *doctor.Snapshot {
	c := s.Cluster(ctx)
	// Missing tells the rules what was not looked at: they then say nothing of it, instead of
	// taking nothing for all being well.
	x := &doctor.Snapshot{Time: time.Now(), ClusterID: c.ID, Controller: c.Controller, Missing: map[doctor.Part]string{}}
	for _, part := range []doctor.Part{doctor.Reach, doctor.ZooKeeperNodes, doctor.Timestamps, doctor.Groups, doctor.CommitLog, doctor.Records, doctor.ACLs, doctor.Quotas,
		doctor.Metrics, doctor.SecondSample, doctor.ReassignedParts, doctor.Endpoints} {
		x.Missing[part] = "the page does not look for it; momus doctor does"
	}
	members := map[int32]*Member{}
	for _, m := range s.Members() {
		members[m.View.BrokerID()] = m
	}
	if len(members) < len(c.Brokers) { // of some brokers nothing is known from inside
		for _, part := range []doctor.Part{doctor.BrokerConfigs, doctor.LogDirs, doctor.Offsets, doctor.Transactions} {
			x.Missing[part] = "some brokers are not in this process"
		}
	}
	if len(members) == 0 {
		x.Missing[doctor.TopicConfigs] = "no broker is in this process"
	}
	for i := range c.Brokers {
		b := &c.Brokers[i]
		d := &doctor.Broker{ID: b.ID, InMetadata: b.Alive, Rack: b.Rack}
		if host, port, err := net.SplitHostPort(b.Address); err == nil {
			n, _ := strconv.ParseInt(port, 10, 32)
			d.Host, d.Port = host, int32(n)
		}
		// It goes into the commands that the findings recommend.
		if b.Alive && x.Asked.Servers == "" {
			x.Asked.Servers = b.Address
		}
		if m := members[b.ID]; m != nil {
			d.Answers, d.Momus, d.Config, d.Dirs = true, true, settings(m.Config.DescribeBroker(nil)), dirs(m)
		}
		x.Brokers = append(x.Brokers, d)
	}
	for _, t := range c.Topics {
		d := &doctor.Topic{Name: t.Name, Internal: t.Internal}
		for _, p := range t.Partitions {
			// -1 is "not known" for offsets.
			y := &doctor.Partition{ID: p.ID, Leader: p.Leader, Replicas: p.Replicas, ISR: p.ISR, Start: -1, End: -1, Stable: -1, LaterEnd: -1, LaterStable: -1}
			if m := members[p.Leader]; m != nil {
				if r, ok := m.View.Replica(model.TopicPartition{Topic: t.Name, Partition: p.ID}); ok && r.Leading {
					y.Start, y.End, y.Stable = r.Start, r.Committed, r.Stable
				}
			}
			d.Partitions = append(d.Partitions, y)
		}
		if m, err := s.one(); err == nil {
			d.Config = settings(m.Config.DescribeTopic(m.Overrides(t.Name), nil))
		}
		x.Topics = append(x.Topics, d)
	}
	for _, m := range members {
		for _, t := range m.View.Transactions(ctx) {
			if state := t.State.String(); state == "Ongoing" || state == "PrepareCommit" || state == "PrepareAbort" {
				x.Transactions = append(x.Transactions, doctor.Transaction{ID: t.TransactionalID, State: state, Producer: t.ProducerID, Started: t.Started, Timeout: t.Timeout, Partitions: t.Partitions})
			}
		}
	}
	return x
}

// settings are described configs as the doctor's rules want them, without secrets.
func settings(entries []configs.Entry) doctor.Config {
	c := doctor.Config{}
	for _, e := range entries {
		set := doctor.Setting{Default: e.Source == configs.SourceDefault, Dynamic: e.Source == configs.SourceDynamicBroker || e.Source == configs.SourceDynamicDefault}
		// The report goes to whoever may look at the page.
		if e.Value != nil && !e.Sensitive {
			set.Value = *e.Value
		}
		c[e.Name] = set
	}
	return c
}

// dirs are a broker's log directories with what lies in them.
func dirs(m *Member) []doctor.Dir {
	out := []doctor.Dir{}
	// Both sides are cleaned: log.dirs may be written with slashes at the end.
	byPath := map[string]int{}
	for _, d := range m.View.Dirs() {
		byPath[filepath.Clean(d.Path)] = len(out)
		out = append(out, doctor.Dir{Path: d.Path, Failed: d.Err != nil, Replicas: map[model.TopicPartition]doctor.Replica{}, Total: -1, Usable: -1})
	}
	m.View.EachPartition(func(p *replica.Partition) {
		l := p.Log()
		if l == nil {
			return
		}
		if i, ok := byPath[filepath.Dir(filepath.Clean(l.Dir()))]; ok {
			out[i].Replicas[p.TopicPartition()] = doctor.Replica{Size: l.Size(), LaterLag: -1}
		}
	})
	return out
}
