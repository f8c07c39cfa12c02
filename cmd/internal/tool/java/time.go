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
	for _, layout := range []string{"2006-01-02T15:04:05.000Z07", "2006-01-02T15:04:05.000Z0700", "2006-01-02T15:04:05.000Z07:00"} {
		if t, err := time.Parse(layout, full); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &Error{Class: "java.text.ParseException", Text: fmt.Sprintf("Unparseable date: %q", full)}
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
