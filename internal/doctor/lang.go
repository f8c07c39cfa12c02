package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Lang is the language of a report's sentences: Korean, or else English. Names of rules, commands
// and Kafka's own words are the same in both.
type Lang string

// The languages.
const (
	English Lang = "en"
	Korean  Lang = "ko"
)

// Say is a sentence of a caller in both languages, for fmt.
func (l Lang) Say(english, korean string, args ...any) string {
	if l == Korean {
		return fmt.Sprintf(korean, args...)
	}
	return fmt.Sprintf(english, args...)
}

// Name is the severity as it is called in a report for people.
func (l Lang) Name(s Severity) string {
	if l == Korean {
		return map[Severity]string{Advice: "조언", Warning: "주의", Critical: "심각"}[s]
	}
	return s.String()
}

// Looks is what a rule looks for, for a list of rules.
func (l Lang) Looks(r *Rule) string {
	if l == Korean {
		return looksKorean[r.Name]
	}
	return r.Looks
}

// say is a sentence, or a part of one, for people: as fmt.Sprintf makes it of the English format,
// or of the Korean one that stands for it in the table korean.
func (l Lang) say(format string, args ...any) string {
	if l == Korean {
		return fmt.Sprintf(inKorean(format), args...)
	}
	return fmt.Sprintf(format, args...)
}

// ids lists ids of brokers for people. The order is the caller's: for replicas the first is the
// preferred one.
func (l Lang) ids(list []int32) string {
	if len(list) == 0 {
		return l.say("none")
	}
	words := make([]string, len(list))
	for i, id := range list {
		words[i] = strconv.Itoa(int(id))
	}
	return strings.Join(words, ", ")
}

// count is a number with its noun, in the plural if it is not 1. Nouns here are regular, or end in
// a consonant and y ("directory").
func (l Lang) count(n int, noun string) string {
	if l == Korean {
		return fmt.Sprintf(koreanNouns[noun], n)
	}
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return strconv.Itoa(n) + " " + stem + "ies"
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// brokers names brokers.
func (l Lang) brokers(list []int32) string {
	if len(list) == 1 {
		return l.say("broker %s", l.ids(list))
	}
	return l.say("brokers %s", l.ids(list))
}

// length is a duration for people, in its largest unit or two. It is cut off, not rounded: what is
// 1 day and 23 hours old is 47 hours old.
func (l Lang) length(d time.Duration) string {
	// Below two of a unit the smaller one says more: 90 minutes rather than 1 hours.
	switch d = d.Abs(); {
	case d >= 48*time.Hour:
		return l.say("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return l.say("%d hours", int(d.Hours()))
	case d >= 2*time.Minute:
		return l.say("%d minutes", int(d.Minutes()))
	case d >= 10*time.Second:
		return l.say("%d s", int(d.Seconds()))
	}
	return l.say("%.1f s", d.Seconds())
}

// aheadBy says which way a clock is off; a positive d is ahead of ZooKeeper's.
func (l Lang) aheadBy(d time.Duration) string {
	if d < 0 {
		return l.say("%s behind", l.length(d))
	}
	return l.say("%s ahead", l.length(d))
}

// listed are the first names of a list.
func (l Lang) listed(names []string) string {
	if len(names) > 5 {
		return l.say("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}

// upper is a sentence with a capital at its beginning.
func upper(sentence string) string {
	first, n := utf8.DecodeRuneInString(sentence)
	return string(unicode.ToUpper(first)) + sentence[n:]
}
