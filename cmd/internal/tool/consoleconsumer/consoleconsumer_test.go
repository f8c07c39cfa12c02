package consoleconsumer

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/screen"
)

// The offset of a record that Next gave is committed, so that it has to be printed when the tool is
// told to stop just then.
func TestWhatWasTakenIsPrinted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var out bytes.Buffer
	c := &core.Call{Env: &core.Env{Stderr: io.Discard}, Out: screen.NewOutput(&out)}
	f, err := newFormatter(c, "kafka.tools.DefaultMessageFormatter", nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	given := 0
	r := &clients.Consumer{Next: func(context.Context, time.Duration) (*kgo.Record, error) {
		if given++; given == 2 {
			stop()
		}
		return &kgo.Record{Value: []byte("m")}, nil
	}}
	n, err := printMessages(c, ctx, &consoleSpec{maxMessages: -1, formatter: f}, r)
	c.Out.Flush()
	if n != 2 || given != 2 || err != nil || out.String() != "m\nm\n" {
		t.Errorf("%d of %d: %q, %v", n, given, out.String(), err)
	}
}
