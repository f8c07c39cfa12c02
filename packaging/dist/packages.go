package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the form
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers the form
)

// description is what apt show and rpm -qi print: a line that stands alone, and a paragraph.
const description = `Broker that takes the place of an Apache Kafka 2.5 broker
The same protocol, the same ZooKeeper nodes, the same files on disk, in one
program without a JVM, with Kafka's command-line tools.`

// packages makes the .deb and the .rpm of a Linux platform. Both have the same files and scripts; what
// differs is what they depend on, and how nfpm names them.
func (r *Release) packages(p Platform) error {
	contents, err := r.contents(p)
	if err != nil {
		return err
	}
	script := func(name string) string { return filepath.Join(r.Root, "packaging", "linux", name) }
	for _, form := range []string{"deb", "rpm"} {
		// VersionSchema none: our version is in the form of both already, and is not to be parsed
		// into another.
		info := nfpm.WithDefaults(&nfpm.Info{
			Name: "momus", Arch: p.Arch, Platform: "linux", Version: r.Version, VersionSchema: "none", Release: "1", MTime: r.Time,
			Section: "net", Priority: "optional", Maintainer: "momus maintainers <momus@localhost>", Vendor: "momus", Description: description, License: "see /usr/share/doc/momus/copyright",
			Overridables: nfpm.Overridables{
				// Others that have Kafka's tools in /usr/bin.
				Conflicts: []string{"confluent-kafka", "kafka"},
				Contents:  contents,
				Scripts: nfpm.Scripts{PreInstall: script("preinstall.sh"), PostInstall: script("postinstall.sh"),
					PreRemove: script("preremove.sh"), PostRemove: script("postremove.sh")},
				RPM: nfpm.RPM{BuildHost: "localhost", Summary: strings.SplitN(description, "\n", 2)[0]},
			},
		})
		if form == "deb" {
			info.Depends = []string{"passwd"} // for useradd
		} else {
			info.Depends = []string{"/usr/sbin/useradd"}
		}
		if err := nfpm.PrepareForPackager(info, form); err != nil {
			return err
		}
		packager, err := nfpm.Get(form)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(r.Out, packager.ConventionalFileName(info)), func(w io.Writer) error { return packager.Package(info, w) }); err != nil {
			return err
		}
	}
	return nil
}

// contents are the files of the packages. Nothing goes to /usr/local or /opt, and nothing to
// /var/lib/momus, which systemd makes for the user of the service.
func (r *Release) contents(p Platform) (files.Contents, error) {
	stage := filepath.Join(r.Work, p.OS+"-"+p.Arch, "package")
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return nil, err
	}
	linux := func(name string) string { return filepath.Join(r.Root, "packaging", "linux", name) }
	var out files.Contents
	add := func(kind, source, destination string, mode os.FileMode, group string) {
		// nfpm sorts by destination.
		out = append(out, &files.Content{Source: source, Destination: destination, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: group, Mode: mode, MTime: r.Time}})
	}
	add("", r.Binary(p), "/usr/bin/momus", 0o755, "root")
	links, err := r.links("/usr/bin")
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		add(files.TypeSymlink, l.Link, l.Name, 0o777, "root")
	}
	// bash and fish look for a completion by the name of the command.
	for _, c := range [...]struct{ dir, name, ending string }{
		{"/usr/share/bash-completion/completions", "momus", ""}, {"/usr/share/fish/vendor_completions.d", "momus.fish", ".fish"}, {"/usr/share/zsh/vendor-completions", "_momus", ""},
	} {
		add("", r.Doc("completions", c.name), path.Join(c.dir, c.name), 0o644, "root")
		// One completion for all names: a link for each, since bash looks for the file with the
		// command's name.
		for _, l := range links {
			if c.name != "_momus" { // its first line names all commands
				add(files.TypeSymlink, c.name, path.Join(c.dir, path.Base(l.Name)+c.ending), 0o777, "root")
			}
		}
	}
	add("", linux("momus.service"), "/usr/lib/systemd/system/momus.service", 0o644, "root")
	add("", linux("momus-zookeeper.service"), "/usr/lib/systemd/system/momus-zookeeper.service", 0o644, "root")
	add("", linux("sysusers.conf"), "/usr/lib/sysusers.d/momus.conf", 0o644, "root")
	// It may have passwords in it, which the group of the service reads and others do not. NoReplace:
	// what an administrator has changed stays when the package is upgraded.
	add(files.TypeConfigNoReplace, filepath.Join(r.Root, "configs", "examples", "server.properties"), "/etc/momus/server.properties", 0o640, "momus")
	add(files.TypeConfigNoReplace, linux("default"), "/etc/default/momus", 0o644, "root")
	for name, to := range map[string]string{"LICENSE": "copyright", "NOTICES": "NOTICES", "README.md": "README.md"} {
		add("", filepath.Join(r.Root, name), "/usr/share/doc/momus/"+to, 0o644, "root")
	}
	packed := map[string]string{filepath.Join(r.Root, "CHANGELOG.md"): "/usr/share/doc/momus/changelog.gz"}
	for _, section := range []string{"man1", "man5"} {
		pages, err := tree(r.Doc(section), "/usr/share/man/"+section)
		if err != nil {
			return nil, err
		}
		for _, page := range pages {
			packed[page.Source] = page.Name + ".gz"
		}
	}
	for source, to := range packed {
		data, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		// Without the name and the time of a file in its header, as Debian wants it to be
		// reproducible.
		zw, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := zw.Write(data); err != nil {
			return nil, err
		}
		if err := zw.Close(); err != nil {
			return nil, err
		}
		staged := filepath.Join(stage, path.Base(to))
		if err := os.WriteFile(staged, b.Bytes(), 0o644); err != nil {
			return nil, err
		}
		add("", staged, to, 0o644, "root")
	}
	return out, nil
}
