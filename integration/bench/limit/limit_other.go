//go:build !(linux && (amd64 || arm64))

// Package limit is there for Linux only.
package limit

import "errors"

// Serve says that the limit cannot be measured here.
func Serve(string, string, int, bool) error {
	return errors.New("the limit program is written for Linux on amd64 and arm64")
}
