package tour

import (
	"errors"
	"os"
	"syscall"
)

// errUnix is the answer to what Windows has no signals for.
var errUnix = errors.New("this system cannot do that to a process")

// interrupt cannot be done to another process here.
func interrupt(*os.Process) error { return errUnix }

// suspend cannot either.
func suspend(*os.Process) error { return errUnix }

// resume has nothing to resume.
func resume(*os.Process) error { return errUnix }

// apart has nothing to set here.
func apart() *syscall.SysProcAttr { return nil }
