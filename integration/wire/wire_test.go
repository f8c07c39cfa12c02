// Package wire sends a running broker what no client would send, and checks that only the sender
// suffers.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/integration/testkit"
	"momus/internal/testbase"
)

func TestBadInputClosesItsOwnConnectionOnly(t *testing.T) {
	c := testkit.Quickstart(t, 1)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))

	good := testbase.Dial(t, c.Bootstrap)
	ask(t, good)
	before := rssMB(t, c.Process.Pid())

	// Frames that are closed for: random bytes, lengths that are negative, zero or too large,
	// unknown keys and versions, bodies cut short.
	for i := range 400 {
		conn := testbase.Dial(t, c.Bootstrap)
		b := make([]byte, 4+rnd.IntN(300))
		for j := range b {
			b[j] = byte(rnd.Uint32())
		}
		switch i % 5 {
		case 0: // as it is, but for a length that would make it wait for more
			b[0] |= 0x80
		case 1:
			binary.BigEndian.PutUint32(b, 0)
		case 2:
			binary.BigEndian.PutUint32(b, 104857601)
		case 3: // a request that claims more than it has
			b = kmsg.NewRequestFormatter().AppendRequest(nil, randomRequest(rnd), 1)
			b = b[:len(b)-1]
			binary.BigEndian.PutUint32(b, uint32(len(b)-4))
		case 4: // an array of two thousand million topics
			b = append(binary.BigEndian.AppendUint32(nil, 14), 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff)
		}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		// Closed with bytes that nobody read it is a reset.
		if n, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("case %d: the connection was not closed after % x: %d bytes, %v", i%5, b[:min(len(b), 40)], n, err)
		}
		conn.Close()
	}

	// Slow senders announce 100 MB each and send little of it.
	var slow []net.Conn
	for range 300 {
		conn := testbase.Dial(t, c.Bootstrap)
		slow = append(slow, conn)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, 100<<20), make([]byte, 1000)...)); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, good)
	if after := rssMB(t, c.Process.Pid()); after > before+100 {
		t.Errorf("memory grew from %d to %d MB", before, after)
	}
	for _, conn := range slow {
		conn.Close()
	}
	ask(t, good)
	ask(t, testbase.Dial(t, c.Bootstrap))
}

// ask sends an ApiVersions request and expects its answer.
func ask(t *testing.T, c net.Conn) {
	t.Helper()
	req := kmsg.NewPtrApiVersionsRequest()
	if _, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 7)); err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		t.Fatal(err)
	}
	if id := binary.BigEndian.Uint32(head[4:]); id != 7 {
		t.Fatalf("answer to request %d", id)
	}
	if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head[:4]))-4); err != nil {
		t.Fatal(err)
	}
}

func randomRequest(rnd *rand.Rand) kmsg.Request {
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(int16(1 + rnd.IntN(7)))
	for i := range 1 + rnd.IntN(5) {
		topic := kmsg.NewMetadataRequestTopic()
		name := fmt.Sprint("topic-", i)
		topic.Topic = &name
		m.Topics = append(m.Topics, topic)
	}
	return m
}

// rssMB is the resident memory of a process; on systems without /proc 0.
func rssMB(t *testing.T, pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(l, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(kb)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n / 1024
		}
	}
	return 0
}
