package authorization

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/testbase"
)

// conn is a connection that sends one request at a time.
type conn struct {
	net.Conn
	t    testing.TB
	corr int32
}

func dial(t testing.TB, address string) *conn {
	t.Helper()
	return &conn{Conn: testbase.Dial(t, address), t: t}
}

// login dials a listener that wants PLAIN.
func login(t testing.TB, address, user, password string) *conn {
	t.Helper()
	c := dial(t, address)
	c.call(ver(&kmsg.SASLHandshakeRequest{Mechanism: "PLAIN"}, 1))
	resp, what := c.call(ver(&kmsg.SASLAuthenticateRequest{SASLAuthBytes: []byte("\x00" + user + "\x00" + password)}, 1))
	if a, ok := resp.(*kmsg.SASLAuthenticateResponse); !ok || a.ErrorCode != 0 {
		t.Fatalf("login of %s: %+v %s", user, resp, what)
	}
	return c
}

func (c *conn) send(r kmsg.Request) error {
	c.corr++
	b := make([]byte, 4, 512)
	b = binary.BigEndian.AppendUint16(b, uint16(r.Key()))
	b = binary.BigEndian.AppendUint16(b, uint16(r.GetVersion()))
	b = binary.BigEndian.AppendUint32(b, uint32(c.corr))
	b = binary.BigEndian.AppendUint16(b, 1)
	b = append(b, 'm')
	if r.IsFlexible() {
		b = append(b, 0)
	}
	b = r.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := c.Write(b)
	return err
}

// call gives the answer, or what happened instead: "closed", or "silent" for a request without an
// answer on a connection that goes on.
func (c *conn) call(r kmsg.Request) (kmsg.Response, string) {
	c.t.Helper()
	if p, ok := r.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
		return nil, c.callSilently(r)
	}
	if err := c.send(r); err != nil {
		return nil, "closed"
	}
	p, ok := c.receive()
	if !ok {
		return nil, "closed"
	}
	resp := r.ResponseKind()
	if resp.IsFlexible() && r.Key() != 18 {
		p = p[1:]
	}
	if err := resp.ReadFrom(p); err != nil {
		c.t.Fatalf("answer to key %d: %v", r.Key(), err)
	}
	return resp, ""
}

// callSilently sends a request that has no answer, and one behind it that has.
func (c *conn) callSilently(r kmsg.Request) string {
	if c.send(r) != nil || c.send(ver(kmsg.NewPtrApiVersionsRequest(), 0)) != nil {
		return "closed"
	}
	if _, ok := c.receive(); !ok {
		return "closed"
	}
	return "silent"
}

// receive reads a frame, without its correlation id; false when the connection is closed.
func (c *conn) receive() ([]byte, bool) {
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	var n [4]byte
	_, err := io.ReadFull(c, n[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatal("no answer")
	}
	if err != nil {
		return nil, false
	}
	p := make([]byte, binary.BigEndian.Uint32(n[:]))
	if _, err := io.ReadFull(c, p); err != nil || len(p) < 4 {
		return nil, false
	}
	if corr := int32(binary.BigEndian.Uint32(p)); corr != c.corr {
		c.t.Fatalf("answer to request %d, not %d", corr, c.corr)
	}
	return p[4:], true
}

// walk lists every error code, error message, authorized-operations field and array length of an
// answer.
func walk(v reflect.Value, path string, out map[string]any) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), path, out)
		}
	case reflect.Struct:
		label := ""
		for _, n := range []string{"Topic", "Group", "GroupID", "Name", "ResourceName", "Partition", "Dir"} {
			f := v.FieldByName(n)
			if !f.IsValid() {
				continue
			}
			if f.Kind() == reflect.Pointer {
				if f.IsNil() {
					continue
				}
				f = f.Elem()
			}
			if k := f.Kind(); k == reflect.String || k == reflect.Int32 {
				if n == "ResourceName" && v.FieldByName("ResourceType").IsValid() {
					label = fmt.Sprintf("%v:%v", v.FieldByName("ResourceType").Int(), f.Interface())
				} else {
					label = fmt.Sprint(f.Interface())
				}
				break
			}
		}
		if label != "" && strings.HasSuffix(path, "[]") {
			path = strings.TrimSuffix(path, "[]") + "[" + label + "]"
		}
		for i := 0; i < v.NumField(); i++ {
			n := v.Type().Field(i).Name
			f := v.Field(i)
			p := strings.TrimPrefix(path+"."+n, ".")
			switch {
			case n == "UnknownTags" || n == "Version" || n == "Brokers":
			case strings.HasSuffix(n, "ErrorCode") || strings.HasSuffix(n, "AuthorizedOperations"):
				out[p] = f.Interface()
			case n == "ErrorMessage":
				if f.Kind() == reflect.Pointer && !f.IsNil() {
					out[p] = f.Elem().Interface()
				}
			case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
				if f.Len() == 0 {
					if f.IsNil() {
						out[p] = "null or []"
					} else {
						out[p] = "[]"
					}
				}
				if n == "Configs" || n == "ApiKeys" || n == "Replicas" || n == "Members" {
					if f.Len() > 0 {
						out[p] = "not empty"
					}
					continue
				}
				if f.Len() > 0 {
					out[p+".count"] = f.Len()
				}
				for j := 0; j < f.Len(); j++ {
					walk(f.Index(j), p+"[]", out)
				}
			case f.Kind() == reflect.Struct:
				walk(f, p, out)
			}
		}
	}
}
