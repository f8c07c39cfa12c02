// Package goldentest unpacks the archives of recorded log directories for the tests that read them.
package goldentest

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// Unpack hands out what a .tar.gz holds: regular files with their slash-separated names, content
// and modification times, and directories, whose names end with a slash. An error of fn ends the
// test.
func Unpack(t testing.TB, archive string, fn func(name string, content []byte, modified time.Time) error) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch h.Typeflag {
		case tar.TypeReg:
		case tar.TypeDir:
			name = strings.TrimSuffix(name, "/") + "/"
		default:
			continue
		}
		content, err := io.ReadAll(r)
		if err == nil {
			err = fn(name, content, h.ModTime)
		}
		if err != nil {
			t.Fatalf("%s in %s: %v", name, archive, err)
		}
	}
}
