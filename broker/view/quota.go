package view

import (
	"fmt"
	"strings"
	"time"

	"momus/broker/quota"
	"momus/coordinator/zk"
)

// QuotaEntity is what the path of a config entity of users or clients names: <u>, <u>/clients/<c>
// or <c>, encoded.
func QuotaEntity(t zk.EntityType, entity string) (quota.Entity, error) {
	name := func(s string) quota.Name {
		if s == zk.DefaultEntity {
			return quota.Name{Kind: quota.ByDefault}
		}
		return quota.Name{Kind: quota.Named, Text: zk.DesanitizeEntity(s)}
	}
	parts := strings.Split(entity, "/")
	switch {
	case t == zk.EntityClients && len(parts) == 1:
		return quota.Entity{Client: name(parts[0])}, nil
	case t == zk.EntityUsers && len(parts) == 1:
		return quota.Entity{User: name(parts[0])}, nil
	case t == zk.EntityUsers && len(parts) == 3 && parts[1] == string(zk.EntityClients):
		return quota.Entity{User: name(parts[0]), Client: name(parts[2])}, nil
	}
	return quota.Entity{}, fmt.Errorf("%s/%s is no entity that quotas are for", t, entity)
}

// QuotaUse is what clients use of one kind of quota.
type QuotaUse struct {
	Resource string // Produce, Fetch or Request
	Muted    int    // connections that are throttled
	Clients  []quota.ClientUsage
}

// QuotaUse are the quotas of clients; exempt is the share of one thread's time of requests that no
// quota holds for, in percent.
func (v *View) QuotaUse() (uses []QuotaUse, exempt float64) { return UseOf(v.s.Quotas, v.s.Now()) }

// QuotaLimit is what an entity of clients may use: keys of quotas and their values per second.
type QuotaLimit struct {
	Entity quota.Entity
	Limits map[string]float64
}

// QuotaLimits are the quotas that were set, in no order.
func (v *View) QuotaLimits() []QuotaLimit {
	return LimitsOf(v.s.Quotas)
}

// LimitsOf are the quotas of a set, in no order.
func LimitsOf(s *quota.Set) []QuotaLimit {
	var out []QuotaLimit
	for _, e := range s.Entities() {
		out = append(out, QuotaLimit{e, s.Limits(e)})
	}
	return out
}

// UseOf is what clients use of a set of quotas at now.
func UseOf(s *quota.Set, now time.Time) (uses []QuotaUse, exempt float64) {
	for _, q := range []struct {
		resource string
		clients  *quota.Clients
	}{{"Produce", s.Produce}, {"Fetch", s.Fetch}, {"Request", s.Request}} {
		uses = append(uses, QuotaUse{Resource: q.resource, Muted: q.clients.Muted(now), Clients: q.clients.Usage(now)})
	}
	return uses, s.Exempt(now)
}
