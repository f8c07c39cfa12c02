// Package layers checks that imports point one way: configs ← storage ← coordinator ← broker ← cmd,
// and that third-party APIs stop at the edge.
package layers

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"momus/integration/testkit"
)

// forbidden says that packages under from must not import packages under to, but for those in
// except; each with its reason.
var forbidden = []struct {
	from, to string
	except   []string
	reason   string
}{
	{from: "momus/internal", to: "momus/", except: []string{"momus/internal"}, reason: "the shared vocabulary is the ground floor"},
	{from: "momus/configs", to: "momus/", except: []string{"momus/configs", "momus/internal"}, reason: "configuration knows only the shared vocabulary"},
	{from: "momus/storage/record", to: "momus/configs", reason: "a record format does not know where its rules are configured"},
	{from: "momus/storage", to: "momus/coordinator", reason: "storage knows nothing of who uses it"},
	{from: "momus/storage", to: "momus/broker", reason: "storage knows nothing of who uses it"},
	{from: "momus/storage", to: "github.com/twmb/franz-go", reason: "wire types stop at the handlers"},
	{from: "momus/storage", to: "net", reason: "storage does not talk to the network"},
	{from: "momus/coordinator", to: "momus/broker", reason: "coordinators reach the log through an interface of their own"},
	{from: "momus/coordinator", to: "momus/storage", except: []string{"momus/storage/record", "momus/storage/vfs"}, reason: "coordinators see the shared vocabulary and the record format only"},
	{from: "momus/coordinator/controller", to: "github.com/go-zookeeper", reason: "the ZooKeeper library is coordinator/zk's alone"},
	{from: "momus/coordinator/admin", to: "github.com/go-zookeeper", reason: "the ZooKeeper library is coordinator/zk's alone"},
	{from: "momus/coordinator/group", to: "github.com/go-zookeeper", reason: "the ZooKeeper library is coordinator/zk's alone"},
	{from: "momus/broker", to: "github.com/go-zookeeper", reason: "the ZooKeeper library is coordinator/zk's alone"},
	{from: "momus/broker/network", to: "github.com/twmb/franz-go", reason: "the network moves frames, it does not know what they mean"},
	{from: "momus/broker/network", to: "momus/broker/handler", reason: "handlers use the network, not the reverse"},
	{from: "momus/broker/replica", to: "momus/broker/handler", reason: "handlers translate, the replica manager decides"},
	{from: "momus/broker", to: "momus/cmd", reason: "the broker is a library"},
	{from: "momus/momustest", to: "momus/cmd", reason: "a cluster of a test is made of the library, not of the program"},
	{from: "momus/momustest", to: "github.com/sirupsen/logrus", reason: "the public packages speak log/slog"},
	{from: "momus/", to: "momus/integration", except: []string{"momus/integration"}, reason: "production code never imports tests"},
	{from: "momus/", to: "log", except: []string{"log/slog"}, reason: "logs go through logrus; slog only makes the log.Logger that net/http asks for"},
	{from: "momus/broker/view", to: "momus/broker/metrics", reason: "who shows a broker reads the view, the view reads nobody who shows"},
	{from: "momus/broker/http", to: "momus/broker", except: []string{"momus/broker/http"}, reason: "the port does not know what its handlers show"},
}

// listed is a package as go list shows it, without its tests.
type listed struct {
	ImportPath, Dir  string
	Imports, GoFiles []string
}

// packages lists those of the module that a pattern of go list matches.
func packages(t *testing.T, pattern string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", pattern)
	cmd.Dir = testkit.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func TestImportsPointDownwards(t *testing.T) {
	checked := 0
	for _, p := range packages(t, "./...") {
		checked++
		for _, imp := range p.Imports {
			for _, f := range forbidden {
				if under(p.ImportPath, f.from) && under(imp, f.to) && !excepted(p.ImportPath, imp, f.except) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, f.reason)
				}
			}
		}
	}
	if checked < 10 {
		t.Fatalf("only %d packages were listed", checked)
	}
}

func under(path, dir string) bool {
	dir = strings.TrimSuffix(dir, "/")
	return path == dir || strings.HasPrefix(path, dir+"/")
}

func excepted(from, imp string, except []string) bool {
	for _, e := range except {
		if under(imp, e) || under(from, e) && e == "momus/integration" {
			return true
		}
	}
	return false
}
