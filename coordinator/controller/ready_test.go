package controller

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"momus/coordinator/zk"
	"momus/internal/model"
)

// byHand gives a step its results by hand, and notes what it wants.
type byHand struct {
	*core
	t     *testing.T
	wants []string
}

func newByHand(t *testing.T) *byHand {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return &byHand{core: newCore(1, logrus.NewEntry(log)), t: t}
}

// run answers what a step asks for with the results, in order, and abandons it when there are no
// more.
func (b *byHand) run(body func() error, results ...Result) error {
	b.wants = nil
	ready := b.begin(body)
	for {
		for _, e := range ready.Do {
			b.wants = append(b.wants, strings.TrimPrefix(fmt.Sprintf("%T", e), "controller."))
		}
		if ready.Ask == nil {
			return ready.Err
		}
		b.wants = append(b.wants, strings.TrimPrefix(fmt.Sprintf("%T?", ready.Ask), "controller."))
		if len(results) == 0 {
			b.abandon()
			return errAbandoned
		}
		ready, results = b.resume(results[0]), results[1:]
	}
}

// A step hands out what it wants in order, and goes on only with the results.
func TestAStepWantsEffectsAndOperationsInOrder(t *testing.T) {
	b := newByHand(t)
	broker := &model.Broker{ID: 1, Epoch: 5}
	failover := func() error { return b.failover(zk.ControllerEpoch{Epoch: 1}) }
	found := func(ok bool) Result { return Result{Value: found[[]zk.Reassignment]{nil, ok}} }
	none := Result{}
	err := b.run(failover, none, none, none, none, Result{Value: []*model.Broker{broker}}, Result{Value: []string{"t"}},
		Result{Value: map[string]zk.Assignments{"t": {0: {Replicas: []int32{1}}}}}, none,
		Result{Value: map[model.TopicPartition]model.LeaderAndISR{{Topic: "t"}: {Leader: 1, ISR: []int32{1}}}}, none, none, found(false), none, none)
	want := []string{"unwatchAll", "watchAll", "listLogDirEvents?", "deleteLogDirEvents?", "listISRChanges?", "deleteISRChanges?", "readBrokers?", "readTopics?",
		"watchTopic", "readAssignments?", "watchBroker?", "readStates?", "openChannel", "readTopicDeletions?", "dropTopicDeletions?", "send", "send", "send",
		"readReassignments?", "readPreferredElection?", "deletePreferredElection?"}
	if err != nil || !slices.Equal(b.wants, want) {
		t.Errorf("%v:\n%v, want\n%v", err, b.wants, want)
	}
	if !b.active || b.partition(model.TopicPartition{Topic: "t"}).state != OnlinePartition {
		t.Error("the controller has not taken over")
	}

	// An error of an operation ends the step.
	gone := errors.New("gone")
	if err := b.run(func() error { return b.process(TopicChange{}) }, Result{Err: gone}); err != gone || !slices.Equal(b.wants, []string{"readTopics?"}) {
		t.Errorf("%v: %v", err, b.wants)
	}
	// A step that is given up wants nothing more, and the next one begins afresh.
	if err := b.run(func() error { return b.process(BrokerChange{}) }); err != errAbandoned || !slices.Equal(b.wants, []string{"readBrokers?"}) {
		t.Errorf("%v: %v", err, b.wants)
	}
	if err := b.run(func() error { return b.process(BrokerChange{}) }, Result{Value: []*model.Broker{broker}}); err != nil || !slices.Equal(b.wants, []string{"readBrokers?"}) {
		t.Errorf("%v: %v", err, b.wants)
	}
}

// A panic comes out where the step is driven, with the stack of the step.
func TestAPanicOfAStepKeepsItsStack(t *testing.T) {
	b := newByHand(t)
	defer func() {
		p, ok := recover().(*stepPanic)
		if !ok || p.Error() != "injected" || !strings.Contains(string(p.stack), "blowUp") {
			t.Errorf("%v", p)
		}
		b.abandon()
	}()
	_ = b.run(blowUp)
}

func blowUp() error { panic("injected") }

// What decides has no clock, no network, no locks: only the files of the shell may.
func TestTheCoreDoesNoIO(t *testing.T) {
	shell := []string{"controller.go", "failure.go", "queue.go", "runner.go", "store.go", "world.go"}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || slices.Contains(shell, name) {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		for _, i := range file.Imports {
			switch i.Path.Value {
			case `"context"`, `"sync"`, `"sync/atomic"`, `"net"`, `"os"`, `"math/rand/v2"`, `"math/rand"`:
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
		for _, clock := range []string{"time.Now", "time.After", "time.New", "go func"} {
			if strings.Contains(string(source), clock) {
				t.Errorf("%s has %s", name, clock)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d files of the core were found", seen)
	}
}
