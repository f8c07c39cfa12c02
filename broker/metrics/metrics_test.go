package metrics

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, m *Metrics) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

func TestNamesAreThoseOfTheExporter(t *testing.T) {
	m := New([]string{"Produce", "Fetch"}, nil)
	m.All.MessagesIn.Add(3)
	m.Topic("t").MessagesIn.Add(2)
	m.Request(0).Done(8, 100, Times{Total: 3 * time.Millisecond})
	m.Request(0).Error(0)
	m.Request(0).Error(19)
	m.Gauge("kafka_server_replicamanager_leadercount", "partitions led", func() float64 { return 7 })
	m.Gauge("kafka_server_purgatory", "", func() float64 { return 1 }, "delayedOperation", "Fetch")
	code, body := scrape(t, m)
	if code != 200 {
		t.Fatal(code, body)
	}
	for _, want := range []string{
		"kafka_server_brokertopicmetrics_messagesin_total 3",
		`kafka_server_brokertopicmetrics_messagesin_total{topic="t"} 2`,
		`kafka_network_requestmetrics_requests_total{request="Produce",version="8"} 1`,
		`kafka_network_requestmetrics_errors_total{error="NONE",request="Produce"} 1`,
		`kafka_network_requestmetrics_errors_total{error="NOT_ENOUGH_REPLICAS",request="Produce"} 1`,
		`kafka_network_requestmetrics_totaltimems{quantile="0.99",request="Produce"} 2.56`,
		`kafka_network_requestmetrics_totaltimems_count{request="Produce"} 1`,
		"kafka_server_replicamanager_leadercount 7",
		`kafka_server_purgatory{delayedOperation="Fetch"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
	if strings.Contains(body, `request="Fetch"`) {
		t.Error("a request that never came is listed")
	}
}

func TestBuckets(t *testing.T) {
	for _, v := range []int64{0, 1, 3, 4, 5, 7, 8, 9, 100, 1000, 12345, 1 << 30, 1 << 38} {
		low := bucketValue(bucketOf(v))
		if float64(v) < low || float64(v) > low*1.25+1 {
			t.Errorf("%d is in the bucket from %v", v, low)
		}
	}
	for i := range numBuckets {
		if got := bucketOf(int64(bucketValue(i))); got != i {
			t.Errorf("bucket %d begins at %v, which is in bucket %d", i, bucketValue(i), got)
		}
	}
	if bucketOf(1<<62) != numBuckets-1 || bucketOf(-1) != 0 {
		t.Error("values out of range")
	}
}

func TestQuantilesFollowTheWindow(t *testing.T) {
	var h histogram
	for range 90 {
		h.observe(4)
	}
	for range 10 {
		h.observe(64)
	}
	var out [3]float64
	h.quantiles([]float64{0.5, 0.9, 0.99}, out[:])
	if out != [3]float64{4, 4, 64} {
		t.Error(out)
	}
	h.rotate()
	h.rotate()
	h.observe(8)
	h.quantiles([]float64{0.5, 0.9, 0.99}, out[:])
	if out != [3]float64{8, 8, 8} || h.count.Load() != 101 {
		t.Error(out, h.count.Load())
	}
}
