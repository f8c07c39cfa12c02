package options

import (
	"strings"
	"testing"
)

func testOptions() *Options {
	o := New("A test.")
	o.Flag("list", "")
	o.Value("topic", "TOPIC", "")
	o.ValueOr("partitions", "N", "1", "")
	o.Optional("codec", "CODEC", "")
	return o.Standard()
}

func TestOptionsReadAsJoptsimpleDoes(t *testing.T) {
	for _, c := range []struct {
		words, topic, err string
		list              bool
	}{
		{words: "--list --topic a", topic: "a", list: true},
		{words: "-list -topic=a", topic: "a", list: true},
		{words: "--topic --list", topic: "--list"},
		{words: "word --list more", list: true},
		{words: "--list -- --foo", list: true},
		{words: "--foo", err: "foo is not a recognized option"},
		{words: "-foo", err: "f is not a recognized option"},
		{words: "--lis", err: "lis is not a recognized option"},
		{words: "--topic", err: "Option topic requires an argument"},
		{words: "--list=x", err: "Option list does not accept an argument"},
		{words: "--topic a --topic b", err: "Found multiple arguments for option topic, but you asked for only one"},
		{words: "--partitions x", err: "Cannot parse argument 'x' of option partitions"},
		{words: "--codec --list", list: true},
	} {
		o := testOptions()
		err := o.Parse(strings.Fields(c.words))
		topic := ""
		if err == nil {
			topic, err = o.One("topic")
		}
		if err == nil {
			_, err = o.Number("partitions", 32)
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.err || err == nil && (topic != c.topic || o.Has("list") != c.list) {
			t.Errorf("%s: topic %q, list %v, error %q", c.words, topic, o.Has("list"), got)
		}
	}
}

func FuzzOptions(f *testing.F) {
	f.Add("--topic a --list")
	f.Add("-- --x")
	f.Fuzz(func(t *testing.T, s string) {
		o := testOptions()
		if o.Parse(strings.Fields(s)) == nil {
			o.Usage()
		}
	})
}
