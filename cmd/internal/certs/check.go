package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Report is what a client finds at a server.
type Report struct {
	Facts    []string // what was seen
	Warnings []string // what will go wrong, or may
	Problems []string // what a client stumbles over
}

// Check are the circumstances of a check.
type Check struct {
	Address string // host:port
	Name    string // the name that the certificate has to have; the host of Address when ""
	// Roots are the authorities that the client trusts; nil for the system's.
	Roots *x509.CertPool
	// Certificate is what the client shows if it is asked to; nil for none.
	Certificate *tls.Certificate
	Now         func() time.Time
	Timeout     time.Duration // of each connection
}

// soon is when an end that is near becomes a warning.
const soon = 30 * 24 * time.Hour

// Run looks at the server. An error means that nothing could be seen.
func (c Check) Run(ctx context.Context) (*Report, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address; write host:port", c.Address)
	}
	if c.Name == "" {
		c.Name = host
	}
	r := &Report{}
	seen, err := c.handshake(ctx, 0)
	if seen == nil {
		return nil, c.unreachable(err)
	}
	if seen.state == nil {
		r.Problems = append(r.Problems, c.noTLS(err))
		return r, nil
	}
	r.Facts = append(r.Facts, fmt.Sprintf("speaks %s, %s", tls.VersionName(seen.state.Version), tls.CipherSuiteName(seen.state.CipherSuite)))
	c.versions(ctx, r, seen.state.Version)
	c.clientCertificate(r, seen)
	c.certificates(r, seen.state.PeerCertificates)
	return r, nil
}

// sight is what one handshake has shown.
type sight struct {
	state  *tls.ConnectionState // nil when there was no TLS
	wanted bool                 // the server asked for a certificate
	cas    int                  // how many authorities it named
	gave   bool                 // the client had one
	err    error                // why the handshake failed after the server's certificate was seen
}

// handshake makes one handshake that believes everything; version 0 offers all. A nil sight means
// that there was no connection.
func (c Check) handshake(ctx context.Context, version uint16) (*sight, error) {
	dialer := net.Dialer{Timeout: c.Timeout}
	raw, err := dialer.DialContext(ctx, "tcp", c.Address)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	if c.Timeout > 0 {
		raw.SetDeadline(time.Now().Add(c.Timeout))
	}
	s := &sight{}
	config := &tls.Config{ServerName: c.Name, InsecureSkipVerify: true, MinVersion: max(version, tls.VersionTLS10), MaxVersion: version,
		VerifyConnection: func(state tls.ConnectionState) error { s.state = &state; return nil },
		GetClientCertificate: func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			s.wanted, s.cas = true, len(i.AcceptableCAs)
			if c.Certificate == nil {
				return &tls.Certificate{}, nil
			}
			s.gave = true
			return c.Certificate, nil
		}}
	conn := tls.Client(raw, config)
	if s.err = conn.HandshakeContext(ctx); s.err == nil && s.wanted {
		s.err = refusedLater(conn)
	}
	return s, s.err
}

// refusedLater waits a moment for the alert by which a TLS 1.3 server refuses a certificate after
// the client's side of the handshake is done.
func refusedLater(conn *tls.Conn) error {
	conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	_, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil
	}
	return err
}

// unreachable says what kept the connection from being made, in the words of whom to ask next: the
// name server, a firewall, or the broker itself.
func (c Check) unreachable(err error) error {
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return fmt.Errorf("the name of %s is not known to this machine: %w", c.Address, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s does not answer; a firewall may be in between: %w", c.Address, err)
	}
	return fmt.Errorf("%s cannot be reached: %w", c.Address, err)
}

// noTLS says why there was no server certificate.
func (c Check) noTLS(err error) string {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &alert):
		return fmt.Sprintf("the server refuses every protocol and cipher of today (%v): look at ssl.enabled.protocols and ssl.cipher.suites", alert)
	case errors.As(err, &record), errors.Is(err, io.EOF), isReset(err):
		return "the server does not speak TLS on this port: it is a PLAINTEXT or SASL_PLAINTEXT listener, or no broker; clients of it need security.protocol without SSL"
	}
	return fmt.Sprintf("the TLS handshake failed: %v", err)
}

// isReset reports whether the other side broke the connection off, and not merely kept silent: a
// plaintext listener does so when it takes the greeting of TLS for the size of a request.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// versions finds out what else the server speaks.
func (c Check) versions(ctx context.Context, r *Report, best uint16) {
	if best < tls.VersionTLS12 {
		r.Problems = append(r.Problems, fmt.Sprintf("its best protocol is %s, which clients of today refuse; set ssl.enabled.protocols=TLSv1.2 or TLSv1.3,TLSv1.2", tls.VersionName(best)))
		return
	}
	if best == tls.VersionTLS13 {
		if s, _ := c.handshake(ctx, tls.VersionTLS12); s == nil || s.state == nil {
			r.Warnings = append(r.Warnings, "it does not speak TLS 1.2: Kafka's Java clients before 2.6, and all on Java 8, cannot connect (ssl.enabled.protocols)")
		}
		return
	}
	r.Facts = append(r.Facts, "does not speak TLS 1.3, as Kafka before 2.6 unless ssl.enabled.protocols names it")
}

// clientCertificate says whether the server wants one, and what it does without.
func (c Check) clientCertificate(r *Report, s *sight) {
	switch {
	case !s.wanted && s.err != nil:
		r.Problems = append(r.Problems, fmt.Sprintf("the handshake fails: %v", s.err))
	case !s.wanted:
		r.Facts = append(r.Facts, "asks for no client certificate (ssl.client.auth=none, or SASL_SSL)")
	case s.err == nil && s.gave:
		r.Facts = append(r.Facts, "takes the client certificate")
	case s.err == nil:
		r.Facts = append(r.Facts, "asks for a client certificate and goes on without one (ssl.client.auth=requested)")
	case s.gave:
		r.Problems = append(r.Problems, fmt.Sprintf("the server refuses the client certificate (%v): it is not signed by an authority of the server's truststore, or has expired", s.err))
	default:
		r.Problems = append(r.Problems, fmt.Sprintf("the server wants a client certificate (ssl.client.auth=required; it names %d authorities): clients need ssl.keystore.location, this check --cert", s.cas))
	}
}

// certificates looks at what the server has shown.
func (c Check) certificates(r *Report, chain []*x509.Certificate) {
	leaf := chain[0]
	r.Facts = append(r.Facts, fmt.Sprintf("certificate of %s, issued by %s, valid until %s", leaf.Subject, leaf.Issuer, day(leaf.NotAfter)),
		"names in it: "+Names(leaf))
	now := c.Now()
	dated := false
	for _, cert := range chain {
		if text := Dates(cert, now); text != "" {
			r.Problems = append(r.Problems, text)
			dated = true
		} else if left := cert.NotAfter.Sub(now); left < soon {
			r.Warnings = append(r.Warnings, fmt.Sprintf("the certificate of %s expires on %s, in %d days", cert.Subject, day(cert.NotAfter), int(left.Hours()/24)))
		}
	}
	if err := leaf.VerifyHostname(c.Name); err != nil {
		r.Problems = append(r.Problems, WrongName(leaf, c.Name))
	}
	options := x509.VerifyOptions{Roots: c.Roots, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, cert := range chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	if _, err := leaf.Verify(options); err != nil && !dated {
		r.Problems = append(r.Problems, Explain(err, chain, c.Name, now))
	}
}

// String prints the report, one line each.
func (r *Report) String() string {
	var b strings.Builder
	for _, part := range []struct {
		mark  string
		lines []string
	}{{"        ", r.Facts}, {"warning ", r.Warnings}, {"WRONG   ", r.Problems}} {
		for _, line := range part.lines {
			b.WriteString(part.mark + line + "\n")
		}
	}
	return b.String()
}
