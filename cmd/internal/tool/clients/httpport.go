package clients

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"

	"momus/cmd/internal/tool/core"
)

// HTTPPorts asks the HTTP ports of brokers. Whether a port is one of HTTPS (momus.console.tls) is
// found by asking; until then no password is sent.
type HTTPPorts struct{ client http.Client }

// NewHTTPPorts makes one that trusts, and shows as its certificate, what config says; nil is what
// this machine trusts. It keeps no connections.
func NewHTTPPorts(config *tls.Config) *HTTPPorts {
	return &HTTPPorts{http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}}
}

// HTTPPortsFor makes one with the ssl.* properties of a client's file, whatever security.protocol
// is there; "" is no file.
func HTTPPortsFor(file string) (*HTTPPorts, error) {
	props, err := core.ReadProperties(file)
	if err != nil {
		return nil, err
	}
	config, err := (&Config{Props: props}).tls()
	if err != nil {
		return nil, err
	}
	return NewHTTPPorts(config), nil
}

// ofHTTPS is what Go's servers say to who speaks HTTP where HTTPS is spoken.
const ofHTTPS = "Client sent an HTTP request to an HTTPS server."

// Get asks a URL, and the same with https if its port wants that, with a user's name and password
// unless user is empty. The caller closes the answer's body.
func (p *HTTPPorts) Get(ctx context.Context, url, user, password string) (*http.Response, error) {
	if rest, plain := strings.CutPrefix(url, "http://"); plain {
		// The first attempt carries no password, since the port may not be one of HTTPS.
		resp, err := p.get(ctx, url, "", "")
		if err != nil {
			return nil, err
		}
		secure := false
		if resp.StatusCode == http.StatusBadRequest {
			text, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
			resp.Body.Close()
			secure = err == nil && strings.TrimSpace(string(text)) == ofHTTPS
			// Its beginning was read; the caller gets it again.
			resp.Body = io.NopCloser(strings.NewReader(string(text)))
		}
		switch {
		case secure:
			url = "https://" + rest
		case user == "" || resp.StatusCode != http.StatusUnauthorized:
			return resp, nil
		}
		resp.Body.Close()
	}
	return p.get(ctx, url, user, password)
}

// get asks for a page, with a password if there is a user.
func (p *HTTPPorts) get(ctx context.Context, url, user, password string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	resp, err := p.client.Do(r)
	if err != nil && strings.Contains(err.Error(), "x509:") {
		err = fmt.Errorf("%w; ssl.truststore.location in the client's properties says whom to trust", err)
	}
	return resp, err
}
