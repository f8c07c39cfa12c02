package logdirs

import (
	"slices"
	"testing"
)

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 5 << 30: "5.0 GiB", 3 << 50: "3072.0 TiB"} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestEmptyWordsOfAListAreDropped(t *testing.T) {
	if got := commaList(",1,,2,"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("%q", got)
	}
	if got := commaList(","); len(got) > 0 { // all of them, not none
		t.Errorf("%q", got)
	}
}
