package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"

	"momus/configs"
	"momus/coordinator/zkserver"
)

// quickstartOptions are the command line of quickstart.
type quickstartOptions struct {
	brokers       int
	dir           string
	port          int // of the first broker; the others follow
	zookeeperPort int
	httpPort      int // of the first broker; the others follow; -1 for none
	fresh         bool
	overrides     []string
}

// host is where everything of a quickstart listens: it is for this machine only.
const host = "localhost"

// runQuickstart starts a coordination server and brokers in this process.
func runQuickstart(ctx context.Context, e *Env, args []string) error {
	began := time.Now()
	var o quickstartOptions
	flags := pflag.NewFlagSet("quickstart", pflag.ContinueOnError)
	flags.IntVar(&o.brokers, "brokers", 1, "number of brokers; their ids begin with 1")
	flags.StringVar(&o.dir, "dir", "data", "directory of the data, used again by the next start")
	flags.IntVar(&o.port, "port", 9092, "port of the first broker; the others take the next ones")
	flags.IntVar(&o.zookeeperPort, "zookeeper-port", 2181, "port of the coordination server")
	flags.IntVar(&o.httpPort, "http-port", configs.DefaultHTTPPort, "port of the first broker's /metrics and /healthz; -1 for none")
	flags.BoolVar(&o.fresh, "fresh", false, "begin with empty data: remove the directories that quickstart made in DIR")
	flags.StringArrayVar(&o.overrides, "override", nil, "property=value for all brokers; may be repeated")
	level := flags.String("log-level", "warn", "how much to log: error, warn, info, debug, trace")
	if err := parse(e, "quickstart", flags, args); err != nil {
		return err
	}
	if rest := flags.Args(); len(rest) > 0 {
		return fmt.Errorf("Found non argument parameters: %s\n%s", strings.Join(rest, ","), strings.TrimRight(usage("quickstart", flags), "\n"))
	}
	if o.brokers < 1 || o.brokers > 100 {
		return fmt.Errorf("--brokers %d: valid are 1 to 100", o.brokers)
	}
	if err := checkPorts(o.ports()); err != nil {
		return err
	}
	log := newLogger(e.Stderr, *level, "text")
	var maxHeap int64
	for _, v := range e.Environ {
		if opts, ok := strings.CutPrefix(v, "KAFKA_HEAP_OPTS="); ok {
			maxHeap, _ = configs.ParseMaxHeap(opts)
		}
	}
	applyMemoryLimit(log, e.Environ, maxHeap)
	defer fitProcessors(ctx, e.Environ, log)()
	return o.serve(ctx, e, log, began)
}

// ports lists what will be listened on.
func (o *quickstartOptions) ports() []portUse {
	uses := []portUse{{host, o.zookeeperPort, "ZooKeeper's protocol", "--zookeeper-port"}}
	for i := range o.brokers {
		uses = append(uses, portUse{host, o.port + i, "Kafka, broker " + strconv.Itoa(i+1), "--port"})
		if o.httpPort > 0 {
			uses = append(uses, portUse{host, o.httpPort + i, "metrics, broker " + strconv.Itoa(i+1), "--http-port"})
		}
	}
	return uses
}

// settings are those of broker id, which is the count from 1.
func (o *quickstartOptions) settings(id int, dir string) []string {
	replicas := strconv.Itoa(min(3, o.brokers))
	return append([]string{
		"broker.id=" + strconv.Itoa(id),
		"listeners=PLAINTEXT://" + net.JoinHostPort(host, strconv.Itoa(o.port+id-1)),
		"log.dirs=" + dir,
		"zookeeper.connect=" + net.JoinHostPort(host, strconv.Itoa(o.zookeeperPort)),
		"offsets.topic.replication.factor=" + replicas,
		"transaction.state.log.replication.factor=" + replicas,
		"transaction.state.log.min.isr=" + strconv.Itoa(min(2, o.brokers)),
		"group.initial.rebalance.delay.ms=0",
		"controlled.shutdown.enable=false", // they stop together: there is nobody to hand leaderships to
	}, o.overrides...)
}

// directories prepares the data: it returns that of the coordination server and those of the brokers.
func (o *quickstartOptions) directories() (coordination string, brokers []string, err error) {
	d, err := openDataDir(o.dir)
	if err != nil {
		return "", nil, err
	}
	names := []string{"zookeeper"}
	for i := range o.brokers {
		names = append(names, "broker-"+strconv.Itoa(i+1))
	}
	if o.fresh {
		if err := d.wipe(names); err != nil {
			return "", nil, err
		}
	}
	paths := make([]string, len(names))
	for i, name := range names {
		if paths[i], err = d.create(name); err != nil {
			return "", nil, err
		}
	}
	return paths[0], paths[1:], nil
}

// serve runs everything until ctx ends or something fails, and stops the brokers before the coordination server.
func (o *quickstartOptions) serve(ctx context.Context, e *Env, log *logrus.Logger, began time.Time) error {
	coordinationDir, brokerDirs, err := o.directories()
	if err != nil {
		return err
	}
	// Brokers that were killed with this process cannot come back for their sessions: the next start need not wait for these to time out.
	coordination, err := e.newCoordination(zkserver.Options{Dir: coordinationDir, Listen: net.JoinHostPort(host, strconv.Itoa(o.zookeeperPort)),
		MaxClientCnxns: -1, EndOldSessions: true, Logger: log.WithField("logger", "zookeeper")})
	if err != nil {
		return explainPort(err)
	}
	// The coordination server outlives ctx, so that the brokers can take their leave from it.
	coordinationCtx, stopCoordination := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCoordination()
	coordinationDone := make(chan error, 1) // one: it ends once
	go func() { coordinationDone <- coordination.Run(coordinationCtx) }()

	brokers, err := o.newBrokers(e, log, brokerDirs)
	if err != nil {
		stopCoordination()
		return errors.Join(err, <-coordinationDone)
	}
	brokersCtx, stopBrokers := context.WithCancel(ctx)
	defer stopBrokers()
	brokersDone := make(chan error, len(brokers)) // one for each
	for i, b := range brokers {
		go func() {
			err := b.Run(brokersCtx)
			if err != nil {
				err = fmt.Errorf("broker %d: %w", i+1, explainPort(err))
			}
			brokersDone <- err
		}()
	}

	var errs []error
	running := len(brokers)
	note := func(err error) {
		running--
		errs = append(errs, err)
		stopBrokers()
	}
	ready := allReady(brokersCtx, brokers)
	for running > 0 {
		select {
		case <-ready:
			ready = nil
			if brokersCtx.Err() == nil {
				o.announce(e, time.Since(began))
			}
		case err := <-brokersDone:
			note(err)
		case err := <-coordinationDone:
			coordinationDone = nil
			errs = append(errs, errors.New("the coordination server has ended"), err)
			stopBrokers()
			for running > 0 {
				note(<-brokersDone)
			}
		}
	}
	stopCoordination()
	if coordinationDone != nil {
		errs = append(errs, <-coordinationDone)
	}
	return errors.Join(errs...)
}

// newBrokers makes the brokers; none runs yet.
func (o *quickstartOptions) newBrokers(e *Env, log *logrus.Logger, dirs []string) ([]Server, error) {
	brokers := make([]Server, o.brokers)
	for i := range brokers {
		config, warnings, err := configs.Load(configs.Sources{Overrides: o.settings(i+1, dirs[i])})
		if err != nil {
			return nil, err
		}
		if i == 0 {
			logConfiguration(log, nil, warnings)
		}
		httpAddr := ""
		if o.httpPort > 0 {
			httpAddr = net.JoinHostPort(host, strconv.Itoa(o.httpPort+i))
		}
		if brokers[i], err = e.newBroker(BrokerOptions{Config: config, Logger: log, HTTPAddr: httpAddr}); err != nil {
			return nil, fmt.Errorf("broker %d: %w", i+1, explainPort(err))
		}
	}
	return brokers, nil
}

// allReady is closed when all brokers serve or ctx has ended.
func allReady(ctx context.Context, brokers []Server) <-chan struct{} {
	all := make(chan struct{})
	go func() { // ended by ctx
		defer close(all)
		for _, b := range brokers {
			select {
			case <-b.Ready():
			case <-ctx.Done():
				return
			}
		}
	}()
	return all
}

// announce says where everything is and what to type next.
func (o *quickstartOptions) announce(e *Env, took time.Duration) {
	var kafka, metrics []string
	for i := range o.brokers {
		kafka = append(kafka, net.JoinHostPort(host, strconv.Itoa(o.port+i)))
		metrics = append(metrics, "http://"+net.JoinHostPort(host, strconv.Itoa(o.httpPort+i))+"/metrics")
	}
	servers := strings.Join(kafka, ",")
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		dir = o.dir
	}
	w := e.Stdout
	fmt.Fprintf(w, "momus %s is ready after %d ms. Ctrl-C stops it.\n\n", e.Version, took.Milliseconds())
	fmt.Fprintf(w, "  Kafka      %s\n", servers)
	fmt.Fprintf(w, "  ZooKeeper  %s\n", net.JoinHostPort(host, strconv.Itoa(o.zookeeperPort)))
	if o.httpPort > 0 {
		fmt.Fprintf(w, "  metrics    %s\n", strings.Join(metrics, " "))
	}
	fmt.Fprintf(w, "  data       %s (kept; --fresh begins anew)\n\n", dir)
	fmt.Fprintf(w, "Next, with Kafka's own tools:\n\n")
	fmt.Fprintf(w, "  kafka-topics.sh --bootstrap-server %s --create --topic hello --partitions 1 --replication-factor %d\n", servers, min(3, o.brokers))
	fmt.Fprintf(w, "  kafka-console-producer.sh --bootstrap-server %s --topic hello\n", servers)
	fmt.Fprintf(w, "  kafka-console-consumer.sh --bootstrap-server %s --topic hello --from-beginning\n", servers)
}
