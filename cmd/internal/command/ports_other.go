//go:build !linux

package command

// portHolder is only known on Linux.
func portHolder(int) string { return "" }
