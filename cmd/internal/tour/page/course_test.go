package page

import (
	"context"
	"encoding/json"
	"errors"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"momus/broker/http"
	"momus/broker/http/porttest"
	"momus/cmd/internal/tour"
)

// stage is a cluster that notes what is done to it.
type stage struct {
	done    []string
	fail    string        // the command that does not print what it should
	hold    chan struct{} // if not nil, steps wait for it
	brokers int
	panics  bool
}

func (s *stage) Begin(context.Context) error {
	if s.panics {
		panic("injected")
	}
	s.done = append(s.done, "begin")
	return nil
}

func (s *stage) Do(ctx context.Context, step *tour.Step, typed string) tour.Outcome {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return tour.Outcome{Err: ctx.Err()}
		}
	}
	what := step.Run + step.Start + step.Stop + step.Wait + step.Do
	if typed != "" {
		what = typed
	}
	s.done = append(s.done, what)
	if what == s.fail {
		return tour.Outcome{Output: "odd", Err: errors.New("not this")}
	}
	return tour.Outcome{Output: what + " printed"}
}

func (s *stage) News(context.Context, tour.Lang) []string { return []string{"something happened"} }
func (s *stage) Brokers() int                             { return s.brokers }
func (s *stage) Shown(step *tour.Step) string             { return step.Command() }
func (s *stage) Expand(text string) string                { return strings.ReplaceAll(text, "{bootstrap}", "b:1") }

func parse(t *testing.T, text string) *tour.Chapter {
	t.Helper()
	c, err := tour.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const lesson = `
number: 1
name: one
title: {en: One, ko: 하나}
steps:
  - text: {en: Only words., ko: 말뿐}
  - {run: prepare, hidden: true}
  - {run: "topics {bootstrap}"}
  - {start: consume, as: c}
  - {do: "kill {leader}", needs: 3}
  - {run: aside, hidden: true}
  - {stop: c}
  - question: {en: "Why?", ko: "왜?"}
    answer: {en: So., ko: 그래서.}
`

const exercise = `
number: 2
name: two
title: {en: Two, ko: 둘}
goal: {en: Repair it., ko: 고치세요.}
steps:
  - {run: break, hidden: true}
  - {run: repair}
  - {run: look, repaired: true, expect: [well], until: true}
`

const bigExercise = `
number: 3
name: three
title: {en: Three, ko: 셋}
goal: {en: Repair it., ko: 고치세요.}
steps:
  - {run: break, hidden: true, needs: 3}
  - {run: look, repaired: true, needs: 3}
`

// Where an exercise cannot be broken, it is not solved either.
func TestExerciseNeedsItsBrokers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{brokers: 1}
		c := newCourse(t, s)
		do(t, c.Open("three", tour.English))
		if err := c.Check(tour.English); !errors.Is(err, errNothing) {
			t.Error("it was checked:", err)
		}
		if x := c.State(tour.English); x.Solved || x.Chapter.Needs != 3 {
			t.Errorf("%+v", x)
		}
	})
}

// A panic over a step ends that step: the page says so, and goes on with another chapter.
func TestAPanicEndsTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{brokers: 3, panics: true}
		c := newCourse(t, s)
		do(t, c.Open("one", tour.English))
		if x := c.State(tour.English); !strings.Contains(x.Problem, "panic: injected") {
			t.Errorf("%+v", x)
		}
		s.panics = false
		do(t, c.Open("two", tour.English))
		if x := c.State(tour.English); x.Problem != "" {
			t.Errorf("%+v", x)
		}
	})
}

func newCourse(t *testing.T, s *stage) *Course {
	c := New(s, []*tour.Chapter{parse(t, lesson), parse(t, exercise), parse(t, bigExercise)})
	t.Cleanup(c.Close)
	return c
}

// do asks for something that must be taken, and waits until it is done.
func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestStepsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{brokers: 1}
		c := newCourse(t, s)
		if err := c.Step(2, "", tour.English); !errors.Is(err, errNothing) {
			t.Fatal("a step of no chapter:", err)
		}
		do(t, c.Open("one", tour.English))
		// 0 is text, 1 and 5 are hidden, 4 takes three brokers, 7 is a question.
		for _, x := range []struct {
			step int
			want error
		}{{0, errNothing}, {3, errOrder}, {2, nil}, {4, errNothing}, {6, errOrder}, {3, nil}, {6, nil}, {7, errNothing}, {8, errNothing}} {
			if err := c.Step(x.step, "", tour.English); !errors.Is(err, x.want) {
				t.Fatalf("step %d: %v, want %v", x.step, err, x.want)
			}
			synctest.Wait()
		}
		if err := c.Step(3, "", tour.English); !errors.Is(err, errOrder) {
			t.Error("a program was started twice:", err)
		}
		do(t, c.Step(2, "typed instead", tour.English)) // a command may be run again
		if want := []string{"begin", "prepare", "topics {bootstrap}", "consume", "aside", "c", "typed instead"}; !slices.Equal(s.done, want) {
			t.Errorf("%q, want %q", s.done, want)
		}
		state := c.State(tour.English)
		if len(state.Chapter.Steps) != 6 || state.Chapter.Steps[3].Needs != 3 || state.Chapter.Steps[1].Command != "topics b:1" || state.Chapter.Steps[3].Command != "kill: broker …" || state.Kafka != "b:1" ||
			state.Chapter.Steps[1].Result.Output != "typed instead printed" || !slices.Equal(state.Chapter.Steps[1].Inside, []string{"something happened"}) {
			t.Errorf("%+v", state.Chapter)
		}
	})
}

func TestStepThatFailsIsDoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{brokers: 1, fail: "topics {bootstrap}"}
		c := newCourse(t, s)
		do(t, c.Open("one", tour.English))
		do(t, c.Step(2, "", tour.English))
		x := c.State(tour.Korean)
		if st := x.Chapter.Steps[1]; st.Done || st.Result.Problem != "not this" || st.Result.Output != "odd" || x.Chapter.Next != 2 {
			t.Fatalf("%+v, next %d", st, x.Chapter.Next)
		}
		do(t, c.Skip(2, tour.English))
		if x := c.State(tour.Korean); x.Chapter.Next != 3 || x.Chapter.Title.Title != "하나" {
			t.Fatalf("%+v", x.Chapter)
		}
	})
}

func TestOneThingAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{brokers: 1, hold: make(chan struct{})}
		c := newCourse(t, s)
		if err := c.Open("two", tour.English); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for what, err := range map[string]error{"open": c.Open("one", tour.English), "step": c.Step(1, "", tour.English), "skip": c.Skip(1, tour.English), "check": c.Check(tour.English), "run": c.Run("x", tour.English)} {
			if !errors.Is(err, errBusy) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if !c.State(tour.English).Busy {
			t.Error("not busy")
		}
		close(s.hold)
	})
}

func TestExerciseIsBrokenAndChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{brokers: 1, fail: "look"}
		c := newCourse(t, s)
		do(t, c.Open("two", tour.English))
		do(t, c.Check(tour.English))
		if x := c.State(tour.English); x.Solved || x.Problem != "not this" || x.Checked.Output != "odd" || x.Chapter.Goal != "Repair it." {
			t.Fatalf("%+v", x)
		}
		s.fail = ""
		do(t, c.Run("repair by hand", tour.English))
		do(t, c.Check(tour.English))
		if x := c.State(tour.English); !x.Solved || x.Problem != "" || x.Checked != nil || x.Free.Command != "repair by hand" {
			t.Fatalf("%+v", x)
		}
		if want := []string{"begin", "break", "look", "repair by hand", "look"}; !slices.Equal(s.done, want) {
			t.Errorf("%q, want %q", s.done, want)
		}
		do(t, c.Open("one", tour.English))
		if err := c.Check(tour.English); !errors.Is(err, errNothing) {
			t.Error("a lesson was checked:", err)
		}
	})
}

// Nothing happens without the token, the page's own origin and a wish that is known.
func TestOnlyThePageItselfPlays(t *testing.T) {
	server, err := http.Listen(t.Context(), http.Options{Addr: "localhost:0", Access: http.Access{LocalOnly: true, Token: "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := &stage{brokers: 1}
	c := newCourse(t, s)
	c.Mount(server)
	send := func(method, path, body string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:9400"+path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:5555"
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		return w
	}
	own := []string{"Content-Type", "application/json", "Origin", "http://localhost:9400", http.TokenHeader, "secret"}
	for _, r := range []struct {
		method, path, body string
		headers            []string
		status             int
	}{
		{"GET", "/tour", "", nil, nethttp.StatusOK},
		{"GET", "/tour/tour.js", "", nil, nethttp.StatusOK},
		{"GET", "/tour/tour.css", "", nil, nethttp.StatusOK},
		{"GET", "/tour/card", "", nil, nethttp.StatusOK},
		{"GET", "/tour/card?lang=ko", "", nil, nethttp.StatusOK},
		{"GET", "/tour/card.css", "", nil, nethttp.StatusOK},
		{"POST", "/tour/card", "{}", own, nethttp.StatusMethodNotAllowed},
		{"GET", "/tour/..%2f..%2fcourse.go", "", nil, nethttp.StatusNotFound},
		{"GET", "/tour/nothing", "", nil, nethttp.StatusNotFound},
		{"POST", "/api/tour", `{"do":"run","typed":"x"}`, nil, nethttp.StatusUnsupportedMediaType},
		{"POST", "/api/tour", `{"do":"run","typed":"x"}`, own[:2], nethttp.StatusForbidden},
		{"POST", "/api/tour", `{"do":"run","typed":"x"}`, own[:4], nethttp.StatusForbidden},
		{"POST", "/api/tour", `{"do":"run","typed":"x"}`, []string{own[0], own[1], "Origin", "http://evil.example", own[4], own[5]}, nethttp.StatusForbidden},
		{"POST", "/api/tour", `{`, own, nethttp.StatusBadRequest},
		{"POST", "/api/tour", `{"do":"dance"}`, own, nethttp.StatusConflict},
		{"POST", "/api/tour", `{"do":"open","chapter":"nine"}`, own, nethttp.StatusConflict},
		{"POST", "/api/tour", `{"do":"step","step":-1}`, own, nethttp.StatusConflict},
	} {
		if w := send(r.method, r.path, r.body, r.headers...); w.Code != r.status {
			t.Errorf("%s %s %s: %d %s, want %d", r.method, r.path, r.body, w.Code, w.Body, r.status)
		}
	}
	if len(s.done) > 0 {
		t.Errorf("done all the same: %q", s.done)
	}
	w := send("POST", "/api/tour?lang=ko", `{"do":"open","chapter":"one"}`, own...)
	var state State
	if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil || state.Chapter.Title.Title != "하나" {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
}

// A page that is open twice, or stands where the course has been, does not carry out what it does not show.
func TestAPageThatIsOutOfDateIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{brokers: 1}
		c := newCourse(t, s)
		do(t, c.Open("one", tour.English))
		for _, x := range []struct {
			wish
			want error
		}{
			{wish{Do: "step", Step: 2, Seen: &Place{"two", 2}}, errMoved},
			{wish{Do: "step", Step: 2, Seen: &Place{"one", 3}}, errMoved},
			{wish{Do: "skip", Step: 2, Seen: &Place{"one", 0}}, errMoved},
			{wish{Do: "check", Seen: &Place{"two", 2}}, errMoved},
			{wish{Do: "step", Step: 2, Seen: &Place{"one", 2}}, nil},
			{wish{Do: "run", Typed: "own", Seen: &Place{"one", 2}}, nil},
			{wish{Do: "open", Chapter: "two", Seen: &Place{"one", 0}}, nil},
		} {
			if err := c.carryOut(&x.wish, tour.English); !errors.Is(err, x.want) {
				t.Errorf("%+v: %v, want %v", x.wish, err, x.want)
			}
			synctest.Wait()
		}
		if want := []string{"begin", "prepare", "topics {bootstrap}", "own", "begin", "break"}; !slices.Equal(s.done, want) {
			t.Errorf("%q, want %q", s.done, want)
		}
	})
}

func TestLongOutputIsCutInItsMiddle(t *testing.T) {
	r := result("x", tour.Outcome{Output: strings.Repeat("가", maxShown) + "end"}, tour.English)
	if len(r.Output) > maxShown+10 || !strings.HasSuffix(r.Output, "end") || !strings.Contains(r.Output, "\n…\n") || strings.ContainsRune(r.Output, 0xfffd) {
		t.Errorf("%d bytes", len(r.Output))
	}
}

func TestTextsFlow(t *testing.T) {
	if got, want := flowing("one\ntwo  three\n\n  as\n  it is\n\nfour\n"), "one two three\n\n  as\n  it is\n\nfour"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCardIsAPage(t *testing.T) {
	c, err := tour.ReferenceCard()
	if err != nil {
		t.Fatal(err)
	}
	c.Sections = append(c.Sections, tour.CardSection{Title: tour.Text{English: "<b>", Korean: "<b>"}, Rows: []tour.CardRow{{Word: "a&b"}, {Run: "x < y"}}})
	for lang, want := range map[tour.Lang]string{tour.English: "<h2>Words</h2>", tour.Korean: "<h2>용어</h2>"} {
		page := cardPage(c, lang)
		for _, w := range []string{want, `<html lang="` + string(lang) + `">`, "<h2>&lt;b&gt;</h2>", "a&amp;b</dt>", "<code lang=\"en\">x &lt; y</code>", "<span>kafka-topics.sh</span> <span>--bootstrap-server</span> B <span>--describe</span> <span>--topic</span> T</code>"} {
			if !strings.Contains(page, w) {
				t.Errorf("%s: no %s", lang, w)
			}
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "style=") || strings.Contains(page, "%!") {
			t.Error("what the policy forbids, or a format that failed:", page)
		}
	}
}

// FuzzWish sends whatever may come to the course's page with the right token: it stands where it
// stood, or goes on by what the course has.
func FuzzWish(f *testing.F) {
	for _, s := range []string{`{"do":"open","chapter":"one"}`, `{"do":"step","step":2,"typed":"x | grep ("}`, `{"do":"skip","step":2}`, `{"do":"check"}`, `{"do":"run","typed":"'"}`, `{"do":"step","step":-9}`, `{}`, `[`} {
		f.Add([]byte(s), []byte(`{"do":"open","chapter":"two"}`))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		server := porttest.Listen(t)
		c := newCourse(t, &stage{brokers: 1})
		c.Mount(server)
		for _, body := range [][]byte{first, second} {
			w := porttest.Change(t, server, "/api/tour", string(body))
			if w.Code != nethttp.StatusOK && w.Code != nethttp.StatusBadRequest && w.Code != nethttp.StatusConflict {
				t.Errorf("%s: %d %s", body, w.Code, w.Body)
			}
			var state State
			if w.Code == nethttp.StatusOK && json.Unmarshal(w.Body.Bytes(), &state) != nil {
				t.Errorf("%s: %s", body, w.Body)
			}
		}
	})
}
