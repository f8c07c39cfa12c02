//go:build !windows

package command

import "syscall"

// detached begins a session: the process has no terminal and gets none of its signals.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
