package command

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/sirupsen/logrus"

	"momus/broker/console"
	"momus/broker/http"
	"momus/internal/journal"
)

// defaultConsolePort is where quickstart serves the page.
const defaultConsolePort = 9400

// playground runs the brokers of a quickstart. Single ones can be stopped and started again while
// the others go on: that is what the page plays with. It implements console.Player.
type playground struct {
	site     *console.Site
	server   *http.Server // of the page; nil without one
	token    string
	journals []*journal.Journal // one for each broker, for all of its lives
	// remake makes a broker again, by its index.
	remake func(i int) (Server, error)

	mu struct {
		sync.Mutex
		brokers []*played
	}
}

// played is a broker that may be stopped. The fields are guarded by playground.mu.
type played struct {
	running bool
	stop    context.CancelFunc // of the present life
	idle    chan struct{}      // closed when the life has ended after a stop
	start   chan struct{}      // taken from, it begins another life; nil unless stopped
}

// The actions of the page.
const (
	actStop  = "stop"
	actStart = "start"
)

func newPlayground(version string, brokers int) *playground {
	p := &playground{}
	p.site = console.NewSite(console.Options{Version: version, Player: p})
	for range brokers {
		p.journals = append(p.journals, journal.New(nil))
	}
	p.mu.brokers = make([]*played, brokers)
	return p
}

// serve opens the port of the page: the one that was asked for, or any if the usual one is taken.
func (p *playground) serve(ctx context.Context, port int, wanted bool, log *logrus.Logger) error {
	var secret [12]byte
	rand.Read(secret[:]) // never fails
	p.token = base64.RawURLEncoding.EncodeToString(secret[:])
	options := http.Options{Addr: following(port, 0), Logger: log.WithField("logger", "console"), Access: http.Access{LocalOnly: true, Token: p.token}}
	server, err := http.Listen(ctx, options)
	if err != nil && !wanted {
		options.Addr = following(0, 0)
		server, err = http.Listen(ctx, options)
	}
	if err != nil {
		return err
	}
	p.server = server
	p.site.Mount(server)
	return nil
}

// address is the page with the token that lets it play; "" without a page. The token is in the
// fragment, which browsers keep to themselves.
func (p *playground) address() string {
	if p.server == nil {
		return ""
	}
	return "http://" + net.JoinHostPort(host, portOf(p.server.Addr())) + "/#" + p.token
}

// run runs the i-th broker, through all of its lives, until ctx ends or it ends by itself.
func (p *playground) run(ctx context.Context, i int, b Server) error {
	for {
		life, stop := context.WithCancel(ctx)
		me := &played{running: true, stop: stop, idle: make(chan struct{})}
		p.mu.Lock()
		p.mu.brokers[i] = me
		p.mu.Unlock()
		err := b.Run(life)
		asked := life.Err() != nil && ctx.Err() == nil && err == nil
		stop()
		if !asked {
			return err
		}
		start := make(chan struct{}) // unbuffered: what Do takes begins the next life
		p.mu.Lock()
		me.running, me.start = false, start
		close(me.idle)
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case start <- struct{}{}:
		}
		if b, err = p.remake(i); err != nil {
			return err
		}
	}
}

// Actions implements console.Player.
func (p *playground) Actions() []string { return []string{actStop, actStart} }

// Do implements console.Player.
func (p *playground) Do(ctx context.Context, action string, broker int32) error {
	i := int(broker) - 1
	p.mu.Lock()
	if i < 0 || i >= len(p.mu.brokers) || p.mu.brokers[i] == nil {
		p.mu.Unlock()
		return errors.New("there is no broker " + strconv.Itoa(int(broker)) + " to play with")
	}
	b := p.mu.brokers[i]
	running, idle, start := b.running, b.idle, b.start
	p.mu.Unlock()
	switch {
	case action == actStop && !running:
		return fmt.Errorf("broker %d does not run", broker)
	case action == actStart && running:
		return fmt.Errorf("broker %d runs already", broker)
	case action == actStop:
		b.stop()
		select {
		case <-idle:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	case action == actStart:
		select {
		case <-start:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("there is no action " + action)
}
