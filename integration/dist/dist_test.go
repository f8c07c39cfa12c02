//go:build dist

// Package dist installs what a release consists of, as people would. It needs Linux, root, and the
// programs debootstrap, dpkg, rpm, systemd-analyze, groff and unshare.
package dist

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"momus/integration/testkit"
)

// run runs a program and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// release makes a release for this machine's kind out of the source at root.
func release(t *testing.T, root, version string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "release")
	run(t, "go", "-C", filepath.Join(root, "packaging"), "run", "./dist", "-version", version, "-commit", strings.Repeat("0", 40), "-epoch", "1700000000",
		"-root", "..", "-out", out, "-only", "linux/amd64")
	return out
}

// file is the one of a release that a pattern matches.
func file(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is %v, %v", pattern, found, err)
	}
	return found[0]
}

// Whoever builds a commit gets the same bytes, wherever the source is.
func TestReleaseIsReproducible(t *testing.T) {
	root := testkit.Root(t)
	elsewhere := filepath.Join(t.TempDir(), "a", "copy of it")
	if err := os.MkdirAll(elsewhere, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "sh", "-c", `cd "$0" && git ls-files --cached --others --exclude-standard -z | tar -c --null -T - | tar -x -C "$1"`, root, elsewhere)
	var sums []string
	for _, source := range []string{root, elsewhere} {
		dir := release(t, source, "1.2.3")
		data, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(data))
		run(t, "sh", "-c", `cd "$0" && sha256sum -c --quiet SHA256SUMS`, dir)
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ:\n%s\n%s", sums[0], sums[1])
	}
	if n := strings.Count(sums[0], "\n"); n != 5 {
		t.Errorf("%d files", n)
	}
}

// cleanRoot is a system with nothing but Debian's smallest set of packages. MOMUS_CLEAN_ROOT may
// name one that was made before; it is copied.
func cleanRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if made := os.Getenv("MOMUS_CLEAN_ROOT"); made != "" {
		run(t, "cp", "-a", made, root)
	} else {
		run(t, "debootstrap", "--variant=minbase", "bookworm", root)
	}
	// A machine knows its own names; the smallest root has no such file.
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/hosts"), []byte("127.0.0.1 localhost\n127.0.1.1 "+host+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// packager is how packages of a form are installed in a root, upgraded, removed, and purged.
type packager struct {
	pattern                         string
	install, upgrade, remove, purge []string
}

var packagers = map[string]packager{
	"deb": {"momus_*_amd64.deb", []string{"dpkg", "-i", "PACKAGE"}, []string{"dpkg", "-i", "PACKAGE"}, []string{"dpkg", "-r", "momus"}, []string{"dpkg", "-P", "momus"}},
	// The root is Debian's: no package of it is in RPM's database.
	"rpm": {"momus-*.x86_64.rpm", []string{"rpm", "-i", "--nodeps", "PACKAGE"}, []string{"rpm", "-U", "--nodeps", "PACKAGE"}, []string{"rpm", "-e", "momus"}, nil},
}

// A package gives a broker that the command lines of its units start, and that keeps its data when
// the package is upgraded and removed.
func TestPackageInCleanRoot(t *testing.T) {
	source := testkit.Root(t)
	releases := map[string]string{"0.1.0": release(t, source, "0.1.0+git.20260101000000.0123456789ab"), "0.1.1": release(t, source, "0.1.1")}
	for form, p := range packagers {
		t.Run(form, func(t *testing.T) {
			root := cleanRoot(t)
			do := func(args []string, version string) string {
				t.Helper()
				var words []string
				for _, a := range args {
					if a == "PACKAGE" {
						a = file(t, releases[version], p.pattern)
						if form == "deb" {
							run(t, "cp", a, filepath.Join(root, "momus.deb"))
							a = "/momus.deb"
						}
					}
					words = append(words, a)
				}
				if form == "deb" {
					words = append([]string{"chroot", root}, words...)
				} else {
					words = append([]string{"rpm", "--root", root}, words[1:]...)
				}
				return run(t, words[0], words[1:]...)
			}
			do(p.install, "0.1.0")
			// The smallest root has no systemd: the units that ours refer to are this machine's.
			run(t, "cp", "-rn", "/lib/systemd/system/.", filepath.Join(root, "usr/lib/systemd/system"))
			run(t, "systemd-analyze", "verify", "--root="+root, "--man=no", "momus.service", "momus-zookeeper.service")
			for _, unit := range []string{"momus.service", "momus-zookeeper.service"} {
				out := run(t, "systemd-analyze", "security", "--offline=true", "--root="+root, "--no-pager", unit)
				m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
				if m == nil {
					t.Fatalf("no exposure level in\n%s", out)
				}
				if level, err := strconv.ParseFloat(m[1], 64); err != nil || level > 2 {
					t.Errorf("%s is exposed at level %s", unit, m[1])
				}
			}
			properties := filepath.Join(root, "etc/momus/server.properties")
			run(t, "sh", "-c", `printf '\n# mine\nlog.retention.hours=99\n' >>"$0"`, properties)

			session(t, root, "0.1.0+git.20260101000000.0123456789ab", `kafka-topics.sh --bootstrap-server localhost:9092 --create --topic kept --partitions 1 --replication-factor 1
				echo precious | kafka-console-producer.sh --broker-list localhost:9092 --topic kept`)
			do(p.upgrade, "0.1.1")
			if data, err := os.ReadFile(properties); err != nil || !strings.Contains(string(data), "# mine") {
				t.Fatalf("the edited file is gone: %v", err)
			}
			if out := session(t, root, "0.1.1", `kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic kept --from-beginning --max-messages 1 --timeout-ms 60000`); !strings.Contains(out, "precious") {
				t.Errorf("after the upgrade the record is gone: %s", out)
			}
			do(p.remove, "")
			if _, err := os.Stat(filepath.Join(root, "usr/bin/momus")); err == nil {
				t.Error("the program is still there")
			}
			if p.purge != nil {
				do(p.purge, "")
			}
			for _, kept := range []string{"var/lib/momus/kept-0/00000000000000000000.log", "var/lib/momus-zookeeper"} {
				if _, err := os.Stat(filepath.Join(root, kept)); err != nil {
					t.Errorf("removing the package removed data: %v", err)
				}
			}
		})
	}
}

// session starts the two units' commands in a root, as their user and in a network of their own,
// runs a script beside them, and stops them.
func session(t *testing.T, root, version, script string) string {
	t.Helper()
	command := func(unit string) string {
		data, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system", unit))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(string(data))
		if m == nil {
			t.Fatalf("%s starts nothing", unit)
		}
		return m[1]
	}
	whole := `set -eu
		ip link set lo up
		begin() { exec chroot --userspec=momus:momus "$ROOT" /usr/bin/env -i PATH=/usr/bin:/bin HOSTNAME=localhost "$@"; }
		as() { (begin "$@"); }
		mount --bind /proc "$ROOT/proc"
		begin ` + command("momus-zookeeper.service") + ` & zookeeper=$!
		begin ` + command("momus.service") + ` & broker=$!
		trap 'kill -TERM $broker; wait $broker; kill -TERM $zookeeper; wait $zookeeper' EXIT
		as momus version
		tries=0
		until as momus healthcheck >/dev/null 2>&1; do
			tries=$((tries + 1)); [ $tries -lt 600 ] || { echo "the broker does not serve"; exit 1; }
			kill -0 $broker
			sleep 0.1
		done
		as sh -euc "$SCRIPT"`
	cmd := exec.Command("unshare", "--net", "--mount", "sh", "-c", whole)
	cmd.Env = append(os.Environ(), "ROOT="+root, "SCRIPT="+script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "momus "+version+",") {
		t.Errorf("it is not version %s:\n%s", version, out)
	}
	return string(out)
}

// The image is small, says what it is, and has a program that runs.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	run(t, "tar", "-x", "-C", dir, "-f", file(t, release(t, testkit.Root(t), "1.2.3"), "*-image.tar"))
	var docker []struct {
		Config string
		Layers []string
	}
	decode(t, filepath.Join(dir, "manifest.json"), &docker)
	var config struct {
		Config struct{ Labels map[string]string }
	}
	decode(t, filepath.Join(dir, docker[0].Config), &config)
	for _, label := range []string{"title", "description", "version", "revision", "created"} {
		if config.Config.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("the image has no label %s", label)
		}
	}
	root, size := filepath.Join(t.TempDir(), "root"), int64(0)
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, layer := range docker[0].Layers {
		info, err := os.Stat(filepath.Join(dir, layer))
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
		run(t, "tar", "-xz", "-C", root, "-f", filepath.Join(dir, layer))
	}
	t.Logf("%d bytes", size)
	if size >= 20<<20 {
		t.Errorf("the image has %d bytes", size)
	}
	for _, args := range [][]string{{"/bin/momus", "entrypoint", "version"}, {"/opt/kafka/bin/kafka-topics.sh", "--version"}, {"/bin/momus", "entrypoint", "topics", "--version"}} {
		run(t, "chroot", append([]string{root}, args...)...)
	}
}

func decode(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// man has nothing to complain of.
func TestManualPages(t *testing.T) {
	archive := file(t, release(t, testkit.Root(t), "1.2.3"), "*.tar.gz")
	cmd := exec.Command("gunzip", "-c", archive)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pages := 0
	for reader := tar.NewReader(pipe); ; {
		h, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(h.Name, "/man/") || h.Typeflag != tar.TypeReg {
			continue
		}
		pages++
		data, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		groff := exec.Command("groff", "-man", "-Tascii", "-ww", "-z")
		groff.Stdin = strings.NewReader(string(data))
		if out, err := groff.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", h.Name, err, out)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if pages < 30 {
		t.Errorf("only %d pages", pages)
	}
}
