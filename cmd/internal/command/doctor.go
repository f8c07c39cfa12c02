package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"momus/cmd/internal/doctor"
	"momus/cmd/internal/tool"
	rules "momus/internal/doctor"
)

// runDoctor looks for what is wrong with a cluster. Misuse has the exit status of "not known", so
// that a monitoring system does not take it for a warning.
func runDoctor(ctx context.Context, e *Env, args []string) error {
	err := doctorWith(ctx, e, args)
	var exit *Exit
	if err == nil || errors.As(err, &exit) {
		return err
	}
	return &Exit{Code: doctor.Unknown, Err: err}
}

// doctorWith reads the options and has the cluster looked at; --list only names what would be
// looked for. A name for --ignore that no finding has is refused, since it would silently ignore
// nothing.
func doctorWith(ctx context.Context, e *Env, args []string) error {
	var o doctor.Options
	flags := pflag.NewFlagSet("doctor", pflag.ContinueOnError)
	flags.StringVar(&o.Servers, "bootstrap-server", "localhost:9092", "brokers of the cluster")
	flags.StringVar(&o.ZooKeeper, "zookeeper", "", "look into ZooKeeper too: host:port, with the chroot, as in zookeeper.connect")
	flags.StringVar(&o.ConfigFile, "command-config", "", "properties of the client, as for Kafka's tools")
	flags.StringVar(&o.ZooKeeperConfig, "zk-tls-config-file", "", "properties for TLS to ZooKeeper, as for Kafka's tools")
	flags.StringSliceVar(&o.Metrics, "metrics", nil, "host:port of the brokers' metrics for Prometheus (JMX exporter), separated by commas; momus says where its own are")
	flags.DurationVar(&o.Wait, "wait", 5*time.Second, "time between the two looks that show what grows; 0 for one look")
	flags.DurationVar(&o.Timeout, "timeout", 5*time.Second, "how long one answer may take")
	severity := flags.String("severity", "advice", "leave out what is milder: advice, warning or critical")
	flags.StringSliceVar(&o.Ignore, "ignore", nil, "leave out findings of these names, separated by commas")
	flags.BoolVar(&o.JSON, "json", false, "print JSON")
	lang := flags.String("lang", languageOf(e.Environ), "language of the report, en or ko; that of the environment (LANG) without it")
	list := flags.Bool("list", false, "list what is looked for, and end")
	if err := parse(e, "doctor", flags, args); err != nil {
		return err
	}
	misuse := func(format string, a ...any) error {
		return fmt.Errorf("%s\n%s", fmt.Sprintf(format, a...), strings.TrimRight(usage("doctor", flags), "\n"))
	}
	if flags.NArg() > 0 {
		return misuse("Found non argument parameters: %s", flags.Arg(0))
	}
	o.Lang = rules.Lang(*lang)
	if o.Lang != rules.English && o.Lang != rules.Korean {
		return misuse("--lang %s: the report is in en and ko", *lang)
	}
	if o.Wait < 0 || o.Timeout <= 0 {
		return misuse("--wait may not be negative, and --timeout has to be positive")
	}
	var err error
	if o.Least, err = rules.ParseSeverity(*severity); err != nil {
		return misuse("--severity: %v", err)
	}
	var names []string
	for _, r := range rules.Rules() {
		names = append(names, r.Name)
		if *list {
			fmt.Fprintf(e.Stdout, "%-29s %s\n", r.Name, o.Lang.Looks(&r))
		}
	}
	if *list {
		return nil
	}
	for _, n := range o.Ignore {
		if !slices.Contains(names, n) {
			text := fmt.Sprintf("--ignore: there is no finding %q", n)
			if near := nearest(n, names); near != "" {
				text += "; did you mean " + near + "?"
			}
			return misuse("%s", text)
		}
	}
	return runTool(tool.Tool{Name: "doctor", Main: o.Main})(ctx, e, nil)
}
