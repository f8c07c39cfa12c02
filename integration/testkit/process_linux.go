package testkit

import "syscall"

// endWithParent makes the kernel end the child should the test process die.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
