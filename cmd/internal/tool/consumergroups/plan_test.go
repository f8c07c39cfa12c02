package consumergroups

import (
	"fmt"
	"testing"
)

func TestPlansAreReadAsKafkaDoes(t *testing.T) {
	for _, c := range []struct {
		data   string
		groups []string
		want   string // the plan, or the error
	}{
		{"t,0,1\n", []string{"g"}, "map[g:map[t-0:1]]"},
		{"t,0,1\nt,1,2\n\n", []string{"g"}, "map[g:map[t-0:1 t-1:2]]"},
		{"g,t,0,1\nh,t,0,2", []string{"g"}, "map[g:map[t-0:1] h:map[t-0:2]]"},
		{"g,t,0,1", nil, "map[g:map[t-0:1]]"},
		{"t,0,1", []string{"g", "h"}, "map[t:map[0-1:0]]"}, // the group is t, the topic 0
		{"t,0", []string{"g"}, "map[g:map[t-0:0]]"},
		{`"a,b",0,1`, []string{"g"}, "map[g:map[a,b-0:1]]"},
		{"", []string{"g"}, "No content to map due to end-of-input"},
		{"t,0,-1", []string{"g"}, "Invalid negative offset"},
		{"t,0,99999999999999999999", []string{"g"}, "Cannot deserialize value of type `int` from String \"99999999999999999999\": not a valid Integer value"},
		{"g,t,0,x", nil, "Cannot deserialize value of type `long` from String \"x\": not a valid Long value"},
		{"g,t,0,1,2", nil, "Too many entries: expected at most 3"},
	} {
		plan, err := parsePlan(c.data, c.groups)
		got := fmt.Sprint(plan)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q of %v: %s, want %s", c.data, c.groups, got, c.want)
		}
	}
}

func FuzzPlan(f *testing.F) {
	f.Add("g,t,0,1\n", true)
	f.Add("\"a\"\"b\",,\n\n", false)
	f.Fuzz(func(t *testing.T, data string, single bool) {
		groups := []string{"g", "h"}
		if single {
			groups = groups[:1]
		}
		plan, err := parsePlan(data, groups)
		if err != nil {
			return
		}
		for _, offsets := range plan {
			for tp, at := range offsets {
				if at < 0 {
					t.Fatalf("%v at %d", tp, at)
				}
			}
		}
	})
}
