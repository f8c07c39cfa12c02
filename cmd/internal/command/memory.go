package command

import (
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
)

// memoryLimit chooses the soft limit for the memory of this process in bytes, and says where it
// comes from: GOMEMLIMIT (which the runtime has applied itself), the -Xmx of KAFKA_HEAP_OPTS, nine
// tenths of the cgroup's limit; the smaller of the last two. 0 means that there is none.
func memoryLimit(environ []string, maxHeap int64, root string) (limit int64, from string) {
	for _, v := range environ {
		if s, ok := strings.CutPrefix(v, "GOMEMLIMIT="); ok && s != "" {
			return 0, "GOMEMLIMIT"
		}
	}
	limit, from = maxHeap, "KAFKA_HEAP_OPTS"
	if c := cgroupLimit(root); c > 0 {
		// Not all of it: stacks, mapped indexes and dirty pages count against the cgroup too, and
		// the kernel kills at its limit.
		if c = c / 10 * 9; limit == 0 || c < limit {
			limit, from = c, "cgroup"
		}
	}
	if limit == 0 {
		return 0, ""
	}
	return limit, from
}

// applyMemoryLimit is the one place that sets the runtime's limit.
func applyMemoryLimit(log *logrus.Logger, environ []string, maxHeap int64) {
	if limit, from := memoryLimit(environ, maxHeap, "/"); limit > 0 {
		debug.SetMemoryLimit(limit)
		log.WithFields(logrus.Fields{"bytes": limit, "from": from}).Debug("set the memory limit")
	}
}

// cgroupLimit is the smallest memory limit of this process's cgroup and those above it, 0 for none.
// root is / but in tests.
func cgroupLimit(root string) int64 {
	var limit int64
	note := func(file string) {
		data, err := os.ReadFile(file)
		if err != nil {
			return
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		// Version 1 says "no limit" with a number near the largest.
		if err == nil && n > 0 && n < 1<<60 && (limit == 0 || n < limit) {
			limit = n
		}
	}
	data, _ := os.ReadFile(path.Join(root, "proc/self/cgroup"))
	for _, line := range strings.Split(string(data), "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, file := path.Join(root, "sys/fs/cgroup"), "memory.max"
		switch {
		// The one line of version 2 is 0::PATH.
		case parts[1] == "" && parts[0] == "0":
		case strings.Contains(","+parts[1]+",", ",memory,"):
			base, file = path.Join(base, "memory"), "memory.limit_in_bytes"
		default:
			continue
		}
		// A limit higher up holds for all below it. In a container the path can be the host's, of
		// which nothing but the root is mounted here.
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			note(path.Join(base, dir, file))
			if dir == "/" {
				break
			}
		}
	}
	return limit
}
