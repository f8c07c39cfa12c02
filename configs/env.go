package configs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// envReader turns the environment into settings. Which image it was written for is seen from the
// variables themselves.
type envReader struct {
	vars    map[string]string // without what an orchestrator put there for a service called kafka
	sources Sources
	site    site
	hasFile bool

	settings    map[string]Setting
	environment Environment
	warnings    []Warning
	errs        []error
}

// readEnvironment reads the variables as the image does that they were written for, which is found
// out first.
func readEnvironment(s Sources, at site, hasFile bool) *envReader {
	r := &envReader{vars: map[string]string{}, sources: s, site: at, hasFile: hasFile, settings: map[string]Setting{}}
	// An entry without a name or without = is no variable; Windows has such ones.
	for _, e := range s.Env {
		if k, v, ok := strings.Cut(e, "="); ok && k != "" {
			r.vars[k] = v
		}
	}
	r.dropServiceLinks()
	r.unquote()
	r.chooseDialect()
	r.environment.MaxHeap = r.maxHeap()
	switch r.environment.Dialect {
	case Wurstmeister:
		r.wurstmeister()
	case Bitnami:
		r.bitnami()
	case Confluent:
		r.confluent()
	}
	r.environment.CreateTopics = r.createTopics()
	// Whatever image the variables are for, those of this program are read.
	r.foreign()
	for name, value := range r.vars {
		if rest, ok := strings.CutPrefix(name, "MOMUS_"); ok && isOwnKey("momus."+plainKey(rest)) {
			r.set("momus."+plainKey(rest), value, name)
		}
	}
	return r
}

// given reports whether a key has a value already: of a variable, a preset or an override.
func (r *envReader) given(key string) bool {
	if _, ok := r.settings[key]; ok {
		return true
	}
	return slices.ContainsFunc(r.sources.Overrides, func(o string) bool {
		k, _, ok := strings.Cut(o, "=")
		return ok && strings.TrimSpace(k) == key
	})
}

// unquote refuses values in quotation marks, which compose's list form passes on: - NAME="value" is
// five characters and two marks. Where the images let a shell read the value again, the marks do no
// harm and are taken off.
func (r *envReader) unquote() {
	for _, name := range r.sortedVars() {
		value := r.vars[name]
		if len(value) < 2 || value[0] != '"' && value[0] != '\'' || value[len(value)-1] != value[0] {
			continue
		}
		switch {
		case strings.HasPrefix(name, "KAFKA_") && strings.HasSuffix(name, "_OPTS"), name == DialectVariable:
		case isKeyVariable(name) && !strings.Contains(name, "PASSWORD") && !strings.Contains(name, "JAAS"):
			r.fail(name, fmt.Sprintf("the value begins and ends with a quotation mark (%c), which docker compose passes on when a variable is written as "+
				"- NAME=\"value\"; remove the quotation marks", value[0]))
		default:
			continue
		}
		r.vars[name] = value[1 : len(value)-1]
	}
}

// set records a value that a variable gives; keys that differ from a known one only by case are
// that one.
func (r *envReader) set(key, value, variable string) {
	// A variable is in capitals, but a few keys are not all in small letters.
	if _, ok := BrokerKey(key); !ok {
		for i := range brokerKeys {
			if strings.EqualFold(brokerKeys[i].Name, key) {
				key = brokerKeys[i].Name
				break
			}
		}
	}
	r.settings[key] = Setting{Value: value, Origin: Origin{Kind: FromEnvironment, Name: variable}}
}

// preset records what the image itself sets when the user's variables do not.
func (r *envReader) preset(key, value string) {
	if r.hasFile {
		return
	}
	if _, ok := r.settings[key]; !ok {
		r.settings[key] = Setting{Value: value, Origin: Origin{Kind: FromImage, Name: r.environment.Dialect.String()}}
	}
}

func (r *envReader) fail(variable, text string) {
	r.errs = append(r.errs, &SettingError{Key: variable, Text: text})
}

func (r *envReader) warn(variable, text string) {
	r.warnings = append(r.warnings, Warning{Key: variable, Text: text})
}

// stock is the server.properties that Kafka ships, which wurstmeister and Bitnami start from; it
// differs from the built-in defaults in what a single broker needs. Its zookeeper.connect is left
// out: wurstmeister wants that variable.
var stock = [...][2]string{
	{"broker.id", "0"},
	{"num.network.threads", "3"},
	{"num.io.threads", "8"},
	{"socket.send.buffer.bytes", "102400"},
	{"socket.receive.buffer.bytes", "102400"},
	{"socket.request.max.bytes", "104857600"},
	{"log.dirs", "/tmp/kafka-logs"},
	{"num.partitions", "1"},
	{"num.recovery.threads.per.data.dir", "1"},
	// One broker by itself: built-in defaults of 3 would leave it without offsets and transactions.
	{"offsets.topic.replication.factor", "1"},
	{"transaction.state.log.replication.factor", "1"},
	{"transaction.state.log.min.isr", "1"},
	{"log.retention.hours", "168"},
	{"log.segment.bytes", "1073741824"},
	{"log.retention.check.interval.ms", "300000"},
	{"zookeeper.connection.timeout.ms", "18000"},
	{"group.initial.rebalance.delay.ms", "0"},
}

func (r *envReader) presetStock() {
	for _, s := range stock {
		r.preset(s[0], s[1])
	}
}

var (
	serviceLink = regexp.MustCompile(`^KAFKA(_[A-Z0-9_]+)?_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$`)
	portLink    = regexp.MustCompile(`^KAFKA(_[A-Z0-9_]+)?_PORT_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?$`)
)

// dropServiceLinks leaves out the variables that Kubernetes and Docker links make for a service
// called kafka. KAFKA_PORT=tcp://… is the classic: it looks like the port key.
func (r *envReader) dropServiceLinks() {
	dropped := false
	for name, value := range r.vars {
		// A link of Docker gives NAME_PORT the address of the service, which is no number.
		linked := strings.HasPrefix(name, "KAFKA_") && strings.HasSuffix(name, "_PORT") && strings.HasPrefix(value, "tcp://")
		if linked || serviceLink.MatchString(name) || portLink.MatchString(name) {
			delete(r.vars, name)
			dropped = dropped || linked
		}
	}
	if dropped {
		r.warn("", "variables that the orchestrator made for a service called kafka (such as KAFKA_PORT=tcp://…) were ignored; set enableServiceLinks: false to be rid of them")
	}
}

// notKeys are KAFKA_ variables that no image turns into a key of the broker.
var notKeys = [...]string{"VERSION", "HOME", "DEBUG", "GC_LOG_OPTS", "HEAP_OPTS", "JMX_OPTS", "JVM_PERFORMANCE_OPTS", "LOG", "OPTS",
	"JMX_PORT", "JMX_HOSTNAME", "MAIN_OPTS", "CREATE_TOPICS", "CREATE_TOPICS_SEPARATOR", "ENV", "NAME", "EXTRA_FLAGS", "CUB_ZK_TIMEOUT"}

func isKeyVariable(name string) bool {
	rest, ok := strings.CutPrefix(name, "KAFKA_")
	return ok && rest != "" && !slices.Contains(notKeys[:], rest) && !strings.HasPrefix(rest, "LOG4J_") && !strings.HasPrefix(rest, "TOOLS_LOG4J_")
}

// plainKey is the mapping of wurstmeister and Bitnami: lower case, each _ a dot.
func plainKey(rest string) string { return strings.ReplaceAll(strings.ToLower(rest), "_", ".") }

// dashedKey is Confluent's mapping: _ is a dot, __ an underscore, ___ a dash.
func dashedKey(rest string) string {
	var b strings.Builder
	for i := 0; i < len(rest); {
		n := 0
		// At most three: a fourth underscore begins again.
		for i+n < len(rest) && rest[i+n] == '_' && n < 3 {
			n++
		}
		if n == 0 {
			b.WriteByte(rest[i])
			i++
			continue
		}
		b.WriteByte(" ._-"[n])
		i += n
	}
	return strings.ToLower(b.String())
}

var maxHeapFlag = regexp.MustCompile(`(?:^|\s)-Xmx(\d+)([kKmMgGtT]?)(?:\s|$)`)

// maxHeap is the last -Xmx of KAFKA_HEAP_OPTS in bytes, 0 without one.
func (r *envReader) maxHeap() int64 {
	opts, ok := r.vars["KAFKA_HEAP_OPTS"]
	if !ok {
		return 0
	}
	n, err := ParseMaxHeap(opts)
	if err != nil {
		r.warn("KAFKA_HEAP_OPTS", err.Error())
	}
	return n
}

// ParseMaxHeap is the last -Xmx of a JVM command line in bytes, 0 without one.
func ParseMaxHeap(opts string) (int64, error) {
	// The last one counts, as for a JVM.
	var last []string
	for _, word := range strings.Fields(opts) {
		if m := maxHeapFlag.FindStringSubmatch(word); m != nil {
			last = m
		} else if strings.HasPrefix(word, "-Xmx") {
			return 0, fmt.Errorf("%q is not a heap size; write for example -Xmx512m", word)
		}
	}
	if last == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(last[1], 10, 64)
	// Units are powers of 1024, as for a JVM.
	shift := map[string]uint{"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[strings.ToLower(last[2])]
	if err != nil || n > (1<<62)>>shift {
		return 0, fmt.Errorf("-Xmx%s%s is too large", last[1], last[2])
	}
	return n << shift, nil
}

// sortedVars lists the variables' names in order, so that messages and ties come out the same every
// time.
func (r *envReader) sortedVars() []string { return slices.Sorted(maps.Keys(r.vars)) }
