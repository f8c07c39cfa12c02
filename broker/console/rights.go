package console

import (
	"cmp"
	"context"
	nethttp "net/http"
	"slices"

	"momus/broker/quota"
	"momus/broker/view"
	"momus/coordinator/acl"
	"momus/internal/model"
)

// quotaUse is how much a client uses of a quota.
type quotaUse struct {
	Broker     int32   `json:"broker"`
	Resource   string  `json:"resource"`
	User       string  `json:"user"`
	Client     string  `json:"client"`
	PerSecond  float64 `json:"perSecond"`
	ThrottleMs float64 `json:"throttleMs"`
}

// quotaLimit is a quota that was set; a name is null where the quota is not about it, and "" for
// all that have none of their own.
type quotaLimit struct {
	User   *string            `json:"user"`
	Client *string            `json:"client"`
	Limits map[string]float64 `json:"limits"`
}

// quotas shows which quotas there are, and who uses how much of them: seen says which of both can be
// seen.
func (s *Site) quotas(ctx context.Context, _ *nethttp.Request) (any, error) {
	uses, limits := []quotaUse{}, []quotaLimit{}
	seen := map[string]bool{"use": s.opts.Outside == nil, "limits": true}
	add := func(l view.QuotaLimit) {
		limits = append(limits, quotaLimit{quotaName(l.Entity.User), quotaName(l.Entity.Client), l.Limits})
	}
	if s.opts.Outside != nil {
		all, known, err := s.opts.Outside.Quotas(ctx)
		if err != nil {
			return nil, err
		}
		seen["limits"] = known
		for _, l := range all {
			add(l)
		}
	}
	for i, m := range s.Members() {
		all, _ := m.View.QuotaUse()
		for _, u := range all {
			for _, c := range u.Clients {
				x := quotaUse{m.View.BrokerID(), u.Resource, c.User, c.Client, c.PerSecond, c.ThrottleMs}
				// JSON has no NaN.
				if x.ThrottleMs != x.ThrottleMs { // NaN: never throttled
					x.ThrottleMs = 0
				}
				uses = append(uses, x)
			}
		}
		if i > 0 {
			continue // they are the same on all brokers
		}
		for _, l := range m.View.QuotaLimits() {
			add(l)
		}
	}
	// Both come in no order.
	slices.SortFunc(uses, func(a, b quotaUse) int {
		return cmp.Or(cmp.Compare(a.Broker, b.Broker), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.User, b.User), cmp.Compare(a.Client, b.Client))
	})
	slices.SortFunc(limits, func(a, b quotaLimit) int {
		return cmp.Or(compareNames(a.User, b.User), compareNames(a.Client, b.Client))
	})
	return map[string]any{"use": uses, "limits": limits, "seen": seen}, nil
}

// quotaName is nil where a quota does not look at this part of who the client is.
func quotaName(n quota.Name) *string {
	if n.Kind == quota.Absent {
		return nil
	}
	return &n.Text
}

// compareNames sorts null before every name, the one of the default, "", too.
func compareNames(a, b *string) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// operationsOf are the operations that mean something for a kind of resource.
func operationsOf(t acl.ResourceType) []acl.Operation {
	switch t {
	case acl.Topic:
		return []acl.Operation{acl.Read, acl.Write, acl.Create, acl.Delete, acl.Alter, acl.Describe, acl.DescribeConfigs, acl.AlterConfigs}
	case acl.Group:
		return []acl.Operation{acl.Read, acl.Describe, acl.Delete}
	case acl.Cluster:
		return []acl.Operation{acl.Create, acl.ClusterAction, acl.DescribeConfigs, acl.AlterConfigs, acl.IdempotentWrite, acl.Alter, acl.Describe}
	case acl.TransactionalID:
		return []acl.Operation{acl.Describe, acl.Write}
	}
	return []acl.Operation{acl.Describe}
}

// right is what a user may do with a resource.
type right struct {
	Type    string            `json:"type"`
	Pattern string            `json:"pattern"`
	Name    string            `json:"name"`
	May     map[string]string `json:"may"` // by operation: allow, deny, super, some (from some hosts only) or none
}

// maxRights bounds the resources of a matrix, maxHosts the hosts that are asked for.
const (
	maxRights = 1000
	maxHosts  = 50
)

// rights shows what a user may do as a matrix: every resource that has ACLs, by every operation.
// What is asked is what the authorizer itself would answer.
func (s *Site) rights(ctx context.Context, r *nethttp.Request) (any, error) {
	rights, err := s.authority(ctx)
	if err != nil || rights == nil {
		return map[string]any{"enabled": false, "principals": []string{}, "rights": []right{}}, err
	}
	user, host := r.URL.Query().Get("user"), r.URL.Query().Get("host")
	var who model.Principal
	if user != "" {
		if who, err = model.ParsePrincipal(user); err != nil {
			return nil, &problem{nethttp.StatusBadRequest, "user must be TYPE:NAME, such as User:alice"}
		}
	}
	principals, hosts, rows := map[string]struct{}{}, map[string]struct{}{}, []right{}
	everything := acl.Filter{Type: acl.AnyResource, Pattern: acl.AnyPattern, Operation: acl.AnyOperation, Permission: acl.AnyPermission}
	rights.Each(everything, func(res acl.Resource, entries []acl.Entry) {
		for _, e := range entries {
			// Names are listed without a user being chosen, so that one can be chosen; the rows
			// come with the second question.
			principals[e.Principal] = struct{}{}
			if e.Host != "*" {
				hosts[e.Host] = struct{}{}
			}
		}
		if user == "" || len(rows) >= maxRights {
			return
		}
		x := right{res.Type.String(), res.Pattern.String(), res.Name, map[string]string{}}
		for _, o := range operationsOf(res.Type) {
			q := acl.Question{Principal: who, Host: host, Operation: o, Type: res.Type, Name: res.Name}
			may := answer(rights.Explain(q))
			// Without a host the rules that name one do not count: what they allow is said so.
			if host == "" && may == "none" && slices.ContainsFunc(hostsOf(entries), func(h string) bool { q.Host = h; return rights.Explain(q).Allowed }) {
				may = "some"
			}
			x.May[o.String()] = may
		}
		rows = append(rows, x)
	})
	slices.SortFunc(rows, func(a, b right) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Pattern, b.Pattern))
	})
	return map[string]any{"enabled": true, "principals": sortedKeys(principals), "hosts": sortedKeys(hosts), "rights": rows}, nil
}

// hostsOf are the hosts that rules are about.
func hostsOf(entries []acl.Entry) []string {
	var all []string
	for _, e := range entries {
		if e.Host != "*" && len(all) < maxHosts && !slices.Contains(all, e.Host) {
			all = append(all, e.Host)
		}
	}
	return all
}

// answer tells a rule that denies from no rule at all: the cure is another one.
func answer(d acl.Decision) string {
	switch {
	case d.Reason == acl.BySuperUser:
		return "super"
	case d.Allowed:
		return "allow"
	case d.Reason == acl.ByRule:
		return "deny"
	}
	return "none"
}

// authority is who can say what users may do; nil if there is no access control.
func (s *Site) authority(ctx context.Context) (Rights, error) {
	if s.opts.Outside != nil {
		return s.opts.Outside.Rights(ctx)
	}
	m, err := s.one()
	if err != nil {
		return nil, err
	}
	return m.Rights, nil
}
