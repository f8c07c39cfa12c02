//go:build !linux

package network

import (
	"errors"
	"os"
)

type sendState struct{}

// canSendFiles is false where ranges are copied.
func (c *Conn) canSendFiles() bool { return false }

func (c *Conn) sendFile(*os.File, int64, int64) error { return errors.ErrUnsupported }

func (c *Conn) writeSegments(segments [][]byte, _ bool) error { return c.writeBuffers(segments) }
