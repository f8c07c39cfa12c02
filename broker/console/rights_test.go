package console

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"momus/broker/http"
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
func (f foreign) Znode(context.Context, string) (*zk.Node, int64, error) {
	return &zk.Node{}, 0, nil
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
		{Type: acl.Group, Pattern: acl.Literal, Name: "*"}:      {entry("User:bob", acl.Read, acl.Allow)},
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
}
