//go:build interop

package tools

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"momus/integration/testkit"
)

// batch is a JVM that runs command lines of Kafka's tools (record/Batch.java).
type batch struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func newBatch(t *testing.T, dir string) *batch {
	t.Helper()
	source, err := filepath.Abs("record/Batch.java")
	if err != nil {
		t.Fatal(err)
	}
	classes := t.TempDir()
	if out, err := exec.Command("javac", "-nowarn", "-d", classes, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	words := testkit.Java(t, "kafka", "Batch")
	for i := range words { // only the harness is on the class path: it loads Kafka's jars anew for each command line
		if words[i] == "-cp" {
			words[i+1] = classes
		}
	}
	words = append(words, filepath.Join(testkit.Peers(t, "kafka"), "*"))
	cmd := exec.Command(words[0], append([]string{"-Djava.security.manager=allow", "-Duser.timezone=UTC", "-XX:MaxMetaspaceSize=2g"}, words[1:]...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &batch{cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(b.close)
	return b
}

// close ends the JVM, some of whose threads would never end.
func (b *batch) close() {
	_ = b.cmd.Process.Kill() // it may have ended
	_ = b.cmd.Wait()
}

// run runs one command line of a class.
func (b *batch) run(class string, args []string, stdin string, limit time.Duration) (Answer, error) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	words := []string{strconv.FormatInt(limit.Milliseconds(), 10), class, encode(stdin)}
	for _, a := range args {
		words = append(words, encode(a))
	}
	if _, err := fmt.Fprintln(b.in, strings.Join(words, " ")); err != nil {
		return Answer{}, err
	}
	line, err := b.out.ReadString('\n')
	if err != nil {
		return Answer{}, err
	}
	f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	var a Answer
	if a.Exit, err = strconv.Atoi(f[0]); err != nil {
		return a, err
	}
	for i, to := range []*string{&a.Stdout, &a.Stderr} {
		text, err := base64.StdEncoding.DecodeString(f[i+1])
		if err != nil {
			return a, err
		}
		*to = string(text)
	}
	return a, nil
}

// javaClasses are Kafka's classes by the names of the scripts.
func javaClasses(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(testkit.Run(t, time.Minute, testkit.Spec{Args: []string{testkit.Binary(t), "complete", "--shell", "fish", "--", "kafka-run-class", ""}})) {
		class, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		out[name] = class
	}
	return out
}

// TestOddValuesAreJavas runs the command lines of cmd/internal/tool/testdata/odd with Java against
// Apache Kafka 2.5.0 and compares with what is recorded there; with MOMUS_RECORD=1 it records them.
func TestOddValuesAreJavas(t *testing.T) {
	files, err := filepath.Glob("../../cmd/internal/tool/testdata/odd/" + os.Getenv("MOMUS_ODD") + "*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	classes := javaClasses(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			odd, err := LoadOdd(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			zookeeper := testkit.ZooKeeper(t, "zookeeper-3.5")
			kafka := testkit.KafkaAt(t, 1, testkit.FreePort(t), zookeeper, OddSettings()...)
			there, back := OddAddresses(kafka.Bootstrap, zookeeper)
			for name, text := range odd.Files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(there.Replace(text)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			java := newBatch(t, dir)
			for i, c := range odd.Cases {
				if i > 0 && i%40 == 0 { // what each class loader leaves behind fills the JVM
					java.close()
					java = newBatch(t, dir)
				}
				class, known := classes[c.Args[0]]
				if !known {
					t.Fatalf("%s:%d: no class for %s", file, c.Line, c.Args[0])
				}
				var args []string
				for _, a := range c.Args[1:] {
					args = append(args, there.Replace(a))
				}
				got, err := java.run(class, args, c.Stdin, 8*time.Second)
				if err != nil {
					t.Fatalf("%s:%d: %v", file, c.Line, err)
				}
				plain := func(s string) string { return strings.ReplaceAll(back.Replace(s), dir, "<DIR>") }
				got = Answer{plain(got.Stdout), plain(got.Stderr), got.Exit}.Plain()
				if os.Getenv("MOMUS_RECORD") != "" {
					c.Java = got
				} else if what := c.Java.Differs(c.Mode, got); what != "" {
					t.Errorf("%s:%d: %s differ: %v\n%s%s", file, c.Line, what, c.Args, got.Stdout, got.Stderr)
				}
			}
			if os.Getenv("MOMUS_RECORD") != "" {
				if err := odd.Save(file); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
