package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"momus/cmd/internal/tour"
)

// runTour plays the course, on a cluster of its own.
func runTour(ctx context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("tour", pflag.ContinueOnError)
	lang := flags.String("lang", languageOf(e.Environ), "en or ko")
	brokers := flags.Int("brokers", 3, "how many brokers the cluster has")
	auto := flags.Bool("auto", false, "run everything without asking; exit status 1 if something is not as the course says")
	list := flags.Bool("list", false, "list the chapters")
	dir := flags.String("dir", "", "keep the cluster's data here instead of in a directory that goes at the end")
	if err := parse(e, "tour", flags, args); err != nil {
		return err
	}
	if *lang != string(tour.English) && *lang != string(tour.Korean) {
		return fmt.Errorf("--lang %s: the course is in en and ko", *lang)
	}
	if *brokers < 1 || *brokers > 9 {
		return fmt.Errorf("--brokers %d: 1 to 9", *brokers)
	}
	chapters, err := tour.Chapters()
	if err != nil {
		return err
	}
	chosen, err := chooseChapters(chapters, flags.Args())
	if err != nil {
		return err
	}
	if *list {
		for _, c := range chosen {
			fmt.Fprintf(e.Stdout, "%4d  %-14s %s\n", c.Number, c.Name, c.Title.In(tour.Lang(*lang)))
		}
		return nil
	}
	if *dir == "" {
		temporary, err := os.MkdirTemp("", "momus-tour-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		*dir = temporary
	}
	return playTour(ctx, e, chosen, tour.Lang(*lang), *brokers, *dir, *auto)
}

// playTour starts a cluster and plays chapters on it.
func playTour(ctx context.Context, e *Env, chapters []*tour.Chapter, lang tour.Lang, brokers int, dir string, auto bool) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	o := tour.Options{Program: program, Dir: dir, Brokers: brokers}
	if !auto {
		o.BrokerPort, o.ZooKeeperPort = 9092, 2181
	}
	session, err := tour.NewSession(ctx, o)
	if err != nil {
		return err
	}
	defer session.Close()
	p := &tour.Player{Session: session, Lang: lang, Out: e.Stdout}
	if out, ok := e.Stdout.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
		p.Color = true
		p.Width, _, _ = term.GetSize(int(out.Fd()))
	}
	if !auto {
		p.In = bufio.NewReader(os.Stdin)
	}
	for _, c := range chapters {
		switch err := p.Play(ctx, c); {
		case errors.Is(err, tour.ErrQuit):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// chooseChapters finds chapters by number or name; none are all.
func chooseChapters(all []*tour.Chapter, wanted []string) ([]*tour.Chapter, error) {
	if len(wanted) == 0 {
		return all, nil
	}
	var chosen []*tour.Chapter
	for _, w := range wanted {
		found := false
		for _, c := range all {
			if c.Name == w || strconv.Itoa(c.Number) == w {
				chosen, found = append(chosen, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no chapter %q; momus tour --list lists them", w)
		}
	}
	return chosen, nil
}

// languageOf is the language that the environment asks for.
func languageOf(environ []string) string {
	for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		for _, v := range environ {
			if value, ok := strings.CutPrefix(v, key+"="); ok && value != "" {
				if strings.HasPrefix(value, "ko") {
					return string(tour.Korean)
				}
				return string(tour.English)
			}
		}
	}
	return string(tour.English)
}
