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
	"momus/internal/model"
)

// lookTimeout bounds how long an answer waits for coordinators and ZooKeeper.
const lookTimeout = 5 * time.Second

// Mount puts the page at / and what it asks for under /api.
func (s *Site) Mount(server *http.Server) {
	// What changes nothing is mounted with Read, which asks http.Access for the right to look;
	// Change asks for the right to change besides, and is mounted only if there is a Player.
	s.pages(server)
	server.Stream("/api/stream", s.stream)
	get := func(path string, answer func(ctx context.Context, r *nethttp.Request) (any, error)) {
		server.Read(path, nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
			// A browser that goes away ends its question, too.
			ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
			defer cancel()
			v, err := answer(ctx, r)
			if err != nil {
				fail(w, err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			// An error here is a reader that has gone: there is nobody to tell.
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
	get("/api/sessions", s.sessions)
	get("/api/quotas", s.quotas)
	get("/api/rights", s.rights)
	get("/api/health", s.health)
	get("/api/doctor", s.examine)
	if s.opts.Player != nil {
		server.Change("/api/play", nethttp.HandlerFunc(s.play))
	}
}

// problem is an error for the person who looks, with an HTTP status.
// The text is shown as it is: it must not hold what the reader may not know.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

// fail answers with the status of a problem; what went wrong behind this port is a bad gateway.
func fail(w nethttp.ResponseWriter, err error) {
	var p *problem
	switch {
	case errors.As(err, &p):
		nethttp.Error(w, p.text, p.status)
	default:
		nethttp.Error(w, err.Error(), nethttp.StatusBadGateway)
	}
}

var errNobody = &problem{nethttp.StatusServiceUnavailable, "no broker of this process is running"}

// one is a broker that can be asked, the controller if it is here.
func (s *Site) one() (*Member, error) {
	members := s.Members()
	if len(members) == 0 {
		return nil, errNobody
	}
	// The controller's metadata are the newest; brokers that are not controller have epoch 0.
	return slices.MaxFunc(members, func(a, b *Member) int { return cmp.Compare(a.View.ControllerEpoch(), b.View.ControllerEpoch()) }), nil
}

// topicPartition reads the two parameters that name a partition.
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
	for _, m := range s.Members() {
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
	type source struct {
		member  *Member
		replica view.Replica
	}
	var sources []source
	for _, m := range s.Members() {
		if x, ok := m.View.Replica(tp); ok {
			sources = append(sources, source{m, x})
		}
	}
	if len(sources) == 0 {
		return nil, &problem{nethttp.StatusNotFound, "no replica of this partition is in this process"}
	}
	slices.SortStableFunc(sources, func(a, b source) int { return better(&a.replica, &b.replica) })
	err = nil
	for _, from := range sources {
		x := &from.replica
		// Another replica may still have the records.
		if x.Dir == "" { // it is being created, or its disk has failed
			continue
		}
		var batches []view.Batch
		// An offset outside of the log is brought to its nearest end: a reader pages by numbers
		// that may have been deleted.
		if batches, err = from.member.View.Batches(tp, max(x.Start, min(offset, x.End))); err == nil {
			return map[string]any{"batches": batches, "start": x.Start, "end": x.End, "broker": x.Broker}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"batches": []view.Batch{}}, nil
}

// better orders replicas by how much their records are to be believed: a leader before followers, of
// several that believe to lead the one with the largest epoch, of followers the longest.
func better(a, b *view.Replica) int {
	switch {
	case a.Leading != b.Leading && a.Leading:
		return -1
	case a.Leading != b.Leading:
		return 1
	case a.Leading:
		return cmp.Compare(b.Epoch, a.Epoch)
	}
	return cmp.Compare(b.End, a.End)
}

// groups shows all groups with what their members lag behind.
func (s *Site) groups(ctx context.Context, _ *nethttp.Request) (any, error) {
	if s.opts.Outside != nil {
		return s.opts.Outside.Groups(ctx)
	}
	members := s.Members()
	all := []view.Group{}
	coordinators := s.coordinators(model.OffsetsTopic)
	for _, m := range members {
		for _, g := range m.View.Groups(ctx) {
			if coordinators.is(m, g.Name) {
				all = append(all, g)
			}
		}
	}
	slices.SortFunc(all, func(a, b view.Group) int { return cmp.Compare(a.Name, b.Name) })
	for i := range all {
		for k := range all[i].Offsets {
			o := &all[i].Offsets[k]
			for _, m := range members {
				if x, ok := m.View.Replica(model.TopicPartition{Topic: o.Topic, Partition: o.Partition}); ok && x.Leading {
					// Consumers read up to the high watermark, not to the leader's end. A leader in
					// another process leaves it at -1.
					o.End = x.Committed
				}
			}
		}
	}
	return all, nil
}

// coordinators tells the coordinator of a group or transactional id from a broker that has not heard
// yet that it is so no more: the one with the larger epoch of the partition is.
// leader has no entry for a partition whose leader is not in this process, and partitions is 0
// while the topic is not there: then nobody is told to be wrong.
type coordinators struct {
	partitions int32
	leader     map[int32]int32 // by partition
}

func (s *Site) coordinators(topic string) coordinators {
	c, epochs := coordinators{leader: map[int32]int32{}}, map[int32]int32{}
	for _, m := range s.Members() {
		known := m.View.Metadata().Topic(topic)
		c.partitions = max(c.partitions, int32(len(known)))
		for _, p := range known {
			x, ok := m.View.Replica(model.TopicPartition{Topic: topic, Partition: p.ID})
			// During a failover two brokers believe for a while to lead the same partition.
			if epoch, seen := epochs[p.ID]; ok && x.Leading && (!seen || x.Epoch > epoch) {
				epochs[p.ID], c.leader[p.ID] = x.Epoch, m.View.BrokerID()
			}
		}
	}
	return c
}

func (c *coordinators) is(m *Member, name string) bool {
	if c.partitions == 0 {
		return true
	}
	leader, ok := c.leader[model.PartitionForKey(name, c.partitions)]
	return !ok || leader == m.View.BrokerID()
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
	coordinators := s.coordinators(model.TransactionTopic)
	for _, m := range s.Members() {
		for _, t := range m.View.Transactions(ctx) {
			if !coordinators.is(m, t.TransactionalID) {
				continue
			}
			x := row{ID: t.TransactionalID, ProducerID: t.ProducerID, Epoch: t.Epoch, State: t.State.String(), TimeoutMs: t.Timeout.Milliseconds(),
				Coordinator: m.View.BrokerID(), Partitions: []string{}}
			// A transaction that is being completed keeps its start, but nobody waits for its
			// producer.
			if !t.Started.IsZero() && x.State == "Ongoing" {
				x.OpenMs = m.View.Now().Sub(t.Started).Milliseconds()
			}
			for _, tp := range t.Partitions {
				x.Partitions = append(x.Partitions, tp.String())
			}
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b row) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// maxPlay bounds the body of a change.
const maxPlay = 32 << 10

// play carries out what the page asks for.
func (s *Site) play(w nethttp.ResponseWriter, r *nethttp.Request) {
	var order Order
	// Fields that are not known are refused, so that a misspelt one does not play with the default.
	dec := json.NewDecoder(io.LimitReader(r.Body, maxPlay))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&order); err != nil {
		nethttp.Error(w, "an order is an object with an action, of at most 32 KiB", nethttp.StatusBadRequest)
		return
	}
	if !slices.Contains(s.opts.Player.Actions(), order.Action) {
		nethttp.Error(w, "there is no such action", nethttp.StatusBadRequest)
		return
	}
	// Conflict: the order was understood, and the cluster is not in a state for it. The text is
	// Player's, for people.
	answer, err := s.opts.Player.Do(r.Context(), &order)
	if err != nil {
		nethttp.Error(w, err.Error(), nethttp.StatusConflict)
		return
	}
	if answer == nil {
		answer = struct{}{}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// cleanPath refuses what is no path of ZooKeeper, before it is asked.
// ZooKeeper's own rules (PathUtils.validatePath), as far as a path of the page can break them.
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
