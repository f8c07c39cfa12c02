package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fill gives every field of a message a value that is not its default, and every array two elements.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "UnknownTags" && v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.String:
		v.SetString("abc")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(3)
	}
}

// The layouts are those of kmsg, which writes every version of every request as they say.
func TestLayoutsAreThoseOfTheMessages(t *testing.T) {
	for _, api := range apis {
		if api.Key == Produce || api.Key == Fetch {
			continue // decoded by hand
		}
		for version := range api.Max + 1 {
			req := kmsg.RequestForKey(api.Key)
			fill(reflect.ValueOf(req).Elem())
			req.SetVersion(version)
			body := req.AppendTo(nil)
			s := skimmer{b: body, old: !api.IsFlexible(version)}
			if s.old {
				layout := oldLayout(api.Key, version)
				if layout == "" {
					if bytes.Contains(body, []byte{0, 0, 0, 2, 0}) {
						t.Errorf("%s v%d has arrays and no layout: %x", api.Name, version, body)
					}
					continue
				}
				s.fields(layout)
			} else {
				layout, ok := layouts(api.Key, version)
				if !ok {
					t.Errorf("%s v%d has no layout", api.Name, version)
				}
				s.fields(layout)
				s.tags()
			}
			if s.bad || len(s.b) > 0 {
				t.Errorf("%s v%d: bad is %v, %d of %d bytes are left", api.Name, version, s.bad, len(s.b), len(body))
			}
		}
	}
}

// A large request of elements that take next to nothing on the wire is refused before anything is
// allocated for it, in both encodings, and one with a number of elements that is not true too.
func TestManySmallElementsAreRefused(t *testing.T) {
	const size = 16 << 20
	old := binary.BigEndian.AppendUint32(nil, size/2-4)
	lie := binary.BigEndian.AppendUint32(nil, size-8)
	compact := binary.AppendUvarint(nil, size-8)
	for _, c := range []struct {
		name    string
		key     Key
		version int16
		head    []byte
		fill    byte
	}{
		{"topics without names", DeleteTopics, 3, old, 0},
		{"topics without names, compact", DeleteTopics, 4, compact, 1},
		{"resources without names, compact", IncrementalAlterConfigs, 1, binary.AppendUvarint(nil, size/4-4), 1},
		{"a number that is not true", CreateTopics, 2, lie, 0},
	} {
		body := append(c.head, bytes.Repeat([]byte{c.fill}, size-len(c.head))...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := DecodeRequest(c.key, c.version, body)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", c.name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", c.name, n)
		}
	}
}

// What a controller of a very large cluster sends is not too much.
func TestTheLargestClusterIsDecoded(t *testing.T) {
	req := kmsg.NewPtrUpdateMetadataRequest()
	req.SetVersion(5)
	topic := kmsg.NewUpdateMetadataRequestTopicState()
	topic.Topic = "t"
	for range 200_000 {
		p := kmsg.NewUpdateMetadataRequestTopicPartition()
		p.Replicas, p.ISR = []int32{1, 2, 3}, []int32{1, 2, 3}
		topic.PartitionStates = append(topic.PartitionStates, p)
	}
	req.TopicStates = append(req.TopicStates, topic)
	for version := int16(5); version <= 6; version++ {
		req.SetVersion(version)
		if _, err := DecodeRequest(UpdateMetadata, version, req.AppendTo(nil)); err != nil {
			t.Errorf("v%d: %v", version, err)
		}
	}
}
