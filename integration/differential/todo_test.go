//go:build interop

package differential

import "time"

func pause() { time.Sleep(20 * time.Millisecond) }

func txnCases(s *session)  {}
func fileCases(s *session) {}
