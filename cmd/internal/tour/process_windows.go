package tour

import (
	"errors"
	"os"
	"syscall"
)

var errUnix = errors.New("this system cannot do that to a process")

func interrupt(*os.Process) error { return errUnix }
func suspend(*os.Process) error   { return errUnix }
func resume(*os.Process) error    { return errUnix }
func apart() *syscall.SysProcAttr { return nil }
