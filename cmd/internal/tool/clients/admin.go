// Package clients is Kafka's Java clients as the tools use them: admin client, producer and
// consumer over franz-go, made of Java's properties, with Java's log lines and exceptions, and
// sessions with ZooKeeper. Every client is watched (connections), so that a tool that got nowhere
// can say why.
//
// The caller owns a client and closes it. franz-go's goroutines live between New and Close; the
// hooks of connections run on them.
package clients

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
)

// Admin is Kafka's admin client: each call has a name, which is in the text of its time-out, and a
// time limit.
type Admin struct {
	*kgo.Client
	C          *core.Call
	ApiTimeout time.Duration // default.api.timeout.ms
	TimeoutMs  int32         // what brokers are told: request.timeout.ms
}

// OpenAdmin makes an admin client as --bootstrap-server and --command-config say. What is fixed wins
// over the file.
func OpenAdmin(c *core.Call, o *options.Options, fixed map[string]string) (*Admin, error) {
	texts, err := o.Texts("bootstrap-server", "command-config")
	if err != nil {
		return nil, err
	}
	return AdminFor(c, texts["bootstrap-server"], texts["command-config"], fixed)
}

// WithAdmin lends an admin client of the options of the tool to what the tool does.
func WithAdmin(run func(context.Context, *core.Call, *options.Options, *Admin) error) func(context.Context, *core.Call, *options.Options) error {
	return func(ctx context.Context, c *core.Call, o *options.Options) error {
		a, err := OpenAdmin(c, o, nil)
		if err != nil {
			return err
		}
		defer a.Close()
		return run(ctx, c, o, a)
	}
}

// AdminFor makes an admin client for bootstrap servers with the properties of a file; "" is no
// file. What is fixed wins over the file.
func AdminFor(c *core.Call, servers, file string, fixed map[string]string) (*Admin, error) {
	props, err := core.ReadProperties(file)
	if err != nil {
		return nil, err
	}
	maps.Copy(props, fixed)
	props["bootstrap.servers"] = servers
	return NewAdmin(c, props)
}

// NewAdmin makes an admin client of properties. Errors in them are uncaught exceptions in Kafka's
// tools.
func NewAdmin(c *core.Call, props map[string]string) (*Admin, error) {
	failed := func(err error) error {
		return &java.Error{Class: "org.apache.kafka.common.KafkaException", Text: "Failed to create new KafkaAdminClient", Cause: err}
	}
	// AdminClientConfig's own name for the first client of a process; log lines and the broker's
	// metrics show it.
	if props["client.id"] == "" {
		props["client.id"] = "adminclient-1"
	}
	if err := parseProperties(adminDefinitions(), props); err != nil {
		return nil, err
	}
	cc := &Config{Props: props, Prefix: "[AdminClient clientId=" + props["client.id"] + "]"}
	api, err := cc.duration("default.api.timeout.ms", time.Minute)
	if err != nil { // its type is wrong, which Java finds before it makes a client
		return nil, err
	}
	request, err := cc.duration("request.timeout.ms", 30*time.Second)
	if err != nil {
		return nil, err
	}
	cl, err := New(c, cc, kgo.RetryTimeout(api))
	if err != nil {
		return nil, failed(err)
	}
	warnUnknown(c, "Admin", adminDefinitions(), props)
	// A broker is not told to work longer than the caller waits.
	return &Admin{Client: cl, C: c, ApiTimeout: api, TimeoutMs: int32(min(request, api).Milliseconds())}, nil
}

// do runs one call within its time limit. Its error is a *javaError as a Java future holds it.
func (a *Admin) do(ctx context.Context, name string, fn func(ctx context.Context) error) error {
	limit, cancel := context.WithTimeout(ctx, a.ApiTimeout)
	defer cancel()
	err := limit.Err()
	if err == nil {
		err = watchOf(a.C, a.Client).retry(limit, fn)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	// An error with a class came from the broker's answer, and is not the fault of time.
	var je *java.Error
	if errors.As(err, &je) && je != errNoBroker {
		return err
	}
	if auth := authError(err); auth != nil {
		return auth
	}
	if limit.Err() == nil && je == nil { // given up before the time was over: say why
		a.C.Errorf("%s: %v\n", name, err)
	}
	now := time.Now().UnixMilli()
	// A second attempt is not told apart from the first: Java counts those of one call to one
	// broker.
	return java.Timeout("Call(callName=%s, deadlineMs=%d) timed out at %d after 1 attempt(s)", name, now, now)
}

// Request sends one request in a call of its own.
func Request[R kmsg.Response](ctx context.Context, a *Admin, name string, req kmsg.Request) (R, error) {
	return request[R](ctx, a, name, req, a.Request)
}

// BrokerRequest sends one request to a certain broker.
func BrokerRequest[R kmsg.Response](ctx context.Context, a *Admin, name string, broker int32, req kmsg.Request) (R, error) {
	return request[R](ctx, a, name, req, a.Broker(int(broker)).RetriableRequest)
}

// request sends with a's time-outs and retries, and gives the answer its type; name is Kafka's of
// the call, as it stands in the text of a time-out.
func request[R kmsg.Response](ctx context.Context, a *Admin, name string, req kmsg.Request, send func(context.Context, kmsg.Request) (kmsg.Response, error)) (R, error) {
	var out R
	err := a.do(ctx, name, func(ctx context.Context) error {
		resp, err := send(ctx, req)
		if err == nil {
			out = resp.(R)
		}
		return unsupported(err, req)
	})
	return out, err
}

// Metadata asks for topics, nil for all; none is created.
func (a *Admin) Metadata(ctx context.Context, name string, topics []string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	// nil is every topic; an empty list, which is none, still gives the brokers.
	req.Topics = nil
	if topics != nil {
		req.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, t := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(t)
		req.Topics = append(req.Topics, rt)
	}
	return Request[*kmsg.MetadataResponse](ctx, a, name, req)
}

// TopicNames lists the topics in order, with or without internal ones.
func (a *Admin) TopicNames(ctx context.Context, internal bool) ([]string, error) {
	resp, err := a.Metadata(ctx, "listTopics", nil)
	if err != nil {
		return nil, java.Execution(err)
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

// Deletion is what became of a topic that was to be deleted.
type Deletion struct {
	Topic string
	Err   *java.Error // nil when it is gone, or will be
}

// DeleteTopics deletes topics; the error is of the whole call.
func (a *Admin) DeleteTopics(ctx context.Context, names []string) ([]Deletion, error) {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = a.TimeoutMs
	// TopicNames is the field up to version 5, Topics that since 6; the broker's version decides.
	req.TopicNames = names
	for _, n := range names {
		rt := kmsg.NewDeleteTopicsRequestTopic()
		rt.Topic = kmsg.StringPtr(n)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := Request[*kmsg.DeleteTopicsResponse](ctx, a, "deleteTopics", req)
	if err != nil {
		return nil, err
	}
	var out []Deletion
	for _, t := range resp.Topics {
		out = append(out, Deletion{core.StringOf(t.Topic), java.OfCode(t.ErrorCode, t.ErrorMessage)})
	}
	return out, nil
}
