package command

import (
	"errors"
	"net"
	"strings"
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// TestConfluentUtilities are cub and dub, which commands in compose files wait with.
func TestConfluentUtilities(t *testing.T) {
	c := tooltest.NewCluster(t, 1, nil)
	broker, zookeeper := c.Bootstrap[0], c.ZooKeeper
	host, port, err := net.SplitHostPort(broker)
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := nobody.Addr().String()
	nobody.Close()
	closedHost, closedPort, _ := net.SplitHostPort(closed)
	for _, x := range []struct {
		args []string
		err  string // its beginning; "" for success
	}{
		{[]string{"dub", "wait", host, port, "30"}, ""},
		{[]string{"dub", "wait", closedHost, closedPort, "1"}, "dial tcp "},
		{[]string{"dub", "wait", host, port, "soon"}, `"soon" is not a number of seconds`},
		{[]string{"dub", "ensure", "KAFKA_X"}, ""},
		{[]string{"dub", "ensure", "KAFKA_Y"}, "KAFKA_Y is required."},
		{[]string{"dub"}, "USAGE: momus dub wait"},
		{[]string{"cub", "zk-ready", zookeeper + "/chroot", "30"}, ""},
		{[]string{"cub", "zk-ready", closed, "1"}, "dial tcp "},
		{[]string{"cub", "kafka-ready", "-b", broker, "1", "30"}, ""},
		{[]string{"cub", "kafka-ready", "-z", zookeeper, "1", "30"}, ""},
		{[]string{"cub", "kafka-ready", "-b", broker, "2", "1"}, "expected 2 brokers but found only 1"},
		{[]string{"cub", "kafka-ready", "1", "30"}, "one of -b and -z is required"},
		{[]string{"cub", "kafka-ready", "-b", broker, "one", "30"}, `"one"`},
		{[]string{"cub", "sr-ready", "host", "1"}, "USAGE: momus cub"},
		{[]string{"cub"}, "USAGE: momus cub"},
	} {
		w := newWorld()
		w.Env.Environ = []string{"KAFKA_X=1"}
		w.Env.Args = append([]string{"momus"}, x.args...)
		switch err := run(t.Context(), &w.Env); {
		case x.err == "" && err != nil:
			t.Errorf("%v: %v", x.args, err)
		case x.err != "" && (err == nil || !strings.HasPrefix(err.Error(), x.err)):
			t.Errorf("%v: %v, want %q", x.args, err, x.err)
		}
	}
}

// Confluent's image waits for ZooKeeper before it starts a broker, which then starts, or says what
// was not reached.
func TestConfluentsImageWaitsForZooKeeper(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := nobody.Addr().String()
	nobody.Close()
	env := []string{"KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://k:9092", "KAFKA_CUB_ZK_TIMEOUT=1", "MOMUS_HTTP_PORT=-1"}
	w := newWorld()
	w.Environ = append(env, "KAFKA_ZOOKEEPER_CONNECT="+closed+"/chroot")
	if code := w.do("broker"); code == 0 || len(w.configs) != 0 || !strings.Contains(w.stderr.String(), "ZooKeeper was not reached within 1s, as long as the image waits (KAFKA_CUB_ZK_TIMEOUT") {
		t.Errorf("exit %d, %d brokers, %s", code, len(w.configs), w.stderr.String())
	}
	w = newWorld()
	w.fail = errors.New("enough")
	w.Environ = append(env, "KAFKA_ZOOKEEPER_CONNECT="+closed+","+listening(t)+"/chroot")
	if code := w.do("broker"); code == 0 || len(w.configs) != 1 || !strings.Contains(w.stderr.String(), "enough") {
		t.Errorf("with one of two servers: exit %d, %d brokers, %s", code, len(w.configs), w.stderr.String())
	}
}

// The image's health check asks the broker of its own variables, not whoever answers.
func TestHealthcheckAsksThisBroker(t *testing.T) {
	c := tooltest.NewCluster(t, 1, nil)
	check := func(id string, more ...string) (int, string) {
		w := newWorld()
		w.Environ = append(more, "KAFKA_BROKER_ID="+id, "KAFKA_ZOOKEEPER_CONNECT="+c.ZooKeeper, "KAFKA_LISTENERS=PLAINTEXT://"+c.Bootstrap[0], "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://kafka:9092")
		code := w.do("healthcheck", "--ready-file", "")
		return code, w.stdout.String() + w.stderr.String()
	}
	if code, text := check("1"); code != 0 || text != "broker 1 serves\n" {
		t.Errorf("exit %d, %s", code, text)
	}
	if code, text := check("7"); code != 1 || !strings.Contains(text, "not healthy: broker 7: another broker answers at "+c.Bootstrap[0]) {
		t.Errorf("of another id: exit %d, %s", code, text)
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(nobody.Addr().String())
	nobody.Close()
	if code, text := check("1", "MOMUS_HTTP_PORT="+port); code != 1 {
		t.Errorf("its HTTP port does not answer: exit %d, %s", code, text)
	}
}
