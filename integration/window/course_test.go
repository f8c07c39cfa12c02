//go:build console

package window

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"momus/integration/testkit"
)

// startCourse opens the course's page on a cluster of that many brokers.
func startCourse(t *testing.T, brokers int) *browser {
	t.Helper()
	return newBrowser(t, serveCourse(t, brokers))
}

// serveCourse starts the course and gives the address of its page.
func serveCourse(t *testing.T, brokers int, more ...string) string {
	t.Helper()
	p := testkit.Start(t, "tour", testkit.Spec{Args: append([]string{
		testkit.Binary(t), "tour", "--page", "--port", "0", "--brokers", fmt.Sprint(brokers), "--dir", t.TempDir()}, more...)})
	p.WaitOutput(t, "Ctrl-C ends it", time.Minute)
	return regexp.MustCompile(`http://localhost:\d+/tour\S+`).FindString(p.Output())
}

// click clicks the first button, or summary, with that text which can be used.
func (b *browser) click(text string) {
	b.t.Helper()
	b.wait(time.Minute, "button:not(:disabled), summary", "^"+regexp.QuoteMeta(text)+"$")
	eval[bool](b, `[...document.querySelectorAll('button:not(:disabled), summary')].find(x => x.textContent.trim() === `+quoted(text)+`).click() ?? true`)
}

// play runs the steps of the open chapter by their buttons until the page says that it is done.
func (b *browser) play(done string) {
	b.t.Helper()
	for began := time.Now(); ; {
		switch eval[string](b, `(() => {
			const wrong = document.querySelector('.step .bad');
			if (wrong) return wrong.closest('.step').textContent;
			if ([...document.querySelectorAll('p.ok')].some(x => x.textContent.trim() === `+quoted(done)+`)) return 'done';
			const button = document.querySelector('.step button.main:not(:disabled)');
			if (button) button.click();
			return '';
		})()`) {
		case "done":
			return
		case "":
		default:
			b.t.Fatal(eval[string](b, `document.querySelector('.step .bad').closest('.step').textContent`))
		}
		if time.Since(began) > 3*time.Minute {
			b.t.Fatal("the chapter is not done:\n" + eval[string](b, `document.querySelector('main').innerText`))
		}
		b.wait(time.Minute, "button", ".")
		eval[bool](b, `new Promise(r => setTimeout(() => r(true), 50))`)
	}
}

// A learner plays a chapter by its buttons and sees the picture beside it, in both languages.
func TestCourseIsPlayedOnThePage(t *testing.T) {
	b := startCourse(t, 1)
	b.click("4. Consumers and groups")
	b.wait(time.Minute, "h1", "^4. Consumers and groups$")
	b.wait(time.Minute, "section.house", "^Broker 0")
	b.play("This chapter is done.")
	if !eval[bool](b, `[...document.querySelectorAll('pre.out')].some(x => x.textContent.includes('"sent":4,"acked":4'))`) {
		t.Error("what the commands print is not shown")
	}
	b.wait(5*time.Second, "ul.inside li", ".")
	b.picture("course")
	b.accessible("the course")

	eval[bool](b, `(() => { const s = document.querySelector('header select'); s.value = 'ko'; s.dispatchEvent(new Event('change')); return true; })()`)
	b.click("2. 토픽, 파티션, 오프셋")
	b.wait(time.Minute, "h1", `^2\. `)
	b.play("이 장을 마쳤습니다.")
	b.resize(390, 844)
	b.picture("course-phone")
	b.accessible("the course in Korean on a phone")
}

// Two windows show one course, in the language that was asked for: what is done in one is seen in the
// other, and a step that one has skipped leaves open what it would have found out.
func TestTwoPagesShowOneCourse(t *testing.T) {
	address := serveCourse(t, 2, "--lang", "ko")
	one, other := newBrowser(t, address), newBrowser(t, address)
	eval[bool](one, `new Promise(r => { const look = () => { const b = [...document.querySelectorAll('.chapters button')].find(x => x.textContent.startsWith('7. ')); b ? (b.focus(), r(true)) : setTimeout(look, 20); }; look(); })`)
	one.click("7. ZooKeeper: 누가 살아 있고 누가 결정하는가")
	other.wait(time.Minute, "h1", "^7. ")
	// The button that was pressed has handed the focus on.
	if got := eval[string](one, `new Promise(r => { const began = Date.now(), look = () => document.activeElement.closest('.step.now') || Date.now() - began > 20000 ? r(document.activeElement.textContent) : setTimeout(look, 20); look(); })`); got != "실행" {
		t.Errorf("the focus is on %.80q", got)
	}
	for range 4 { // who the controller is, among them
		one.click("건너뛰기")
		one.wait(time.Minute, ".step.now button", "^건너뛰기$")
	}
	const soon = 10 * time.Second
	other.wait(soon, ".step.now pre.deed", "^죽이기: …번 브로커$")
	other.click("해 보기")
	other.wait(soon, ".step.now .bad", "앞 단계에서 알게 됩니다")
	one.wait(soon, ".step.now .bad", "앞 단계에서 알게 됩니다")
	// A button that has become useless hands the focus on.
	if got := eval[string](other, `document.activeElement.textContent`); got != "해 보기" {
		t.Errorf("the focus is on %q", got)
	}
	eval[bool](other, `(() => { const s = document.querySelectorAll('header select')[1]; s.value = 'dark'; s.dispatchEvent(new Event('change')); return true; })()`)
	other.wait(soon, "html[data-theme=dark] header select", ".")
}

// An exercise is broken when it is opened, is not solved before something was done, and is solved
// by the commands that a learner types on the page.
func TestExerciseIsCheckedOnThePage(t *testing.T) {
	b := startCourse(t, 1)
	b.click("21. " + eval[string](b, `fetch('/api/tour').then(r => r.json()).then(s => s.chapters.find(c => c.number === 21).title)`))
	b.wait(time.Minute, ".try code", `^localhost:\d+$`)
	b.click("Check")
	b.wait(time.Minute, "p.bad", "^Not yet")
	b.click("Show the solution")
	b.play("Repaired.")
	b.picture("exercise")
}
