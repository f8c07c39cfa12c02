// Command dist makes what a release consists of: archives for six platforms, Debian and RPM
// packages, container images, a bill of materials for each binary and the checksums of all. What it
// makes depends on the source, the version and the time of the commit alone, so that whoever builds
// the same commit with the same Go gets the same bytes.
//
//	dist -version V -commit C -epoch SECONDS -root REPOSITORY -out DIR [-only GOOS/GOARCH,...]
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Release is what all of it is made from.
type Release struct {
	Version string // as packagers order it, such as 0.1.0 or 0.1.0+git.20261129013000.9f6b8efd1c2a
	Commit  string // in full
	Time    time.Time
	Root    string // of the repository
	Out     string // where the release goes
	Work    string // binaries, manual pages and completions, by their platforms
}

// Platform is one that momus is built for.
type Platform struct{ OS, Arch string }

// platforms are those of a release. Packages and images are made for Linux alone, see make.
var platforms = []Platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

// String is the form in which -only, and go tool dist list, name a platform.
func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Name is the stem of the files of a platform.
func (r *Release) Name(p Platform) string { return "momus-" + r.Version + "-" + p.OS + "-" + p.Arch }

// Binary is the program of a platform.
func (r *Release) Binary(p Platform) string {
	name := "momus"
	if p.OS == "windows" {
		name += ".exe"
	}
	return filepath.Join(r.Work, p.OS+"-"+p.Arch, name)
}

// Doc is where the manual pages and completions are.
func (r *Release) Doc(parts ...string) string {
	return filepath.Join(append([]string{r.Work, "doc"}, parts...)...)
}

func main() {
	r := Release{}
	epoch := flag.Int64("epoch", 0, "time of the commit, in seconds (SOURCE_DATE_EPOCH)")
	only := flag.String("only", "", "platforms, GOOS/GOARCH, separated by commas; all when empty")
	flag.StringVar(&r.Version, "version", "", "version of the release")
	flag.StringVar(&r.Commit, "commit", "", "commit of the source")
	flag.StringVar(&r.Root, "root", "..", "root of the repository")
	flag.StringVar(&r.Out, "out", "", "directory of the release, emptied first")
	flag.Parse()
	// UTC, since the time zone of the builder would show in the archives.
	r.Time = time.Unix(*epoch, 0).UTC()
	if err := run(&r, *only); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// versionForm is what Debian, RPM and Go alike take for a version, and order in the same way. A build
// between two releases has the part behind the plus sign, see packaging/version.sh.
var versionForm = regexp.MustCompile(`^\d+\.\d+\.\d+(\+[0-9A-Za-z.]+)?$`)

// run makes the release in r.Out. After an error what is there is incomplete, and has no checksums:
// these are written last.
func run(r *Release, only string) (err error) {
	// Epoch 0 means that nobody has said: a release of 1970 would be older than any installation.
	if !versionForm.MatchString(r.Version) || r.Out == "" || r.Time.Unix() == 0 {
		return fmt.Errorf("give -version MAJOR.MINOR.PATCH[+BUILD], -epoch and -out; got %q, %d, %q", r.Version, r.Time.Unix(), r.Out)
	}
	chosen := platforms
	if only != "" {
		chosen = slices.DeleteFunc(slices.Clone(platforms), func(p Platform) bool { return !slices.Contains(strings.Split(only, ","), p.String()) })
		if len(chosen) == 0 {
			return fmt.Errorf("none of -only %s is a platform of %v", only, platforms)
		}
	}
	if r.Work, err = os.MkdirTemp("", "momus-dist-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.Work)
	// Emptied, so that the checksums are of this release alone.
	if err := os.RemoveAll(r.Out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return err
	}
	if err := r.build(chosen); err != nil {
		return err
	}
	if err := r.make(chosen); err != nil {
		return err
	}
	return r.sums()
}

// make writes everything but the checksums, from the binaries that are there. The first error ends
// it: a release that lacks one of its files is none.
func (r *Release) make(chosen []Platform) error {
	for _, p := range chosen {
		if err := r.archive(p); err != nil {
			return fmt.Errorf("archive of %s: %w", p, err)
		}
		if err := r.billOfMaterials(p); err != nil {
			return fmt.Errorf("bill of materials of %s: %w", p, err)
		}
		if p.OS != "linux" {
			continue
		}
		if err := r.packages(p); err != nil {
			return fmt.Errorf("packages of %s: %w", p, err)
		}
		if err := r.image(p); err != nil {
			return fmt.Errorf("image of %s: %w", p, err)
		}
	}
	return nil
}

// sums writes SHA256SUMS, which sha256sum -c reads: whoever has built the same commit compares this
// one file with that of the release.
func (r *Release) sums() error {
	entries, err := os.ReadDir(r.Out) // in the order of names
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		f, err := os.Open(filepath.Join(r.Out, e.Name()))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", hex.EncodeToString(h.Sum(nil)), e.Name())
	}
	return os.WriteFile(filepath.Join(r.Out, "SHA256SUMS"), []byte(b.String()), 0o644)
}
