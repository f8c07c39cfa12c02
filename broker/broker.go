package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker/console"
	"momus/broker/handler"
	"momus/broker/http"
	"momus/broker/interbroker"
	"momus/broker/metadata"
	"momus/broker/metrics"
	"momus/broker/network"
	"momus/broker/replica"
	"momus/broker/security"
	"momus/broker/security/authorizer"
	"momus/broker/security/token"
	"momus/broker/view"
	"momus/configs"
	"momus/coordinator/controller"
	"momus/coordinator/group"
	"momus/coordinator/txn"
	"momus/coordinator/zk"
	"momus/internal/journal"
	"momus/internal/model"
	"momus/internal/release"
	"momus/storage/cleaner"
	"momus/storage/logdir"
)

// Broker is one broker. Run it once.
type Broker struct {
	opts    Options
	config  *configs.Config
	loggers *loggers
	log     *logrus.Entry
	// ready is closed once, when the broker serves.
	ready chan struct{}
	state atomic.Int32

	// What follows is set by start, in its order, and not changed while the broker runs; before
	// ready is closed only start touches it.
	id        int32
	versions  interbroker.Versions
	zk        *zk.Client
	metadata  *metadata.Cache
	dynamic   *dynamic
	logs      *logdir.Manager
	cleaner   *cleaner.Cleaner // nil without log.cleaner.enable
	security  *security.Security
	failures  *security.Failures // logins that failed
	server    *network.Server
	replicas  *replica.Manager
	control   *controller.Controller
	groups    *group.Coordinator
	producers *txn.ProducerIDs
	txns      *txn.Coordinator
	metrics   *metrics.Metrics
	journal   *journal.Journal
	view      *view.View
	began     time.Time // when Run was called
	repeats   repeats   // of what clients cause
	// authorizer is nil without authorizer.class.name.
	authorizer *authorizer.Authorizer
	tokens     *token.Manager // nil without delegation.token.master.key
	http       net.Addr       // nil without /metrics
	listeners  listeners
}

// New makes a broker that does nothing until Run.
func New(o Options) (*Broker, error) {
	if o.Config == nil || o.Logger == nil {
		return nil, errors.New("a broker needs a configuration and a logger")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := checkAuthorizer(o.Config); err != nil {
		return nil, err
	}
	versions := interbroker.VersionsFor(o.Config.Broker().InterBrokerVersion())
	b := &Broker{opts: o, config: o.Config, loggers: newLoggers(o.Logger), ready: make(chan struct{}), versions: versions}
	b.log = b.logFor("kafka.server.KafkaServer")
	if b.journal = o.Journal; b.journal == nil {
		b.journal = journal.New(o.Now)
	}
	return b, nil
}

// Ready is closed when the broker serves requests.
func (b *Broker) Ready() <-chan struct{} { return b.ready }

// ID is the broker's id, known once it is ready.
func (b *Broker) ID() int32 { return b.id }

// Addr is the address that a listener is bound to, known once the broker is ready; nil for an
// unknown listener.
func (b *Broker) Addr(listener string) net.Addr { return b.server.Addr(listener) }

// HTTPAddr is where /metrics and /healthz are served, known once the broker is ready; nil for
// nowhere.
func (b *Broker) HTTPAddr() net.Addr { return b.http }

// State is the broker's state.
func (b *Broker) State() State { return State(b.state.Load()) }

// Run serves until ctx ends, then stops in an orderly way: leaderships handed over, logs flushed
// and closed, znodes gone. It returns nil after such a stop, and the reason when the broker could
// not start or had to stop by itself.
func (b *Broker) Run(ctx context.Context) error {
	b.state.Store(int32(Starting))
	b.began = b.opts.Now()
	p := newParts()
	err := b.start(ctx, p)
	if err == nil {
		b.state.Store(int32(RunningAsBroker))
		b.log.WithFields(logrus.Fields{"broker": b.id, "listeners": fmt.Sprint(b.advertised())}).Info("started")
		close(b.ready)
		b.noteStart()
		select {
		case <-ctx.Done():
			b.log.Info("stopping")
		case <-b.opts.Abandon:
			b.log.Info("stopping without leave")
		// A broker with a part missing does more harm than one that is gone: its leaderships are
		// not handed over either, since nobody knows what still works.
		case err = <-p.failed:
			reason := err
			if errors.Is(err, logdir.ErrNoLiveDir) {
				reason = logdir.ErrNoLiveDir // what has failed was logged when it did
			}
			b.log.WithError(reason).Error("stopping, because a part of the broker failed")
		}
		b.noteStop(err)
		b.handOver(err == nil && !b.abandoned())
	}
	b.state.Store(int32(ShuttingDown))
	// The parts stop in reverse: network, coordinators, replicas, logs, and the ZooKeeper session
	// last.
	p.stop()
	b.state.Store(int32(NotRunning))
	if err == nil {
		b.log.Info("stopped")
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // stopped while it was starting
	}
	return err
}

// abandoned reports whether Abandon has been closed, also when ctx has ended at the same time.
func (b *Broker) abandoned() bool {
	select {
	case <-b.opts.Abandon:
		return true
	default:
		return false
	}
}

// start brings up the parts in the order of Kafka's KafkaServer.startup: what other brokers and
// clients can see comes late, so that they never meet a broker that cannot answer yet.
func (b *Broker) start(ctx context.Context, p *parts) error {
	c := b.config.Broker()
	if err := b.connectZooKeeper(ctx, p, c); err != nil {
		return err
	}
	clusterID, identity, err := b.identify(ctx, c)
	if err != nil {
		return err
	}
	// Dynamic configs come before everything that is built from the configuration, as in Kafka:
	// listeners may be among them.
	b.dynamic = newDynamic(b.config, b.zk, b.id, b.logFor("kafka.server.DynamicConfigManager"))
	b.dynamic.history.journal = b.journal
	if err := b.dynamic.loadBroker(ctx); err != nil {
		return err
	}
	if err := b.dynamic.loadTopics(ctx); err != nil {
		return err
	}
	if err := b.dynamic.loadQuotas(ctx); err != nil {
		return err
	}
	b.tokens = b.newTokens()
	if err := b.secure(); err != nil {
		return err
	}
	// After the topics' configs, with which each log is opened: its recovery depends on them.
	if err := b.openLogs(ctx, p, identity); err != nil {
		return err
	}

	b.metadata = metadata.NewCache(clusterID)
	b.metrics = metrics.New(handler.RequestNames(), b.opts.Now)
	round, err := network.NewRound()
	if err != nil {
		return err
	}
	p.onStop(func() { _ = round.Close() })
	b.replicas = replica.New(replica.Options{
		BrokerID: b.id, Settings: b.replicaSettings, TopicConfig: b.dynamic.Topic, LearnTopics: b.dynamic.Learn, Logs: b.logs, Metadata: b.metadata,
		ISR: isrStore{b.zk, b.id}, Endpoint: b.leaderEndpoint, OnLeadership: b.onLeadership, OnDeleted: b.onDeleted, Meet: round.Wait,
		Logger: b.logFor("kafka.server.ReplicaManager"), Now: b.opts.Now, Journal: b.journal,
	})
	b.groups = group.New(group.Options{
		Settings: func() group.Settings { return group.SettingsOf(b.config.Broker()) }, Log: coordinatorLog{b.replicas}, Logger: b.logFor("kafka.coordinator.group.GroupCoordinator"), Now: b.opts.Now,
		ZooKeeper: groupOffsets{b.zk}, Journal: b.journal, OnLoaded: b.onLoaded(model.OffsetsTopic),
	})
	b.producers = txn.NewProducerIDs(producerIDBlocks{b.zk, b.id})
	b.txns = b.newTransactions(p)
	b.control = controller.New(b.controllerOptions())
	b.dynamic.onTopic = b.control.TopicConfigChanged
	b.dynamic.onBroker = b.followListeners
	b.config.Subscribe(func(old, new *configs.Broker) {
		if new.UncleanLeaderElectionEnable && !old.UncleanLeaderElectionEnable {
			b.control.UncleanElectionEnabled()
		}
	})
	if err := b.startTokens(ctx, p); err != nil {
		return err
	}
	if err := b.startAuthorizer(ctx, p); err != nil {
		return err
	}
	// The sockets are bound before the broker registers, so that the registration names ports that
	// are ours; nothing is read from them before the end of start.
	if err := b.listen(handler.New(b.handlerEnv())); err != nil {
		return err
	}
	p.onStop(b.server.Close)
	p.run("replica manager", b.replicas.Run)
	p.run("group coordinator", b.groups.Run)
	p.run("transaction coordinator", b.txns.Run)

	if err := b.control.Register(ctx); err != nil {
		return err
	}
	// After the registration, as in Kafka: an id that another broker holds must not end up in
	// meta.properties.
	b.logs.WriteMeta(b.id, clusterID)
	// From here on this broker may become controller and be sent LeaderAndIsr; those requests wait
	// in the sockets until the network runs.
	p.run("controller", b.control.Run)

	if err := b.startCoordinators(ctx); err != nil {
		return err
	}
	if err := b.followConfigs(ctx, p); err != nil {
		return err
	}
	p.run("network", b.server.Run)
	p.run("pauses", b.watchPauses)
	return b.serveHTTP(ctx, p)
}

// followConfigs reads config change notifications as they come. A change between the first reading
// of the configs and this is among the notifications that are there already, or was seen by it.
func (b *Broker) followConfigs(ctx context.Context, p *parts) error {
	reader := b.zk.NewConfigChangeReader(b.opts.Now, b.dynamic.apply)
	if err := reader.Start(ctx); err != nil {
		return fmt.Errorf("config change notifications: %w", err)
	}
	p.run("config change notifications", reader.Run)
	p.run("configs of new topics", b.dynamic.readAgain)
	// Notifications are deleted after 15 minutes; a session that was away for longer may have missed
	// some.
	p.onStop(b.zk.OnSession(zk.SessionHandler{Renewed: func(ctx context.Context) {
		if err := b.dynamic.applyAll(ctx); err != nil {
			b.log.WithError(err).Error("could not read the configs again after the ZooKeeper session was lost")
		}
	}}))
	return nil
}

// serveHTTP opens the HTTP port, if it is wanted, with everything that it answers.
func (b *Broker) serveHTTP(ctx context.Context, p *parts) error {
	b.view = b.newView()
	if site := b.opts.Console; site != nil {
		p.onStop(site.Join(b.member()))
	}
	if b.opts.HTTPAddr == "" {
		return nil
	}
	wanted, access := b.config.Console()
	options := http.Options{Addr: b.opts.HTTPAddr, Logger: b.log, Access: http.Access{
		LocalOnly: b.opts.HTTPLocalOnly, User: access.User, Password: access.Password,
		// A cluster with access control does not tell strangers what happens in it.
		LocalReaders: b.authorizer != nil,
	}}
	if access.Listener != "" {
		endpoint := b.security.Listener(access.Listener)
		if endpoint == nil || endpoint.TLS == nil {
			return fmt.Errorf("%s=%s: there is no listener of that name with TLS", configs.ConsoleTLSKey, access.Listener)
		}
		options.TLS, options.Access.Certificate = console.TLS(endpoint.TLS.Server()), endpoint.TLS.Settings().ClientAuth == "required"
	}
	server, err := http.Listen(ctx, options)
	// A taken port is the usual mistake on a machine with several brokers; other errors come again
	// with the second try and are returned.
	if err != nil && b.opts.HTTPOptional {
		taken := err
		host, _, splitErr := net.SplitHostPort(b.opts.HTTPAddr)
		if splitErr != nil {
			return splitErr
		}
		options.Addr = net.JoinHostPort(host, "0")
		if server, err = http.Listen(ctx, options); err == nil {
			b.log.WithError(taken).WithField("instead", server.Addr().String()).Warn("the HTTP port is taken; choose one with " + configs.HTTPPortKey + ", or -1 for none")
		}
	}
	if err != nil {
		return err
	}
	b.http = server.Addr()
	if a, ok := b.http.(*net.TCPAddr); ok {
		b.config.SetHTTPPort(a.Port)
	}
	b.metrics.Export(b.view)
	b.metrics.ExportSession("kafka_server_sessionexpirelistener_", b.zk.Events())
	server.Open("/metrics", b.metrics.Handler())
	server.Open("/healthz", http.Healthz(b.healthy))
	console.ServeJournal(server, b.journal)
	if wanted {
		site := console.NewSite(console.Options{})
		p.onStop(site.Join(b.member()))
		site.Mount(server)
	}
	p.run("HTTP", server.Run)
	return nil
}

// member is what a page may show of this broker.
func (b *Broker) member() *console.Member {
	m := &console.Member{View: b.view, Journal: b.journal, Config: b.config, ZooKeeper: b.zk, Overrides: b.dynamic.Overrides}
	if b.authorizer != nil {
		m.Rights = b.authorizer
	}
	return m
}

// newView is what others may see of this broker.
func (b *Broker) newView() *view.View {
	return view.New(view.Sources{
		BrokerID: b.id, State: b.state.Load, MemoryUsed: b.server.MemoryUsed, Metadata: b.metadata, Replicas: b.replicas, Logs: b.logs,
		Cleaner: b.cleaner, Controller: b.control, Groups: b.groups, Transactions: b.txns, Quotas: b.dynamic.quotas, Now: b.opts.Now,
	})
}

// connectZooKeeper opens the session, and makes the nodes that every broker expects to be there.
func (b *Broker) connectZooKeeper(ctx context.Context, p *parts, c *configs.Broker) (err error) {
	o := zooKeeperOptions(c)
	o.Logger, o.Journal = b.logFor("kafka.zookeeper.ZooKeeperClient"), b.journal
	if b.opts.Net != nil {
		o.Dial = b.opts.Net.dialZooKeeper
	}
	if err := b.secureZooKeeper(&o, ""); err != nil {
		return err
	}
	if b.zk, err = zk.Dial(ctx, o); err != nil {
		return err
	}
	// The session ends last, so that the broker's znode vanishes only when its logs are closed.
	p.onStop(func() {
		if err := b.zk.Close(); err != nil {
			b.log.WithError(err).Warn("the ZooKeeper session was not closed in an orderly way; its znodes vanish when it times out")
		}
	})
	if err := b.zk.CreateTopLevelPaths(ctx); err != nil {
		return fmt.Errorf("create the top-level znodes: %w", err)
	}
	return nil
}

// zooKeeperOptions are those of the broker's own session.
func zooKeeperOptions(c *configs.Broker) zk.Options {
	return zk.Options{
		Connect:        c.ZookeeperConnect,
		SessionTimeout: ms(c.ZookeeperSessionTimeoutMs),
		ConnectTimeout: ms(c.ZookeeperConnectionTimeoutMs),
		MaxInFlight:    int(c.ZookeeperMaxInFlightRequests),
		SecureACLs:     c.ZookeeperSetAcl,
	}
}

// identify finds out which cluster and which broker this is.
func (b *Broker) identify(ctx context.Context, c *configs.Broker) (clusterID string, identity logdir.Identity, err error) {
	if clusterID, err = b.zk.ClusterID(ctx); err != nil {
		return "", identity, fmt.Errorf("cluster id: %w", err)
	}
	if identity, err = logdir.ReadIdentity(b.opts.FS, c.LogDirectories()); err != nil {
		return "", identity, err
	}
	if err := identity.CheckCluster(clusterID); err != nil {
		return "", identity, err
	}
	if b.id, err = identity.CheckBroker(c.BrokerID); err != nil {
		return "", identity, err
	}
	if b.id < 0 {
		if !c.BrokerIDGenerationEnable {
			return "", identity, errors.New("broker.id is not set and broker.id.generation.enable is false: set broker.id to a number that no other broker has")
		}
		if b.id, err = b.zk.GenerateBrokerID(ctx, c.ReservedBrokerMaxID); err != nil {
			return "", identity, fmt.Errorf("generate a broker id: %w", err)
		}
	}
	b.config.SetBrokerID(b.id)
	b.journal.SetBroker(b.id)
	b.log = b.log.WithField("broker", b.id)
	return clusterID, identity, nil
}

// replicaSettings are those of the replicas as they are now.
func (b *Broker) replicaSettings() replica.Settings { return replica.SettingsOf(b.config.Broker()) }

// openLogs recovers what has to be and starts what cares for the logs: flushing, retention,
// deletion and the cleaner. It returns when all logs are usable.
func (b *Broker) openLogs(ctx context.Context, p *parts, identity logdir.Identity) (err error) {
	c := b.config.Broker()
	b.logs, err = logdir.Open(ctx, logdir.Options{
		FS: b.opts.FS, Dirs: c.LogDirectories(), Settings: func() logdir.Settings { return logdir.SettingsOf(b.config.Broker()) }, TopicConfig: b.dynamic.Topic, Offline: identity.Offline,
		Logger: b.logFor("kafka.log.LogManager"), Now: b.opts.Now, Journal: b.journal,
	})
	if err != nil {
		return err
	}
	b.dynamic.logs = b.logs
	p.onStop(func() {
		if err := b.logs.Close(); err != nil {
			b.log.WithError(err).Error("the logs were not closed cleanly; the next start recovers them")
		}
	})
	// It ends with an error when no directory is left, which stops the broker, as Kafka halts.
	p.run("log directories", b.logs.Run)
	if c.LogCleanerEnable {
		b.cleaner = cleaner.New(cleaner.Options{Logs: b.logs, Settings: func() cleaner.Settings { return cleaner.SettingsOf(b.config.Broker()) }, Logger: b.logFor("kafka.log.LogCleaner"), Now: b.opts.Now, Journal: b.journal})
		b.logs.SetCleaner(b.cleaner)
		p.run("log cleaner", b.cleaner.Run)
	}
	return nil
}

// startCoordinators tells the coordinators how many partitions their topics have.
func (b *Broker) startCoordinators(ctx context.Context) error {
	c := b.config.Broker()
	offsets, err := b.partitionsOf(ctx, model.OffsetsTopic, c.OffsetsTopicNumPartitions)
	if err != nil {
		return err
	}
	transactions, err := b.partitionsOf(ctx, model.TransactionTopic, c.TransactionStateLogNumPartitions)
	if err != nil {
		return err
	}
	if err := b.producers.Prepare(ctx); err != nil {
		return err
	}
	b.groups.Start(offsets)
	b.txns.Start(transactions)
	return nil
}

// partitionsOf is how many partitions an internal topic has, or will have when it is created.
func (b *Broker) partitionsOf(ctx context.Context, topic string, configured int32) (int32, error) {
	// The number is fixed for the life of the broker, as in Kafka: a key's partition must not
	// depend on when somebody has asked, and adding partitions to an internal topic is not
	// supported.
	a, ok, err := b.zk.Assignment(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("read the partitions of %s: %w", topic, err)
	}
	if ok && len(a) > 0 {
		return int32(len(a)), nil
	}
	return configured, nil
}

// controllerOptions says how a controller on this broker works. The channels to brokers use the
// control plane's listener if there is one, so that data do not hold up orders.
func (b *Broker) controllerOptions() controller.Options {
	c := b.config.Broker()
	listener := b.config.Listeners().InterBroker
	if l := b.config.Listeners().ControlPlane; l != "" {
		listener = l
	}
	return controller.Options{
		BrokerID: b.id, ZK: b.zk, OnElected: b.elected, Registration: b.registration, Logger: b.logFor("kafka.controller.KafkaController"), Now: b.opts.Now, Journal: b.journal,
		Settings: func() controller.Settings {
			c := b.config.Broker()
			return controller.Settings{
				UncleanLeaderElection: c.UncleanLeaderElectionEnable, DeleteTopics: c.DeleteTopicEnable, AutoRebalance: c.AutoLeaderRebalanceEnable,
				ImbalancePercentage: int(c.LeaderImbalancePerBrokerPercentage), ImbalanceInterval: time.Duration(c.LeaderImbalanceCheckIntervalSeconds) * time.Second,
			}
		},
		NewSender: func(reply func(controller.Event)) controller.Sender {
			return interbroker.NewChannels(interbroker.ChannelsOptions{
				ControllerID: b.id, Listener: listener, Versions: b.versions, Dialer: b.security.Dialer(),
				ConnectTimeout: ms(c.ControllerSocketTimeoutMs), RequestTimeout: ms(c.RequestTimeoutMs),
				Reply: reply, Logger: b.logFor("kafka.controller.RequestSendThread"),
			})
		},
	}
}

// registration is what /brokers/ids shows of this broker: version 4 of its JSON, or 2 for a cluster
// with brokers before 0.10.0, which know neither listener names nor racks.
func (b *Broker) registration() *zk.Registration {
	c := b.config.Broker()
	version := 4
	if v := b.config.Broker().InterBrokerVersion(); v < release.V0_10_0_IV1 {
		version = 2
	}
	return &zk.Registration{Endpoints: b.advertised(), Rack: c.BrokerRack, JMXPort: -1, Timestamp: b.opts.Now().UnixMilli(), Version: version}
}

// leaderEndpoint reaches another broker for a fetcher.
func (b *Broker) leaderEndpoint(leader int32, fetcherID int) replica.LeaderEndpoint {
	c := b.config.Broker()
	client := interbroker.NewClient(interbroker.ClientOptions{
		ClientID: fmt.Sprintf("broker-%d-fetcher-%d", b.id, fetcherID),
		Endpoint: func() (model.Endpoint, bool) {
			return b.metadata.Snapshot().Endpoint(leader, b.config.Listeners().InterBroker)
		},
		Dialer:         b.security.Dialer(),
		ConnectTimeout: ms(c.ReplicaSocketTimeoutMs), RequestTimeout: ms(c.ReplicaSocketTimeoutMs), ReuseBuffer: true,
	})
	return replica.NewRemote(replica.RemoteOptions{BrokerID: b.id, Client: client, Versions: b.versions, Settings: b.replicaSettings})
}

// onLeadership loads and unloads the coordinators of internal topics.
func (b *Broker) onLeadership(leaders, followers []replica.Leadership) {
	for _, l := range leaders {
		switch l.TP.Topic {
		case model.OffsetsTopic:
			b.groups.OnBecomeLeader(l.TP.Partition, l.LeaderEpoch)
		case model.TransactionTopic:
			b.txns.OnBecomeLeader(l.TP.Partition, l.LeaderEpoch)
		}
	}
	for _, l := range followers {
		b.resign(l.TP)
	}
}

// resign unloads the coordinator of a partition of an internal topic.
func (b *Broker) resign(tp model.TopicPartition) {
	switch tp.Topic {
	case model.OffsetsTopic:
		b.groups.OnResign(tp.Partition)
	case model.TransactionTopic:
		b.txns.OnResign(tp.Partition)
	}
}

// onDeleted forgets what belongs to partitions that are no longer on this broker. A topic's configs
// and figures go with its last one: a reassignment takes single partitions away, and the logs of
// the others would fall back to the broker's defaults, that of the retention time among them.
func (b *Broker) onDeleted(deleted []model.TopicPartition) {
	here := map[string]bool{}
	b.replicas.EachPartition(func(p *replica.Partition) { here[p.TopicPartition().Topic] = true })
	for _, tp := range deleted {
		b.resign(tp)
		if !here[tp.Topic] {
			b.dynamic.forget(tp.Topic)
			b.metrics.RemoveTopic(tp.Topic)
		}
	}
}

// healthy is what /healthz says: an error is "not now", not "restart me". A broker without
// ZooKeeper still serves clients.
func (b *Broker) healthy() error {
	if s := b.State(); s != RunningAsBroker {
		return fmt.Errorf("the broker is in state %s", s)
	}
	if !b.zk.Connected() {
		return errors.New("not connected to ZooKeeper")
	}
	return nil
}

// logFor is a logger that carries the name that Kafka gives the component.
func (b *Broker) logFor(name string) *logrus.Entry { return b.loggers.entry(name) }

// ms is a number of milliseconds of the configuration.
func ms(n int32) time.Duration { return time.Duration(n) * time.Millisecond }
