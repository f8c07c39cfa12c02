package configs

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"momus/internal/release"
)

// Validator is the condition that a key puts on its value.
type Validator interface {
	// Check says in Kafka's words what is wrong with a parsed value, or "" when nothing is. Its
	// second result replaces the value in the message when only a part of it is wrong, else it is
	// "".
	Check(name string, v any) (problem, part string)
	// String is Kafka's description of what is valid.
	String() string
}

type atLeast float64

func (a atLeast) Check(_ string, v any) (string, string) {
	if v == nil {
		return "Value must be non-null", ""
	}
	// A comparison of doubles is exact for all 32-bit numbers, and the limits of longs are small.
	if number(v) < float64(a) {
		return "Value must be at least " + strconv.FormatFloat(float64(a), 'f', -1, 64), ""
	}
	return "", ""
}

func (a atLeast) String() string { return fmt.Sprintf("[%v,...]", float64(a)) }

type interval struct{ min, max float64 }

func between(min, max float64) interval { return interval{min, max} }

func (r interval) Check(name string, v any) (string, string) {
	if p, part := atLeast(r.min).Check(name, v); p != "" {
		return p, part
	}
	if number(v) > r.max {
		return "Value must be no more than " + strconv.FormatFloat(r.max, 'f', -1, 64), ""
	}
	return "", ""
}

func (r interval) String() string { return fmt.Sprintf("[%v,...,%v]", r.min, r.max) }

type choice []string

func oneOf(names ...string) choice { return names }

func (c choice) Check(_ string, v any) (string, string) {
	var values []string
	list := false
	switch x := v.(type) {
	case string:
		values = []string{x}
	case []string:
		values, list = x, true
	}
next:
	for _, s := range values {
		for _, n := range c {
			if s == n {
				continue next
			}
		}
		part := ""
		if list {
			part = s
		}
		return "String must be one of: " + strings.Join(c, ", "), part
	}
	return "", ""
}

func (c choice) String() string { return "[" + strings.Join(c, ", ") + "]" }

type throttledReplicas struct{}

var replicaPair = regexp.MustCompile(`^([0-9]+:[0-9]+)?$`)

const throttledForm = "[partitionId]:[brokerId],[partitionId]:[brokerId],..."

func (throttledReplicas) Check(name string, v any) (string, string) {
	list, _ := v.([]string)
	// Only as the first element: a star later on is a format error.
	if len(list) > 0 && strings.TrimSpace(list[0]) == "*" {
		return "", ""
	}
	for _, s := range list {
		if !replicaPair.MatchString(strings.TrimSpace(s)) {
			return name + " must be the literal '*' or a list of replicas in the following format: " + throttledForm,
				"[" + strings.Join(list, ", ") + "]"
		}
	}
	return "", ""
}

func (throttledReplicas) String() string { return throttledForm }

type apiVersion struct{}

func (apiVersion) Check(_ string, v any) (string, string) {
	s, _ := v.(string)
	if _, err := release.Parse(s); err != nil {
		return err.Error(), ""
	}
	return "", ""
}

func (apiVersion) String() string {
	return "[" + strings.Join(release.Names(), ", ") + "]"
}

func number(v any) float64 {
	switch x := v.(type) {
	case int16:
		return float64(x)
	case int32:
		return float64(x)
	case int64:
		return float64(x)
	case float64:
		return x
	}
	return math.NaN()
}

// ValueError is a value that does not fit its key. Its text is Kafka's.
type ValueError struct {
	Key    string
	Value  string
	Reason string // "" when Kafka gives none
	// Valid describes what is valid, "" when it is clear from Reason.
	Valid string
}

// Error is the text that Kafka's ConfigException has, which clients see.
func (e *ValueError) Error() string {
	s := "Invalid value " + e.Value + " for configuration " + e.Key
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// parse converts a value as Kafka's ConfigDef does and checks it: bool, string, int16, int32,
// int64, float64 or []string.
func (k *Key) parse(value string) (any, error) {
	v, reason := convert(k.Type, value)
	if reason != "" {
		return nil, &ValueError{Key: k.Name, Value: value, Reason: reason, Valid: k.validText()}
	}
	if k.Valid != nil {
		if problem, part := k.Valid.Check(k.Name, v); problem != "" {
			// Java's validator gets the parsed number and prints that.
			if f, ok := v.(float64); ok {
				part = javaDouble(f)
			} else if !math.IsNaN(number(v)) { // +5 is named as 5
				part = fmt.Sprint(v)
			} else if list, ok := v.([]string); part == "" && !(ok && slices.Contains(list, "")) { // an empty element is named as it is
				part = strings.TrimSpace(value)
			}
			return nil, &ValueError{Key: k.Name, Value: part, Reason: problem, Valid: k.validText()}
		}
	}
	return v, nil
}

// validText says in words what the key takes, "" when there is nothing to say.
func (k *Key) validText() string {
	kind := map[Type]string{Boolean: "true or false", Int: "a whole number from -2147483648 to 2147483647", Short: "a whole number from -32768 to 32767",
		Long: "a whole number", Double: "a number"}[k.Type]
	switch v := k.Valid.(type) {
	case atLeast:
		switch k.Type {
		case Int:
			return fmt.Sprintf("a whole number from %v to 2147483647", float64(v))
		case Short:
			return fmt.Sprintf("a whole number from %v to 32767", float64(v))
		}
		return fmt.Sprintf("%s of at least %v", kind, float64(v))
	case interval:
		return fmt.Sprintf("%s from %v to %v", kind, v.min, v.max)
	case choice:
		return strings.Join(v, ", ")
	case apiVersion:
		return "a version from 0.8.0 to 2.5, such as 2.5, 2.4-IV1 or 0.11.0"
	case throttledReplicas:
		return "* or " + throttledForm
	}
	return kind
}

func convert(t Type, value string) (any, string) {
	trimmed := javaTrim(value)
	switch t {
	case Boolean:
		switch {
		case strings.EqualFold(trimmed, "true"):
			return true, ""
		case strings.EqualFold(trimmed, "false"):
			return false, ""
		}
		return nil, "Expected value to be either true or false"
	case Int:
		if n, err := strconv.ParseInt(asciiDigits(trimmed), 10, 32); err == nil {
			return int32(n), ""
		}
	case Short:
		if n, err := strconv.ParseInt(asciiDigits(trimmed), 10, 16); err == nil {
			return int16(n), ""
		}
	case Long:
		if n, err := strconv.ParseInt(asciiDigits(trimmed), 10, 64); err == nil {
			return n, ""
		}
	case Double:
		if n, ok := parseDouble(trimmed); ok {
			return n, ""
		}
	case List:
		return splitList(trimmed), ""
	default: // passwords too: Kafka cuts off the blanks round them
		return trimmed, ""
	}
	return nil, "Not a number of type " + t.String()
}

// javaTrim cuts off what Java's String.trim does: everything up to the space, and no other blanks.
func javaTrim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

// asciiDigits writes the decimal digits of other scripts as ours: Java's numbers may have them.
func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		for _, digits := range unicode.Nd.R16 { // Java looks at 16 bits at a time
			if rune(digits.Lo) <= r && r <= rune(digits.Hi) {
				return '0' + (r-rune(digits.Lo))%10
			}
		}
		return r
	}, s)
}

// splitList splits at commas with the blanks round them; the empty string is the empty list.
func splitList(s string) []string {
	s = javaTrim(s)
	if s == "" {
		return []string{}
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], " \t\n\v\f\r")
	}
	return parts
}

// NonEmpty are the entries of a list with commas, without the blanks round them and without those
// that are empty: of the lists that Kafka's parts split themselves, most forgive a comma too many.
func NonEmpty(list string) (out []string) {
	for _, e := range strings.Split(list, ",") {
		if e = strings.TrimSpace(e); e != "" {
			out = append(out, e)
		}
	}
	return out
}

// store puts a parsed value into a field of Broker or Topic.
func store(field any, v any) {
	switch f := field.(type) {
	case *bool:
		*f = v.(bool)
	case *string:
		*f = v.(string)
	case *int16:
		*f = v.(int16)
	case *int32:
		*f = v.(int32)
	case *int64:
		*f = v.(int64)
	case *float64:
		*f = v.(float64)
	case *[]string:
		*f = v.([]string)
	}
}

// storeNull gives a field the value that stands for "not set".
func storeNull(field any) {
	switch f := field.(type) {
	case *int16:
		*f = -1
	// int16 and int32 have no nil; keys without a default are ids and rates, for which -1 is none.
	case *int32:
		*f = -1
	case *int64:
		*f = -1
	}
}

// format prints a parsed value as Kafka's ConfigDef.convertToString does.
func format(v any) string {
	switch x := v.(type) {
	case bool:
		return strconv.FormatBool(x)
	case int16:
		return strconv.FormatInt(int64(x), 10)
	case int32:
		return strconv.FormatInt(int64(x), 10)
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return javaDouble(x)
	case []string:
		return strings.Join(x, ",")
	case string:
		return x
	}
	return ""
}

// javaNumber is what Java's Double.parseDouble reads; its first group is without the letter that may
// end it.
var javaNumber = regexp.MustCompile(`^([+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+))[fFdD]?$`)

// parseDouble reads a number as Java does; what is too large is infinite.
func parseDouble(s string) (x float64, ok bool) {
	m := javaNumber.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	if strings.HasSuffix(m[1], "NaN") {
		return math.NaN(), true
	}
	// ErrRange comes with infinity, which Java's parser gives too.
	x, err := strconv.ParseFloat(m[1], 64)
	return x, err == nil || errors.Is(err, strconv.ErrRange)
}

// javaDouble prints as Java's Double.toString: at least one digit after the point, scientific from
// 10^7 and below 10^-3.
func javaDouble(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	case x == 0:
		if math.Signbit(x) {
			return "-0.0"
		}
		return "0.0"
	}
	if a := math.Abs(x); a >= 1e-3 && a < 1e7 {
		s := strconv.FormatFloat(x, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(x, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}
