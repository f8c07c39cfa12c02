package doctor_test

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"momus/broker/embed"
	"momus/cmd/internal/command"
	"momus/cmd/internal/doctor"
	"momus/cmd/internal/tool"
	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
	"momus/integration/testkit"
	rules "momus/internal/doctor"
	"momus/internal/testbase"
	"momus/momustest"
	"momus/storage/vfs"
)

// asMomus makes this test's own program a momus, for the commands of cures.
const asMomus = "DOCTOR_TEST_AS_MOMUS"

func TestMain(m *testing.M) {
	if os.Getenv(asMomus) != "" {
		os.Exit(command.Main(&command.Env{Args: append([]string{"momus"}, os.Args[1:]...), Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr}))
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait.
const patience = 60 * time.Second

// lab is a cluster that is broken and looked at.
type lab struct {
	t         *testing.T
	bootstrap string
	zookeeper string
	cluster   *momustest.Cluster // nil if the brokers have settings of their own
	client    *kgo.Client
	admin     *kadm.Client
	options   doctor.Options // what differs from the usual
	files     []*vfs.Fault   // of brokers with settings of their own
	certs     *testkit.Certificates
	pwd       string
}

func newLab(t *testing.T, bootstrap, zookeeper string) *lab {
	t.Helper()
	l := &lab{t: t, bootstrap: bootstrap, zookeeper: zookeeper, pwd: t.TempDir()}
	l.client = l.connect()
	l.admin = kadm.NewClient(l.client)
	l.admin.SetTimeoutMillis(int32(patience.Milliseconds()))
	return l
}

// well is how a cluster of three is well configured.
var well = map[string]string{"default.replication.factor": "3", "min.insync.replicas": "2"}

// start makes a cluster of equal brokers, well configured but for the settings. No session ends by
// itself, unless more says so.
func start(t *testing.T, brokers int, settings map[string]string, more ...momustest.Option) *lab {
	t.Helper()
	opts := []momustest.Option{momustest.Brokers(brokers), momustest.SessionTimeout(30 * time.Second), momustest.Property("auto.create.topics.enable", "false")}
	opts = append(opts, more...)
	if brokers >= 3 {
		for k, v := range well {
			opts = append(opts, momustest.Property(k, v))
		}
	}
	for k, v := range settings {
		opts = append(opts, momustest.Property(k, v))
	}
	c := momustest.Start(t, opts...)
	l := newLab(t, strings.Join(c.Bootstrap(), ","), c.ZooKeeper())
	l.cluster = c
	return l
}

// startEach makes a cluster whose brokers have settings of their own. connect is added to the
// address of ZooKeeper unless a broker says otherwise.
func startEach(t *testing.T, each []map[string]string) *lab {
	t.Helper()
	files := vfs.NewMem()
	z, err := embed.StartCoordination(t.Context(), zkserver.Options{FS: files, Dir: "/zookeeper", NoSync: true, MaxClientCnxns: -1, TickTime: 50 * time.Millisecond, MaxSessionTimeout: time.Minute}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { z.Close() })
	var servers, metrics []string
	var faults []*vfs.Fault
	var certs *testkit.Certificates
	for i, own := range each {
		settings := map[string]string{"broker.id": strconv.Itoa(i + 1), "listeners": "PLAINTEXT://127.0.0.1:0", "log.dirs": "/broker-" + strconv.Itoa(i+1), "zookeeper.connect": z.Addr(),
			"offsets.topic.num.partitions": "3", "offsets.topic.replication.factor": strconv.Itoa(min(3, len(each))), "transaction.state.log.num.partitions": "3",
			"transaction.state.log.replication.factor": strconv.Itoa(min(3, len(each))), "transaction.state.log.min.isr": "1", "group.initial.rebalance.delay.ms": "0",
			"auto.create.topics.enable": "false", "zookeeper.session.timeout.ms": "30000"}
		fault := vfs.NewFault(files)
		faults = append(faults, fault)
		o := embed.Options{Settings: settings, FS: fault}
		for k, v := range own {
			switch k {
			case "http":
				o.HTTPAddr = v
			case "metrics": // a page in place of the broker's own
				metrics = append(metrics, fakeMetrics(t, v))
			case "zookeeper": // by another name
				_, port, _ := net.SplitHostPort(z.Addr())
				settings["zookeeper.connect"] = net.JoinHostPort(v, port)
			case "answers": // another broker at its address
				n, err := strconv.Atoi(v)
				if err != nil {
					t.Fatal(err)
				}
				settings["advertised.listeners"] = "PLAINTEXT://" + testbase.Listen(t, testbase.Forward(servers[n-1]))
			case "certificate": // until when
				if certs == nil {
					certs = testkit.NewCertificates(t)
				}
				until, err := time.ParseDuration(v)
				if err != nil {
					t.Fatal(err)
				}
				certs.Sign("broker", pkix.Name{CommonName: "broker"}, time.Now().Add(until))
				settings["ssl.keystore.location"], settings["ssl.keystore.type"] = certs.Path("broker.p12"), "PKCS12"
				settings["ssl.keystore.password"] = testkit.StorePassword
				settings["ssl.truststore.location"], settings["ssl.truststore.type"] = certs.Path("trust.p12"), "PKCS12"
				settings["ssl.truststore.password"] = testkit.StorePassword
			default:
				settings[k] = v
			}
		}
		b, err := embed.Start(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Abandon() })
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err = b.Ready(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, b.Addr(""))
	}
	l := newLab(t, strings.Join(servers, ","), z.Addr())
	l.options.Metrics, l.files, l.certs = metrics, faults, certs
	return l
}

func (l *lab) connect(opts ...kgo.Opt) *kgo.Client {
	l.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(l.bootstrap, ",")...), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.MetadataMinAge(10 * time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(cl.Close)
	return cl
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) ctx() context.Context {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	l.t.Cleanup(cancel)
	return ctx
}

// topic creates a topic and waits until all brokers know it.
func (l *lab) topic(name string, partitions int32, replicas int16, config ...string) {
	l.t.Helper()
	c := map[string]*string{}
	for _, s := range config {
		k, v, _ := strings.Cut(s, "=")
		c[k] = &v
	}
	r, err := l.admin.CreateTopic(l.ctx(), partitions, replicas, c, name)
	l.must(err)
	if !errors.Is(r.Err, kerr.TopicAlreadyExists) { // it has if the client had to ask twice
		l.must(r.Err)
	}
	if l.cluster != nil {
		l.cluster.WaitTopic(name, int(partitions))
	}
}

// write sends records to partition 0 of a topic.
func (l *lab) write(topic string, records ...*kgo.Record) {
	l.t.Helper()
	for _, r := range records {
		r.Topic = topic
	}
	l.must(l.client.ProduceSync(l.ctx(), records...).FirstErr())
}

func values(n int) (records []*kgo.Record) {
	for i := range n {
		records = append(records, &kgo.Record{Value: fmt.Append(nil, i)})
	}
	return records
}

// commit sets offsets of a group without members.
func (l *lab) commit(group, topic string, offset int64) {
	l.t.Helper()
	o := kadm.Offsets{}
	o.AddOffset(topic, 0, offset, -1)
	l.eventually("committing", func() error {
		r, err := l.admin.CommitOffsets(l.ctx(), group, o)
		if err == nil {
			err = r.Error()
		}
		return err
	})
}

func (l *lab) eventually(what string, try func() error) {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// znodes is a session of the test's own.
func (l *lab) znodes() *gozk.Conn {
	l.t.Helper()
	return zkservertest.Connect(l.t, l.zookeeper)
}

// openACL lets anybody do anything.
var openACL = gozk.WorldACL(gozk.PermAll)

func (l *lab) create(path, data string) {
	l.t.Helper()
	conn := l.znodes()
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := 1; i < len(parts); i++ {
		if _, err := conn.Create("/"+strings.Join(parts[:i], "/"), nil, 0, gozk.WorldACL(gozk.PermAll)); err != nil && err != gozk.ErrNodeExists {
			l.t.Fatal(err)
		}
	}
	_, err := conn.Create(path, []byte(data), 0, gozk.WorldACL(gozk.PermAll))
	l.must(err)
}

// report is what momus doctor --json printed.
type report struct {
	code     int
	stderr   string
	Findings []rules.Finding
	Unknown  []rules.Unknown
	Brokers  []struct {
		ID      int32
		Version string
		Momus   bool
	}
}

func (r *report) find(name string) *rules.Finding {
	for i := range r.Findings {
		if r.Findings[i].Name == name {
			return &r.Findings[i]
		}
	}
	return nil
}

func (r *report) String() string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s: %s\n  %s\n  %s\n", f.Severity, f.Name, f.Summary, strings.Join(f.Evidence, "\n  "), strings.Join(f.Commands, "\n  "))
	}
	for _, u := range r.Unknown {
		fmt.Fprintf(&b, "unknown %s: %s\n", u.Name, u.Reason)
	}
	return b.String()
}

// examine runs the doctor.
func (l *lab) examine() *report {
	l.t.Helper()
	out, errs, code := l.run(true)
	r := &report{code: code, stderr: errs}
	if err := json.Unmarshal([]byte(out), r); err != nil {
		l.t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	return r
}

// run runs the doctor as a command.
func (l *lab) run(document bool) (stdout, stderr string, code int) {
	l.t.Helper()
	o := l.options
	o.JSON = document
	if o.Servers == "" {
		o.Servers = l.bootstrap
	}
	if o.ZooKeeper == "" {
		o.ZooKeeper = l.zookeeper
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Wait == 0 {
		o.Wait = 100 * time.Millisecond
	}
	var out, errs bytes.Buffer
	code = tool.Tool{Name: "doctor", Main: o.Main}.Run(l.ctx(), &tool.Env{Stdout: &out, Stderr: &errs, Stdin: strings.NewReader(""), Getenv: func(string) string { return "" }, Program: "momus"})
	return out.String(), errs.String(), code
}

// cure runs the commands of a finding in a shell.
func (l *lab) cure(f *rules.Finding) {
	l.t.Helper()
	if len(f.Commands) == 0 {
		l.t.Fatalf("%s has no command", f.Name)
	}
	bin := l.t.TempDir()
	self, err := os.Executable()
	l.must(err)
	l.must(os.WriteFile(filepath.Join(bin, "momus"), []byte("#!/bin/sh\n"+asMomus+"=1 exec '"+self+"' \"$@\"\n"), 0o755))
	for _, c := range f.Commands {
		cmd := exec.CommandContext(l.ctx(), "sh", "-c", c)
		cmd.Dir = l.pwd
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			l.t.Fatalf("%s: %v\n%s", c, err, out)
		}
	}
}

// awaitGone looks until a finding is gone.
func (l *lab) awaitGone(name string) {
	l.t.Helper()
	l.eventually(name+" is still found", func() error {
		r := l.examine()
		if r.find(name) != nil {
			return fmt.Errorf("\n%s", r)
		}
		return nil
	})
}

// names of the findings, sorted.
func (r *report) names() (names []string) {
	for _, f := range r.Findings {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}
