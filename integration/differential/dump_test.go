//go:build interop

package differential

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/storage/record"
)

// dump is a value as text: one field a line, lists of structures sorted, times of now called so,
// records taken apart.
func (s *session) dump(v any) string {
	d := &dumper{names: s.names}
	d.value("", reflect.ValueOf(v))
	return d.named(strings.TrimPrefix(d.String(), "\n"))
}

// dumper writes one value.
type dumper struct {
	strings.Builder
	names *strings.Replacer
}

// uuid is the random part of a member id.
var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// window is the range of times that a message names.
var window = regexp.MustCompile(`\[1[0-9]{12}, 1[0-9]{12}\]`)

// named gives what is this broker's own the name both have for it.
func (d *dumper) named(text string) string {

	return window.ReplaceAllString(uuid.ReplaceAllString(d.names.Replace(text), "<uuid>"), "[now, now]")

}

func (b *dumper) value(indent string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			b.WriteString("null")
			return
		}
		b.value(indent, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			switch {
			case f.Name == "Version" || f.Name == "ThrottleMillis":
				continue
			case f.Name == "UnknownTags":
				tags := v.Field(i).Interface().(kmsg.Tags)
				if n := tags.Len(); n > 0 {
					fmt.Fprintf(b, "\n%s%d unknown tags", indent, n)
				}
				continue
			case f.Name == "Records" || f.Name == "RecordBatches":
				if raw, ok := v.Field(i).Interface().([]byte); ok {
					fmt.Fprintf(b, "\n%s%s: %s", indent, f.Name, dumpRecords(raw, indent+"  "))
					continue
				}
			}
			fmt.Fprintf(b, "\n%s%s: ", indent, f.Name)
			b.value(indent+"  ", v.Field(i))
		}
	case reflect.Slice:
		switch {
		case v.IsNil():
			b.WriteString("null")
		case v.Type().Elem().Kind() == reflect.Uint8:
			fmt.Fprintf(b, "%q", v.Bytes())
		case v.Type().Elem().Kind() == reflect.Struct:
			var all []string
			for i := range v.Len() {
				one := dumper{names: b.names}
				one.value(indent+"  ", v.Index(i))
				if text := one.named(one.String()); !strings.Contains(text, "momus.http.port") { // testkit's own
					all = append(all, text)
				}
			}
			sort.Strings(all)
			fmt.Fprintf(b, "%d", len(all))
			for i, one := range all {
				if i > 0 {
					b.WriteString("\n" + indent + "  -")
				}
				b.WriteString(one)
			}
		default:
			fmt.Fprintf(b, "%v", v.Interface())
		}
	case reflect.Int64:
		b.WriteString(stamp(v.Int()))
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}

// retention is what the scenarios ask for their offsets, in ms.
const retention = 5_000_000_000

// stamp is a number, or "now" if it is a time of this test run. The scenarios' own times are years
// ago.
func stamp(n int64) string {
	now := time.Now().UnixMilli()
	if d := n - now; d > -600_000 && d < 600_000 {
		return "now"
	}
	if d := n - now - retention; d > -600_000 && d < 600_000 {
		return "now and the retention"
	}
	return fmt.Sprint(n)
}

// dumpRecords takes a set of records apart: each entry, its records, and what is left of a cut one.
func dumpRecords(raw []byte, indent string) string {
	if raw == nil {
		return "null"
	}
	var b strings.Builder
	size := len(raw)
	d := &record.Decoder{}
	compressed := false
	for len(raw) > 0 {
		e, rest, err := record.Next(raw)
		if (err != nil || e == nil) && compressed {
			fmt.Fprintf(&b, "\n%scut", indent) // by what another compressor saved
			break
		}
		if err != nil || e == nil {
			fmt.Fprintf(&b, "\n%scut %d bytes %x", indent, len(raw), raw[:min(len(raw), 17)])
			break
		}
		raw = rest
		compressed = compressed || e.Codec() != record.None
		fmt.Fprintf(&b, "\n%s%s", indent, dumpBatch(e))
		err = e.ForEach(d, func(r *record.Record) error {
			fmt.Fprintf(&b, "\n%s  %d @%s %s=%s", indent, r.Offset, stamp(r.Timestamp), short(r.Key), short(r.Value))
			for _, h := range r.Headers() {
				fmt.Fprintf(&b, " %s:%s", short([]byte(h.Key)), short(h.Value))
			}
			return nil
		})
		if err != nil {
			fmt.Fprintf(&b, "\n%s  unreadable", indent)
		}
	}
	if compressed {
		return "? bytes" + b.String() // other compressors
	}
	return fmt.Sprint(size, " bytes", b.String())
}

func dumpBatch(e record.Batch) string {
	size := fmt.Sprint(e.Size())
	if e.Codec() != record.None {
		size = "?" // other compressors
	}
	return fmt.Sprintf("magic %d offsets %d-%d size %s codec %v type %v times %s-%s epoch %d producer %d/%d/%d count %d txn %v control %v crc ok %v",
		e.Magic(), e.BaseOffset(), e.LastOffset(), size, e.Codec(), e.TimestampType(), stamp(e.FirstTimestamp()), stamp(e.MaxTimestamp()), e.LeaderEpoch(),
		e.ProducerID(), e.ProducerEpoch(), e.BaseSequence(), e.Count(), e.IsTransactional(), e.IsControl(), e.Verify() == nil)
}

func short(b []byte) string {
	if b == nil {
		return "null"
	}
	if len(b) > 60 {
		return fmt.Sprintf("%d bytes %x", len(b), sha256.Sum256(b))[:30]
	}
	return fmt.Sprintf("%q", b)
}
