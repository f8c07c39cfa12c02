package controller_test

import (
	"testing"
	"time"

	"momus/coordinator/controller"
	"momus/coordinator/zk"
	"momus/internal/model"
)

// A controller that takes a partition out of /admin/reassign_partitions must not take that for a
// wish: it would begin what is left again, with another leader epoch for each partition. A node
// that comes later must be seen nevertheless.
func TestWhatIsLeftOfReassignmentsIsNoRequest(t *testing.T) {
	client, err := zk.Dial(t.Context(), zk.Options{Connect: startServer(t), SessionTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	events := make(chan controller.Event, 10)
	s := controller.NewWatchingStore(client, func(ev controller.Event) { events <- ev })
	s.WatchAll()
	epoch, won, err := client.ElectController(t.Context(), 1, 0)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	list := []zk.Reassignment{
		{TopicPartition: model.TopicPartition{Topic: "t", Partition: 0}, Replicas: []int32{1}},
		{TopicPartition: model.TopicPartition{Topic: "t", Partition: 1}, Replicas: []int32{2}},
	}
	expect := func(left []zk.Reassignment, write func() error, want controller.Event) {
		t.Helper()
		if _, _, err := s.Reassignments(t.Context()); err != nil { // as the handling of every event does
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if got := <-events; got != want {
			t.Errorf("%d left: %T, want %T", len(left), got, want)
		}
	}
	rewrite := func(left []zk.Reassignment) func() error {
		return func() error { return s.SetReassignments(t.Context(), epoch, left) }
	}
	request := func() error { return client.RequestReassignments(t.Context(), list) }
	for range 2 {
		expect(list, request, controller.ReassignmentRequested{})
		expect(list[:1], rewrite(list[:1]), controller.ReassignmentsRewritten{})
		expect(nil, rewrite(nil), controller.ReassignmentRequested{}) // deleted: there may be a newer one
	}
}
