//go:build console

package window

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"momus/integration/testkit"
)

// axe is axe-core 4.14.1 (MPL-2.0, see LICENSE.axe-core.txt), which checks a page for
// accessibility.
//
//go:embed testdata/axe.min.js
var axe string

// browser is a headless Chromium with one page, which notes what a good page never does.
type browser struct {
	t    *testing.T
	ctx  context.Context
	site string // host:port of the page

	mu     sync.Mutex
	faults []string
}

func newBrowser(t *testing.T, page string) *browser {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.UserDataDir(t.TempDir())}
	if path, err := os.Stat("/usr/bin/chromium"); err == nil && !path.IsDir() {
		opts = append(opts, chromedp.ExecPath("/usr/bin/chromium"))
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	b := &browser{t: t, ctx: ctx, site: u.Host}
	t.Cleanup(func() {
		cancel()
		cancelAlloc()
		b.check()
	})
	// The browser lives as long as the context of the first call.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, cdplog.Enable, cdp.Empty{})
		return err
	}))
	b.resize(1280, 900)
	b.run(chromedp.Navigate(page))
	return b
}

func (b *browser) resize(width, height int64) {
	b.t.Helper()
	b.run(chromedp.EmulateViewport(width, height))
}

func (b *browser) listen(ev any) {
	fault := ""
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(ev.Request.URL); err != nil || u.Host != b.site && u.Scheme != "data" && u.Scheme != "blob" {
			fault = "request to elsewhere: " + ev.Request.URL
		}
	case *cdplog.EventEntryAdded:
		if ev.Entry.Level == cdplog.EntryLevelError || ev.Entry.Level == cdplog.EntryLevelWarning {
			fault = fmt.Sprintf("log: %s %s", ev.Entry.Text, ev.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		fault = fmt.Sprintf("exception: %+v", ev.ExceptionDetails)
		if x := ev.ExceptionDetails.Exception; x != nil {
			fault += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			fault = "console: "
			for _, a := range ev.Args {
				fault += fmt.Sprintf("%s %s ", a.Value, a.Description)
			}
		}
	}
	if fault != "" {
		b.mu.Lock()
		b.faults = append(b.faults, fault)
		b.mu.Unlock()
	}
}

func (b *browser) check() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.t.Error(f)
	}
	b.faults = nil
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval evaluates JavaScript.
func eval[T any](b *browser, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// names are the accessible names of all elements of a role, as a screen reader would say them: from
// aria-label, aria-labelledby or text.
const names = `(selector) => [...document.querySelectorAll(selector)].map(e => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') ?
	document.getElementById(e.getAttribute('aria-labelledby'))?.textContent : e.textContent) || '').replace(/\s+/g, ' ').trim())`

// wait waits until an element of the selector has an accessible name that matches the pattern.
func (b *browser) wait(limit time.Duration, selector, pattern string) {
	b.t.Helper()
	re := regexp.MustCompile(pattern)
	var got []string
	began := time.Now()
	for {
		got = eval[[]string](b, "("+names+")("+quoted(selector)+")")
		for _, n := range got {
			if re.MatchString(n) {
				return
			}
		}
		if time.Since(began) > limit {
			b.t.Fatalf("no %s with name %s within %v; there are %q", selector, pattern, limit, got)
		}
		b.run(chromedp.Sleep(20 * time.Millisecond))
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always is JSON
	return string(b)
}

// open goes to a view by its link in the navigation.
func (b *browser) open(name string) {
	b.t.Helper()
	b.wait(5*time.Second, "nav a", "^"+name+"$")
	eval[bool](b, `[...document.querySelectorAll('nav a')].find(a => a.textContent.trim() === `+quoted(name)+`).click() ?? true`)
	b.wait(5*time.Second, "h1", ".")
}

// accessible runs axe-core on what is shown.
func (b *browser) accessible(what string) {
	b.t.Helper()
	if !eval[bool](b, "typeof axe !== 'undefined'") {
		eval[bool](b, axe+"; true")
	}
	type violation struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	for _, v := range eval[[]violation](b, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)`) {
		for i, n := range v.Nodes {
			if i < 3 {
				b.t.Errorf("%s: %s (%s): %s: %s", what, v.ID, v.Help, n.HTML, n.FailureSummary)
			}
		}
	}
}

// picture keeps a screenshot if MOMUS_PICTURES names a directory for them.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("MOMUS_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// page is the address that quickstart prints.
func page(t *testing.T, c *testkit.Cluster) string {
	t.Helper()
	c.Process.WaitOutput(t, "page", 20*time.Second)
	found := regexp.MustCompile(`http://localhost:\d+/#\S+`).FindString(c.Process.Output())
	if found == "" {
		t.Fatal("no address of a page in\n" + c.Process.Output())
	}
	return found
}

func playground(t *testing.T, overrides ...string) *testkit.Cluster {
	t.Helper()
	args := []string{"--console-port", "0", "--override", "group.min.session.timeout.ms=500"}
	for _, o := range overrides {
		args = append(args, "--override", o)
	}
	c := testkit.Quickstart(t, 3, args...)
	admin := testkit.Admin(t, c.Bootstrap)
	if _, err := admin.CreateTopics(t.Context(), 3, 3, nil, "orders", "payments"); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.Bootstrap, ",")...), kgo.TransactionalID("checkout"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		cl.Produce(t.Context(), &kgo.Record{Topic: "orders", Key: fmt.Appendf(nil, "customer-%d", i%7), Value: fmt.Appendf(nil, `{"order":%d,"item":"tea"}`, i)}, nil)
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	consume(t, c.Bootstrap)
	return c
}

// consume is a member of group billing until the test ends.
func consume(t *testing.T, bootstrap string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("billing"), kgo.ClientID("till"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitInterval(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	poll(t, cl)
}

func TestEveryViewIsReadByItsNames(t *testing.T) {
	c := playground(t)
	b := newBrowser(t, page(t, c))
	const soon = 8 * time.Second
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"", 1280, 900}, {"-phone", 390, 844}} {
		b.resize(size.width, size.height)
		b.open("Cluster")
		for _, id := range []string{"1", "2", "3"} {
			b.wait(soon, "section.house", "^Broker "+id+`\b`)
		}
		b.wait(soon, "section.house", "controller")
		b.wait(soon, "a.chip", "^orders-0, leader$")
		b.wait(soon, "a.chip", "^payments-1, in sync$")
		b.wait(soon, "ol.journal button", "leader of orders-0")
		b.look("cluster" + size.name)
		eval[bool](b, `document.querySelector('a.chip[href="#/partition/orders/0"]').click() ?? true`)
		b.wait(soon, "h1", "^Partition orders-0$")
		b.wait(soon, "table", "high watermark")
		b.wait(soon, "ol.log", "^Segments on disk, broker 1$|^Segments on disk, Broker 1$")
		b.wait(soon, "ol.log li", "active")
		b.wait(soon, "details summary", "transactional")
		b.wait(soon, "td", `customer-\d`)
		b.look("partition" + size.name)
		b.open("Groups")
		b.wait(soon, "section h2", "^billing$")
		b.wait(soon, `li[aria-current=step]`, "^Stable$")
		b.wait(soon, "td", "^till$")
		b.look("groups" + size.name)
		b.open("ZooKeeper")
		b.wait(soon, "ul.tree button", "brokers")
		b.wait(soon, "pre", "brokerid")
		b.wait(soon, "td", "the broker that is controller")
		b.look("zookeeper" + size.name)
		b.open("Transactions")
		b.wait(soon, "th[scope=row]", "^checkout$")
		b.wait(soon, "td", "^CompleteCommit$")
		b.look("transactions" + size.name)
		b.open("Configs")
		b.wait(soon, "th[scope=row]", "^log.dirs$")
		b.look("configs" + size.name)
		b.open("Quotas")
		b.wait(soon, "main p", "No client has a quota")
		b.look("quotas" + size.name)
		b.open("Health")
		b.wait(soon, "main p", "Nothing to complain about")
		b.look("health" + size.name)
		if wide := eval[bool](b, "document.documentElement.scrollWidth > innerWidth + 1"); wide {
			t.Errorf("the page is wider than its window of %d", size.width)
		}
	}
	b.resize(1280, 900)
	eval[bool](b, `(() => { const s = [...document.querySelectorAll('header select')]; s[0].value = 'ko'; s[0].dispatchEvent(new Event('change')); s[1].value = 'dark'; s[1].dispatchEvent(new Event('change')); return true })()`)
	b.open("클러스터")
	b.wait(soon, "section.house", "^브로커 1")
	b.wait(soon, "ol.journal button", "orders-0의 리더")
	b.look("cluster-ko-dark")
	if lang := eval[string](b, "document.documentElement.lang"); lang != "ko" {
		t.Error("the page says that its language is", lang)
	}
}

// look checks a view for accessibility and keeps its picture.
func (b *browser) look(name string) {
	b.t.Helper()
	b.run(chromedp.Sleep(600 * time.Millisecond)) // let the transitions of colours end: axe reads colours as they are at the moment
	b.accessible(name)
	b.picture(name)
}

func TestABrokerIsStoppedAndStartedFromThePage(t *testing.T) {
	c := playground(t)
	b := newBrowser(t, page(t, c))
	leader := b.leaderOf()
	b.press(fmt.Sprintf("Stop broker %d", leader))
	began := time.Now()
	b.wait(time.Second, "section.house", fmt.Sprintf("^Broker %d .*gone", leader))
	b.wait(time.Second, "ol.journal button", fmt.Sprintf("leader of orders-0 %d → ", leader))
	for _, name := range eval[[]string](b, "("+names+")("+quoted(`a.chip.leader[href="#/partition/orders/0"]`)+")") {
		if !strings.HasPrefix(name, "orders-0") {
			t.Error(name)
		}
	}
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("the picture was right after %v", took)
	}
	b.wait(time.Second, fmt.Sprintf(`section[aria-labelledby="broker-%d"] a.chip`, leader), "^orders-0, offline$")
	b.look("cluster-broker-gone")
	gone := eval[int64](b, `Date.now()`)
	b.press(fmt.Sprintf("Start broker %d", leader))
	b.wait(15*time.Second, fmt.Sprintf(`section[aria-labelledby="broker-%d"] a.chip`, leader), "^orders-0, (in sync|leader)$")
	b.wait(8*time.Second, "ol.journal button", fmt.Sprintf("%d is in sync again in orders-0", leader))

	// The slider goes back to when the broker was not there, with what each led then, and to now.
	slide := func(to string) {
		eval[bool](b, `(() => { const r = document.getElementById('time'); r.value = `+to+`; r.dispatchEvent(new Event('input')); return true })()`)
	}
	house := fmt.Sprintf(`section[aria-labelledby="broker-%d"]`, leader)
	slide(fmt.Sprint(gone))
	b.wait(3*time.Second, house, fmt.Sprintf("^Broker %d .*gone", leader))
	b.wait(time.Second, house+" .facts", `leads 0\D`)
	b.wait(time.Second, house+" a.chip", "^orders-0, offline$")
	if flowing := eval[int](b, `[...document.querySelectorAll('section.house .facts')].filter(x => x.textContent.includes('records/s')).length`); flowing != 0 {
		t.Errorf("%d houses show the rates of now in the past", flowing)
	}
	b.press("back to now")
	b.wait(time.Second, house+" a.chip", "^orders-0, (in sync|leader)$")
	slide(fmt.Sprint(gone))
	b.wait(time.Second, house+" a.chip", "^orders-0, offline$")
	slide("r.max") // the right end is now, also if it was drawn a while ago
	b.wait(time.Second, "label[for=time] + span", "^live$")
	b.wait(time.Second, house+" a.chip", "^orders-0, (in sync|leader)$")
}

// press clicks the button of that accessible name.
func (b *browser) press(label string) {
	b.t.Helper()
	b.wait(8*time.Second, "button, summary", "^"+regexp.QuoteMeta(label)+"$")
	eval[bool](b, `[...document.querySelectorAll('button, summary')].find(x => (x.getAttribute('aria-label') || x.textContent.trim()) === `+quoted(label)+`).click() ?? true`)
}

// fill gives fields of a form, by the text of their labels, their values.
func (b *browser) fill(form string, values map[string]string) {
	b.t.Helper()
	for label, value := range values {
		if got := eval[string](b, `(() => {
			const form = [...document.querySelectorAll('form')].find(f => f.getAttribute('aria-label') === `+quoted(form)+`);
			const x = [...form.querySelectorAll('label')].find(l => l.firstChild.textContent.trim() === `+quoted(label)+` || l.textContent.trim() === `+quoted(label)+`)?.querySelector('input, select');
			if (!x) return 'no field';
			if (x.type === 'checkbox') { if (x.checked !== (`+quoted(value)+` === 'yes')) x.click(); return ''; }
			x.value = `+quoted(value)+`;
			x.dispatchEvent(new Event(x.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }));
			return '';
		})()`); got != "" {
			b.t.Fatalf("%s of %s: %s", label, form, got)
		}
		b.run(chromedp.Sleep(50 * time.Millisecond)) // it is drawn anew
	}
	eval[bool](b, `[...document.querySelectorAll('form')].find(f => f.getAttribute('aria-label') === `+quoted(form)+`).requestSubmit() ?? true`)
}

// leaderOf is who leads orders-0, as the page shows it.
func (b *browser) leaderOf() int {
	b.t.Helper()
	b.wait(8*time.Second, "a.chip", "^orders-0, leader$")
	return eval[int](b, `+document.querySelector('a.chip.leader[href="#/partition/orders/0"]').closest('section').getAttribute('aria-labelledby').slice('broker-'.length)`)
}

func TestABrokerIsKilledFromThePage(t *testing.T) {
	c := playground(t, "zookeeper.session.timeout.ms=4000")
	b := newBrowser(t, page(t, c))
	leader := b.leaderOf()
	house := fmt.Sprintf(`section[aria-labelledby="broker-%d"]`, leader)
	began := time.Now()
	b.press(fmt.Sprintf("Kill broker %d", leader))
	b.wait(time.Second, house, "killed")
	b.wait(time.Second, house+" a.chip", "^orders-0, offline$")
	if took := time.Since(began); took > time.Second {
		t.Errorf("the picture was right after %v", took)
	}
	b.wait(2*time.Second, house+" p", `its session ends in \d s`)
	b.look("cluster-killed")
	// ZooKeeper and the controller find out when the session ends.
	b.wait(20*time.Second, "ol.journal button", fmt.Sprintf("leader of orders-0 %d → ", leader))
	b.wait(time.Second, house, "gone")
	b.press(fmt.Sprintf("Start broker %d", leader))
	b.wait(20*time.Second, "ol.journal button", fmt.Sprintf("%d is in sync again in orders-0", leader))
	b.wait(8*time.Second, "ol.journal button", "its last stop was unclean")
}

func TestWhatIsBrokenOnThePageIsShown(t *testing.T) {
	c := playground(t, "zookeeper.session.timeout.ms=4000", "replica.lag.time.max.ms=2000")
	b := newBrowser(t, page(t, c))
	const soon = 10 * time.Second
	b.press("Start a producer or a consumer")
	b.fill("Start a producer or a consumer", map[string]string{"topic": "orders", "records a second": "50"})
	b.wait(soon, "li.machine-card", "^producer-1$")
	b.fill("Start a producer or a consumer", map[string]string{"kind": "consumer"})
	b.fill("Start a producer or a consumer", map[string]string{"topic": "orders", "group": "readers"})
	b.wait(soon, "li.machine-card", "^consumer-")
	b.wait(soon, "li.machine-card.consumer p", "orders-0")
	b.wait(soon, "section.house p", `[1-9]\d* records/s`)
	f := b.leaderOf()%3 + 1
	house := fmt.Sprintf(`section[aria-labelledby="broker-%d"]`, f)
	b.press(fmt.Sprintf("Break it: broker %d", f))
	b.look("playing")
	b.press(fmt.Sprintf("Cut off from the other brokers: Broker %d", f))
	b.wait(soon, house, "cut off from the others")
	b.wait(soon, house+" a.chip", "^orders-0, out of sync$")
	b.look("cut-off")
	b.press(fmt.Sprintf("Reconnect to the other brokers: Broker %d", f))
	b.wait(20*time.Second, house+" a.chip", "^orders-0, (in sync|leader)$")
	b.press(fmt.Sprintf("Pause broker %d", f))
	b.wait(soon, house, "paused")
	b.press(fmt.Sprintf("Resume broker %d", f))
	b.press(fmt.Sprintf("Fill its disk: Broker %d", f))
	b.wait(20*time.Second, house, "failed.*disk full")
	b.wait(soon, house+" p", "no space left on device|log directories|Shutdown")
	b.press(fmt.Sprintf("Free its disk: Broker %d", f))
	b.press(fmt.Sprintf("Start broker %d", f))
	b.wait(30*time.Second, house+" a.chip", "^orders-0, (in sync|leader)$")
	b.press("Kill consumer-2")
	b.press("Stop consumer-3")
	b.press("Stop producer-1")
	b.wait(soon, "section", "^Producers and consumers$")
	b.wait(soon, "main p", "None yet")
}

// What is wrong with a wish is seen wherever the reader is on the page, in the broker's words, until
// the reader goes on.
func TestWhatDoesNotWorkIsSeen(t *testing.T) {
	c := testkit.Quickstart(t, 1, "--console-port", "0")
	b := newBrowser(t, page(t, c))
	b.resize(390, 844)
	b.press("Create a topic")
	b.press("Start a producer or a consumer")
	eval[bool](b, `(scrollTo(0, 1e6), true)`)
	b.fill("Create a topic", map[string]string{"name": "no name!"})
	b.wait(10*time.Second, "[role=alert] p", `Topic name "no name!" is illegal`)
	if top := eval[float64](b, `document.querySelector('[role=alert] p').getBoundingClientRect().top`); top < 0 || top > 800 {
		t.Errorf("it is at %v of the window's height", top)
	}
	b.press("Dismiss")
	b.wait(10*time.Second, "[role=alert]", "^$")
	b.fill("Create a topic", map[string]string{"name": "no name!"})
	b.wait(10*time.Second, "[role=alert] p", "illegal")
	b.open("Groups")
	b.wait(10*time.Second, "[role=alert]", "^$")
	b.mu.Lock()
	b.faults = slices.DeleteFunc(b.faults, func(f string) bool { return strings.Contains(f, "409") }) // the browser tells of each refusal
	b.mu.Unlock()

	eval[bool](b, `(location.hash = '#/partition/nowhere/0', true)`)
	b.wait(10*time.Second, "main p", "^There is no partition nowhere-0")

	// Rates are told when they change: what is not told is as before.
	if got := eval[string](b, `import('/page/store.js').then(m => { m.state.history.length = 0; m.noteRate(100, 0); m.noteRate(200, 30); m.noteRate(201, 20); m.noteRate(400, 0); return JSON.stringify(m.state.history) })`); got != "[[201,20],[399,20],[400,0]]" {
		t.Errorf("rates are %s", got)
	}

	// Without the token of the printed address the page may look only, and says so.
	address, _, _ := strings.Cut(page(t, c), "#")
	stranger := newBrowser(t, address)
	stranger.wait(10*time.Second, "main p", "^To play with the cluster, open this page at the address")
}

func TestARecordIsSentAndFollowedOnThePage(t *testing.T) {
	c := playground(t)
	b := newBrowser(t, page(t, c))
	const soon = 10 * time.Second
	b.leaderOf()
	eval[bool](b, `(location.hash = '#/partition/orders/0') !== ''`)
	b.wait(soon, "h1", "orders-0")
	b.fill("Send a record", map[string]string{"key": "k-17", "value": `{"hello":"you"}`})
	for _, stage := range []string{"appended by the leader", "fetched by broker", "the high watermark has passed it", "acknowledged to the producer", "committed by group billing"} {
		b.wait(soon, "ol.stages li.reached", stage)
	}
	b.wait(soon, "td", "k-17")
	b.look("record")
	b.fill("Send a record", map[string]string{"acks": "0"})
	b.wait(soon, "p.facts span", "^acks 0$")
	b.wait(soon, "ol.stages li", "^done for the producer, which asks for no answer")
	b.wait(soon, "span.badge", "^marker (COMMIT|ABORT)$")
	eval[bool](b, `(() => { const s = [...document.querySelectorAll('label')].find(l => l.textContent.startsWith('Show bytes as')).querySelector('select'); s.value = 'hex'; s.dispatchEvent(new Event('change')); return true })()`)
	b.wait(soon, "td code", "^6b 2d 31 37$")

	// Records of internal topics are shown when they are asked for, decoded.
	eval[bool](b, `(() => { location.hash = '#/partition/__transaction_state/' + [...Array(50).keys()].find(() => true); return true })()`)
	b.wait(soon, "h1", "__transaction_state")
	b.wait(soon, "button", "^Show records of this internal topic$")

	// Offsets are reset with a preview, while nobody consumes.
	b.open("Groups")
	b.press("Reset offsets of billing")
	b.fill("Reset offsets of billing", map[string]string{"to": "earliest"})
	b.wait(soon, "details td", "records are read again")
	b.wait(soon, "details", "Only while the group has no members; it is Stable")
	b.look("reset")
	b.fill("Reset offsets of billing", map[string]string{"to": "time"})
	b.wait(soon, "details td", "records are read again") // all were written within the ten minutes that it begins with
	if at := eval[string](b, `document.querySelector('input[type=datetime-local]').value`); len(at) < len("2006-01-02T15:04") {
		t.Errorf("the time to reset to is %q", at)
	}
}

func TestRightsAreShownAsAMatrix(t *testing.T) {
	p := testkit.Start(t, "secured", testkit.Spec{Args: []string{testkit.Binary(t), "quickstart", "--secure", "--dir", t.TempDir(),
		"--port", "0", "--zookeeper-port", "0", "--http-port", "-1", "--console-port", "0"}})
	b := newBrowser(t, page(t, &testkit.Cluster{Process: p}))
	b.open("Quotas")
	const soon = 10 * time.Second
	b.wait(soon, "table.matrix th", "topic hello")
	eval[bool](b, `(() => { const s = [...document.querySelectorAll('label')].find(l => l.textContent.startsWith('User')).querySelector('select'); s.value = 'User:alice'; s.dispatchEvent(new Event('change')); return true })()`)
	b.wait(soon, "table.matrix td", "allowed$")
	b.wait(soon, "table.matrix td", "not allowed")
	b.look("rights")
}

// scripting is how long the page's scripts, layout and styles have taken, in seconds.
func (b *browser) scripting() (scripts, layout, styles float64) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	all, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) (map[string]float64, error) {
		r, err := cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			return nil, err
		}
		all := map[string]float64{}
		for _, m := range r.Metrics {
			all[m.Name] = m.Value
		}
		return all, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all["ScriptDuration"], all["LayoutDuration"], all["RecalcStyleDuration"]
}

func TestAThousandTopicsAndFiftyGroupsStaySmooth(t *testing.T) {
	c := testkit.Quickstart(t, 3, "--console-port", "0")
	admin := testkit.Admin(t, c.Bootstrap)
	for from := 0; from < 1000; from += 100 {
		topics := make([]string, 100)
		for i := range topics {
			topics[i] = fmt.Sprintf("topic-%04d", from+i)
		}
		if _, err := admin.CreateTopics(t.Context(), 1, 3, nil, topics...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		var o kadm.Offsets
		o.Add(kadm.Offset{Topic: "topic-0000", Partition: 0, At: 0})
		if err := admin.CommitAllOffsets(t.Context(), fmt.Sprintf("group-%02d", i), o); err != nil {
			t.Fatal(err)
		}
	}
	b := newBrowser(t, page(t, c))
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, performance.Enable, performance.EnableParams{})
		return err
	}))
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.Bootstrap, ",")...))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { // something happens in many topics all the time
		for i := 0; ctx.Err() == nil; i++ {
			cl.ProduceSync(ctx, &kgo.Record{Topic: fmt.Sprintf("topic-%04d", i%1000), Value: []byte("x")})
		}
	})
	defer func() {
		cancel()
		wg.Wait()
		cl.Close()
	}()
	b.wait(20*time.Second, "main span", `^1,00\d topics$`)
	measure := func(what string) {
		b.run(chromedp.Sleep(2 * time.Second))
		scripts, layout, styles := b.scripting()
		const seconds = 8
		b.run(chromedp.Sleep(seconds * time.Second))
		s, l, y := b.scripting()
		scripts, layout, styles = (s-scripts)/seconds, (l-layout)/seconds, (y-styles)/seconds
		each := scripts + layout + styles
		t.Logf("%s: %.0f ms of scripts, layout and styles a second (%.0f, %.0f, %.0f)", what, 1000*each, 1000*scripts, 1000*layout, 1000*styles)
		if each > 0.1 {
			t.Errorf("%s: %.0f ms a second", what, 1000*each)
		}
	}
	measure("the cluster")
	b.open("Groups")
	b.wait(10*time.Second, "section h2", "^group-49$")
	measure("the groups")
}

func TestIdlePagesCostABrokerNothing(t *testing.T) {
	c := testkit.Quickstart(t, 1, "--console-port", "0")
	base, _, _ := strings.Cut(page(t, c), "/#")
	measure := func() float64 {
		before := testkit.ProcessorTime(t, c.Process.Pid())
		const seconds = 10
		time.Sleep(seconds * time.Second) // a measurement, not a wait
		return (testkit.ProcessorTime(t, c.Process.Pid()) - before).Seconds() / seconds
	}
	without := measure()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 200 {
		r, err := http.NewRequestWithContext(ctx, "GET", base+"/api/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		})
	}
	with := measure()
	t.Logf("processor: %.1f %% of a core without pages, %.1f %% with 200", 100*without, 100*with)
	if with-without > 0.05 {
		t.Errorf("200 pages cost %.1f %% of a core", 100*(with-without))
	}
	cancel()
}

// The tree shows what changes: a node lights up, keeps the keyboard where it is, and one that has gone
// is said to have.
func TestTheTreeShowsWhatChanges(t *testing.T) {
	c := playground(t)
	b := newBrowser(t, page(t, c))
	const soon = 8 * time.Second
	b.open("ZooKeeper")
	node := func(name string) {
		b.wait(soon, "ul.tree button", " "+name+"$")
		eval[bool](b, `(() => { const x = [...document.querySelectorAll('ul.tree button')].find(x => x.textContent.endsWith(' `+name+`')); x.focus(); x.click(); return true })()`)
	}
	node("ids")
	node("3")
	b.wait(soon, "#znode", "^/brokers/ids/3$")
	b.wait(soon, "pre", "endpoints")
	if at := eval[string](b, `document.activeElement.textContent`); !strings.HasSuffix(at, " 3") {
		t.Errorf("after a node was opened the keyboard is at %q", at)
	}
	glowed := eval[bool](b, `import('/page/store.js').then(async m => { m.play('stop', 3);
		for (let i = 0; i < 300; i++) {
			if ([...document.querySelectorAll('ul.tree button')].some(x => x.textContent.endsWith(' ids') && x.getAnimations().length)) return true;
			await new Promise(r => setTimeout(r, 20));
		}
		return false })`)
	if !glowed {
		t.Error("/brokers/ids did not light up when a broker left it")
	}
	b.wait(soon, "p[role=status]", "^This znode is gone")
	b.look("zookeeper-gone")
}

// The past shows who had the replicas of a partition before they were moved.
func TestThePastShowsReplicasWhereTheyWere(t *testing.T) {
	c := testkit.Quickstart(t, 3, "--console-port", "0")
	admin := testkit.Admin(t, c.Bootstrap)
	b := newBrowser(t, page(t, c))
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "moved"); err != nil {
		t.Fatal(err)
	}
	b.wait(8*time.Second, "a.chip", "^moved-0, leader$")
	house := func() int {
		return eval[int](b, `+document.querySelector('a.chip[href="#/partition/moved/0"]').closest('section').getAttribute('aria-labelledby').slice('broker-'.length)`)
	}
	from := house()
	before := eval[int64](b, `Date.now()`)
	var plan kadm.AlterPartitionAssignmentsReq
	plan.Assign("moved", 0, []int32{int32(from%3 + 1)})
	if _, err := admin.AlterPartitionAssignments(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	b.wait(15*time.Second, "ol.journal button", "reassignment of moved-0 is complete")
	b.wait(8*time.Second, fmt.Sprintf(`section[aria-labelledby="broker-%d"] a.chip`, from%3+1), "^moved-0, leader$")
	eval[bool](b, fmt.Sprintf(`(() => { const r = document.getElementById('time'); r.value = %d; r.dispatchEvent(new Event('input')); return true })()`, before))
	b.wait(3*time.Second, fmt.Sprintf(`section[aria-labelledby="broker-%d"] a.chip`, from), "^moved-0, leader$")
	if now := eval[int](b, `document.querySelectorAll('a.chip[href="#/partition/moved/0"]').length`); now != 1 {
		t.Errorf("%d houses have the only replica", now)
	}
}
