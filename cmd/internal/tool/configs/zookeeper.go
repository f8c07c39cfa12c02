package configs

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/cmd/internal/tool/screen"
	"momus/configs"
	"momus/coordinator/admin"
	"momus/coordinator/zk"
)

// zkConfigs works on the znodes of configs.
type zkConfigs struct {
	c      *core.Call
	client *zk.Client
	change *configChange
	form   screen.Form
}

// configEntity is a type with a name (encoded; nil: all of them), and for a user's client a second
// one.
type configEntity struct {
	kind  string
	name  *string
	child *configEntity
}

// String names an entity as Kafka's tool does, such as user-principal 'u', client-id 'c'. A child
// stands behind a comma. topics, users and clients have words of their own, brokers do not.
func (e *configEntity) String() string {
	word := map[string]string{"users": "user-principal", "clients": "client-id", "topics": "topic"}[e.kind]
	if word == "" {
		word = e.kind
	}
	text := e.kind
	switch {
	case e.name == nil:
	case *e.name == zk.DefaultEntity:
		text = "default " + word
	case e.kind == "users" || e.kind == "clients":
		text = word + " '" + zk.DesanitizeEntity(*e.name) + "'"
	default:
		text = word + " '" + *e.name + "'"
	}
	if e.child != nil {
		text += ", " + e.child.String()
	}
	return text
}

// path is the entity as it is named below its type. It must be called for an entity that is not
// "all" (name and the child's name set).
func (e *configEntity) path() string {
	if e.child != nil {
		return *e.name + "/" + e.child.kind + "/" + *e.child.name
	}
	return *e.name
}

// entity is what the options name: names of users and clients as ZooKeeper has them
// (percent-encoded), and the user above the client whichever came first. A user's client is a node
// below the user's: /config/users/U/clients/C (KIP-55). With both types and one name that is the
// user's, even if the client's type came first.
func (ch *configChange) entity() *configEntity {
	types, names := slices.Clone(ch.types), slices.Clone(ch.names)
	if len(types) == 2 && types[0] == "clients" {
		slices.Reverse(types)
		if len(names) == 2 {
			slices.Reverse(names)
		}
	}
	var entities []*configEntity
	for i, kind := range types {
		e := &configEntity{kind: kind}
		if i < len(names) {
			name := names[i]
			switch {
			case name == "":
				name = zk.DefaultEntity
			case kind == "users" || kind == "clients":
				name = zk.SanitizeEntity(name)
			}
			e.name = &name
		}
		entities = append(entities, e)
	}
	if len(entities) == 2 {
		entities[0].child = entities[1]
	}
	return entities[0]
}

// expand lists the entities that are meant. An entity without a name stands for all of its type; a
// client without one, below a user, for all that this user has.
func (s *zkConfigs) expand(ctx context.Context, e *configEntity) ([]*configEntity, error) {
	var out []*configEntity
	switch {
	case e.name == nil:
		names, err := s.children(ctx, e.kind, "")
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			x := &configEntity{kind: e.kind, name: &n}
			if e.child == nil {
				out = append(out, x)
				continue
			}
			x.child = &configEntity{kind: e.child.kind}
			more, err := s.expand(ctx, x)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
		return out, nil
	case e.child != nil && e.child.name == nil:
		names, err := s.children(ctx, e.kind, *e.name+"/"+e.child.kind+"/")
		for _, n := range names {
			out = append(out, &configEntity{kind: e.kind, name: e.name, child: &configEntity{kind: e.child.kind, name: &n}})
		}
		return out, err
	}
	return []*configEntity{e}, nil
}

// children lists entities of a type, those with a path below prefix, in the order of ZooKeeper's
// own table. Names come as paths, such as u/clients/c, so that a level of them is cut out. The
// table of the ZooKeeper client's set begins with 8 places and grows at three quarters.
func (s *zkConfigs) children(ctx context.Context, kind, prefix string) ([]string, error) {
	all, err := s.client.ConfigEntities(ctx, zk.EntityType(kind))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range all {
		rest, ok := strings.CutPrefix(n, prefix)
		if !ok {
			continue
		}
		rest, _, _ = strings.Cut(rest, "/")
		if rest != "" && !slices.Contains(names, rest) {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	size := 8
	for len(names)*4 > size*3 {
		size *= 2
	}
	return java.HashOrder(names, size, java.HashCode), nil
}

// describe prints each entity; of all users only those that have configs, as Kafka does. The rest
// of the users has only clients below.
func (s *zkConfigs) describe(ctx context.Context) error {
	e := s.change.entity()
	everyUser := e.kind == "users" && e.name == nil && e.child == nil
	list, err := s.expand(ctx, e)
	if err != nil {
		return err
	}
	v := &configsView{Entities: []entityView{}}
	for _, x := range list {
		configs, err := s.client.Config(ctx, zk.EntityType(x.kind), x.path())
		if err != nil {
			return err
		}
		if len(configs) == 0 && everyUser {
			continue
		}
		if s.form != screen.Exact {
			v.addZooKeeper(x, configs)
			continue
		}
		s.c.Printf("Configs for %s are %s\n", x, core.JoinConfigs(configs))
	}
	if s.form != screen.Exact {
		return s.c.Show(s.form, v)
	}
	return nil
}

// alter writes the whole set of configs of an entity, and the notification for the brokers.
// Passwords are hashed before they leave this process. Configs of brokers that run, other than
// throttles, are refused: those go over the admin API. The notification comes last: a broker that
// reads the configs because of it must find the new ones.
func (s *zkConfigs) alter(ctx context.Context) error {
	// Kafka finds out only when it has read the configs to set, whose mistakes come first.
	if len(s.change.names) != len(s.change.types) {
		return badArgument("--entity-name or --entity-default must be specified with each --entity-type for --alter")
	}
	e := s.change.entity()
	switch e.kind {
	case "users":
		if err := s.hashPasswords(); err != nil {
			return err
		}
	case "brokers":
		if err := s.checkBroker(ctx, e); err != nil {
			return err
		}
	}
	configs, err := s.client.Config(ctx, zk.EntityType(e.kind), e.path())
	if err != nil {
		return err
	}
	if err := s.change.missing(func(k string) bool { _, ok := configs[k]; return ok }); err != nil {
		return err
	}
	maps.Copy(configs, s.change.added)
	for _, k := range s.change.gone {
		delete(configs, k)
	}
	// A topic's configs are checked key by key by the same code as on the broker.
	if e.kind == "topics" {
		exists, err := s.client.TopicExists(ctx, e.path())
		if err != nil {
			return err
		}
		if !exists {
			return &java.Error{Class: "kafka.admin.AdminOperationException", Text: fmt.Sprintf("Topic %q does not exist.", e.path())}
		}
		err = (&admin.Admin{Store: s.client}).SetTopicConfig(ctx, e.path(), configs)
		var refused *admin.Error
		if errors.As(err, &refused) { // the tool checks values itself, without the words of a broker's answer
			if _, text, ok := strings.Cut(refused.Message, "): Invalid value "); ok {
				return clients.ConfigError("Invalid value %s", text)
			}
		}
		if err != nil {
			return err
		}
	} else {
		if err := checkDynamic(e, configs); err != nil {
			return err
		}
		if err := s.client.SetConfig(ctx, zk.EntityType(e.kind), e.path(), configs); err != nil {
			return err
		}
		if err := s.client.NotifyConfigChange(ctx, zk.ConfigChange{Type: zk.EntityType(e.kind), Entity: e.path()}); err != nil {
			return err
		}
	}
	s.c.Printf("Completed updating config for entity: %s.\n", e)
	return nil
}

// checkBroker refuses what a running broker has to be asked for. Throttles of replication are the
// exception, since kafka-reassign-partitions sets them this way.
func (s *zkConfigs) checkBroker(ctx context.Context, e *configEntity) error {
	// What is removed is not looked at, as in Kafka.
	other := options.Without(s.change.order, clients.Throttles()...)
	if len(other) == 0 {
		return nil
	}
	ids, err := s.client.BrokerIDs(ctx)
	if err != nil {
		return err
	}
	text := "requirement failed: --bootstrap-server option must be specified to update broker configs Set(" + strings.Join(other, ", ") + ")."
	info := " Broker configuration updates using ZooKeeper are supported for bootstrapping before brokers are started to enable encrypted password configs to be stored in ZooKeeper."
	if *e.name == zk.DefaultEntity {
		if len(ids) > 0 {
			return badArgument(text, " for default cluster if any broker is running.", info)
		}
		return nil
	}
	id, err := strconv.ParseInt(*e.name, 10, 32)
	if err == nil && slices.Contains(ids, int32(id)) {
		return badArgument(text, " when broker ", *e.name, " is running.", info)
	}
	return nil
}

// checkBrokerValues refuses values of broker configs that are not of their type, and passwords,
// which would have to be encoded. A key with the prefix of a listener (listener.name.NAME.) is
// checked as the key behind it. Numbers are the only types that are looked at.
func checkBrokerValues(values map[string]string) error {
	var passwords []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		_, plain, _ := strings.Cut(strings.TrimPrefix(k, "listener.name."), ".")
		key, known := configs.BrokerKey(k)
		if !known && strings.HasPrefix(k, "listener.name.") {
			key, known = configs.BrokerKey(plain)
		}
		kind := ""
		switch {
		case slices.Contains(clients.Throttles(), k):
			kind = "LONG"
		case !known:
		case key.Sensitive():
			passwords = append(passwords, k)
		case key.Type == configs.Int:
			kind = "INT"
		case key.Type == configs.Long:
			kind = "LONG"
		}
		bits := map[string]int{"INT": 32, "LONG": 64}[kind]
		if _, err := strconv.ParseInt(strings.TrimSpace(values[k]), 10, bits); kind != "" && err != nil {
			return clients.NotANumber(values[k], k, kind)
		}
	}
	if len(passwords) > 0 {
		// Kafka encodes passwords with a secret that only the brokers' file has (PasswordEncoder);
		// without it they must not be written in the clear.
		return badArgument("requirement failed: password.encoder.secret must be specified to update Set(", strings.Join(passwords, ", "), "). Other password encoder configs "+
			"like cipher algorithm and iterations may also be specified to override the default encoding parameters. Password encoder configs will not be persisted in ZooKeeper.")
	}
	return nil
}

// checkDynamic checks quotas of users and clients. Names are Kafka's DynamicConfig: a key that is
// none of them is refused as a whole. Only a user as such has passwords, not a user's client.
func checkDynamic(e *configEntity, configs map[string]string) error {
	if e.kind == "brokers" {
		return checkBrokerValues(configs)
	}
	known := map[string]string{"producer_byte_rate": "LONG", "consumer_byte_rate": "LONG", "request_percentage": "DOUBLE"}
	if e.kind == "users" && e.child == nil {
		known["SCRAM-SHA-256"], known["SCRAM-SHA-512"] = "", ""
	}
	var unknown []string
	for _, k := range slices.Sorted(maps.Keys(configs)) {
		kind, ok := known[k]
		switch {
		case !ok:
			unknown = append(unknown, k)
		case kind == "LONG":
			if _, err := strconv.ParseInt(configs[k], 10, 64); err != nil {
				return clients.NotANumber(configs[k], k, "LONG")
			}
		case kind == "DOUBLE":
			if _, err := strconv.ParseFloat(configs[k], 64); err != nil {
				return clients.NotANumber(configs[k], k, "DOUBLE")
			}
		}
	}
	if len(unknown) > 0 {
		return badArgument("requirement failed: Unknown Dynamic Configuration: Set(", strings.Join(unknown, ", "), ").")
	}
	return nil
}

// hashPasswords replaces the passwords of SCRAM credentials by what is stored of them. What was
// typed is never written or printed but in the error about its own form, which Kafka prints too.
func (s *zkConfigs) hashPasswords() error {
	for name, newHash := range map[string]func() hash.Hash{"SCRAM-SHA-256": sha256.New, "SCRAM-SHA-512": sha512.New} {
		text, ok := s.change.added[name]
		if !ok {
			continue
		}
		kind := strings.ReplaceAll(name, "-", "_")
		m := regexp.MustCompile(`^(?:iterations=([0-9]*),)?password=(.*)$`).FindStringSubmatch(text)
		if m == nil {
			return badArgument("Invalid credential property ", kind, "=", text)
		}
		if m[2] == "" {
			return badArgument("Empty key")
		}
		// Kafka's default and least (ScramMechanism); a value below would be refused at every
		// login.
		iterations := 4096
		if m[1] != "" {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return badArgument("Invalid credential property ", kind, "=", text)
			}
			iterations = n
		}
		if iterations < 4096 {
			return badArgument("Iterations ", strconv.Itoa(iterations), " is less than the minimum 4096 required for ", kind)
		}
		credential, err := scramCredential(newHash, m[2], iterations)
		if err != nil {
			return err
		}
		s.change.added[name] = credential
	}
	return nil
}

// scramCredential is what Kafka stores of a password (RFC 5802 section 3; the salt is Kafka's
// alphabet of letters and digits). The password is taken as it is, without SASLprep, as Kafka takes
// it. It is in memory only here.
func scramCredential(newHash func() hash.Hash, password string, iterations int) (string, error) {
	salt := []byte(strings.ToLower(rand.Text()))
	salted, err := pbkdf2.Key(newHash, password, salt, iterations, newHash().Size())
	if err != nil {
		return "", err
	}
	sign := func(text string) []byte {
		h := hmac.New(newHash, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := newHash()
	stored.Write(sign("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("salt=%s,stored_key=%s,server_key=%s,iterations=%d", b64(salt), b64(stored.Sum(nil)), b64(sign("Server Key")), iterations), nil
}
