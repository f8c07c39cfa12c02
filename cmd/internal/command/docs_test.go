package command

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"momus/configs"
)

const root = "../../.."

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What the documents name exists: files, make targets, commands.
func TestDocumentsNameWhatExists(t *testing.T) {
	makefile := text(t, "Makefile")
	link := regexp.MustCompile(`\]\(([^)#]+)\)`)
	target := regexp.MustCompile("(?m)(?:`|^ {4}|&& )(?:sudo )?make ([a-z]+)")
	word := regexp.MustCompile("(?m)(?:`|^ {4})momus ([a-z]+)")
	for _, name := range []string{"README.md", "docs/configuration.md", "docs/rollover.md"} {
		content := text(t, name)
		for _, m := range link.FindAllStringSubmatch(content, -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1])); err != nil && !strings.Contains(m[1], "://") {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, m := range target.FindAllStringSubmatch(content, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: there is no make target %s", name, m[1])
			}
		}
		for _, m := range word.FindAllStringSubmatch(content, -1) {
			if _, ok := find(m[1]); !ok {
				t.Errorf("%s: there is no command %s", name, m[1])
			}
		}
	}
}

func TestOwnKeysAreDocumented(t *testing.T) {
	content := text(t, "docs/configuration.md")
	for _, k := range configs.OwnKeys() {
		if !strings.Contains(content, "| `"+k.Name+"` | `"+strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))+"` | "+k.Default+" |") {
			t.Errorf("%s is not in docs/configuration.md with its variable and default %s", k.Name, k.Default)
		}
	}
}

// The compose file's settings make a broker.
func TestComposeFileLoads(t *testing.T) {
	env := []string{}
	for _, m := range regexp.MustCompile(`(?m)^ {6}(KAFKA_[A-Z_]+): "?([^"\n]*)"?$`).FindAllStringSubmatch(text(t, "docker-compose.yml"), -1) {
		env = append(env, m[1]+"="+m[2])
	}
	yes := true
	c, warnings, err := configs.Load(configs.Sources{Env: env, Hostname: "kafka", Container: &yes})
	if err != nil || len(warnings) > 0 || len(env) < 8 {
		t.Fatalf("%d variables, %v, %v", len(env), err, warnings)
	}
	if l := c.Listeners(); len(l.Advertised) != 2 || l.InterBroker != "INSIDE" || len(c.Environment().CreateTopics) != 2 || c.Environment().MaxHeap != 256<<20 {
		t.Errorf("%+v %+v", l, c.Environment())
	}
}
