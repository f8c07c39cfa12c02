package zk_test

import (
	"maps"
	"testing"

	"momus/coordinator/zk"
)

// TestConfigsCanBeSetBeforeTheFirstBroker as kafka-configs --zookeeper does for quotas.
func TestConfigsCanBeSetBeforeTheFirstBroker(t *testing.T) {
	c := dial(t, startServer(t))
	want := map[string]string{"producer_byte_rate": "1000"}
	if err := c.SetConfig(t.Context(), zk.EntityUsers, "u/clients/c", want); err != nil {
		t.Fatal(err)
	}
	if err := c.NotifyConfigChange(t.Context(), zk.ConfigChange{Type: zk.EntityUsers, Entity: "u/clients/c"}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Config(t.Context(), zk.EntityUsers, "u/clients/c"); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if all, err := c.ConfigEntities(t.Context(), zk.EntityUsers); err != nil || len(all) != 2 || all[1] != "u/clients/c" {
		t.Errorf("%v, %v", all, err)
	}
}
