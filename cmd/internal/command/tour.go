package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"momus/broker/console"
	"momus/broker/http"
	"momus/cmd/internal/outside"
	"momus/cmd/internal/tool"
	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tour"
	"momus/cmd/internal/tour/page"
)

// runTour plays the course, on a cluster of its own.
func runTour(ctx context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("tour", pflag.ContinueOnError)
	lang := flags.String("lang", languageOf(e.Environ), "en or ko")
	brokers := flags.Int("brokers", 3, "how many brokers the cluster has")
	auto := flags.Bool("auto", false, "run everything without asking; exit status 1 if something is not as the course says")
	list := flags.Bool("list", false, "list the chapters")
	card := flags.Bool("card", false, "print the reference card: the course on one page, or the parts of it that are named (words, loss, topics, records, groups, operating, zookeeper, trouble)")
	page := flags.Bool("page", false, "play it in a browser, beside a picture of the cluster")
	port := flags.Int("port", defaultConsolePort, "port of the page; 0 for a free one")
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
	// The card needs no cluster, so that it can be printed beforehand.
	if *card {
		return printCard(e, tour.Lang(*lang), flags.Args())
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
		temporary, err := os.MkdirTemp("", "tour-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		*dir = temporary
	}
	if *page {
		// Unasked the page is in the language of the browser.
		asked := ""
		if flags.Changed("lang") {
			asked = "?lang=" + *lang
		}
		return serveTour(ctx, e, chosen, asked, *brokers, *port, *dir)
	}
	return playTour(ctx, e, chosen, tour.Lang(*lang), *brokers, *dir, *auto)
}

// printCard prints the reference card, or the parts of it that are named.
func printCard(e *Env, lang tour.Lang, names []string) error {
	c, err := tour.ReferenceCard()
	if err != nil {
		return err
	}
	if len(names) > 0 {
		if c, err = c.Parts(names); err != nil {
			return err
		}
	}
	columns, rows := 0, 0
	if out, ok := terminal(e); ok {
		columns, rows, _ = term.GetSize(out) // 0 if it cannot be told
	}
	_, err = fmt.Fprint(e.Stdout, c.Print(lang, columns, rows))
	return err
}

// terminal is the descriptor of the terminal that the output goes to, if it does.
func terminal(e *Env) (fd int, ok bool) {
	out, ok := e.Stdout.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return 0, false
	}
	return int(out.Fd()), true
}

// playTour starts a cluster and plays chapters on it.
func playTour(ctx context.Context, e *Env, chapters []*tour.Chapter, lang tour.Lang, brokers int, dir string, auto bool) error {
	session, err := startTour(ctx, brokers, dir, !auto, !auto)
	if err != nil {
		if ctx.Err() != nil && !auto { // the person left before it began
			return nil
		}
		return err
	}
	defer session.Close()
	p := &tour.Player{Session: session, Lang: lang, Out: e.Stdout}
	// Without a terminal the text is plain and as wide as it comes: the test of the course reads
	// it.
	if out, ok := terminal(e); ok {
		p.Color = true
		p.Size = func() (width, height int) {
			width, height, _ = term.GetSize(out) // 0 if it cannot be told
			return width, height
		}
		p.Width, p.Height = p.Size()
	}
	if !auto {
		p.In = bufio.NewReader(os.Stdin)
	}
	for i, c := range chapters {
		switch err := p.Play(ctx, c); {
		// To leave in the middle is no failure.
		case errors.Is(err, tour.ErrQuit), err != nil && ctx.Err() != nil && !auto:
			p.Leave(chapters[i:])
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// startTour starts the cluster of a course, on Kafka's usual ports if wanted and they are free.
func startTour(ctx context.Context, brokers int, dir string, usual, person bool) (*tour.Session, error) {
	// The course runs the tools of this very program, as processes of their own.
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Commands of the course run in the directory, where a relative path would be another one.
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	o := tour.Options{Program: program, Dir: dir, Brokers: brokers, Person: person}
	// Runs without a person take any free ports, so that several go on side by side.
	if usual {
		o.BrokerPort, o.ZooKeeperPort = 9092, 2181
	}
	return tour.NewSession(ctx, o)
}

// serveTour starts a cluster and plays chapters on it in a browser of this machine. query is that of
// the page's address.
func serveTour(ctx context.Context, e *Env, chapters []*tour.Chapter, query string, brokers, port int, dir string) error {
	// Who wants a free port for the page wants free ones for the cluster.
	session, err := startTour(ctx, brokers, dir, port != 0, true)
	if err != nil {
		return err
	}
	defer session.Close()
	server, token, err := listenForPage(ctx, port, port != defaultConsolePort, nil)
	if err != nil {
		return explainPort(err)
	}
	return runTool(tool.Tool{Name: "tour", Main: func(ctx context.Context, c *core.Call) error {
		return serveTourPage(ctx, c, server, query+"#"+token, session, chapters, e.Version)
	}})(ctx, e, nil)
}

// serveTourPage shows the course in a browser beside the console's page, until ctx ends. The page
// looks at the cluster of the course from outside, as any client would: with an admin client, and
// with a session of its own in ZooKeeper. The token in the address keeps other users of this
// machine out; it is at the end of rest, the address behind its path.
func serveTourPage(ctx context.Context, c *core.Call, server *http.Server, rest string, session *tour.Session, chapters []*tour.Chapter, version string) (err error) {
	admin, err := clients.AdminFor(quiet(c), session.Expand("{all}"), "", map[string]string{"client.id": "momus-tour"})
	if err != nil {
		return errors.Join(err, server.Close())
	}
	defer admin.Close()
	keeper, err := clients.DialZooKeeper(quiet(c), ctx, session.Expand("{zookeeper}"))
	if err != nil {
		return errors.Join(err, server.Close())
	}
	defer func() { err = errors.Join(err, keeper.Close()) }()
	course := page.New(session, chapters)
	defer course.Close()
	console.NewSite(console.Options{Version: version, Outside: outside.New(admin.Client, keeper)}).Mount(server)
	course.Mount(server)
	c.Printf("The course is at http://%s/tour%s\nCtrl-C ends it, and its cluster.\n", net.JoinHostPort(host, portOf(server.Addr())), rest)
	c.Out.Flush()
	return server.Run(ctx)
}

// quiet is a call whose clients say nothing on standard error: that brokers are away belongs to the
// course, and the page shows it.
func quiet(c *core.Call) *core.Call {
	env := *c.Env
	env.Stderr = io.Discard
	return &core.Call{Env: &env, Out: c.Out, Terminal: c.Terminal}
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
