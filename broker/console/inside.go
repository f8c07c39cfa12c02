package console

import (
	"context"
	"fmt"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"

	"momus/configs"
	"momus/coordinator/zk"
)

// znode shows a node of ZooKeeper with the names of its children. Credentials are not shown.
func (s *Site) znode(ctx context.Context, r *nethttp.Request) (any, error) {
	path, err := cleanPath(r.URL.Query().Get("path"))
	if err != nil {
		return nil, err
	}
	n, session, err := s.node(ctx, path)
	if err != nil {
		return nil, err
	}
	const most = 2000
	children := n.Children[:min(len(n.Children), most)]
	value, hidden := string(n.Data[:min(len(n.Data), 64<<10)]), false
	if secret(path) && len(value) > 0 {
		value, hidden = "", true
	}
	st := &n.Stat
	return map[string]any{
		"path": path, "value": value, "hidden": hidden, "children": append([]string{}, children...), "more": len(n.Children) - len(children),
		"stat": map[string]any{
			"czxid": fmt.Sprintf("0x%x", st.Czxid), "mzxid": fmt.Sprintf("0x%x", st.Mzxid), "pzxid": fmt.Sprintf("0x%x", st.Pzxid), "ctime": st.Ctime, "mtime": st.Mtime, "version": st.Version, "cversion": st.Cversion,
			"aversion": st.Aversion, "owner": owner(st.EphemeralOwner), "length": st.DataLength, "children": st.NumChildren,
		},
		"session": fmt.Sprintf("0x%x", session),
	}, nil
}

// node reads a node with one of the sessions that there are.
func (s *Site) node(ctx context.Context, path string) (n *zk.Node, session int64, err error) {
	if s.opts.Outside != nil {
		return s.opts.Outside.Znode(ctx, path)
	}
	m, err := s.one()
	if err != nil {
		return nil, 0, err
	}
	n, err = m.ZooKeeper.Inspect(ctx, path)
	return n, m.ZooKeeper.SessionID(), err
}

func owner(session int64) string {
	if session == 0 {
		return ""
	}
	return fmt.Sprintf("0x%x", session)
}

// secret reports whether a node's value may hold credentials or passwords.
func secret(path string) bool {
	for _, p := range []string{"/config/users", "/config/brokers", "/delegation_token"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// configs shows the configuration of a broker or topic: values, where they come from, what they
// mean. Secrets are not shown.
func (s *Site) configs(ctx context.Context, r *nethttp.Request) (any, error) {
	type row struct {
		Name      string  `json:"name"`
		Value     *string `json:"value"`
		Source    string  `json:"source"`
		Default   string  `json:"default"`
		Type      string  `json:"type"`
		Change    string  `json:"change"` // what a change needs
		Doc       string  `json:"doc"`
		Sensitive bool    `json:"sensitive,omitempty"`
	}
	q := r.URL.Query()
	rows := []row{}
	add := func(entries []configs.Entry, find func(string) (*configs.Key, bool)) {
		for _, e := range entries {
			x := row{Name: e.Name, Value: e.Value, Source: sourceName(e.Source), Sensitive: e.Sensitive, Change: "restart"}
			if k, ok := find(e.Name); ok {
				x.Default, x.Type, x.Doc = k.Default, k.Type.String(), k.Doc
				if !e.ReadOnly {
					x.Change = "dynamic"
				}
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
			entries, err := s.opts.Outside.Configs(ctx, topic, -1)
			add(entries, configs.TopicKey)
			return rows, err
		}
		m, err := s.one()
		if err != nil {
			return nil, err
		}
		add(m.Config.DescribeTopic(m.Overrides(topic), nil), configs.TopicKey)
		return rows, nil
	}
	id, err := strconv.ParseInt(q.Get("broker"), 10, 32)
	if err != nil {
		return nil, &problem{nethttp.StatusBadRequest, "topic or broker is needed"}
	}
	if s.opts.Outside != nil {
		entries, err := s.opts.Outside.Configs(ctx, "", int32(id))
		add(entries, configs.BrokerKey)
		return rows, err
	}
	for _, m := range s.members() {
		if m.View.BrokerID() == int32(id) {
			add(m.Config.DescribeBroker(nil), configs.BrokerKey)
			return rows, nil
		}
	}
	return nil, &problem{nethttp.StatusNotFound, "this broker is not in this process"}
}

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
		if len(out) < 500 {
			out = append(out, Finding{severity, subject, what, detail})
		}
	}
	c := s.cluster(ctx)
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
	for _, m := range s.members() {
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
