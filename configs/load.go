package configs

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"momus/internal/jvm"
)

// load merges the sources, weakest first, and builds the first snapshot.
func load(s Sources) (*Config, []Warning, error) {
	if s.Run == nil {
		s.Run = runShell
	}
	if s.Hostname == "" {
		s.Hostname, _ = os.Hostname()
	}
	root := cmp.Or(s.root, "/")
	inContainer := false
	if s.Container != nil {
		inContainer = *s.Container
	} else if s.Env != nil || s.File != "" {
		inContainer = detectContainer(root)
	}
	c := &Config{static: map[string]Setting{}, hostname: s.Hostname}
	c.httpPort.Store(-1)
	c.mu.brokerID = noBrokerID
	var warnings []Warning
	var errs []error

	var at site
	if inContainer {
		at = readSite(root)
	}
	// Before the variables are cut: KAFKA_OPTS counts whatever the image does with the others.
	properties := systemProperties(s, at)
	if s.File == "" {
		// The image never reads keys from variables beside a mounted file.
		if s.File, s.Env = mountedFile(s, at); s.File != "" {
			s.Dialect = Bitnami
		}
	}
	if s.File != "" {
		settings, err := readFile(s.File)
		if err != nil {
			return nil, nil, err
		}
		for _, set := range settings {
			origin := Origin{Kind: FromFile, Name: s.File, Line: set.line}
			if old, ok := c.static[set.key]; ok && old.Value != set.value {
				// The same value twice is no mistake worth a line.
				warnings = append(warnings, Warning{Key: set.key, Origin: origin, Text: fmt.Sprintf("set before in line %d; the last one counts", old.Origin.Line)})
			}
			c.static[set.key] = Setting{Value: set.value, Origin: origin}
		}
	}
	env := readEnvironment(s, at, s.File != "")
	maps.Copy(c.static, env.settings)
	c.environment = env.environment
	c.environment.Properties = properties
	warnings = append(warnings, env.warnings...)
	errs = append(errs, env.errs...)
	for _, o := range s.Overrides {
		k, v, ok := strings.Cut(o, "=")
		k = strings.TrimSpace(k)
		origin := Origin{Kind: FromOverride}
		if k == "" {
			errs = append(errs, &SettingError{Origin: origin, Text: fmt.Sprintf("%q has no key; write key=value", o)})
			continue
		}
		if !ok {
			warnings = append(warnings, Warning{Key: k, Origin: origin, Text: "no = in it, so the value is empty; write key=value"})
		}
		c.static[k] = Setting{Value: v, Origin: origin}
	}
	// After all sources: a placeholder may stand in any, and its provider in another.
	errs = append(errs, resolveProviders(c.static)...)
	// Java's Properties keep blanks at the end, and ConfigDef trims them when it parses.
	for k, set := range c.static {
		c.static[k] = Setting{Value: strings.TrimSpace(set.Value), Origin: set.Origin}
	}
	warnings = append(warnings, unknownKeys(c.static)...)
	errs = append(errs, checkOwnKeys(c.static)...)

	for _, k := range slices.Sorted(maps.Keys(c.static)) {
		if known, ok := BrokerKey(k); ok && known.NoEffect {
			c.noEffect = append(c.noEffect, k)
		}
	}
	x := &build{values: maps.Clone(c.static), hostname: c.hostname}
	listeners := x.run()
	errs = append(errs, x.errs...)
	if len(errs) > 0 {
		return nil, warnings, errors.Join(errs...)
	}
	x.advise(listeners, surroundings{container: inContainer, hostNetwork: s.Container == nil && hostNetwork(), root: root, site: at})
	warnings = append(warnings, x.warnings...)
	// Stored only when everything is right: there is no Config with errors.
	c.current.Store(&snapshot{broker: x.broker, listeners: listeners, topicDefaults: topicDefaults(x.broker), values: x.values})
	return c, warnings, nil
}

// dialectOf is the image that the environment is meant for.
func dialectOf(s Sources, at site) Dialect {
	r := &envReader{vars: map[string]string{}, sources: s, site: at}
	for _, e := range s.Env {
		// Of a variable twice in the environment the last counts, as for exec.
		k, v, _ := strings.Cut(e, "=")
		r.vars[k] = v
	}
	r.chooseDialect()
	return r.environment.Dialect
}

// mountedFile finds the server.properties that a user of the Bitnami image has mounted. The image
// then takes only its own variables from the environment, no keys.
func mountedFile(s Sources, at site) (file string, env []string) {
	if dialectOf(s, at) != Bitnami {
		return "", s.Env
	}
	for _, f := range bitnamiFiles {
		f = filepath.Join("/", s.root, f)
		if _, err := os.Stat(f); err == nil {
			// The image's own variables stay: memory and flags. The wish for plain text is not asked for
			// beside a file.
			return f, slices.DeleteFunc(slices.Clone(s.Env), func(e string) bool {
				return strings.HasPrefix(e, "KAFKA_") && !strings.HasPrefix(e, "KAFKA_HEAP_OPTS=") && !strings.HasPrefix(e, "KAFKA_EXTRA_FLAGS=") || strings.HasPrefix(e, "ALLOW_PLAINTEXT_LISTENER=") ||
					strings.HasPrefix(e, "BROKER_ID_COMMAND=")
			})
		}
	}
	return "", s.Env
}

// bitnamiJAAS is where the Bitnami image looks for a JAAS file by itself.
var bitnamiJAAS = [...]string{"/bitnami/kafka/config/kafka_jaas.conf", "/opt/bitnami/kafka/config/kafka_jaas.conf"}

// systemProperties reads KAFKA_OPTS and MOMUS_JAAS_CONFIG. The Bitnami image names its JAAS file
// itself when there is one.
func systemProperties(s Sources, at site) jvm.Properties {
	vars := map[string]string{}
	for _, e := range s.Env {
		k, v, _ := strings.Cut(e, "=")
		vars[k] = v
	}
	p := jvm.FromEnvironment(func(name string) string { return vars[name] })
	if _, ok := p.Get(jvm.LoginConfig); !ok && dialectOf(s, at) == Bitnami {
		for _, f := range bitnamiJAAS {
			f = filepath.Join("/", s.root, f)
			if _, err := os.Stat(f); err == nil {
				p[jvm.LoginConfig] = f
				break
			}
		}
	}
	return p
}

// readFile reads a properties or YAML file.
func readFile(path string) ([]setting, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	var settings []setting
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		settings, err = parseYAML(data)
	default:
		settings, err = parseProperties(data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return settings, nil
}

// runShell evaluates a command as the images do.
func runShell(command string) (string, error) {
	var stderr strings.Builder
	cmd := exec.Command("sh", "-c", command)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	text := strings.TrimRight(string(out), "\r\n")
	// The images take what a command printed, whatever its status; silence with words on standard
	// error is a mistake.
	if said := strings.TrimSpace(stderr.String()); !errors.Is(err, exec.ErrNotFound) && (err != nil || text == "" && said != "") {
		err = &CommandError{Err: err, Stderr: said}
	}
	return text, err
}

// detectContainer looks for the marks that container runtimes leave. LXC is not one of them: its
// containers are used as machines, and so is what was made of a container's files but has a disk of
// its own.
func detectContainer(root string) bool {
	// A virtual machine made of a container's files has these marks too.
	if ownDisk(root) {
		return false
	}
	for _, f := range []string{".dockerenv", "run/.containerenv"} {
		if _, err := os.Stat(filepath.Join(root, f)); err == nil {
			return true
		}
	}
	data, err := os.ReadFile(filepath.Join(root, "proc/1/cgroup"))
	if err != nil {
		return false
	}
	for _, word := range []string{"docker", "kubepods", "containerd"} {
		if strings.Contains(string(data), word) {
			return true
		}
	}
	return false
}

// ownDisk reports whether / is the whole of a disk's file system. A container has layers, or a
// directory of such a file system.
func ownDisk(root string) bool {
	data, _ := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	for _, line := range strings.Split(string(data), "\n") {
		// mountinfo: ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [FIELDS…] - TYPE SOURCE OPTIONS.
		left, right, ok := strings.Cut(line, " - ")
		f := strings.Fields(left)
		if !ok || len(f) < 6 || f[3] != "/" || f[4] != "/" {
			continue
		}
		kind, _, _ := strings.Cut(right, " ")
		return slices.Contains([]string{"ext2", "ext3", "ext4", "xfs", "f2fs"}, kind)
	}
	return false
}

// hostNetwork reports whether this process sees the network devices of the machine: in a container
// with a network of its own there are only virtual ones.
func hostNetwork() bool {
	devices, _ := filepath.Glob("/sys/class/net/*/device")
	return len(devices) > 0
}

// otherKeys are keys outside of the table that brokers of 2.x are given: for the authorizer, for
// plugins, for config providers.
var otherKeys = [...]string{"super.users", "allow.everyone.if.no.acl.found", "config.providers",
	"authorizer.zookeeper.url", "authorizer.zookeeper.connection.timeout.ms", "authorizer.zookeeper.session.timeout.ms",
	"authorizer.zookeeper.max.in.flight.requests"}

// hints explain keys that belong elsewhere.
var hints = map[string]string{
	"process.roles":             "a key of KRaft mode (Kafka 2.8 and later); this broker uses ZooKeeper",
	"node.id":                   "a key of KRaft mode (Kafka 2.8 and later); use broker.id",
	"controller.quorum.voters":  "a key of KRaft mode (Kafka 2.8 and later); use zookeeper.connect",
	"controller.listener.names": "a key of KRaft mode (Kafka 2.8 and later); see control.plane.listener.name",
	"bootstrap.servers":         "a key of clients; a broker finds the others through zookeeper.connect",
	"bootstrap.server":          "a key of clients; a broker finds the others through zookeeper.connect",
}

// unknownKeys warns about the keys that nobody knows.
func unknownKeys(settings map[string]Setting) []Warning {
	var out []Warning
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		set := settings[k]
		if known, ok := BrokerKey(k); ok {
			if known.DynamicOnly {
				out = append(out, Warning{Key: k, Origin: set.Origin, Text: "works only as a dynamic config; set it with kafka-configs.sh"})
			}
			continue
		}
		if slices.Contains(otherKeys[:], k) || strings.Contains(k, "sasl.oauthbearer.") || isOwnKey(k) || strings.HasPrefix(k, "config.providers.") || strings.HasPrefix(k, "confluent.") {
			continue
		}
		// Keys of a plugin's listener may be any; those of TLS and SASL are known.
		if base, ok := baseKey(k); ok {
			if _, known := BrokerKey(base); known || !strings.Contains(base, "ssl.") && !strings.HasPrefix(base, "sasl.") {
				continue
			}
		}
		text := "unknown key, kept without effect"
		if h, ok := hints[k]; ok {
			text = h
		} else if near := Nearest(k); near != "" {
			text += "; did you mean " + near + "?"
		}
		out = append(out, Warning{Key: k, Origin: set.Origin, Text: text})
	}
	return out
}

// Nearest is the known broker key most like an unknown one, "" when none is near. A topic key leads
// to its broker key.
func Nearest(key string) string {
	if k, ok := TopicKey(key); ok {
		if _, ok := BrokerKey(k.ServerKey); ok {
			return k.ServerKey
		}
	}
	// A quarter of the letters may differ, and two in short names.
	best, distance := "", max(2, len(key)/4)+1
	for i := range brokerKeys {
		name := brokerKeys[i].Name
		if d := levenshtein.ComputeDistance(strings.ToLower(key), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	return best
}
