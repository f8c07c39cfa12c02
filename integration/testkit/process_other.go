//go:build !linux

package testkit

import "syscall"

// endWithParent has nothing to set: only Linux ends children with their parent.
func endWithParent() *syscall.SysProcAttr { return nil }
