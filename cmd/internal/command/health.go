package command

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/configs"
	"momus/internal/model"
)

// runHealthcheck asks the broker of this container, or of this environment, whether it serves: its
// own Kafka listener by its own id, and its /healthz. It exists for images without a shell.
func runHealthcheck(ctx context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("healthcheck", pflag.ContinueOnError)
	url := flags.String("url", "", "ask only this /healthz")
	file := flags.String("ready-file", e.getenv(readyVariable), "file that the broker writes, with its addresses")
	timeout := flags.Duration("timeout", 5*time.Second, "how long to wait for the answers")
	if err := parse(e, "healthcheck", flags, args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if *url != "" {
		return e.askHealth(ctx, *url)
	}
	found, err := e.brokersHere(*file)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	for _, b := range found {
		if err := askKafka(ctx, b); err != nil {
			return fmt.Errorf("not healthy: broker %d: %w", b.ID, err)
		}
		if b.HTTP == "" {
			fmt.Fprintf(e.Stdout, "broker %d serves\n", b.ID)
		} else if err := e.askHealth(ctx, "http://"+reachable(b.HTTP)+"/healthz"); err != nil {
			return err
		}
	}
	return nil
}

// brokersHere are the brokers that this environment is about: those of the ready file, else the one
// of the configuration.
func (e *Env) brokersHere(file string) ([]readyBroker, error) {
	if file != "" {
		var content readyContent
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &content)
		}
		switch {
		case err == nil:
			return content.Brokers, nil
		case !errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("%s: %w", file, err)
		case !anyVariable(e.Environ):
			return nil, errors.New("the broker does not serve yet: there is no " + file)
		}
		// The broker may not be able to write there; then its listener tells.
	}
	b := readyBroker{ID: -1, Bound: map[string]string{}, Protocols: map[string]string{}}
	port := configs.DefaultHTTPPort
	if anyVariable(e.Environ) {
		c, _, err := configs.Load(e.sources("", nil))
		if err != nil {
			return nil, err
		}
		b.ID = c.Broker().BrokerID
		for _, l := range c.Listeners().Bind {
			b.Bound[l.Listener] = net.JoinHostPort(l.Host, strconv.Itoa(int(l.Port)))
			b.Protocols[l.Listener] = l.Protocol.String()
		}
		given := false
		if port, given = c.HTTPPort(); !given {
			port = -1 // whoever answers at the usual one may be another broker
		}
	}
	if port > 0 {
		b.HTTP = ":" + strconv.Itoa(port)
	}
	return []readyBroker{b}, nil
}

// reachable is an address that this machine can connect to, for one that a server is bound to.
func reachable(bound string) string {
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return bound
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// askKafka asks a broker for its API versions, which needs no credentials, at the listener that
// needs the least of them, and whether it has the id that it should have. It answers that only
// where the listener is open.
func askKafka(ctx context.Context, b readyBroker) error {
	order := []string{model.Plaintext.String(), model.SASLPlaintext.String(), model.SSL.String(), model.SASLSSL.String()}
	names := []string{}
	for n := range b.Bound {
		names = append(names, n)
	}
	if len(names) == 0 {
		return nil
	}
	slices.SortFunc(names, func(x, y string) int {
		if d := slices.Index(order, b.Protocols[x]) - slices.Index(order, b.Protocols[y]); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	protocol, address := b.Protocols[names[0]], reachable(b.Bound[names[0]])
	if strings.HasPrefix(protocol, "SASL") {
		if err := askVersions(ctx, address, strings.HasSuffix(protocol, "SSL")); err != nil && !alerted(err) {
			return fmt.Errorf("no answer at its listener %s, %s: %w", names[0], address, err)
		}
		return nil
	}
	// One attempt: whoever watches containers asks again by himself, and wants an answer in time.
	options := []kgo.Opt{kgo.SeedBrokers(address), kgo.WithLogger(kgo.BasicLogger(io.Discard, kgo.LogLevelNone, nil)), kgo.RequestRetries(0)}
	if strings.HasSuffix(protocol, "SSL") {
		// Nothing secret is said or believed here, and the certificate is for the name that clients
		// use.
		options = append(options, kgo.DialTLSConfig(trustAll()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	seed := client.SeedBrokers()[0]
	if _, err := seed.Request(ctx, kmsg.NewPtrApiVersionsRequest()); err != nil {
		if alerted(err) {
			return nil
		}
		return fmt.Errorf("no answer at its listener %s, %s: %w", names[0], address, err)
	}
	// Over TLS, or with an id that nobody knows, it is enough that somebody answers.
	if protocol != model.Plaintext.String() || b.ID < 0 {
		return nil
	}
	return askID(ctx, seed, b.ID, address)
}

// trustAll is for questions that say nothing secret and whose answers nobody relies on: the
// certificate is for the name that clients use, and not for this machine's.
func trustAll() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// alerted reports whether a broker has refused to speak TLS without a certificate: it serves those
// who show one.
func alerted(err error) bool {
	var alert tls.AlertError
	return errors.As(err, &alert)
}

// askVersions asks a listener with SASL for its API versions, once: before a login a second such
// request ends the connection, and a client library makes one of its own.
func askVersions(ctx context.Context, address string, secure bool) error {
	var dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = &net.Dialer{}
	if secure {
		dialer = &tls.Dialer{Config: trustAll()}
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	request := kmsg.NewPtrApiVersionsRequest()
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("momus-healthcheck")).AppendRequest(nil, request, 1)); err != nil {
		return err
	}
	// The size, the correlation id, and the error's code.
	var head [10]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	return kerr.ErrorForCode(int16(binary.BigEndian.Uint16(head[8:])))
}

// askID asks for a config of a broker: 2.5 answers only for itself.
func askID(ctx context.Context, seed *kgo.Broker, id int32, address string) error {
	request := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(id)), []string{"broker.id"}
	request.Resources = append(request.Resources, resource)
	answer, err := seed.Request(ctx, request)
	if err != nil {
		return fmt.Errorf("no answer at %s: %w", address, err)
	}
	for _, r := range answer.(*kmsg.DescribeConfigsResponse).Resources {
		if errors.Is(kerr.ErrorForCode(r.ErrorCode), kerr.InvalidRequest) {
			return fmt.Errorf("another broker answers at %s", address)
		}
	}
	return nil
}

// askHealth asks a /healthz and prints what it says.
func (e *Env) askHealth(ctx context.Context, url string) error {
	// Nothing secret is said or believed here.
	response, err := clients.NewHTTPPorts(trustAll()).Get(ctx, url, "", "")
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	text := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s: %s", response.Status, text)
	}
	fmt.Fprintln(e.Stdout, text)
	return nil
}
