package zkserver

import "errors"

var errInUse = errors.New("another coordination server uses this directory; stop it, or choose another directory")
