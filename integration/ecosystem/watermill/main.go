// Watermill publishes messages to a topic and reads them as a subscriber in a group.
// Arguments: bootstrap, topic, count.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

// main is called with bootstrap servers, a topic and a number of messages.
func main() {
	if err := echo(strings.Split(os.Args[1], ","), os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// echo publishes messages and subscribes to them with Watermill, whose client of Kafka is sarama,
// and prints how many came; each is acknowledged before the next is given.
func echo(brokers []string, topic, n string) error {
	count, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: brokers, Marshaler: kafka.DefaultMarshaler{}}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	for i := range count {
		if err := publisher.Publish(topic, message.NewMessage(watermill.NewUUID(), fmt.Appendf(nil, "line %d", i))); err != nil {
			return fmt.Errorf("publish line %d: %w", i, err)
		}
	}
	if err := publisher.Close(); err != nil {
		return err
	}
	settings := kafka.DefaultSaramaSubscriberConfig()
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{Brokers: brokers, Unmarshaler: kafka.DefaultMarshaler{}, ConsumerGroup: topic,
		OverwriteSaramaConfig: settings, InitializeTopicDetails: &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	messages, err := subscriber.Subscribe(ctx, topic)
	if err != nil {
		return err
	}
	read := 0
	for m := range messages {
		m.Ack()
		if read++; read == count {
			break
		}
	}
	if read < count {
		return fmt.Errorf("read %d of them: %w", read, ctx.Err())
	}
	if err := subscriber.Close(); err != nil {
		return err
	}
	fmt.Println("read", count)
	return nil
}
