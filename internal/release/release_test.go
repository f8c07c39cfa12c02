package release

import "testing"

func TestVersions(t *testing.T) {
	for in, want := range map[string]Version{"2.5": V2_5_IV0, "2.5.0": V2_5_IV0, "2.1": V2_1_IV2, "2.1-IV0": V2_1_IV0, "0.10.2.1": V0_10_2_IV0,
		"0.11.0": V0_11_0_IV2, "0.8.2": V0_8_2, "1.0.2": V1_0_IV0} {
		if got, err := Parse(in); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "2.6", "0.7", "0.10", "2.5-IV1", "x"} {
		if v, err := Parse(bad); err == nil {
			t.Errorf("%q is %v", bad, v)
		}
	}
	if V0_9_0.RecordVersion() != 0 || V0_10_2_IV0.RecordVersion() != 1 || V0_11_0_IV0.RecordVersion() != 2 || int(Latest) != len(versions)-1 {
		t.Error("record versions are wrong")
	}
}
