package command

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net"

	"github.com/sirupsen/logrus"

	"momus/broker/http"
	"momus/cmd/internal/playground"
)

// defaultConsolePort is where quickstart serves the page.
const defaultConsolePort = 9400

// pageServer is a playground with the port of its page.
type pageServer struct {
	*playground.Playground
	server *http.Server // nil without a page
	token  string
}

// newPageServer makes the page of so many brokers that can be killed, paused and cut off.
func newPageServer(version string, brokers int) *pageServer {
	return &pageServer{Playground: playground.New(version, brokers)}
}

// serve opens the port of the page: the one that was asked for, or any if the usual one is taken.
func (p *pageServer) serve(ctx context.Context, port int, wanted bool, log *logrus.Logger) error {
	server, token, err := listenForPage(ctx, port, wanted, log.WithField("logger", "console"))
	if err != nil {
		return err
	}
	p.token, p.server = token, server
	p.Site().Mount(server)
	return nil
}

// listenForPage opens a port that answers this machine only: the one that was asked for, or any if
// the usual one is taken and not wanted. Who has the token may change something.
func listenForPage(ctx context.Context, port int, wanted bool, log *logrus.Entry) (server *http.Server, token string, err error) {
	var secret [12]byte
	rand.Read(secret[:]) // never fails
	token = base64.RawURLEncoding.EncodeToString(secret[:])
	options := http.Options{Addr: following(port, 0), Logger: log, Access: http.Access{LocalOnly: true, Token: token}}
	server, err = http.Listen(ctx, options)
	if err != nil && !wanted {
		options.Addr = following(0, 0)
		server, err = http.Listen(ctx, options)
	}
	return server, token, err
}

// address is the page with the token that lets it play; "" without a page. The token is in the
// fragment, which browsers keep to themselves.
func (p *pageServer) address() string {
	if p.server == nil {
		return ""
	}
	return "http://" + net.JoinHostPort(host, portOf(p.server.Addr())) + "/#" + p.token
}
