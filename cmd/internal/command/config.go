package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"momus/configs"
)

// runConfig prints the configuration that momus broker would start with for the same arguments and
// environment, and where each value comes from. Nothing is started, and nothing but the *_COMMAND
// variables is run.
func runConfig(_ context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("config", pflag.ContinueOnError)
	overrides := flags.StringArray("override", nil, "property=value that wins over file and environment; may be repeated")
	asJSON := flags.Bool("json", false, "print JSON, for programs")
	given := flags.Bool("given", false, "leave out the keys that have their default")
	if err := parse(e, "config", flags, args); err != nil {
		return err
	}
	file, err := oneFile("config", flags)
	if err != nil {
		return err
	}
	// An error does not end this: the report carries the reasons, also in JSON, and the exit status
	// says that there are some.
	config, warnings, err := configs.Load(e.sources(file, *overrides))
	r := newConfigReport(config, warnings, err, *given)
	if *asJSON {
		enc := json.NewEncoder(e.Stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else {
		r.print(e.Stdout)
	}
	if err != nil {
		return &Exit{Code: 1}
	}
	return nil
}

// oneFile is the configuration file among a command's arguments, "" without one.
func oneFile(command string, flags *pflag.FlagSet) (string, error) {
	switch rest := flags.Args(); len(rest) {
	case 0:
		return "", nil
	case 1:
		return rest[0], nil
	default:
		return "", fmt.Errorf("Found non argument parameters: %s\n%s", strings.Join(rest[1:], ","), strings.TrimRight(usage(command, flags), "\n"))
	}
}

// configReport is what the command says, and its JSON.
type configReport struct {
	Image struct {
		Name   string `json:"name"` // none without variables of an image
		Reason string `json:"reason,omitempty"`
	} `json:"image"`
	Keys        []reportKey   `json:"keys"`
	Listen      []string      `json:"listen"`
	Advertise   []string      `json:"advertise"`
	InterBroker string        `json:"inter_broker_listener,omitempty"`
	MaxHeap     int64         `json:"max_heap_bytes,omitempty"`
	Topics      []reportTopic `json:"create_topics,omitempty"`
	Warnings    []string      `json:"warnings,omitempty"`
	Errors      []string      `json:"errors,omitempty"`
}

// reportKey is a key of the report: its value, and which of the places it could be set in gave it.
type reportKey struct {
	Key    string       `json:"key"`
	Value  *string      `json:"value"` // null: no value, or a secret
	Secret bool         `json:"secret,omitempty"`
	Known  bool         `json:"known"`
	Effect bool         `json:"effect"` // false: accepted, but it changes nothing
	Origin reportOrigin `json:"origin"`
	place  string
}

// reportOrigin says where a value comes from; Name is the file, the variable or the option of that
// kind.
type reportOrigin struct {
	Kind string `json:"kind"` // default, file, environment, image, override
	Name string `json:"name,omitempty"`
	Line int    `json:"line,omitempty"`
}

// reportTopic is a topic that KAFKA_CREATE_TOPICS wants created at the start.
type reportTopic struct {
	Name       string            `json:"name"`
	Partitions int32             `json:"partitions"`
	Replicas   int16             `json:"replicas"`
	Configs    map[string]string `json:"configs,omitempty"`
}

// newConfigReport makes the report of a configuration, or of the errors for which there is none;
// given leaves out keys that have their defaults.
func newConfigReport(c *configs.Config, warnings []configs.Warning, err error, given bool) *configReport {
	r := &configReport{Keys: []reportKey{}, Listen: []string{}, Advertise: []string{}}
	// What is known without a configuration comes first: an error leaves the rest out.
	r.Image.Name = configs.NoDialect.String()
	for _, w := range warnings {
		r.Warnings = append(r.Warnings, w.String())
	}
	if err != nil {
		r.Errors = strings.Split(err.Error(), "\n")
	}
	if c == nil {
		return r
	}
	env := c.Environment()
	r.Image.Name, r.Image.Reason, r.MaxHeap = env.Dialect.String(), env.DialectReason, env.MaxHeap
	for _, t := range env.CreateTopics {
		topic := reportTopic{Name: t.Name, Partitions: t.Partitions, Replicas: t.Replicas, Configs: map[string]string{}}
		for _, s := range t.Configs {
			topic.Configs[s.Key] = s.Value
		}
		r.Topics = append(r.Topics, topic)
	}
	l := c.Listeners()
	for _, e := range l.Bind {
		r.Listen = append(r.Listen, e.String())
	}
	for _, e := range l.Advertised {
		r.Advertise = append(r.Advertise, e.String())
	}
	r.InterBroker = l.InterBroker
	for _, k := range c.Effective() {
		// Where a value is set to its default it counts as given.
		if given && k.Origin.Kind == configs.FromDefault {
			continue
		}
		key := reportKey{Key: k.Key, Secret: k.Sensitive, Known: k.Known, Effect: k.Known && !k.NoEffect, Origin: originOf(k.Origin), place: k.Origin.String()}
		// A secret stays null even where it is set: reports are pasted into tickets.
		if k.Set && !k.Sensitive {
			key.Value = &k.Value
		}
		r.Keys = append(r.Keys, key)
	}
	return r
}

// originOf says where a value is from, for programs; a file is named by its whole path.
func originOf(o configs.Origin) reportOrigin {
	switch o.Kind {
	case configs.FromFile:
		name, err := filepath.Abs(o.Name)
		if err != nil {
			name = o.Name
		}
		return reportOrigin{Kind: "file", Name: name, Line: o.Line}
	case configs.FromEnvironment:
		return reportOrigin{Kind: "environment", Name: o.Name}
	case configs.FromImage:
		return reportOrigin{Kind: "image", Name: o.Name}
	case configs.FromOverride:
		return reportOrigin{Kind: "override"}
	}
	return reportOrigin{Kind: "default"}
}

// print writes the report for people: what was given, then the defaults.
func (r *configReport) print(w io.Writer) {
	for _, e := range r.Errors {
		fmt.Fprintln(w, "error: "+e)
	}
	for _, s := range r.Warnings {
		fmt.Fprintln(w, "warning: "+s)
	}
	if r.Errors != nil {
		fmt.Fprintln(w, "The broker does not start with this configuration.")
		return
	}
	// Images differ in how variables become keys, and this one guesses from the variables which is
	// meant.
	if r.Image.Reason != "" {
		fmt.Fprintf(w, "The variables are read as %s reads them (%s).\n%s=wurstmeister, bitnami, confluent or none decides otherwise.\n", r.Image.Name, r.Image.Reason, configs.DialectVariable)
	}
	fmt.Fprintf(w, "listens on %s\nadvertises %s, to other brokers %s\n", strings.Join(r.Listen, " "), strings.Join(r.Advertise, " "), r.InterBroker)
	if r.MaxHeap > 0 {
		fmt.Fprintf(w, "keeps below %s bytes of memory (KAFKA_HEAP_OPTS)\n", strconv.FormatInt(r.MaxHeap, 10))
	}
	for _, t := range r.Topics {
		fmt.Fprintf(w, "creates topic %s, partitions %d, replicas %d", t.Name, t.Partitions, t.Replicas)
		for _, k := range slices.Sorted(maps.Keys(t.Configs)) {
			fmt.Fprintf(w, ", %s=%s", k, t.Configs[k])
		}
		fmt.Fprintln(w)
	}
	r.printKeys(w, "Given", func(k reportKey) bool { return k.Origin.Kind != "default" })
	r.printKeys(w, "Defaults of Kafka 2.5.0 and of momus", func(k reportKey) bool { return k.Origin.Kind == "default" })
}

// printKeys prints the keys that are wanted under a title, and nothing at all when there are none.
// Secrets are hidden.
func (r *configReport) printKeys(w io.Writer, title string, wanted func(reportKey) bool) {
	begun := false
	for _, k := range r.Keys {
		if !wanted(k) {
			continue
		}
		if !begun {
			fmt.Fprintf(w, "\n%s:\n", title)
			begun = true
		}
		value := "(none)"
		switch {
		// That no secret was set is no secret.
		case k.Secret && k.Origin.Kind != "default":
			value = "(hidden)"
		case k.Value != nil:
			value = *k.Value
		}
		line := "  " + k.Key + "=" + value
		if k.Value == nil && !k.Secret {
			line = "  " + k.Key + " " + value
		}
		if k.Origin.Kind != "default" {
			line += "  (" + k.place
			switch {
			// A key that nobody knows may hold a password for a plugin, and is then a secret.
			case !k.Known && !k.Secret:
				line += "; unknown"
			case k.Known && !k.Effect:
				line += "; without effect"
			}
			line += ")"
		}
		fmt.Fprintln(w, line)
	}
}
