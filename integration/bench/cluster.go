package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/configs"
)

// kind is what a cluster is made of.
type kind struct {
	name   string
	broker []string // the command of a broker; the path of its properties is appended
	lines  []string // properties that only this kind has
}

// lab starts clusters of either kind, each in a directory of its own.
type lab struct {
	dir       string
	kinds     []kind
	zookeeper func(dir string, port int) ([]string, error) // the same for both kinds
	clusters  int
}

// newLab finds out which kinds there are: momus, and Apache Kafka if Java and its jars are there.
func newLab(dir, momus, peers string) (*lab, error) {
	binary, err := filepath.Abs(momus)
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, kinds: []kind{{name: "momus", broker: []string{binary, "broker"}, lines: []string{configs.HTTPPortKey + "=-1"}}}}
	java, why := apacheArgs(peers)
	if java == nil {
		fmt.Println("Apache Kafka is left out:", why)
		l.zookeeper = func(dir string, port int) ([]string, error) {
			return []string{binary, "zookeeper", "--dir", dir, "--port", fmt.Sprint(port)}, nil
		}
		return l, nil
	}
	// Only the shape of the commands is wanted here, so the ports do not matter.
	commands, err := java(filepath.Join(dir, "commands"), 0, 0)
	if err != nil {
		return nil, err
	}
	kafka := commands[len(commands)-1]
	// Without its last word, the path of the properties, which start appends for each broker.
	l.kinds = append(l.kinds, kind{name: "Apache Kafka 2.5.0", broker: kafka[:len(kafka)-1]})
	l.zookeeper = func(dir string, port int) ([]string, error) {
		commands, err := java(dir, 0, port)
		if err != nil {
			return nil, err
		}
		return commands[0], nil
	}
	return l, nil
}

// cluster is running brokers with a ZooKeeper of their own. Ids are 1 to n.
type cluster struct {
	name    string
	zk      *process
	connect string // zookeeper.connect
	brokers []*process
	addrs   []string // of the brokers
	second  []string // of their other listeners
}

// start starts n brokers with the same properties and waits until all of them know all. A line may
// have {port} for the port of the PLAINTEXT listener and {second} for that of another one, whose
// addresses are c.second.
func (l *lab) start(k kind, n int, lines ...string) (*cluster, error) {
	l.clusters++
	// A directory for each cluster: nothing of one run warms up the next.
	dir := filepath.Join(l.dir, fmt.Sprintf("cluster-%d", l.clusters))
	c := &cluster{name: k.name}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	command, err := l.zookeeper(filepath.Join(dir, "zookeeper"), port)
	if err != nil {
		return nil, err
	}
	if c.zk, err = startProcess(command); err != nil {
		return nil, err
	}
	zk := fmt.Sprintf("127.0.0.1:%d", port)
	c.connect = zk
	if err := listening(zk); err != nil {
		return c, err
	}
	for id := 1; id <= n; id++ {
		if port, err = freePort(); err != nil {
			return c, err
		}
		base := filepath.Join(dir, fmt.Sprintf("broker-%d", id))
		// Later lines win, so that a scenario may change any of these.
		properties := strings.Join(append([]string{
			fmt.Sprintf("broker.id=%d", id), fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d", port), "log.dirs=" + filepath.Join(base, "logs"),
			"zookeeper.connect=" + zk, fmt.Sprintf("offsets.topic.replication.factor=%d", n), fmt.Sprintf("transaction.state.log.replication.factor=%d", n),
			"transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0", "log.segment.delete.delay.ms=1000",
		}, slices.Concat(k.lines, lines)...), "\n")
		if strings.Contains(properties, "{second}") {
			second, err := freePort()
			if err != nil {
				return c, err
			}
			properties = strings.NewReplacer("{port}", fmt.Sprint(port), "{second}", fmt.Sprint(second)).Replace(properties)
			c.second = append(c.second, fmt.Sprintf("127.0.0.1:%d", second))
		}
		if err := os.MkdirAll(base, 0o755); err != nil {
			return c, err
		}
		file := filepath.Join(base, "server.properties")
		if err := os.WriteFile(file, []byte(properties+"\n"), 0o644); err != nil {
			return c, err
		}
		p, err := startProcess(append(append([]string{}, k.broker...), file))
		if err != nil {
			return c, err
		}
		c.brokers, c.addrs = append(c.brokers, p), append(c.addrs, fmt.Sprintf("127.0.0.1:%d", port))
	}
	for i, addr := range c.addrs {
		if err := c.wait(c.brokers[i], addr, n); err != nil {
			return c, err
		}
	}
	return c, nil
}

// wait waits until a broker knows n brokers and a controller.
func (c *cluster) wait(p *process, addr string, n int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	// Every broker is asked itself: a client would take the first answer of any.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		m, err := kadm.NewClient(cl).BrokerMetadata(ctx)
		// Cancelled in the loop, since the client lives on.
		cancel()
		if err == nil && len(m.Brokers) == n && m.Controller > 0 {
			return nil
		}
		if err := p.ended(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%s at %s does not know %d brokers", c.name, addr, n), err)
		}
	}
}

// ended is an error if a process has ended that should run: its CPU time would be missing from what
// is measured.
func (c *cluster) ended() error {
	var errs []error
	for _, p := range append(c.brokers[:len(c.brokers):len(c.brokers)], c.zk) {
		errs = append(errs, p.ended())
	}
	return errors.Join(errs...)
}

// stop ends all processes; c may be nil or half started.
func (c *cluster) stop() {
	if c == nil {
		return
	}
	for _, p := range append(c.brokers, c.zk) {
		if p != nil {
			p.stop()
		}
	}
}

// cpu is the CPU time of all brokers so far in seconds.
func (c *cluster) cpu() float64 {
	var sum float64
	for _, p := range c.brokers {
		sum += p.cpu()
	}
	return sum
}

// admin runs do with an administration client.
func (c *cluster) admin(do func(ctx context.Context, adm *kadm.Client) error) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return do(ctx, kadm.NewClient(cl))
}

// createTopic creates a topic and waits until it can be used.
func (c *cluster) createTopic(name string, partitions int32) error {
	return c.admin(func(ctx context.Context, adm *kadm.Client) error {
		r, err := adm.CreateTopic(ctx, partitions, 1, nil, name)
		if errors.Is(r.Err, kerr.TopicAlreadyExists) { // by the same request, which the client sent again when the machine was busy
			err, r.Err = nil, nil
		}
		if err = errors.Join(err, r.Err); err != nil {
			return fmt.Errorf("create topic %s: %w", name, err)
		}
		// CreateTopics answers before the leaders are known to all brokers.
		for ctx.Err() == nil {
			m, err := adm.Metadata(ctx, name)
			if err == nil && led(m.Topics[name].Partitions, partitions) {
				return nil
			}
			time.Sleep(20 * time.Millisecond)
		}
		return ctx.Err()
	})
}

// led tells whether n partitions have a leader.
func led(partitions kadm.PartitionDetails, n int32) bool {
	for _, p := range partitions {
		if p.Err != nil || p.Leader < 0 {
			return false
		}
	}
	return len(partitions) == int(n)
}

// conn is a connection that has one request in flight.
type conn struct {
	net.Conn
	in *bufio.Reader
}

// dial connects a client of one request at a time, which shares nothing with a library: what is
// measured is the broker.
func dial(addr string) (*conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// call sends a request, whose version is set, and reads its answer into resp.
func (c *conn) call(req kmsg.Request, resp kmsg.Response) error {
	resp.SetVersion(req.GetVersion())
	if _, err := c.Write(frame(req)); err != nil {
		return err
	}
	body, err := readFrame(c.in)
	if err != nil {
		return err
	}
	// The header of a flexible answer ends in tagged fields, except that of ApiVersions (KIP-482).
	if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
		if len(body) == 0 {
			return io.ErrUnexpectedEOF
		}
		body = body[1:] // no tagged fields in the header
	}
	return resp.ReadFrom(body)
}
