package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
	"momus/configs"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// awaitInterval is the time between two attempts to reach something.
const awaitInterval = 300 * time.Millisecond

// withSeconds limits a context to a number of seconds, which was given as text; 0 is over at once.
func withSeconds(ctx context.Context, seconds string) (context.Context, context.CancelFunc, error) {
	n, err := strconv.Atoi(seconds)
	if err != nil || n < 0 {
		return nil, nil, fmt.Errorf("%q is not a number of seconds", seconds)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(n)*time.Second)
	return ctx, cancel, nil
}

// again calls try until it succeeds or ctx ends. The last reason counts, and not that an attempt was
// cut short by the end.
func again(ctx context.Context, try func() error) error {
	var reason error
	for {
		err := try()
		if err == nil {
			return nil
		}
		if reason == nil || ctx.Err() == nil {
			reason = err
		}
		timer := time.NewTimer(awaitInterval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return reason
		}
	}
}

// awaitPort waits until one of the addresses takes connections.
func awaitPort(ctx context.Context, addresses []string) error {
	return again(ctx, func() error {
		var errs []error
		for _, a := range addresses {
			conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", a)
			if err == nil {
				return conn.Close()
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

// waitForZooKeeper waits as long as the image does whose variables are used, before the broker's
// own time-out begins.
func waitForZooKeeper(ctx context.Context, c *configs.Config, log *logrus.Logger) error {
	wait := c.Environment().ZooKeeperWait
	hosts, _, err := configs.ParseZooKeeperConnect(c.Broker().ZookeeperConnect)
	// A connect string that is wrong is the broker's to report, which names the key and its place.
	if wait == 0 || err != nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	began := time.Now()
	if err := awaitPort(limited, hosts); err != nil {
		if ctx.Err() != nil {
			return nil // the broker says that it was stopped
		}
		return fmt.Errorf("ZooKeeper was not reached within %v, as long as the image waits (KAFKA_CUB_ZK_TIMEOUT, seconds); zookeeper.connect is %s: %w",
			wait, c.Broker().ZookeeperConnect, err)
	}
	if took := time.Since(began); took > awaitInterval {
		log.WithField("waited", took.Round(time.Millisecond).String()).Info("reached ZooKeeper")
	}
	return nil
}

// brokersWait is what the brokers are waited for with.
type brokersWait struct {
	servers, zookeeper string // bootstrap servers; without any they are looked up in ZooKeeper
	config             string // file with a client's properties, "" for none
	protocol           string // security protocol of the listeners that are looked up, "" for that of the properties
	getenv             func(string) string
}

// await waits until a cluster has as many brokers as are expected.
func (w *brokersWait) await(ctx context.Context, expected string) error {
	n, err := strconv.Atoi(expected)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number of brokers", expected)
	}
	if w.servers == "" && w.zookeeper == "" {
		return errors.New("one of -b and -z is required")
	}
	props, err := w.properties()
	if err != nil {
		return err
	}
	return again(ctx, func() error {
		seeds := w.servers
		if seeds == "" {
			var err error
			if seeds, err = brokersInZooKeeper(ctx, w.zookeeper, props["security.protocol"]); err != nil {
				return err
			}
		}
		found, err := w.count(ctx, seeds, props)
		if err == nil && found < n {
			err = fmt.Errorf("expected %d brokers but found only %d", n, found)
		}
		return err
	})
}

// properties are those of the file; a protocol on the command line wins over its own.
func (w *brokersWait) properties() (map[string]string, error) {
	if w.protocol != "" {
		switch p, err := model.ParseSecurityProtocol(w.protocol); {
		case err != nil || p.String() != w.protocol: // in capitals, as cub takes them
			return nil, fmt.Errorf("-s %s: the security protocols are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL", w.protocol)
		case p != model.Plaintext && w.config == "":
			return nil, fmt.Errorf("-s %s needs -c FILE, with the client's properties for that protocol", w.protocol)
		}
	}
	props, err := core.ReadProperties(w.config)
	if err != nil {
		return nil, fmt.Errorf("-c %s: %w", w.config, err)
	}
	if w.protocol != "" {
		props["security.protocol"] = w.protocol
	}
	return props, nil
}

// brokersInZooKeeper gives host:port of the listeners of every broker that is registered, those of a
// security protocol alone, or with "" all; none at all is an error, since the caller wants to connect.
func brokersInZooKeeper(ctx context.Context, connect, protocol string) (string, error) {
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	client, err := zk.Dial(ctx, zk.Options{Connect: connect, SessionTimeout: 10 * time.Second, ConnectTimeout: 10 * time.Second, Logger: logrus.NewEntry(quiet)})
	if err != nil {
		return "", err
	}
	defer client.Close()
	brokers, err := client.Brokers(ctx)
	if err != nil {
		return "", err
	}
	var out []string
	for _, b := range brokers {
		for _, e := range b.Endpoints {
			if protocol != "" && e.Protocol.String() != protocol {
				continue
			}
			out = append(out, net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))))
		}
	}
	if len(out) == 0 {
		if protocol != "" {
			return "", fmt.Errorf("no broker is registered in ZooKeeper with a listener of %s", protocol)
		}
		return "", errors.New("no broker is registered in ZooKeeper")
	}
	return strings.Join(out, ","), nil
}

// count asks any of the brokers how many there are; it fails after five seconds, so that its caller
// can ask again.
func (w *brokersWait) count(ctx context.Context, seeds string, props map[string]string) (int, error) {
	call := &core.Call{Env: &core.Env{Stdout: io.Discard, Stderr: io.Discard, Getenv: w.getenv}, Out: screen.NewOutput(io.Discard)}
	props = maps.Clone(props)
	props["bootstrap.servers"] = seeds
	client, err := clients.New(call, &clients.Config{Props: props}, kgo.RetryTimeout(5*time.Second))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	// An empty list, not null, asks for no topic: only the brokers of the answer count.
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	return len(response.Brokers), nil
}
