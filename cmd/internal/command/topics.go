package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/configs"
	"momus/internal/model"
)

// topicCreation creates the topics of KAFKA_CREATE_TOPICS in the background once the broker serves.
type topicCreation struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// topicTimeout bounds how long missing brokers are waited for, as START_TIMEOUT of the image does.
const topicTimeout = 600 * time.Second

// startTopicCreation begins; stop ends it. What fails is logged and does not stop the broker.
func startTopicCreation(ctx context.Context, e *Env, c *configs.Config, b Server, log *logrus.Logger) *topicCreation {
	ctx, cancel := context.WithTimeout(ctx, topicTimeout)
	t := &topicCreation{cancel: cancel}
	specs := c.Environment().CreateTopics
	if len(specs) == 0 {
		return t
	}
	t.done.Go(func() {
		select {
		case <-b.Ready():
		case <-ctx.Done():
			return
		}
		entry := log.WithField("variable", "KAFKA_CREATE_TOPICS")
		address, err := localAddress(c.Listeners())
		if err != nil {
			entry.WithError(err).Error("no topics created")
			return
		}
		createTopics(ctx, address, specs, entry)
	})
	return t
}

// stop ends the attempts and returns when the last one is over.
func (t *topicCreation) stop() {
	t.cancel()
	t.done.Wait()
}

// localAddress is an address of this broker that needs no credentials.
func localAddress(l *configs.Listeners) (string, error) {
	for _, e := range l.Bind {
		if e.Protocol != model.Plaintext || e.Port == 0 {
			continue
		}
		h := e.Host
		if h == "" || h == "0.0.0.0" || h == "::" {
			h = "localhost"
		}
		return net.JoinHostPort(h, strconv.Itoa(int(e.Port))), nil
	}
	return "", errors.New("this needs a listener without TLS and SASL")
}

// createTopics creates what does not exist yet.
func createTopics(ctx context.Context, address string, specs []configs.TopicSpec, log *logrus.Entry) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.WithLogger(kgo.BasicLogger(io.Discard, kgo.LogLevelNone, nil)))
	if err != nil {
		log.WithError(err).Error("no topics created")
		return
	}
	defer client.Close()
	createEach(ctx, specs, func(spec configs.TopicSpec) error { return createTopic(ctx, client, spec) }, log)
}

// createEach calls create for each topic, again every second for those that lack brokers or a
// controller that may still be starting. One topic does not wait for another.
func createEach(ctx context.Context, pending []configs.TopicSpec, create func(configs.TopicSpec) error, log *logrus.Entry) {
	for first := true; ; first = false {
		var waiting []configs.TopicSpec
		var last error
		for _, spec := range pending {
			entry := log.WithField("topic", spec.Name)
			err := create(spec)
			switch {
			case err == nil:
				entry.Info("created topic")
			// The image's script says --if-not-exists: a topic that exists stays as it is, configs
			// included.
			case errors.Is(err, kerr.TopicAlreadyExists):
			case ctx.Err() == nil && !errors.Is(err, kerr.InvalidReplicationFactor) && !kerr.IsRetriable(err):
				entry.WithError(err).Error("topic not created")
			default:
				if first {
					entry.WithError(err).Warn("topic not created yet, waiting for more brokers")
				}
				waiting, last = append(waiting, spec), err
			}
		}
		if pending = waiting; len(pending) == 0 {
			return
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			for _, spec := range pending {
				log.WithField("topic", spec.Name).WithError(last).Error("topic not created")
			}
			return
		}
	}
}

// createTopic asks for a topic of KAFKA_CREATE_TOPICS; what an error means is for the caller to
// say, to whom one that exists already is as good as one that was made.
func createTopic(ctx context.Context, client *kgo.Client, spec configs.TopicSpec) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 30_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = spec.Name, spec.Partitions, spec.Replicas
	for i := range spec.Configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = spec.Configs[i].Key, &spec.Configs[i].Value
		topic.Configs = append(topic.Configs, config)
	}
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range response.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			if t.ErrorMessage != nil {
				return fmt.Errorf("%w: %s", err, *t.ErrorMessage)
			}
			return err
		}
	}
	return nil
}
