package broker

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/interbroker"
	"momus/broker/metadata"
	"momus/coordinator/txn"
	"momus/internal/kerr"
	"momus/internal/model"
)

// newTransactions makes the transaction coordinator with its connections to the leaders of
// partitions.
func (b *Broker) newTransactions(p *parts) *txn.Coordinator {
	sender := &markerSender{b: b, clients: map[int32]*interbroker.Client{}}
	p.onStop(sender.close)
	c := txn.New(txn.Options{
		Settings: func() txn.Settings { return txn.SettingsOf(b.config.Broker()) }, Log: coordinatorLog{b.replicas}, ProducerIDs: b.producers,
		Cluster: markerCluster{b.metadata, b.config.Listeners().InterBroker}, Sender: sender,
		Logger: b.logFor("kafka.coordinator.transaction.TransactionCoordinator"), Now: b.opts.Now,
		Journal: b.journal, OnLoaded: b.onLoaded(model.TransactionTopic),
	})
	// The logs ask the coordinator, under their own lock, before a batch opens a transaction: see
	// docs/differences.md.
	b.logs.AdmitTransactions(c.Admit)
	return c
}

// markerCluster finds the leaders of partitions in the metadata cache.
type markerCluster struct {
	cache    *metadata.Cache
	listener string // of inter-broker requests
}

// Leader implements txn.Cluster. A cache that no controller has filled yet knows nothing of deleted
// partitions either.
func (c markerCluster) Leader(tp model.TopicPartition) (broker int32, alive, exists bool) {
	s := c.cache.Snapshot()
	p, ok := s.Partition(tp)
	if !ok {
		return model.NoLeader, false, s.ControllerID == metadata.NoController
	}
	_, alive = s.Endpoint(p.Leader, c.listener)
	return p.Leader, alive, true
}

// Changed implements txn.Cluster.
func (c markerCluster) Changed() <-chan struct{} { return c.cache.Changed() }

// markerSender sends WriteTxnMarkers, one connection per broker; this broker is reached over the
// network too.
type markerSender struct {
	b *Broker

	mu      sync.Mutex
	closed  bool
	clients map[int32]*interbroker.Client
}

func (s *markerSender) client(broker int32) (*interbroker.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, interbroker.ErrClosed
	}
	c := s.clients[broker]
	if c == nil {
		config := s.b.config.Broker()
		listener := s.b.config.Listeners().InterBroker
		c = interbroker.NewClient(interbroker.ClientOptions{
			ClientID: fmt.Sprintf("broker-%d-txn-marker-sender", s.b.id), Dialer: s.b.security.Dialer(),
			Endpoint: func() (model.Endpoint, bool) { return s.b.metadata.Snapshot().Endpoint(broker, listener) },
			// The answer's buffer is used again; markerOutcome copies the codes out of it before
			// the next request.
			ConnectTimeout: ms(config.RequestTimeoutMs), RequestTimeout: ms(config.RequestTimeoutMs), ReuseBuffer: true,
		})
		s.clients[broker] = c
	}
	return c, nil
}

// close makes requests that are under way fail, so that the coordinator's loops, which wait for
// them, can end.
func (s *markerSender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.clients {
		c.Close()
	}
}

// SendMarkers implements txn.Sender.
func (s *markerSender) SendMarkers(ctx context.Context, broker int32, markers []txn.Marker) ([][]*kerr.Error, error) {
	client, err := s.client(broker)
	if err != nil {
		return nil, err
	}
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	req.Version = s.b.versions.WriteTxnMarkers
	req.Markers = make([]kmsg.WriteTxnMarkersRequestMarker, len(markers))
	for i := range markers {
		req.Markers[i] = encodeMarker(&markers[i])
	}
	answer, err := client.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.WriteTxnMarkersResponse)
	if !ok {
		return nil, fmt.Errorf("broker %d answered WriteTxnMarkers with %T", broker, answer)
	}
	return markerOutcome(markers, resp), nil
}

// encodeMarker makes a marker of the wire; the partitions of a topic follow each other.
func encodeMarker(m *txn.Marker) kmsg.WriteTxnMarkersRequestMarker {
	out := kmsg.NewWriteTxnMarkersRequestMarker()
	out.ProducerID, out.ProducerEpoch, out.CoordinatorEpoch, out.Committed = m.ProducerID, m.Epoch, m.CoordinatorEpoch, m.Commit
	for _, tp := range m.Partitions {
		if n := len(out.Topics); n > 0 && out.Topics[n-1].Topic == tp.Topic {
			out.Topics[n-1].Partitions = append(out.Topics[n-1].Partitions, tp.Partition)
			continue
		}
		t := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
		t.Topic, t.Partitions = tp.Topic, []int32{tp.Partition}
		out.Topics = append(out.Topics, t)
	}
	return out
}

// markerOutcome brings an answer, which is by producer id and in any order, into the order of the
// markers. What is not in it was not written: UNKNOWN_TOPIC_OR_PARTITION, which is tried again.
func markerOutcome(markers []txn.Marker, resp *kmsg.WriteTxnMarkersResponse) [][]*kerr.Error {
	type key struct {
		producerID int64
		tp         model.TopicPartition
	}
	codes := map[key]int16{}
	for i := range resp.Markers {
		m := &resp.Markers[i]
		for j := range m.Topics {
			for _, p := range m.Topics[j].Partitions {
				codes[key{m.ProducerID, model.TopicPartition{Topic: m.Topics[j].Topic, Partition: p.Partition}}] = p.ErrorCode
			}
		}
	}
	out := make([][]*kerr.Error, len(markers))
	for i := range markers {
		out[i] = make([]*kerr.Error, len(markers[i].Partitions))
		for j, tp := range markers[i].Partitions {
			code, answered := codes[key{markers[i].ProducerID, tp}]
			if !answered {
				code = kerr.UnknownTopicOrPartition.Code
			}
			out[i][j] = kerr.ForCode(code)
		}
	}
	return out
}
