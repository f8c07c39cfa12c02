package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"momus/configs"
)

// script is a command that a Docker image's start script stands for.
type script func(ctx context.Context, e *Env, args []string) error

// imageScripts are the start scripts of the three images, by the end of the path at which people
// call them. In the container image there are scripts at these paths that call momus script PATH.
func imageScripts() []imageEntry {
	return []imageEntry{
		{"start-kafka.sh", brokerAs(configs.Wurstmeister)},
		{"confluent/docker/run", brokerAs(configs.Confluent)},
		{"confluent/docker/configure", writeConfig(configs.Confluent, "/etc/kafka/kafka.properties")},
		{"confluent/docker/ensure", checkConfig(configs.Confluent)},
		{"confluent/docker/launch", launch(configs.Confluent, "/etc/kafka/kafka.properties")},
		{"kafka/entrypoint.sh", runProgram},
		{"app-entrypoint.sh", runProgram},
		{"kafka/setup.sh", writeConfig(configs.Bitnami, "/opt/bitnami/kafka/config/server.properties")},
		{"kafka/run.sh", brokerAs(configs.Bitnami)},
	}
}

// imageEntry is a script of an image of Kafka, by the end of the path at which that image has it;
// this program does its work when it is called by such a path.
type imageEntry struct {
	path string
	run  script
}

// imageScript finds the script that a program's name stands for.
func imageScript(program string) (script, bool) {
	path, err := filepath.Abs(program)
	if err != nil {
		path = program
	}
	for _, s := range imageScripts() {
		if strings.HasSuffix(path, "/"+s.path) {
			return s.run, true
		}
	}
	return nil, false
}

// imageCommands are the programs of the images and of this one's entry point.
func imageCommands() []Command {
	return []Command{
		{Name: "entrypoint", Hidden: true, Args: "COMMAND ARG...", Help: "run one of these commands, or another program", Run: runEntrypoint},
		{Name: "script", Hidden: true, Args: "PATH ARG...", Help: "be the image's script with this path", Run: runScript},
		{Name: "cub", Hidden: true, Args: "zk-ready CONNECT SECONDS | kafka-ready [-b SERVERS | -z CONNECT] [-c FILE] [-s PROTOCOL] BROKERS SECONDS",
			Help: "wait for ZooKeeper or brokers, as Confluent's utility does", Run: runCub},
		{Name: "dub", Hidden: true, Args: "wait HOST PORT SECONDS | ensure VARIABLE", Help: "wait for a port, or check a variable, as Confluent's utility does", Run: runDub},
	}
}

// brokerAs starts a broker with the variables read as an image does. Arguments are those of the
// image's script: a file, overrides.
func brokerAs(d configs.Dialect) script {
	return func(ctx context.Context, e *Env, args []string) error {
		e.dialect = d
		return runBroker(ctx, e, args)
	}
}

// launch starts a broker with the file that writeConfig has made, which people edit in between, or
// with the variables.
func launch(d configs.Dialect, file string) script {
	return func(ctx context.Context, e *Env, args []string) error {
		if _, err := os.Stat(file); err != nil {
			return brokerAs(d)(ctx, e, args)
		}
		written := *e
		written.Environ = append(slices.Clone(e.Environ), configs.DialectVariable+"=none") // the variables are in the file already
		return runBroker(ctx, &written, append([]string{file}, args...))
	}
}

// writeConfig writes the settings that the variables make to the place where an image's script puts
// them.
func writeConfig(d configs.Dialect, file string) script {
	return func(_ context.Context, e *Env, _ []string) error {
		e.dialect = d
		config, _, err := configs.Load(e.sources("", nil))
		if err != nil {
			return fmt.Errorf("the broker cannot start with these variables:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		}
		// Passwords are among them.
		if err := os.WriteFile(file, configs.FormatProperties(config.Settings()), 0o600); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
		return nil
	}
}

// checkConfig is the script with which an image makes sure of its variables before it starts: it
// loads the configuration in the image's dialect and throws it away.
func checkConfig(d configs.Dialect) script {
	return func(_ context.Context, e *Env, _ []string) error {
		e.dialect = d
		_, _, err := configs.Load(e.sources("", nil))
		return err
	}
}

// runEntrypoint is the image's entry point: it runs a command of this program, and any other
// program that is there, in its place.
func runEntrypoint(ctx context.Context, e *Env, args []string) error {
	if len(args) == 0 {
		args = []string{"broker"}
	}
	inner := *e
	// What has a slash is a program even if its last part is the name of a command.
	if _, ok := find(args[0]); ok && !strings.Contains(args[0], "/") {
		inner.Args = append([]string{"momus"}, args...)
		return run(ctx, &inner)
	}
	return runProgram(ctx, &inner, args)
}

// runScript stands for the script of an image that its first argument names.
func runScript(ctx context.Context, e *Env, args []string) error {
	if len(args) > 0 {
		if s, ok := imageScript(args[0]); ok {
			return s(ctx, e, args[1:])
		}
	}
	return errors.New(strings.TrimRight(usage("script", nil), "\n"))
}

// runProgram becomes the program that args name.
func runProgram(_ context.Context, e *Env, args []string) error {
	if len(args) == 0 {
		return errors.New("USAGE: entrypoint.sh PROGRAM ARG...")
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		// 127 is a shell's exit status for a program that is not found.
		return &Exit{Code: 127, Err: fmt.Errorf("%s: there is no such program here, and no such command of momus (momus help lists them)", args[0])}
	}
	return replace(path, args, e.Environ)
}

// runDub waits for a port or checks that a variable is set.
func runDub(ctx context.Context, e *Env, args []string) error {
	switch {
	case len(args) == 4 && args[0] == "wait":
		ctx, cancel, err := withSeconds(ctx, args[3])
		if err != nil {
			return err
		}
		defer cancel()
		return awaitPort(ctx, []string{args[1] + ":" + args[2]})
	case len(args) == 2 && args[0] == "ensure":
		if e.getenv(args[1]) == "" {
			return fmt.Errorf("%s is required.", args[1])
		}
		return nil
	}
	return errors.New(strings.TrimRight(usage("dub", nil), "\n"))
}

// runCub waits for ZooKeeper or for brokers.
func runCub(ctx context.Context, e *Env, args []string) error {
	wrong := errors.New(strings.TrimRight(usage("cub", nil), "\n"))
	if len(args) == 0 {
		return wrong
	}
	flags := pflag.NewFlagSet("cub", pflag.ContinueOnError)
	servers := flags.StringP("bootstrap-servers", "b", "", "")
	zookeeper := flags.StringP("zookeeper_connect", "z", "", "")
	config := flags.StringP("config", "c", "", "")
	protocol := flags.StringP("security", "s", "", "")
	if err := flags.Parse(args[1:]); err != nil {
		return errors.Join(err, wrong)
	}
	rest := flags.Args()
	if len(rest) != 2 {
		return wrong
	}
	ctx, cancel, err := withSeconds(ctx, rest[1])
	if err != nil {
		return err
	}
	defer cancel()
	switch args[0] {
	case "zk-ready":
		hosts, _, err := configs.ParseZooKeeperConnect(rest[0])
		if err != nil {
			return err
		}
		return awaitPort(ctx, hosts)
	case "kafka-ready":
		wait := brokersWait{servers: *servers, zookeeper: *zookeeper, config: *config, protocol: *protocol, getenv: e.getenv}
		return wait.await(ctx, rest[0])
	}
	return wrong
}
