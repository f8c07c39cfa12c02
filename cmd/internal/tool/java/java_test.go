package java

import (
	"strings"
	"testing"
	"time"
)

func TestHashOrderIsJavas(t *testing.T) {
	if h := HashCode("com.harm.topic.1"); h != HashCode("com.harm.topic.2")-1 || HashCode("한") != 0xd55c || HashCode("😀") != 31*0xd83d+0xde00 {
		t.Errorf("hash codes: %d", h)
	}
	topics := []string{"assigned", "assigned2", "bsplain", "com.harm.topic.1", "com.harm.topic.2", "configured", "defaults", "fmt", "plain", "under_score", "zkconfigured"}
	want := "configured zkconfigured defaults bsplain plain under_score com.harm.topic.2 assigned2 assigned com.harm.topic.1 fmt"
	if got := strings.Join(HashOrder(topics, TableFor(len(topics)), HashCode), " "); got != want {
		t.Errorf("order: %s", got)
	}
}

func TestDatesAndDurations(t *testing.T) {
	now := time.Date(2020, 4, 15, 10, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{"PT1H30M": "08:30:00", "P1DT2H": "08:00:00", "PT0S": "10:00:00", "-PT1M": "10:01:00", "PT1.5S": "09:59:58.5"} {
		got, err := Before(now, s)
		if err != nil || got.Format("15:04:05.999") != want {
			t.Errorf("%s: %v %v", s, got, err)
		}
	}
	for _, s := range []string{"1h", "P", "PT", "PT1H2D"} {
		if _, err := Before(now, s); err == nil {
			t.Errorf("%s is a duration", s)
		}
	}
	for s, want := range map[string]int64{"2020-01-01T00:00:00.000": 1577836800000, "2020-01-01T09:00:00.000+09:00": 1577836800000, "2020-01-01T09:00:00.000+09": 1577836800000, "2020-01-01T00:00:00.000Z": 1577836800000} {
		got, err := ParseDateTime(s)
		if err != nil || got.UnixMilli() != want {
			t.Errorf("%s: %v %v", s, got, err)
		}
	}
}

func TestJavaNumbers(t *testing.T) {
	for v, want := range map[float64]string{1: "1.0", 0.5: "0.5", 1e7: "1.0E7", 1.5e-5: "1.5E-5", 0: "0.0", -2.25: "-2.25"} {
		if got := Double(v, 64); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	r, payload := NewRandom(0), ""
	for range 8 {
		payload += string(rune(65 + r.NextInt(26)))
	}
	if payload != "SSXVNJHP" {
		t.Errorf("payload %s", payload)
	}
}
