package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"momus/broker/http"
	"momus/broker/view"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// lookTimeout bounds how long an answer waits for coordinators and ZooKeeper.
const lookTimeout = 5 * time.Second

// Mount puts the page at / and what it asks for under /api.
func (s *Site) Mount(server *http.Server) {
	s.pages(server)
	server.Stream("/api/stream", s.stream)
	get := func(path string, answer func(ctx context.Context, r *nethttp.Request) (any, error)) {
		server.Read(path, nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
			defer cancel()
			v, err := answer(ctx, r)
			if err != nil {
				fail(w, err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(v)
		}))
	}
	get("/api/about", func(context.Context, *nethttp.Request) (any, error) {
		about := map[string]any{"version": s.opts.Version, "actions": []string{}, "records": s.opts.Outside == nil}
		if s.opts.Player != nil && server.MayChange() {
			about["actions"] = s.opts.Player.Actions()
		}
		return about, nil
	})
	get("/api/partition", s.partition)
	get("/api/records", s.records)
	get("/api/groups", s.groups)
	get("/api/transactions", s.transactions)
	get("/api/configs", s.configs)
	get("/api/znode", s.znode)
	get("/api/quotas", s.quotas)
	get("/api/health", s.health)
	if s.opts.Player != nil {
		server.Change("/api/play", nethttp.HandlerFunc(s.play))
	}
}

// problem is an error for the person who looks, with an HTTP status.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func fail(w nethttp.ResponseWriter, err error) {
	var p *problem
	switch {
	case errors.As(err, &p):
		nethttp.Error(w, p.text, p.status)
	case errors.Is(err, zk.ErrNoNode):
		nethttp.Error(w, "there is no such znode", nethttp.StatusNotFound)
	default:
		nethttp.Error(w, err.Error(), nethttp.StatusBadGateway)
	}
}

var errNobody = &problem{nethttp.StatusServiceUnavailable, "no broker of this process is running"}

// one is a broker that can be asked, the controller if it is here.
func (s *Site) one() (*Member, error) {
	members := s.members()
	if i := slices.IndexFunc(members, func(m *Member) bool { return m.View.IsController() }); i >= 0 {
		return members[i], nil
	}
	if len(members) == 0 {
		return nil, errNobody
	}
	return members[0], nil
}

func topicPartition(r *nethttp.Request) (tp model.TopicPartition, err error) {
	tp.Topic = r.URL.Query().Get("topic")
	n, err := strconv.ParseInt(r.URL.Query().Get("partition"), 10, 32)
	if err != nil || tp.Topic == "" {
		return tp, &problem{nethttp.StatusBadRequest, "topic and partition are needed"}
	}
	tp.Partition = int32(n)
	return tp, nil
}

// partition shows every replica that is in this process.
func (s *Site) partition(ctx context.Context, r *nethttp.Request) (any, error) {
	tp, err := topicPartition(r)
	if err != nil {
		return nil, err
	}
	replicas := []view.Replica{}
	if s.opts.Outside != nil {
		if replicas, err = s.opts.Outside.Replicas(ctx, tp); err != nil {
			return nil, err
		}
	}
	for _, m := range s.members() {
		if x, ok := m.View.Replica(tp); ok {
			replicas = append(replicas, x)
		}
	}
	return map[string]any{"topic": tp.Topic, "partition": tp.Partition, "replicas": replicas}, nil
}

// records shows batches and records; those of internal topics only if they are asked for.
func (s *Site) records(_ context.Context, r *nethttp.Request) (any, error) {
	tp, err := topicPartition(r)
	if err != nil {
		return nil, err
	}
	if model.IsInternalTopic(tp.Topic) && r.URL.Query().Get("internal") != "yes" {
		return nil, &problem{nethttp.StatusForbidden, "records of internal topics are shown only when they are asked for"}
	}
	offset, err := strconv.ParseInt(r.URL.Query().Get("offset"), 10, 64)
	if err != nil {
		return nil, &problem{nethttp.StatusBadRequest, "offset must be a number"}
	}
	err = &problem{nethttp.StatusNotFound, "no replica of this partition is in this process"}
	for _, m := range s.members() {
		x, ok := m.View.Replica(tp)
		if !ok {
			continue
		}
		var batches []view.Batch
		if batches, err = m.View.Batches(tp, max(x.Start, min(offset, x.End))); err == nil {
			return map[string]any{"batches": batches, "start": x.Start, "end": x.End, "broker": x.Broker}, nil
		}
	}
	return nil, err
}

// groups shows all groups with what their members lag behind.
func (s *Site) groups(ctx context.Context, _ *nethttp.Request) (any, error) {
	if s.opts.Outside != nil {
		return s.opts.Outside.Groups(ctx)
	}
	members := s.members()
	all := []view.Group{}
	for _, m := range members {
		all = append(all, m.View.Groups(ctx)...)
	}
	slices.SortFunc(all, func(a, b view.Group) int { return cmp.Compare(a.Name, b.Name) })
	for i := range all {
		for k := range all[i].Offsets {
			o := &all[i].Offsets[k]
			for _, m := range members {
				if x, ok := m.View.Replica(model.TopicPartition{Topic: o.Topic, Partition: o.Partition}); ok && x.Leading {
					o.End = x.Committed
				}
			}
		}
	}
	return all, nil
}

// transactions shows all transactional ids.
func (s *Site) transactions(ctx context.Context, _ *nethttp.Request) (any, error) {
	type row struct {
		ID          string   `json:"id"`
		ProducerID  int64    `json:"producerId"`
		Epoch       int16    `json:"epoch"`
		State       string   `json:"state"`
		TimeoutMs   int64    `json:"timeoutMs"`
		OpenMs      int64    `json:"openMs"` // of an open transaction
		Coordinator int32    `json:"coordinator"`
		Partitions  []string `json:"partitions"`
	}
	out := []row{}
	for _, m := range s.members() {
		for _, t := range m.View.Transactions(ctx) {
			x := row{ID: t.TransactionalID, ProducerID: t.ProducerID, Epoch: t.Epoch, State: t.State.String(), TimeoutMs: t.Timeout.Milliseconds(),
				Coordinator: m.View.BrokerID(), Partitions: []string{}}
			if !t.Started.IsZero() && x.State == "Ongoing" {
				x.OpenMs = m.View.Now().Sub(t.Started).Milliseconds()
			}
			for _, tp := range t.Partitions {
				x.Partitions = append(x.Partitions, tp.String())
			}
			out = append(out, x)
		}
	}
	return out, nil
}

// quotas shows who uses how much of which quota.
func (s *Site) quotas(context.Context, *nethttp.Request) (any, error) {
	type row struct {
		Broker     int32   `json:"broker"`
		Resource   string  `json:"resource"`
		User       string  `json:"user"`
		Client     string  `json:"client"`
		PerSecond  float64 `json:"perSecond"`
		ThrottleMs float64 `json:"throttleMs"`
	}
	out := []row{}
	for _, m := range s.members() {
		uses, _ := m.View.QuotaUse()
		for _, u := range uses {
			for _, c := range u.Clients {
				x := row{m.View.BrokerID(), u.Resource, c.User, c.Client, c.PerSecond, c.ThrottleMs}
				if x.ThrottleMs != x.ThrottleMs { // NaN: never throttled
					x.ThrottleMs = 0
				}
				out = append(out, x)
			}
		}
	}
	return out, nil
}

// maxPlay bounds the body of a change.
const maxPlay = 4096

// play carries out what the page asks for.
func (s *Site) play(w nethttp.ResponseWriter, r *nethttp.Request) {
	var order struct {
		Action string `json:"action"`
		Broker int32  `json:"broker"`
	}
	dec := json.NewDecoder(io.LimitReader(r.Body, maxPlay))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&order); err != nil {
		nethttp.Error(w, "an order is {\"action\": …, \"broker\": …}", nethttp.StatusBadRequest)
		return
	}
	if !slices.Contains(s.opts.Player.Actions(), order.Action) {
		nethttp.Error(w, "there is no such action", nethttp.StatusBadRequest)
		return
	}
	if err := s.opts.Player.Do(r.Context(), order.Action, order.Broker); err != nil {
		nethttp.Error(w, err.Error(), nethttp.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, "{}\n")
}

func cleanPath(path string) (string, error) {
	if path == "" {
		path = "/"
	}
	if !strings.HasPrefix(path, "/") || len(path) > 1024 || strings.Contains(path, "//") || strings.ContainsRune(path, 0) || path != "/" && strings.HasSuffix(path, "/") ||
		slices.ContainsFunc(strings.Split(path, "/"), func(p string) bool { return p == "." || p == ".." }) {
		return "", &problem{nethttp.StatusBadRequest, "path must be that of a znode, such as /brokers/ids"}
	}
	return path, nil
}
