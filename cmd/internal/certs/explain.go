package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Names are the host names and addresses that a certificate is for.
func Names(c *x509.Certificate) string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Dates says that a certificate is not valid at a time, "" when it is.
func Dates(c *x509.Certificate, now time.Time) string {
	switch {
	case now.After(c.NotAfter):
		return fmt.Sprintf("the certificate of %s expired on %s, %s ago; it has to be renewed", c.Subject, day(c.NotAfter), span(now.Sub(c.NotAfter)))
	case now.Before(c.NotBefore):
		return fmt.Sprintf("the certificate of %s begins to be valid on %s, in %s; or the clock of this machine (%s) is wrong", c.Subject, day(c.NotBefore),
			span(c.NotBefore.Sub(now)), day(now))
	}
	return ""
}

// span is a duration as people say it, rounded down.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes()))
}

// WrongName says that a certificate is not for a name, and for which it is.
func WrongName(c *x509.Certificate, name string) string {
	kind := "name"
	if net.ParseIP(name) != nil {
		kind = "address"
	}
	text := fmt.Sprintf("the %s %s is not in the certificate, which is for: %s", kind, name, Names(c))
	if len(c.DNSNames)+len(c.IPAddresses) == 0 {
		text += fmt.Sprintf(" (its common name, %s, does not count)", c.Subject.CommonName)
	}
	return text
}

// Explain says in words of Kafka's settings what is wrong with certificates that were not believed.
// chain is what the server showed and may be empty.
func Explain(err error, chain []*x509.Certificate, name string, now time.Time) string {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) && len(chain) == 0 {
		chain = verification.UnverifiedCertificates
	}
	for _, c := range chain {
		if text := Dates(c, now); text != "" {
			return text
		}
	}
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &host):
		return WrongName(host.Certificate, name)
	case errors.As(err, &unknown):
		return unknownAuthority(unknown, chain)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Sprintf("the certificate of %s may not be used by a server: its extended key usage lacks serverAuth", invalid.Cert.Subject)
	case errors.As(err, &invalid) && invalid.Reason == x509.NotAuthorizedToSign:
		return fmt.Sprintf("%s is no authority and may not sign certificates", invalid.Cert.Subject)
	}
	return err.Error()
}

// unknownAuthority says whose certificate the truststore lacks.
func unknownAuthority(err x509.UnknownAuthorityError, chain []*x509.Certificate) string {
	last := err.Cert
	if len(chain) > 0 {
		last = chain[len(chain)-1]
	}
	if last == nil {
		return "the certificate is signed by an unknown authority; its certificate belongs into ssl.truststore.location"
	}
	if last.Subject.String() == last.Issuer.String() && len(chain) <= 1 {
		return fmt.Sprintf("the certificate of %s is signed by itself and not trusted; it belongs into ssl.truststore.location if it is the right one", last.Subject)
	}
	text := fmt.Sprintf("the authority %s is not trusted: its certificate belongs into ssl.truststore.location", last.Issuer)
	if len(chain) == 1 {
		text += ", or the server does not send an intermediate certificate"
	}
	return text
}
