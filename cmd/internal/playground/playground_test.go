package playground

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"momus/broker/console"
	"momus/internal/testbase"
)

// fake is a Server that runs until it is told to stop, or fails.
type fake struct {
	fails   error
	running *atomic.Int32
}

func (l *fake) Run(ctx context.Context) error {
	if l.fails != nil {
		return l.fails
	}
	l.running.Add(1)
	defer l.running.Add(-1)
	<-ctx.Done()
	return nil
}
func (l *fake) Ready() <-chan struct{} { return nil }
func (l *fake) Addr(string) net.Addr   { return nil }

func TestBrokersAreStoppedKilledAndStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		p := New("v", 2)
		defer p.Close()
		lives, refuse := 0, false
		p.Configure(Options{LogDir: func(int) string { return "/nowhere" }, Make: func(i int) (Server, error) {
			if refuse {
				return nil, errors.New("the port is taken")
			}
			lives++
			p.NewLife(i)
			return &fake{running: &running}, nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 2)
		for i := range 2 {
			p.NewLife(i)
			go func() { ended <- p.Run(ctx, i, &fake{running: &running}) }()
		}
		synctest.Wait()
		do := func(action string, broker int32, want string) {
			t.Helper()
			_, err := p.Do(ctx, &console.Order{Action: action, Broker: broker})
			synctest.Wait()
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s broker %d: %v, want %q", action, broker, err, want)
			}
		}
		is := func(i int, want string) {
			t.Helper()
			p.mu.Lock()
			defer p.mu.Unlock()
			if got := p.mu.brokers[i].state; got != want {
				t.Errorf("broker %d is %s, want %s", i+1, got, want)
			}
		}
		do(actStart, 1, "runs already")
		do(actStop, 1, "")
		is(0, stateStopped)
		if running.Load() != 1 {
			t.Error("it runs on")
		}
		do(actStop, 1, "does not run")
		do(actPause, 1, "does not run")
		do(actStart, 1, "")
		do(actStop, 3, "no broker 3")
		do(actStop, 0, "no broker 0")
		do("explode", 1, "no action")
		do(actKill, 2, "")
		is(1, stateKilled)
		if running.Load() != 1 || lives != 1 {
			t.Errorf("%d run, %d lives", running.Load(), lives)
		}
		refuse = true
		do(actStart, 2, "")
		is(1, stateFailed)
		refuse = false
		do(actStart, 2, "")
		if running.Load() != 2 {
			t.Error("it does not run after a start that failed")
		}
		do(actPause, 2, "")
		cancel() // one is paused: both end
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestABrokerThatFailsIsNotPlayedWith(t *testing.T) {
	p := New("v", 1)
	defer p.Close()
	broken := errors.New("broken")
	if err := p.Run(t.Context(), 0, &fake{fails: broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// FuzzDo carries out whatever order may come: nothing is started that is out of bounds, and nothing
// panics. No broker has an address, so nothing reaches a network.
func FuzzDo(f *testing.F) {
	for _, o := range []string{`{"action":"start-machine","kind":"producer","topic":"t","rate":1,"acks":"all","keys":3,"size":100,"transactional":true}`,
		`{"action":"start-machine","kind":"consumer","topic":"t","group":"g","committed":true}`, `{"action":"send","topic":"t","key":"k","value":"v","partition":0}`,
		`{"action":"reset-offsets","group":"g","to":"shift","number":-5,"apply":true}`, `{"action":"create-topic","topic":"t","partitions":3,"replicas":1}`,
		`{"action":"slow","broker":1,"rate":1e308}`, `{"action":"fill-disk","broker":1}`, `{"action":"free-disk","broker":1}`, `{"action":"end-session","broker":1}`,
		`{"action":"kill","broker":-1}`, `{"action":"start","broker":1}`, `{"action":"stop-machine","machine":"producer-1"}`, `{"action":""}`} {
		f.Add([]byte(o))
	}
	p := New("v", 1)
	f.Cleanup(p.Close)
	p.Configure(Options{LogDir: func(int) string { return "/nowhere" }, Make: func(int) (Server, error) { return nil, errors.New("none") }})
	f.Fuzz(func(t *testing.T, body []byte) {
		var o console.Order
		if json.Unmarshal(body, &o) != nil {
			return
		}
		answer, err := p.Do(t.Context(), &o)
		if err == nil && answer != nil {
			t.Errorf("%s was carried out: %v", body, answer)
		}
		if len(p.mu.machines) > 0 || len(p.mu.sent) > 0 {
			t.Fatalf("%s started something", body)
		}
		if _, err := json.Marshal(p.State()); err != nil {
			t.Error(err)
		}
	})
}

func TestMachinesAreBounded(t *testing.T) {
	p := New("v", 1)
	defer p.Close()
	long := strings.Repeat("x", 300)
	text := strings.Repeat("x", maxValue+1)
	for _, o := range []console.Order{
		{Action: actMachine, Kind: "robot", Topic: "t"}, {Action: actMachine, Kind: producer}, {Action: actMachine, Kind: consumer, Topic: "t"},
		{Action: actMachine, Kind: producer, Topic: "t", Rate: maxRate + 1}, {Action: actMachine, Kind: producer, Topic: "t", Rate: -1},
		{Action: actMachine, Kind: producer, Topic: "t", Acks: "2"}, {Action: actMachine, Kind: producer, Topic: "t", Size: maxSize + 1},
		{Action: actMachine, Kind: producer, Topic: "t", Keys: -1}, {Action: actMachine, Kind: producer, Topic: "t", Acks: "1", Transactional: true},
		{Action: actMachine, Kind: producer, Topic: long}, {Action: actUnmachine, Machine: "producer-1"}, {Action: actSend}, {Action: actSend, Topic: "__consumer_offsets"},
		{Action: actSend, Topic: "t", Value: &text}, {Action: actSend, Topic: "t", Acks: "some"}, {Action: actReset}, {Action: actTopic},
		{Action: actTopic, Topic: "t", Partitions: 2000}, {Action: actMachine, Kind: producer, Topic: "t"},
	} {
		if _, err := p.Do(t.Context(), &o); err == nil {
			t.Errorf("%+v was carried out", o)
		}
	}
	if len(p.mu.machines) > 0 || len(p.mu.sent) > 0 {
		t.Error("something was started")
	}
}

// A panic in what the page has started ends that, with the reason shown, and leaves nothing locked
// and nobody waiting.
func TestAPanicEndsOnlyWhatThePageHasStarted(t *testing.T) {
	var logged testbase.Buffer
	logger := logrus.New()
	logger.SetOutput(&logged)
	p := New("test", 0)
	defer p.Close()
	p.Configure(Options{Logger: logger})
	for _, kind := range []string{producer, consumer} {
		m := &machine{order: console.Order{Kind: kind, Rate: 1}, id: kind, done: make(chan struct{})} // without a client, which is a fault
		p.workers.Go(func() { p.work(p.life, m) })
		<-m.done
		if x := m.show(time.Now()); !strings.Contains(x.Problem, "a fault of this program") {
			t.Errorf("%s: %+v", kind, x)
		}
	}
	record, err := p.newTrace(&console.Order{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	p.trace(nil, record, &console.Order{Topic: "t"}, nil, nil)
	if s := record.show(); !s.Over || !strings.Contains(s.Error, "a fault of this program") {
		t.Errorf("a record: %+v", s)
	}
	for _, what := range []string{"of=producer", "of=consumer", "follow"} {
		if !strings.Contains(logged.String(), what) {
			t.Errorf("no %s in the log", what)
		}
	}
}

func TestErrorsAreToldInOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"log directories:\nnone is left.: full\nmore": "log directories: none is left: full; more",
		strings.Repeat("가", 200):                      strings.Repeat("가", 166) + "…",
	} {
		if got := oneLine(errors.New(text)); got != want {
			t.Errorf("%q is told as %q", text, got)
		}
	}
}
