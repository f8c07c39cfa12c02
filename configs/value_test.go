package configs

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestInvalidValuesHaveKafkasText(t *testing.T) {
	for setting, want := range map[string]string{
		"retention.ms=abc":              "Invalid value abc for configuration retention.ms: Not a number of type LONG",
		"retention.ms=":                 "Invalid value  for configuration retention.ms: Not a number of type LONG",
		"retention.ms=-2":               "Invalid value -2 for configuration retention.ms: Value must be at least -1",
		"segment.bytes=13":              "Invalid value 13 for configuration segment.bytes: Value must be at least 14",
		"segment.bytes=99999999999":     "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT",
		"min.cleanable.dirty.ratio=1.5": "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
		"min.cleanable.dirty.ratio=x":   "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE",
		"preallocate=yes":               "Invalid value yes for configuration preallocate: Expected value to be either true or false",
		"min.cleanable.dirty.ratio=2":   "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
		"cleanup.policy=delete,":        "Invalid value  for configuration cleanup.policy: String must be one of: compact, delete",
		"cleanup.policy=compact,shred":  "Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete",
		"compression.type=none":         "Invalid value none for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
		"message.timestamp.type=Never":  "Invalid value Never for configuration message.timestamp.type: String must be one of: CreateTime, LogAppendTime",
		"message.format.version=9.9":    "Invalid value 9.9 for configuration message.format.version: Version `9.9` is not a valid version",
		"leader.replication.throttled.replicas=1-2": "Invalid value [1-2] for configuration leader.replication.throttled.replicas: " +
			"leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
		"segment.bytes=+5":                "Invalid value 5 for configuration segment.bytes: Value must be at least 14",
		"min.cleanable.dirty.ratio=1_0":   "Invalid value 1_0 for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE",
		"min.cleanable.dirty.ratio=inf":   "Invalid value inf for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE",
		"min.cleanable.dirty.ratio=1e999": "Invalid value Infinity for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
		"nonsense=1":                      "Unknown topic config name: nonsense",
	} {
		key, value, _ := strings.Cut(setting, "=")
		if err := ValidateTopic(map[string]string{key: value}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", setting, err, want)
		}
	}
	// Of several bad values the error names the one that Kafka looks at first.
	bad := map[string]string{}
	for i := range topicKeys {
		bad[topicKeys[i].Name] = "zz"
	}
	for _, name := range checkOrder {
		var e *ValueError
		if err := ValidateTopic(bad); !errors.As(err, &e) || e.Key != name {
			t.Errorf("got %v, want the error of %s", err, name)
		}
		delete(bad, name)
	}
	if len(bad) > 0 {
		t.Errorf("checkOrder lacks %v", bad)
	}
	err := ValidateTopic(map[string]string{"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5"})
	if want := "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Java's numbers may be written in the digits of any script, its trim knows nothing of blanks above
// the space, and its lists are split at commas with plain white space round them.
func TestValuesAreReadAsByJava(t *testing.T) {
	for _, tt := range []struct {
		t     Type
		value string
		want  any // nil: not valid
	}{
		{Long, "٣", int64(3)}, {Long, "-१२३", int64(-123)}, {Long, "５0", int64(50)}, {Long, "+9", int64(9)}, {Long, "𝟑", nil}, {Long, "²", nil}, {Long, "1_0", nil}, {Long, "--1", nil},
		{Int, "２１４７４８３６４７", int32(math.MaxInt32)}, {Int, "２１４７４８３６４８", nil}, {Short, "٧", int16(7)}, {Double, "٣", nil},
		{Long, "\x00 5\x1f", int64(5)}, {Long, "\u00a05", nil}, {Long, "5\u2003", nil}, {Boolean, "\x01TRUE\n", true}, {Boolean, "true\u00a0", nil},
		{String, "\x02 a\u00a0", "a\u00a0"}, {Password, " secret\t", "secret"},
	} {
		got, problem := convert(tt.t, tt.value)
		if (problem == "") != (tt.want != nil) || problem == "" && got != tt.want {
			t.Errorf("%v %q: got %v %q, want %v", tt.t, tt.value, got, problem, tt.want)
		}
	}
	got, _ := convert(List, "\x00 a \t,\u00a0b\v, ,c")
	if list, ok := got.([]string); !ok || !slices.Equal(list, []string{"a", "\u00a0b", "", "c"}) {
		t.Errorf("list is %q", got)
	}
	// Each script has its ten digits side by side.
	for _, r := range unicode.Nd.R16 {
		if r.Stride != 1 || (r.Hi-r.Lo+1)%10 != 0 {
			t.Errorf("digits from %x to %x by %d", r.Lo, r.Hi, r.Stride)
		}
	}
}

func TestValidTopicOverrides(t *testing.T) {
	for key, values := range map[string][]string{
		"retention.ms":                            {"-1", " 5 ", "9223372036854775807"},
		"cleanup.policy":                          {"delete", "compact, delete", ""},
		"preallocate":                             {"TRUE", "false"},
		"message.format.version":                  {"0.9.0", "0.9.0.1", "0.10.2", "1.1", "2.5", "2.5.0", "2.1-IV1"},
		"leader.replication.throttled.replicas":   {"*", "0:1,1:2", ""},
		"min.cleanable.dirty.ratio":               {"0", "1", "0.25", "0.5f", ".5D", "0x1p-1"},
		"message.timestamp.difference.max.ms":     {"0"},
		"follower.replication.throttled.replicas": {"1:1 , 2:2"},
	} {
		for _, v := range values {
			if err := ValidateTopic(map[string]string{key: v}); err != nil {
				t.Errorf("%s=%s: %v", key, v, err)
			}
		}
	}
}

func TestDoublesPrintAsInJava(t *testing.T) {
	for in, want := range map[float64]string{0.5: "0.5", 1: "1.0", 0: "0.0", math.MaxFloat64: "1.7976931348623157E308", 1e7: "1.0E7", 123456: "123456.0",
		0.001: "0.001", 0.0001: "1.0E-4", 1.5e10: "1.5E10", -2: "-2.0", math.Inf(1): "Infinity"} {
		if got := javaDouble(in); got != want {
			t.Errorf("%v prints as %s, want %s", in, got, want)
		}
	}
}
