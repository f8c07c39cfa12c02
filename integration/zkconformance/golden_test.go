package zkconformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"momus/coordinator/zkserver"
	"momus/coordinator/zkserver/zkservertest"
)

// What the real servers answered to the scripts.
const (
	golden   = "testdata/zookeeper-3.4.14.txt"
	golden35 = "testdata/zookeeper-3.5.7.txt"
)

// tick is what both servers use.
const tick = time.Second

// startOurs runs the embedded server until the test ends.
func startOurs(t *testing.T, o zkserver.Options) (addr string, stop func()) {
	t.Helper()
	if o.TickTime == 0 {
		o.TickTime = tick
	}
	s, stop := zkservertest.Run(t, o)
	return s.Addr().String(), stop
}

// transcript runs scenarios against one server.
func transcript(t *testing.T, addr string, scenarios []scenario) string {
	t.Helper()
	var b strings.Builder
	for _, sc := range scenarios {
		s := newScript(t, addr)
		sc.run(s)
		fmt.Fprintf(&b, "# %s\n%s\n\n", sc.name, strings.Join(s.lines, "\n"))
	}
	return b.String()
}

func TestEmbeddedServerAnswersAsRecorded(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	addr, _ := startOurs(t, zkserver.Options{NoSync: true})
	compare(t, recorded(t, golden), transcript(t, addr, scenarios))
	compare(t, recorded(t, golden35), transcript(t, addr, scenarios35))
}

func recorded(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// compare reports where two transcripts part, with what led there.
func compare(t *testing.T, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	reported := 0
	section := ""
	for i := range max(len(w), len(g)) {
		wl, gl := line(w, i), line(g, i)
		if strings.HasPrefix(wl, "#") {
			section = wl
		}
		if wl != gl {
			from := max(0, i-3)
			t.Errorf("%s, line %d, after\n%s\nreal: %s\nours: %s", section, i+1, strings.Join(w[from:min(i, len(w))], "\n"), wl, gl)
			if reported++; reported == 10 {
				t.Fatal("and more")
			}
		}
	}
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
