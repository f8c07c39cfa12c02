package tour

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"regexp"
	"strings"
	"sync"

	"momus/internal/shellwords"
)

// vars are the words in braces that commands and expectations may use. They may be read while a
// step remembers one.
type vars struct {
	mu    sync.RWMutex
	words map[string]string
}

// word is a name in braces, which stands for a value of the session.
var word = regexp.MustCompile(`\{([a-z][a-z0-9-]*)\}`)

// expand replaces {word} by its value; a word that is not known stays, as JSON has braces too.
func (v *vars) expand(s string) string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return word.ReplaceAllStringFunc(s, func(m string) string {
		if value, ok := v.words[m[1:len(m)-1]]; ok {
			return value
		}
		return m
	})
}

// Blanked is an expanded text for people: what a later step will find out is left open.
func Blanked(s string) string { return word.ReplaceAllString(s, "…") }

// set gives a word its value; the goroutines that read the output of commands set words too.
func (v *vars) set(name, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.words[name] = value
}

// Mismatch is an output that is not what a step expects.
type Mismatch struct {
	Want     string // what should come out, or should not
	Unwanted bool
	pattern  bool // Want is a regular expression, which says nothing to a learner
}

// Error says it for who writes chapters.
func (m *Mismatch) Error() string {
	if m.Unwanted {
		return fmt.Sprintf("%q came out", m.Want)
	}
	return fmt.Sprintf("%q did not come out", m.Want)
}

// reason is an error that a learner reads: why a line cannot be run, or a wish not be fulfilled. args
// are for both texts.
type reason struct {
	text Text
	args []any
}

// Because makes an error that Problem tells in the learner's language, from a format in each.
func Because(english, korean string, args ...any) error {
	return &reason{Text{english, korean}, args}
}

func (r *reason) Error() string { return r.in(English) }

func (r *reason) in(l Lang) string { return fmt.Sprintf(r.text.In(l), r.args...) }

// Problem says for a learner in which way a step has failed.
func Problem(err error, l Lang) string {
	var m *Mismatch
	var failed *exec.ExitError
	var why *reason
	var file *fs.PathError
	switch {
	case errors.As(err, &why):
		return why.in(l)
	case errors.As(err, &m) && m.pattern:
		return Text{"something else should come out.", "다른 결과가 나와야 합니다."}.In(l)
	case errors.As(err, &m) && m.Unwanted:
		return fmt.Sprintf(Text{"%s should not be there.", "%s 부분이 없어야 합니다."}.In(l), strings.TrimSpace(m.Want))
	case errors.As(err, &m):
		return fmt.Sprintf(Text{"%s should come out.", "%s 부분이 나와야 합니다."}.In(l), strings.TrimSpace(m.Want))
	case errors.Is(err, errSucceeded):
		return Text{"the command should have been refused.", "거절되어야 하는 명령입니다."}.In(l)
	case errors.As(err, &file) && errors.Is(file, fs.ErrNotExist):
		return fmt.Sprintf(Text{"%s: there is no such file or directory", "%s: 그런 파일이나 디렉터리가 없습니다"}.In(l), file.Path)
	case errors.As(err, &failed):
		return Text{"the command failed.", "명령이 실패했습니다."}.In(l)
	}
	return err.Error()
}

// deeds are what befalls brokers, in both languages.
var deeds = map[string]Text{"kill": {"kill", "죽이기"}, "pause": {"pause", "일시 정지"}, "resume": {"resume", "다시 움직이기"}, "stop": {"stop", "멈추기"}, "restart": {"start again", "다시 시작"},
	"break-disk": {"break the second disk", "둘째 디스크 고장 내기"}, "mend-disk": {"mend the second disk", "둘째 디스크 고치기"}}

// Deed says for a learner what befalls the cluster: Step.Do, expanded.
func Deed(do string, l Lang) string {
	verb, rest, _ := strings.Cut(do, " ")
	var brokers []string
	for _, id := range strings.Fields(rest) {
		brokers = append(brokers, fmt.Sprintf(Text{"broker %s", "%s번 브로커"}.In(l), id))
	}
	return deeds[verb].In(l) + ": " + strings.Join(brokers, ", ")
}

// errSucceeded is the failure of a command that a step wants to be refused.
var errSucceeded = errors.New("the command succeeded, but should have been refused")

// mismatch says in which way output is not what a step expects, nil if it is.
func mismatch(s *Step, v *vars, output string) error {
	// Every expectation is looked for behind the one before, so that their order counts.
	rest := output
	for _, want := range s.Expect {
		want = v.expand(want)
		end, err := find(rest, want)
		if err != nil {
			return err
		}
		if end < 0 {
			return missed(want, false)
		}
		rest = rest[end:]
	}
	for _, unwanted := range s.Absent {
		unwanted = v.expand(unwanted)
		end, err := find(output, unwanted)
		if err != nil {
			return err
		}
		if end >= 0 {
			return missed(unwanted, true)
		}
	}
	return nil
}

// missed is the mistake of an expectation that was not met.
func missed(want string, unwanted bool) error {
	return &Mismatch{Want: want, Unwanted: unwanted, pattern: strings.HasPrefix(want, "re:")}
}

// find gives the end of the first place in text that is what is wanted, -1 for none.
func find(text, want string) (int, error) {
	pattern, ok := strings.CutPrefix(want, "re:")
	if !ok {
		at := strings.Index(text, want)
		if at < 0 {
			return -1, nil
		}
		return at + len(want), nil
	}
	// ^ and $ are beginning and end of a line.
	r, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return -1, err
	}
	at := r.FindStringIndex(text)
	if at == nil {
		return -1, nil
	}
	return at[1], nil
}

// capture keeps what a step wants to remember of its output.
func (v *vars) capture(s *Step, output string) error {
	for name, pattern := range s.Capture {
		r, err := regexp.Compile("(?m)" + v.expand(pattern))
		if err != nil {
			return err
		}
		m := r.FindStringSubmatch(output)
		if m == nil {
			return &Mismatch{Want: pattern, pattern: true}
		}
		v.set(name, m[1])
	}
	return nil
}

// words splits a command line as a shell does: blanks, 'single' and "double" quotes, and | between
// commands; no expansion. There is at least one command, which may have no words. An open quote is
// an error.
func words(line string) (commands [][]string, err error) {
	list, err := shellwords.Cut(line, "|")
	var open shellwords.OpenQuote
	switch {
	case errors.As(err, &open):
		return nil, Because("a %c is open at the end of the line", "%c 따옴표가 닫히지 않았습니다", rune(open))
	case err != nil:
		return nil, err
	}
	var args []string
	for _, w := range list {
		if w.Operator {
			commands, args = append(commands, args), nil
			continue
		}
		args = append(args, w.Text)
	}
	return append(commands, args), nil
}
