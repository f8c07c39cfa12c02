//go:build !(linux && (amd64 || arm64) && !race)

package vfs

import (
	"os"
	"syscall"
)

func connOf(*os.File) syscall.RawConn { return nil }

func (f osFile) readCached([]byte, int64) int { return 0 }

func (f osFile) writeQuick([]byte, int64) int { return 0 }
