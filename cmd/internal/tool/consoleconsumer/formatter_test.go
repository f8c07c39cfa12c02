package consoleconsumer

import (
	"bytes"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestMessagesAsJSON(t *testing.T) {
	var b bytes.Buffer
	r := &kgo.Record{Topic: "t", Partition: 1, Offset: 2, Timestamp: time.UnixMilli(3), Key: []byte{0xff}, Value: []byte("<v>"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}, {Key: "n"}}}
	if err := formatJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	want := `{"topic":"t","partition":1,"offset":2,"timestamp":3,"timestampType":"CreateTime","headers":[{"key":"h","value":"x"},{"key":"n","value":null}],"key":{"base64":"/w=="},"value":"<v>"}` + "\n"
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	f := &defaultFormatter{value: true, offset: true, headers: true, separator: "\t", end: "\n"}
	if err := f.write(&b, r); err != nil || b.String() != "Offset:2\th:x,n:\t<v>\n" {
		t.Errorf("%q %v", b.String(), err)
	}
}
