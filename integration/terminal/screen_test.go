package terminal

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"momus/integration/testkit"
)

const columns, lines = 80, 24

// links makes a directory with momus and Kafka's names for it, as make install does.
func links(t *testing.T) string {
	t.Helper()
	dir, binary := t.TempDir(), testkit.Binary(t)
	for _, name := range []string{"momus", "kafka-topics.sh", "kafka-console-consumer.sh", "kafka-configs.sh"} {
		if err := os.Symlink(binary, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// screen is a terminal in which a command runs.
type screen struct {
	file *os.File
	cmd  *exec.Cmd
	done chan struct{} // closed when all output was read

	mu  sync.Mutex
	out bytes.Buffer
}

// open starts a command in a terminal and ends it with the test. The environment is the test's,
// without what would change colours.
func open(t *testing.T, env []string, args ...string) *screen {
	t.Helper()
	s := &screen{cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "NO_COLOR" && name != "FORCE_COLOR" && name != "TERM" {
			s.cmd.Env = append(s.cmd.Env, v)
		}
	}
	s.cmd.Env = append(append(s.cmd.Env, "TERM=xterm", "COLUMNS=", "LINES="), env...)
	s.cmd.Dir = t.TempDir()
	file, err := pty.StartWithSize(s.cmd, &pty.Winsize{Cols: columns, Rows: lines})
	if err != nil {
		t.Fatal(err)
	}
	s.file = file
	go func() { // ends with the terminal
		defer close(s.done)
		buf := make([]byte, 4096)
		for {
			n, err := file.Read(buf)
			s.mu.Lock()
			s.out.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		file.Close()
		<-s.done
		if t.Failed() {
			t.Logf("terminal of %s:\n%q", strings.Join(args, " "), s.raw())
		}
	})
	return s
}

func (s *screen) raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

var control = regexp.MustCompile(`\x1b(?:\[[0-9;?<=>]*[a-zA-Z]|\][^\x07]*\x07|[=>()][A-Z0-9]?)|\r|\x07`)

// text is what was printed without colours and movements of the cursor.
func (s *screen) text() string { return control.ReplaceAllString(s.raw(), "") }

func (s *screen) send(t *testing.T, keys string) {
	t.Helper()
	if _, err := s.file.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// await waits for text that was printed after the first n bytes; it tells how much was printed by
// then.
func (s *screen) await(t *testing.T, n int, text string) int {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, "the terminal shows "+text, func() bool {
		shown := s.text()
		return len(shown) >= n && strings.Contains(shown[n:], text)
	})
	return len(s.text())
}

// end waits for the command to end and gives what it printed.
func (s *screen) end(t *testing.T) string {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s did not end", s.cmd.Path)
	}
	return s.text()
}

// piped is what a command wrote to two pipes, and its exit code.
type piped struct {
	out, err string
	code     int
	took     time.Duration
}

func pipe(t *testing.T, args ...string) piped {
	t.Helper()
	cmd := exec.Command(testkit.Binary(t), args...)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(40*time.Second, func() { cmd.Process.Kill() })
	defer limit.Stop()
	err := cmd.Wait()
	p := piped{out: out.String(), err: errs.String(), took: time.Since(began)}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		p.code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return p
}
