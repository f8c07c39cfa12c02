package tool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// clientConfig are the settings of a Java client: its properties and how its log lines begin.
type clientConfig struct {
	props  map[string]string
	prefix string // such as [AdminClient clientId=adminclient-1]
	boot   bool   // whether the loss of a bootstrap connection gets a line of its own (producer and consumer)
}

// bootstrap splits bootstrap.servers; a part that is not host:port is an error.
func (cc *clientConfig) bootstrap() ([]string, error) {
	var out []string
	for _, s := range strings.Split(cc.props["bootstrap.servers"], ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		host, port, err := net.SplitHostPort(s)
		if _, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || host == "" {
			return nil, &javaError{class: "org.apache.kafka.common.config.ConfigException", text: "Invalid url in bootstrap.servers: " + s}
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, &javaError{class: "org.apache.kafka.common.config.ConfigException", text: "No resolvable bootstrap urls given in bootstrap.servers"}
	}
	return out, nil
}

// duration reads a setting in milliseconds.
func (cc *clientConfig) duration(key string, fallback time.Duration) (time.Duration, error) {
	s, ok := cc.props[key]
	if !ok {
		return fallback, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, notANumber(s, key, "INT")
	}
	return time.Duration(n) * time.Millisecond, nil
}

func notANumber(value, key, kind string) error {
	return &javaError{class: "org.apache.kafka.common.config.ConfigException",
		text: fmt.Sprintf("Invalid value %s for configuration %s: Not a number of type %s", value, key, kind)}
}

// newClient makes a client out of Java's settings. Nothing is connected before the first request.
func (c *call) newClient(cc *clientConfig, more ...kgo.Opt) (*kgo.Client, error) {
	seeds, err := cc.bootstrap()
	if err != nil {
		return nil, err
	}
	watch := &connections{c: c, cc: cc, seeds: seeds}
	c.watchers = append(c.watchers, watch)
	opts := []kgo.Opt{
		kgo.SeedBrokers(seeds...),
		kgo.ClientID(cc.props["client.id"]),
		kgo.SoftwareNameAndVersion("momus-tools", "2.5.0"),
		kgo.RequestRetries(1 << 20), // time bounds them
		kgo.RetryBackoffFn(func(n int) time.Duration { return min(50*time.Millisecond<<min(n-1, 5), time.Second) }),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.DialTimeout(10 * time.Second),
		kgo.WithHooks(watch),
	}
	if seconds, err := cc.duration("metadata.max.age.ms", 0); err == nil && seconds > 100*time.Millisecond {
		opts = append(opts, kgo.MetadataMaxAge(seconds))
	}
	security, err := cc.security()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(append(opts, security...), more...)...)
	watch.client.Store(client)
	return client, err
}

// javaAddress is an InetSocketAddress as text: the name, a slash, the address.
func javaAddress(host string, port int) string {
	if net.ParseIP(host) != nil {
		return "/" + net.JoinHostPort(host, strconv.Itoa(port))
	}
	ips, err := net.LookupIP(host)
	if err != nil || len(ips) == 0 {
		return fmt.Sprintf("%s:%d", host, port)
	}
	ip := ips[0]
	for _, x := range ips {
		if x.To4() != nil {
			ip = x
			break
		}
	}
	return fmt.Sprintf("%s/%s", host, net.JoinHostPort(ip.String(), strconv.Itoa(port)))
}

// adminClient is Kafka's admin client: each call has a name, which is in the text of its time-out, and a time limit.
type adminClient struct {
	*kgo.Client
	c          *call
	apiTimeout time.Duration // default.api.timeout.ms
	timeoutMs  int32         // what brokers are told: request.timeout.ms
}

// adminFor makes an admin client for bootstrap servers with the properties of a file; "" is no file. What is fixed wins over the file.
func (c *call) adminFor(servers, file string, fixed map[string]string) (*adminClient, error) {
	props, err := readProperties(file)
	if err != nil {
		return nil, err
	}
	maps.Copy(props, fixed)
	props["bootstrap.servers"] = servers
	return c.newAdmin(props)
}

// newAdmin makes an admin client of properties. Errors in them are uncaught exceptions in Kafka's tools.
func (c *call) newAdmin(props map[string]string) (*adminClient, error) {
	failed := func(err error) error {
		return &javaError{class: "org.apache.kafka.common.KafkaException", text: "Failed to create new KafkaAdminClient", cause: err}
	}
	if props["client.id"] == "" {
		props["client.id"] = "adminclient-1"
	}
	cc := &clientConfig{props: props, prefix: "[AdminClient clientId=" + props["client.id"] + "]"}
	api, err := cc.duration("default.api.timeout.ms", time.Minute)
	if err != nil {
		return nil, failed(err)
	}
	request, err := cc.duration("request.timeout.ms", 30*time.Second)
	if err != nil {
		return nil, failed(err)
	}
	cl, err := c.newClient(cc, kgo.RetryTimeout(api))
	if err != nil {
		return nil, failed(err)
	}
	c.warnUnused(props)
	return &adminClient{Client: cl, c: c, apiTimeout: api, timeoutMs: int32(min(request, api).Milliseconds())}, nil
}

// do runs one call within its time limit. Its error is a *javaError as a Java future holds it.
func (a *adminClient) do(ctx context.Context, name string, fn func(ctx context.Context) error) error {
	limit, cancel := context.WithTimeout(ctx, a.apiTimeout)
	defer cancel()
	err := a.c.watchOf(a.Client).retry(limit, fn)
	if err == nil || ctx.Err() != nil {
		return err
	}
	var je *javaError
	if errors.As(err, &je) && je != errNoBroker {
		return err
	}
	if auth := authError(err); auth != nil {
		return auth
	}
	if limit.Err() == nil && je == nil { // given up before the time was over: say why
		a.c.errorf("%s: %v\n", name, err)
	}
	now := time.Now().UnixMilli()
	return timeoutError("Call(callName=%s, deadlineMs=%d) timed out at %d after 1 attempt(s)", name, now, now)
}

// request sends one request in a call of its own.
func request[R kmsg.Response](ctx context.Context, a *adminClient, name string, req kmsg.Request) (R, error) {
	var out R
	err := a.do(ctx, name, func(ctx context.Context) error {
		resp, err := a.Request(ctx, req)
		if err == nil {
			out = resp.(R)
		}
		return unsupported(err, req)
	})
	return out, err
}

// brokerRequest sends one request to a certain broker.
func brokerRequest[R kmsg.Response](ctx context.Context, a *adminClient, name string, broker int32, req kmsg.Request) (R, error) {
	var out R
	err := a.do(ctx, name, func(ctx context.Context) error {
		resp, err := a.Broker(int(broker)).RetriableRequest(ctx, req)
		if err == nil {
			out = resp.(R)
		}
		return unsupported(err, req)
	})
	return out, err
}

// metadata asks for topics, nil for all; none is created.
func (a *adminClient) metadata(ctx context.Context, name string, topics []string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = nil
	if topics != nil {
		req.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, t := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(t)
		req.Topics = append(req.Topics, rt)
	}
	return request[*kmsg.MetadataResponse](ctx, a, name, req)
}

// topicNames lists the topics in order, with or without internal ones.
func (a *adminClient) topicNames(ctx context.Context, internal bool) ([]string, error) {
	resp, err := a.metadata(ctx, "listTopics", nil)
	if err != nil {
		return nil, execution(err)
	}
	var names []string
	for _, t := range resp.Topics {
		if t.Topic != nil && (internal || !t.IsInternal) {
			names = append(names, *t.Topic)
		}
	}
	slices.Sort(names)
	return names, nil
}

// describeConfigs describes the configs of one entity, a topic, broker or broker's loggers as kafka-configs names their kinds, in the
// order of Java's table. No name is the defaults of all brokers.
func (a *adminClient) describeConfigs(ctx context.Context, kind, name string) ([]configEntry, error) {
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceName = name
	callName := "describeConfigs"
	switch kind {
	case "topics":
		r.ResourceType = kmsg.ConfigResourceTypeTopic
	default:
		r.ResourceType = kmsg.ConfigResourceTypeBroker
		if kind == "broker-loggers" {
			r.ResourceType = kmsg.ConfigResourceTypeBrokerLogger
		}
		if name != "" {
			callName = "describeBrokerConfigs"
		}
	}
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.IncludeSynonyms = true
	req.Resources = append(req.Resources, r)
	resp, err := request[*kmsg.DescribeConfigsResponse](ctx, a, callName, req)
	if err != nil {
		return nil, err
	}
	for _, r := range resp.Resources {
		if err := apiError(r.ErrorCode, r.ErrorMessage); err != nil {
			return nil, err
		}
		return hashOrder(r.Configs, 0, func(e configEntry) int32 { return hashCode(e.Name) }), nil
	}
	return nil, nil
}
