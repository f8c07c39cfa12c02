package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portHolder names the process that listens on a TCP port, "" when it cannot be seen.
func portHolder(port int) string {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for _, inode := range listeningInodes(string(data), port) {
			inodes["socket:["+inode+"]"] = true
		}
	}
	if len(inodes) == 0 {
		return ""
	}
	// The links of another user's process cannot be read, unless by root.
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && inodes[target] {
			pid := strings.Split(link, "/")[2]
			return fmt.Sprintf("process %s (%s)", pid, commandLine(pid))
		}
	}
	return "a process of another user"
}

// listeningInodes reads a table of /proc/net: the inodes of the sockets that listen on a port.
func listeningInodes(table string, port int) []string {
	// A line is: number, local address as HEX:PORT, remote address, state (0A is TCP_LISTEN), …;
	// the tenth field is the inode.
	const listen = "0A"
	var out []string
	for _, line := range strings.Split(table, "\n") {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listen {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		if n, err := strconv.ParseInt(hex, 16, 32); err == nil && int(n) == port {
			out = append(out, f[9])
		}
	}
	return out
}

// commandLine is the beginning of what a process was started with.
func commandLine(pid string) string {
	data, err := os.ReadFile("/proc/" + pid + "/cmdline")
	s := strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
	if err != nil || s == "" {
		name, _ := os.ReadFile("/proc/" + pid + "/comm")
		return strings.TrimSpace(string(name))
	}
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return s
}
