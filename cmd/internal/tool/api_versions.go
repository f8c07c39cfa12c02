package tool

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func apiVersionsOptions() *options {
	o := newOptions("This tool helps to retrieve broker version information.")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to begin with")
	o.value("command-config", "FILE", "properties of the client")
	o.json()
	return o.standard()
}

// knownAPI is an API of Kafka 2.5 with the last version a 2.5 client can use.
type knownAPI struct {
	name string
	max  int16
}

// knownAPIs are those of the recorded tool, by key.
func knownAPIs() []knownAPI {
	return []knownAPI{{"Produce", 8}, {"Fetch", 11}, {"ListOffsets", 5}, {"Metadata", 9}, {"LeaderAndIsr", 4}, {"StopReplica", 2}, {"UpdateMetadata", 6},
		{"ControlledShutdown", 3}, {"OffsetCommit", 8}, {"OffsetFetch", 7}, {"FindCoordinator", 3}, {"JoinGroup", 7}, {"Heartbeat", 4}, {"LeaveGroup", 4},
		{"SyncGroup", 5}, {"DescribeGroups", 5}, {"ListGroups", 3}, {"SaslHandshake", 1}, {"ApiVersions", 3}, {"CreateTopics", 5}, {"DeleteTopics", 4},
		{"DeleteRecords", 1}, {"InitProducerId", 3}, {"OffsetForLeaderEpoch", 3}, {"AddPartitionsToTxn", 1}, {"AddOffsetsToTxn", 1}, {"EndTxn", 1},
		{"WriteTxnMarkers", 0}, {"TxnOffsetCommit", 3}, {"DescribeAcls", 2}, {"CreateAcls", 2}, {"DeleteAcls", 2}, {"DescribeConfigs", 2}, {"AlterConfigs", 1},
		{"AlterReplicaLogDirs", 1}, {"DescribeLogDirs", 1}, {"SaslAuthenticate", 2}, {"CreatePartitions", 2}, {"CreateDelegationToken", 2},
		{"RenewDelegationToken", 2}, {"ExpireDelegationToken", 2}, {"DescribeDelegationToken", 2}, {"DeleteGroups", 2}, {"ElectLeaders", 2},
		{"IncrementalAlterConfigs", 1}, {"AlterPartitionReassignments", 0}, {"ListPartitionReassignments", 0}, {"OffsetDelete", 0}}
}

// registerApiVersions is kafka-broker-api-versions.sh.
func registerApiVersions() Tool {
	return Tool{Name: "kafka-broker-api-versions", Help: "show which versions of which APIs brokers have", run: apiVersions,
		Class:   "kafka.admin.BrokerApiVersionsCommand",
		Options: tableOf(apiVersionsOptions)}
}

func apiVersions(ctx context.Context, c *call) error {
	o := apiVersionsOptions()
	if err := c.begin(o, ""); err != nil {
		return err
	}
	if err := o.require("bootstrap-server"); err != nil {
		return err
	}
	texts, err := o.texts("bootstrap-server", "command-config")
	if err != nil {
		return err
	}
	props, err := readProperties(texts["command-config"])
	if err != nil {
		return err
	}
	props["bootstrap.servers"] = texts["bootstrap-server"]
	cc := &clientConfig{props: props, prefix: "[LegacyAdminClient clientId=admin-1]", boot: true}
	seeds, err := cc.bootstrap()
	if err != nil {
		return err
	}
	cl, err := c.newClient(cc, kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer cl.Close()
	var brokers []kmsg.MetadataResponseBroker
	for _, seed := range cl.SeedBrokers() { // each is tried once
		req := kmsg.NewPtrMetadataRequest()
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
			seeds[i] = fmt.Sprintf("%s (id: %d rack: null)", s, -i-1)
		}
		return &javaError{class: "java.lang.RuntimeException", text: "Request METADATA failed on brokers List(" + strings.Join(seeds, ", ") + ")"}
	}
	form, v := c.form(o), &apiView{Brokers: []apiBroker{}}
	slices.SortFunc(brokers, func(a, b kmsg.MetadataResponseBroker) int { return int(a.NodeID - b.NodeID) })
	for _, b := range brokers {
		head := fmt.Sprintf("%s:%d (id: %d rack: %s) -> ", b.Host, b.Port, b.NodeID, stringOf(b.Rack))
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "momus-tools", "2.5.0"
		resp, err := cl.Broker(int(b.NodeID)).Request(ctx, req)
		if form != formExact {
			v.add(b, resp, err)
			continue
		}
		if err != nil {
			c.printf("%sERROR: %s\n", head, javaText(clientError(err)))
			continue
		}
		c.printf("%s(\n%s)\n", head, apiLines(resp.(*kmsg.ApiVersionsResponse)))
	}
	if form != formExact {
		return c.show(form, v)
	}
	return nil
}

func apiLines(resp *kmsg.ApiVersionsResponse) string {
	var lines []string
	for _, a := range apiEntries(resp) {
		span := ""
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
	known := knownAPIs()
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
			e.Name = known[k].name
			if ok && v.MinVersion <= known[k].max {
				usable := min(v.MaxVersion, known[k].max)
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

type apiBroker struct {
	ID    int32      `json:"id"`
	Host  string     `json:"host"`
	Port  int32      `json:"port"`
	Rack  *string    `json:"rack"`
	APIs  []apiEntry `json:"apis"`
	Error string     `json:"error,omitempty"`
}

func (v *apiView) add(b kmsg.MetadataResponseBroker, resp kmsg.Response, err error) {
	x := apiBroker{ID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack, APIs: []apiEntry{}}
	if err != nil {
		x.Error = javaText(clientError(err))
	} else {
		x.APIs = apiEntries(resp.(*kmsg.ApiVersionsResponse))
	}
	v.Brokers = append(v.Brokers, x)
}

func (v *apiView) tables() []viewTable {
	var out []viewTable
	number := func(n *int16) string {
		if n == nil {
			return "-"
		}
		return itoa(int64(*n))
	}
	for _, b := range v.Brokers {
		t := viewTable{title: fmt.Sprintf("Broker %d, %s:%d", b.ID, b.Host, b.Port), header: []string{"KEY", "API", "MIN", "MAX", "USABLE"}, right: []string{"KEY", "MIN", "MAX", "USABLE"}}
		if b.Error != "" {
			t.title, t.header = t.title+": "+b.Error, nil
		}
		for _, a := range b.APIs {
			row := cells(itoa(int64(a.Key)), a.Name, number(a.Min), number(a.Max), number(a.Usable))
			if a.Name == "" {
				row[1].text = "(newer than 2.5)"
			} else if a.Usable == nil {
				row[4].mood = warning
			}
			t.rows = append(t.rows, row)
		}
		out = append(out, t)
	}
	return out
}
