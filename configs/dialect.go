package configs

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Dialect is the Docker image whose environment variables are used.
type Dialect int8

// The dialects.
const (
	NoDialect Dialect = iota
	Wurstmeister
	Bitnami
	Confluent
)

// String is the image's name.
func (d Dialect) String() string {
	return [...]string{"none", "wurstmeister/kafka", "bitnami/kafka", "confluentinc/cp-kafka"}[d]
}

// DialectVariable is the environment variable that decides which image the others are meant for.
const DialectVariable = "MOMUS_DIALECT"

// dialectWords are the values of DialectVariable.
var dialectWords = [...]string{"none", "wurstmeister", "bitnami", "confluent"}

// ParseDialect reads a value of DialectVariable: a short name or that of the image.
func ParseDialect(word string) (Dialect, error) {
	for i, w := range dialectWords {
		if d := Dialect(i); strings.EqualFold(word, w) || strings.EqualFold(word, d.String()) || strings.EqualFold(word, filepath.Base(d.String())) {
			return d, nil
		}
	}
	return NoDialect, fmt.Errorf("%q is no image that is known here; valid are wurstmeister, bitnami, confluent and none", word)
}

// site is what the machine tells about the images: which of their directories are mounts, and where
// a broker has left its files. It is read below root, which is / but in tests.
type site struct {
	root   string
	mounts []string // mount points, cleaned; nil outside of a container
}

// readSite looks at the mounts of this process's container.
func readSite(root string) site {
	s := site{root: root}
	data, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return s
	}
	for _, line := range strings.Split(string(data), "\n") {
		// ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS …, with blanks and the like as octal
		// escapes.
		if f := strings.Fields(line); len(f) > 5 {
			s.mounts = append(s.mounts, filepath.Clean(mountEscapes.Replace(f[4])))
		}
	}
	return s
}

var mountEscapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountedBelow is a mount point at or below dir, "" without one.
func (s site) mountedBelow(dir string) string {
	for _, m := range s.mounts {
		if m == dir || strings.HasPrefix(m, dir+"/") {
			return m
		}
	}
	return ""
}

// onMount reports whether a file in dir would lie on a mount other than the container's own root.
func (s site) onMount(dir string) bool {
	for d := filepath.Clean(dir); d != "/" && d != "."; d = filepath.Dir(d) {
		if slices.Contains(s.mounts, d) {
			return true
		}
	}
	return false
}

// has is a file below the root that matches pattern, "" without one.
func (s site) has(pattern string) string {
	// The pattern is a constant, so that Glob has no error.
	found, _ := filepath.Glob(filepath.Join(s.root, pattern))
	if len(found) == 0 {
		return ""
	}
	if rel, err := filepath.Rel(s.root, found[0]); err == nil {
		return "/" + rel
	}
	return found[0]
}

// dataRoots are the directories that the images keep data under, where it goes there unless
// somebody says otherwise, and the pattern of a broker's meta.properties in it.
var dataRoots = [...]struct {
	dialect          Dialect
	root, data, meta string
}{
	{Wurstmeister, "/kafka", "/kafka/kafka-logs", "/kafka/*/meta.properties"},
	{Bitnami, "/bitnami", "/bitnami/kafka/data", "/bitnami/kafka/data/meta.properties"},
	{Confluent, "/var/lib/kafka", "/var/lib/kafka/data", "/var/lib/kafka/data/meta.properties"},
}

// dataVolume is the directory for data on a volume at one of the images' places, and the mount
// point; "" without one. A directory in which a broker has left its files goes first.
func (s site) dataVolume() (dir, volume string) {
	// Files of a broker say more than a mount: somebody has been running there.
	for _, r := range dataRoots {
		if f := s.has(r.meta); f != "" && s.onMount(filepath.Dir(f)) {
			return filepath.Dir(f), s.mountedBelow(r.root)
		}
	}
	for _, r := range dataRoots {
		m := s.mountedBelow(r.root)
		switch {
		case m == "":
		case s.onMount(r.data):
			return r.data, m
		case !strings.HasPrefix(m, "/bitnami/kafka/conf"): // mounted configuration
			return m, m
		}
	}
	return "", ""
}

// otherMounts are directories of the images that users mount files into.
var otherMounts = [...]struct {
	dialect Dialect
	dir     string
}{
	{Bitnami, "/opt/bitnami"}, {Confluent, "/etc/kafka"}, {Confluent, "/etc/confluent"}, {Confluent, "/usr/share/java"},
	{Wurstmeister, "/opt/kafka"}, {Wurstmeister, "/opt/overrides"}, {Wurstmeister, "/usr/bin/start-kafka.sh"},
}

// How much a sign counts. A sure one is something that only this image has; refusal says that the
// image would not have started, so that a file which works was not written for it.
const (
	sure    = 100
	files   = 60 // a broker's files lie in this image's directory
	mount   = 40
	own     = 30 // nobody else's, but harmless elsewhere, so that it is copied along
	strong  = 6
	likely  = 4
	slight  = 2
	refusal = -20
)

// evidence weighs the dialects.
type evidence struct {
	score  [len(dialectWords)]int
	best   [len(dialectWords)]int
	reason [len(dialectWords)]string // the heaviest sign of each
}

func (e *evidence) add(d Dialect, weight int, reason string) {
	e.score[d] += weight
	// Of equal weights the first sign is named.
	if weight > e.best[d] {
		e.best[d], e.reason[d] = weight, reason
	}
}

// winner is the dialect with the most weight; of equals the one that Docker users mean most often
// when nothing speaks for another.
func (e *evidence) winner() (Dialect, string) {
	w := Wurstmeister
	for _, d := range []Dialect{Confluent, Bitnami} {
		if e.score[d] > e.score[w] {
			w = d
		}
	}
	return w, cmp.Or(e.reason[w], "nothing speaks for another image")
}

// detectDialect tells the image from the variables and from what the container knows, and says by
// what. Without any variable that sets a key there is no dialect, so that KAFKA_HOME or KAFKA_OPTS
// of a developer's shell change nothing.
func detectDialect(vars map[string]string, s site) (Dialect, string) {
	var e evidence
	e.bitnamiSigns(vars)
	// ALLOW_PLAINTEXT_LISTENER alone is enough: with it the image starts without any key.
	keyed := e.score[Bitnami] >= own
	for n := range vars {
		keyed = keyed || isKeyVariable(n) || slices.Contains(wurstmeisterCommands[:], n) || n == "KAFKA_CREATE_TOPICS"
	}
	if !keyed {
		return NoDialect, ""
	}
	e.confluentSigns(vars)
	e.wurstmeisterSigns(vars)
	e.containerSigns(s)
	return e.winner()
}

// containerSigns looks at the container itself: where its volumes are, and what earlier starts left
// in them.
func (e *evidence) containerSigns(s site) {
	for _, r := range dataRoots {
		if m := s.mountedBelow(r.root); m != "" {
			e.add(r.dialect, mount, m+" is a volume")
		}
		if f := s.has(r.meta); f != "" {
			e.add(r.dialect, files, f+" is there")
		}
	}
	for _, o := range otherMounts {
		if m := s.mountedBelow(o.dir); m != "" {
			e.add(o.dialect, mount/2, m+" is mounted")
		}
	}
	if s.dockerSocket() {
		e.add(Wurstmeister, likely, "Docker's socket is mounted")
	}
}

// dockerSocket reports whether Docker's socket was mounted.
func (s site) dockerSocket() bool {
	return s.mountedBelow("/var/run/docker.sock") != "" || s.mountedBelow("/run/docker.sock") != ""
}

// each adds weight once for the first, in order, of the variables that is set.
func (e *evidence) each(vars map[string]string, d Dialect, weight int, names ...string) {
	for _, n := range names {
		if _, ok := vars[n]; ok {
			e.add(d, weight, n)
			return
		}
	}
}

// prefixed adds weight once when a variable has the prefix.
func (e *evidence) prefixed(vars map[string]string, d Dialect, weight int, prefix string) {
	for n := range vars {
		if strings.HasPrefix(n, prefix) {
			e.add(d, weight, prefix+"*")
			return
		}
	}
}

func (e *evidence) bitnamiSigns(vars map[string]string) {
	e.prefixed(vars, Bitnami, sure, "KAFKA_CFG_")
	e.each(vars, Bitnami, sure, "BITNAMI_APP_NAME")
	e.each(vars, Bitnami, own, "ALLOW_PLAINTEXT_LISTENER")
	e.each(vars, Bitnami, strong, "KAFKA_EXTRA_FLAGS")
	e.each(vars, Bitnami, strong, "KAFKA_CLIENT_USERS", "KAFKA_CLIENT_USER", "KAFKA_INTER_BROKER_USER", "KAFKA_CERTIFICATE_PASSWORD", "KAFKA_ZOOKEEPER_PROTOCOL")
}

// testcontainersFlush is a value that Testcontainers' KafkaContainer sets, which runs Confluent's
// image.
const testcontainersFlush = "9223372036854775807"

// confluentSigns weighs what only Confluent's image has or needs: without
// KAFKA_ADVERTISED_LISTENERS it does not start, so that it is not the one.
func (e *evidence) confluentSigns(vars map[string]string) {
	_, advertised := vars["KAFKA_ADVERTISED_LISTENERS"]
	switch {
	case !advertised:
		e.add(Confluent, refusal, "")
	case vars["KAFKA_LISTENERS"] == "":
		e.add(Confluent, strong, "KAFKA_ADVERTISED_LISTENERS without KAFKA_LISTENERS")
	}
	e.each(vars, Confluent, sure, "CUB_CLASSPATH", "KAFKA_SSL_KEYSTORE_FILENAME", "KAFKA_SSL_KEYSTORE_CREDENTIALS")
	for _, n := range slices.Sorted(maps.Keys(vars)) {
		if isKeyVariable(n) && strings.Contains(n, "__") {
			e.add(Confluent, likely, "__ in "+n)
			break
		}
	}
	// In the order of a list, so that the same reason is given each time.
	for _, p := range []string{"CONFLUENT_", "KAFKA_CONFLUENT_"} {
		e.prefixed(vars, Confluent, strong, p)
	}
	for _, p := range []string{"KAFKA_LOG4J_", "KAFKA_TOOLS_LOG4J_"} {
		e.prefixed(vars, Confluent, slight, p)
	}
	e.each(vars, Confluent, likely, "KAFKA_JMX_HOSTNAME")
	e.each(vars, Confluent, slight, "KAFKA_JMX_PORT")
	// What Kafka's built-in defaults get wrong for one broker, and wurstmeister's and Bitnami's
	// file gets right.
	for _, n := range []string{"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"} {
		if vars[n] == "1" {
			e.add(Confluent, slight, n+"=1")
		}
	}
	if vars["KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS"] == "0" {
		e.add(Confluent, slight, "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS=0")
	}
	if strings.Contains(vars["KAFKA_ADVERTISED_LISTENERS"], "PLAINTEXT_HOST://") {
		e.add(Confluent, likely, "a listener called PLAINTEXT_HOST")
	}
	if vars["KAFKA_LOG_FLUSH_INTERVAL_MESSAGES"] == testcontainersFlush {
		e.add(Confluent, strong, "KAFKA_LOG_FLUSH_INTERVAL_MESSAGES of Testcontainers")
	}
	if strings.HasPrefix(vars["KAFKA_LOG_DIRS"], "/var/lib/kafka") {
		e.add(Confluent, strong, "KAFKA_LOG_DIRS="+vars["KAFKA_LOG_DIRS"])
	}
}

// wurstmeisterCommands are the variables whose values that image runs in a shell.
var wurstmeisterCommands = [...]string{"HOSTNAME_COMMAND", "PORT_COMMAND", "BROKER_ID_COMMAND", "RACK_COMMAND"}

// wurstmeisterSigns weighs what only wurstmeister's image has or needs.
func (e *evidence) wurstmeisterSigns(vars map[string]string) {
	listeners := vars["KAFKA_LISTENERS"]
	if listeners == "" && vars["KAFKA_ADVERTISED_LISTENERS"] != "" {
		e.add(Wurstmeister, refusal, "")
	}
	if listeners != "" {
		e.add(Wurstmeister, slight, "KAFKA_LISTENERS")
		if strings.Contains(listeners, "://:") {
			e.add(Wurstmeister, likely, "KAFKA_LISTENERS without hosts")
		}
		if strings.Contains(listeners, "INSIDE://") || strings.Contains(listeners, "OUTSIDE://") {
			e.add(Wurstmeister, likely, "listeners called INSIDE and OUTSIDE")
		}
	}
	e.each(vars, Wurstmeister, sure/2, wurstmeisterCommands[:]...)
	e.each(vars, Wurstmeister, likely, "KAFKA_CREATE_TOPICS")
	e.each(vars, Wurstmeister, strong, "CUSTOM_INIT_SCRIPT")
	e.each(vars, Wurstmeister, strong, "KAFKA_ADVERTISED_HOST_NAME")
	e.each(vars, Wurstmeister, likely, "KAFKA_ADVERTISED_PORT", "KAFKA_HOST_NAME", "KAFKA_PORT")
	e.each(vars, Wurstmeister, slight, "JMX_PORT", "KAFKA_JMX_OPTS", "DOCKER_API_VERSION")
	e.each(vars, Wurstmeister, likely, "KAFKA_SSL_KEYSTORE_LOCATION", "KAFKA_SSL_TRUSTSTORE_LOCATION")
	e.prefixed(vars, Wurstmeister, likely, "LOG4J_")
	if dir := vars["KAFKA_LOG_DIRS"]; dir == "/kafka" || strings.HasPrefix(dir, "/kafka/") {
		e.add(Wurstmeister, strong, "KAFKA_LOG_DIRS="+dir)
	}
}

// foreignImages are images of those years whose variables differ from the three.
var foreignImages = [...]struct{ variable, image, hint string }{
	{"ADV_HOST", "landoop/fast-data-dev", "it is a whole distribution with ZooKeeper, registry and connect; momus is the broker only"},
	{"ADVERTISED_HOST", "spotify/kafka", "it has a ZooKeeper inside; run one beside momus, or use momus quickstart"},
	{"ZOOKEEPER_CONNECT", "debezium/kafka", "write KAFKA_ZOOKEEPER_CONNECT"},
}

// foreign explains variables of an image that this one does not stand in for.
func (r *envReader) foreign() {
	if r.hasFile || r.given("zookeeper.connect") {
		return
	}
	for _, f := range foreignImages {
		if _, ok := r.vars[f.variable]; ok {
			r.fail(f.variable, "a variable of "+f.image+", which is not understood here: "+f.hint+
				". Understood are those of wurstmeister/kafka, bitnami/kafka and confluentinc/cp-kafka")
			return
		}
	}
}

// chooseDialect finds the dialect and why: by the variable that decides, by the script that was
// called, else by the signs.
func (r *envReader) chooseDialect() {
	// An empty variable is none, as in compose files with ${MOMUS_DIALECT:-}.
	if word, ok := r.vars[DialectVariable]; ok && word != "" {
		d, err := ParseDialect(word)
		if err != nil {
			r.fail(DialectVariable, err.Error())
		}
		r.environment.Dialect, r.environment.DialectReason = d, DialectVariable
		return
	}
	if r.sources.Dialect != NoDialect {
		r.environment.Dialect, r.environment.DialectReason = r.sources.Dialect, "its script was called"
		return
	}
	r.environment.Dialect, r.environment.DialectReason = detectDialect(r.vars, r.site)
}

// presetData sets where the data goes. A directory that is not on a volume is never chosen while
// another image's is one: what was written there would be gone with the container.
func (r *envReader) presetData(dir string) {
	volume, at := r.site.dataVolume()
	if r.hasFile || volume == "" {
		r.preset("log.dirs", dir)
		return
	}
	if set, ok := r.settings["log.dirs"]; ok {
		// Given by the user: it stays where it is, with a warning.
		if !slices.ContainsFunc(splitList(set.Value), r.site.onMount) {
			r.warn(set.Origin.Name, fmt.Sprintf("%s is not on a volume, and %s is one: the records would be gone with this container", set.Value, at))
		}
		return
	}
	if !r.site.onMount(dir) {
		r.warn("log.dirs", fmt.Sprintf("%s keeps data in %s, which is not on a volume here; %s is one, so the data goes to %s. "+
			"Set %s if the variables are meant for another image, or KAFKA_LOG_DIRS", r.environment.Dialect, dir, at, volume, DialectVariable))
		dir = volume
	}
	r.preset("log.dirs", dir)
}
