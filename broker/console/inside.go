package console

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"

	"momus/configs"
	"momus/coordinator/zk"
	"momus/internal/journal"
)

// znode shows a node of ZooKeeper with the names of its children. Credentials are not shown.
func (s *Site) znode(ctx context.Context, r *nethttp.Request) (any, error) {
	path, err := cleanPath(r.URL.Query().Get("path"))
	if err != nil {
		return nil, err
	}
	n, zxids, session, err := s.node(ctx, path, r.URL.Query().Has("changes"))
	// A page looks again and again: a node that has gone is news, not an error.
	if errors.Is(err, zk.ErrNoNode) {
		return map[string]any{"path": path, "missing": true}, nil
	}
	if err != nil {
		return nil, err
	}
	// Of a node with very many children a page could show nothing sensible, and the answer would be
	// megabytes.
	const most = 2000
	children := n.Children[:min(len(n.Children), most)]
	changes := []string{}
	for _, z := range zxids {
		changes = append(changes, fmt.Sprintf("0x%x", z))
	}
	value, hidden := string(n.Data[:min(len(n.Data), 64<<10)]), false
	// The length is still told, by stat.
	if secret(path) && len(value) > 0 {
		value, hidden = "", true
	}
	st := &n.Stat
	type watch struct {
		Session string `json:"session"`
		Broker  *int32 `json:"broker"` // whose session it is, if that is known
		What    string `json:"what"`   // data or children
	}
	var watches []watch
	if s.opts.Watchers != nil {
		watches = []watch{}
		data, list := s.opts.Watchers(path)
		for _, w := range []struct {
			what string
			// ids are those of sessions, which the embedded server tells; an ensemble does not.
			ids []int64
		}{{"data", data}, {"children", list}} {
			for _, id := range w.ids {
				watches = append(watches, watch{owner(id), s.brokerOf(id), w.what})
			}
		}
	}
	return map[string]any{
		"watches": watches, "ownerBroker": s.brokerOf(st.EphemeralOwner),
		"path": path, "value": value, "hidden": hidden, "children": append([]string{}, children...), "changes": changes, "more": len(n.Children) - len(children),
		"stat": map[string]any{
			"czxid": fmt.Sprintf("0x%x", st.Czxid), "mzxid": fmt.Sprintf("0x%x", st.Mzxid), "pzxid": fmt.Sprintf("0x%x", st.Pzxid), "ctime": st.Ctime, "mtime": st.Mtime, "version": st.Version, "cversion": st.Cversion,
			"aversion": st.Aversion, "owner": owner(st.EphemeralOwner), "length": st.DataLength, "children": st.NumChildren,
		},
		"session": fmt.Sprintf("0x%x", session),
	}, nil
}

// brokerOf is the broker whose session it is; nil if it is none of this process.
func (s *Site) brokerOf(session int64) *int32 {
	for _, m := range s.Members() {
		// 0 is the owner of nodes that are not ephemeral.
		if session != 0 && m.ZooKeeper.SessionID() == session {
			id := m.View.BrokerID()
			return &id
		}
	}
	return nil
}

// sessions shows the brokers' sessions with ZooKeeper.
func (s *Site) sessions(context.Context, *nethttp.Request) (any, error) {
	type session struct {
		Broker    int32  `json:"broker"`
		ID        string `json:"id"`
		State     string `json:"state"`
		TimeoutMs int64  `json:"timeoutMs"`
	}
	out := []session{}
	for _, m := range s.Members() {
		z := m.ZooKeeper
		out = append(out, session{m.View.BrokerID(), owner(z.SessionID()), z.SessionState(), z.SessionTimeout().Milliseconds()})
	}
	return out, nil
}

// node reads a node with one of the sessions that there are, and if that is wanted when its children
// were changed: many requests, which only an open branch of the tree needs.
func (s *Site) node(ctx context.Context, path string, changes bool) (n *zk.Node, zxids []int64, session int64, err error) {
	if s.opts.Outside != nil {
		return s.opts.Outside.Znode(ctx, path, changes)
	}
	m, err := s.one()
	if err != nil {
		return nil, nil, 0, err
	}
	n, err = m.ZooKeeper.Inspect(ctx, path)
	if err == nil && changes {
		zxids, err = m.ZooKeeper.Changes(ctx, n)
	}
	return n, zxids, m.ZooKeeper.SessionID(), err
}

// owner is a session id as ZooKeeper's own tools write it; "" for none.
func owner(session int64) string {
	if session == 0 {
		return ""
	}
	return fmt.Sprintf("0x%x", session)
}

// secret reports whether a node's value may hold credentials or passwords. That of another cluster
// may, too: momus console may be looking from above several chroots.
func secret(path string) bool {
	// SCRAM credentials lie in the first, encoded passwords of brokers in the second, delegation
	// tokens in the third.
	for _, p := range []string{"/config/users/", "/config/brokers/", "/delegation_token/"} {
		if strings.Contains(path+"/", p) {
			return true
		}
	}
	return false
}

// configs shows the configuration of a broker or topic: values, where they come from, and what they
// mean, in the language of the reader. Secrets are not shown.
func (s *Site) configs(ctx context.Context, r *nethttp.Request) (any, error) {
	type row struct {
		Name      string  `json:"name"`
		Value     *string `json:"value"`
		Source    string  `json:"source"`
		Default   string  `json:"default"`
		Type      string  `json:"type"`
		Change    string  `json:"change"` // what a change needs: restart, broker, cluster or topic
		Doc       string  `json:"doc"`
		Sensitive bool    `json:"sensitive,omitempty"`
	}
	q, lang := r.URL.Query(), language(r)
	rows := []row{}
	add := func(entries []configs.Entry, find func(string) (*configs.Key, bool), change func(*configs.Key) string) {
		for _, e := range entries {
			x := row{Name: e.Name, Value: e.Value, Source: sourceName(e.Source), Sensitive: e.Sensitive, Change: "restart"}
			if k, ok := find(e.Name); ok {
				x.Default, x.Type, x.Doc = k.Default, k.Type.String(), k.Doc
				if lang == journal.Korean {
					x.Doc = k.KoreanDoc()
				}
				if !e.ReadOnly {
					x.Change = change(k)
				}
				// A default password would be no secret, but looks like the value.
				if k.Sensitive() {
					x.Default = ""
				}
			}
			rows = append(rows, x)
		}
		slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Name, b.Name) })
	}
	if topic := q.Get("topic"); topic != "" {
		if s.opts.Outside != nil {
			// With an error rows stays empty, and the error is the answer.
			entries, err := s.opts.Outside.Configs(ctx, topic, -1)
			add(entries, configs.TopicKey, ofTopic)
			return rows, err
		}
		m, err := s.one()
		if err != nil {
			return nil, err
		}
		add(m.Config.DescribeTopic(m.Overrides(topic), nil), configs.TopicKey, ofTopic)
		return rows, nil
	}
	id, err := strconv.ParseInt(q.Get("broker"), 10, 32)
	if err != nil {
		return nil, &problem{nethttp.StatusBadRequest, "topic or broker is needed"}
	}
	if s.opts.Outside != nil {
		entries, err := s.opts.Outside.Configs(ctx, "", int32(id))
		add(entries, configs.BrokerKey, ofBroker)
		return rows, err
	}
	for _, m := range s.Members() {
		if m.View.BrokerID() == int32(id) {
			add(m.Config.DescribeBroker(nil), configs.BrokerKey, ofBroker)
			return rows, nil
		}
	}
	return nil, &problem{nethttp.StatusNotFound, "this broker is not in this process"}
}

// ofBroker says how a broker's key is changed: for one broker or for all while it runs, or with a
// restart.
func ofBroker(k *configs.Key) string {
	switch k.Update {
	case configs.PerBroker:
		return "broker"
	case configs.ClusterWide:
		return "cluster"
	}
	return "restart"
}

// ofTopic says it of a topic's key, whose mode is that of the broker key it has its default from:
// a topic's own value can always be changed.
func ofTopic(*configs.Key) string { return "topic" }

// sourceName says where a value was set, in words of the page.
func sourceName(s configs.Source) string {
	switch s {
	case configs.SourceDefault:
		return "default"
	case configs.SourceStatic:
		return "file"
	case configs.SourceDynamicDefault:
		return "all brokers"
	case configs.SourceDynamicBroker:
		return "this broker"
	}
	return "topic"
}

// Finding is something that is not as it should be.
type Finding struct {
	Severity string `json:"severity"` // error or warning
	Subject  string `json:"subject"`
	What     string `json:"what"` // key of the page's texts
	Detail   string `json:"detail,omitempty"`
}

// health finds what is not as it should be, from what the page shows anyway.
func (s *Site) health(ctx context.Context, _ *nethttp.Request) (any, error) {
	out := []Finding{}
	add := func(severity, subject, what, detail string) {
		// A cluster of thousands of partitions without leader is shown by its first ones: what
		// matters stands above.
		if len(out) < 500 {
			out = append(out, Finding{severity, subject, what, detail})
		}
	}
	c := s.Cluster(ctx)
	if c.Controller < 0 {
		add("error", "cluster", "noController", "")
	}
	alive := map[int32]bool{}
	for _, b := range c.Brokers {
		alive[b.ID] = b.Alive
		if !b.Alive {
			add("error", fmt.Sprintf("broker %d", b.ID), "brokerGone", "")
		}
		if b.OfflineDir {
			add("error", fmt.Sprintf("broker %d", b.ID), "dirFailed", "")
		}
	}
	for _, t := range c.Topics {
		for _, p := range t.Partitions {
			name := fmt.Sprintf("%s-%d", t.Name, p.ID)
			switch {
			case p.Leader < 0:
				add("error", name, "noLeader", "")
			// One finding a partition, the worst: without a leader it is under-replicated as well.
			case len(p.ISR) < len(p.Replicas):
				add("warning", name, "underReplicated", fmt.Sprintf("%v / %v", p.ISR, p.Replicas))
			case len(p.Replicas) > 0 && p.Leader != p.Replicas[0]:
				add("warning", name, "notPreferred", fmt.Sprintf("%d ≠ %d", p.Leader, p.Replicas[0]))
			}
			if len(p.Replicas) == 1 && len(c.Brokers) > 1 && !t.Internal {
				add("warning", name, "oneReplica", "")
			}
		}
	}
	for _, m := range s.Members() {
		for _, t := range m.View.Transactions(ctx) {
			if t.State.String() == "Ongoing" && m.View.Now().Sub(t.Started) > t.Timeout/2 && !t.Started.IsZero() {
				add("warning", t.TransactionalID, "longTransaction", m.View.Now().Sub(t.Started).Round(1e9).String())
			}
		}
		if !m.ZooKeeper.Connected() {
			add("error", fmt.Sprintf("broker %d", m.View.BrokerID()), "noZooKeeper", "")
		}
	}
	return out, nil
}
