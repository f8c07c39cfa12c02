package logdir

import (
	"sync/atomic"
	"testing"
	"time"

	"momus/configs"
	"momus/internal/silent"
	"momus/storage/log"
	"momus/storage/record"
	"momus/storage/vfs"
)

// countingFS counts the syncs, of files and directories.
type countingFS struct {
	vfs.FS
	syncs, opens atomic.Int64
}

func (c *countingFS) OpenFile(name string, flag int) (vfs.File, error) {
	c.opens.Add(1)
	f, err := c.FS.OpenFile(name, flag)
	return countingFile{f, c}, err
}

func (c *countingFS) SyncDir(name string) error {
	c.syncs.Add(1)
	return c.FS.SyncDir(name)
}

type countingFile struct {
	vfs.File
	fs *countingFS
}

func (f countingFile) Sync() error {
	f.fs.syncs.Add(1)
	return f.File.Sync()
}

// BenchmarkManyLogs takes 1,000 partitions through a broker's life: created, led, written to for
// the first time, closed, opened, led in another epoch, closed. It reports ms, syncs and opened
// files of each stage; put TMPDIR on a real disk.
func BenchmarkManyLogs(b *testing.B) {
	const n = 1000
	c, err := configs.New(map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": "1"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		fs := &countingFS{FS: vfs.OS{}}
		o := Options{FS: fs, Dirs: []string{b.TempDir()}, Settings: func() Settings { return SettingsOf(c.Broker()) }, TopicConfig: func(string) *configs.Topic { return c.Topic(nil) }, Logger: silent.Logger()}
		var m *Manager
		stage := func(name string, fn func() error) {
			start := time.Now()
			fs.syncs.Store(0)
			fs.opens.Store(0)
			if err := fn(); err != nil {
				b.Fatal(name, err)
			}
			b.ReportMetric(float64(time.Since(start).Microseconds())/1000, name+"-ms")
			b.ReportMetric(float64(fs.syncs.Load())/n, name+"-syncs/log")
			b.ReportMetric(float64(fs.opens.Load())/n, name+"-opens/log")
		}
		openAll := func() (err error) { m, err = Open(b.Context(), o); return err }
		each := func(fn func(l *log.Log) error) func() error {
			return func() error {
				for _, l := range m.All() {
					if err := fn(l); err != nil {
						return err
					}
				}
				return nil
			}
		}
		lead := func(epoch int32) func() error {
			return each(func(l *log.Log) error { return l.AssignEpochStart(epoch) })
		}
		write := func(epoch int32) func() error {
			return each(func(l *log.Log) error {
				w := record.NewBuilder(record.DefaultOptions())
				w.Append(time.Now().UnixMilli(), nil, []byte("value"))
				_, err := l.AppendAsLeader(w.Bytes(), epoch, record.OriginClient)
				return err
			})
		}
		if err := openAll(); err != nil {
			b.Fatal(err)
		}
		stage("create", func() error {
			for i := range int32(n) {
				if _, err := m.GetOrCreate(tp("t", i), o.TopicConfig("t"), true); err != nil {
					return err
				}
			}
			return nil
		})
		stage("lead", lead(0))
		stage("write", write(0))
		stage("close", func() error { return m.Close() })
		stage("open", openAll)
		stage("lead-again", lead(1))
		stage("write-again", write(1))
		stage("close-again", func() error { return m.Close() })
		if err := openAll(); err != nil {
			b.Fatal(err)
		}
		stage("lead-3rd", lead(2))
		stage("close-idle", func() error { return m.Close() })
		b.ReportMetric(0, "ns/op")
	}
}
