package handler

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
	"momus/coordinator/acl"
	"momus/internal/model"
	"momus/storage/record"
)

// trim starts a log anew when it is larger than limit bytes: a benchmark must not fill the disk.
func (d *fakeData) trim(tp model.TopicPartition, limit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.logs[tp]; l.Size() > limit {
		if err := l.TruncateFullyAndStartAt(l.LogEndOffset()); err != nil {
			d.t.Error(err)
		}
	}
}

// ruled is an authorizer that only decides.
type ruled struct {
	Authorizer
	index  *acl.Index
	policy acl.Policy
}

func (r *ruled) Authorize(q acl.Question) bool { return r.index.Decide(&r.policy, &q).Allowed }

// manyRules lets everybody write to t, and has n ACLs for others on other topics.
func manyRules(n int) *ruled {
	allow := func(user string) []acl.Entry {
		return []acl.Entry{{Principal: "User:" + user, Host: "*", Operation: acl.Write, Permission: acl.Allow}}
	}
	all := map[acl.Resource][]acl.Entry{{Type: acl.Topic, Name: "t", Pattern: acl.Literal}: allow("*")}
	for i := range n {
		all[acl.Resource{Type: acl.Topic, Name: fmt.Sprintf("team-%d.", i), Pattern: acl.Literal + acl.PatternType(i%2)}] = allow(fmt.Sprint(i))
	}
	return &ruled{index: acl.Build(all)}
}

// BenchmarkProduce sends batches of 16 KB of 1 KB values over 16 connections with 5 requests in
// flight each, acks=1: client, broker and log in one process; also with an authorizer that has
// 10,000 ACLs.
func BenchmarkProduce(b *testing.B) {
	for _, c := range []struct {
		size int
		acls int
	}{{100, 0}, {1024, 0}, {1024, 10000}} {
		size := c.size
		b.Run(fmt.Sprintf("%dB-%dACLs", size, c.acls), func(b *testing.B) {
			broker := newDataBroker(b)
			if c.acls > 0 {
				broker.env.Authorizer = manyRules(c.acls)
			}
			builder := record.NewBuilder(record.DefaultOptions())
			for n := 0; n < 16<<10; n += size {
				builder.Append(1000, nil, make([]byte, size))
			}
			frame := protocol.AppendRequest(nil, produceRequest(8, 1, "t", builder.Bytes()), 1, nil)
			const conns, inFlight = 16, 5
			b.SetBytes(16 << 10)
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range conns {
				c := broker.dial()
				n := b.N / conns
				if i == 0 {
					n += b.N % conns
				}
				wg.Go(func() {
					tokens := make(chan struct{}, inFlight)
					var reader sync.WaitGroup
					reader.Go(func() {
						buf := make([]byte, 256)
						for range n {
							if _, err := io.ReadFull(c, buf[:4]); err != nil {
								b.Error(err)
								return
							}
							if _, err := io.ReadFull(c, buf[:buf[3]]); err != nil {
								b.Error(err)
								return
							}
							<-tokens
						}
					})
					for k := range n {
						tokens <- struct{}{}
						if _, err := c.Write(frame); err != nil {
							b.Error(err)
							return
						}
						if k%1024 == 0 {
							broker.data.trim(model.TopicPartition{Topic: "t"}, 512<<20)
						}
					}
					reader.Wait()
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkFetch reads 1 MB at a time from the page cache over one connection.
func BenchmarkFetch(b *testing.B) {
	broker := newDataBroker(b)
	c := broker.dial()
	for range 200 {
		call[*kmsg.ProduceResponse](c, produceRequest(8, 1, "t", batch(nil, string(make([]byte, 16<<10)))))
	}
	frame := protocol.AppendRequest(nil, fetchRequest(11, fetchPart{topic: "t"}), 1, nil)
	buf := make([]byte, 2<<20)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		c.raw(frame)
		if _, err := io.ReadFull(c, buf[:4]); err != nil {
			b.Fatal(err)
		}
		n := int(buf[0])<<24 | int(buf[1])<<16 | int(buf[2])<<8 | int(buf[3])
		if _, err := io.ReadFull(c, buf[:n]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdleConnections reports the memory of a connection that has asked ApiVersions and is
// idle.
func BenchmarkIdleConnections(b *testing.B) {
	broker := newDataBroker(b)
	const n = 500
	var before, after runtime.MemStats
	for range b.N {
		runtime.GC()
		runtime.ReadMemStats(&before)
		clients := make([]*client, n)
		for i := range clients {
			clients[i] = broker.dial()
			call[*kmsg.ApiVersionsResponse](clients[i], kmsg.NewPtrApiVersionsRequest())
		}
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse)/n, "bytes/conn")
		for _, c := range clients {
			c.Close()
		}
	}
}
