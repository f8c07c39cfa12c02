package zkserver

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"

	"momus/storage/vfs"
)

// A session that nobody comes back for ends after its timeout of silence, however often the server
// was restarted in between.
func TestSilenceIsCountedOverRestarts(t *testing.T) {
	const timeout, tick, run = 18_000, 2_000, 5_000
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	files := &store{fs: vfs.OS{}, dir: t.TempDir(), logger: logrus.NewEntry(logger)}
	ended := 0
	for runs := 1; ; runs++ {
		if runs > 2*timeout/run {
			t.Fatal("the session outlives its restarts")
		}
		c := newCore(&Options{TickTime: tick * 1e6, Logger: files.logger, MaxBuffer: 1 << 20})
		c.sessions.add(&session{id: 7, timeoutMs: timeout}, instant{})
		c.serve(instant{}, false, files.loadSilence())
		for ms := int64(tick); ms <= run; ms += tick {
			if len(c.sessions.expired(instant{elapsedMs: ms})) > 0 {
				ended = runs
			}
		}
		if ended > 0 {
			break
		}
		if err := files.saveSilence(c.sessions.remaining(instant{elapsedMs: run})); err != nil {
			t.Fatal(err)
		}
	}
	if ended != 4 { // after 18 s, to the tick
		t.Errorf("ended in run %d", ended)
	}
}

func TestSilentSessionsAreReadBack(t *testing.T) {
	want := map[int64]int64{1: 0, -2: 5, 1 << 60: 9000}
	data := formatSilence(want)
	if got, err := parseSilence(data); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for i := range data { // torn, and every bit of it flipped
		if got, err := parseSilence(data[:i]); err == nil && i < len(data)-1 {
			t.Errorf("cut at %d: %v", i, got)
		}
		for bit := range 8 {
			flipped := append([]byte{}, data...)
			flipped[i] ^= 1 << bit
			if got, err := parseSilence(flipped); err == nil && !maps.Equal(got, want) {
				t.Errorf("bit %d of byte %d: %v", bit, i, got)
			}
		}
	}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	s := &store{fs: vfs.OS{}, dir: t.TempDir(), logger: logrus.NewEntry(logger)}
	if err := s.saveSilence(want); err != nil || !maps.Equal(s.loadSilence(), want) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, silenceFile), []byte("1 2\n"), 0o600); err != nil || s.loadSilence() != nil {
		t.Errorf("%v, a damaged file is believed", err)
	}
	if err := s.saveSilence(nil); err != nil || s.loadSilence() != nil {
		t.Error(err)
	}
}

func FuzzSilence(f *testing.F) {
	f.Add(formatSilence(map[int64]int64{1: 2}))
	f.Add([]byte("crc32c 00000000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseSilence(data)
		for _, ms := range got {
			if err == nil && ms < 0 {
				t.Fatal("negative time")
			}
		}
	})
}

// kazoo's CREATOR_ALL_ACL has the scheme auth and a null id.
func TestACLWithoutAnID(t *testing.T) {
	encode := func(scheme string) []byte {
		var e encoder
		e.int32(1)
		e.int32(31)
		e.string(scheme)
		e.int32(-1)
		return e.b
	}
	user := []ID{{"digest", "u:hash"}}
	for scheme, want := range map[string]bool{"auth": true, "digest": false, "world": false, "ip": false} {
		d := decoderOf(encode(scheme))
		acl, ok := d.acl()
		if ok != want || d.Err != nil { // the others are a MARSHALLINGERROR of the real server, as recorded
			t.Errorf("%s: read %v, %v", scheme, ok, d.Err)
		}
		if !ok {
			continue
		}
		if fixed, ok := (schemes{}).fixupACL(acl, user); ok != want || ok && fixed[0].ID != user[0] {
			t.Errorf("%s: %v, %v", scheme, fixed, ok)
		}
	}
	if _, ok := (schemes{}).fixupACL([]ACL{{31, ID{"auth", ""}}}, nil); ok {
		t.Error("auth without a login is taken")
	}
}

func TestKafkaClientsAreTold(t *testing.T) {
	for _, c := range []struct {
		frame []byte
		want  bool
	}{
		{[]byte{0, 18, 0, 3, 0, 0, 0, 1, 0, 4, 't', 'e', 's', 't'}, true}, // ApiVersions
		{[]byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 0}, true},                      // Metadata
		{make([]byte, 44), false},                                         // ZooKeeper's connect request
		{[]byte{0, 18, 0}, false},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0}, false},
	} {
		if got := kafkaRequest(c.frame); got != c.want {
			t.Errorf("%v: %v", c.frame, got)
		}
	}
}
