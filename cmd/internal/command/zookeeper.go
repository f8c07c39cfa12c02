package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"momus/configs"
	"momus/coordinator/zkserver"
	"momus/internal/jvm"
)

// runZooKeeper starts the coordination server alone, on all interfaces. It takes the file of
// zookeeper-server-start.sh too.
func runZooKeeper(ctx context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("zookeeper", pflag.ContinueOnError)
	dir := flags.String("dir", filepath.Join("data", "zookeeper"), "directory of the data")
	port := flags.Int("port", 2181, "port to listen on")
	host := flags.String("host", "", "address to listen on; all when empty")
	verbose := flags.Bool("verbose", false, "log more")
	if err := parse(e, "zookeeper", flags, args); err != nil {
		return err
	}
	o := zkserver.Options{Dir: *dir, Listen: net.JoinHostPort(*host, strconv.Itoa(*port))}
	settings := map[string]string{}
	switch rest := flags.Args(); {
	case len(rest) > 1:
		return fmt.Errorf("Found non argument parameters: %s\n%s", strings.Join(rest[1:], ","), strings.TrimRight(usage("zookeeper", flags), "\n"))
	case len(rest) == 1:
		var err error
		if settings, err = readZooCfg(rest[0], &o, flags.Changed); err != nil {
			return err
		}
	}
	// TLS and logins, from the same keys and JVM options as ZooKeeper has them.
	if err := secureCoordination(settings, jvm.FromEnvironment(e.getenv), flags.Changed("port"), &o); err != nil {
		return err
	}
	level := "warning"
	if *verbose {
		level = "info"
	}
	log := newLogger(e.Stderr, level, "text")
	applyMemoryLimit(log, e.Environ, 0)
	if err := e.settle(log, []string{o.Dir}, nil); err != nil {
		return err
	}
	o.Logger = log.WithField("logger", "zookeeper")
	server, err := e.newCoordination(o)
	if err != nil {
		return explainPort(err)
	}
	fmt.Fprintf(e.Stdout, "coordination server (ZooKeeper's protocol) on %s, data in %s; Ctrl-C stops it.\n"+
		"One node is for trying things out and for tests: production uses a ZooKeeper ensemble.\n", server.Addr(), o.Dir)
	return server.Run(ctx)
}

// readZooCfg reads the settings of a zoo.cfg that one server can follow. changed tells which
// options the command line gave: they win.
func readZooCfg(path string, o *zkserver.Options, changed func(string) bool) (settings map[string]string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	if settings, err = configs.ParseProperties(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var errs []error
	number := func(key string) int {
		n, err := strconv.Atoi(settings[key])
		if err != nil || n < 0 {
			errs = append(errs, fmt.Errorf("%s: %s: invalid value %q; valid is a number of at least 0", filepath.Base(path), key, settings[key]))
		}
		return n
	}
	// Sorted, so that errors come in the same order each time.
	keys := make([]string, 0, len(settings))
	for k := range settings {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	// Other keys, of ensembles, of purging and of the admin server, have nothing to change here.
	for _, k := range keys {
		switch {
		// dataLogDir is not read: snapshots and log lie together here.
		case k == "dataDir" && !changed("dir"):
			o.Dir = settings[k]
		case k == "clientPort" && !changed("port"):
			o.Listen = net.JoinHostPort(settings["clientPortAddress"], strconv.Itoa(number(k)))
		case k == "tickTime":
			o.TickTime = time.Duration(number(k)) * time.Millisecond
		case k == "minSessionTimeout":
			o.MinSessionTimeout = time.Duration(number(k)) * time.Millisecond
		case k == "maxSessionTimeout":
			o.MaxSessionTimeout = time.Duration(number(k)) * time.Millisecond
		case k == "maxClientCnxns":
			// ZooKeeper's 0 is no limit, which is negative here, where 0 is the default.
			if o.MaxClientCnxns = number(k); o.MaxClientCnxns == 0 {
				o.MaxClientCnxns = -1
			}
		case strings.HasPrefix(k, "server."):
			errs = append(errs, fmt.Errorf("%s: %s: this server is a single node; an ensemble needs ZooKeeper itself", filepath.Base(path), k))
		}
	}
	return settings, errors.Join(errs...)
}
