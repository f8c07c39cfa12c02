package authorizer

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/sirupsen/logrus"

	"momus/coordinator/acl"
)

// audit writes a decision to the audit log, in Kafka's words: what was refused at info, what was
// allowed at debug, what decides nothing by itself at trace, and before it, at debug, the reason.
func (a *Authorizer) audit(q *acl.Question, d *acl.Decision) {
	simple := a.o.Class == SimpleAclAuthorizerClass
	level := logrus.InfoLevel
	switch {
	case d.Allowed && (simple || !q.QuietAllowed):
		level = logrus.DebugLevel
	case d.Allowed || q.QuietDenied && !simple:
		level = logrus.TraceLevel
	}
	if !d.Allowed && level == logrus.InfoLevel && a.o.Denied != nil {
		a.o.Denied(*q)
	}
	log := a.o.Audit
	if !log.Logger.IsLevelEnabled(level) {
		return
	}
	if log.Logger.IsLevelEnabled(logrus.DebugLevel) {
		if text := reason(q, d); text != "" {
			log.Debug(text)
		}
	}
	log.Log(level, line(q, d, simple))
}

// line is the line of a decision.
func line(q *acl.Question, d *acl.Decision, simple bool) string {
	var b strings.Builder
	b.WriteString("Principal = ")
	b.WriteString(oneLine(q.Principal.String()))
	b.WriteString(" is ")
	if d.Allowed {
		b.WriteString("Allowed")
	} else {
		b.WriteString("Denied")
	}
	b.WriteString(" Operation = ")
	b.WriteString(q.Operation.Stored())
	b.WriteString(" from host = ")
	b.WriteString(q.Host)
	b.WriteString(" on resource = ")
	b.WriteString(q.Type.Stored())
	b.WriteString(":LITERAL:")
	b.WriteString(oneLine(q.Name))
	if !simple {
		b.WriteString(" for request = ")
		b.WriteString(q.API)
		b.WriteString(" with resourceRefCount = ")
		b.WriteString(strconv.Itoa(q.References))
	}
	return b.String()
}

// reason is why a decision was made; "" when no single thing has decided.
func reason(q *acl.Question, d *acl.Decision) string {
	resource := func() string {
		return acl.Resource{Type: q.Type, Name: oneLine(q.Name), Pattern: acl.Literal}.String()
	}
	switch d.Reason {
	case acl.BySuperUser:
		return "principal = " + oneLine(q.Principal.String()) + " is a super user, allowing operation without checking acls."
	case acl.NoneFound:
		return "No acl found for resource " + resource() + ", authorized = " + strconv.FormatBool(d.Allowed)
	case acl.ByRule:
		e := d.Rule
		return "operation = " + q.Operation.String() + " on resource = " + resource() + " from host = " + q.Host + " is " + e.Permission.String() +
			" based on acl = " + oneLine(e.Principal) + " has " + e.Permission.String() + " permission for operations: " + e.Operation.String() + " from hosts: " + e.Host
	}
	return ""
}

// oneLine keeps names that strangers choose from making lines of their own in the log.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, breaksLines) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

// breaksLines tells of control characters, and of what else programs take for the end of a line.
func breaksLines(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }
