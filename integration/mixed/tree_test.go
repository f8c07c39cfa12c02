//go:build interop

package mixed

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

func (r *recording) recorded(name string) testkit.Znodes {
	r.t.Helper()
	return testkit.RecordedZnodes(r.t, filepath.Join(testkit.Root(r.t), "coordinator/controller/testdata/znodes", name+".json"))
}

func (r *recording) tree() testkit.Znodes {
	r.t.Helper()
	return testkit.DumpZnodes(r.t, r.conn, "/")
}

// paths compares which nodes there are; the ids of brokers are the same, and their registrations
// but for ports and times.
func (r *recording) paths(name string) {
	r.t.Helper()
	shape := func(tree testkit.Znodes) (lines []string) {
		for path, n := range tree {
			line := fmt.Sprintf("%s ephemeral=%v version=%d acl=%v", path, n.Ephemeral, n.Version, n.ACL)
			if strings.HasPrefix(path, "/brokers/ids/") {
				var reg map[string]any
				if err := json.Unmarshal([]byte(*n.Data), &reg); err != nil {
					r.t.Fatal(err)
				}
				line += fmt.Sprintf(" %v rack=%v version=%v jmx=%v", slices.Sorted(maps.Keys(reg)), reg["rack"], reg["version"], reg["jmx_port"])
			}
			lines = append(lines, line)
		}
		slices.Sort(lines)
		return lines
	}
	r.eventually(name, shape(r.recorded(name)), func() []string { return shape(r.tree()) })
}

// config compares the overrides of an entity.
func (r *recording) config(name, entity string) {
	r.t.Helper()
	path := "/config/" + entity
	r.eventually(name, []string{shown(r.recorded(name)[path])}, func() []string { return []string{shown(r.tree()[path])} })
}

// same compares the nodes of some topics, and what is under way, with those recorded after an
// operation.
func (r *recording) same(name string, topics ...string) {
	r.t.Helper()
	r.eventually(name, r.shape(r.recorded(name), topics), func() []string { return r.shape(r.tree(), topics) })
}

// shape prints the nodes of topics: for a state the leader, the in-sync set without order, the
// leader epoch and how often it was written. Controllers come and go at other times than in the
// recording, so their epochs are left out.
func (r *recording) shape(tree testkit.Znodes, topics []string) (lines []string) {
	r.t.Helper()
	for path, n := range tree {
		parts := strings.Split(path, "/")
		of := strings.HasPrefix(path, "/brokers/topics/") && slices.Contains(topics, parts[3])
		switch {
		case of && strings.HasSuffix(path, "/state"):
			var s struct {
				Leader  int   `json:"leader"`
				Epoch   int   `json:"leader_epoch"`
				ISR     []int `json:"isr"`
				Version int   `json:"version"`
			}
			if err := json.Unmarshal([]byte(*n.Data), &s); err != nil {
				r.t.Fatal(path, err)
			}
			slices.Sort(s.ISR)
			isr := fmt.Sprint(s.ISR)
			if _, deleting := tree["/admin/delete_topics/"+parts[3]]; deleting {
				isr = fmt.Sprint(len(s.ISR)) // replicas go in hash order: another one may be the last
			}
			lines = append(lines, fmt.Sprintf("%s leader=%d epoch=%d isr=%s written=%d version=%d", path, s.Leader, s.Epoch, isr, n.Version, s.Version))
		case of && len(parts) == 4:
			lines = append(lines, fmt.Sprintf("%s %s written=%d", path, shown(n), n.Version))
		case of:
			lines = append(lines, path+" "+shown(n))
		case strings.HasPrefix(path, "/admin/delete_topics/"), strings.HasPrefix(path, "/isr_change_notification/"),
			strings.HasPrefix(path, "/log_dir_event_notification/"), path == "/admin/preferred_replica_election", path == "/admin/reassign_partitions":
			lines = append(lines, path+" "+shown(n))
		}
	}
	slices.Sort(lines)
	return lines
}

// shown is a node's data with JSON keys in order.
func shown(n testkit.Znode) string {
	if n.Data == nil {
		return "null"
	}
	var doc any
	if json.Unmarshal([]byte(*n.Data), &doc) != nil {
		return *n.Data
	}
	sorted, err := json.Marshal(doc)
	if err != nil {
		return *n.Data
	}
	return string(sorted)
}

func (r *recording) eventually(name string, want []string, got func() []string) {
	r.t.Helper()
	deadline := time.Now().Add(25 * time.Second)
	now := got()
	for !slices.Equal(want, now) && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
		now = got()
	}
	if slices.Equal(want, now) {
		r.t.Logf("%s %s: %d nodes as recorded", time.Now().Format(time.TimeOnly), name, len(want))
		return
	}
	r.t.Fatalf("%s: the tree is not the recorded one\n%s", name, testkit.Difference(want, now))
}

// overrides are the overrides that a config node holds.
func overrides(t *testing.T, n testkit.Znode) map[string]string {
	t.Helper()
	var doc struct {
		Config map[string]string `json:"config"`
	}
	if n.Data != nil {
		if err := json.Unmarshal([]byte(*n.Data), &doc); err != nil {
			t.Fatal(err)
		}
	}
	return doc.Config
}
