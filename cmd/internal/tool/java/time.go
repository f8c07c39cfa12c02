package java

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ParseDateTime reads yyyy-MM-ddTHH:mm:ss.SSS with an optional zone, UTC when there is none.
func ParseDateTime(s string) (time.Time, error) {
	_, clock, ok := strings.Cut(s, "T")
	if !ok {
		return time.Time{}, &Error{Class: "java.lang.ArrayIndexOutOfBoundsException", Text: "Index 1 out of bounds for length 1"}
	}
	full := s
	if !strings.ContainsAny(clock, "+-Z") {
		full += "Z"
	}
	if t, ok := lenient(full); ok {
		return t, nil
	}
	return time.Time{}, &Error{Class: "java.text.ParseException", Text: fmt.Sprintf("Unparseable date: %q", full)}
}

// dateTime is the form of the times of --to-datetime, with milliseconds and, perhaps, a zone.
var dateTime = regexp.MustCompile(`^(-?\d+)-(-?\d+)-(-?\d+)T(-?\d+):(-?\d+):(-?\d+)\.(-?\d+)(?:Z|([-+])(\d\d):?(\d\d)?)$`)

// lenient reads a date as SimpleDateFormat does: a thirteenth month is January of the next year,
// and so on. Only zones have limits.
func lenient(s string) (time.Time, bool) {
	m := dateTime.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	var n [7]int
	for i := range n {
		v, err := strconv.ParseInt(m[i+1], 10, 32)
		if err != nil {
			return time.Time{}, false
		}
		n[i] = int(v)
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC).Add(time.Duration(n[6]) * time.Millisecond)
	if m[8] == "" {
		return t, true
	}
	hours, _ := strconv.Atoi(m[9]) // digits
	minutes, _ := strconv.Atoi(m[10])
	if hours > 23 || minutes > 59 {
		return time.Time{}, false
	}
	zone := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if m[8] == "+" {
		zone = -zone
	}
	return t.Add(zone), true
}

// Before takes an ISO 8601 duration, such as PT1H30M or P7D, from a time.
func Before(now time.Time, s string) (time.Time, error) {
	bad := &Error{Class: "java.time.format.DateTimeParseException", Text: "Text cannot be parsed to a Duration"}
	m := regexp.MustCompile(`(?i)^([-+]?)P(?:([-+]?\d+)D)?(?:T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+(?:[.,]\d{0,9})?)S)?)?$`).FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(strings.ToUpper(s), "T") || m[2]+m[3]+m[4]+m[5] == "" {
		return now, bad
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+2] == "" {
			continue
		}
		n, err := strconv.ParseFloat(strings.Replace(m[i+2], ",", ".", 1), 64)
		if err != nil {
			return now, bad
		}
		total += time.Duration(n * float64(unit))
	}
	if m[1] == "-" {
		total = -total
	}
	return now.Add(-total), nil
}
