package configs

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// wurstmeister reads the variables as the start script of wurstmeister/kafka does, in its order.
func (r *envReader) wurstmeister() {
	v := r.vars
	if v["KAFKA_PORT"] == "" && !r.hasFile && v["KAFKA_LISTENERS"] == "" {
		r.preset("port", "9092")
	}
	r.environment.CreateTopics = r.createTopics()
	if v["KAFKA_BROKER_ID"] == "" {
		if command := v["BROKER_ID_COMMAND"]; command != "" {
			v["KAFKA_BROKER_ID"] = r.evaluate("BROKER_ID_COMMAND", command)
		} else {
			delete(v, "KAFKA_BROKER_ID")
			r.preset("broker.id", "-1")
		}
	}
	if v["KAFKA_LOG_DIRS"] == "" {
		delete(v, "KAFKA_LOG_DIRS")
		hostname := v["HOSTNAME"]
		if hostname == "" {
			hostname = r.sources.Hostname
		}
		r.preset("log.dirs", "/kafka/kafka-logs-"+hostname)
	}
	hostname := r.substitute("HOSTNAME_COMMAND")
	r.substitute("PORT_COMMAND")
	if command := v["RACK_COMMAND"]; command != "" && v["KAFKA_BROKER_RACK"] == "" {
		v["KAFKA_BROKER_RACK"] = r.evaluate("RACK_COMMAND", command)
	}
	if v["KAFKA_ADVERTISED_HOST_NAME"] == "" && v["KAFKA_LISTENERS"] == "" && !r.hasFile {
		switch {
		case v["KAFKA_ADVERTISED_LISTENERS"] != "":
			r.fail("KAFKA_LISTENERS", "missing; with KAFKA_ADVERTISED_LISTENERS it must say which of these listeners to open, for example "+
				"KAFKA_LISTENERS="+wildcardHosts(v["KAFKA_ADVERTISED_LISTENERS"]))
		case hostname != "":
			v["KAFKA_ADVERTISED_HOST_NAME"] = hostname
		default:
			r.warn("KAFKA_ADVERTISED_HOST_NAME", fmt.Sprintf("neither it nor KAFKA_LISTENERS is set; clients are told the name of this machine, %s. "+
				"Set KAFKA_ADVERTISED_LISTENERS and KAFKA_LISTENERS if they cannot resolve it", r.sources.Hostname))
		}
	}
	for _, name := range r.sortedVars() {
		if !isKeyVariable(name) {
			continue
		}
		if strings.Contains(v[name], "@") {
			// The image edits a file with sed and @ as its delimiter, which fails; there is no reason to fail here.
			r.warn(name, "contains @, which wurstmeister/kafka itself cannot handle")
		}
		r.set(plainKey(strings.TrimPrefix(name, "KAFKA_")), v[name], name)
	}
	r.presetStock()
	if v["CUSTOM_INIT_SCRIPT"] != "" {
		r.warn("CUSTOM_INIT_SCRIPT", "not run: this image has nothing that such a script could change")
	}
}

// substitute evaluates a command variable and puts its output in place of _{NAME} in every KAFKA_ variable.
func (r *envReader) substitute(name string) string {
	command := r.vars[name]
	if command == "" {
		return ""
	}
	out := r.evaluate(name, command)
	for k, v := range r.vars {
		if strings.HasPrefix(k, "KAFKA_") {
			r.vars[k] = strings.ReplaceAll(v, "_{"+name+"}", out)
		}
	}
	return out
}

func (r *envReader) evaluate(name, command string) string {
	out, err := r.sources.Run(command)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		r.fail(name, "needs the shell sh, which is not installed here; set the values without it")
	case err != nil:
		r.fail(name, fmt.Sprintf("%q did not work: %v", command, err))
	}
	return strings.TrimSpace(out)
}

// wildcardHosts replaces the hosts of listeners by 0.0.0.0.
func wildcardHosts(list string) string {
	items := splitList(list)
	for i, s := range items {
		name, address, ok := strings.Cut(s, "://")
		if j := strings.LastIndexByte(address, ':'); ok && j >= 0 {
			items[i] = name + "://0.0.0.0" + address[j:]
		}
	}
	return strings.Join(items, ",")
}

// createTopics reads KAFKA_CREATE_TOPICS. What cannot be read is left out with a warning: in the image, too, it does not stop the
// broker.
func (r *envReader) createTopics() []TopicSpec {
	list, ok := r.vars["KAFKA_CREATE_TOPICS"]
	if !ok {
		return nil
	}
	separator, ok := r.vars["KAFKA_CREATE_TOPICS_SEPARATOR"]
	if !ok {
		separator = ","
	}
	specs, err := ParseCreateTopics(list, separator)
	if err != nil {
		r.warn("KAFKA_CREATE_TOPICS", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return specs
}

// ParseCreateTopics reads name:partitions:replicas[:cleanup.policy] entries. Every character of separator separates, as in the
// shell's IFS; the shell's $'\n' and a plain \n are a newline. Entries that cannot be read are named by the error and left out.
func ParseCreateTopics(list, separator string) ([]TopicSpec, error) {
	if s, ok := strings.CutPrefix(separator, "$'"); ok {
		separator = strings.TrimSuffix(s, "'")
	}
	separator = strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(separator)
	var out []TopicSpec
	var errs []error
	for _, entry := range strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(separator, c) }) {
		entry = strings.Trim(strings.TrimSpace(entry), `"`)
		if entry == "" {
			continue
		}
		spec, err := parseTopicSpec(entry)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q left out: %w; the form is name:partitions:replicas or name:partitions:replicas:cleanup.policy", entry, err))
			continue
		}
		out = append(out, spec)
	}
	return out, errors.Join(errs...)
}

func parseTopicSpec(entry string) (TopicSpec, error) {
	f := strings.Split(entry, ":")
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	if len(f) < 3 || len(f) > 4 || f[0] == "" {
		return TopicSpec{}, fmt.Errorf("%d fields", len(f))
	}
	partitions, err := strconv.ParseInt(f[1], 10, 32)
	if err != nil || partitions < 1 {
		return TopicSpec{}, fmt.Errorf("%q is not a number of partitions", f[1])
	}
	replicas, err := strconv.ParseInt(f[2], 10, 16)
	if err != nil || replicas < 1 {
		return TopicSpec{}, fmt.Errorf("%q is not a number of replicas", f[2])
	}
	spec := TopicSpec{Name: f[0], Partitions: int32(partitions), Replicas: int16(replicas)}
	if len(f) == 4 {
		spec.CleanupPolicy = f[3]
	}
	return spec, nil
}
