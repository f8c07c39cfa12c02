package configs

import (
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// confluentSecrets is where the image expects key stores and the files with their passwords.
const confluentSecrets = "/etc/kafka/secrets"

// confluent reads the variables as confluentinc/cp-kafka does. Its file starts empty, so Kafka's
// built-in defaults apply.
func (r *envReader) confluent() {
	v := r.vars
	for _, name := range []string{"KAFKA_ADVERTISED_HOST", "KAFKA_ADVERTISED_PORT", "KAFKA_HOST", "KAFKA_PORT"} {
		if _, ok := v[name]; ok && !r.hasFile {
			r.fail(name, "not used by confluentinc/cp-kafka, which refuses to start with it; use KAFKA_ADVERTISED_LISTENERS")
		}
	}
	for _, name := range r.sortedVars() {
		rest := strings.TrimPrefix(name, "KAFKA_")
		if !isKeyVariable(name) || r.confluentSecret(rest, v[name]) {
			continue
		}
		r.set(dashedKey(rest), v[name], name)
	}
	advertised, ok := v["KAFKA_ADVERTISED_LISTENERS"]
	switch {
	case ok && v["KAFKA_LISTENERS"] == "":
		delete(r.settings, "listeners")
		if !r.hasFile {
			r.set("listeners", wildcardHosts(advertised), "KAFKA_ADVERTISED_LISTENERS") // what is wrong with it is wrong there
		}
	case !ok && !r.hasFile && !r.given("listeners") && !r.given("advertised.listeners"):
		r.fail("KAFKA_ADVERTISED_LISTENERS", "missing; give the address that clients use, for example PLAINTEXT://"+r.sources.Hostname+":9092")
	}
	if !r.hasFile {
		r.confluentSSL(advertised)
		r.environment.ZooKeeperWait = confluentZooKeeperWait(v["KAFKA_CUB_ZK_TIMEOUT"])
	}
	r.presetData("/var/lib/kafka/data")
}

// confluentZooKeeperWait is the time that the image's cub zk-ready is given.
func confluentZooKeeperWait(seconds string) time.Duration {
	if n, err := strconv.Atoi(seconds); err == nil && n >= 0 {
		return time.Duration(n) * time.Second
	}
	return 40 * time.Second
}

// confluentSSL refuses what the image's script refuses: an advertised listener with SSL, and
// SASL_SSL, needs key stores in the directory of secrets.
func (r *envReader) confluentSSL(advertised string) {
	if !strings.Contains(advertised, "SSL://") {
		return
	}
	needed := []string{"KAFKA_SSL_KEYSTORE_FILENAME", "KAFKA_SSL_KEY_CREDENTIALS", "KAFKA_SSL_KEYSTORE_CREDENTIALS"}
	if auth := r.vars["KAFKA_SSL_CLIENT_AUTH"]; auth == "required" || auth == "requested" {
		needed = append(needed, "KAFKA_SSL_TRUSTSTORE_FILENAME", "KAFKA_SSL_TRUSTSTORE_CREDENTIALS")
	}
	for _, name := range needed {
		if r.vars[name] == "" {
			r.fail(name, "missing; KAFKA_ADVERTISED_LISTENERS has a listener with SSL, and confluentinc/cp-kafka refuses to start without the name of a file in "+confluentSecrets)
		}
	}
}

// confluentSecret handles the variables that name files with key stores and passwords.
func (r *envReader) confluentSecret(rest, value string) bool {
	for _, store := range []string{"KEYSTORE", "TRUSTSTORE"} {
		key := "ssl." + strings.ToLower(store)
		// Names of files in the directory of secrets, not paths.
		switch rest {
		case "SSL_" + store + "_FILENAME":
			r.set(key+".location", path.Join(r.secrets(), value), "KAFKA_"+rest)
			return true
		case "SSL_" + store + "_CREDENTIALS":
			r.secretFile(key+".password", value, "KAFKA_"+rest)
			return true
		}
	}
	if rest == "SSL_KEY_CREDENTIALS" {
		r.secretFile("ssl.key.password", value, "KAFKA_"+rest)
		return true
	}
	return false
}

func (r *envReader) secrets() string {
	if r.sources.secrets != "" {
		return r.sources.secrets
	}
	return confluentSecrets
}

func (r *envReader) secretFile(key, name, variable string) {
	data, err := os.ReadFile(path.Join(r.secrets(), name))
	if err != nil {
		r.fail(variable, err.Error())
		return
	}
	r.set(key, strings.TrimSpace(string(data)), variable)
}
