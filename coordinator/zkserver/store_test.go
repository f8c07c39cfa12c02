package zkserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"momus/storage/vfs"
)

func quietLogger() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

func testCore() *core {
	o := Options{TickTime: time.Second}
	o.setDefaults()
	return newCore(&o)
}

// describe lists all that a core has to remember.
func describe(c *core) string {
	var b strings.Builder
	fmt.Fprintf(&b, "zxid %d\n", c.tree.lastZxid)
	for _, id := range slices.Sorted(maps.Keys(c.sessions.byID)) {
		s := c.sessions.byID[id]
		fmt.Fprintf(&b, "session %d %x %d\n", id, s.secret, s.timeoutMs)
	}
	for _, path := range slices.Sorted(maps.Keys(c.tree.nodes)) {
		n := c.tree.nodes[path]
		fmt.Fprintf(&b, "%s %v %q %v %+v %v\n", path, n.data == nil, n.data, n.acl, n.stat(), slices.Sorted(slices.Values(c.tree.childNames(path, n))))
	}
	for _, id := range slices.Sorted(maps.Keys(c.tree.ephemerals)) {
		fmt.Fprintf(&b, "ephemeral %d %v\n", id, slices.Sorted(maps.Keys(c.tree.ephemerals[id])))
	}
	fmt.Fprintln(&b, c.tree.dataBytes)
	return b.String()
}

// batches are frames to be logged, with every kind of transaction.
func batches() [][]*txn {
	zxid := int64(0)
	x := func(x txn) *txn {
		zxid++
		x.zxid, x.timeMs, x.session = zxid, 1000+zxid, 7
		return &x
	}
	made := func(op opcode, path string, data []byte, ephemeral bool, version int32) change {
		return change{op: op, path: path, data: data, acl: openACL(), ephemeral: ephemeral, version: version}
	}
	change1 := func(c change) txn { return txn{op: c.op, change: c} }
	return [][]*txn{
		{x(txn{op: opCreateSession, timeout: 9000, secret: [16]byte{1, 2, 3}})},
		{
			x(change1(made(opCreate, "/a", []byte("x"), false, 1))), x(txn{op: opError, code: codeNoNode}),
			x(change1(made(opCreate2, "/a/e", nil, true, 1))), x(change1(made(opCreate, "/a/f", []byte{}, true, 2))),
		},
		{x(change1(change{op: opSetData, path: "/a", data: []byte("longer"), version: 1}))},
		{x(change1(change{op: opSetACL, path: "/a", acl: []ACL{{1, ID{"ip", "1.2.3.4"}}}, version: 1}))},
		{x(txn{op: opMulti, parts: []change{made(opCreate, "/m", nil, false, 2), {op: opCheck, path: "/a"}, {op: opDelete, path: "/a/f"}}})},
		{x(txn{op: opMulti}), x(txn{op: opCloseSession})},
		{x(change1(change{op: opDelete, path: "/m"}))},
	}
}

// write logs all batches into dir and returns the state after each, beginning with none, and where
// its frame ends.
func writeBatches(t *testing.T, dir string) (states []string, ends []int64) {
	t.Helper()
	c := testCore()
	s, err := openStore(vfs.OS{}, dir, true, c, quietLogger())
	if err != nil {
		t.Fatal(err)
	}
	states, ends = []string{describe(c)}, []int64{s.size}
	for _, batch := range batches() {
		if err := s.append(batch); err != nil {
			t.Fatal(err)
		}
		for _, x := range batch {
			if !c.replay(x) {
				t.Fatalf("zxid %d does not fit", x.zxid)
			}
		}
		states, ends = append(states, describe(c)), append(ends, s.size)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return states, ends
}

// firstLog is the name of the log that a directory begins with.
const firstLog = "log.0000000000000000"

// writtenLog is what writeBatches does, and the log that it wrote.
func writtenLog(t *testing.T) (states []string, ends []int64, whole []byte) {
	t.Helper()
	dir := t.TempDir()
	states, ends = writeBatches(t, dir)
	whole, err := os.ReadFile(filepath.Join(dir, firstLog))
	if err != nil {
		t.Fatal(err)
	}
	return states, ends, whole
}

func reopen(t *testing.T, dir string) (string, error) {
	t.Helper()
	c := testCore()
	s, err := openStore(vfs.OS{}, dir, true, c, quietLogger())
	if err != nil {
		return "", err
	}
	return describe(c), s.close()
}

func TestLogIsReplayed(t *testing.T) {
	dir := t.TempDir()
	states, _ := writeBatches(t, dir)
	for range 2 {
		if got, err := reopen(t, dir); err != nil || got != states[len(states)-1] {
			t.Fatalf("%v\n%s\nwant\n%s", err, got, states[len(states)-1])
		}
	}
}

// A log cut at any byte has exactly the frames that are whole, and goes on from there.
func TestTornLogIsCutOff(t *testing.T) {
	states, ends, whole := writtenLog(t)
	for cut := range len(whole) + 1 {
		for _, tail := range []string{"", "\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\x01"} {
			dir := t.TempDir()
			path := filepath.Join(dir, firstLog)
			if err := os.WriteFile(path, append(slices.Clone(whole[:cut]), tail...), 0o644); err != nil {
				t.Fatal(err)
			}
			same := 0 // a tail may happen to be what was cut off
			for same < len(tail) && cut+same < len(whole) && whole[cut+same] == tail[same] {
				same++
			}
			n := 0
			for n+1 < len(ends) && ends[n+1] <= int64(cut+same) {
				n++
			}
			if cut < len(logHeader) && tail != "" {
				continue // not a log that a crash leaves
			}
			got, err := reopen(t, dir)
			if err != nil || got != states[n] {
				t.Fatalf("cut at %d, tail %q: %v\n%s\nwant\n%s", cut, tail, err, got, states[n])
			}
			c := testCore() // what is written next is found again
			s, err := openStore(vfs.OS{}, dir, true, c, quietLogger())
			if err != nil {
				t.Fatal(err)
			}
			next := &txn{zxid: c.tree.lastZxid + 1, op: opError, code: codeNoAuth}
			if err := errors.Join(s.append([]*txn{next}), s.close()); err != nil {
				t.Fatal(err)
			}
			if got, err := reopen(t, dir); err != nil || !strings.HasPrefix(got, fmt.Sprintf("zxid %d\n", next.zxid)) {
				t.Fatalf("cut at %d: after going on: %v %s", cut, err, got)
			}
			if cut%7 != 0 {
				break // the tails for some cuts only: each costs three files
			}
		}
	}
}

// A flipped bit either lies in the last frame, which may be torn, or is reported; it never changes
// what was acknowledged.
func TestFlippedBitIsFound(t *testing.T) {
	states, ends, whole := writtenLog(t)
	last := ends[len(ends)-2]
	for at := range len(whole) {
		b := slices.Clone(whole)
		b[at] ^= 1 << (at % 8)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, firstLog), b, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := reopen(t, dir)
		if int64(at) >= last {
			if err != nil || got != states[len(states)-2] {
				t.Fatalf("byte %d: %v", at, err)
			}
			continue
		}
		corrupt := new(CorruptError)
		if !errors.As(err, &corrupt) {
			t.Fatalf("byte %d: %v\n%s", at, err, got)
		}
	}
}

func TestSnapshotsReplaceLogs(t *testing.T) {
	dir := t.TempDir()
	c := testCore()
	s, err := openStore(vfs.OS{}, dir, true, c, quietLogger())
	if err != nil {
		t.Fatal(err)
	}
	states := []string{describe(c)}
	for _, batch := range batches() {
		if err := s.append(batch); err != nil {
			t.Fatal(err)
		}
		for _, x := range batch {
			c.replay(x)
		}
		states = append(states, describe(c))
		img := c.image()
		if err := s.roll(img.zxid); err != nil {
			t.Fatal(err)
		}
		if _, err := s.writeSnapshot(img); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	want := states[len(states)-1]
	if got, err := reopen(t, dir); err != nil || got != want {
		t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
	}
	logs, snapshots, err := s.list()
	if err != nil || len(snapshots) != 2 || len(logs) != 2 {
		t.Fatalf("%v %v %v", logs, snapshots, err)
	}
	// A damaged snapshot: the one before and the log after it say the same.
	path := s.path(snapshotPrefix, snapshots[1])
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range len(b) {
		b[at] ^= 0x10
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		b[at] ^= 0x10
		if got, err := reopen(t, dir); err != nil || got != want {
			t.Fatalf("byte %d: %v\n%s", at, err, got)
		}
	}
	// Both damaged: that is said, not taken for an empty server.
	for _, zxid := range snapshots {
		if err := os.WriteFile(s.path(snapshotPrefix, zxid), b[:len(b)-1], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := reopen(t, dir); err == nil {
		t.Fatal("opened without a whole snapshot")
	}
}

func TestUnfinishedSnapshotIsRemoved(t *testing.T) {
	dir := t.TempDir()
	states, _ := writeBatches(t, dir)
	temp := filepath.Join(dir, "snapshot.0000000000000005.tmp")
	if err := os.WriteFile(temp, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := reopen(t, dir); err != nil || got != states[len(states)-1] {
		t.Fatal(err)
	}
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestDirectoryIsLocked(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(vfs.OS{}, dir, true, testCore(), quietLogger())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(vfs.OS{}, dir, true, testCore(), quietLogger()); !errors.Is(err, errInUse) {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, dir); err != nil {
		t.Fatal(err)
	}
}

func FuzzReplay(f *testing.F) {
	for _, batch := range batches() {
		e := encoder{}
		e.int32(int32(len(batch)))
		for _, x := range batch {
			x.append(&e)
		}
		f.Add(e.b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		d := decoderOf(payload)
		c := testCore()
		for n := d.Int32(); n > 0; n-- {
			x, err := decodeTxn(d)
			if err != nil {
				return
			}
			if !c.replay(x) {
				return
			}
			e := encoder{}
			x.append(&e)
			again, err := decodeTxn(decoderOf(e.b))
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(*again) != fmt.Sprint(*x) {
				t.Fatalf("%v\n%v", *again, *x)
			}
		}
	})
}

func FuzzLogFile(f *testing.F) {
	f.Add([]byte(logHeader))
	f.Fuzz(func(t *testing.T, b []byte) {
		replayFrames(b, "log", testCore())
		replayFrames(append([]byte(logHeader), b...), "log", testCore())
	})
}

// A server with SASL takes ACLs of its users after a restart from a snapshot, too.
func TestASnapshotKeepsTheSchemesOfACLs(t *testing.T) {
	o := Options{TickTime: time.Second, Users: map[string]string{"kafka": "secret"}}
	o.setDefaults()
	var b strings.Builder
	if err := newCore(&o).image().write(&b); err != nil {
		t.Fatal(err)
	}
	c := newCore(&o)
	if err := decodeSnapshot([]byte(b.String()), "snapshot", c); err != nil {
		t.Fatal(err)
	}
	if acl, ok := c.overlay.schemes.fixupACL([]ACL{{31, ID{"sasl", "kafka"}}}, nil); !ok || len(acl) != 1 {
		t.Errorf("%v, %v", acl, ok)
	}
}

func FuzzSnapshot(f *testing.F) {
	c := testCore()
	for _, batch := range batches() {
		for _, x := range batch {
			c.replay(x)
		}
		var b strings.Builder
		if err := c.image().write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(b.String()[:b.Len()-4]))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := binary.BigEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, castagnoli))
		c := testCore()
		if decodeSnapshot(b, "snapshot", c) != nil {
			return
		}
		for path := range c.tree.nodes {
			if !validPath(path) {
				t.Fatalf("a node %q", path)
			}
		}
	})
}

// What is cut off at the end of the log is said to be lost where it may have been acknowledged, and
// only there.
func TestWhatIsCutOffIsToldTruly(t *testing.T) {
	source := t.TempDir()
	_, ends := writeBatches(t, source)
	whole, err := os.ReadFile(filepath.Join(source, firstLog))
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(whole)
	damaged[len(damaged)-1] ^= 1
	const never, lost = "nothing of it had been acknowledged", "had been acknowledged and is lost"
	for name, c := range map[string]struct {
		content []byte
		noSync  bool
		want    string
	}{
		"half of the last frame":                           {whole[:len(whole)-1], false, never},
		"a changed byte in the last frame":                 {damaged, false, lost},
		"half of the last frame, acknowledged unseen":      {whole[:len(whole)-1], true, lost},
		"a few zeros, where the file had grown meanwhile":  {append(slices.Clone(whole), 0, 0, 0), false, never},
		"whole, and the frames before the last are no end": {whole[:ends[len(ends)-2]], false, ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, firstLog), c.content, 0o644); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		log := logrus.New()
		log.SetOutput(&out)
		s, err := openStore(vfs.OS{}, dir, c.noSync, testCore(), logrus.NewEntry(log))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); strings.Contains(text, never) != (c.want == never) || strings.Contains(text, lost) != (c.want == lost) {
			t.Errorf("%s: %q", name, text)
		}
	}
}
