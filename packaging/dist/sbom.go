package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bom is a bill of materials in the form of CycloneDX 1.5. The names of the fields are the format's;
// of the many that it has these are what scanners for known vulnerabilities ask for.
type bom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

// metadata says what the bill is of. There is no tool in it that made the bill: its version would be
// one more thing that differs between two builds of the same commit.
type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

// component is the program or a module in it. Ref names it within the bill, PURL (package-url) in
// the databases of vulnerabilities; both are the same here.
type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

// hash is a check sum in hexadecimal digits: of the program's file, of a module's files as go.sum
// counts them.
type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// property is what the format has no field for; the prefix of its name, momus:, says whose it is.
type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// dependency says what a component needs. A binary does not tell which module needs which, so that
// the program depends on all, and they on nothing.
type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// billOfMaterials lists the modules in a binary, as the binary itself names them: what is in go.mod
// and was not linked in is not there. The standard library is listed as a module of its own, since it
// has vulnerabilities of its own.
func (r *Release) billOfMaterials(p Platform) error {
	info, err := buildinfo.ReadFile(r.Binary(p))
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(r.Binary(p))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(binary)
	purl := "pkg:generic/momus@" + strings.ReplaceAll(r.Version, "+", "%2B")
	main := component{Type: "application", Ref: purl, Name: "momus", Version: r.Version, PURL: purl, Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
		Properties: []property{{"momus:commit", r.Commit}, {"momus:os", p.OS}, {"momus:arch", p.Arch}}}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	std := "pkg:golang/std@" + goVersion
	parts := []component{{Type: "library", Ref: std, Name: "std", Version: goVersion, PURL: std}}
	for _, m := range info.Deps {
		// What was built in is the replacement.
		if m.Replace != nil {
			m = m.Replace
		}
		c := component{Type: "library", Ref: "pkg:golang/" + m.Path + "@" + m.Version, Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version}
		// go.sum's hash is a SHA-256 of the module's files and their hashes.
		if h, ok := strings.CutPrefix(m.Sum, "h1:"); ok {
			raw, err := base64.StdEncoding.DecodeString(h)
			if err != nil {
				return fmt.Errorf("hash of %s: %w", m.Path, err)
			}
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(raw)}}
		}
		parts = append(parts, c)
	}
	b := bom{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{Timestamp: r.Time.Format(time.RFC3339), Component: main}, Components: parts,
		Dependencies: []dependency{{Ref: main.Ref}}}
	for _, c := range parts {
		b.Dependencies[0].DependsOn = append(b.Dependencies[0].DependsOn, c.Ref)
		b.Dependencies = append(b.Dependencies, dependency{Ref: c.Ref})
	}
	// The number is one of this binary for ever: a UUID made of its hash.
	id := sum[:16]
	// Version 8 of RFC 9562 is for UUIDs made in a way of one's own.
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	b.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.Out, r.Name(p)+".cdx.json"), append(data, '\n'), 0o644)
}
