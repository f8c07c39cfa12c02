package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"momus/internal/model"
)

func FuzzProperties(f *testing.F) {
	for _, s := range []string{"a=b", "a b\n#c\n!d\ne:f\\\n  g", "a=\\u0041\\n", "a\\=b=c", "a=${b}\nb=${a}", "=x", "a=\\", "\\", "k\\", "a\r\nb\rc"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, err := parseProperties(data)
		if err != nil {
			return
		}
		lines := strings.Count(strings.ReplaceAll(string(data), "\r", "\n"), "\n") + 1
		for _, s := range settings {
			if s.line < 1 || s.line > lines {
				t.Fatalf("%q is said to be in line %d of %d", s.key, s.line, lines)
			}
		}
	})
}

func FuzzYAML(f *testing.F) {
	for _, s := range []string{"a: b", "a: {b: [c, d], e: 1.0}", "- a", "a:\n  b: c\n", "a: &x 1\nb: *x", "a: ~", "? [a]\n: b", "{", "listener.security.protocol.map: {A: b}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, err := parseYAML(data)
		if err != nil {
			return
		}
		for _, s := range settings {
			if s.key == "" {
				t.Fatal("a setting without a key")
			}
		}
	})
}

func FuzzEnvironment(f *testing.F) {
	f.Add("KAFKA_ZOOKEEPER_CONNECT=a:1\nKAFKA_CREATE_TOPICS=a:1:1,b", "")
	f.Add("KAFKA_CFG_LISTENERS=A://:1\nALLOW_PLAINTEXT_LISTENER=yes\nKAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP=CLIENT:SASL_SSL", "x")
	f.Add("KAFKA_ADVERTISED_LISTENERS=A://b:1\nKAFKA_A__B___C=1\nKAFKA_HEAP_OPTS=-Xmx1g", "")
	f.Add("HOSTNAME_COMMAND=x\nKAFKA_PORT=tcp://1\nKAFKA__=1\nKAFKA_=2\n=3", "y")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, vars, output string) {
		no := false
		c, _, err := Load(Sources{Env: strings.Split(vars, "\n"), Hostname: "h", Container: &no, secrets: dir, root: dir,
			Run: func(string) (string, error) { return output, nil }})
		if err == nil && (c.Broker() == nil || c.Listeners() == nil || len(c.Listeners().Advertised) == 0) {
			t.Fatal("neither an error nor a configuration")
		}
	})
}

func FuzzListeners(f *testing.F) {
	f.Add("PLAINTEXT://:9092,SSL://h:1", "", "PLAINTEXT:PLAINTEXT,SSL:SSL")
	f.Add("A://[::1]:0", "A://x:1", "A:SSL,B")
	f.Add("://:", ",", ":")
	f.Fuzz(func(t *testing.T, listeners, advertised, protocols string) {
		no := false
		overrides := []string{"zookeeper.connect=z:1", "listeners=" + listeners, "listener.security.protocol.map=" + protocols}
		if advertised != "" {
			overrides = append(overrides, "advertised.listeners="+advertised)
		}
		c, _, err := Load(Sources{Overrides: overrides, Hostname: "h", Container: &no})
		if err != nil {
			return
		}
		l := c.Listeners()
		for _, e := range l.Advertised {
			if e.Host == "" || e.Listener == "" || e.Port < 0 || e.Port > 65535 {
				t.Fatalf("%+v is advertised", e)
			}
		}
		// What is printed is read back as the same.
		again, err := parseEndpoints(formatEndpoints(l.Bind), mustMap(t, protocols))
		if err != nil || formatEndpoints(again) != formatEndpoints(l.Bind) {
			t.Fatalf("%q is read back as %v, %v", formatEndpoints(l.Bind), again, err)
		}
	})
}

func mustMap(t *testing.T, s string) map[string]model.SecurityProtocol {
	m, err := parseProtocolMap(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func FuzzCreateTopics(f *testing.F) {
	f.Add("a:1:1,b:2:3:compact", ",")
	f.Add("a:1:1 b", "$'\\n'")
	f.Fuzz(func(t *testing.T, list, separator string) {
		specs, _ := ParseCreateTopics(list, separator)
		for _, s := range specs {
			if s.Name == "" || s.Partitions < 1 || s.Replicas < 1 {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzZooKeeperConnect(f *testing.F) {
	for _, s := range []string{"a:1,b:2/c", "localhost", "[::1]:2181", "/", "a:1/b,c:1/b", "x://y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		servers, chroot, err := ParseZooKeeperConnect(s)
		if err == nil && (len(servers) == 0 || chroot != "" && chroot[0] != '/') {
			t.Fatalf("%q: %v %q", s, servers, chroot)
		}
	})
}

func TestReadFileChoosesByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.YML")
	if err := os.WriteFile(path, []byte("a: {b: 1}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := readFile(path); err != nil || len(s) != 1 || s[0].key != "a.b" {
		t.Errorf("%v, %v", s, err)
	}
}

func FuzzFormattedPropertiesAreReadBack(f *testing.F) {
	for _, s := range []string{"a", " a b", "a\\", "a=b:c#d!e", "é\U0001F600\n\r\t\f", "\\u0041"} {
		f.Add("k "+s, s)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if key == "" || !utf8.ValidString(key) || !utf8.ValidString(value) {
			return
		}
		got, err := parseProperties(FormatProperties(map[string]Setting{key: {Value: value}}))
		if err != nil || len(got) != 1 || got[0].key != key || got[0].value != value {
			t.Fatalf("%q=%q is read back as %+v, %v", key, value, got, err)
		}
	})
}
