package testbase

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Gunzip opens a recording that was packed with gzip; it is closed with the test.
func Gunzip(t testing.TB, path string) io.Reader {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return z
}

// Cases are the recordings that match a pattern, at least one, and those that match its last part in
// the directory that an environment variable names, if it does.
func Cases(t testing.TB, pattern, more string) []string {
	t.Helper()
	cases, err := filepath.Glob(pattern)
	if err != nil || len(cases) == 0 {
		t.Fatalf("no recordings %s: %v", pattern, err)
	}
	dir := os.Getenv(more)
	if dir == "" {
		return cases
	}
	others, err := filepath.Glob(filepath.Join(dir, filepath.Base(pattern)))
	if err != nil {
		t.Fatal(err)
	}
	return append(cases, others...)
}

// JSON reads a recording that is JSON.
func JSON[T any](t testing.TB, path string) (v T) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// Unhex gives the bytes that a recording has as hexadecimal digits.
func Unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
