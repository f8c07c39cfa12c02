package command

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"momus/cmd/internal/tool"
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

func TestOwnKeysAreDocumented(t *testing.T) {
	content := text(t, "docs/configuration.md")
	for _, k := range configs.OwnKeys() {
		if !strings.Contains(content, "| `"+k.Name+"` | `"+strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))+"` | "+k.Default+" |") {
			t.Errorf("%s is not in docs/configuration.md with its variable and default %s", k.Name, k.Default)
		}
	}
}

func TestToolsAreDocumented(t *testing.T) {
	content := text(t, "docs/tools.md")
	for _, x := range tool.Tools() {
		if !strings.Contains(content, "`"+x.Name+"`") {
			t.Errorf("%s is not in docs/tools.md", x.Name)
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

// The Dockerfile makes links of the names in this file, since it cannot ask a program that is built
// for another machine.
func TestImageLinksAreTheTools(t *testing.T) {
	w := newWorld()
	if code := w.do("help", "--tools"); code != 0 {
		t.Fatal(code)
	}
	if got := text(t, "cmd/momus/links.txt"); got != w.stdout.String() {
		t.Errorf("cmd/momus/links.txt is not what momus help --tools prints; write it again with: momus help --tools >cmd/momus/links.txt")
	}
}

// Every script that the image has is one that the program knows.
func TestImageScriptsAreKnown(t *testing.T) {
	layout := text(t, "cmd/momus/image/layout.sh")
	paths := regexp.MustCompile(`(?m)(/\S+/(?:start-kafka\.sh|run|configure|ensure|launch|entrypoint\.sh|run\.sh|setup\.sh)|/app-entrypoint\.sh)[ ;]`).FindAllStringSubmatch(layout, -1)
	if len(paths) < 9 {
		t.Fatalf("%v", paths)
	}
	for _, p := range paths {
		if _, ok := imageScript(p[1]); !ok {
			t.Errorf("%s is not known", p[1])
		}
	}
}
