//go:build !linux && !darwin

package doctor

// fileSystem is not known here.
func fileSystem(string) (total, usable int64, ok bool) { return 0, 0, false }
