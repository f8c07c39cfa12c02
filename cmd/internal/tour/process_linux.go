package tour

import "syscall"

// apart keeps the terminal's Ctrl-C from a process, which ends with this one all the same.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
