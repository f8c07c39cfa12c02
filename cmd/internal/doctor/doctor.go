// Package doctor is momus doctor: it gathers a snapshot of a cluster from outside, through public
// APIs and znodes, with the rights of the user who asks, lets the rules of internal/doctor look at
// it, and prints what they found. It works with Apache Kafka 0.10 to 3.x and momus alike, and only
// reads. What brokers of a version do not tell, or do not tell this user, is listed as not known. A
// part of the cluster has a file each: gather (brokers), topics, groups, records (what lies in
// partitions), zookeeper, outside (TLS and pages of metrics); print shows the report.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/internal/doctor"
)

// Options are the command line of momus doctor.
type Options struct {
	Servers, ConfigFile        string
	ZooKeeper, ZooKeeperConfig string        // "": not asked; "": no file
	Metrics                    []string      // addresses of pages of metrics, host:port
	Wait                       time.Duration // between the two looks, 0 for one look
	Timeout                    time.Duration // of each request
	Least                      doctor.Severity
	Ignore                     []string // names of rules
	JSON                       bool
	Lang                       doctor.Lang
	Now                        func() time.Time // what ages are measured by; nil for the clock
}

// Exit codes; those of monitoring plugins of the Nagios family.
const (
	Healthy  = 0
	Trouble  = 1 // advice or warnings
	Critical = 2
	Unknown  = 3 // nothing could be found out
)

// Main is the body of the command, as that of a tool. An error of it is an exit code of core.Exit,
// or that the report could not be written.
func (o *Options) Main(ctx context.Context, c *core.Call) error {
	// Refused connections are findings; what the clients log of them is not wanted twice.
	env := *c.Env
	env.Stderr = io.Discard
	g := &gatherer{o: o, quiet: &core.Call{Env: &env, Out: c.Out}}
	s, err := g.gather(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errNobody):
		c.Errorf("No broker of %s answers: %s.\n", o.Servers, reason(o.Lang, err))
		// The watchers saw the client's connections: where these ended says more than the error,
		// such as that the listener wants TLS or a login.
		for _, w := range g.quiet.Watchers {
			c.GiveHints(w.Hints())
		}
		return core.Exit(Unknown)
	case err != nil: // a setting is wrong
		c.Errorf("%s\n", java.Describe(err))
		return core.Exit(Unknown)
	}
	r := doctor.Examine(s)
	// What is ignored must not decide the exit code either.
	r.Findings = slices.DeleteFunc(r.Findings, func(f doctor.Finding) bool { return f.Severity < o.Least || slices.Contains(o.Ignore, f.Name) })
	r.Unknown = slices.DeleteFunc(r.Unknown, func(u doctor.Unknown) bool { return slices.Contains(o.Ignore, u.Name) })
	if o.JSON {
		err = printJSON(c.Out, s, r)
	} else {
		printer{c.Out, style{on: c.Terminal.Out && c.Terminal.Colour}, o.Lang}.report(s, r)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if code := exitCode(r); code != Healthy {
		return core.Exit(code)
	}
	return nil
}

// exitCode is that of the worst finding which is shown. That rules could not look is no trouble: a
// cluster without --zookeeper would never be healthy.
func exitCode(r *doctor.Report) int {
	switch r.Worst() {
	case 0:
		return Healthy
	case doctor.Critical:
		return Critical
	}
	return Trouble
}
