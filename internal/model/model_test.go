package model

import "testing"

func TestPartitionForKeyMatchesJava(t *testing.T) {
	for key, want := range map[string]int32{"g1": 42, "console-consumer-1": 24, "my-group": 12, "polygenelubricants": 0, "": 0} {
		if got := PartitionForKey(key, 50); got != want {
			t.Errorf("PartitionForKey(%q, 50) = %d, want %d", key, got, want)
		}
	}
	if h := JavaHash("my-group"); h != -1906497762 {
		t.Errorf("JavaHash = %d", h)
	}
	if h := JavaHash("\U0001F600"); h != 31*0xD83D+0xDE00 {
		t.Errorf("JavaHash of a surrogate pair = %d", h)
	}
}

func TestParseTopicPartition(t *testing.T) {
	tp, err := ParseTopicPartition("a-b-3")
	if err != nil || tp != (TopicPartition{"a-b", 3}) || tp.String() != "a-b-3" {
		t.Fatal(tp, err)
	}
	for _, bad := range []string{"", "a", "a-", "-1", "a-x", "lost+found"} {
		if _, err := ParseTopicPartition(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
