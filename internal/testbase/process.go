package testbase

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Resident is the resident memory of a process of this machine, in bytes; Linux alone tells it.
func Resident(t testing.TB, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
