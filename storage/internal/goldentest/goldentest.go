// Package goldentest unpacks the archives of recorded log directories for the tests that read them,
// and has what recorded logs were configured with.
package goldentest

import (
	"archive/tar"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"momus/configs"
	"momus/internal/testbase"
	"momus/storage/record"
)

// Unpack hands out what a .tar.gz holds: regular files with their slash-separated names, content
// and modification times, and directories, whose names end with a slash. An error of fn ends the
// test.
func Unpack(t testing.TB, archive string, fn func(name string, content []byte, modified time.Time) error) {
	t.Helper()
	for r := tar.NewReader(testbase.Gunzip(t, archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch h.Typeflag {
		case tar.TypeReg:
		case tar.TypeDir:
			name = strings.TrimSuffix(name, "/") + "/"
		default:
			continue
		}
		content, err := io.ReadAll(r)
		if err == nil {
			err = fn(name, content, h.ModTime)
		}
		if err != nil {
			t.Fatalf("%s in %s: %v", name, archive, err)
		}
	}
}

// Topic is the configuration of a topic: Kafka's defaults, but that nothing expires, and what the
// given values say.
func Topic(values map[string]string) *configs.Topic {
	c, err := configs.New(map[string]string{"zookeeper.connect": "localhost:2181", "broker.id": "1", "log.retention.ms": "-1"})
	if err != nil {
		panic(err) // these are valid
	}
	topic := *c.Topic(values)
	return &topic
}

// Record shows a record as the recordings of Apache Kafka do: offset, timestamp, type of timestamp,
// leader epoch (null before record format 2), key, value, headers; bytes in base64.
func Record(b record.Batch, r *record.Record) string {
	text := func(b []byte) any {
		if b == nil {
			return nil
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	var epoch any
	if e := b.LeaderEpoch(); e >= 0 {
		epoch = e
	}
	headers := [][2]any{}
	for _, h := range r.Headers() {
		headers = append(headers, [2]any{h.Key, text(h.Value)})
	}
	j, _ := json.Marshal([]any{r.Offset, r.Timestamp, b.TimestampType(), epoch, text(r.Key), text(r.Value), headers})
	return string(j)
}
