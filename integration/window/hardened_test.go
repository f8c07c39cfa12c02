//go:build console

package window

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// What strangers write into the cluster is shown as it is, and never run: names of groups and
// clients, records, headers and znodes.
func TestWhatStrangersWriteIsNotRun(t *testing.T) {
	const attack = `<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>`
	c := testkit.Quickstart(t, 1, "--console-port", "0")
	admin := testkit.Admin(t, c.Bootstrap)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap), kgo.ConsumeTopics("orders"), kgo.ConsumerGroup(attack), kgo.ClientID(attack), kgo.InstanceID(regexp.MustCompile(`[^a-z]`).ReplaceAllString(attack, "-")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitInterval(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Key: []byte(attack), Value: []byte(attack), Headers: []kgo.RecordHeader{{Key: attack, Value: []byte(attack)}}}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	poll := cl.PollFetches(t.Context())
	if poll.Empty() {
		t.Fatal(poll.Err())
	}
	z, _, err := zk.Connect([]string{c.ZooKeeper}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Close)
	if _, err := z.Create("/"+strings.ReplaceAll(attack, "/", "\\"), []byte(attack), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, page(t, c))
	const soon = 10 * time.Second
	b.wait(soon, "a.chip", "^orders-0, leader$")
	// The token has gone from the address, and so from the history and from links.
	if hash := eval[string](b, "location.hash"); hash != "#/" {
		t.Errorf("the address ends in %s", hash)
	}
	b.open("Groups")
	b.wait(soon, "section h2", "onerror")
	eval[bool](b, `(location.hash = '#/partition/orders/0') !== ''`)
	b.wait(soon, "td", "onerror")
	b.open("ZooKeeper")
	b.wait(soon, "ul.tree button", "onerror")
	eval[bool](b, `[...document.querySelectorAll('ul.tree button')].find(x => x.textContent.includes('onerror')).click() ?? true`)
	b.wait(soon, "pre", "onerror")
	b.open("Health")
	if eval[bool](b, "window.attacked === 1 || document.querySelector('img') !== null || document.querySelectorAll('script').length > 2") {
		t.Error("what a stranger has written was run")
	}
}

// get reads an address and returns status and body.
func get(t *testing.T, client *http.Client, address string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// secrets are the passwords in the files that a secured quickstart writes.
func secrets(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".properties") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)(?:password=|password=")([^"\s;]{8,})`).FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 3 {
		t.Fatalf("only %d secrets in %s", len(found), dir)
	}
	return found
}

// Everything that the page and the journal answer is read, every znode too: no password, no salt of
// one and no token is in it.
func TestNothingSecretIsShown(t *testing.T) {
	dir := t.TempDir()
	p := testkit.Start(t, "secured", testkit.Spec{Args: []string{testkit.Binary(t), "quickstart", "--secure", "--dir", dir,
		"--port", "0", "--zookeeper-port", "0", "--http-port", "0", "--console-port", "0"}})
	address := page(t, &testkit.Cluster{Process: p})
	base, token, _ := strings.Cut(address, "/#")
	metrics := regexp.MustCompile(`http://localhost:\d+/metrics`).FindString(p.Output())
	wanted := secrets(t, dir)
	wanted[token] = "the printed address"
	read := 0
	look := func(address string) string {
		status, body := get(t, http.DefaultClient, address)
		if status == http.StatusOK {
			read++
		}
		for s, from := range wanted {
			if strings.Contains(body, s) {
				t.Errorf("%s has a secret of %s", address, from)
			}
		}
		if regexp.MustCompile(`(?i)salt=|stored_key=|server_key=|hmac`).MatchString(body) && !strings.Contains(address, "/page/") && !strings.Contains(address, "configs") {
			t.Errorf("%s has credentials: %.200s", address, body)
		}
		return body
	}
	look(metrics)
	look(strings.Replace(metrics, "/metrics", "/journal", 1))
	for _, path := range []string{"/", "/page/main.js", "/api/about", "/api/groups", "/api/transactions", "/api/configs?broker=1", "/api/configs?topic=hello", "/api/sessions", "/api/quotas",
		"/api/rights", "/api/rights?user=User:alice", "/api/health", "/api/doctor", "/api/partition?topic=hello&partition=0"} {
		look(base + path)
	}
	var walk func(path string)
	walk = func(path string) {
		var n struct {
			Children []string
			Value    string
			Hidden   bool
		}
		if err := json.Unmarshal([]byte(look(base+"/api/znode?path="+url.QueryEscape(path))), &n); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if strings.HasPrefix(path, "/config/users/") && !n.Hidden {
			t.Errorf("%s is shown", path)
		}
		for _, c := range n.Children {
			walk(strings.TrimSuffix(path, "/") + "/" + c)
		}
	}
	walk("/")
	if read < 40 {
		t.Errorf("only %d answers were read", read)
	}
}

// With a listener that wants client certificates behind momus.console.tls, the page and the journal
// are for their owners; metrics and health are for everybody, and what is not signed by the
// authority gets nothing.
func TestThePageWithClientCertificates(t *testing.T) {
	certs, foreign := testkit.NewCertificates(t), testkit.NewCertificates(t)
	certs.Sign("broker", pkix.Name{CommonName: "broker"}, time.Time{})
	mine := certs.Sign("reader", pkix.Name{CommonName: "reader"}, time.Time{})
	late := certs.Sign("late", pkix.Name{CommonName: "late"}, time.Now().Add(-time.Hour))
	other := foreign.Sign("other", pkix.Name{CommonName: "other"}, time.Time{})
	zookeeper, port := testkit.FreePort(t), testkit.FreePort(t)
	testkit.Start(t, "zookeeper", testkit.Spec{Args: []string{testkit.Binary(t), "zookeeper", "--dir", t.TempDir(), "--port", fmt.Sprint(zookeeper)}})
	b := testkit.BrokerAt(t, 7, port, fmt.Sprintf("127.0.0.1:%d", zookeeper), "momus.console=true", "momus.console.tls=SECURE", fmt.Sprintf("advertised.listeners=PLAINTEXT://127.0.0.1:%d", port),
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SSL", fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,SECURE://localhost:%d", port, testkit.FreePort(t)),
		"listener.name.secure.ssl.client.auth=required", "ssl.keystore.type=PKCS12", "ssl.keystore.location="+certs.Path("broker.p12"), "ssl.keystore.password="+testkit.StorePassword,
		"ssl.key.password="+testkit.StorePassword, "ssl.truststore.type=PKCS12", "ssl.truststore.location="+certs.Path("trust.p12"), "ssl.truststore.password="+testkit.StorePassword)
	base := strings.Replace(b.HTTP, "http://127.0.0.1", "https://localhost", 1)
	with := func(shown ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: certs.Pool, Certificates: shown}}}
	}
	for name, x := range map[string]struct {
		client *http.Client
		path   string
		status int // 0: no answer at all
	}{
		"the page of its owner":     {with(mine), "/", 200},
		"the journal of its owner":  {with(mine), "/journal", 200},
		"the configs of its owner":  {with(mine), "/api/configs?broker=7", 200},
		"the page without":          {with(), "/", 403},
		"the journal without":       {with(), "/journal", 403},
		"the stream without":        {with(), "/api/stream", 403},
		"the records without":       {with(), "/api/records?topic=t&partition=0&offset=0", 403},
		"metrics without":           {with(), "/metrics", 200},
		"health without":            {with(), "/healthz", 200},
		"a stranger's certificate":  {with(other), "/healthz", 0},
		"one that is out of date":   {with(late), "/", 0},
		"a client that trusts none": {&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{mine}}}}, "/", 0},
	} {
		if status, body := get(t, x.client, base+x.path); status != x.status {
			t.Errorf("%s: %d %.200s, want %d", name, status, body, x.status)
		}
	}
	if status, body := get(t, http.DefaultClient, b.HTTP+"/healthz"); status == 200 || bytes.Contains([]byte(body), []byte("brokers")) {
		t.Errorf("plain HTTP on the port of HTTPS: %d %s", status, body)
	}
}
