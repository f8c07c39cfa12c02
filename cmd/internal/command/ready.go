package command

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"momus/configs"
)

// readyVariable is the environment variable that stands for --ready-file. The health check reads
// the file too.
const readyVariable = "MOMUS_READY_FILE"

// readiness is what other programs are told about this process, and when it ends because of them.
type readiness struct {
	file       string
	withParent bool
}

// addFlags gives a command the two options that programs want which start a broker for themselves,
// such as a test in another language.
func (r *readiness) addFlags(flags *pflag.FlagSet, e *Env) {
	flags.StringVar(&r.file, "ready-file", e.getenv(readyVariable), "file for addresses and process id as JSON, written when all serves and removed at the end")
	flags.BoolVar(&r.withParent, "exit-with-parent", false, "stop when the process ends that started this one")
}

// getenv is a variable of the command's environment; of several of one name the last counts, as for
// a process.
func (e *Env) getenv(name string) string {
	value := ""
	for _, v := range e.Environ {
		if s, ok := strings.CutPrefix(v, name+"="); ok {
			value = s
		}
	}
	return value
}

// readyContent is the content of a ready file.
type readyContent struct {
	PID       int           `json:"pid"`
	Bootstrap string        `json:"bootstrap"`           // for --bootstrap-server: the advertised addresses of one listener
	ZooKeeper string        `json:"zookeeper,omitempty"` // of the coordination server, or zookeeper.connect
	Brokers   []readyBroker `json:"brokers"`
}

// readyBroker is a broker in the file that --ready-file names, for programs that start momus.
type readyBroker struct {
	ID        int32             `json:"id"`
	Listeners map[string]string `json:"listeners"`       // what clients are told, by listener
	Protocols map[string]string `json:"protocols"`       // PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, by listener
	Bound     map[string]string `json:"bound"`           // what this process listens on, by listener
	HTTP      string            `json:"http,omitempty"`  // of /metrics and /healthz
	HTTPS     bool              `json:"https,omitempty"` // the HTTP port is one of HTTPS
	LogDirs   []string          `json:"log_dirs"`
}

// describeBroker collects the addresses of a broker that serves.
func describeBroker(b Server, c *configs.Config) readyBroker {
	out := readyBroker{ID: b.ID(), Listeners: map[string]string{}, Protocols: map[string]string{}, Bound: map[string]string{}, LogDirs: c.Broker().LogDirectories()}
	ports := func(listener string) int32 {
		if a, ok := b.Addr(listener).(*net.TCPAddr); ok {
			return int32(a.Port)
		}
		return 0
	}
	for _, e := range c.Listeners().AdvertisedWith(ports) {
		out.Listeners[e.Listener] = net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
		out.Protocols[e.Listener] = e.Protocol.String()
	}
	// advertised.listeners may leave out what is bound.
	for _, e := range c.Listeners().Bind {
		out.Bound[e.Listener] = net.JoinHostPort(e.Host, strconv.Itoa(int(ports(e.Listener))))
		out.Protocols[e.Listener] = e.Protocol.String()
	}
	if a := b.HTTPAddr(); a != nil {
		out.HTTP = a.String()
		_, access := c.Console()
		out.HTTPS = access.Listener != ""
	}
	return out
}

// url is one of the HTTP port, at a host by which this machine reaches it.
func (b *readyBroker) url(address, path string) string {
	if b.HTTPS {
		return "https://" + address + path
	}
	return "http://" + address + path
}

// write puts the file in place in one step, so that who sees it can read it.
func (r readiness) write(content readyContent) error {
	if r.file == "" {
		return nil
	}
	content.PID = os.Getpid()
	data, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	// In the same directory: a rename is one step only within a file system.
	temporary, err := os.CreateTemp(filepath.Dir(r.file), filepath.Base(r.file)+".*")
	if err != nil {
		return fmt.Errorf("--ready-file: %w", err)
	}
	_, err = temporary.Write(append(data, '\n'))
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		// CreateTemp makes files for their owner alone; readers of this one may be others.
		err = os.Chmod(temporary.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), r.file)
	}
	if err != nil {
		os.Remove(temporary.Name())
		return fmt.Errorf("--ready-file: %w", err)
	}
	return nil
}

// follow removes the file of an earlier run and, with --exit-with-parent, makes a context that ends
// with the parent process. stop ends the watch and removes the file.
func (r readiness) follow(parent context.Context, e *Env) (ctx context.Context, stop func()) {
	r.remove()
	ctx, cancel := context.WithCancel(parent)
	var watch sync.WaitGroup
	if r.withParent {
		// A parent that ended before this line goes unnoticed: whoever adopted this process looks
		// like it.
		began := os.Getppid()
		watch.Go(func() { // ended by cancel
			if awaitParent(ctx, began) {
				fmt.Fprintln(e.Stderr, "stopping, because the process that started this one has ended")
				cancel()
			}
		})
	}
	return ctx, func() {
		cancel()
		watch.Wait()
		r.remove()
	}
}

// remove takes the file away when nothing serves any more; that it is gone already is no error.
func (r readiness) remove() {
	if r.file != "" {
		os.Remove(r.file)
	}
}

// parentInterval is how often the parent process is looked for: no system tells its end to programs
// of several threads in the same way.
const parentInterval = 200 * time.Millisecond

// awaitParent waits until this process has another parent than the one that it began with, or ctx
// ends.
func awaitParent(ctx context.Context, began int) bool {
	tick := time.NewTicker(parentInterval)
	defer tick.Stop()
	for parentAlive(began) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// announceWhenReady says that the broker serves, once it does: with Kafka's own line, which
// programs wait for, and the ready file. The returned function ends the wait.
func announceWhenReady(ctx context.Context, e *Env, r readiness, b Server, c *configs.Config) func() {
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		select {
		case <-b.Ready():
		case <-ctx.Done():
			return
		}
		described := describeBroker(b, c)
		if err := r.write(readyContent{Bootstrap: bootstrapOf(c, described), ZooKeeper: c.Broker().ZookeeperConnect, Brokers: []readyBroker{described}}); err != nil {
			fmt.Fprintln(e.Stderr, err)
		}
		if err := tellServiceManager(e.getenv(notifyVariable), "READY=1"); err != nil {
			fmt.Fprintln(e.Stderr, err)
		}
		// KafkaServer's own words in log4j's layout: programs that start Kafka wait for "started
		// (kafka.server.KafkaServer)".
		if c.LogFormat() == "text" {
			fmt.Fprintf(e.Stdout, "[%s] INFO [KafkaServer id=%d] started (kafka.server.KafkaServer)\n", time.Now().Format("2006-01-02 15:04:05,000"), b.ID())
		}
	})
	return func() {
		cancel()
		wait.Wait()
	}
}

// bootstrapOf is the address for clients: of the first listener that is not for other brokers only.
func bootstrapOf(c *configs.Config, b readyBroker) string {
	for _, e := range c.Listeners().Advertised {
		if e.Listener != c.Listeners().InterBroker {
			return b.Listeners[e.Listener]
		}
	}
	return b.Listeners[c.Listeners().InterBroker]
}
