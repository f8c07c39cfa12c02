package configs

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// wurstmeister reads the variables as the start script of wurstmeister/kafka does, in its order.
func (r *envReader) wurstmeister() {
	v := r.vars
	if v["KAFKA_PORT"] == "" && !r.hasFile {
		r.preset("port", "9092")
	}
	if v["KAFKA_BROKER_ID"] == "" {
		// An empty variable is as good as none, and would become an empty key.
		delete(v, "KAFKA_BROKER_ID")
		if command := v["BROKER_ID_COMMAND"]; command != "" {
			r.setOutput("broker.id", "BROKER_ID_COMMAND", command)
		} else {
			r.preset("broker.id", "-1")
		}
	}
	hostname := r.substitute("HOSTNAME_COMMAND")
	r.substitute("PORT_COMMAND")
	if command := v["RACK_COMMAND"]; command != "" && v["KAFKA_BROKER_RACK"] == "" {
		r.setOutput("broker.rack", "RACK_COMMAND", command)
	}
	if v["KAFKA_ADVERTISED_HOST_NAME"] == "" && v["KAFKA_LISTENERS"] == "" && !r.hasFile {
		r.wurstmeisterAddress(hostname)
	}
	if r.site.dockerSocket() && v["KAFKA_ADVERTISED_PORT"] == "" && v["KAFKA_LISTENERS"] == "" && v["KAFKA_ADVERTISED_LISTENERS"] == "" {
		r.warn("KAFKA_ADVERTISED_PORT", "not set. wurstmeister/kafka would ask Docker, whose socket is mounted, for the port that is published; this image does not "+
			"speak to Docker and advertises the container's port. Publish it under the same number (ports: [\"9092:9092\"]) or set KAFKA_ADVERTISED_PORT; "+
			"the socket need not be mounted")
	}
	for _, name := range r.sortedVars() {
		if !isKeyVariable(name) {
			continue
		}
		if strings.Contains(v[name], "@") {
			// The image edits a file with sed and @ as its delimiter, which fails; there is no
			// reason to fail here.
			r.warn(name, "contains @, which wurstmeister/kafka itself cannot handle")
		}
		r.set(plainKey(strings.TrimPrefix(name, "KAFKA_")), v[name], name)
	}
	// Empty is as good as none: the image then has a directory of its own.
	if v["KAFKA_LOG_DIRS"] == "" {
		delete(r.settings, "log.dirs")
	}
	machine := v["HOSTNAME"]
	if machine == "" {
		machine = r.sources.Hostname
	}
	r.presetData("/kafka/kafka-logs-" + machine)
	r.presetStock()
	if v["CUSTOM_INIT_SCRIPT"] != "" {
		r.warn("CUSTOM_INIT_SCRIPT", "not run: this image has nothing that such a script could change")
	}
}

// wurstmeisterAddress finds out what clients are told when neither listeners nor a host name are
// set. The image does not start without an answer.
func (r *envReader) wurstmeisterAddress(hostname string) {
	advertised := r.vars["KAFKA_ADVERTISED_LISTENERS"]
	switch {
	case r.given("listeners"): // by an override
	case r.vars["HOSTNAME_COMMAND"] != "" && hostname == "": // that was said
	case advertised != "":
		r.fail("KAFKA_LISTENERS", "missing; with KAFKA_ADVERTISED_LISTENERS it must say which of these listeners to open, for example "+
			"KAFKA_LISTENERS="+wildcardHosts(advertised))
	case hostname != "":
		r.set("advertised.host.name", hostname, "HOSTNAME_COMMAND")
	case r.given("advertised.listeners"), r.given("advertised.host.name"), r.given("host.name"), r.vars["KAFKA_HOST_NAME"] != "":
	default:
		r.fail("KAFKA_ADVERTISED_LISTENERS", fmt.Sprintf("missing; nothing says which address clients are told. For clients that can resolve %[1]s set "+
			"KAFKA_LISTENERS=PLAINTEXT://:9092 and KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://%[1]s:9092", r.sources.Hostname))
	}
}

// substitute evaluates a command variable and puts its output in place of _{NAME} in every KAFKA_
// variable.
func (r *envReader) substitute(name string) string {
	command := r.vars[name]
	if command == "" {
		return ""
	}
	out := r.evaluate(name, command)
	// The words that only these two commands have: _{HOSTNAME_COMMAND} and _{PORT_COMMAND}.
	for k, v := range r.vars {
		if strings.HasPrefix(k, "KAFKA_") {
			r.vars[k] = strings.ReplaceAll(v, "_{"+name+"}", out)
		}
	}
	return out
}

// setOutput sets a key to what a command prints; when it fails that is said, and the key stays as
// it is.
func (r *envReader) setOutput(key, variable, command string) {
	if out := r.evaluate(variable, command); out != "" {
		r.set(key, out, variable)
	}
}

// evaluate runs the command of a variable. One that says nothing has failed: its output was to be a
// setting.
func (r *envReader) evaluate(name, command string) string {
	out, err := r.sources.Run(command)
	out = strings.TrimSpace(out)
	var failed *CommandError
	instead := "set the value itself instead"
	if key, ok := strings.CutSuffix(name, "_COMMAND"); ok && name != "HOSTNAME_COMMAND" && name != "PORT_COMMAND" {
		instead = "set KAFKA_" + strings.Replace(key, "RACK", "BROKER_RACK", 1) + " instead"
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		r.fail(name, "needs the shell sh, which is not installed here; "+instead)
	case errors.As(err, &failed) && failed.missing() != "":
		r.fail(name, fmt.Sprintf("%q needs the program %s, which is not in this image; %s", command, failed.missing(), instead))
	case err != nil:
		r.fail(name, fmt.Sprintf("%q did not work: %v; %s", command, err, instead))
	case out == "":
		r.fail(name, fmt.Sprintf("%q printed nothing; %s", command, instead))
	}
	return out
}

// CommandError is a command of a *_COMMAND variable that failed or printed nothing, with what it
// said.
type CommandError struct {
	Err    error // nil when it ended well and printed nothing
	Stderr string
}

func (e *CommandError) Error() string {
	switch {
	case e.Stderr == "":
		return e.Err.Error()
	case e.Err == nil:
		return e.Stderr
	}
	return e.Err.Error() + ": " + e.Stderr
}

// Unwrap gives the reason.
func (e *CommandError) Unwrap() error { return e.Err }

var notFound = regexp.MustCompile(`(?m)([^ :]+): (?:command )?not found`)

// missing is the program that the shell did not find, "" when that was not the reason.
func (e *CommandError) missing() string {
	if m := notFound.FindStringSubmatch(e.Stderr); m != nil {
		return m[1]
	}
	return ""
}

// wildcardHosts replaces the hosts of listeners by 0.0.0.0.
func wildcardHosts(list string) string {
	items := splitList(list)
	for i, s := range items {
		name, address, ok := strings.Cut(s, "://")
		// From the last colon on, since an IPv6 address has others.
		if j := strings.LastIndexByte(address, ':'); ok && j >= 0 {
			items[i] = name + "://0.0.0.0" + address[j:]
		}
	}
	return strings.Join(items, ",")
}
