package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// node is a server of the cluster, a process of its own.
type node struct {
	name    string
	args    []string
	addr    string // host:port for clients
	web     string // base address of its HTTP port, "" for none
	dir     string
	program string

	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	log    *os.File
	paused bool
	broken bool // its second disk is
}

// cluster is a coordination server and brokers.
type cluster struct {
	dir          string
	coordination *node
	brokers      []*node
	ports        ports
}

// startCluster starts all servers and waits until they serve.
func startCluster(ctx context.Context, o Options) (_ *cluster, err error) {
	c := &cluster{dir: o.Dir}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	zk, err := c.ports.choose(o.ZooKeeperPort)
	if err != nil {
		return nil, err
	}
	c.coordination = &node{name: "coordination server", program: o.Program, addr: address(zk), dir: filepath.Join(o.Dir, "zookeeper"),
		args: []string{"zookeeper", "--dir", filepath.Join(o.Dir, "zookeeper"), "--port", strconv.Itoa(zk)}}
	for i := range o.Brokers {
		b, err := newBroker(o, i, c.coordination.addr, &c.ports)
		if err != nil {
			return nil, err
		}
		c.brokers = append(c.brokers, b)
	}
	// All are started before any is waited for; brokers look for the coordination server until it
	// is there.
	for _, n := range append([]*node{c.coordination}, c.brokers...) {
		if err := n.start(); err != nil {
			return nil, err
		}
	}
	for _, b := range c.brokers {
		if err := b.ready(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// brokerOfTwoDisks is the broker that has a second log directory, as if on a disk of its own, which a
// chapter breaks.
const (
	brokerOfTwoDisks = 2
	secondDisk       = "second-disk"
)

// newBroker writes a broker's server.properties. Timeouts are short, so that a learner sees what
// follows from a failure.
func newBroker(o Options, id int, zookeeper string, free *ports) (*node, error) {
	wanted := 0
	if o.BrokerPort > 0 {
		wanted = o.BrokerPort + id
	}
	port, err := free.choose(wanted)
	if err != nil {
		return nil, err
	}
	web, err := free.choose(0)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.Dir, "broker-"+strconv.Itoa(id))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	logs := filepath.Join(dir, "logs")
	if id == brokerOfTwoDisks {
		logs += "," + filepath.Join(dir, secondDisk)
	}
	// More replicas than brokers cannot be made.
	factor := strconv.Itoa(min(3, o.Brokers))
	lines := []string{
		// A rack for each, so that a chapter can show followers of the reader's own rack (KIP-392).
		"broker.id=" + strconv.Itoa(id), "broker.rack=rack-" + string(rune('a'+id)), "listeners=PLAINTEXT://" + address(port), "log.dirs=" + logs,
		"zookeeper.connect=" + zookeeper, "zookeeper.session.timeout.ms=3000", "replica.lag.time.max.ms=3000",
		"offsets.topic.replication.factor=" + factor, "offsets.topic.num.partitions=3", "transaction.state.log.replication.factor=" + factor,
		"transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=3", "group.initial.rebalance.delay.ms=0",
		"auto.leader.rebalance.enable=false", "log.retention.check.interval.ms=1000", "log.segment.delete.delay.ms=1000", "log.cleaner.backoff.ms=500",
		"replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector", "momus.http.port=" + strconv.Itoa(web),
	}
	file := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	return &node{name: "broker " + strconv.Itoa(id), program: o.Program, args: []string{"broker", file}, addr: address(port), web: "http://" + address(web), dir: dir}, nil
}

// address is a port of this machine as clients write it.
func address(port int) string { return net.JoinHostPort("localhost", strconv.Itoa(port)) }

// ports are the numbers that a cluster listens on. They are the cluster's from their choice to its
// end, also while a broker is down: a UDP socket of the same number, which nobody sends to, keeps
// other courses from choosing them, and the system hands none of them to a connection by itself.
type ports struct{ held []net.PacketConn }

// Where free ports are looked for: below 32768, where Linux begins to hand ports out; others begin
// at 49152.
const (
	firstPort = 30000
	lastPort  = 32767
)

// choose gives the wanted port if it is free, else another one that is.
func (p *ports) choose(wanted int) (int, error) {
	// A wanted port that is taken is no error: addresses are shown, not remembered.
	if wanted > 0 && p.take(wanted) {
		return wanted, nil
	}
	for _, i := range rand.Perm(lastPort + 1 - firstPort) {
		if p.take(firstPort + i) {
			return firstPort + i, nil
		}
	}
	return 0, errors.New("there is no free port on localhost")
}

// take holds a port, unless another course does or somebody listens on it.
func (p *ports) take(port int) bool {
	hold, err := net.ListenPacket("udp", address(port))
	if err != nil {
		return false
	}
	probe, err := net.Listen("tcp", address(port))
	if err != nil {
		hold.Close()
		return false
	}
	probe.Close()
	p.held = append(p.held, hold)
	return true
}

// release gives the ports up.
func (p *ports) release() {
	for _, h := range p.held {
		h.Close()
	}
	p.held = nil
}

// web are the addresses at which the brokers have their journals and metrics.
func (c *cluster) web() (all []string) {
	for _, b := range c.brokers {
		all = append(all, b.web)
	}
	return all
}

// do carries out "kill 1", "pause 1", "resume 1", "stop 1", "restart 1", "break-disk 2",
// "mend-disk 2", or the same of several brokers: "kill 0 1 2".
func (c *cluster) do(ctx context.Context, what string) error {
	verb, rest, _ := strings.Cut(what, " ")
	for _, number := range strings.Fields(rest) {
		if word.MatchString(number) { // the step that finds it out was skipped
			return Because("which broker that is, an earlier step finds out: run that one first", "어느 브로커인지는 앞 단계에서 알게 됩니다. 그 단계를 먼저 실행하세요")
		}
		id, err := strconv.Atoi(number)
		if err != nil || id < 0 || id >= len(c.brokers) {
			return fmt.Errorf("there is no broker %q", number)
		}
		if err := c.brokers[id].do(ctx, verb); err != nil {
			return fmt.Errorf("%s broker %d: %w", verb, id, err)
		}
	}
	return nil
}

// heal brings every broker back.
func (c *cluster) heal(ctx context.Context) error {
	for _, b := range c.brokers {
		if b.paused {
			if err := b.do(ctx, "resume"); err != nil {
				return err
			}
		}
		if b.broken {
			if err := b.do(ctx, "mend-disk"); err != nil {
				return err
			}
			// A directory that has failed is used again by the next start only.
			if b.alive() {
				if err := b.stop(ctx); err != nil {
					return err
				}
			}
		}
		if !b.alive() {
			if err := b.start(); err != nil {
				return err
			}
		}
	}
	for _, b := range c.brokers {
		if err := b.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// close kills what still runs; a tour's directory is thrown away with it.
func (c *cluster) close() {
	for _, b := range c.brokers {
		b.kill()
	}
	if c.coordination != nil {
		c.coordination.kill()
	}
	c.ports.release()
}

// do does to a node what a step of a chapter says.
func (n *node) do(ctx context.Context, verb string) error {
	switch verb {
	case "kill":
		n.kill()
		return nil
	case "stop":
		return n.stop(ctx)
	case "pause":
		n.paused = true
		return suspend(n.cmd.Process)
	case "resume":
		n.paused = false
		return resume(n.cmd.Process)
	case "break-disk":
		return n.breakDisk()
	case "mend-disk":
		return n.mendDisk()
	case "restart":
		if n.alive() {
			if err := n.stop(ctx); err != nil {
				return err
			}
		}
		if err := n.start(); err != nil {
			return err
		}
		return n.ready(ctx)
	}
	return fmt.Errorf("nobody knows how to %s", verb)
}

// breakDisk takes the second log directory away, as a disk that is gone, and leaves something that
// is no directory.
func (n *node) breakDisk() error {
	disk := filepath.Join(n.dir, secondDisk)
	if err := os.Rename(disk, disk+"-away"); err != nil {
		return err
	}
	n.broken = true
	return os.WriteFile(disk, nil, 0o644)
}

// mendDisk brings the directory back as it was.
func (n *node) mendDisk() error {
	disk := filepath.Join(n.dir, secondDisk)
	if err := os.Remove(disk); err != nil {
		return err
	}
	n.broken = false
	return os.Rename(disk+"-away", disk)
}

// start starts the process; its log goes on where it was, as that of a broker that is restarted.
func (n *node) start() (err error) {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	if n.log, err = os.OpenFile(filepath.Join(n.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return err
	}
	n.cmd = exec.Command(n.program, n.args...)
	n.cmd.Stdout, n.cmd.Stderr, n.cmd.SysProcAttr = n.log, n.log, apart()
	if err := n.cmd.Start(); err != nil {
		n.log.Close()
		n.cmd = nil
		return err
	}
	n.done = make(chan struct{})
	// The fields are handed over: n has those of the next process once it is started again.
	go func(cmd *exec.Cmd, log *os.File, done chan struct{}) { // ends with the process, which close kills
		defer close(done)
		_ = cmd.Wait()
		_ = log.Close()
	}(n.cmd, n.log, n.done)
	return nil
}

// alive reports whether the process runs.
func (n *node) alive() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

// ready waits until a broker serves, or says why it does not.
func (n *node) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.web+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-n.done:
			return fmt.Errorf("%s did not start:\n%s", n.name, n.lastLines())
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve: %w\n%s", n.name, ctx.Err(), n.lastLines())
		// A local request costs nothing, and each chapter begins with this wait.
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// lastLines is the end of the log, for the error of a node that did not start.
func (n *node) lastLines() string {
	text, err := os.ReadFile(filepath.Join(n.dir, "server.log"))
	if err != nil {
		return err.Error()
	}
	// The last five lines: the reason is at the end, above it is the configuration.
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-5):], []byte("\n")))
}

// stop ends the process in an orderly way.
func (n *node) stop(ctx context.Context) error {
	if !n.alive() {
		return nil
	}
	// Windows has no signal for it; there the end is a sudden one.
	if err := interrupt(n.cmd.Process); err != nil {
		n.kill()
		return nil
	}
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill ends the process at once.
func (n *node) kill() {
	if n.alive() {
		_ = n.cmd.Process.Kill()
		<-n.done
	}
	n.paused = false
}
