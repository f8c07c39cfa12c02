package doctor_test

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kadm"

	"momus/integration/testkit"
	rules "momus/internal/doctor"
)

// every are all znodes with the transactions that changed them and their children last.
func (l *lab) every() map[string]string {
	l.t.Helper()
	conn, all := l.znodes(), map[string]string{}
	var walk func(path string)
	walk = func(path string) {
		names, stat, err := conn.Children(path)
		if err == gozk.ErrNoNode {
			return
		}
		l.must(err)
		all[path] = fmt.Sprint(stat.Mzxid, stat.Pzxid, stat.Aversion)
		for _, n := range names {
			walk(strings.TrimSuffix(path, "/") + "/" + n)
		}
	}
	walk("/")
	return all
}

// The doctor changes nothing: no znode, not even the chroot that it is told, no topic, no offset.
func TestOnlyReads(t *testing.T) {
	t.Parallel()
	l := start(t, 1, map[string]string{"auto.create.topics.enable": "true"})
	l.use(1)
	ends := func() string {
		o, err := l.admin.ListEndOffsets(l.ctx())
		l.must(err)
		var lines []string
		o.Each(func(p kadm.ListedOffset) { lines = append(lines, fmt.Sprintln(p.Topic, p.Partition, p.Offset)) })
		slices.Sort(lines)
		return strings.Join(lines, "")
	}
	// The marker of a transaction is written after its end was answered.
	testkit.Eventually(t, 10*time.Second, "no transaction is open", func() bool {
		end, err := l.admin.ListEndOffsets(l.ctx())
		l.must(err)
		stable, err := l.admin.ListCommittedOffsets(l.ctx())
		l.must(err)
		open := false
		end.Each(func(p kadm.ListedOffset) {
			o, ok := stable.Lookup(p.Topic, p.Partition)
			open = open || !ok || o.Offset != p.Offset
		})
		return !open
	})
	znodes, offsets := l.every(), ends()
	l.examine()
	l.options.ZooKeeper = l.zookeeper + "/no/such/chroot"
	l.examine()
	if now := l.every(); !maps.Equal(now, znodes) {
		t.Errorf("znodes were %v\nand are %v", znodes, now)
	}
	if now := ends(); now != offsets {
		t.Errorf("offsets were\n%sand are\n%s", offsets, now)
	}
}

// Over SASL_SSL it is what its user may see, and no password is in what it prints.
func TestSecuredCluster(t *testing.T) {
	t.Parallel()
	const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="s3cret-admin"`
	l := startEach(t, []map[string]string{{"listeners": "SASL_SSL://127.0.0.1:0", "certificate": "9000h", "sasl.enabled.mechanisms": "PLAIN",
		"security.inter.broker.protocol": "SASL_SSL", "sasl.mechanism.inter.broker.protocol": "PLAIN", "listener.name.sasl_ssl.plain.sasl.jaas.config": jaas + ` user_admin="s3cret-admin" user_eve="s3cret-eve";`,
		"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "super.users": "User:admin"}})
	config := func(user string) string {
		file := filepath.Join(t.TempDir(), "client.properties")
		l.must(os.WriteFile(file, []byte("security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.truststore.location="+l.certs.Path("trust.p12")+"\nssl.truststore.password="+testkit.StorePassword+
			"\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\""+user+"\" password=\"s3cret-"+user+"\";\n"), 0o600))
		return file
	}
	silent := func() {
		t.Helper()
		for _, document := range []bool{true, false} {
			out, errs, _ := l.run(document)
			for _, secret := range []string{"s3cret", testkit.StorePassword} {
				if strings.Contains(out+errs, secret) {
					t.Errorf("a secret is in\n%s%s", out, errs)
				}
			}
		}
	}
	l.options.ConfigFile = config("admin")
	r := l.examine()
	if got := r.names(); !slices.Equal(got, []string{"zookeeper.open"}) || len(r.Unknown) != 1 { // no metrics
		t.Errorf("%v\n%s", got, r)
	}
	if f := r.find("zookeeper.open"); f != nil && !strings.Contains(f.Commands[0], "zookeeper-security-migration") {
		t.Errorf("%+v", f)
	}
	silent()

	l.options.ConfigFile = config("eve") // she may do nothing
	r = l.examine()
	unknown := map[string]string{}
	for _, u := range r.Unknown {
		unknown[u.Name] = u.Reason
	}
	if r.code != 0 && len(r.Findings) == 0 || !strings.Contains(unknown["security.acl-unused"], "lacks the right") || !strings.Contains(unknown["config.auto-create"], "lacks the right") {
		t.Errorf("exit code %d\n%s", r.code, r)
	}
	silent()
}

// Where nobody answers it says why, and ends with the code for not known.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	l := &lab{t: t, bootstrap: closed.Addr().String()}
	l.options.ZooKeeper = closed.Addr().String()
	out, errs, code := l.run(false)
	if code != 3 || out != "" || !strings.Contains(errs, "No broker of "+l.bootstrap+" answers: nothing listens there") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

// Broker 1 of the bootstrap servers is gone: the others are asked. A ZooKeeper that does not answer
// costs what it would have told, and nothing else.
func TestPartlyAnswered(t *testing.T) {
	t.Parallel()
	l := start(t, 1, nil)
	good := l.bootstrap
	l.bootstrap = "127.0.0.1:1," + good
	l.options.ZooKeeper, l.options.Timeout = "127.0.0.1:1", time.Second
	r := l.examine()
	if len(r.Findings) > 0 || !slices.ContainsFunc(r.Unknown, func(u rules.Unknown) bool {
		return u.Name == "zookeeper.other-cluster" && strings.Contains(u.Reason, "ZooKeeper did not answer")
	}) {
		t.Errorf("%s", r)
	}
	l.options.Lang = "ko"
	if r = l.examine(); !slices.ContainsFunc(r.Unknown, func(u rules.Unknown) bool {
		return u.Name == "compaction.uncleanable" && strings.Contains(u.Reason, "지표를 보여 주는 브로커를 알 수 없음")
	}) {
		t.Errorf("%s", r)
	}
}

// Every rule has a cluster or a snapshot that it is held to.
func TestEveryRuleIsTried(t *testing.T) {
	source, err := os.ReadFile("../../../internal/doctor/rules_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, r := range rules.Rules() {
		if slices.ContainsFunc(brokenClusters, func(b broken) bool { return b.name == r.Name }) {
			tried++
		} else if !strings.Contains(string(source), `{"`+r.Name+`"`) {
			t.Errorf("%s is tried nowhere", r.Name)
		}
	}
	if tried < 45 {
		t.Errorf("only %d rules have a cluster", tried)
	}
}
