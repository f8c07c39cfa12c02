// Package configs is kafka-configs: configs of topics, brokers, loggers, users and clients, by the
// brokers or in ZooKeeper. The options decide which entities are meant (changeOf, checkEntities)
// and what is to change (readChange); broker.go and zookeeper.go carry it out, view.go shows it in
// forms of our own.
package configs

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/coordinator/admin"
)

// configsOptions are those of kafka.admin.ConfigCommand, the short forms of KIP-543 among them, and
// --json. In 2.5 the brokers' API has no quotas (KIP-546 is 2.6), so that users and clients need
// ZooKeeper.
func configsOptions() *options.Options {
	return options.Read("This tool helps to manipulate and describe entity config for a topic, client, user or broker", `
		--zookeeper <HOST:PORT,…>         ZooKeeper to work on directly; the only way for users and clients
		--bootstrap-server <HOST:PORT,…>  brokers to ask
		--command-config <FILE>           properties of the client
		--alter                           change configs
		--describe                        show configs
		--all                             with --describe: also those that were never changed
		--entity-type <TYPE>              topics, clients, users, brokers or broker-loggers
		--entity-name <NAME>              the name of an entity
		--entity-default                  the defaults of clients, users or brokers
		--add-config <KEY=VALUE,…>        configs to set; a value with commas stands in [ ]
		--delete-config <KEY,…>           configs to remove
		--force                           ask nothing
		--topic <TOPIC>                   short for --entity-type topics --entity-name TOPIC
		--client <CLIENT>                 short for --entity-type clients --entity-name CLIENT
		--client-defaults                 short for --entity-type clients --entity-default
		--user <USER>                     short for --entity-type users --entity-name USER
		--user-defaults                   short for --entity-type users --entity-default
		--broker <ID>                     short for --entity-type brokers --entity-name ID
		--broker-defaults                 short for --entity-type brokers --entity-default
		--broker-logger <ID>              short for --entity-type broker-loggers --entity-name ID
		--zk-tls-config-file <FILE>       TLS settings of the connection to ZooKeeper
	`).JSON().Standard()
}

// configChange is what the command line says: which entities, and what is to change.
type configChange struct {
	types []string
	names []string // in the order of the types; "" is the default
	added map[string]string
	order []string // keys of added
	gone  []string
}

// argumentError is a mistake of which the configs tool prints the text only.
type argumentError struct{ text string }

// Error is the text alone; it is printed without a class.
func (e *argumentError) Error() string { return e.text }

// badArgument joins the parts of a text; it takes no format, since names and values may have
// percent signs.
func badArgument(parts ...string) error { return &argumentError{strings.Join(parts, "")} }

// Tool is kafka-configs.sh.
func Tool() core.Tool {
	return core.Tool{Name: "kafka-configs", Help: "show and change configs of topics, brokers, users and clients", Class: "kafka.admin.ConfigCommand"}.
		WithOptions(configsOptions, configsTool)
}

// configsTool prints some mistakes as a plain text and others behind "Error while executing config
// command", as Kafka's ConfigCommand does; which is which depends on the class of the exception
// there.
func configsTool(ctx context.Context, c *core.Call, o *options.Options) error {
	// Parse errors are printed bare, without the usage table of the other tools.
	c.Exact = true
	err := c.Begin(o)
	if err == nil {
		err = act(c, ctx, o)
	}
	var (
		misuse   *options.UsageError
		argument *argumentError
		option   *options.ParseError
		code     core.Exit
		own      *admin.Error
		je       *java.Error
	)
	switch {
	// These are printed by the caller: as plain text, or not at all.
	case err == nil || ctx.Err() != nil || errors.As(err, &misuse) || errors.As(err, &argument) || errors.As(err, &option) || errors.As(err, &code):
		return err
	// The error of a requirement is thrown as IllegalArgumentException in Scala, which Kafka's tool
	// prints bare.
	case errors.As(err, &je) && je.Class == "java.lang.IllegalArgumentException":
		return badArgument(je.Text)
	// What the admin code refuses is an argument as well, but for values: those are
	// ConfigExceptions.
	case errors.As(err, &own) && !strings.HasPrefix(own.Message, "Invalid value "):
		return badArgument(own.Message)
	}
	c.Errorf("Error while executing config command with args '%s'\n%s\n", strings.Join(c.Args, " "), java.Describe(err))
	c.Failure = err
	return core.Exit(1)
}

// act does what was asked, in ZooKeeper or by the brokers; configs to set are read only then, so
// that a bad one is told after the connection's own mistakes, as in Kafka.
func act(c *core.Call, ctx context.Context, o *options.Options) error {
	change, err := changeOf(c, o)
	if err != nil {
		return err
	}
	if err := o.JSONOnlyWith("describe"); err != nil {
		return err
	}
	form := c.Form(o)
	// Both lines go to standard output, in front of the result.
	if o.Has("zookeeper") {
		c.Println("Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.")
		c.Println("Use --bootstrap-server instead to specify a broker to connect to.")
		texts, err := o.Texts("zookeeper", "zk-tls-config-file")
		if err != nil {
			return err
		}
		client, err := clients.DialZooKeeperTLS(c, ctx, texts["zookeeper"], texts["zk-tls-config-file"])
		if err != nil {
			return err
		}
		defer client.Close()
		return change.carryOut(ctx, c, o, &zkConfigs{c: c, client: client, change: change, form: form})
	}
	a, err := clients.OpenAdmin(c, o, nil)
	if err != nil {
		return err
	}
	defer a.Close()
	return change.carryOut(ctx, c, o, &brokerConfigs{c: c, admin: a, change: change, all: o.Has("all"), form: form})
}

// way is how configs are reached: over the brokers, or in ZooKeeper.
type way interface {
	alter(ctx context.Context) error
	describe(ctx context.Context) error
}

// carryOut does what was asked.
func (ch *configChange) carryOut(ctx context.Context, c *core.Call, o *options.Options, by way) error {
	if !o.Has("alter") {
		return by.describe(ctx)
	}
	if err := readChange(c, o, ch); err != nil {
		return err
	}
	return by.alter(ctx)
}

// changeOf checks the options and finds the entities.
func changeOf(c *core.Call, o *options.Options) (*configChange, error) {
	if o.Has("alter") == o.Has("describe") {
		return nil, options.Misuse("Command must include exactly one action: --describe, --alter")
	}
	if err := o.Exclude("describe", "add-config", "delete-config"); err != nil {
		return nil, err
	}
	ch := &configChange{types: slices.Clone(o.All("entity-type"))}
	names := o.All("entity-name")
	// Names and --entity-default belong to the types by their order on the command line.
	for _, given := range o.Order {
		switch given {
		case "entity-name":
			ch.names, names = append(ch.names, names[0]), names[1:]
		case "entity-default":
			ch.names = append(ch.names, "")
		}
	}
	// The short forms of KIP-543 stand behind the long ones, in Kafka's order and not in that of
	// the command line.
	for _, x := range []struct{ flag, kind string }{{"topic", "topics"}, {"client", "clients"}, {"user", "users"}, {"broker", "brokers"}, {"broker-logger", "broker-loggers"}} {
		if o.Has(x.flag) {
			name, err := o.One(x.flag)
			if err != nil {
				return nil, err
			}
			ch.types, ch.names = append(ch.types, x.kind), append(ch.names, name)
		}
	}
	for _, x := range []struct{ flag, kind string }{{"client-defaults", "clients"}, {"user-defaults", "users"}, {"broker-defaults", "brokers"}} {
		if o.Has(x.flag) {
			ch.types, ch.names = append(ch.types, x.kind), append(ch.names, "")
		}
	}
	return ch, checkEntities(o, ch)
}

// checkEntities checks which entities may be named, alone and together, in Kafka's order: the first
// mistake found there is the one to report.
func checkEntities(o *options.Options, ch *configChange) error {
	for i, t := range ch.types {
		if slices.Contains(ch.types[:i], t) {
			return badArgument("Duplicate entity type(s) specified: ", t)
		}
	}
	// Users and clients are in ZooKeeper only, loggers only in the broker that has them.
	allowed, way := []string{"topics", "clients", "users", "brokers"}, "--zookeeper"
	if o.Has("bootstrap-server") {
		allowed, way = []string{"topics", "brokers", "broker-loggers"}, "--bootstrap-server"
	}
	named := slices.ContainsFunc(ch.names, func(n string) bool { return n != "" })
	kinds := strings.Join(ch.types, ",")
	switch bad := options.Without(ch.types, allowed...); {
	case o.Has("bootstrap-server") && o.Has("zookeeper"):
		return badArgument("Only one of --bootstrap-server or --zookeeper must be specified")
	case len(bad) > 0:
		return badArgument("Invalid entity type ", bad[0], ", the entity type must be one of ", strings.Join(allowed, ","), " with the ", way, " argument")
	case len(ch.types) == 0:
		return badArgument("At least one entity type must be specified")
	case len(ch.types) > 1 && !(slices.Contains(ch.types, "users") && slices.Contains(ch.types, "clients") && len(ch.types) == 2):
		return badArgument("Only 'users' and 'clients' entity types can be specified together")
	case !o.Any("bootstrap-server", "zookeeper"):
		return badArgument("One of the required --bootstrap-server or --zookeeper arguments must be specified")
	case o.Has("all") && o.Has("zookeeper"):
		return badArgument("--bootstrap-server must be specified for --all")
	case len(ch.names) > 1 && o.Has("bootstrap-server"):
		return badArgument("At most one entity name must be specified with --bootstrap-server")
	case len(ch.names) > len(ch.types):
		return badArgument("--entity-name or --entity-default should be specified at most once for each entity type")
	}
	// It is checked for the first type alone: brokers are never named together with another.
	if strings.HasPrefix(ch.types[0], "broker") && named {
		if _, err := strconv.ParseInt(ch.names[0], 10, 32); err != nil {
			return badArgument("The entity name for ", ch.types[0], " must be a valid integer broker id, but it is: ", ch.names[0])
		}
	}
	// With --describe no name is all of them, but loggers are those of one broker.
	if o.Has("describe") {
		if ch.types[0] == "broker-loggers" && !named {
			return badArgument("an entity name must be specified with --describe of ", kinds)
		}
		return nil
	}
	switch {
	case ch.types[0] != "topics" && ch.types[0] != "broker-loggers" && len(ch.names) == 0:
		return badArgument("an entity-name or default entity must be specified with --alter of users, clients or brokers")
	case (ch.types[0] == "topics" || ch.types[0] == "broker-loggers") && !named:
		return badArgument("an entity name must be specified with --alter of ", kinds)
	case !o.Any("add-config", "delete-config"):
		return badArgument("At least one of --add-config or --delete-config must be specified with --alter")
	}
	return nil
}

// readChange reads --add-config and --delete-config. Text that is read later wins: a key that is
// given twice is set once.
func readChange(c *core.Call, o *options.Options, ch *configChange) error {
	ch.added = map[string]string{}
	text, err := o.One("add-config")
	if err != nil {
		return err
	}
	if o.Has("add-config") {
		parts := splitOutside(text, ',')
		for text != "" && len(parts) > 0 && parts[len(parts)-1] == "" { // Java drops empty words at the end
			parts = parts[:len(parts)-1]
		}
		for _, part := range parts {
			pair := splitOutside(part, '=')
			// A password or a list in brackets may have = and commas inside.
			if len(pair) != 2 { // an empty value is one
				return badArgument("requirement failed: Invalid entity config: all configs to be added must be in the format \"key=val\".")
			}
			key := strings.TrimSpace(pair[0])
			if _, twice := ch.added[key]; !twice {
				ch.order = append(ch.order, key)
			}
			// Brackets are taken out wherever they are, as Kafka does: a value cannot contain them.
			ch.added[key] = strings.TrimSpace(regexp.MustCompile(`\[|\]`).ReplaceAllString(pair[1], ""))
		}
	}
	// Kafka prints it as soon as the key is there, before anything is known of the brokers.
	if v, ok := ch.added["message.format.version"]; ok {
		c.Printf("WARNING: The configuration message.format.version=%s is specified. This configuration will be ignored if the version is newer than the inter.broker.protocol.version specified in the broker.\n", v)
	}
	// Of --delete-config, unlike the others, all that are given count.
	for _, list := range o.All("delete-config") {
		for _, key := range strings.Split(list, ",") {
			ch.gone = append(ch.gone, strings.TrimSpace(key))
		}
	}
	return nil
}

// splitOutside splits at a character that is not inside [ ]. It splits as Kafka's regular
// expressions do for brackets that match; a bracket that closes nothing ends nothing.
func splitOutside(s string, at byte) []string {
	var out []string
	depth, start := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		case at:
			if depth <= 0 {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

// missing tells which of the configs to remove are not set. It is asked before anything is changed:
// a name that was mistyped must not look like a success.
func (ch *configChange) missing(has func(key string) bool) error {
	var bad []string
	for _, k := range ch.gone {
		if !has(k) {
			bad = append(bad, k)
		}
	}
	if len(bad) > 0 {
		return badArgument("Invalid config(s): ", strings.Join(bad, ","))
	}
	return nil
}
