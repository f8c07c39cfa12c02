package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	wire "github.com/twmb/franz-go/pkg/kerr"

	"momus/cmd/internal/certs"
)

// diagnose tells why a peer does not answer, and what to do about it.
func (l *connections) diagnose(p peer) string {
	address := p.address()
	if !p.dialled && notReached(p.err) {
		return l.unreachable(p, address)
	}
	switch {
	case errors.Is(p.err, wire.UnsupportedSaslMechanism):
		if enabled := l.enabledMechanisms(address); enabled != "" {
			return fmt.Sprintf("%s does not have sasl.mechanism %s; it has %s (sasl.enabled.mechanisms)", address, mechanismOf(l.cc.Props), enabled)
		}
		return fmt.Sprintf("%s does not have sasl.mechanism %s; sasl.enabled.mechanisms of the broker lists what it has", address, mechanismOf(l.cc.Props))
	case errors.Is(p.err, wire.SaslAuthenticationFailed):
		// Only somebody at a terminal is helped by a repetition.
		if !l.c.Terminal.Err { // Kafka's lines say it already, and scripts get nothing else
			return ""
		}
		return fmt.Sprintf("%s refused the user in sasl.jaas.config; check its name, password and sasl.mechanism (%s)", address, l.cc.Props["sasl.mechanism"])
	case certificateTrouble(p.err, p.host) != "":
		return address + ": " + certificateTrouble(p.err, p.host)
	case kerberosTrouble(p.err) != "":
		return kerberosTrouble(p.err)
	}
	if v := l.verdict(address); v.text != "" {
		return v.text
	}
	if !p.dialled {
		return fmt.Sprintf("%s ended TLS: %v; if it wants a certificate of the client, ssl.keystore.location in %s names the store", address, p.err, l.c.ConfigOption())
	}
	if (errors.Is(p.err, io.EOF) || errors.Is(p.err, syscall.ECONNRESET)) && !strings.HasPrefix(l.cc.protocol(), "SASL_") {
		return fmt.Sprintf("%s closed the connection after the first request; if its listener wants SASL, put security.protocol=SASL_PLAINTEXT (or SASL_SSL), sasl.mechanism and sasl.jaas.config into %s", address, l.c.ConfigOption())
	}
	return fmt.Sprintf("%s accepts connections but does not answer as a broker: %v", address, p.err)
}

// verdict is what was found at an address.
type verdict struct {
	text string // what is wrong; "" when it may be a broker that speaks as this client does
	sure bool   // waiting does not mend it
}

// verdict looks at what listens at an address, once.
func (l *connections) verdict(address string) verdict {
	l.mu.Lock()
	v, known := l.mu.verdicts[address]
	l.mu.Unlock()
	if known {
		return v
	}
	secure := strings.HasSuffix(l.cc.protocol(), "SSL")
	switch speaks := speaksTLS(address); {
	case speaks && !secure:
		v.sure = true
		v.text = fmt.Sprintf("%s speaks TLS, and this tool spoke plain text; put security.protocol=SSL (or SASL_SSL) and ssl.truststore.location into %s", address, l.c.ConfigOption())
	case speaks:
	case answersAsZooKeeper(address):
		// No broker turns into ZooKeeper by waiting.
		v.sure = true
		v.text = fmt.Sprintf("%s is ZooKeeper, not a broker; give the address of a broker, usually port 9092", address)
		if l.c.Options != nil && l.c.Options.ByName["zookeeper"] != nil {
			v.text += ", or --zookeeper " + address
		}
	case secure && Reachable(address): // or a port that is forwarded to a broker which is starting
		v.text = fmt.Sprintf("%s does not speak TLS; security.protocol=%s in %s has to be what its listener has (listener.security.protocol.map)", address, l.cc.protocol(), l.c.ConfigOption())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.verdicts == nil {
		l.mu.verdicts = map[string]verdict{}
	}
	l.mu.verdicts[address] = v
	return v
}

// unreachable says why an address does not answer, and what to change: an address that a broker
// announced is another mistake than one that was typed.
func (l *connections) unreachable(p peer, address string) string {
	reason := "no answer"
	var dns *net.DNSError
	switch {
	case errors.As(p.err, &dns) && dns.IsNotFound:
		reason = "there is no host of that name"
	case dns != nil:
		reason = "its name could not be looked up"
	// syscall.ECONNREFUSED has another number on Windows; the text has the word everywhere.
	case strings.Contains(p.err.Error(), "refused"):
		reason = "nothing listens there"
	}
	if p.id >= 0 {
		return fmt.Sprintf("broker %d announced itself as %s, which cannot be reached from here: %s. "+
			"The address comes from advertised.listeners of that broker (KAFKA_ADVERTISED_LISTENERS in a container); set it to one that clients can reach", p.id, address, reason)
	}
	if dns != nil {
		return fmt.Sprintf("%s cannot be reached: %s", address, reason)
	}
	text := fmt.Sprintf("%s cannot be reached: %s; is the broker running, and is this the port of its listener?", address, reason)
	if p.host == "localhost" || p.host == "127.0.0.1" {
		text += " momus quickstart starts one on localhost:9092"
	}
	return text
}

// certificateTrouble explains errors of certificates and TLS alerts; "" for any other error. host
// is the name that was connected to.
func certificateTrouble(err error, host string) string {
	var (
		unknown      x509.UnknownAuthorityError
		name         x509.HostnameError
		invalid      x509.CertificateInvalidError
		verification *tls.CertificateVerificationError
		alert        tls.AlertError
		remote       *net.OpError
	)
	switch {
	case errors.As(err, &name):
		return certs.Explain(err, nil, host, time.Now()) + "; ssl.endpoint.identification.algorithm= (empty) turns the check of the name off"
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &verification):
		return certs.Explain(err, nil, host, time.Now())
	case errors.As(err, &alert):
		return alert.Error()
	// crypto/tls gives alerts of the other side as an OpError with this operation.
	case errors.As(err, &remote) && remote.Op == "remote error":
		return fmt.Sprintf("the broker ended TLS: %v; if it wants a certificate of the client, ssl.keystore.location names the store", remote.Err)
	}
	return ""
}

// kerberosTrouble explains what the key distribution center says; "" for any other error.
func kerberosTrouble(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "KRB_AP_ERR_SKEW"):
		return "the clocks of this machine and of the key distribution center differ by more than Kerberos allows (5 minutes): set them by NTP"
	case strings.Contains(text, "KDC_ERR_S_PRINCIPAL_UNKNOWN"):
		return "the key distribution center has no principal for the broker under this name: connect by the host name of its principal, and see that sasl.kerberos.service.name is right"
	case strings.Contains(text, "KDC_ERR_C_PRINCIPAL_UNKNOWN"):
		return "the key distribution center does not know the principal of the login module"
	case strings.Contains(text, "KDC_ERR_PREAUTH_FAILED"):
		return "the key table has another key than the key distribution center: make it anew with ktadd"
	}
	return ""
}

// notReached tells that there was no connection at all, not even one on which TLS failed.
func notReached(err error) bool {
	var (
		op  *net.OpError
		dns *net.DNSError
	)
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial" || errors.Is(err, context.DeadlineExceeded)
}

// notTLS tells that the other side did not speak TLS.
func notTLS(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header) || errors.Is(err, io.EOF)
}

// ProbeTime bounds each look at an address: somebody waits for the hint.
const ProbeTime = time.Second

// Reachable reports whether anything accepts a connection at an address.
func Reachable(address string) bool {
	conn, err := net.DialTimeout("tcp", address, ProbeTime)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// asked sends a question to a port and reads its answer, at most so many bytes; nil when nobody
// takes it.
func asked(address, question string, most int64) []byte {
	conn, err := net.DialTimeout("tcp", address, ProbeTime)
	if err != nil {
		return nil
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(ProbeTime)) != nil {
		return nil
	}
	if _, err := io.WriteString(conn, question); err != nil {
		return nil
	}
	answer, _ := io.ReadAll(io.LimitReader(conn, most)) // what came before the end or the deadline
	return answer
}

// answersAsZooKeeper asks in ZooKeeper's own way.
func answersAsZooKeeper(address string) bool {
	answer := string(asked(address, "srvr", 64))
	// srvr has to be among 4lw.commands.whitelist since ZooKeeper 3.5, and its refusal is proof
	// enough.
	return strings.HasPrefix(answer, "Zookeeper version") || strings.HasPrefix(answer, "srvr is not executed")
}

// AnswersAsBroker asks for a broker's API versions, version 0: int32 size, int16 key, int16
// version, int32 correlation id, a client id of length 0; the answer begins with a size and the
// same id.
func AnswersAsBroker(address string) bool {
	answer := asked(address, "\x00\x00\x00\x0a\x00\x12\x00\x00asks\x00\x00", 8)
	return len(answer) == 8 && string(answer[4:]) == "asks"
}

// speaksTLS tells whether a TLS handshake gets as far as the certificate of the other side.
func speaksTLS(address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), ProbeTime)
	defer cancel()
	seen := false
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, // only to see what is there
		VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { seen = true; return nil }}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		conn.Close()
	}
	return seen
}
