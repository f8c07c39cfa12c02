package tour

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// filter is what stands behind a | of a command line: a program that reads lines and prints some of
// them. Only those that are shown in the course are there, since what is typed may come from a page.
type filter func(lines []string) []string

// errFilter tells which filters there are.
var errFilter = Because("behind a | only grep [-v] PATTERN, head -NUMBER and tail -NUMBER are there",
	"| 뒤에는 grep [-v] PATTERN, head -NUMBER, tail -NUMBER만 쓸 수 있습니다")

// parseFilter reads grep [-v] PATTERN, head -N or tail -N, with -n N too.
func parseFilter(args []string) (filter, error) {
	if len(args) == 0 {
		return nil, errFilter
	}
	rest := args[1:]
	switch args[0] {
	case "grep":
		without := len(rest) > 0 && rest[0] == "-v"
		if without {
			rest = rest[1:]
		}
		if len(rest) != 1 {
			return nil, errFilter
		}
		r, err := regexp.Compile(rest[0])
		if err != nil {
			return nil, Because("grep: %v", "grep: 정규 표현식이 잘못되었습니다: %v", err)
		}
		return func(lines []string) []string {
			return slices.DeleteFunc(lines, func(l string) bool { return r.MatchString(l) == without })
		}, nil
	case "head", "tail":
		n, err := strconv.Atoi(strings.TrimLeft(strings.Join(rest, ""), "-n"))
		if err != nil || n < 0 {
			return nil, errFilter
		}
		if args[0] == "head" {
			return func(lines []string) []string { return lines[:min(n, len(lines))] }, nil
		}
		return func(lines []string) []string { return lines[max(0, len(lines)-n):] }, nil
	}
	return nil, errFilter
}

// pipeline splits a command line at its | into a command and what its output goes through.
func pipeline(line string) (args []string, through []filter, err error) {
	stages, err := words(line)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range stages[1:] {
		f, err := parseFilter(s)
		if err != nil {
			return nil, nil, err
		}
		through = append(through, f)
	}
	return stages[0], through, nil
}

// pass sends an output through filters.
func pass(output string, through []filter) string {
	if len(through) == 0 || output == "" {
		return output
	}
	lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	for _, f := range through {
		lines = f(lines)
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
