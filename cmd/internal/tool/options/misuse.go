package options

import (
	"errors"
	"fmt"
)

// Misuse is an error that shows a text and the usage table.
func Misuse(format string, a ...any) error { return &UsageError{Text: fmt.Sprintf(format, a...)} }

// ParserMisuse shows a mistake that the parser found together with the usage table.
func ParserMisuse(err error) error {
	u := &UsageError{Text: err.Error()}
	errors.As(err, &u.Option)
	return u
}

// UsageError is a misuse of options: its text and the usage table go to standard error, and the
// code is 1.
type UsageError struct {
	Text   string
	Option *ParseError // the parser's mistake that it tells of, if it is one
}

// Error is the text without the table.
func (e *UsageError) Error() string { return e.Text }
