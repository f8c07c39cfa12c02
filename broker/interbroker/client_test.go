package interbroker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"momus/broker/protocol"
	"momus/coordinator/controller"
	"momus/internal/model"
	"momus/internal/release"
	"momus/internal/testbase"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a broker that answers with what answer makes of each request frame; nil closes the
// connection.
type peer struct {
	l      net.Listener
	answer func(key, version int16, body []byte) kmsg.Response
	mu     sync.Mutex
	frames [][]byte
	conns  int
}

func startPeer(t *testing.T, answer func(key, version int16, body []byte) kmsg.Response) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{l: l, answer: answer}
	testbase.Serve(t, l, p.serve)
	return p
}

func (p *peer) serve(c net.Conn) {
	p.mu.Lock()
	p.conns++
	p.mu.Unlock()
	for {
		frame, err := testbase.ReadFrame(c)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.frames = append(p.frames, frame)
		p.mu.Unlock()
		resp := p.answer(int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:])), frame[8:])
		if resp == nil {
			return
		}
		out := append([]byte{0, 0, 0, 0}, frame[4:8]...)
		if resp.IsFlexible() {
			out = append(out, 0)
		}
		out = resp.AppendTo(out)
		binary.BigEndian.PutUint32(out, uint32(len(out)-4))
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func (p *peer) endpoint() model.Endpoint {
	a := p.l.Addr().(*net.TCPAddr)
	return model.Endpoint{Listener: "PLAINTEXT", Host: a.IP.String(), Port: int32(a.Port)}
}

func respond(key, version int16) kmsg.Response {
	resp := kmsg.ResponseForKey(key)
	resp.SetVersion(version)
	return resp
}

func TestRequestsKeepTheirHeadersAndCorrelationIDsRestartWithTheConnection(t *testing.T) {
	var broken atomic.Bool
	p := startPeer(t, func(key, version int16, _ []byte) kmsg.Response {
		if broken.CompareAndSwap(true, false) {
			return nil
		}
		return respond(key, version)
	})
	c := NewClient(ClientOptions{Dialer: Plaintext{}, ClientID: "7", Endpoint: func() (model.Endpoint, bool) { return p.endpoint(), true }})
	defer c.Close()
	do := func(version int16) error {
		req := kmsg.NewPtrControlledShutdownRequest()
		req.Version, req.BrokerID = version, 3
		_, err := c.Do(t.Context(), req)
		return err
	}
	for _, v := range []int16{0, 2, 3} {
		if err := do(v); err != nil {
			t.Fatal(err)
		}
	}
	broken.Store(true)
	if err := do(3); err == nil || !strings.Contains(err.Error(), "ControlledShutdown request") {
		t.Fatalf("a closed connection gave %v", err)
	}
	if err := do(3); err != nil {
		t.Fatal(err)
	}
	want := [][]byte{
		{0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3},                                                          // v0 has no client id
		{0, 7, 0, 2, 0, 0, 0, 1, 0, 1, '7', 0, 0, 0, 3, 255, 255, 255, 255, 255, 255, 255, 255},       // v2: epoch -1
		{0, 7, 0, 3, 0, 0, 0, 2, 0, 1, '7', 0, 0, 0, 0, 3, 255, 255, 255, 255, 255, 255, 255, 255, 0}, // v3 is flexible
		{0, 7, 0, 3, 0, 0, 0, 3, 0, 1, '7', 0, 0, 0, 0, 3, 255, 255, 255, 255, 255, 255, 255, 255, 0}, // lost
		{0, 7, 0, 3, 0, 0, 0, 0, 0, 1, '7', 0, 0, 0, 0, 3, 255, 255, 255, 255, 255, 255, 255, 255, 0}, // on a new connection
	}
	for i, frame := range p.frames {
		if !bytes.Equal(frame, want[i]) {
			t.Errorf("frame %d\ngot  %v\nwant %v", i, frame, want[i])
		}
	}
}

func TestCancelledRequestsAndClosedClientsEnd(t *testing.T) {
	block, asked := make(chan struct{}), make(chan struct{}, 8)
	p := startPeer(t, func(key, version int16, _ []byte) kmsg.Response { asked <- struct{}{}; <-block; return nil })
	defer close(block)
	c := NewClient(ClientOptions{Dialer: Plaintext{}, Endpoint: func() (model.Endpoint, bool) { return p.endpoint(), true }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := c.Do(ctx, kmsg.NewPtrStopReplicaRequest()); done <- err }()
	<-asked
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if c.Connected() {
		t.Fatal("the connection of a cancelled request was kept")
	}
	c.Close()
	if _, err := c.Do(t.Context(), kmsg.NewPtrStopReplicaRequest()); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	none := NewClient(ClientOptions{Dialer: Plaintext{}, Endpoint: func() (model.Endpoint, bool) { return model.Endpoint{}, false }})
	if _, err := none.Do(t.Context(), kmsg.NewPtrStopReplicaRequest()); !errors.Is(err, ErrNoEndpoint) {
		t.Fatal(err)
	}
}

func TestVersionsFollowTheInterBrokerProtocol(t *testing.T) {
	for ibp, want := range map[string]Versions{
		"2.5":     {11, 3, 5, 4, 6, 2, 3, 0, true},
		"2.4-IV0": {11, 3, 5, 3, 5, 1, 2, 0, true},
		"2.4.1":   {11, 3, 5, 4, 6, 2, 3, 0, true},
		"2.2":     {10, 2, 5, 2, 5, 1, 2, 0, true},
		"2.1":     {10, 2, 4, 1, 4, 0, 1, 0, true},
		"1.0":     {5, 0, 2, 1, 4, 0, 1, 0, true},
		"0.10.2":  {3, 0, 1, 0, 3, 0, 1, 0, false},
		"0.9.0":   {1, 0, 0, 0, 1, 0, 1, 0, false},
		"0.8.0":   {0, 0, 0, 0, 0, 0, 0, 0, false},
	} {
		version, err := release.Parse(ibp)
		if err != nil {
			t.Fatal(err)
		}
		if got := VersionsFor(version); got != want {
			t.Errorf("%s: %+v; want %+v", ibp, got, want)
		}
	}
}

func TestChannelsSendInOrderAndRepeatUntilAnswered(t *testing.T) {
	var mu sync.Mutex
	failures := 2
	p := startPeer(t, func(key, version int16, body []byte) kmsg.Response {
		mu.Lock()
		defer mu.Unlock()
		if failures > 0 {
			failures--
			return nil
		}
		switch resp := respond(key, version).(type) {
		case *kmsg.LeaderAndISRResponse:
			resp.Partitions = []kmsg.LeaderAndISRResponseTopicPartition{{Topic: "t", Partition: 1, ErrorCode: 56}}
			return resp
		case *kmsg.StopReplicaResponse:
			resp.ErrorCode = 11
			return resp
		default:
			return resp
		}
	})
	events := make(chan controller.Event, 8)
	versions := VersionsFor(release.Latest)
	c := NewChannels(ChannelsOptions{Dialer: Plaintext{}, ControllerID: 1, Listener: "PLAINTEXT", Versions: versions, Logger: testbase.Quiet(),
		Reply: func(ev controller.Event) { events <- ev }})
	c.AddBroker(&model.Broker{ID: 2, Endpoints: []model.Endpoint{p.endpoint()}})
	tp := model.TopicPartition{Topic: "t", Partition: 1}
	c.Send(2, &controller.LeaderAndISR{ControllerEpoch: 1, BrokerEpoch: 5, Partitions: []controller.LeaderAndISRPartition{{TopicPartition: tp}}})
	c.Send(2, &controller.UpdateMetadata{ControllerEpoch: 1, BrokerEpoch: 5})
	c.Send(2, &controller.StopReplica{ControllerEpoch: 1, BrokerEpoch: 5, Delete: true, Partitions: []model.TopicPartition{tp}})
	c.Send(9, &controller.StopReplica{}) // nobody
	if r := (<-events).(*controller.LeaderAndISRReply); r.Broker != 2 || r.Errors[tp] != 56 {
		t.Fatalf("%+v", r)
	}
	// An error at the top counts for every partition of the request.
	if r := (<-events).(*controller.StopReplicaReply); r.Broker != 2 || r.Errors[tp] != 11 {
		t.Fatalf("%+v", r)
	}
	var keys []byte
	for _, f := range p.frames {
		keys = append(keys, f[1])
	}
	if !bytes.Equal(keys, []byte{4, 4, 4, 6, 5}) {
		t.Fatalf("order of requests: %v", keys)
	}
	c.RemoveBroker(2)
	c.Send(2, &controller.UpdateMetadata{})
	c.Close()
}

func TestControlRequestsUseTheFieldsOfTheirVersion(t *testing.T) {
	tp := func(topic string, p int32) model.TopicPartition {
		return model.TopicPartition{Topic: topic, Partition: p}
	}
	state := model.LeaderAndISR{Leader: 1, LeaderEpoch: 2, ISR: []int32{1}, ControllerEpoch: 3, ZKVersion: 4}
	b := &model.Broker{ID: 1, Rack: "r", Endpoints: []model.Endpoint{{Listener: "IN", Host: "h", Port: 9}}}
	lai := &controller.LeaderAndISR{LiveLeaders: []*model.Broker{b}, Partitions: []controller.LeaderAndISRPartition{
		{TopicPartition: tp("a", 0), LeaderAndISR: state}, {TopicPartition: tp("b", 0), LeaderAndISR: state}, {TopicPartition: tp("a", 1), LeaderAndISR: state}}}
	if r := EncodeLeaderAndISR(1, "IN", 1, lai); len(r.PartitionStates) != 3 || len(r.TopicStates) != 0 || r.LiveLeaders[0].Host != "h" {
		t.Errorf("v1: %+v", r)
	}
	if r := EncodeLeaderAndISR(1, "IN", 4, lai); len(r.PartitionStates) != 0 || len(r.TopicStates) != 2 || len(r.TopicStates[0].PartitionStates) != 2 ||
		r.TopicStates[0].PartitionStates[0].AddingReplicas == nil {
		t.Errorf("v4: %+v", r)
	}
	um := &controller.UpdateMetadata{LiveBrokers: []*model.Broker{b}, Partitions: []controller.UpdateMetadataPartition{{TopicPartition: tp("a", 0), LeaderAndISR: state}}}
	if r := EncodeUpdateMetadata(1, "IN", 0, um); len(r.PartitionStates) != 1 || r.LiveBrokers[0].Port != 9 {
		t.Errorf("v0: %+v", r)
	}
	if r := EncodeUpdateMetadata(1, "IN", 6, um); len(r.TopicStates) != 1 || r.LiveBrokers[0].Endpoints[0].ListenerName != "IN" || *r.LiveBrokers[0].Rack != "r" {
		t.Errorf("v6: %+v", r)
	}
	sr := &controller.StopReplica{Delete: true, Partitions: []model.TopicPartition{tp("a", 0), tp("a", 1)}}
	if r := EncodeStopReplica(1, 0, sr); len(r.Topics) != 2 || r.Topics[1].Partition != 1 {
		t.Errorf("v0: %+v", r)
	}
	if r := EncodeStopReplica(1, 2, sr); len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 2 || !r.DeletePartitions {
		t.Errorf("v2: %+v", r)
	}
}

func FuzzResponses(f *testing.F) {
	f.Add(int16(4), int16(4), []byte{0, 0, 0, 1, 0, 0, 0, 1, 0})
	f.Add(int16(1), int16(11), []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, key, version int16, frame []byte) {
		req := kmsg.RequestForKey(key)
		if api, ok := protocol.Lookup(key); !ok || !api.Supported(version) {
			return
		}
		req.SetVersion(version)
		DecodeResponse(frame, req, 1) // must not panic
	})
}

// TestResponsesInPieces has answers of all sizes round that of the first read, each cut at several
// places.
func TestResponsesInPieces(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		near, far := net.Pipe()
		c := NewClient(ClientOptions{ReuseBuffer: reuse})
		c.conn = &Connection{Conn: near}
		var before []byte
		for _, size := range []int{4, 100, readAhead - 5, readAhead - 4, readAhead - 3, readAhead, 3 * readAhead, 50, 2 * readAhead} {
			for _, cut := range []int{1, 3, 4, 5, 4 + size/2, 4 + size} {
				frame := make([]byte, 4+size)
				binary.BigEndian.PutUint32(frame, uint32(size))
				for i := range size {
					frame[4+i] = byte(i * cut)
				}
				sent := make(chan error, 1)
				go func() {
					_, err := far.Write(frame[:cut])
					if err == nil && cut < len(frame) {
						_, err = far.Write(frame[cut:])
					}
					sent <- err
				}()
				kept := bytes.Clone(before)
				got, err := c.readFrame()
				if err != nil || !bytes.Equal(got, frame[4:]) {
					t.Fatalf("%d bytes cut at %d: %d bytes, %v", size, cut, len(got), err)
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
				if !reuse && !bytes.Equal(before, kept) {
					t.Fatalf("%d bytes cut at %d: the response before has changed", size, cut)
				}
				before = got
			}
		}
		go far.Write([]byte{0, 0, 0, 4, 1, 2, 3, 4, 5})
		if _, err := c.readFrame(); err == nil {
			t.Fatal("bytes behind the response were taken")
		}
		near.Close()
		far.Close()
	}
}
