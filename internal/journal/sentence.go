package journal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Lang is a language for people: "en" or "ko"; anything else is English.
type Lang string

// The languages.
const (
	English Lang = "en"
	Korean  Lang = "ko"
)

// text is a sentence in both languages. {word} stands for a field, {n word} and {count word} for so
// many of a thing, and what is in [brackets] is left out when a field in it is empty. In Korean a
// particle of two forms stands behind a field as 을/를, and so on.
type text struct{ en, ko string }

func (t text) in(l Lang) string {
	if l == Korean {
		return t.ko
	}
	return t.en
}

// String is the kind's name in JSON and filters.
func (k Kind) String() string {
	if k == 0 || k >= numKinds {
		return "kind-" + strconv.Itoa(int(k))
	}
	return kinds[k].name
}

// ParseKind finds a kind by its name.
func ParseKind(name string) (Kind, bool) {
	for k := Kind(1); k < numKinds; k++ {
		if kinds[k].name == name {
			return k, true
		}
	}
	return 0, false
}

// String is the reason's name in JSON.
func (r Reason) String() string {
	if r == 0 || r >= numReasons {
		return ""
	}
	return reasons[r].name
}

// ParseReason finds a reason by its name.
func ParseReason(name string) Reason {
	for r := Reason(1); r < numReasons; r++ {
		if reasons[r].name == name {
			return r
		}
	}
	return 0
}

// Sentence says for people what happened.
func (e *Entry) Sentence(l Lang) string {
	if e.Kind == 0 || e.Kind >= numKinds {
		return e.Kind.String()
	}
	return expand(kinds[e.Kind].text.in(l), func(word string) string { return e.field(word, l) })
}

// field is the text of a field, "" when it is empty.
func (e *Entry) field(word string, l Lang) string {
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return group(n)
	}
	if word, noun, ok := strings.Cut(word, " "); ok && (word == "n" || word == "count") {
		return things(e.field(word, l), noun)
	}
	switch word {
	case "broker":
		return strconv.Itoa(int(e.Broker))
	case "name":
		return e.Name
	case "tp":
		return e.TP().String()
	case "about":
		return id(e.About, l)
	case "old leader":
		return id(int32(e.Number), l)
	case "from":
		return ids(e.From)
	case "to":
		return ids(e.To)
	case "who":
		return e.Who
	case "old":
		return e.Old
	case "last stop":
		return stop(e.Old, l)
	case "new":
		return e.New
	case "entity":
		return entity(e.Name, l)
	case "old value":
		return value(e.Old, l)
	case "new value":
		return value(e.New, l)
	case "error":
		return failure(e.New, l)
	case "offset":
		return group(e.Offset)
	case "count":
		return number(e.Count)
	case "n":
		return group(e.Count)
	case "number":
		return group(e.Number)
	case "id": // a number that names something is not counted
		return strconv.FormatInt(e.Number, 10)
	case "session":
		return fmt.Sprintf("0x%x", uint64(e.Number))
	case "took":
		return duration(e.Took, l)
	case "reason":
		if e.Reason == 0 || e.Reason >= numReasons {
			return ""
		}
		return reasons[e.Reason].text.in(l)
	case "controller epoch":
		return strconv.Itoa(int(e.ControllerEpoch))
	case "epoch":
		return strconv.Itoa(int(e.LeaderEpoch))
	}
	return ""
}

// entities are whose configs there are, as Name of ConfigChanged has them before a blank.
var entities = map[string]string{"topic": "%s 토픽", "broker": "%s번 브로커", "users": "사용자 %s", "clients": "클라이언트 %s"}

// entity is the owner of a config for people.
func entity(name string, l Lang) string {
	kind, rest, ok := strings.Cut(name, " ")
	if l == Korean && kind == "broker" && rest == "<default>" {
		return "모든 브로커"
	}
	if format := entities[kind]; l == Korean && ok && format != "" {
		return fmt.Sprintf(format, rest)
	}
	return name
}

// value is a value of a config for people: quoted, or a word in parentheses for what is not shown.
func value(v string, l Lang) string {
	switch {
	case l == Korean && v == "(default)":
		return "(기본값)"
	case l == Korean && v == "(hidden)":
		return "(숨김)"
	}
	return v
}

// stop is what a stop was like, for people.
func stop(how string, l Lang) string {
	switch {
	case l == Korean && how == "clean":
		return "정상"
	case l == Korean && how == "unclean":
		return "비정상"
	}
	return how
}

// failures are the errors of connections that are seen most, by what is in their texts.
var failures = []struct {
	part string
	text
}{
	{"EOF", text{"the connection was cut", "연결이 끊겼다"}}, {"connection reset", text{"the connection was cut", "연결이 끊겼다"}}, {"broken pipe", text{"the connection was cut", "연결이 끊겼다"}},
	{"use of closed network connection", text{"the connection was cut", "연결이 끊겼다"}},
	{"connection refused", text{"nobody listens there (connection refused)", "그 주소에서 듣고 있는 것이 없다 (connection refused)"}},
	{"i/o timeout", text{"no answer in time", "제때 답이 없다"}}, {"deadline exceeded", text{"no answer in time", "제때 답이 없다"}},
}

// failure says of an error of a connection what it means; of others what they say.
func failure(err string, l Lang) string {
	for _, f := range failures {
		if strings.Contains(err, f.part) {
			return f.text.in(l)
		}
	}
	return err
}

// things is a number with its English noun.
func things(number, noun string) string {
	switch number {
	case "":
		return ""
	case "1":
		return "1 " + noun
	}
	return number + " " + noun + "s"
}

func id(n int32, l Lang) string {
	if n < 0 {
		return text{"nobody", "없음"}.in(l)
	}
	return strconv.Itoa(int(n))
}

func ids(list []int32) string {
	s := make([]string, len(list))
	for i, n := range list {
		s[i] = strconv.Itoa(int(n))
	}
	return strings.Join(s, ",")
}

// group writes a number with commas between thousands.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// duration writes a time as people say it: 412 ms, 6.2 s, 3 min.
func duration(d time.Duration, l Lang) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Millisecond:
		return "<1 ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 2*time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + text{" s", "초"}.in(l)
	}
	return strconv.FormatInt(int64(d.Minutes()), 10) + text{" min", "분"}.in(l)
}

// particles are those that have one form behind a consonant and another behind a vowel.
var particles = []string{"을/를", "이/가", "은/는", "으로/로"}

// particle takes a particle from the beginning of a template, in the form that goes with the word
// before it.
func particle(word, template string) (form, rest string) {
	for _, p := range particles {
		if rest, ok := strings.CutPrefix(template, p); ok {
			consonant, vowel, _ := strings.Cut(p, "/")
			if end := lastSound(word); end == noConsonant || end == 'ㄹ' && p == "으로/로" {
				return vowel, rest
			}
			return consonant, rest
		}
	}
	return "", template
}

// noConsonant is the last sound of a word that ends in a vowel.
const noConsonant = 0

// lastSound is the consonant that a word ends in when it is read aloud in Korean; of others than ㄹ
// any.
func lastSound(word string) rune {
	word = strings.TrimRight(word, ")]}\"' ")
	r, _ := utf8.DecodeLastRuneInString(word)
	switch {
	case r >= '가' && r <= '힣':
		switch (r - '가') % 28 {
		case 0:
			return noConsonant
		case 8:
			return 'ㄹ'
		}
		return 'ㅁ'
	case strings.ContainsRune("178lLrR", r): // 일, 칠, 팔
		return 'ㄹ'
	case strings.ContainsRune("036mMnN", r): // 영, 삼, 육
		return 'ㅁ'
	}
	return noConsonant
}

// expand puts fields into a template.
func expand(template string, field func(word string) string) string {
	var b strings.Builder
	for template != "" {
		i := strings.IndexAny(template, "{[")
		if i < 0 {
			b.WriteString(template)
			break
		}
		b.WriteString(template[:i])
		closing := "}"
		if template[i] == '[' {
			closing = "]"
		}
		end := strings.Index(template[i:], closing)
		if end < 0 {
			b.WriteString(template[i:])
			break
		}
		inner := template[i+1 : i+end]
		template = template[i+end+1:]
		if closing == "}" {
			value := field(inner)
			form, rest := particle(value, template)
			b.WriteString(value + form)
			template = rest
			continue
		}
		complete := true
		part := expand(inner, func(word string) string {
			s := field(word)
			complete = complete && s != ""
			return s
		})
		if complete {
			b.WriteString(part)
		}
	}
	return b.String()
}
