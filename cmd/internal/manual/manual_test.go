package manual

import (
	"strings"
	"testing"

	"momus/cmd/internal/command"
	"momus/cmd/internal/tool"
	"momus/configs"
)

func page(t *testing.T, name string) Page {
	t.Helper()
	for _, p := range Pages() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("there is no page %s", name)
	return Page{}
}

// Every command that help shows and every tool has a page, no name comes twice, and each refers to
// pages that are there.
func TestEveryCommandHasAPage(t *testing.T) {
	pages := map[string]bool{}
	for _, p := range Pages() {
		if pages[p.Name] {
			t.Errorf("%s comes twice", p.Name)
		}
		pages[p.Name] = true
	}
	for _, tl := range tool.Tools() {
		if !pages[tl.Name] {
			t.Errorf("%s has no page", tl.Name)
		}
	}
	for _, c := range command.Table() {
		if !c.Hidden && c.Name != "help" && !pages["momus-"+c.Name] && !pages[c.Name] && !pages["kafka-"+c.Name] {
			t.Errorf("momus %s has no page", c.Name)
		}
	}
	for _, p := range Pages() {
		for _, see := range p.SeeAlso {
			if name, _, _ := strings.Cut(see, "("); !pages[name] {
				t.Errorf("%s refers to %s, which is not there", p.Name, see)
			}
		}
	}
}

// Every option of a command is in its page: none is lost where its usage text is read.
func TestEveryOptionIsThere(t *testing.T) {
	for _, c := range command.Table() {
		if c.Hidden || c.Name == "help" {
			continue
		}
		for _, p := range Pages() {
			if p.Name != "momus-"+c.Name {
				continue
			}
			text := p.Roff("")
			for line := range strings.SplitSeq(Usage(c), "\n") {
				word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
				if name, _, _ := strings.Cut(word, "["); strings.HasPrefix(line, "  ") && strings.HasPrefix(name, "--") && !strings.Contains(text, escaped(name)) {
					t.Errorf("%s lacks %s", p.Name, name)
				}
			}
		}
	}
	topics := page(t, "kafka-topics").Roff("")
	for _, o := range tool.Tools()[0].Options().Infos() {
		if !strings.Contains(topics, `\-\-`+escaped(o.Name)) {
			t.Errorf("kafka-topics lacks --%s", o.Name)
		}
	}
}

func TestEveryKeyIsThere(t *testing.T) {
	p := page(t, "momus-configuration")
	if len(p.Parts) != 4 || len(p.Parts[1].Items) != len(configs.BrokerKeys()) || len(p.Parts[2].Items) != len(configs.TopicKeys()) || len(p.Parts[3].Items) != len(configs.OwnKeys()) {
		t.Fatalf("%d parts", len(p.Parts))
	}
	for _, part := range p.Parts[1:] {
		for _, item := range part.Items {
			if item.Text[0] == "" {
				t.Errorf("nothing is said of %s", item.Term)
			}
		}
	}
}

func TestRoffEscapes(t *testing.T) {
	p := Page{Name: "a-b", Section: 1, Help: "it's", Synopsis: []string{"a -x"}, Parts: []Part{{Title: "DESCRIPTION", Text: []string{".hidden", `back\slash`}}}}
	got := p.Roff("1")
	for _, want := range []string{`.TH "A\-B" 1`, `a\-b \- it\(aqs`, "\\&.hidden\n", `back\eslash`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
