package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

var securityRules = []Rule{
	{"security.certificate-expires", "certificates of brokers near their end", []Part{Endpoints}, certificateExpires},
	{"security.certificate-name", "certificates that are not for the address of their broker", []Part{Endpoints}, certificateName},
	{"security.allow-everyone", "allow.everyone.if.no.acl.found left on", []Part{BrokerConfigs}, allowEveryone},
	{"security.acl-unused", "ACLs that match nothing", []Part{ACLs}, aclUnused},
}

// Times before the end of a certificate.
const (
	soonExpires = 30 * 24 * time.Hour
	nowExpires  = 7 * 24 * time.Hour
)

func certificateExpires(s *Snapshot) []Finding {
	var evidence []string
	worst := Warning
	for _, b := range s.Brokers {
		for _, c := range b.Certificates {
			left := c.NotAfter.Sub(s.Time)
			if left >= soonExpires {
				continue
			}
			if left < nowExpires {
				worst = Critical
			}
			text := s.say("broker %d, %s %s (%s): ends in %s, %s", b.ID, c.Listener, c.Address, c.Subject, s.length(left), moment(c.NotAfter))
			if left < 0 {
				text = s.say("broker %d, %s %s (%s): ended %s ago, %s", b.ID, c.Listener, c.Address, c.Subject, s.length(left), moment(c.NotAfter))
			}
			evidence = append(evidence, text)
		}
	}
	return found(evidence, Finding{Severity: worst, Summary: s.say("Certificates of brokers end soon, or have ended."),
		Consequence: s.say("From then on no client and no other broker connects there: all at once, where they were made on one day."),
		Cure: s.say("Make new ones (momus certs broker), put them where ssl.keystore.location points, and let the broker read them again without a restart: " +
			"set ssl.keystore.location of the listener anew with kafka-configs, as the command shows what there is.")})
}

func certificateName(s *Snapshot) []Finding {
	var evidence []string
	for _, b := range s.Brokers {
		for _, c := range b.Certificates {
			if c.Names != "" {
				evidence = append(evidence, s.say("broker %d, %s %s: %s", b.ID, c.Listener, c.Address, c.Names))
			}
		}
	}
	return found(evidence, Finding{Severity: Warning, Summary: s.say("Certificates are for other names than their brokers advertise."),
		Consequence: s.say("Clients since Kafka 2.0 check the name, and refuse the connection."),
		Cure:        s.say("Make certificates with the advertised names among their subjectAltNames (momus certs broker), or advertise a name that they have.")})
}

func allowEveryone(s *Snapshot) []Finding {
	const key = "allow.everyone.if.no.acl.found"
	var on, hidden []int32
	for _, b := range s.Brokers {
		name, ok := b.Config.Get("authorizer.class.name")
		switch {
		case !ok || name == "" || !b.Config.Set(key) || b.Config.False(key):
		case b.Config.True(key):
			on = append(on, b.ID)
		default: // it is the authorizer's, and Kafka does not tell the value of what it does not know
			hidden = append(hidden, b.ID)
		}
	}
	severity, summary := Warning, s.say("What has no ACL is open to everybody, although there is an authorizer.")
	var evidence []string
	switch {
	case on != nil:
		evidence = append(evidence, s.say("%s=true on %s", key, s.brokers(on)))
	case hidden != nil:
		severity, summary = Advice, s.say("What has no ACL may be open to everybody, although there is an authorizer.")
		evidence = append(evidence, s.say("%s is set on %s, which %s not tell to what", key, s.brokers(hidden), has(len(hidden), "does", "do")))
	default:
		return nil
	}
	if s.Missing[ACLs] == "" {
		var open []string
		for _, t := range s.Topics {
			if !t.Internal && !slices.ContainsFunc(s.ACLs, func(a ACL) bool { return a.Resource == "topic" && a.matches(t.Name) }) {
				open = append(open, t.Name)
			}
		}
		if open != nil {
			evidence = append(evidence, s.say("without any ACL: %s", s.listed(open)))
		}
	}
	return []Finding{{Severity: severity, Summary: summary, Evidence: evidence,
		Consequence: s.say("A topic that is created, or whose last ACL is removed, can be read, written and deleted by anybody who connects."),
		Cure:        s.say("Give rights to those who need them, then take allow.everyone.if.no.acl.found out of server.properties and restart the brokers. It is meant for the time of a migration."),
		Commands:    []string{s.command("kafka-acls", "--list")}}}
}

func (a *ACL) matches(name string) bool {
	if a.Pattern == "prefixed" {
		return strings.HasPrefix(name, a.Name)
	}
	return a.Name == "*" || a.Name == name
}

func aclUnused(s *Snapshot) []Finding {
	var names []string
	for _, t := range s.Topics {
		names = append(names, t.Name)
	}
	type resource struct{ kind, name, pattern string }
	unused := map[resource][]string{}
	for _, a := range s.ACLs {
		if a.Resource != "topic" || slices.ContainsFunc(names, a.matches) || a.Name == "*" {
			continue // of groups and transactional ids nobody knows who comes
		}
		r := resource{a.Resource, a.Name, a.Pattern}
		unused[r] = append(unused[r], fmt.Sprintf("%s %s %s", a.Principal, strings.ToLower(a.Permission), a.Operation))
	}
	if len(unused) == 0 {
		return nil
	}
	var evidence, commands []string
	list := slices.SortedFunc(keys(unused), func(a, b resource) int { return strings.Compare(a.name+a.pattern, b.name+b.pattern) })
	for _, r := range list {
		evidence = append(evidence, s.say("%s %s %s: %s", r.pattern, r.kind, r.name, s.listed(unused[r])))
		commands = append(commands, s.command("kafka-acls", "--remove", "--force", "--"+r.kind, r.name, "--resource-pattern-type", r.pattern))
	}
	return []Finding{{Severity: Advice, Summary: s.say("ACLs of %s match nothing.", s.count(len(list), "resource")), Evidence: evidence,
		Consequence: s.say("A typing error, so that somebody lacks the right that was meant; or left from a topic that was deleted, and then in force for whoever creates one of that name."),
		Cure:        s.say("Look at the names; remove what is not needed."),
		Commands:    firsts(commands)}}
}
