package command

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/spf13/pflag"

	"momus/broker/console"
	"momus/broker/http"
	"momus/cmd/internal/outside"
	"momus/cmd/internal/tool"
	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/coordinator/zk"
)

// consoleOptions are the command line of console.
type consoleOptions struct {
	servers, configFile, zookeeper string
	port                           int
}

// runConsole serves the page for a cluster that is seen from outside: Apache Kafka's as well as
// ours. It is for this machine only and changes nothing.
func runConsole(ctx context.Context, e *Env, args []string) error {
	var o consoleOptions
	flags := pflag.NewFlagSet("console", pflag.ContinueOnError)
	flags.StringVar(&o.servers, "bootstrap-server", "localhost:9092", "brokers of the cluster")
	flags.StringVar(&o.configFile, "command-config", "", "properties of the client, as for Kafka's tools")
	flags.StringVar(&o.zookeeper, "zookeeper", "", "host:port of ZooKeeper, as in zookeeper.connect; without it znodes are not shown")
	flags.IntVar(&o.port, "port", defaultConsolePort, "port of the page; 0 for a free one")
	if err := parse(e, "console", flags, args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("Found non argument parameters: %s\n%s", flags.Arg(0), usage("console", flags))
	}
	// As a tool of Kafka's the page reads a client's properties as these do, and prints errors as
	// these do.
	return runTool(tool.Tool{Name: "console", Main: func(ctx context.Context, c *core.Call) error { return o.serve(ctx, e, c) }})(ctx, e, nil)
}

// serve shows the page for a cluster elsewhere, on this machine only: it changes the cluster with
// the rights of who started it.
func (o *consoleOptions) serve(ctx context.Context, e *Env, c *core.Call) (err error) {
	admin, err := clients.AdminFor(c, o.servers, o.configFile, map[string]string{"client.id": "momus-console"})
	if err != nil {
		return err
	}
	defer admin.Close()
	var session *zk.Client
	if o.zookeeper != "" {
		if session, err = clients.DialZooKeeper(c, ctx, o.zookeeper); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, session.Close()) }()
	}
	server, err := http.Listen(ctx, http.Options{Addr: following(o.port, 0), Access: http.Access{LocalOnly: true}})
	if err != nil {
		return explainPort(err)
	}
	console.NewSite(console.Options{Version: e.Version, Outside: outside.New(admin.Client, session)}).Mount(server)
	c.Printf("The page is at http://%s. Ctrl-C ends it.\n", net.JoinHostPort(host, portOf(server.Addr())))
	c.Out.Flush()
	return server.Run(ctx)
}
