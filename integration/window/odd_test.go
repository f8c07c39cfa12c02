//go:build console

package window

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"momus/integration/testkit"
)

// Names that Kafka takes and a page may trip over are shown as they are, and their views are theirs.
func TestOddNamesAreShownAsTheyAre(t *testing.T) {
	long := strings.Repeat("x.", 124) + "y" // 249 characters
	topics := []string{long, "a.b-c_d", "--help", "-", "0", "constructor", "__proto__"}
	groups := []string{"<img src=x onerror=alert(1)>", "tab\tnew\nline\x01", "한글/그룹?a=b#c&%2F", "../../etc", `"quoted' $& ${x}`, strings.Repeat("g", 1000)}
	c := testkit.Quickstart(t, 3, "--console-port", "0")
	admin := testkit.Admin(t, c.Bootstrap)
	if _, err := admin.CreateTopics(t.Context(), 2, 3, nil, topics...); err != nil {
		t.Fatal(err)
	}
	for i, g := range groups {
		var o kadm.Offsets
		o.Add(kadm.Offset{Topic: topics[i%len(topics)], Partition: 1, At: 0})
		if err := admin.CommitAllOffsets(t.Context(), g, o); err != nil {
			t.Fatalf("%q: %v", g, err)
		}
	}
	b := newBrowser(t, page(t, c))
	const soon = 20 * time.Second
	shown := func(selector string) []string {
		return eval[[]string](b, `[...document.querySelectorAll(`+quoted(selector)+`)].map(e => e.textContent)`)
	}
	has := func(list []string, want string) bool {
		for _, s := range list {
			if s == want {
				return true
			}
		}
		return false
	}
	b.open("Cluster")
	b.wait(soon, "a.chip", "^--help-0, ")
	for _, name := range topics {
		b.open("Cluster")
		b.wait(soon, "a.chip", "^0-0, ")
		if !eval[bool](b, `(() => { const a = [...document.querySelectorAll('a.chip')].find(a => a.getAttribute('aria-label').startsWith(`+quoted(name+"-1, ")+`)); a?.click(); return !!a; })()`) {
			t.Errorf("%.40s has no chip", name)
			continue
		}
		testkit.Eventually(t, soon, "the partition of "+name, func() bool { return has(shown("h1"), "Partition "+name+"-1") })
		testkit.Eventually(t, soon, "the offsets of "+name, func() bool { return strings.Contains(strings.Join(shown("table"), " "), "high watermark") })
		if wide := eval[bool](b, "document.documentElement.scrollWidth > innerWidth + 1"); wide {
			t.Errorf("the page of %.40s is wider than its window", name)
		}
	}
	b.picture("odd-partition")
	b.open("Groups")
	for _, g := range groups {
		testkit.Eventually(t, soon, "group "+g, func() bool { return has(shown("section h2"), g) })
	}
	if wide := eval[bool](b, "document.documentElement.scrollWidth > innerWidth + 1"); wide {
		t.Error("the groups are wider than the window")
	}
	b.picture("odd-groups")
	if n := eval[int](b, `document.querySelectorAll('main img').length`); n != 0 {
		t.Errorf("%d images of a group's name", n)
	}
	b.open("Configs")
	b.wait(soon, "th[scope=row]", "^log.dirs$")
	b.picture("odd-configs")
}

// A learner who reads Korean reads all of the doctor's findings in it.
func TestHealthIsInKorean(t *testing.T) {
	c := testkit.Quickstart(t, 3, "--console-port", "0")
	admin := testkit.Admin(t, c.Bootstrap)
	two := "2"
	if _, err := admin.CreateTopics(t.Context(), 2, 1, map[string]*string{"min.insync.replicas": &two}, "alone"); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, page(t, c))
	const soon = 20 * time.Second
	b.open("Health")
	b.wait(soon, "article.finding h3", "only one replica")
	eval[bool](b, `(() => { const s = document.querySelector('header select'); s.value = 'ko'; s.dispatchEvent(new Event('change')); return true; })()`)
	b.wait(soon, "article.finding h3", "복제본이 하나뿐인 토픽")
	texts := eval[[]string](b, `[...document.querySelectorAll('article.finding h3, article.finding li, article.finding p')].map(e => e.textContent)`)
	for _, s := range texts {
		if !strings.ContainsFunc(s, func(r rune) bool { return r >= '가' && r <= '힣' }) {
			t.Errorf("%q is not Korean", s)
		}
	}
	if len(texts) < 6 {
		t.Errorf("only %q", texts)
	}
	b.look("health-ko")
}
