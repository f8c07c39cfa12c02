package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"mime"
	"net"
	nethttp "net/http"
	"strconv"
)

// Access says who may do what.
type Access struct {
	// LocalOnly answers only requests from this machine that name it as localhost or by a loopback
	// address. That also keeps out pages of other sites that point a name of theirs at this machine
	// (DNS rebinding).
	LocalOnly bool
	// LocalReaders lets only this machine read, unless User or Certificate is set; open paths stay
	// open.
	LocalReaders bool
	// Certificate asks readers for a client certificate, which TLS has verified.
	Certificate bool
	// User and Password, if User is set, are asked of readers.
	User, Password string
	// Token is what a change must bring along; "" forbids every change.
	Token string
}

// TokenHeader carries the token of a change.
const TokenHeader = "X-Momus-Token"

// contentPolicy lets the page use what this port serves, and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func setHeaders(h nethttp.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func (a *Access) admitHost(w nethttp.ResponseWriter, r *nethttp.Request) bool {
	if a.LocalOnly && !(fromLoopback(r) && namesLoopback(r.Host)) {
		nethttp.Error(w, "this port is for this machine only: use http://localhost", nethttp.StatusForbidden)
		return false
	}
	return true
}

func (a *Access) admitReader(w nethttp.ResponseWriter, r *nethttp.Request) bool {
	// A page of another site cannot read an answer, but it could keep streams and questions running
	// in the browser of somebody who may. A link from elsewhere is followed.
	if site := r.Header.Get("Sec-Fetch-Site"); (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		nethttp.Error(w, "only the page itself may ask", nethttp.StatusForbidden)
		return false
	}
	if a.Certificate && (r.TLS == nil || len(r.TLS.PeerCertificates) == 0) {
		nethttp.Error(w, "a client certificate is needed", nethttp.StatusForbidden)
		return false
	}
	if a.User != "" {
		user, password, ok := r.BasicAuth()
		if ok && same(user, a.User) && same(password, a.Password) {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="momus", charset="UTF-8"`)
		nethttp.Error(w, "user and password are needed", nethttp.StatusUnauthorized)
		return false
	}
	if a.LocalReaders && !a.Certificate && !(fromLoopback(r) && namesLoopback(r.Host)) {
		nethttp.Error(w, "only from this machine, unless momus.console.user and momus.console.password are set", nethttp.StatusForbidden)
		return false
	}
	return true
}

// admitChange lets a request through that only the page itself can have sent: browsers do not let
// other sites set these headers.
func (a *Access) admitChange(w nethttp.ResponseWriter, r *nethttp.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	site := r.Header.Get("Sec-Fetch-Site")
	switch {
	case a.Token == "":
		nethttp.Error(w, "nothing can be changed here", nethttp.StatusForbidden)
	case err != nil || media != "application/json":
		nethttp.Error(w, "a change is sent as application/json", nethttp.StatusUnsupportedMediaType)
	case r.Header.Get("Origin") != scheme+r.Host || site != "" && site != "same-origin":
		nethttp.Error(w, "a change must come from the page itself", nethttp.StatusForbidden)
	case !same(r.Header.Get(TokenHeader), a.Token):
		nethttp.Error(w, "the token is missing or wrong: open the address that was printed at the start", nethttp.StatusForbidden)
	default:
		return true
	}
	return false
}

// same compares in a time that does not depend on the content.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func fromLoopback(r *nethttp.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// namesLoopback reports whether a Host header names this machine, with or without a port.
func namesLoopback(host string) bool {
	if h, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil && port != "" {
			return false
		}
		host = h
	} else if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
