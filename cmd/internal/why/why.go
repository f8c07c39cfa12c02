// Package why is momus why: it tells for people, or as JSON, what happened to a partition, group,
// broker or transaction and because of what. It reads the journals of all brokers that have one,
// joins them, and adds what the public APIs and ZooKeeper say about the present. A cluster with
// brokers of Apache Kafka has gaps: what only those brokers know is not known, and that is said.
package why

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/coordinator/zk"
	"momus/internal/journal"
)

// Options are the command line of momus why.
type Options struct {
	Subject journal.Subject
	// Servers are the bootstrap servers, ConfigFile the properties of the client. HTTP are
	// addresses of HTTP ports; none: the brokers are asked.
	Servers, ConfigFile string
	HTTP                []string
	User, Password      string // for the HTTP ports
	ZooKeeper           string // "": not asked
	Last                int    // how many entries are shown
	JSON, Follow        bool
	Lang                journal.Lang
}

// followTick is how often the journals are asked for news.
const followTick = 500 * time.Millisecond

// Main is the body of the command, as that of a tool.
func (o *Options) Main(ctx context.Context, c *core.Call) error {
	http, err := clients.HTTPPortsFor(o.ConfigFile)
	if err != nil {
		return err
	}
	r := &run{o: o, c: c, seen: newTold(), ports: &ports{http, o.User, o.Password}}
	defer r.close() // of what was opened before an error, too
	if err := r.connect(ctx); err != nil {
		return err
	}
	read(ctx, r.sources, r.ports)
	if o.JSON {
		return r.document()
	}
	r.present(ctx)
	shown := r.tell(o.Last)
	if shown == 0 && !o.Follow {
		c.Println(textsIn(o.Lang).nothing)
	}
	r.gaps()
	for o.Follow {
		c.Out.Flush()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followTick):
		}
		if read(ctx, r.sources, r.ports) {
			r.tell(0)
		}
	}
	return nil
}

// run is one question with its connections.
type run struct {
	o       *Options
	c       *core.Call
	ports   *ports
	admin   *clients.Admin // nil when only HTTP ports were named
	zk      *zk.Client     // nil when it is not asked
	sources []*Source
	seen    *told
}

// connect opens what the options name. The brokers' HTTP ports are found by the brokers themselves
// unless they were given.
func (r *run) connect(ctx context.Context) (err error) {
	for _, url := range r.o.HTTP {
		if !strings.Contains(url, "://") {
			url = "http://" + url
		}
		r.sources = append(r.sources, &Source{Broker: -1, URL: url})
	}
	if r.o.Servers != "" {
		// Without properties of its own the client's id is that of any admin client.
		if r.admin, err = clients.AdminFor(r.c, r.o.Servers, r.o.ConfigFile, nil); err != nil {
			return err
		}
		found, _, err := find(ctx, r.admin)
		if err != nil {
			return err
		}
		// Ports that were named stand for the brokers that are meant.
		if len(r.o.HTTP) == 0 {
			r.sources = found
		}
	}
	if r.o.ZooKeeper != "" {
		r.zk, err = clients.DialZooKeeper(r.c, ctx, r.o.ZooKeeper)
	}
	return err
}

// close ends the connections that were made.
func (r *run) close() {
	if r.admin != nil {
		r.admin.Close()
	}
	if r.zk != nil {
		r.zk.Close()
	}
}

// present says how things stand.
func (r *run) present(ctx context.Context) {
	if r.admin == nil {
		return
	}
	lines, err := r.state(ctx)
	if err != nil {
		lines = []string{say{"How it stands now is not known: %v", "지금 상태를 알 수 없다: %v"}.in(r.o.Lang, err)}
	}
	for _, l := range lines {
		r.c.Println(l)
	}
	if len(lines) > 0 {
		r.c.Println()
	}
}

// tell writes the entries that were not written yet, the latest last of them if last is not 0.
func (r *run) tell(last int) int {
	h := history(r.sources)
	about := h.About(&r.o.Subject)
	open := unended(about)
	if last > 0 && len(about) > last {
		// What is left out counts as told, so that --follow does not bring it.
		for _, e := range about[:len(about)-last] {
			r.seen.entries[e.Ref()] = true
		}
	}
	n := 0
	for _, e := range about {
		if r.seen.entries[e.Ref()] {
			continue
		}
		r.c.Printf("%s", explain(h, e, r.o.Lang, r.seen))
		n++
	}
	// Only once: with --follow it would be repeated at every look.
	if open != nil && last > 0 && r.o.Subject.TransactionalID != "" {
		r.c.Printf(textsIn(r.o.Lang).open+"\n", roughly(time.Since(open.Time)))
	}
	return n
}

// gaps says whose journals could not be read, and what that means.
func (r *run) gaps() {
	for _, s := range r.sources {
		if s.Err == nil {
			continue
		}
		name := s.URL
		if s.Broker >= 0 {
			name = say{"broker %d", "%d번 브로커"}.in(r.o.Lang, s.Broker)
		}
		reason := fmt.Sprint(s.Err)
		if errors.Is(s.Err, errNoPort) {
			reason = say{errNoPort.Error(), "momus가 아니거나, HTTP 포트가 닫혀 있다"}.in(r.o.Lang)
		}
		r.c.Printf("\n%s\n", say{"The journal of %s cannot be read (%v): what it did is known only from what others and ZooKeeper saw, and its reasons are not known.",
			"%s의 저널을 읽을 수 없다 (%v). 무엇을 했는지는 다른 브로커와 ZooKeeper가 본 것까지만, 왜 했는지는 알 수 없다."}.in(r.o.Lang, name, reason))
	}
}

// document writes everything as JSON.
func (r *run) document() error {
	h := history(r.sources)
	type source struct {
		Broker int32  `json:"broker"`
		URL    string `json:"url,omitempty"`
		Error  string `json:"error,omitempty"`
	}
	var doc struct {
		Sources []source         `json:"sources"`
		Entries []map[string]any `json:"entries"`
	}
	doc.Entries = []map[string]any{}
	for _, s := range r.sources {
		x := source{Broker: s.Broker, URL: s.URL}
		if s.Err != nil {
			x.Error = s.Err.Error()
		}
		doc.Sources = append(doc.Sources, x)
	}
	plain := func(e *journal.Entry) map[string]any {
		b, err := e.JSON(r.o.Lang)
		m := map[string]any{}
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		if err != nil {
			m["error"] = err.Error()
		}
		return m
	}
	for _, e := range h.About(&r.o.Subject) {
		m := plain(e)
		because := []map[string]any{}
		for _, c := range h.Chain(e)[1:] {
			because = append(because, plain(c))
		}
		m["because"] = because
		doc.Entries = append(doc.Entries, m)
	}
	b, err := json.MarshalIndent(&doc, "", "  ")
	if err != nil {
		return err
	}
	r.c.Println(string(b))
	return nil
}
