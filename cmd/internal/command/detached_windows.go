package command

import "syscall"

// detached begins a group of processes, which Ctrl-C does not reach.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
