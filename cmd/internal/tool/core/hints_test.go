package core

import (
	"testing"
)

func TestNearestIsWhatWasMeant(t *testing.T) {
	names := []string{"bootstrap-server", "topic", "list", "describe", "delete"}
	for word, want := range map[string]string{"topc": "topic", "lst": "list", "bootstrap-servers": "bootstrap-server", "descibe": "describe", "xyz": "", "boot": ""} {
		if got := Meant(word, names); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}
