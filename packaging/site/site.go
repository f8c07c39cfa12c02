package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

//go:embed assets
var assets embed.FS

// chapters are the parts of the contents, in their order. Pages are named by their files from the
// root of the repository; a directory stands for its pages that are not named elsewhere.
var chapters = []struct {
	title string
	pages []string
}{
	{"Begin", []string{"README.md", "docs/installation.md", "docs/configuration.md", "docs/security.md", "docs/window.md", "docs/doctor.md", "docs/tools.md", "docs/embedding.md"}},
	{"Coming from Kafka", []string{"docs/from-kafka.md", "docs/rollover.md", "docs/from", "docs/differences.md"}},
	{"Reference", []string{"docs/keys.md", "docs/apis.md", "docs/versions.md", "docs/compatibility.md", "CHANGELOG.md", "docs/glossary.md"}},
	{"How it works", []string{"docs/architecture.md", "docs/storage.md", "docs/performance.md", "docs", "docs/formats", "docs/decisions"}},
	{"Commands and tools", []string{"manual"}},
}

// page is a page of the site.
type page struct {
	source string // from the root of the repository; manual/… for a manual page
	url    string // from the root of the site
	title  string
	data   []byte
	tree   ast.Node
}

// site are its pages, and the files that they show.
type site struct {
	pages    []*page // in the order of the contents
	chapters []chapter
	bySource map[string]*page
	images   map[string][]byte
}

// chapter is a part of the contents with its pages, in their order.
type chapter struct {
	Title string
	Pages []*page
}

// markdown reads pages as the repository's host shows them, so that a table or a link looks the same
// in both.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.GFM),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(html.WithXHTML(), html.WithUnsafe()), // the README's comments; the pages are our own
)

// load reads the pages of a repository and of a directory with manual pages. A page that no chapter
// names is an error, as is one that a chapter names and that is not there.
func load(root, manualDir string) (*site, error) {
	s := &site{bySource: map[string]*page{}, images: map[string][]byte{}}
	found := map[string][]byte{}
	read := func(dir, under string, only func(string) bool) error {
		return fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !only(name) {
				return err
			}
			data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
			// The error of ReadFile ends the walk.
			found[path.Join(under, name)] = data
			return err
		})
	}
	if err := read(filepath.Join(root, "docs"), "docs", func(name string) bool { return path.Ext(name) == ".md" || path.Ext(name) == ".png" }); err != nil {
		return nil, err
	}
	if err := read(manualDir, "manual", func(string) bool { return true }); err != nil {
		return nil, err
	}
	for _, name := range []string{"README.md", "CHANGELOG.md"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		found[name] = data
	}
	// All of them first, since a chapter that is further down may name a page of this one's directory.
	named := map[string]bool{}
	for _, c := range chapters {
		for _, name := range c.pages {
			named[name] = true
		}
	}
	for _, c := range chapters {
		ch := chapter{Title: c.title}
		for _, name := range c.pages {
			sources := []string{name}
			if path.Ext(name) != ".md" {
				sources = nil
				// Pages that a chapter names by themselves are not taken again by their directory.
				for source := range found {
					if path.Dir(source) == name && path.Ext(source) == ".md" && !named[source] {
						sources = append(sources, source)
					}
				}
				slices.SortFunc(sources, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
			}
			for _, source := range sources {
				data, ok := found[source]
				if !ok {
					return nil, fmt.Errorf("%s of chapter %q is not there", source, c.title)
				}
				p := parse(source, data)
				ch.Pages = append(ch.Pages, p)
				s.pages = append(s.pages, p)
				s.bySource[source] = p
			}
		}
		s.chapters = append(s.chapters, ch)
	}
	// Every page has to be somewhere: one that is forgotten stops the build.
	for source, data := range found {
		switch {
		case path.Ext(source) == ".png":
			s.images[strings.TrimPrefix(source, "docs/")] = data
		case s.bySource[source] == nil:
			return nil, fmt.Errorf("%s is in no chapter", source)
		}
	}
	return s, nil
}

// parse reads a page. Its title is its first heading of the first level.
func parse(source string, data []byte) *page {
	p := &page{source: source, data: data, tree: markdown.Parser().Parse(text.NewReader(data))}
	p.url = strings.TrimSuffix(strings.TrimPrefix(source, "docs/"), ".md") + ".html"
	if source == "README.md" {
		p.url = "index.html"
	}
	// README.md of a directory is its index.html.
	p.url = strings.ReplaceAll(p.url, "README", "index")
	p.title = strings.TrimSuffix(path.Base(source), ".md")
	for n := p.tree.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok && h.Level == 1 {
			p.title = plain(h, data)
			break
		}
	}
	return p
}

// plain is the text below a node.
func plain(n ast.Node, data []byte) string {
	var b strings.Builder
	ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(data))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			if entering {
				b.Write(n.Lines().Value(data))
			}
		}
		if !entering && n.Type() == ast.TypeBlock {
			b.WriteByte(' ')
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// entry is what can be found: a heading with the text below it. Its names are short because the
// browser loads the whole index before the first search.
type entry struct {
	Page string `json:"p"`
	Head string `json:"h"`
	URL  string `json:"u"`
	Text string `json:"x"`
}

// entries are those of a page, one for each of its headings.
func (p *page) entries() []entry {
	out := []entry{{Page: p.title, Head: p.title, URL: p.url}}
	for n := p.tree.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok && h.Level > 1 {
			out = append(out, entry{Page: p.title, Head: plain(h, p.data), URL: p.url + "#" + idOf(h)})
			continue
		}
		last := &out[len(out)-1]
		last.Text = strings.TrimSpace(last.Text + " " + plain(n, p.data))
	}
	return out
}

// idOf is the name of a heading's place in its page, as links have it behind the #.
func idOf(h *ast.Heading) string {
	if id, ok := h.AttributeString("id"); ok {
		if b, ok := id.([]byte); ok {
			return string(b)
		}
	}
	return ""
}

// link leads from a page to what its text names: another page, an image, a place outside. "" is what
// the site does not have, such as a file of the source.
func (s *site) link(p *page, to string) string {
	// Anchors and other sites need no look.
	if strings.HasPrefix(to, "#") || strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
		return to
	}
	file, anchor, _ := strings.Cut(to, "#")
	if anchor != "" {
		anchor = "#" + anchor
	}
	target := path.Join(path.Dir(p.source), file)
	if q, ok := s.bySource[target]; ok {
		return p.up() + q.url + anchor
	}
	// A directory leads to its README.
	if q, ok := s.bySource[path.Join(target, "README.md")]; ok {
		return p.up() + q.url + anchor
	}
	if image := strings.TrimPrefix(target, "docs/"); s.images[image] != nil {
		return p.up() + image
	}
	return ""
}

// up leads from a page to the root of the site.
func (p *page) up() string { return strings.Repeat("../", strings.Count(p.url, "/")) }

// name replaces the name of a file as the text of a link by the title of that page.
func (s *site) name(p *page, n *ast.Link) {
	// Texts like docs/tools.md read as titles on the site, and as names on the forge.
	file, _, _ := strings.Cut(string(n.Destination), "#")
	q := s.bySource[path.Join(path.Dir(p.source), file)]
	if only, ok := n.FirstChild().(*ast.Text); ok && q != nil && n.ChildCount() == 1 {
		if words := string(only.Segment.Value(p.data)); words == file || words == "docs/"+path.Base(file) {
			n.ReplaceChild(n, only, ast.NewString([]byte(q.title)))
		}
	}
}

// resolve makes the links of all pages those of the site.
func (s *site) resolve() error {
	for _, p := range s.pages {
		var dead []*ast.Link
		err := ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			switch n := n.(type) {
			case *ast.Link:
				if to := s.link(p, string(n.Destination)); to != "" {
					s.name(p, n)
					n.Destination = []byte(to)
				} else {
					dead = append(dead, n)
				}
			case *ast.Image:
				to := s.link(p, string(n.Destination))
				if to == "" || strings.Contains(to, "://") {
					return ast.WalkStop, fmt.Errorf("%s shows %s, which the site does not have", p.source, n.Destination)
				}
				n.Destination = []byte(to)
			}
			return ast.WalkContinue, nil
		})
		if err != nil {
			return err
		}
		// After the walk, which does not like its tree to change.
		for _, n := range dead { // the text stays
			for c := n.FirstChild(); c != nil; c = n.FirstChild() {
				n.Parent().InsertBefore(n.Parent(), n, c)
			}
			n.Parent().RemoveChild(n.Parent(), n)
		}
	}
	return nil
}

// render gives the files of the site, by their names from its root. Whoever calls it writes them.
func (s *site) render(version string) (map[string][]byte, error) {
	if err := s.resolve(); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	layout, err := template.New("page.html").ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, err
	}
	// Each page has the whole contents at its side: it has to work from a directory, where a script
	// cannot fetch another page. The index is a script of its own for the same reason, which a page
	// loads when somebody begins to search.
	var index []entry
	for i, p := range s.pages {
		var body, out bytes.Buffer
		if err := markdown.Renderer().Render(&body, p.data, p.tree); err != nil {
			return nil, fmt.Errorf("%s: %w", p.source, err)
		}
		v := view{Title: p.title, Up: p.up(), Body: template.HTML(body.String()), Version: version, Sections: p.sections()}
		for _, c := range s.chapters {
			nc := navChapter{Title: c.Title}
			for _, q := range c.Pages {
				title := q.title
				if q.source == "README.md" {
					title = "momus in short"
				}
				nc.Pages = append(nc.Pages, navPage{Title: title, URL: p.up() + q.url, Here: q == p})
				nc.Open = nc.Open || q == p
			}
			v.Chapters = append(v.Chapters, nc)
		}
		if i > 0 {
			v.Before = &navPage{Title: s.pages[i-1].title, URL: p.up() + s.pages[i-1].url}
		}
		if i < len(s.pages)-1 {
			v.After = &navPage{Title: s.pages[i+1].title, URL: p.up() + s.pages[i+1].url}
		}
		if err := layout.Execute(&out, v); err != nil {
			return nil, fmt.Errorf("%s: %w", p.source, err)
		}
		// The README of a directory and a page called index would be one, for example.
		if files[p.url] != nil {
			return nil, fmt.Errorf("two pages are %s", p.url)
		}
		files[p.url] = out.Bytes()
		index = append(index, p.entries()...)
	}
	// A script, since a page from a directory may not read other files.
	data, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	files["index.js"] = slices.Concat([]byte("window.searchIndex="), data, []byte(";\n"))
	for _, name := range []string{"style.css", "site.js"} {
		if files[name], err = assets.ReadFile("assets/" + name); err != nil {
			return nil, err
		}
	}
	for name, data := range s.images {
		files[name] = data
	}
	return files, nil
}

// view is what the layout shows.
type view struct {
	Title, Up, Version string
	Body               template.HTML
	Chapters           []navChapter
	Sections           []navPage
	Before, After      *navPage
}

// navChapter is a chapter in the contents at the side; that of the page itself is open.
type navChapter struct {
	Title string
	Open  bool
	Pages []navPage
}

// navPage is a page, or a section of one, in the contents. URL leads there from the page that is shown.
type navPage struct {
	Title, URL string
	Here       bool
}

// sections are the headings of a page, for its own contents.
func (p *page) sections() []navPage {
	var out []navPage
	for n := p.tree.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok && h.Level == 2 {
			out = append(out, navPage{Title: plain(h, p.data), URL: "#" + idOf(h)})
		}
	}
	// Two headings are seen at a glance.
	if len(out) < 3 {
		return nil
	}
	return out
}
