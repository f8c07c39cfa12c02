//go:build unix && !linux

package tour

import "syscall"

// apart keeps the terminal's Ctrl-C from a process.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
