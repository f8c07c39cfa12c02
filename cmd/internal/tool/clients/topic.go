package clients

import (
	"context"
	"errors"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
)

// awaitTopic asks for a topic's metadata until it has them, as the clients do before they use a
// topic, and logs what is in the way. A topic that does not exist is created if the broker does
// that.
func awaitTopic(c *core.Call, ctx context.Context, cl *kgo.Client, prefix, topic string, attempts *int, backoff time.Duration) error {
	for {
		*attempts++
		req := kmsg.NewPtrMetadataRequest()
		req.AllowAutoTopicCreation = true
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(topic)
		req.Topics = append(req.Topics, rt)
		var resp *kmsg.MetadataResponse
		err := watchOf(c, cl).retry(ctx, func(ctx context.Context) (err error) {
			resp, err = req.RequestWith(ctx, cl)
			return err
		})
		if auth := authError(err); auth != nil {
			return auth
		}
		if err != nil {
			return err
		}
		code := int16(0)
		for _, t := range resp.Topics {
			// A topic without a leader in its first partition is as good as unknown to a producer.
			if code = t.ErrorCode; code == 0 && len(t.Partitions) > 0 && t.Partitions[0].ErrorCode == 5 {
				code = 5
			}
		}
		if code == 0 {
			return nil
		}
		c.Log("WARN", "org.apache.kafka.clients.NetworkClient", "%s Error while fetching metadata with correlation id %d : {%s=%s}", prefix, *attempts, topic, java.ErrorName(code))
		if code == 3 {
			c.GiveHints(c.MissingTopic(topic))
		}
		switch code {
		// 17, INVALID_TOPIC_EXCEPTION, and 29, TOPIC_AUTHORIZATION_FAILED, do not go away.
		case 17:
			c.Log("ERROR", "org.apache.kafka.clients.Metadata", "%s Metadata response reported invalid topics [%s]", prefix, topic)
			return &java.Error{Class: java.ErrorsPackage + "InvalidTopicException", Text: "Invalid topics: [" + topic + "]"}
		case 29:
			c.Log("ERROR", "org.apache.kafka.clients.Metadata", "%s Topic authorization failed for topics [%s]", prefix, topic)
			return &java.Error{Class: java.ErrorsPackage + "TopicAuthorizationException", Text: "Not authorized to access topics: [" + topic + "]"}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff):
		}
	}
}

// JavaError gives an error of the client library its class in Java.
func JavaError(err error) error {
	var we *wire.Error
	switch {
	case err == nil:
		return nil
	case authError(err) != nil:
		return authError(err)
	case errors.As(err, &we):
		return java.OfCode(we.Code, nil)
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, context.DeadlineExceeded):
		return java.Timeout("Expiring record(s): the time for their delivery has passed")
	}
	return err
}
