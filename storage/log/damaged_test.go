package log

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"momus/configs"
	"momus/internal/kerr"
	"momus/storage/record"
	"momus/storage/vfs"
)

// Compressed records that end too early or are damaged, whose checksum a producer has made right,
// are the producer's fault: the log goes on, and its directory stays.
func TestDamagedCompressionIsNoFaultOfTheDisk(t *testing.T) {
	for magic := record.Magic0; magic <= record.Magic2; magic++ {
		for _, codec := range []record.Codec{record.Gzip, record.Snappy, record.LZ4, record.Zstd} {
			if codec == record.Zstd && magic < record.Magic2 {
				continue
			}
			t.Run(fmt.Sprintf("magic %d %v", magic, codec), func(t *testing.T) {
				e := newEnv(t, vfs.NewMem(), nil).open(true, 0)
				o := record.DefaultOptions()
				o.Magic, o.Codec = magic, codec
				w := record.NewBuilder(o)
				for i := range 3 {
					w.Append(1_800_000_000_000, []byte("key"), fmt.Appendf(nil, "value %d of a batch", i))
				}
				good := w.Bytes()
				header := record.BatchOverhead
				if magic < record.Magic2 {
					header = 12 + 14 + 8*int(magic) // up to the value
				}
				refused := 0
				for cut := header; cut < len(good); cut++ {
					refused += e.refuses(t, resized(good[:cut:cut]))
				}
				for at := header; at < len(good); at++ {
					b := append([]byte(nil), good...)
					b[at] ^= 0xff
					refused += e.refuses(t, resized(b))
				}
				if refused == 0 {
					t.Error("nothing was refused")
				}
				if len(e.ioErrs) > 0 {
					t.Fatalf("the directory would go offline: %v", e.ioErrs[0])
				}
				if _, err := e.AppendAsLeader(good, 0, record.OriginClient); err != nil {
					t.Errorf("good records afterwards: %v", err)
				}
			})
		}
	}
}

// The fields of an entry say what they like under a right checksum: it is refused, or taken as it is
// meant, and the log goes on. A panic would take it offline.
func TestOddHeadersLeaveTheLog(t *testing.T) {
	for magic := record.Magic0; magic <= record.Magic2; magic++ {
		for _, codec := range []record.Codec{record.None, record.Gzip} {
			for _, version := range []int8{record.Magic0, record.Magic1, record.Magic2} {
				t.Run(fmt.Sprintf("magic %d %v to %d", magic, codec, version), func(t *testing.T) {
					e := newEnv(t, vfs.NewMem(), func(c *configs.Topic) { c.RecordVersion = version }).open(true, 0)
					o := record.DefaultOptions()
					o.Magic, o.Codec = magic, codec
					if magic == record.Magic2 {
						o.ProducerID, o.ProducerEpoch, o.BaseSequence = 7, 1, 0
					}
					w := record.NewBuilder(o)
					for i := range 2 {
						w.Append(1_800_000_000_000, []byte("key"), fmt.Appendf(nil, "value %d", i))
					}
					good := w.Bytes()
					for at := range min(len(good), 80) {
						for _, bits := range []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xff} {
							b := append([]byte(nil), good...)
							b[at] ^= bits
							if at < 8 || at >= 12 { // the size stays
								b = checksummed(b)
							}
							for _, origin := range []record.Origin{record.OriginClient, record.OriginCoordinator} {
								_, err := e.AppendAsLeader(append([]byte(nil), b...), 0, origin)
								if err != nil && kerr.Of(err) == kerr.KafkaStorageError {
									t.Fatalf("byte %d, bits %x: %v", at, bits, err)
								}
							}
						}
					}
					if len(e.ioErrs) > 0 {
						t.Fatalf("the directory would go offline: %v", e.ioErrs[0])
					}
				})
			}
		}
	}
}

// checksummed makes the checksum of an entry right, where its magic has one.
func checksummed(b []byte) []byte {
	if b[16] == 2 {
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	} else {
		binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[16:]))
	}
	return b
}

// refuses appends records and counts a refusal, which must not be of the disk.
func (e *env) refuses(t *testing.T, b []byte) int {
	t.Helper()
	_, err := e.AppendAsLeader(b, 0, record.OriginClient)
	if err == nil {
		return 0 // what was cut off or changed does not matter to the codec
	}
	if kerr.Of(err) == kerr.KafkaStorageError {
		t.Errorf("% x: %v", b, err)
	}
	return 1
}

// resized makes the lengths and the checksum of an entry fit what is left of it.
func resized(b []byte) []byte {
	b = append([]byte(nil), b...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	if b[16] == 2 {
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	size := 22
	if b[16] == 1 {
		size = 30
	}
	binary.BigEndian.PutUint32(b[size:], uint32(len(b)-size-4))
	binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[16:]))
	return b
}

// Bytes behind the last batch that look like the length of a batch of many megabytes cost a recovery
// no more memory than others: the machine may have little, and would never get past its start.
func TestRecoveryNeedsNoMemoryForWhatIsClaimed(t *testing.T) {
	const claimed = 64 << 20
	for magic := record.Magic0; magic <= record.Magic2; magic++ {
		for name, end := range map[string]func(whole []byte) []byte{
			"damaged": func(whole []byte) []byte { whole[len(whole)-1] ^= 1; return whole },
			"whole":   func(whole []byte) []byte { return whole },
		} {
			t.Run(fmt.Sprintf("magic %d %s", magic, name), func(t *testing.T) {
				e := newEnv(t, vfs.NewMem(), func(c *configs.Topic) { c.RecordVersion = magic }).open(true, 0)
				o := record.DefaultOptions()
				o.Magic = magic
				w := record.NewBuilder(o)
				w.Append(1_800_000_000_000, nil, make([]byte, claimed))
				large := w.Bytes()
				binary.BigEndian.PutUint64(large, 2) // its offset
				e.append(1_800_000_000_000, "a", "b")
				file := filepath.Join(testDir, "00000000000000000000.log")
				f, err := e.fs.OpenFile(file, os.O_RDWR)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteAt(end(large), e.Size()); err != nil {
					t.Fatal(err)
				}
				f.Close()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				e.open(false, 0)
				runtime.ReadMemStats(&after)
				if n := after.TotalAlloc - before.TotalAlloc; n > claimed/8 {
					t.Errorf("%d bytes were allocated", n)
				}
				want := map[string]int64{"damaged": 2, "whole": 3}[name]
				if e.LogEndOffset() != want {
					t.Errorf("the log ends at %d, not %d", e.LogEndOffset(), want)
				}
			})
		}
	}
}
