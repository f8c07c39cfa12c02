package zookeepershell

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	gozk "github.com/go-zookeeper/zk"
)

// shellError ends a command of the shell: its text goes to standard error, its code is the exit
// code.
type shellError struct {
	text string
	code int
}

// Error is what the shell prints.
func (e *shellError) Error() string { return e.text }

// shellFailure is a mistake of which the shell prints the text alone, and which ends a command on
// the command line with 1.
func shellFailure(format string, a ...any) error { return &shellError{fmt.Sprintf(format, a...), 1} }

// shellWords splits a line of the shell: words, or quoted text as one word without its quotes.
func shellWords(line string) []string {
	var out []string
	// The pattern is ZooKeeperMain's. A quote inside a word is an ordinary character.
	for _, m := range regexp.MustCompile(`\s*([^"']\S*|"[^"]*"|'[^']*')\s*`).FindAllStringSubmatch(line, -1) {
		w := m[1]
		if len(w) >= 2 && (w[0] == '"' || w[0] == '\'') && w[len(w)-1] == w[0] {
			w = w[1 : len(w)-1]
		}
		out = append(out, w)
	}
	return out
}

// shellOptions are the options of one command, in the manner of commons-cli's PosixParser: letters
// may be joined (-sw), a value may be joined to its letter (-v3), and options may stand anywhere.
type shellOptions struct {
	takesValue map[string]bool // by name; all that are valid
	values     map[string][]string
	args       []string // the command's name and the words that are no options
}

// parseShellOptions reads the words of a command; spec is its valid options, those with a value
// followed by a colon.
func parseShellOptions(words []string, spec ...string) (*shellOptions, error) {
	o := &shellOptions{takesValue: map[string]bool{}, values: map[string][]string{}}
	for _, s := range spec {
		name, value := strings.CutSuffix(s, ":")
		o.takesValue[name] = value
	}
	tokens := o.burst(words)
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch {
		// All behind -- is arguments, in both parsers of commons-cli.
		case t == "--":
			o.args = append(o.args, tokens[i+1:]...)
			return o, nil
		case t == "-" || !strings.HasPrefix(t, "-"):
			o.args = append(o.args, t)
			continue
		}
		name := strings.TrimLeft(t, "-")
		value, known := o.takesValue[name]
		if !known {
			return nil, shellFailure("org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: %s", t)
		}
		if !value {
			o.values[name] = append(o.values[name], "")
			continue
		}
		// A word that is an option is no value, unless joined to its letter.
		if i+1 == len(tokens) || o.isOption(tokens[i+1]) {
			return nil, shellFailure("org.apache.commons.cli.MissingArgumentException: Missing argument for option: %s", name)
		}
		i++
		o.values[name] = append(o.values[name], tokens[i])
	}
	return o, nil
}

// isOption reports whether a word is an option of this command; a minus alone does not make it one,
// since data may begin with it.
func (o *shellOptions) isOption(word string) bool {
	_, known := o.takesValue[strings.TrimLeft(word, "-")]
	return known && strings.HasPrefix(word, "-")
}

// burst takes joined options apart.
func (o *shellOptions) burst(words []string) []string {
	var out []string
	for _, w := range words {
		if len(w) <= 2 || w[0] != '-' || w[1] == '-' || o.isOption(w) {
			out = append(out, w)
			continue
		}
		for i := 1; i < len(w); i++ {
			value, known := o.takesValue[w[i:i+1]]
			if !known {
				// A letter that is no option ends it: the rest stays one word, as in
				// PosixParser.burstToken.
				out = append(out, w)
				break
			}
			out = append(out, "-"+w[i:i+1])
			if value && i+1 < len(w) {
				out = append(out, w[i+1:])
				break
			}
		}
	}
	return out
}

// has reports whether an option was given.
func (o *shellOptions) has(name string) bool { return len(o.values[name]) > 0 }

// value gives an option's first value.
func (o *shellOptions) value(name string) string {
	if !o.has(name) {
		return ""
	}
	return o.values[name][0]
}

// version reads -v, -1 when it was not given.
func (o *shellOptions) version() (int32, error) {
	if !o.has("v") {
		return -1, nil
	}
	n, err := strconv.ParseInt(o.value("v"), 10, 32)
	if err != nil {
		return 0, shellFailure("For input string: %q", o.value("v"))
	}
	return int32(n), nil
}

// checkPath tells whether a path is one of ZooKeeper's, with the words of its PathUtils.
func checkPath(path string) error {
	switch {
	case path == "":
		return shellFailure("Path length must be > 0")
	case path[0] != '/':
		return shellFailure("Path must start with / character")
	case path == "/":
		return nil
	case strings.HasSuffix(path, "/"):
		return shellFailure("Path must not end with / character")
	}
	at := 0
	for part := range strings.SplitSeq(path[1:], "/") {
		reason, end := "", at+len(part)
		switch {
		case part == "":
			reason = "empty node name specified"
			end = at + 1
		case part == "." || part == "..":
			reason = "relative paths not allowed"
		default:
			if bad := strings.IndexFunc(part, invalidInPath); bad >= 0 {
				reason, end = "invalid character", at+1+bad
			}
		}
		if reason != "" {
			return shellFailure("Invalid path string \"%s\" caused by %s @%d", path, reason, end)
		}
		at += len(part) + 1
	}
	return nil
}

// invalidInPath reports whether PathUtils.validatePath refuses a character.
func invalidInPath(r rune) bool {
	// The bounds themselves are allowed. What lies above 0xffff is two characters to Java, of which the
	// second is always within 0xd800 and 0xf8ff.
	return r < 0x1f || r > 0x7f && r < 0x9f || r > 0xd800 && r < 0xf8ff || r > 0xfff0 && r < 0xffff || r > 0xffff
}

// permission is a right to a znode and its letter.
type permission struct {
	letter rune
	bit    int32
}

// permissions are all, in the order in which they are shown.
func permissions() []permission {
	return []permission{{'c', gozk.PermCreate}, {'d', gozk.PermDelete}, {'r', gozk.PermRead}, {'w', gozk.PermWrite}, {'a', gozk.PermAdmin}}
}

// parseZNodeACL reads scheme:id:perms,…; warn is told of parts that make no sense, which are left
// out.
func parseZNodeACL(text string, warn func(format string, a ...any)) []gozk.ACL {
	var out []gozk.ACL
	for _, part := range strings.Split(text, ",") {
		// The id may have colons: digest:user:hash.
		first, last := strings.IndexByte(part, ':'), strings.LastIndexByte(part, ':')
		if first == last {
			warn("%s does not have the form scheme:id:perm\n", part)
			continue
		}
		a := gozk.ACL{Scheme: part[:first], ID: part[first+1 : last]}
		for _, r := range part[last+1:] {
			i := slices.IndexFunc(permissions(), func(p permission) bool { return p.letter == r })
			// The letter is reported, and the others count.
			if i < 0 {
				warn("Unknown perm type: %c\n", r)
				continue
			}
			a.Perms |= permissions()[i].bit
		}
		out = append(out, a)
	}
	return out
}

// zkErrorName is the class of a ZooKeeper error in Java, without Exception, and the words for it.
func zkErrorName(err error) (class, text string) {
	switch err {
	case gozk.ErrNoNode:
		return "NoNode", "NoNode"
	case gozk.ErrNoAuth:
		return "NoAuth", "NoAuth"
	case gozk.ErrBadVersion:
		return "BadVersion", "BadVersion"
	case gozk.ErrNoChildrenForEphemerals:
		return "NoChildrenForEphemerals", "NoChildrenForEphemerals"
	case gozk.ErrNodeExists:
		return "NodeExists", "NodeExists"
	case gozk.ErrNotEmpty:
		return "NotEmpty", "Directory not empty"
	case gozk.ErrInvalidACL:
		return "InvalidACL", "InvalidACL"
	case gozk.ErrAuthFailed:
		return "AuthFailed", "AuthFailed"
	case gozk.ErrSessionExpired:
		return "SessionExpired", "Session expired"
	case gozk.ErrBadArguments:
		return "BadArguments", "BadArguments"
	case gozk.ErrSessionMoved:
		return "SessionMoved", "Session moved"
	case gozk.ErrReconfigDisabled:
		return "ReconfigDisabled", "Reconfig is disabled"
	case gozk.ErrAPIError:
		return "APIError", "APIError"
	case gozk.ErrUnknown:
		return "Unimplemented", "Unimplemented"
	}
	// What has no name here was caused by the connection.
	return "ConnectionLoss", "ConnectionLoss"
}

// keeperError is a ZooKeeper error about a path, as KeeperException has it.
type keeperError struct {
	err  error
	path string // "" for none
}

// Error is the text of Java's KeeperException.
func (e *keeperError) Error() string {
	_, text := zkErrorName(e.err)
	if e.path == "" {
		return "KeeperErrorCode = " + text
	}
	return "KeeperErrorCode = " + text + " for " + e.path
}

// java is the error with its class.
func (e *keeperError) java() string {
	class, _ := zkErrorName(e.err)
	return "org.apache.zookeeper.KeeperException$" + class + "Exception: " + e.Error()
}

// friendly is what most commands say instead, in front of the path: the texts of
// CliWrapperException.
func (e *keeperError) friendly() string {
	class, _ := zkErrorName(e.err)
	text, ok := map[string]string{
		"NoNode":                  "Node does not exist: ",
		"NoChildrenForEphemerals": "Ephemerals cannot have children: ",
		"NodeExists":              "Node already exists: ",
		"NotEmpty":                "Node not empty: ",
		"InvalidACL":              "Acl is not valid : ",
		"NoAuth":                  "Authentication is not valid : ",
		"BadArguments":            "Arguments are not valid : ",
		"BadVersion":              "version No is not valid : ",
	}[class]
	switch {
	case !ok:
		return e.Error()
	case class == "InvalidACL":
		return text + cmp.Or(e.path, "null")
	}
	return text + e.path
}
