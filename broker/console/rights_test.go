package console

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"momus/broker/http"
	"momus/broker/quota"
	"momus/broker/view"
	"momus/configs"
	"momus/coordinator/acl"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// foreign is a cluster that is seen from outside, of which only ACLs are known.
type foreign struct{ index *acl.Index }

func (f foreign) Cluster(context.Context) (*view.Cluster, error) { return &view.Cluster{}, nil }
func (f foreign) Groups(context.Context) ([]view.Group, error)   { return []view.Group{}, nil }
func (f foreign) Replicas(context.Context, model.TopicPartition) ([]view.Replica, error) {
	return nil, nil
}
func (f foreign) Configs(context.Context, string, int32) ([]configs.Entry, error) { return nil, nil }
func (f foreign) Znode(context.Context, string, bool) (*zk.Node, []int64, int64, error) {
	return &zk.Node{}, nil, 0, nil
}
func (f foreign) Quotas(context.Context) ([]view.QuotaLimit, bool, error) {
	named, byDefault := func(s string) quota.Name { return quota.Name{Kind: quota.Named, Text: s} }, quota.Name{Kind: quota.ByDefault}
	limits := map[string]float64{quota.ProducerByteRate: 1024}
	return []view.QuotaLimit{{Entity: quota.Entity{User: named("alice"), Client: named("app")}, Limits: limits}, {Entity: quota.Entity{User: byDefault}, Limits: limits},
		{Entity: quota.Entity{Client: named("importer")}, Limits: limits}, {Entity: quota.Entity{Client: byDefault}, Limits: limits}}, true, nil
}
func (f foreign) Rights(context.Context) (Rights, error) {
	if f.index == nil {
		return nil, nil
	}
	return f, nil
}
func (f foreign) Explain(q acl.Question) acl.Decision { return f.index.Decide(&acl.Policy{}, &q) }
func (f foreign) Each(_ acl.Filter, fn func(r acl.Resource, entries []acl.Entry)) {
	f.index.Each(func(r acl.Resource, e []acl.Entry) bool { fn(r, e); return true })
}

func TestRightsAreAMatrix(t *testing.T) {
	entry := func(who string, o acl.Operation, p acl.Permission) acl.Entry {
		return acl.Entry{Principal: who, Host: "*", Operation: o, Permission: p}
	}
	f := foreign{acl.Build(map[acl.Resource][]acl.Entry{
		{Type: acl.Topic, Pattern: acl.Prefixed, Name: "hello"}: {entry("User:alice", acl.Write, acl.Allow), entry("User:bob", acl.Read, acl.Allow), entry("User:*", acl.Delete, acl.Deny)},
		{Type: acl.Group, Pattern: acl.Literal, Name: "*"}:      {entry("User:bob", acl.Read, acl.Allow), {Principal: "User:alice", Host: "10.0.0.7", Operation: acl.Delete, Permission: acl.Allow}},
	})}
	ask := func(o Outside, query string) (status int, body string) {
		base := port(t, func(s *http.Server) { NewSite(Options{Outside: o}).Mount(s) })
		resp, b := get(t, base+"/api/rights"+query)
		return resp.StatusCode, string(b)
	}
	if _, body := ask(foreign{}, "?user=User:alice"); !strings.Contains(body, `"enabled":false`) {
		t.Error(body)
	}
	if status, _ := ask(f, "?user=alice"); status != 400 {
		t.Error("a user without type was answered", status)
	}
	_, body := ask(f, "?user=User:alice")
	var got struct {
		Enabled    bool
		Principals []string
		Rights     []right
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Enabled || strings.Join(got.Principals, " ") != "User:* User:alice User:bob" || len(got.Rights) != 2 {
		t.Fatal(body)
	}
	group, topic := got.Rights[0], got.Rights[1]
	if group.Name != "*" || group.May["READ"] != "none" || topic.Pattern != "PREFIXED" || topic.May["WRITE"] != "allow" || topic.May["READ"] != "none" ||
		topic.May["DELETE"] != "deny" || topic.May["DESCRIBE"] != "allow" {
		t.Error(body)
	}
	// What is allowed from one host only is not said to be allowed, nor to be forbidden.
	if group.May["DELETE"] != "some" || !strings.Contains(body, `"hosts":["10.0.0.7"]`) {
		t.Error(body)
	}
	for host, want := range map[string]string{"10.0.0.7": "allow", "10.0.0.8": "none"} {
		_, body := ask(f, "?user=User:alice&host="+host)
		if got.Rights = nil; json.Unmarshal([]byte(body), &got) != nil || len(got.Rights) != 2 || got.Rights[0].May["DELETE"] != want {
			t.Errorf("%s: %s", host, body)
		}
	}
}

// Quotas have an order, so that the rows of the page stay where they are; from outside nobody sees
// what is used.
func TestQuotasHaveAnOrder(t *testing.T) {
	base := port(t, func(s *http.Server) { NewSite(Options{Outside: foreign{}}).Mount(s) })
	_, b := get(t, base+"/api/quotas")
	var got struct {
		Limits []quotaLimit
		Seen   map[string]bool
	}
	if err := json.Unmarshal([]byte(b), &got); err != nil {
		t.Fatal(err)
	}
	name := func(s *string) string {
		if s == nil {
			return "-"
		}
		return `"` + *s + `"`
	}
	var order []string
	for _, l := range got.Limits {
		order = append(order, name(l.User)+" "+name(l.Client))
	}
	if want := `- "", - "importer", "" -, "alice" "app"`; strings.Join(order, ", ") != want || got.Seen["use"] || !got.Seen["limits"] {
		t.Errorf("%v, %v; want %s", order, got.Seen, want)
	}
}
