package testbase

import (
	"io"

	"github.com/sirupsen/logrus"
)

// Quiet logs nothing.
func Quiet() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}
