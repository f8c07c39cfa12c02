package options

import (
	"strings"
	"testing"
)

func testOptions() *Options {
	return Read("A test.", `
		--list            list
		--topic <TOPIC>   the topic
		--partitions <N>  how many (default: 1)
		--codec [CODEC]   the codec
		--wait [MS]       how long (default: -1)
	`).Numeric("wait").Standard()
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

// The usage of a tool read as its table gives the same options: what is written in a tool is what
// its help shows.
func TestTableIsWhatUsageShows(t *testing.T) {
	o := testOptions()
	again := Read("", o.Usage())
	if len(again.List) != len(o.List) {
		t.Fatalf("%d options of %d", len(again.List), len(o.List))
	}
	for name, p := range o.ByName {
		q := again.ByName[name]
		if q == nil || q.Head() != p.Head() || q.Help != p.Help || q.Fallback != p.Fallback {
			t.Errorf("%s: %+v, want %+v", name, q, p)
		}
	}
}

func TestTableThatCannotBeReadIsAMistakeOfTheProgram(t *testing.T) {
	for _, line := range []string{"--list", "list  lists", "--topic NAME  the topic", "--topic <>  the topic", "--  nothing", "--topic <NAME]  the topic"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was read", line)
				}
			}()
			Read("", line)
		}()
	}
}

func TestNumberBehindAnOptionalValue(t *testing.T) {
	for words, want := range map[string]int64{"--wait -5": -5, "--wait --list": -1, "--wait": -1, "--wait=7": 7, "--list": -1} {
		o := testOptions()
		if err := o.Parse(strings.Fields(words)); err != nil {
			t.Fatal(words, err)
		}
		if got, err := o.Number("wait", 64); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", words, got, err, want)
		}
	}
}

func TestConditionsOfOptions(t *testing.T) {
	for _, c := range []struct {
		words string
		check func(*Options) error
		want  string
	}{
		{"--list", func(o *Options) error { return o.Require("list", "topic") }, `Missing required argument "[topic]"`},
		{"--list --topic a", func(o *Options) error { return o.Require("list", "topic") }, ""},
		{"--list --topic a", func(o *Options) error { return o.Exclude("list", "list", "topic") }, `Option "[list]" can't be used with option "[topic]"`},
		{"--topic a", func(o *Options) error { return o.Exclude("list", "topic") }, ""},
		{"--list --topic a --codec x", func(o *Options) error {
			return o.ExcludeAll([]Rule{{Name: "wait", Others: []string{"list"}}, {Name: "codec", Others: []string{"topic"}}})
		}, `Option "[codec]" can't be used with option "[topic]"`},
	} {
		o := testOptions()
		if err := o.Parse(strings.Fields(c.words)); err != nil {
			t.Fatal(c.words, err)
		}
		got := ""
		if err := c.check(o); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.words, got, c.want)
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
