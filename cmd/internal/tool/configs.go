package tool

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"momus/coordinator/admin"
)

func configsOptions() *options {
	o := newOptions("This tool helps to manipulate and describe entity config for a topic, client, user or broker")
	o.value("zookeeper", "HOST:PORT,…", "ZooKeeper to work on directly; the only way for users and clients")
	o.value("bootstrap-server", "HOST:PORT,…", "brokers to ask")
	o.value("command-config", "FILE", "properties of the client")
	o.flag("alter", "change configs")
	o.flag("describe", "show configs")
	o.flag("all", "with --describe: also those that were never changed")
	o.value("entity-type", "TYPE", "topics, clients, users, brokers or broker-loggers")
	o.value("entity-name", "NAME", "the name of an entity")
	o.flag("entity-default", "the defaults of clients, users or brokers")
	o.value("add-config", "KEY=VALUE,…", "configs to set; a value with commas stands in [ ]")
	o.value("delete-config", "KEY,…", "configs to remove")
	o.flag("force", "ask nothing")
	o.value("topic", "TOPIC", "short for --entity-type topics --entity-name TOPIC")
	o.value("client", "CLIENT", "short for --entity-type clients --entity-name CLIENT")
	o.flag("client-defaults", "short for --entity-type clients --entity-default")
	o.value("user", "USER", "short for --entity-type users --entity-name USER")
	o.flag("user-defaults", "short for --entity-type users --entity-default")
	o.value("broker", "ID", "short for --entity-type brokers --entity-name ID")
	o.flag("broker-defaults", "short for --entity-type brokers --entity-default")
	o.value("broker-logger", "ID", "short for --entity-type broker-loggers --entity-name ID")
	o.value("zk-tls-config-file", "FILE", "TLS settings of the connection to ZooKeeper")
	o.json()
	return o.standard()
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

func (e *argumentError) Error() string { return e.text }

func badArgument(parts ...string) error { return &argumentError{strings.Join(parts, "")} }

// registerConfigsTool is kafka-configs.sh.
func registerConfigsTool() Tool {
	return Tool{Name: "kafka-configs", Help: "show and change configs of topics, brokers, users and clients", run: configsTool,
		Class:   "kafka.admin.ConfigCommand",
		Options: tableOf(configsOptions)}
}

func configsTool(ctx context.Context, c *call) error {
	o := configsOptions()
	c.options, c.exact = o, true
	err := c.begin(o, "")
	if err == nil {
		err = c.configs(ctx, o)
	}
	var (
		misuse   *usageError
		argument *argumentError
		option   *optionError
		code     exit
		own      *admin.Error
		je       *javaError
	)
	switch {
	case err == nil || ctx.Err() != nil || errors.As(err, &misuse) || errors.As(err, &argument) || errors.As(err, &option) || errors.As(err, &code):
		return err
	case errors.As(err, &je) && je.class == "java.lang.IllegalArgumentException":
		return badArgument(je.text)
	case errors.As(err, &own):
		return badArgument(own.Message)
	}
	c.errorf("Error while executing config command with args '%s'\n%s\n", strings.Join(c.Args, " "), describe(err))
	return exit(1)
}

func (c *call) configs(ctx context.Context, o *options) error {
	change, err := c.configChange(o)
	if err != nil {
		return err
	}
	if err := o.jsonOnlyWith("describe"); err != nil {
		return err
	}
	form := c.form(o)
	if o.has("zookeeper") {
		c.println("Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.")
		c.println("Use --bootstrap-server instead to specify a broker to connect to.")
		texts, err := o.texts("zookeeper", "zk-tls-config-file")
		if err != nil {
			return err
		}
		client, err := c.dialZooKeeperTLS(ctx, texts["zookeeper"], texts["zk-tls-config-file"])
		if err != nil {
			return err
		}
		defer client.Close()
		s := &zkConfigs{c: c, client: client, change: change, form: form}
		if o.has("alter") {
			if err := c.readChange(o, change); err != nil {
				return err
			}
			return s.alter(ctx)
		}
		return s.describe(ctx)
	}
	texts, err := o.texts("bootstrap-server", "command-config")
	if err != nil {
		return err
	}
	a, err := c.adminFor(texts["bootstrap-server"], texts["command-config"], nil)
	if err != nil {
		return err
	}
	defer a.Close()
	s := &brokerConfigs{c: c, admin: a, change: change, all: o.has("all"), form: form}
	if o.has("alter") {
		if err := c.readChange(o, change); err != nil {
			return err
		}
		return s.alter(ctx)
	}
	return s.describe(ctx)
}

// configChange checks the options and finds the entities.
func (c *call) configChange(o *options) (*configChange, error) {
	if o.has("alter") == o.has("describe") {
		return nil, misuse("Command must include exactly one action: --describe, --alter")
	}
	if err := o.exclude("describe", "add-config", "delete-config"); err != nil {
		return nil, err
	}
	ch := &configChange{types: slices.Clone(o.all("entity-type"))}
	names := o.all("entity-name")
	for _, given := range o.order {
		switch given {
		case "entity-name":
			ch.names, names = append(ch.names, names[0]), names[1:]
		case "entity-default":
			ch.names = append(ch.names, "")
		}
	}
	for _, x := range []struct{ flag, kind string }{{"topic", "topics"}, {"client", "clients"}, {"user", "users"}, {"broker", "brokers"}, {"broker-logger", "broker-loggers"}} {
		if o.has(x.flag) {
			name, err := o.one(x.flag)
			if err != nil {
				return nil, err
			}
			ch.types, ch.names = append(ch.types, x.kind), append(ch.names, name)
		}
	}
	for _, x := range []struct{ flag, kind string }{{"client-defaults", "clients"}, {"user-defaults", "users"}, {"broker-defaults", "brokers"}} {
		if o.has(x.flag) {
			ch.types, ch.names = append(ch.types, x.kind), append(ch.names, "")
		}
	}
	return ch, checkEntities(o, ch)
}

func checkEntities(o *options, ch *configChange) error {
	for i, t := range ch.types {
		if slices.Contains(ch.types[:i], t) {
			return badArgument("Duplicate entity type(s) specified: ", t)
		}
	}
	allowed, way := []string{"topics", "clients", "users", "brokers"}, "--zookeeper"
	if o.has("bootstrap-server") {
		allowed, way = []string{"topics", "brokers", "broker-loggers"}, "--bootstrap-server"
	}
	named := slices.ContainsFunc(ch.names, func(n string) bool { return n != "" })
	kinds := strings.Join(ch.types, ",")
	switch bad := without(ch.types, allowed...); {
	case o.has("bootstrap-server") && o.has("zookeeper"):
		return badArgument("Only one of --bootstrap-server or --zookeeper must be specified")
	case len(bad) > 0:
		return badArgument("Invalid entity type ", bad[0], ", the entity type must be one of ", strings.Join(allowed, ","), " with the ", way, " argument")
	case len(ch.types) == 0:
		return badArgument("At least one entity type must be specified")
	case len(ch.types) > 1 && !(slices.Contains(ch.types, "users") && slices.Contains(ch.types, "clients") && len(ch.types) == 2):
		return badArgument("Only 'users' and 'clients' entity types can be specified together")
	case !o.any("bootstrap-server", "zookeeper"):
		return badArgument("One of the required --bootstrap-server or --zookeeper arguments must be specified")
	case o.has("all") && o.has("zookeeper"):
		return badArgument("--bootstrap-server must be specified for --all")
	case len(ch.names) > len(ch.types):
		return badArgument("--entity-name or --entity-default should be specified at most once for each entity type")
	}
	if strings.HasPrefix(ch.types[0], "broker") && named {
		if _, err := strconv.ParseInt(ch.names[0], 10, 32); err != nil {
			return badArgument("The entity name for ", ch.types[0], " must be a valid integer broker id, but it is: ", ch.names[0])
		}
	}
	if o.has("describe") {
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
	case !o.any("add-config", "delete-config"):
		return badArgument("At least one of --add-config or --delete-config must be specified with --alter")
	}
	return nil
}

// readChange reads --add-config and --delete-config.
func (c *call) readChange(o *options, ch *configChange) error {
	ch.added = map[string]string{}
	text, err := o.one("add-config")
	if err != nil {
		return err
	}
	if o.has("add-config") {
		for _, part := range splitOutside(text, ',') {
			pair := splitOutside(part, '=')
			for len(pair) > 0 && pair[len(pair)-1] == "" {
				pair = pair[:len(pair)-1]
			}
			if len(pair) != 2 {
				return badArgument("requirement failed: Invalid entity config: all configs to be added must be in the format \"key=val\".")
			}
			key := strings.TrimSpace(pair[0])
			if _, twice := ch.added[key]; !twice {
				ch.order = append(ch.order, key)
			}
			ch.added[key] = strings.TrimSpace(regexp.MustCompile(`\[|\]`).ReplaceAllString(pair[1], ""))
		}
	}
	if v, ok := ch.added["message.format.version"]; ok {
		c.printf("WARNING: The configuration message.format.version=%s is specified. This configuration will be ignored if the version is newer than the inter.broker.protocol.version specified in the broker.\n", v)
	}
	for _, list := range o.all("delete-config") {
		for _, key := range strings.Split(list, ",") {
			if key = strings.TrimSpace(key); key != "" {
				ch.gone = append(ch.gone, key)
			}
		}
	}
	return nil
}

// splitOutside splits at a character that is not inside [ ].
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

// missing tells which of the configs to remove are not set.
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
