package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"momus/cmd/internal/tool"
	"momus/cmd/internal/why"
	"momus/internal/journal"
	"momus/internal/model"
)

// runWhy tells what happened to something, and because of what.
func runWhy(ctx context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("why", pflag.ContinueOnError)
	o := why.Options{Lang: journal.English}
	flags.StringVar(&o.Subject.Group, "group", "", "a consumer group")
	flags.StringVar(&o.Subject.TransactionalID, "transactional-id", "", "a transactional.id")
	id := flags.Int32("broker", -1, "a broker")
	flags.StringVar(&o.Subject.Topic, "topic", "", "all partitions of a topic")
	flags.StringVar(&o.Servers, "bootstrap-server", "localhost:9092", "brokers of the cluster; \"\" with --http: they are not asked")
	flags.StringVar(&o.ConfigFile, "command-config", "", "properties of the client, as for Kafka's tools")
	flags.StringSliceVar(&o.HTTP, "http", nil, "HTTP ports of brokers, host:port; without it the brokers say where theirs are")
	flags.StringVar(&o.User, "user", "", "user for the HTTP ports, if they ask for one; the password is taken from MOMUS_CONSOLE_PASSWORD")
	flags.StringVar(&o.ZooKeeper, "zookeeper", "", "ask ZooKeeper too: host:port, as in zookeeper.connect")
	flags.IntVar(&o.Last, "last", 20, "how many entries to show")
	flags.BoolVar(&o.JSON, "json", false, "print JSON")
	flags.BoolVar(&o.Follow, "follow", false, "go on with what happens from now on")
	lang := flags.String("lang", languageOf(e.Environ), "language of the sentences, en or ko; that of the environment (LANG) without it")
	if err := parse(e, "why", flags, args); err != nil {
		return err
	}
	if *id >= 0 {
		o.Subject.Broker = id
	}
	if err := whySubject(&o.Subject, flags.Args()); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.TrimRight(usage("why", flags), "\n"))
	}
	if o.JSON && o.Follow {
		return errors.New("--json and --follow do not go together: GET /journal with Accept: text/event-stream streams JSON")
	}
	o.Lang = journal.Lang(*lang)
	if o.Lang != journal.English && o.Lang != journal.Korean {
		return fmt.Errorf("--lang %s: the sentences are in en and ko", *lang)
	}
	o.Password = e.getenv("MOMUS_CONSOLE_PASSWORD")
	return runTool(tool.Tool{Name: "why", Main: o.Main})(ctx, e, nil)
}

// whySubject checks that exactly one thing is asked about.
func whySubject(s *journal.Subject, args []string) error {
	n := 0
	for _, set := range []bool{s.Group != "", s.TransactionalID != "", s.Broker != nil, s.Topic != "", len(args) > 0} {
		if set {
			n++
		}
	}
	if n != 1 || len(args) > 1 {
		return errors.New("say what to explain: a partition such as orders-0, or one of --topic, --group, --broker, --transactional-id")
	}
	if len(args) == 1 {
		tp, err := model.ParseTopicPartition(args[0])
		if err != nil {
			return fmt.Errorf("%w: the name of the topic, a dash, and the number of the partition, such as orders-0", err)
		}
		s.Partition = &tp
	}
	return nil
}
