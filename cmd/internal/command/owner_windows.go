package command

import "errors"

// There are no containers of this kind on Windows, and no user like root.
func isRoot() bool { return false }

// handOver has nothing to do: nobody is root here.
func handOver(string, int, int) (int, error) { return 0, nil }

// readableBy is not asked where nothing is handed over.
func readableBy(string, int, int) bool { return true }

// become has nobody to become.
func become(int, int) error { return nil }

// replace cannot be: Windows has no exec, which a container's entry point needs.
func replace(string, []string, []string) error { return errors.New("not possible on Windows") }
