package command

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"momus/configs"
)

// The compose files of the pages for those who come from another image make brokers of that image's
// dialect, without a warning.
func TestComposeFilesOfPagesLoad(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(services:.*?)```")
	for page, dialect := range map[string]configs.Dialect{"wurstmeister": configs.Wurstmeister, "bitnami": configs.Bitnami, "cp-kafka": configs.Confluent} {
		m := block.FindStringSubmatch(text(t, "docs/from/"+page+".md"))
		if m == nil {
			t.Fatalf("%s has no compose file", page)
		}
		var file struct {
			Services map[string]struct {
				Environment map[string]string
			}
		}
		if err := yaml.Unmarshal([]byte(m[1]), &file); err != nil {
			t.Fatalf("%s: %v", page, err)
		}
		var env []string
		for k, v := range file.Services["kafka"].Environment {
			env = append(env, k+"="+v)
		}
		slices.Sort(env)
		yes := true
		c, warnings, err := configs.Load(configs.Sources{Env: env, Hostname: "kafka", Container: &yes})
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%s: %v, %v", page, err, warnings)
		}
		if got := c.Environment().Dialect; got != dialect {
			t.Errorf("%s is taken for %v", page, got)
		}
	}
}

// The variables of the StatefulSet make a broker, with the id and the name that its pod has.
func TestManifestsMakeABroker(t *testing.T) {
	decoder := yaml.NewDecoder(strings.NewReader(text(t, "packaging/kubernetes/base/momus.yaml")))
	env := map[string]string{"POD_NAME": "momus-2", "POD_NAMESPACE": "data", "KAFKA_BROKER_ID": "2"} // the pod's own fields
	for {
		var set struct {
			Kind string
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Env []struct{ Name, Value string }
						}
					}
				}
			}
		}
		err := decoder.Decode(&set)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if set.Kind != "StatefulSet" {
			continue
		}
		for _, v := range set.Spec.Template.Spec.Containers[0].Env {
			if v.Value != "" {
				for name, value := range env {
					v.Value = strings.ReplaceAll(v.Value, "$("+name+")", value)
				}
				env[v.Name] = v.Value
			}
		}
	}
	yes := true
	var list []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		list = append(list, k+"="+env[k])
	}
	c, warnings, err := configs.Load(configs.Sources{Env: list, Hostname: "momus-2", Container: &yes})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v\n%s", err, warnings, strings.Join(list, "\n"))
	}
	advertised := c.Listeners().Advertised
	if c.Broker().BrokerID != 2 || len(advertised) != 1 || advertised[0].Host != "momus-2.momus-headless.data.svc" || len(c.Broker().LogDirectories()) != 1 ||
		c.Broker().LogDirectories()[0] != "/kafka/logs" {
		t.Errorf("%d %+v %v", c.Broker().BrokerID, advertised, c.Broker().LogDirectories())
	}
}

// Options in the documents' commands are options of those commands.
func TestOptionsOfDocumentsExist(t *testing.T) {
	command := regexp.MustCompile("(?m)^ {4}(?:[^`\n]*(?:\\||&&) *)?(?:sudo )?(?:bin/)?(?:momus )?([a-z][a-z-]*[a-z])(?:\\.sh)?((?: [^\n]*)?)$")
	inline := regexp.MustCompile("`(?:bin/)?(?:momus )?([a-z][a-z-]*[a-z])(?:\\.sh)? ([^`]*)`")
	option := regexp.MustCompile(`(?:^|\s)--([a-z][a-z.-]*[a-z])`)
	known := map[string]string{}
	checked := 0
	for _, page := range documents(t) {
		content := strings.ReplaceAll(text(t, page), "\\\n", " ")
		for _, m := range append(command.FindAllStringSubmatch(content, -1), inline.FindAllStringSubmatch(content, -1)...) {
			c, ok := find(m[1])
			if !ok || c.Hidden {
				continue
			}
			rest, _, _ := strings.Cut(m[2], "#")
			rest, _, _ = strings.Cut(rest, " | ")
			for _, o := range option.FindAllStringSubmatch(rest, -1) {
				if _, seen := known[c.Name]; !seen {
					known[c.Name] = optionsOf(t, c)
				}
				if checked++; !strings.Contains(known[c.Name], "--"+o[1]+" ") {
					t.Errorf("%s: %s has no option --%s", page, c.Name, o[1])
				}
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d options were found", checked)
	}
}

// optionsOf are the options of a command or a tool, with blanks around them. What stops the servers
// of this machine does so whatever its arguments are, as in Kafka: it has none.
func optionsOf(t *testing.T, c Command) string {
	t.Helper()
	if strings.HasSuffix(c.Name, "server-stop") {
		return " "
	}
	var out bytes.Buffer
	err := c.Run(t.Context(), &Env{Args: []string{"momus"}, Stdout: &out, Stderr: &out}, []string{"--help"})
	words := regexp.MustCompile(`--[a-z][a-z.-]*`).FindAllString(fmt.Sprint(out.String(), err, c.Args), -1)
	return " --help " + strings.Join(words, " ") + " "
}
