package authorization

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
)

// auditLine is a line of the audit log, as log4j writes it for Kafka.
var auditLine = regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] (INFO|DEBUG|TRACE) Principal = (\S+) is (Allowed|Denied) Operation = (\w+) from host = 127\.0\.0\.1 ` +
	`on resource = (\w+):LITERAL:(\S*) for request = (\w+) with resourceRefCount = (\d+) \(kafka\.authorizer\.logger\)$`)

// auditLevel sets the level of the audit log, as kafka-configs does.
func (u *broker) auditLevel(level string) {
	u.t.Helper()
	r := ver(kmsg.NewPtrIncrementalAlterConfigsRequest(), 1)
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = "kafka.authorizer.logger", &level
	r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 8, ResourceName: "1", Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{c}}}
	resp, _ := u.admin.call(r)
	if code := resp.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode; code != 0 {
		u.t.Fatalf("level of the audit log: %d", code)
	}
}

// auditLines are the lines of decisions, each with its submatches.
func auditLines(t *testing.T, file string) (out [][]string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if m := auditLine.FindStringSubmatch(line); m != nil {
			out = append(out, m)
		} else if strings.Contains(line, "Principal = ") {
			t.Errorf("not a line of Kafka: %s", line)
		}
	}
	return out
}

// checkRights holds the rights that docs/apis.md lists, which come from the table of APIs, against
// those that were asked for.
func checkRights(t *testing.T, lines [][]string) {
	t.Helper()
	asked := map[string]map[string]bool{}
	for _, m := range lines {
		if asked[m[7]] == nil {
			asked[m[7]] = map[string]bool{}
		}
		asked[m[7]][m[5]+":"+m[4]] = true
	}
	page, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs/apis.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| \d+ \| (\w+) \| [^|]* \| [^|]* \| ([^|]*) \|$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 40 {
		t.Fatalf("%d rows in docs/apis.md", len(rows))
	}
	for _, row := range rows {
		listed := map[string]bool{}
		for right := range strings.SplitSeq(strings.ReplaceAll(row[2], "*", ""), ", ") {
			if right != "" {
				listed[right] = true
			}
		}
		if !maps.Equal(listed, asked[row[1]]) && len(listed)+len(asked[row[1]]) > 0 {
			t.Errorf("%s asks for %v, listed are %v", row[1], slices.Sorted(maps.Keys(asked[row[1]])), slices.Sorted(maps.Keys(listed)))
		}
	}
}

// TestAuditLog reads what is written of a few requests.
func TestAuditLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kafka-authorizer.log")
	u := startBroker(t, map[string]string{"momus.audit.log": file})
	u.createTopic("sec-t")
	alice := login(t, u.users, "alice", "alicepw")
	read := func() []string {
		var out []string
		for _, m := range auditLines(t, file) {
			if m[2] == "User:alice" {
				out = append(out, fmt.Sprint(m[1], " ", m[3], " ", m[4], " ", m[5], ":", m[6], " ", m[7], " ", m[8]))
			}
		}
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
		return out
	}
	check := func(what string, want ...string) {
		t.Helper()
		if got := read(); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", what, got, want)
		}
	}
	topics := []kmsg.MetadataRequestTopic{{Topic: sp("sec-t")}, {Topic: sp("sec-t")}}
	named, all := &kmsg.MetadataRequest{Version: 9, Topics: topics, IncludeTopicAuthorizedOperations: true}, &kmsg.MetadataRequest{Version: 9}
	offsets := ver(kmsg.NewPtrListOffsetsRequest(), 1)
	offsets.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "sec-t", Partitions: make([]kmsg.ListOffsetsRequestTopicPartition, 3)}}
	add := &kmsg.AddPartitionsToTxnRequest{Version: 1, TransactionalID: "sec-x", Topics: []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "sec-t", Partitions: []int32{0}}}}

	alice.call(named)
	check("named", "INFO Denied Describe Topic:sec-t Metadata 1")
	alice.call(all)
	check("all")
	alice.call(offsets)
	check("three partitions", "INFO Denied Describe Topic:sec-t ListOffsets 3")
	alice.call(add)
	check("a transaction", "INFO Denied Write TransactionalId:sec-x AddPartitionsToTxn 1")
	u.setGrants([]grant{on(T, READ), on(X, WRITE)})
	alice.call(named)
	check("allowed")
	u.auditLevel("DEBUG")
	alice.call(named)
	check("allowed, at debug", "DEBUG Allowed Describe Topic:sec-t Metadata 1")
	u.auditLevel("TRACE")
	alice.call(all)
	check("all, at trace", "DEBUG Allowed Describe Topic:sec-t Metadata 1")
	alice.call(ver(&kmsg.CreateTopicsRequest{Topics: []kmsg.CreateTopicsRequestTopic{{Topic: "sec-new"}}}, 4))
	check("quietly denied", "TRACE Denied Create Cluster:kafka-cluster CreateTopics 1", "INFO Denied Create Topic:sec-new CreateTopics 1", "TRACE Denied DescribeConfigs Topic:sec-new CreateTopics 1")
	alice.call(named)
	if got := read(); len(got) != 9 || got[1] != "TRACE Allowed Read Topic:sec-t Metadata 1" || got[2] != "TRACE Denied Write Topic:sec-t Metadata 1" {
		t.Errorf("operations: %q", got)
	}
}
