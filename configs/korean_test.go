package configs

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestEveryKeyIsExplainedInKorean(t *testing.T) {
	named := map[string]bool{}
	for _, keys := range [][]Key{BrokerKeys(), TopicKeys()} {
		for i := range keys {
			k := &keys[i]
			named[k.Name] = true
			text := k.KoreanDoc()
			if !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }) || !strings.HasSuffix(text, ".") {
				t.Errorf("%s is not explained in Korean: %q", k.Name, text)
			}
		}
	}
	for _, d := range koreanDocs {
		if !named[d.name] {
			t.Errorf("%q is explained in Korean, and no key", d.name)
		}
	}
	if !slices.IsSortedFunc(koreanDocs[:], func(a, b koreanDoc) int { return strings.Compare(a.name, b.name) }) {
		t.Error("the explanations are not in the order of their names, in which they are looked for")
	}
	if got := (&Key{Name: HTTPPortKey}).KoreanDoc(); got != "" {
		t.Errorf("a key of this program: %q", got)
	}
}
