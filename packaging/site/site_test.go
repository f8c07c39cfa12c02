package main

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"testing"
)

// rendered is the site of this repository, as a release has it.
func rendered(t *testing.T) map[string][]byte {
	t.Helper()
	work := t.TempDir()
	if err := manual("../..", work, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	s, err := load("../..", work+"/pages")
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.render("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Every link leads to a page of the site and to a place that is in it; nothing is loaded from
// elsewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	files := rendered(t)
	id := regexp.MustCompile(`id="([^"]+)"`)
	ids := map[string]map[string]bool{}
	for name, data := range files {
		if path.Ext(name) != ".html" {
			continue
		}
		ids[name] = map[string]bool{}
		for _, m := range id.FindAllStringSubmatch(string(data), -1) {
			if ids[name][m[1]] {
				t.Errorf("%s: %s comes twice", name, m[1])
			}
			ids[name][m[1]] = true
		}
	}
	if len(ids) < 60 {
		t.Fatalf("only %d pages", len(ids))
	}
	href := regexp.MustCompile(`(href|src)="([^"]*)"`)
	links := 0
	for name := range ids {
		for _, m := range href.FindAllStringSubmatch(string(files[name]), -1) {
			to := m[2]
			switch {
			case strings.HasPrefix(to, "data:"):
				continue
			case strings.Contains(to, "://"):
				if m[1] == "src" {
					t.Errorf("%s loads %s", name, to)
				}
				continue
			}
			links++
			file, anchor, _ := strings.Cut(to, "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if files[target] == nil {
				t.Errorf("%s leads to %s, which is not there", name, to)
			} else if anchor != "" && !ids[target][anchor] {
				t.Errorf("%s leads to %s: there is no such heading", name, to)
			}
		}
	}
	if links < 1000 {
		t.Errorf("only %d links", links)
	}
	for _, name := range []string{"style.css", "site.js"} {
		if regexp.MustCompile(`https?://|@import|url\(`).Match(files[name]) {
			t.Errorf("%s loads something", name)
		}
	}
}

// What a reader looks for is in the index, at the place where it is.
func TestIndexHasWhatIsWritten(t *testing.T) {
	data := string(rendered(t)["index.js"])
	data = strings.TrimSuffix(strings.TrimPrefix(data, "window.searchIndex="), ";\n")
	var all []entry
	if err := json.Unmarshal([]byte(data), &all); err != nil {
		t.Fatal(err)
	}
	for text, url := range map[string]string{"log.retention.hours": "keys.html#brokers", "--under-min-isr-partitions": "manual/kafka-topics.html#options", "HOSTNAME_COMMAND": "from/wurstmeister.html"} {
		found := false
		for _, e := range all {
			found = found || e.URL == url && strings.Contains(e.Text, text)
		}
		if !found {
			t.Errorf("%s is not found in %s", text, url)
		}
	}
}

// Two renderings are equal.
func TestSiteIsReproducible(t *testing.T) {
	a, b := rendered(t), rendered(t)
	for name := range a {
		if string(a[name]) != string(b[name]) {
			t.Errorf("%s differs", name)
		}
	}
}
