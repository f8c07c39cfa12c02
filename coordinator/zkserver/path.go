package zkserver

import "strings"

// validPath says whether ZooKeeper would take path as the name of a node (PathUtils.validatePath of
// 3.4.14, its odd bounds included: U+001F, U+007F, U+009F and U+F8FF pass, everything beyond the
// basic plane does not).
func validPath(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	if path == "/" {
		return true
	}
	if path[len(path)-1] == '/' {
		return false
	}
	for _, c := range path {
		switch {
		case c == 0,
			c > 0 && c < 0x1f,
			c > 0x7f && c < 0x9f,
			c > 0xd800 && c < 0xf8ff,
			c > 0xfff0 && c < 0xffff,
			c > 0xffff:
			return false
		}
	}
	for part := range strings.SplitSeq(path[1:], "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// splitPath returns the parent of path and its own name; path contains a slash.
func splitPath(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}
