package clients

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"momus/broker/security/principal"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/internal/jvm"
)

// Denied says how the right is given that a tool lacked: the command for whoever administers the
// cluster. "" when the error is another one.
func (l *connections) Denied(err error) string {
	denied := denial(err)
	if denied == nil {
		return ""
	}
	kind := strings.TrimSuffix(strings.TrimPrefix(denied.Class, java.ErrorsPackage), "AuthorizationException")
	// Java's class names carry the kind: TopicAuthorizationException and so on.
	option, name := map[string]string{"Topic": "topic", "Group": "group", "Cluster": "cluster", "TransactionalId": "transactional-id", "DelegationToken": "delegation-token"}[kind], ""
	if option == "" {
		return ""
	}
	if option != "cluster" {
		name = " " + l.resource(denied.Text, option)
	}
	user, operation := l.principal(), l.operation(kind)
	return fmt.Sprintf("%s may not do that; whoever administers the cluster allows it with: kafka-acls --bootstrap-server %s --command-config ADMIN.properties "+
		"--add --allow-principal '%[1]s' --operation %[3]s --%s%s", user, l.seeds[0], operation, option, name)
}

// denial finds the error that says that a right was lacking, nil when there is none.
func denial(err error) *java.Error {
	for ; err != nil; err = errors.Unwrap(err) {
		if e, ok := err.(*java.Error); ok && strings.HasSuffix(e.Class, "AuthorizationException") {
			return e
		}
	}
	return nil
}

// hintDenied is Denied for a record that was refused; any goroutine may call it.
func hintDenied(c *core.Call, err error, topic string) {
	denied := denial(err)
	if denied == nil || !c.Terminal.Err {
		return
	}
	named := &java.Error{Class: denied.Class, Text: "Not authorized to access topics: [" + topic + "]"}
	for _, w := range c.Watchers {
		if l, ok := w.(*connections); ok && l.Denied(named) != "" {
			c.GiveHints([]string{l.Denied(named)})
			return
		}
	}
}

// resource is the name of what was asked for: in the error's text, or among the tool's options.
func (l *connections) resource(text, option string) string {
	// Java's texts end in ": [name, …]" or ": name"; a text that says no name is a sentence with
	// blanks.
	if _, after, found := strings.Cut(text, ": "); found {
		name, _, _ := strings.Cut(strings.Trim(after, "[]"), ", ")
		if name != "" && !strings.Contains(name, " ") {
			return name
		}
	}
	if o := l.c.Options; o != nil && o.ByName[option] != nil {
		if values := o.All(option); len(values) > 0 {
			return values[0]
		}
	}
	return "NAME"
}

// principal is who the tool is to brokers without mapping rules.
func (l *connections) principal() string {
	if strings.HasPrefix(l.cc.protocol(), "SASL_") {
		properties := jvm.Properties{}
		if l.c.Getenv != nil {
			properties = jvm.FromEnvironment(l.c.Getenv)
		}
		login, err := loginEntry(l.cc.Props, properties)
		if err != nil {
			return "User:NAME"
		}
		for _, option := range []string{"username", "unsecuredLoginStringClaim_sub", "principal"} {
			if v := login.Options[option]; v != "" {
				if option == "principal" { // only of Kerberos: the default rule drops realm and host
					v, _, _ = strings.Cut(v, "@")
					v, _, _ = strings.Cut(v, "/")
				}
				return "User:" + v
			}
		}
		return "User:NAME"
	}
	if l.cc.protocol() == "SSL" {
		if subject := l.subject(); subject != "" {
			return "User:" + subject
		}
	}
	return "User:ANONYMOUS"
}

// subject is that of the tool's certificate, "" when it has none.
func (l *connections) subject() string {
	config, err := l.cc.tls()
	if err != nil || config.GetClientCertificate == nil {
		return ""
	}
	pair, err := config.GetClientCertificate(nil)
	if err != nil || len(pair.Certificate) == 0 {
		return ""
	}
	// The first in the chain is the client's own.
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return ""
	}
	name, err := principal.DistinguishedName(leaf.RawSubject)
	if err != nil {
		return ""
	}
	return name
}

// operation is the right that a tool's action needs on a kind of resource.
func (l *connections) operation(kind string) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return l.c.Options != nil && l.c.Options.ByName[n] != nil && l.c.Options.Has(n) })
	}
	takes := func(name string) bool { return l.c.Options != nil && l.c.Options.ByName[name] != nil }
	switch {
	// A tool's kind shows in the options that it takes, and its action in those that were given.
	case takes("producer.config") || takes("producer-props"):
		if kind == "Cluster" {
			return "IdempotentWrite"
		}
		return "Write"
	case takes("consumer.config"):
		return "Read"
	case has("create"):
		return "Create"
	case has("delete", "delete-offsets") || takes("offset-json-file"):
		return "Delete"
	case has("reset-offsets"):
		return "Read"
	case has("alter") && takes("entity-type"):
		return "AlterConfigs"
	case has("describe") && takes("entity-type"):
		return "DescribeConfigs"
	case has("alter", "execute", "add", "remove", "cancel") || takes("election-type"):
		return "Alter"
	}
	return "Describe"
}

// enabledMechanisms asks a broker which mechanisms its listener has: SaslHandshake (17) version 1
// with a name that there is not answers with the list. "" when the broker does not say.
func (l *connections) enabledMechanisms(address string) string {
	conn, err := net.DialTimeout("tcp", address, ProbeTime)
	if err != nil {
		return ""
	}
	defer conn.Close()
	if strings.HasSuffix(l.cc.protocol(), "SSL") {
		config, err := l.cc.tls()
		if err != nil {
			return ""
		}
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		// The handshake happens with the first write, within the deadline.
		conn = tls.Client(conn, config)
	}
	if conn.SetDeadline(time.Now().Add(ProbeTime)) != nil {
		return ""
	}
	// int32 size, int16 key, int16 version, int32 correlation id, a null client id, the name.
	if _, err := conn.Write([]byte{0, 0, 0, 13, 0, 17, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 1, '?'}); err != nil {
		return ""
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return ""
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 10 || n > 4096 {
		return ""
	}
	answer := make([]byte, n)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return ""
	}
	// The answer: int32 correlation id, int16 error code, the array of names.
	return strings.Join(stringArray(answer[6:]), ", ")
}

// stringArray reads strings with their count before them; what is cut off is left out.
func stringArray(b []byte) (out []string) {
	count := int(int32(binary.BigEndian.Uint32(b)))
	for b = b[4:]; count > 0 && len(b) >= 2; count-- {
		n := int(binary.BigEndian.Uint16(b))
		if n > len(b)-2 {
			break
		}
		out = append(out, string(b[2:2+n]))
		b = b[2+n:]
	}
	return out
}
