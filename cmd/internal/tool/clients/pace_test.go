package clients

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
)

func TestPace(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	now := time.Now()
	for _, x := range []struct {
		name    string
		began   time.Time
		n, rate int64
		waits   bool // until the context has ended
	}{
		{name: "no limit", began: now, n: 1 << 40, rate: -1},
		{name: "behind", began: now.Add(-time.Hour), n: 100, rate: 1},
		{name: "ahead", began: now, n: 100_000, rate: 1, waits: true},
		{name: "nothing", began: now.Add(-time.Hour), n: 1, rate: 0, waits: true},
	} {
		var errs bytes.Buffer
		c := &core.Call{Env: &core.Env{Stderr: &errs}, Out: screen.NewOutput(io.Discard), Terminal: screen.Terminal{Err: true}}
		if err := Pace(ended, c, x.began, x.n, x.rate); errors.Is(err, context.Canceled) != x.waits {
			t.Errorf("%s: %v", x.name, err)
		}
		if said := strings.Contains(errs.String(), "-1 is no limit"); said != (x.rate == 0) {
			t.Errorf("%s: said %q", x.name, errs.String())
		}
	}
	if err := Pace(t.Context(), nil, now, 1, 1000); err != nil {
		t.Error(err)
	}
}
