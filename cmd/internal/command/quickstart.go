package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"

	"momus/cmd/internal/playground"
	"momus/cmd/internal/secured"
	"momus/configs"
	"momus/coordinator/zkserver"
)

// quickstartOptions are the command line of quickstart.
type quickstartOptions struct {
	brokers       int
	dir           string
	port          int  // of the first broker; the others follow; 0: each takes a free one
	zookeeperPort int  // 0: a free one
	httpPort      int  // of the first broker; the others follow; 0: each takes a free one; -1 for none
	httpWanted    bool // the HTTP ports were asked for, so that others will not do
	consolePort   int  // of the page; 0: a free one; -1 for none
	consoleWanted bool // that port was asked for
	play          *pageServer
	fresh         bool
	secure        bool
	secured       *secured.Cluster // nil unless secure
	overrides     []string
	ready         readiness
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
	flags.IntVar(&o.port, "port", 9092, "port of the first broker; the others take the next ones; 0 for free ones")
	flags.IntVar(&o.zookeeperPort, "zookeeper-port", 2181, "port of the coordination server; 0 for a free one")
	flags.IntVar(&o.httpPort, "http-port", configs.DefaultHTTPPort, "port of the first broker's /metrics and /healthz; 0 for a free one, -1 for none")
	flags.IntVar(&o.consolePort, "console-port", defaultConsolePort, "port of the page that shows the cluster from inside; 0 for a free one, -1 for none")
	flags.BoolVar(&o.fresh, "fresh", false, "begin with empty data: remove the directories that quickstart made in DIR")
	flags.BoolVar(&o.secure, "secure", false, "TLS, logins and access control: with certificates, users and files for their clients in DIR/security")
	flags.StringArrayVar(&o.overrides, "override", nil, "property=value for all brokers; may be repeated")
	o.ready.addFlags(flags, e)
	level := flags.String("log-level", "warn", "how much to log: error, warn, info, debug, trace")
	if err := parse(e, "quickstart", flags, args); err != nil {
		return err
	}
	if rest := flags.Args(); len(rest) > 0 {
		return fmt.Errorf("Found non argument parameters: %s\n%s", strings.Join(rest, ","), strings.TrimRight(usage("quickstart", flags), "\n"))
	}
	// A default port that is taken is replaced by a free one; a port that was asked for is not.
	// Changed is true also for the default value when it was written.
	o.httpWanted, o.consoleWanted = flags.Changed("http-port"), flags.Changed("console-port")
	if _, err := logrus.ParseLevel(*level); err != nil {
		return fmt.Errorf("--log-level %s: valid are error, warn, info, debug and trace", *level)
	}
	if err := o.check(); err != nil {
		return err
	}
	log := newLogger(e.Stderr, *level, "text")
	var maxHeap int64
	// An -Xmx that cannot be read is a warning of momus broker; here nobody asked for one.
	if opts := e.getenv("KAFKA_HEAP_OPTS"); opts != "" {
		maxHeap, _ = configs.ParseMaxHeap(opts)
	}
	applyMemoryLimit(log, e.Environ, maxHeap)
	defer fitProcessors(ctx, e.Environ, log)()
	// In a container the directory may have to be given to the user that the brokers run as.
	if err := e.settle(log, []string{o.dir}, nil); err != nil {
		return err
	}
	// From here on ctx also ends with the parent process, if that was asked for.
	ctx, stop := o.ready.follow(ctx, e)
	defer stop()
	return o.serve(ctx, e, log, began)
}

// check refuses numbers and ports before anything is started, and names the option.
func (o *quickstartOptions) check() error {
	if o.brokers < 1 || o.brokers > 100 {
		return fmt.Errorf("--brokers %d: valid are 1 to 100", o.brokers)
	}
	for _, p := range []struct {
		option              string
		first, count, least int
	}{{"--port", o.port, o.brokers, 0}, {"--zookeeper-port", o.zookeeperPort, 1, 0}, {"--http-port", o.httpPort, o.brokers, -1}, {"--console-port", o.consolePort, 1, -1}} {
		// The ports of several brokers follow each other, and the last one has to be a port, too.
		if p.first < p.least || p.first+p.count-1 > 65535 {
			return fmt.Errorf("%s %d: valid are %d to %d", p.option, p.first, p.least, 65536-p.count)
		}
	}
	return checkPorts(o.ports())
}

// ports lists what will be listened on and has to be free.
func (o *quickstartOptions) ports() []portUse {
	var uses []portUse
	// 0 is any free port, which cannot be taken.
	if o.zookeeperPort > 0 {
		uses = append(uses, portUse{host, o.zookeeperPort, "ZooKeeper's protocol", "--zookeeper-port"})
	}
	if o.consolePort > 0 && o.consoleWanted {
		uses = append(uses, portUse{host, o.consolePort, "the page", "--console-port"})
	}
	for i := range o.brokers {
		if o.port > 0 {
			uses = append(uses, portUse{host, o.port + i, "Kafka, broker " + strconv.Itoa(i+1), "--port"})
		}
		// Default HTTP ports are not checked here: free ones take their place.
		if o.httpPort > 0 && o.httpWanted {
			uses = append(uses, portUse{host, o.httpPort + i, "metrics, broker " + strconv.Itoa(i+1), "--http-port"})
		}
	}
	return uses
}

// following is the i-th of a row of ports that begins with first; 0 stands for any.
func following(first, i int) string {
	if first > 0 {
		first += i
	}
	return net.JoinHostPort(host, strconv.Itoa(first))
}

// kafkaHint is the address of the first broker, as far as it is known before that is there.
func (o *quickstartOptions) kafkaHint() string {
	if o.port == 0 {
		return ""
	}
	return following(o.port, 0)
}

// settings are those of broker id, which is the count from 1.
func (o *quickstartOptions) settings(id int, dir, zookeeper string) []string {
	// With Kafka's defaults of three, fewer brokers could not make the internal topics.
	replicas := strconv.Itoa(min(3, o.brokers))
	return append([]string{
		"broker.id=" + strconv.Itoa(id),
		"listeners=" + o.protocol() + "://" + following(o.port, id-1),
		"log.dirs=" + dir,
		"zookeeper.connect=" + zookeeper,
		"offsets.topic.replication.factor=" + replicas,
		"transaction.state.log.replication.factor=" + replicas,
		"transaction.state.log.min.isr=" + strconv.Itoa(min(2, o.brokers)),
		// Kafka lets the first consumer of a group wait three seconds for others, who do not come
		// here.
		"group.initial.rebalance.delay.ms=0",
	}, append(o.security(), o.overrides...)...)
}

// directories prepares the data: it returns that of the coordination server and those of the
// brokers.
func (o *quickstartOptions) directories(d *dataDir) (coordination string, brokers []string, err error) {
	// wipe refuses if one of these was made by somebody else.
	names := []string{"zookeeper"}
	for i := range o.brokers {
		names = append(names, "broker-"+strconv.Itoa(i+1))
	}
	if o.secure {
		names = append(names, securityDir)
	}
	if o.fresh {
		if err := d.wipe(names); err != nil {
			return "", nil, err
		}
	}
	// After the wipe, which takes old secrets with it, and before the directories are made anew.
	if err := o.openSecurity(); err != nil {
		return "", nil, err
	}
	paths := make([]string, len(names))
	for i, name := range names {
		if paths[i], err = d.create(name); err != nil {
			return "", nil, err
		}
	}
	return paths[0], paths[1 : 1+o.brokers], nil
}

// serve runs everything until ctx ends or something fails, and stops the brokers before the
// coordination server.
func (o *quickstartOptions) serve(ctx context.Context, e *Env, log *logrus.Logger, began time.Time) (err error) {
	data, err := openDataDir(o.dir)
	if err != nil {
		return err
	}
	// The lock is the last to go: nobody may open the data while something still writes.
	defer func() { err = errors.Join(err, data.close()) }()
	coordinationDir, brokerDirs, err := o.directories(data)
	if err != nil {
		return err
	}
	// Brokers that were killed with this process cannot come back for their sessions: the next
	// start need not wait for these to time out.
	options := zkserver.Options{Dir: coordinationDir, Listen: following(o.zookeeperPort, 0),
		MaxClientCnxns: -1, EndOldSessions: true, Kafka: o.kafkaHint(), Logger: log.WithField("logger", "zookeeper")}
	if o.secured != nil {
		o.secured.Coordination(&options)
	}
	coordination, err := e.newCoordination(options)
	if err != nil {
		return explainPort(err)
	}
	// The coordination server outlives ctx, so that the brokers can take their leave from it.
	coordinationCtx, stopCoordination := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCoordination()
	coordinationDone := make(chan error, 1) // one: it ends once
	go func() { coordinationDone <- coordination.Run(coordinationCtx) }()

	zookeeper := net.JoinHostPort(host, portOf(coordination.Addr()))
	o.play = newPageServer(e.Version, o.brokers)
	defer o.play.Close()
	// nil for a server of a test, which has no sessions to play with.
	sessions, _ := coordination.(playground.Sessions)
	brokers, configured, err := o.newBrokers(e, log, brokerDirs, zookeeper, sessions)
	if err == nil && o.secured != nil {
		// Users and ACLs are written before any broker serves, so that none is ever open.
		err = o.secured.Provision(ctx, zookeeper)
	}
	// Nothing but the coordination server runs yet.
	if err != nil {
		stopCoordination()
		return errors.Join(err, <-coordinationDone)
	}
	// One context for all brokers: when one fails the others stop in an orderly way.
	brokersCtx, stopBrokers := context.WithCancel(ctx)
	defer stopBrokers()
	stopPage, err := o.openPage(ctx, log)
	if err != nil {
		stopCoordination()
		return errors.Join(err, <-coordinationDone)
	}
	defer stopPage()
	brokersDone := make(chan error, len(brokers)) // one for each
	for i, b := range brokers {
		go func() { // ended by stopBrokers
			// The page may kill this broker and start it again within Run.
			err := o.play.Run(brokersCtx, i, b)
			if err != nil {
				err = fmt.Errorf("broker %d: %w", i+1, explainPort(err))
			}
			brokersDone <- err
		}()
	}

	var errs []error
	running := len(brokers)
	// Each broker that ends takes the others with it, whether it failed or was told to.
	note := func(err error) {
		running--
		errs = append(errs, err)
		stopBrokers()
	}
	served := allReady(brokersCtx, brokers)
	ready := served
	for running > 0 {
		select {
		case <-ready:
			ready = nil
			if brokersCtx.Err() == nil {
				if err := o.announce(e, describeAll(brokers, configured, zookeeper), time.Since(began)); err != nil {
					errs = append(errs, err)
					stopBrokers()
				}
			}
		case err := <-brokersDone:
			note(err)
		case err := <-coordinationDone:
			coordinationDone = nil
			// It ends by itself only when it failed, and brokers cannot go on without it.
			if err == nil {
				err = errors.New("nobody has asked it to")
			}
			errs = append(errs, fmt.Errorf("the coordination server has ended: %w", err))
			stopBrokers()
			for running > 0 {
				note(<-brokersDone)
			}
		}
	}
	<-served
	stopCoordination()
	if coordinationDone != nil {
		errs = append(errs, <-coordinationDone)
	}
	return whyStopped(errs, o.dir)
}

// whyStopped joins the reasons of all that has stopped. A full disk stops everything that is on it,
// and is said once.
func whyStopped(errs []error, dir string) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) > 1 && !slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, syscall.ENOSPC) }) {
		return fmt.Errorf("the disk of %s is full, which has stopped the brokers and the coordination server: free space on it, or lower log.retention.bytes or log.retention.ms, and start again", dir)
	}
	return errors.Join(errs...)
}

// portOf is the port of an address that a server listens on; "" for one that has none.
func portOf(a net.Addr) string {
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return ""
	}
	return port
}

// openPage serves the page that shows the cluster, if it is wanted, until stop is called.
func (o *quickstartOptions) openPage(ctx context.Context, log *logrus.Logger) (stop func(), err error) {
	if o.consolePort < 0 {
		return func() {}, nil
	}
	if err := o.play.serve(ctx, o.consolePort, o.consoleWanted, log); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1) // one: it ends once
	go func() { done <- o.play.server.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			log.WithError(err).Warn("the page ended")
		}
	}, nil
}

// newBrokers makes the brokers; none runs yet.
func (o *quickstartOptions) newBrokers(e *Env, log *logrus.Logger, dirs []string, zookeeper string, sessions playground.Sessions) ([]Server, []*configs.Config, error) {
	brokers, configured := make([]Server, o.brokers), make([]*configs.Config, o.brokers)
	options := playground.Options{
		Version: e.Version, Brokers: o.brokers, Listener: o.protocol(), ZooKeeper: zookeeper, Sessions: sessions, Logger: log,
		LogDir: func(i int) string { return configured[i].Broker().LogDirectories()[0] },
		Make: func(i int) (playground.Server, error) {
			// A new configuration: the old one knows parts of the broker that was stopped. It stays
			// at the port that it had.
			var same []string
			if a := brokers[i].Addr(o.protocol()); a != nil { // nil where --override gives other listeners
				same = append(same, "listeners="+o.protocol()+"://"+net.JoinHostPort(host, portOf(a)))
			}
			config, _, err := o.loadConfig(i, dirs[i], zookeeper, same...)
			if err != nil {
				return nil, err
			}
			return o.newServer(e, log, i, config)
		},
	}
	if o.secured != nil {
		var err error
		if options.TLS, options.Client, err = o.secured.Client(secured.Admin); err != nil {
			return nil, nil, err
		}
	}
	o.play.Configure(options)
	for i := range brokers {
		config, warnings, err := o.loadConfig(i, dirs[i], zookeeper)
		if err != nil {
			return nil, nil, err
		}
		// All brokers have the same warnings.
		if i == 0 {
			logConfiguration(log, nil, warnings)
		}
		configured[i] = config
		if brokers[i], err = o.newServer(e, log, i, config); err != nil {
			return nil, nil, err
		}
	}
	return brokers, configured, nil
}

// newServer makes the i-th broker.
func (o *quickstartOptions) newServer(e *Env, log *logrus.Logger, i int, config *configs.Config) (Server, error) {
	life := o.play.NewLife(i)
	options := BrokerOptions{Config: config, Logger: log, HTTPOptional: !o.httpWanted, Journal: life.Journal, Abandon: life.Abandon}
	if o.httpPort >= 0 {
		options.HTTPAddr = following(o.httpPort, i)
	}
	// Without a page nobody plays, and the broker gets the real network and disk with nothing
	// between.
	if o.consolePort >= 0 {
		options.Console, options.Logger, options.Net, options.FS = o.play.Site(), life.Logger, life.Net, life.FS
	}
	b, err := e.newBroker(options)
	if err != nil {
		return nil, fmt.Errorf("broker %d: %w", i+1, explainPort(err))
	}
	return b, nil
}

// loadConfig reads the configuration of the i-th broker; more settings win over all others.
func (o *quickstartOptions) loadConfig(i int, dir, zookeeper string, more ...string) (*configs.Config, []configs.Warning, error) {
	return configs.Load(configs.Sources{Env: o.environment(), Overrides: append(o.settings(i+1, dir, zookeeper), more...)})
}

// describeAll collects where everything is.
func describeAll(brokers []Server, configured []*configs.Config, zookeeper string) readyContent {
	content := readyContent{ZooKeeper: zookeeper}
	var bootstrap []string
	for i, b := range brokers {
		d := describeBroker(b, configured[i])
		bootstrap = append(bootstrap, bootstrapOf(configured[i], d))
		content.Brokers = append(content.Brokers, d)
	}
	content.Bootstrap = strings.Join(bootstrap, ",")
	return content
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

// announce says where everything is and what to type next, to programs by the ready file and to
// people in 80 columns.
func (o *quickstartOptions) announce(e *Env, all readyContent, took time.Duration) error {
	if err := o.ready.write(all); err != nil {
		return err
	}
	var kafka, metrics []string
	for _, b := range all.Brokers {
		for _, name := range slices.Sorted(maps.Keys(b.Listeners)) {
			kafka = append(kafka, b.Listeners[name])
		}
		if b.HTTP != "" {
			metrics = append(metrics, b.url(net.JoinHostPort(host, portOfText(b.HTTP)), "/metrics"))
		}
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		dir = o.dir
	}
	w := e.Stdout
	fmt.Fprintf(w, "momus %s is ready after %d ms. Ctrl-C stops it.\n\n", e.Version, took.Milliseconds())
	list := func(title string, items []string) {
		for i, item := range items {
			if i > 0 {
				title = ""
			}
			fmt.Fprintf(w, "  %-10s %s\n", title, item)
		}
	}
	list("Kafka", kafka)
	list("ZooKeeper", []string{all.ZooKeeper})
	list("metrics", metrics)
	if page := o.play.address(); page != "" {
		list("page", []string{page})
	}
	list("data", []string{dir, "(kept; --fresh begins anew)"})
	program, server := e.invocation(), kafka[0]
	if o.secured != nil {
		if err := o.secured.WriteClients(strings.Join(kafka, ",")); err != nil {
			return err
		}
		list("secrets", []string{filepath.Join(dir, securityDir)})
		fmt.Fprintf(w, "\nNext, in another terminal:\n\n")
		for _, c := range secured.Next(program, server, filepath.Join(o.dir, securityDir)) {
			fmt.Fprintln(w, secured.Wrap(c))
		}
		return nil
	}
	fmt.Fprintf(w, "\nNext, in another terminal:\n\n")
	create := fmt.Sprintf("%s topics --bootstrap-server %s --create --topic hello", program, server)
	if len(kafka) > 1 {
		create += fmt.Sprintf(" \\\n    --replication-factor %d", min(3, o.brokers))
	}
	for _, c := range []string{
		create,
		fmt.Sprintf("%s console-producer --bootstrap-server %s --topic hello", program, server),
		fmt.Sprintf("%s console-consumer --bootstrap-server %s --topic hello \\\n    --from-beginning", program, server),
	} {
		fmt.Fprintf(w, "  %s\n", c)
	}
	fmt.Fprintf(w, "\nThese are Kafka's own tools: %s topics is kafka-topics.sh, and so on.\n", program)
	return nil
}

// portOfText is portOf of a text; a text without a port is given back, for a message.
func portOfText(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return port
}

// invocation is how a person who stands where this program was started types its name.
func (e *Env) invocation() string {
	if len(e.Args) == 0 || filepath.Base(e.Args[0]) == e.Args[0] {
		return "momus"
	}
	name := e.Args[0]
	if here, err := os.Getwd(); err == nil && filepath.IsAbs(name) {
		if relative, err := filepath.Rel(here, name); err == nil && !strings.HasPrefix(relative, "..") {
			name = relative
		}
	}
	if !strings.ContainsRune(name, filepath.Separator) {
		name = "." + string(filepath.Separator) + name
	}
	return name
}
