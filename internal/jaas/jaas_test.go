package jaas_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"momus/internal/jaas"
)

type entryJSON struct {
	Module  string            `json:"module"`
	Flag    string            `json:"flag"`
	Options map[string]string `json:"options"`
}

type recorded struct {
	Kind     string      `json:"kind"`
	Text     string      `json:"text"`
	Error    string      `json:"error"`
	Entries  []entryJSON `json:"entries"`
	Sections map[string]struct {
		Entries []entryJSON `json:"entries"`
	} `json:"sections"`
}

func recordings(t testing.TB) (all []recorded) {
	data, err := os.ReadFile("testdata/jaas.json")
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil || len(all) < 40 {
		t.Fatalf("%d texts, %v", len(all), err)
	}
	return all
}

// property is the one system property that the recorded JVM had.
func property(name string) (string, bool) { return "T", name == "momus.test" }

func converted(list []entryJSON) (out []jaas.Entry) {
	for _, e := range list {
		out = append(out, jaas.Entry(e))
	}
	return out
}

func TestTextsReadAsKafkaAndTheJVMReadThem(t *testing.T) {
	for _, r := range recordings(t) {
		var got, want any
		var err error
		if r.Kind == "property" {
			var e jaas.Entry
			e, err = jaas.ParseProperty(r.Text)
			got, want = []jaas.Entry{e}, converted(r.Entries)
		} else {
			sections := jaas.Sections{}
			for name, s := range r.Sections {
				sections[name] = converted(s.Entries)
			}
			want = sections
			got, err = jaas.ParseFile(r.Text, property)
		}
		if wantErr := strings.TrimPrefix(r.Error, "IllegalArgumentException: "); wantErr != "" {
			if err == nil || err.Error() != wantErr {
				t.Errorf("%s %q:\n got error %v\nwant error %s", r.Kind, r.Text, err, wantErr)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %q:\n got %v, %v\nwant %v", r.Kind, r.Text, got, err, want)
		}
	}
}

func TestTextsBeyondTheRecording(t *testing.T) {
	for text, want := range map[string]string{
		`m required a="\477\18x";`:       "\x27" + "7\x01" + "8x",
		`m required a=-;`:                "",
		`m required a="x` + "\r\n" + `;`: "x",
		`m required a="\`:                "",
		`m required a=x-1.2;`:            "x-1.2",
	} {
		if e, _ := jaas.ParseProperty(text); e.Options["a"] != want {
			t.Errorf("%q gives %q, want %q", text, e.Options["a"], want)
		}
	}
	for text, want := range map[string]string{
		"a {\r\n\r\n b required c=1;\r\n};":        "Line 3: expected [option value], found [null]",
		`a { b wanted c=d; };`:                     "Invalid control flag, WANTED",
		"a {\n b required c=\"${empty}\"; };":      "Line 2: system property [${empty}] expanded to empty value",
		`a b`:                                      "Line 1: expected [{], found [b]",
		`a { b required c="${{x}}${y" d="${{x"; }`: "expected [;], read [end of file]",
	} {
		_, err := jaas.ParseFile(text, func(name string) (string, bool) { return "", name == "empty" })
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
	s, err := jaas.ParseFile(`a { b required c="${{x}}${y" d="${{x"; };`, nil)
	if err != nil || s["a"][0].Options["c"] != "${{x}}${y" || s["a"][0].Options["d"] != "${{x" {
		t.Errorf("%v, %v", s, err)
	}
}

func FuzzJAAS(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := jaas.ParseProperty(text); err == nil && (e.Options == nil || e.Module == "" || e.Flag == "") {
			t.Errorf("%q gives %+v", text, e)
		}
		sections, err := jaas.ParseFile(text, property)
		for name, entries := range sections {
			if err != nil || len(entries) == 0 {
				t.Errorf("%q: section %q with %v, %v", text, name, entries, err)
			}
		}
	})
}
