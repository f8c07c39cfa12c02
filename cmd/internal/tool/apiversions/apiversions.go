// Package apiversions is kafka-broker-api-versions: the versions of each API that each broker has.
package apiversions

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
)

// apiVersionsOptions are those of kafka.admin.BrokerApiVersionsCommand, and --json.
func apiVersionsOptions() *options.Options {
	return options.Read("This tool helps to retrieve broker version information.", `
		--bootstrap-server <HOST:PORT,…>  brokers to begin with
		--command-config <FILE>           properties of the client
	`).JSON().Standard().Requires("bootstrap-server")
}

// Tool is kafka-broker-api-versions.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-broker-api-versions", Help: "show which versions of which APIs brokers have", Class: "kafka.admin.BrokerApiVersionsCommand"}.
		Begun(apiVersionsOptions, core.WithTexts(apiVersions, "bootstrap-server", "command-config"))
}

// apiVersions asks every broker of the cluster for its versions, not only the first: the point of
// the tool is to find the one that is older. A broker that does not answer gets a line of its own
// and the others are still asked.
func apiVersions(ctx context.Context, c *core.Call, o *options.Options, texts map[string]string) error {
	props, err := core.ReadProperties(texts["command-config"])
	if err != nil {
		return err
	}
	props["bootstrap.servers"] = texts["bootstrap-server"]
	// Kafka 2.5 uses an older client of its own here, whose log lines are prefixed with this.
	cc := &clients.Config{Props: props, Prefix: "[LegacyAdminClient clientId=admin-1]", Boot: true}
	seeds, err := cc.Bootstrap()
	if err != nil {
		return err
	}
	cl, err := clients.New(c, cc, kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer cl.Close()
	var brokers []kmsg.MetadataResponseBroker
	for _, seed := range cl.SeedBrokers() { // each is tried once
		req := kmsg.NewPtrMetadataRequest()
		// An empty list is no topics; null would be all of them.
		req.Topics = []kmsg.MetadataRequestTopic{}
		resp, err := seed.Request(ctx, req)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			brokers = resp.(*kmsg.MetadataResponse).Brokers
			if _, err := cl.Request(ctx, req); err != nil { // so that the client knows the brokers
				return err
			}
			break
		}
	}
	if brokers == nil {
		for i, s := range seeds {
			// Java's Node.toString: brokers that are known by address alone count down from -1.
			seeds[i] = fmt.Sprintf("%s (id: %d rack: null)", s, -i-1)
		}
		return &java.Error{Class: "java.lang.RuntimeException", Text: "Request METADATA failed on brokers List(" + strings.Join(seeds, ", ") + ")"}
	}
	form, v := c.Form(o), &apiView{Brokers: []apiBroker{}}
	// Kafka goes through a hash map; by id two runs can be compared.
	slices.SortFunc(brokers, func(a, b kmsg.MetadataResponseBroker) int { return int(a.NodeID - b.NodeID) })
	for _, b := range brokers {
		head := fmt.Sprintf("%s:%d (id: %d rack: %s) -> ", b.Host, b.Port, b.NodeID, core.StringOf(b.Rack))
		req := kmsg.NewPtrApiVersionsRequest()
		// Version 3 wants a name that brokers can count clients by (KIP-511).
		req.ClientSoftwareName, req.ClientSoftwareVersion = "momus-tools", "2.5.0"
		resp, err := cl.Broker(int(b.NodeID)).Request(ctx, req)
		if form != screen.Exact {
			v.add(b, resp, err)
			continue
		}
		if err != nil {
			c.Printf("%sERROR: %s\n", head, java.Text(clients.JavaError(err)))
			continue
		}
		c.Printf("%s(\n%s)\n", head, apiLines(resp.(*kmsg.ApiVersionsResponse)))
	}
	if form != screen.Exact {
		return c.Show(form, v)
	}
	return nil
}

// apiLines shows a broker's APIs as Kafka's NodeApiVersions.toString does, by their keys: those
// that the broker lacks, those that the tool does not know, and for the others the version that
// both would use.
func apiLines(resp *kmsg.ApiVersionsResponse) string {
	var lines []string
	for _, a := range apiEntries(resp) {
		span := ""
		// A single version stands alone, several with their ends.
		if a.Min != nil {
			if span = fmt.Sprint(*a.Min); *a.Max != *a.Min {
				span = fmt.Sprintf("%d to %d", *a.Min, *a.Max)
			}
		}
		switch {
		case a.Name == "":
			lines = append(lines, fmt.Sprintf("\tUNKNOWN(%d): %s", a.Key, span))
		case a.Min == nil:
			lines = append(lines, fmt.Sprintf("\t%s(%d): UNSUPPORTED", a.Name, a.Key))
		case a.Usable == nil:
			lines = append(lines, fmt.Sprintf("\t%s(%d): %s [unusable: node too new]", a.Name, a.Key, span))
		default:
			lines = append(lines, fmt.Sprintf("\t%s(%d): %s [usable: %d]", a.Name, a.Key, span, *a.Usable))
		}
	}
	return strings.Join(lines, ",\n") + "\n"
}

// apiEntry is an API with what a broker has of it.
type apiEntry struct {
	Key    int16  `json:"key"`
	Name   string `json:"name,omitempty"` // "" when Kafka 2.5 does not know it
	Min    *int16 `json:"min,omitempty"`  // absent when the broker does not have it
	Max    *int16 `json:"max,omitempty"`
	Usable *int16 `json:"usable,omitempty"` // the version that Kafka 2.5's clients would use; absent when there is none
}

// apiEntries lists what either side knows, by key.
func apiEntries(resp *kmsg.ApiVersionsResponse) []apiEntry {
	known := clients.KnownAPIs()
	given := map[int16]kmsg.ApiVersionsResponseApiKey{}
	var keys []int16
	for _, k := range resp.ApiKeys {
		given[k.ApiKey] = k
		keys = append(keys, k.ApiKey)
	}
	for k := range known {
		if _, ok := given[int16(k)]; !ok {
			keys = append(keys, int16(k))
		}
	}
	slices.Sort(keys)
	out := []apiEntry{}
	for _, k := range keys {
		e := apiEntry{Key: k}
		v, ok := given[k]
		if ok {
			e.Min, e.Max = &v.MinVersion, &v.MaxVersion
		}
		if int(k) < len(known) {
			e.Name = known[k].Name
			// The highest that both have. 2.5 has no API whose oldest versions are gone, so that
			// only the lower end of the broker can be too high.
			if ok && v.MinVersion <= known[k].Max {
				usable := min(v.MaxVersion, known[k].Max)
				e.Usable = &usable
			}
		}
		out = append(out, e)
	}
	return out
}

// apiView is what kafka-broker-api-versions shows.
type apiView struct {
	Brokers []apiBroker `json:"brokers"`
}

// apiBroker is a broker of --json: its APIs, or the error for which there are none.
type apiBroker struct {
	ID    int32      `json:"id"`
	Host  string     `json:"host"`
	Port  int32      `json:"port"`
	Rack  *string    `json:"rack"`
	APIs  []apiEntry `json:"apis"`
	Error string     `json:"error,omitempty"`
}

// add takes over the answer of a broker, or its error.
func (v *apiView) add(b kmsg.MetadataResponseBroker, resp kmsg.Response, err error) {
	x := apiBroker{ID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack, APIs: []apiEntry{}}
	if err != nil {
		x.Error = java.Text(clients.JavaError(err))
	} else {
		x.APIs = apiEntries(resp.(*kmsg.ApiVersionsResponse))
	}
	v.Brokers = append(v.Brokers, x)
}

// Tables implements screen.View: a table a broker, and what could not be asked in alarm.
func (v *apiView) Tables() []screen.Table {
	var out []screen.Table
	number := func(n *int16) string {
		if n == nil {
			return "-"
		}
		return core.Itoa(int64(*n))
	}
	for _, b := range v.Brokers {
		t := screen.Table{Title: fmt.Sprintf("Broker %d, %s:%d", b.ID, b.Host, b.Port), Header: []string{"KEY", "API", "MIN", "MAX", "USABLE"}, Right: []string{"KEY", "MIN", "MAX", "USABLE"}}
		if b.Error != "" {
			t.Title, t.Header = t.Title+": "+b.Error, nil
		}
		for _, a := range b.APIs {
			row := screen.Cells(core.Itoa(int64(a.Key)), a.Name, number(a.Min), number(a.Max), number(a.Usable))
			if a.Name == "" {
				row[1].Text = "(newer than 2.5)"
			} else if a.Usable == nil {
				row[4].Mood = screen.Warning
			}
			t.Rows = append(t.Rows, row)
		}
		out = append(out, t)
	}
	return out
}
