package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"html"
	"io"
	nethttp "net/http"
	"path"
	"strings"

	"momus/broker/http"
	"momus/cmd/internal/tour"
)

//go:embed assets
var assets embed.FS

// types are those of the files, not left to the tables of the system.
var types = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

// Mount puts the course at /tour and what it asks for at /api/tour. The page uses files of the
// console, which has to be mounted too.
func (c *Course) Mount(server *http.Server) {
	server.Read("/tour", nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { serve(w, r, "tour.html") }))
	server.Read("/tour/card", nethttp.HandlerFunc(card))
	server.Read("/tour/{file}", nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { serve(w, r, r.PathValue("file")) }))
	server.Read("/api/tour", nethttp.HandlerFunc(c.tell))
	server.Change("/api/tour", nethttp.HandlerFunc(c.change))
}

// serve sends one of the files that are built in.
func serve(w nethttp.ResponseWriter, r *nethttp.Request, name string) {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		nethttp.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", types[path.Ext(name)])
	_, _ = w.Write(text) // the browser is gone if this fails
}

// card serves the reference card for a printer: a page of its own, without a script.
func card(w nethttp.ResponseWriter, r *nethttp.Request) {
	c, err := tour.ReferenceCard()
	if err != nil {
		nethttp.Error(w, err.Error(), nethttp.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", types[".html"])
	_, _ = io.WriteString(w, cardPage(c, language(r))) // the browser is gone if this fails
}

// cardPage is the card as HTML. html/template would make the program four megabytes larger.
func cardPage(c *tour.Card, lang tour.Lang) string {
	var b strings.Builder
	text := func(t tour.Text) string { return html.EscapeString(t.In(lang)) }
	fmt.Fprintf(&b, `<!doctype html>
<html lang="%s">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/tour/card.css">
</head>
<body>
<main>
<h1>%[2]s</h1>
<div class="columns">
`, lang, text(c.Title))
	for _, s := range c.Sections {
		fmt.Fprintf(&b, "<section>\n<h2>%s</h2>\n<dl>\n", text(s.Title))
		for _, r := range s.Rows {
			if r.Run != "" {
				fmt.Fprintf(&b, "<div class=\"run\"><dt>%s</dt><dd><code lang=\"en\">%s</code></dd></div>\n", text(r.Text), unbroken(r.Run))
			} else {
				fmt.Fprintf(&b, "<div class=\"word\"><dt lang=\"en\">%s</dt><dd>%s</dd></div>\n", html.EscapeString(r.Word), text(r.Text))
			}
		}
		b.WriteString("</dl>\n</section>\n")
	}
	fmt.Fprintf(&b, "</div>\n<footer>%s</footer>\n</main>\n</body>\n</html>\n", text(c.Footer))
	return b.String()
}

// unbroken is a command as HTML that is broken between words only: a browser would take a - for the
// end of a line, and half an option is no option.
func unbroken(command string) string {
	words := strings.Fields(command)
	for i, w := range words {
		words[i] = html.EscapeString(w)
		if strings.Contains(w, "-") {
			words[i] = "<span>" + words[i] + "</span>"
		}
	}
	return strings.Join(words, " ")
}

// language is what the page asks for; everything that is not Korean is English.
func language(r *nethttp.Request) tour.Lang {
	if r.URL.Query().Get("lang") == string(tour.Korean) {
		return tour.Korean
	}
	return tour.English
}

// tell sends the whole state: it is small, and the page draws what has changed.
func (c *Course) tell(w nethttp.ResponseWriter, r *nethttp.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.State(language(r))) // the browser is gone if this fails
}

// wish is what the page asks for: open (Chapter), step (Step, Typed), skip (Step), check, or run
// (Typed).
type wish struct {
	Do, Chapter, Typed string
	Step               int
	// Seen is where the page believes that the course is, for step, skip and check; nil if it does not say.
	Seen *Place
}

// change does what the page wants and answers with the new state. A wish that cannot be read is the
// page's mistake (400), and one that does not fit where the course is, such as the second click on
// a step, is a conflict (409).
func (c *Course) change(w nethttp.ResponseWriter, r *nethttp.Request) {
	var x wish
	if err := json.NewDecoder(r.Body).Decode(&x); err != nil {
		nethttp.Error(w, err.Error(), nethttp.StatusBadRequest)
		return
	}
	if err := c.carryOut(&x, language(r)); err != nil {
		nethttp.Error(w, tour.Problem(err, language(r)), nethttp.StatusConflict)
		return
	}
	c.tell(w, r)
}

// carryOut carries out one wish.
func (c *Course) carryOut(x *wish, lang tour.Lang) error {
	if x.Seen != nil && x.Do != "open" && x.Do != "run" && !c.isAt(*x.Seen) {
		return errMoved
	}
	switch x.Do {
	case "open":
		return c.Open(x.Chapter, lang)
	case "step":
		return c.Step(x.Step, x.Typed, lang)
	case "skip":
		return c.Skip(x.Step, lang)
	case "check":
		return c.Check(lang)
	case "run":
		return c.Run(x.Typed, lang)
	}
	return errNothing
}
