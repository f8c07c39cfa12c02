package command

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"momus/cmd/internal/tool"
	"momus/internal/shellwords"
)

// The scripts only hand the line to momus complete and show its answer; @MOMUS@ is this program,
// @NAMES@ all names that it goes by.
var (
	//go:embed completion/bash
	bashScript string
	//go:embed completion/zsh
	zshScript string
	//go:embed completion/fish
	fishScript string
)

// runCompletion prints the script that makes a shell complete commands, options, topics, groups and
// configs.
func runCompletion(_ context.Context, e *Env, args []string) error {
	if len(args) != 1 || completionScript(args[0]) == "" {
		return errors.New("USAGE: momus completion bash|zsh|fish\n" +
			"bash: source <(momus completion bash)\nzsh:  source <(momus completion zsh)\nfish: momus completion fish | source")
	}
	self, err := os.Executable()
	if err != nil {
		// The word alone works where this program is in the PATH.
		self = "momus"
	}
	fmt.Fprint(e.Stdout, CompletionScript(args[0], self))
	return nil
}

// CompletionScript is what momus completion prints for bash, zsh or fish when this program is at
// the path; "" for another shell.
func CompletionScript(shell, program string) string {
	quoted := "'" + strings.ReplaceAll(program, "'", `'\''`) + "'"
	return strings.NewReplacer("@MOMUS@", quoted, "@NAMES@", strings.Join(linkedNames(), " ")).Replace(completionScript(shell))
}

// completionScript is the script for a shell, "" for a shell that has none. All three ask this
// program for the words, so that they never grow old.
func completionScript(shell string) string {
	switch shell {
	case "bash":
		return bashScript
	case "zsh":
		return zshScript
	case "fish":
		return fishScript
	}
	return ""
}

// linkedNames are the names under which make install links this program, and its own.
func linkedNames() []string {
	out := []string{"momus"}
	for _, s := range startScripts() {
		out = append(out, s.name, s.name+".sh")
	}
	for _, t := range tool.Tools() {
		out = append(out, t.Name, t.Name+".sh")
	}
	return out
}

// filesLine is the whole answer of momus complete where the name of a file may stand.
const filesLine = ":files"

// runComplete answers the scripts: the words that may stand at the end of a line, one a line, for
// zsh and fish with a tab and a description. For bash the argument is the line, for the others it
// is its words.
func runComplete(ctx context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("complete", pflag.ContinueOnError)
	shell := flags.String("shell", "", "bash, zsh or fish")
	breaks := flags.String("breaks", "", "characters at which bash cuts words ($COMP_WORDBREAKS)")
	if err := parse(e, "complete", flags, args); err != nil {
		return err
	}
	words := flags.Args()
	if *shell == "bash" {
		words = shellWords(strings.Join(words, " "))
	}
	if len(words) < 2 {
		return nil
	}
	word := words[len(words)-1]
	answer := complete(ctx, e, words[:len(words)-1], word)
	if answer.Files {
		fmt.Fprintln(e.Stdout, filesLine)
		return nil
	}
	kept := 0 // how much of the word bash does not see
	if *shell == "bash" {
		// bash cuts a word at these characters if they are among COMP_WORDBREAKS, and replaces only
		// what follows the last of them: the answer has to leave the part before it out.
		kept = strings.LastIndexFunc(word, func(r rune) bool { return strings.ContainsRune("=:", r) && strings.ContainsRune(*breaks, r) }) + 1
	}
	for _, c := range answer.Words {
		switch {
		case *shell == "bash":
			fmt.Fprintln(e.Stdout, escapeForBash(c.Word[kept:]))
		case c.Help != "":
			fmt.Fprintf(e.Stdout, "%s\t%s\n", c.Word, strings.ReplaceAll(c.Help, "\n", " "))
		default:
			fmt.Fprintln(e.Stdout, c.Word)
		}
	}
	return nil
}

// complete finds what may stand in place of word after words, the first of which is the program.
func complete(ctx context.Context, e *Env, words []string, word string) tool.Completion {
	// A link's name is the command itself (kafka-topics.sh); after momus the command is the first
	// word.
	c, known := find(filepath.Base(words[0]))
	args := words[1:]
	if !known {
		if len(args) == 0 {
			return tool.Completion{Words: commandNames(word)}
		}
		if c, known = find(args[0]); !known {
			return tool.Completion{}
		}
		args = args[1:]
	}
	for _, t := range tool.Tools() {
		if c.Name == t.Name || slices.Contains(c.Aliases, t.Name) {
			return tool.Complete(ctx, t, e.getenv, args, word)
		}
	}
	switch {
	case c.Name == "completion":
		var out []tool.Candidate
		for _, s := range []string{"bash", "fish", "zsh"} {
			if len(args) == 0 && strings.HasPrefix(s, word) {
				out = append(out, tool.Candidate{Word: s})
			}
		}
		return tool.Completion{Words: out}
	case !strings.HasPrefix(word, "-"):
		return tool.Completion{Files: true}
	}
	return tool.Completion{Words: ownOptions(ctx, c, word)}
}

// commandNames are the commands that begin so; Kafka's full names only when they are begun.
func commandNames(word string) []tool.Candidate {
	var out []tool.Candidate
	for _, c := range Table() {
		if c.Hidden {
			continue
		}
		names := append([]string{c.Name}, c.Aliases...)
		for i, n := range names {
			if strings.HasPrefix(n, word) && !strings.HasPrefix(n, "-") && !strings.HasSuffix(n, ".sh") && (i == 0 || word != "") {
				out = append(out, tool.Candidate{Word: n, Help: c.Help})
			}
		}
	}
	return out
}

// usageOption finds options in the usage text of a command of ours.
var usageOption = regexp.MustCompile(`--[a-z][a-z-]*`)

// ownOptions reads the options of a command of our own out of its usage text.
func ownOptions(ctx context.Context, c Command, word string) []tool.Candidate {
	var text bytes.Buffer
	// Every command answers --help before it looks at the world, so that this starts nothing. One
	// without flags answers with an error; its text has the options too.
	err := c.Run(ctx, &Env{Args: []string{"momus"}, Stdout: &text, Stderr: io.Discard}, []string{"--help"})
	if err != nil {
		text.WriteString(err.Error())
	}
	text.WriteString(c.Args)
	var out []tool.Candidate
	for _, o := range usageOption.FindAllString(text.String(), -1) {
		if strings.HasPrefix(o, word) && !slices.Contains(out, tool.Candidate{Word: o}) {
			out = append(out, tool.Candidate{Word: o})
		}
	}
	slices.SortFunc(out, func(a, b tool.Candidate) int { return strings.Compare(a.Word, b.Word) })
	return out
}

// shellWords splits the part of a line before the cursor as a shell does; the last word is the one
// at the cursor, "" after a blank. Assignments in front of the command are left out.
func shellWords(line string) []string {
	out, inWord, _ := shellwords.Escaped(line)
	if !inWord {
		out = append(out, "")
	}
	for len(out) > 1 && assignment.MatchString(out[0]) {
		out = out[1:]
	}
	return out
}

// assignment is a variable before a command, as in KAFKA_HEAP_OPTS=-Xmx1g kafka-topics.sh;
// completion is about the command behind it.
var assignment = regexp.MustCompile(`^[A-Za-z_]\w*=`)

// escapeForBash puts a backslash before what bash would take for itself.
func escapeForBash(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(" \t$&;()<>|\"'\\`*?[]{}~#!", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
