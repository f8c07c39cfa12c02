package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
	"momus/internal/testbase"
)

// properties reads the file of a user.
func properties(t *testing.T, dir, user string) map[string]string {
	t.Helper()
	return testkit.UserProperties(t, userFile(dir, user))
}

// userClient is a client with the file of a user.
func userClient(t *testing.T, dir, user string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	return testkit.UserClient(t, userFile(dir, user), opts...)
}

func userFile(dir, user string) string { return filepath.Join(dir, securityDir, user+".properties") }

// startQuickstart runs a quickstart until stop is called, and returns when it is ready.
func startQuickstart(t *testing.T, args ...string) (out *testbase.Buffer, stop func()) {
	t.Helper()
	out = &testbase.Buffer{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, &Env{Args: append([]string{"momus", "quickstart", "--http-port", "-1"}, args...), Stdout: out, Stderr: out, Environ: os.Environ()})
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("quickstart: %v", err)
		}
	}
	t.Cleanup(stop)
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), "Next, in"); time.Sleep(2 * time.Millisecond) {
		select {
		case err := <-done:
			stopped = true
			t.Fatalf("quickstart ended: %v\n%s", err, out)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready:\n%s", out)
		}
	}
	return out, stop
}

func TestASecuredQuickstartServesWhoMayAndNobodyElse(t *testing.T) {
	t.Cleanup(regexp2.StopTimeoutClock) // the clock of the rules for names, which would run on for a second
	for _, brokers := range []int{1, 3} {
		t.Run(fmt.Sprint(brokers), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			port := testbase.FreePorts(t, brokers+1)
			args := []string{"--secure", "--brokers", strconv.Itoa(brokers), "--dir", dir, "--port", strconv.Itoa(port), "--zookeeper-port", strconv.Itoa(port + brokers)}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			began := time.Now()
			out, stop := startQuickstart(t, args...)
			ready := time.Since(began)
			for _, command := range []string{"console-producer", "console-consumer", "momus acls"} {
				if !strings.Contains(out.String(), command) {
					t.Errorf("no %s in\n%s", command, out)
				}
			}
			alice := userClient(t, dir, "alice", kgo.AllowAutoTopicCreation())
			if err := alice.ProduceSync(ctx, kgo.StringRecord("first")).FirstErr(); err == nil {
				t.Error("a record without a topic")
			}
			send := func(c *kgo.Client, topic string) error {
				return c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("secret greetings")}).FirstErr()
			}
			if err := send(alice, "hello"); err != nil {
				t.Fatal(err)
			}
			t.Logf("ready after %v, first authorised message after %v", ready, time.Since(began))
			if err := send(alice, "other"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
				t.Errorf("alice writes to a topic that is not hers: %v", err)
			}
			if err := send(userClient(t, dir, "bob", kgo.DisableIdempotentWrite()), "hello"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
				t.Errorf("bob writes: %v", err)
			}
			read := func() {
				t.Helper()
				bob := userClient(t, dir, "bob", kgo.ConsumeTopics("hello"), kgo.ConsumerGroup("hello-"+fmt.Sprint(time.Now().UnixNano())), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
				fetches := bob.PollFetches(ctx)
				if err := fetches.Err(); err != nil || fetches.NumRecords() != 1 {
					t.Errorf("bob reads %d records, %v", fetches.NumRecords(), err)
				}
				bob.Close()
			}
			read()
			stop()
			if _, err := momus(t, append([]string{"quickstart", "--http-port", "-1"}, args[1:]...)...); err == nil || !strings.Contains(err.Error(), "--secure") {
				t.Errorf("without --secure: %v", err)
			}
			_, stop = startQuickstart(t, args...) // with the data and the secrets of before
			read()
			stop()
		})
	}
}
