package interbroker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/coordinator/controller"
	"momus/internal/bell"
	"momus/internal/model"
)

// retryPause is how long the controller waits before it sends a request again.
const retryPause = 100 * time.Millisecond

// ChannelsOptions configure Channels.
type ChannelsOptions struct {
	// ControllerID is this broker's id; as text it is also the client id.
	ControllerID int32
	// Listener is control.plane.listener.name, or else the inter-broker listener.
	Listener string
	Versions Versions
	Dialer   Dialer
	// ConnectTimeout is controller.socket.timeout.ms, RequestTimeout request.timeout.ms.
	ConnectTimeout, RequestTimeout time.Duration
	// Reply gets a *controller.LeaderAndISRReply or *controller.StopReplicaReply for each such
	// answer. It must not block.
	Reply  func(controller.Event)
	Logger *logrus.Entry
}

// Channels are the controller's connections to the brokers, itself included: one goroutine with a
// queue for each, in order, every request repeated until it is answered. It implements
// controller.Sender.
type Channels struct {
	opts    ChannelsOptions
	sharing sharing

	mu      sync.Mutex
	brokers map[int32]*channel
	wg      sync.WaitGroup
}

var _ controller.Sender = (*Channels)(nil)

// channel is the queue of one broker. The queue is not bounded: the controller does not wait for
// brokers, and a broker that does not answer is removed when its session ends.
type channel struct {
	owner  *Channels
	cancel context.CancelFunc
	client *Client
	wake   bell.Bell

	mu     sync.Mutex
	broker *model.Broker
	queue  []controller.Request
}

// NewChannels has no brokers yet.
func NewChannels(opts ChannelsOptions) *Channels {
	return &Channels{opts: opts, brokers: map[int32]*channel{}}
}

// AddBroker implements controller.Sender.
func (c *Channels) AddBroker(b *model.Broker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.brokers[b.ID] != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ch := &channel{owner: c, cancel: cancel, broker: b, wake: bell.New()}
	ch.client = NewClient(ClientOptions{
		ClientID: strconv.Itoa(int(c.opts.ControllerID)),
		// Asked at each connect, so that a broker that came back on another port is found.
		Endpoint: func() (model.Endpoint, bool) { return ch.current().Endpoint(c.opts.Listener) },
		Dialer:   c.opts.Dialer, ConnectTimeout: c.opts.ConnectTimeout, RequestTimeout: c.opts.RequestTimeout,
	})
	c.brokers[b.ID] = ch
	c.wg.Go(func() { ch.run(ctx, b.ID) })
}

// RemoveBroker implements controller.Sender.
func (c *Channels) RemoveBroker(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch := c.brokers[id]; ch != nil {
		delete(c.brokers, id)
		ch.stop()
	}
}

// UpdateBroker implements controller.Sender.
func (c *Channels) UpdateBroker(b *model.Broker) {
	if ch := c.channel(b.ID); ch != nil {
		ch.mu.Lock()
		ch.broker = b
		ch.mu.Unlock()
	}
}

// Send implements controller.Sender.
func (c *Channels) Send(to int32, r controller.Request) {
	ch := c.channel(to)
	if ch == nil {
		return
	}
	ch.mu.Lock()
	ch.queue = append(ch.queue, r)
	ch.mu.Unlock()
	ch.wake.Ring()
}

// QueueSizes is the number of requests that wait, by broker.
func (c *Channels) QueueSizes() map[int32]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	sizes := make(map[int32]int, len(c.brokers))
	for id, ch := range c.brokers {
		ch.mu.Lock()
		// The lock of one channel within that of all: never the other way round.
		sizes[id] = len(ch.queue)
		ch.mu.Unlock()
	}
	return sizes
}

// Close drops all queues and waits until the goroutines have ended.
func (c *Channels) Close() {
	c.mu.Lock()
	for _, id := range slices.Collect(maps.Keys(c.brokers)) {
		c.brokers[id].stop()
		delete(c.brokers, id)
	}
	c.mu.Unlock()
	c.wg.Wait()
}

func (c *Channels) channel(id int32) *channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.brokers[id]
}

func (ch *channel) stop() {
	ch.cancel()
	ch.client.Close()
}

func (ch *channel) current() *model.Broker {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.broker
}

// run sends what is queued until the broker is removed.
func (ch *channel) run(ctx context.Context, id int32) {
	defer ch.client.Close()
	log := ch.owner.opts.Logger.WithField("broker", id)
	for {
		r := ch.next(ctx)
		if r == nil {
			return
		}
		req := ch.owner.encode(r)
		var resp kmsg.Response
		// Kafka, too, repeats until the broker answers or is removed: a request that is left out
		// would leave the broker with an old view for ever.
		for attempt := 0; ; attempt++ {
			var err error
			if resp, err = ch.client.Do(ctx, req); err == nil {
				if attempt > 0 {
					log.WithField("attempts", attempt+1).Info("broker answers again")
				}
				break
			}
			if ctx.Err() != nil || errors.Is(err, ErrClosed) {
				return
			}
			if attempt == 0 {
				log.WithError(err).Warn("could not send a control request; trying again")
			}
			select {
			case <-time.After(retryPause):
			case <-ctx.Done():
				return
			}
		}
		ch.owner.answer(log, id, r, resp)
	}
}

// next waits for a request; nil when ctx ended.
func (ch *channel) next(ctx context.Context) controller.Request {
	for {
		ch.mu.Lock()
		if len(ch.queue) > 0 {
			r := ch.queue[0]
			ch.queue[0] = nil
			// An empty queue lets its array go: a burst of thousands of requests must not stay.
			if ch.queue = ch.queue[1:]; len(ch.queue) == 0 {
				ch.queue = nil
			}
			ch.mu.Unlock()
			return r
		}
		ch.mu.Unlock()
		select {
		case <-ch.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// answer turns a response into the controller's event.
func (c *Channels) answer(log *logrus.Entry, id int32, r controller.Request, resp kmsg.Response) {
	switch resp := resp.(type) {
	case *kmsg.UpdateMetadataResponse:
		if resp.ErrorCode != 0 {
			log.WithField("code", resp.ErrorCode).Warn("broker refused UpdateMetadata")
		}
	case *kmsg.LeaderAndISRResponse:
		ev := &controller.LeaderAndISRReply{Broker: id, Code: resp.ErrorCode, Errors: map[model.TopicPartition]int16{}}
		for _, p := range resp.Partitions {
			// Versions up to 4, the newest that is sent, have partitions in one list; later ones
			// have topics.
			ev.Errors[model.TopicPartition{Topic: p.Topic, Partition: p.Partition}] = p.ErrorCode
		}
		c.opts.Reply(ev)
	case *kmsg.StopReplicaResponse:
		sent := r.(*controller.StopReplica)
		if !sent.Delete {
			return
		}
		ev := &controller.StopReplicaReply{Broker: id, Errors: map[model.TopicPartition]int16{}}
		for _, p := range resp.Partitions {
			ev.Errors[model.TopicPartition{Topic: p.Topic, Partition: p.Partition}] = p.ErrorCode
		}
		if resp.ErrorCode != 0 {
			log.WithField("code", resp.ErrorCode).Warn("broker refused StopReplica")
			// The error of the whole answer is that of each partition; such an answer has none of
			// its own.
			for _, tp := range sent.Partitions {
				ev.Errors[tp] = resp.ErrorCode
			}
		}
		c.opts.Reply(ev)
	}
}
